//! Bytes against manifest. Reads only. Every way to be wrong has its own message: empty, cut, altered.

use std::path::Path;

use super::{
    entry::Entry,
    manifest::{Archive, Totals},
    pack, read,
};
use crate::{
    effects::files,
    kernel::{Context as _, Digest, Error, Hasher, Result},
};

/// Reads every byte of an archive and compares with what the manifest says.
pub fn archive(path: &Path, wanted: &Archive, entries: &[Entry]) -> Result<()> {
    let size = path.metadata().context(|| format!("look at {}", path.display()))?.len();
    let shown = path.file_name().unwrap_or_default().to_string_lossy();
    let another = "use another backup: `xtask backup list` shows them";
    if size == 0 {
        return Err(Error::mismatch(format!("the archive {shown} is empty: 0 bytes instead of {}", wanted.size)).hint(another));
    }
    if size < wanted.size {
        return Err(Error::mismatch(format!("the archive {shown} is cut short: {size} bytes instead of {}", wanted.size)).hint(another));
    }
    if size > wanted.size {
        return Err(Error::mismatch(format!("the archive {shown} was altered: {size} bytes instead of {}", wanted.size)).hint(another));
    }
    let (digest, content) = std::thread::scope(|scope| {
        let whole = scope.spawn(|| digest(path));
        let content = against(path, entries);
        (whole.join().unwrap_or_else(|_| Err(Error::unexpected("the thread that digests ended early"))), content)
    });
    let digest = digest?;
    if digest != wanted.sha256 {
        let first = content.err().map(|error| error.chain()).unwrap_or_else(|| "its content reads the same, its bytes don't".into());
        let error = Error::mismatch(format!("the archive {shown} was altered: its digest is {digest} instead of {}", wanted.sha256));
        return Err(error.caused_by(first).hint(another));
    }
    content?;
    // Whoever altered archive and manifest alike has to give both another name, too.
    let named = wanted.file.split('.').next().and_then(|id| id.rsplit_once('-')).map(|(_, digest)| digest);
    if named.is_some_and(|named| !digest.hex().starts_with(named)) {
        return Err(Error::mismatch(format!("the archive {shown} was altered, and its manifest with it: its digest is not the one in its name")).hint(another));
    }
    Ok(())
}

fn digest(path: &Path) -> Result<Digest> {
    let mut hasher = Hasher::new(std::io::sink());
    pack::copy(&mut files::open(path)?, &mut hasher)?;
    Ok(hasher.finish().2)
}

/// Compares the archive's content, entry by entry and in order, with what was read from the source.
pub fn against(path: &Path, wanted: &[Entry]) -> Result<()> {
    let mut rest = wanted.iter();
    read::entries(&mut read::open(path)?, &mut |found| match rest.next() {
        Some(entry) if *entry == found => Ok(()),
        Some(entry) if entry.path == found.path => Err(differs(entry, &found)),
        Some(entry) => Err(Error::mismatch(format!("the archive holds `{}` where the manifest says `{}`", found.path, entry.path))),
        None => Err(Error::mismatch(format!("the archive holds `{}`, which the manifest doesn't name", found.path))),
    })?;
    match rest.next() {
        None => not_empty(wanted),
        Some(entry) => Err(Error::mismatch(format!("the archive lacks `{}`", entry.path))),
    }
}

fn differs(wanted: &Entry, found: &Entry) -> Error {
    let what = match () {
        () if wanted.sha256 != found.sha256 || wanted.size != found.size => "its bytes differ",
        () if (wanted.uid, wanted.gid) != (found.uid, found.gid) => "its owner differs",
        () if wanted.mode != found.mode => "its mode differs",
        () => "it is not what was read from the source",
    };
    Error::mismatch(format!("`{}` in the archive: {what}", wanted.path))
}

/// A backup of nothing is none: a tarball of an empty folder is 105 bytes, and whoever trusts it has lost everything.
pub fn not_empty(entries: &[Entry]) -> Result<()> {
    let totals = Totals::of(entries);
    if totals.files == 0 {
        let links = entries.iter().any(|entry| matches!(entry.kind, super::entry::Kind::Link { .. }));
        let also = if links { ", only links that lead elsewhere" } else { "" };
        return Err(Error::mismatch(format!("the backup is empty: {} folders and no file{also}", totals.folders))
            .hint("is the data somewhere else? compare the service's data folder with where the volume is mounted"));
    }
    Ok(())
}
