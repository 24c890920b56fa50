//! Whether a backup's files are what a server would load: complete, of its format, not silently empty. Mostly pure; the scratch server decides in the end.

use std::path::Path;

use super::super::{entry::Entry, manifest::EngineFacts, name::Name, redis::aof};
use crate::{
    effects::files,
    kernel::{Error, Result},
};

/// What kind of server wrote these files, where no manifest says so.
pub fn guess(entries: &[Entry]) -> EngineFacts {
    let mut engine =
        EngineFacts { dump: "dump.rdb".into(), append_folder: Some("appendonlydir".into()), append_file: "appendonly.aof".into(), ..EngineFacts::default() };
    let find = |ends: &[&[u8]]| entries.iter().map(|entry| &entry.path).find(|path| ends.iter().any(|end| path.last().ends_with(end)));
    let append = find(&[b".aof.manifest"]).or_else(|| find(&[b".base.rdb", b".base.aof", b".incr.aof"]));
    let folder_of = |path: &Name| path.parent().unwrap_or_default();
    if let Some(part) = append {
        let folder = folder_of(part);
        engine.append_file = append_file(&super::super::name::escaped(part.last()));
        engine.append_folder = Some(super::super::name::escaped(folder.last()));
        engine.folder = folder_of(&folder).text();
        engine.append_only = true;
    } else if let Some(dump) = find(&[b".rdb"]) {
        engine.dump = super::super::name::escaped(dump.last());
        engine.folder = folder_of(dump).text();
    } else if let Some(single) = find(&[b".aof"]) {
        engine.folder = folder_of(single).text();
        engine.append_folder = None;
        engine.append_only = true;
    }
    engine
}

/// `appendonly.aof` of `appendonly.aof.manifest` and `appendonly.aof.3.incr.aof`.
fn append_file(part: &str) -> String {
    match part.strip_suffix(".manifest") {
        Some(file) => file.to_owned(),
        None => part.rsplitn(4, '.').last().unwrap_or(part).to_owned(),
    }
}

/// Refuses what a server would load as nothing, or not at all, before one is tried: each case in its own words.
pub fn complete(engine: &EngineFacts, entries: &[Entry], staged: Option<&Path>) -> Result<()> {
    let data = Name::from(engine.folder.as_str());
    let has = |name: &Name| entries.iter().any(|entry| entry.path == *name);
    let dump = has(&data.child(engine.dump.as_bytes()));
    if !engine.append_only {
        return if dump { Ok(()) } else { Err(torn(&format!("it holds no {}: the server would start with 0 keys", engine.dump))) };
    }
    let Some(append) = &engine.append_folder else { return Ok(()) };
    let append = data.child(append.as_bytes());
    let manifest = append.child(format!("{}.manifest", engine.append_file).as_bytes());
    if !has(&manifest) {
        let parts = entries.iter().any(|entry| entry.path.is_within(&append) && entry.path != append);
        return Err(match (parts, dump) {
            (true, _) => torn("the append-only file's manifest is missing: the server would start with 0 keys"),
            (false, true) => torn(&format!(
                "it holds only {}, and the server keeps an append-only file: it would start with 0 keys and later overwrite the good dump",
                engine.dump
            ))
            .hint(format!(
                "to use it all the same: put it at {append}/{file}.1.base.rdb with the line `file {file}.1.base.rdb seq 1 type b` in {manifest}",
                file = engine.append_file
            )),
            (false, false) => torn("it holds neither an append-only file nor a dump: the server would start with 0 keys"),
        });
    }
    let Some(staged) = staged else { return Ok(()) };
    for part in aof::parts(&files::read_text(&manifest.below(staged))?)? {
        if !has(&append.child(part.file.as_bytes())) {
            return Err(torn(&format!("the append-only file's part {} is missing: the server would refuse to start", part.file)));
        }
    }
    Ok(())
}

fn torn(why: &str) -> Error {
    Error::mismatch(format!("the backup is torn: {why}")).hint("use another backup: `xtask backup list` shows them; nothing was changed")
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::entry::{Kind, Meta},
        *,
    };

    fn entries(names: &[&str]) -> Vec<Entry> {
        names.iter().map(|name| Meta::plain(Name::from(*name), Kind::File).entry(None)).collect()
    }

    #[test]
    fn the_kind_of_server_is_guessed_from_its_files() {
        let guessed = guess(&entries(&["d/appendonlydir/my.aof.1.base.rdb", "d/appendonlydir/my.aof.manifest", "d/dump.rdb"]));
        assert_eq!((guessed.folder.as_str(), guessed.append_file.as_str(), guessed.append_only), ("d", "my.aof", true));
        let guessed = guess(&entries(&["backup.rdb"]));
        assert_eq!((guessed.folder.as_str(), guessed.dump.as_str(), guessed.append_only), ("", "backup.rdb", false));
        let guessed = guess(&entries(&["a/data/appendonlydir/my.aof.2.incr.aof"]));
        assert_eq!((guessed.folder.as_str(), guessed.append_file.as_str(), guessed.append_folder.as_deref()), ("a/data", "my.aof", Some("appendonlydir")));
    }

    #[test]
    fn each_way_to_start_empty_has_its_own_words() {
        let engine = EngineFacts { append_only: true, ..guess(&[]) };
        let say = |names: &[&str]| complete(&engine, &entries(names), None).unwrap_err().to_string();
        assert!(say(&["dump.rdb"]).contains("only dump.rdb"));
        assert!(say(&["appendonlydir/appendonly.aof.1.base.rdb"]).contains("manifest is missing"));
        let torn = entries(&["data/appendonlydir/appendonly.aof.1.base.rdb", "data/appendonlydir/appendonly.aof.1.incr.aof"]);
        assert!(complete(&guess(&torn), &torn, None).unwrap_err().to_string().contains("manifest is missing"));
        assert!(say(&["x"]).contains("neither"));
        let off = guess(&[]);
        assert!(complete(&off, &entries(&["x"]), None).unwrap_err().to_string().contains("no dump.rdb"));
    }
}
