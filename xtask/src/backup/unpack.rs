//! Entries → a folder that is ours alone and empty: owners, modes, links, attributes, holes and times as they were.
//!
//! Writes below that folder only: names were checked when they were read, and nothing else writes there meanwhile.

use std::{
    fs::{self, File},
    io::{Read, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use super::{
    entry::{Entry, Kind, Meta},
    name, pack,
    read::{self, Names},
    shift::Shift,
    tree::{self, Refused},
};
use crate::{
    effects::{crash, files},
    kernel::{Context as _, Digest, Error, Finding, Hasher, Result},
};

/// What was written.
#[derive(Debug, Default)]
pub struct Unpacked {
    /// In order.
    pub entries: Vec<Entry>,
    /// What could not be kept.
    pub findings: Vec<Finding>,
}

/// Unpacks an archive's stream into an empty folder.
pub fn unpack(stream: &mut dyn Read, names: Names, shift: &Shift, into: &Path) -> Result<Unpacked> {
    if !files::list(into)?.is_empty() {
        return Err(Error::unexpected(format!("{} is not empty", into.display())));
    }
    let (mut entries, mut folders, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    read::each(stream, names, &mut |meta, data| {
        let Some(meta) = shift.meta(meta)? else { return Ok(()) };
        let digest = place(&meta, data, into, &mut refused)?;
        entries.push(meta.entry(digest));
        if meta.kind == Kind::Folder {
            folders.push(meta);
        }
        Ok(())
    })?;
    // Deepest first, and after everything is in: writing into a folder changes its time, and a mode may forbid writing.
    for folder in folders.iter().rev() {
        refused.extend(tree::restore_meta(&folder.name.below(into), folder)?);
    }
    files::sync_tree(into)?;
    crash::point("unpack");
    Ok(Unpacked { entries, findings: said(&refused) })
}

/// Attributes that this file system or user can't have are told, not fatal: on the bad day the data counts.
fn said(refused: &[Refused]) -> Vec<Finding> {
    let Some(first) = refused.first() else { return Vec::new() };
    let more = if refused.len() > 1 { format!(", and {} more", refused.len() - 1) } else { String::new() };
    let finding = Finding::warning("restore-attributes", format!("extended attributes could not be set: {first}{more}"));
    vec![finding.hint("everything else came back; attributes outside `user.` need root and a file system that knows them")]
}

fn place(meta: &Meta, data: &mut dyn Read, into: &Path, refused: &mut Vec<Refused>) -> Result<Option<Digest>> {
    let path = meta.name.below(into);
    let context = || format!("write {}", path.display());
    if let Some(above) = path.parent().filter(|above| !above.exists()) {
        fs::create_dir_all(above).context(context)?;
    }
    match &meta.kind {
        Kind::Folder => fs::create_dir_all(&path).context(context)?,
        Kind::File => return file(meta, data, &path, refused).context(context).map(Some),
        Kind::Hard { to } => fs::hard_link(to.below(into), &path).context(context)?,
        Kind::Link { target } => {
            link(&name::unescaped(target)?, &path).context(context)?;
            tree::set_meta_of_link(&path, meta)?;
        }
    }
    Ok(None)
}

fn file(meta: &Meta, data: &mut dyn Read, path: &Path, refused: &mut Vec<Refused>) -> Result<Digest> {
    let mut out = File::create_new(path).context(|| "create".into())?;
    let (size, digest) = match meta.data {
        Some(_) => with_holes(data, &mut out, meta.size)?,
        None => {
            let mut hasher = Hasher::new(&mut out);
            pack::copy(data, &mut hasher)?;
            let (_, size, digest) = hasher.finish();
            (size, digest)
        }
    };
    read::complete(meta, size)?;
    if cfg!(not(target_os = "linux")) {
        out.sync_data().context(|| "sync".into())?;
    }
    drop(out);
    refused.extend(tree::restore_meta(path, meta)?);
    Ok(digest)
}

/// Blocks of zeros become holes again.
fn with_holes(data: &mut dyn Read, out: &mut File, size: u64) -> Result<(u64, Digest)> {
    const BLOCK: u64 = 4096;
    let mut hasher = Hasher::new(data);
    let mut block = Vec::new();
    let mut at = 0;
    loop {
        block.clear();
        let read = (&mut hasher).take(BLOCK).read_to_end(&mut block).context(|| "read".into())?;
        if read == 0 {
            break;
        }
        if block.iter().any(|byte| *byte != 0) {
            out.seek(SeekFrom::Start(at)).and_then(|_| out.write_all(&block)).context(|| "write".into())?;
        }
        at += read as u64;
    }
    out.set_len(size).context(|| "write".into())?;
    let (_, read, digest) = hasher.finish();
    Ok((read, digest))
}

#[cfg(unix)]
fn link(target: &[u8], path: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(name::os(target), path)
}

#[cfg(not(unix))]
fn link(_: &[u8], _: &Path) -> std::io::Result<()> {
    Err(std::io::Error::other("symbolic links are not made here"))
}
