//! Reads what was announced, and nothing else: a file that is longer, shorter, newer or other than announced is an error
//! that names it.

use std::{
    fs::{File, Metadata},
    io::{Cursor, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::entry::{Content, Entry};
use crate::{
    effects::files,
    kernel::{Context as _, Digest, Error, Hasher, Result},
};

/// An entry's bytes, as a stream that ends where the announced size ends.
pub struct Announced {
    source: Source,
    left: u64,
    name: String,
    expected: Option<Digest>,
}

enum Source {
    Bytes(Cursor<Vec<u8>>),
    Plain(Watched),
    Hashed(Box<Hasher<Watched>>),
}

struct Watched {
    file: File,
    path: PathBuf,
    modified: Option<SystemTime>,
}

impl Announced {
    /// Opens an entry. Links and folders have no bytes.
    pub fn open(entry: &Entry) -> Result<Self> {
        let new = |source, left, expected| Self { source, left, name: entry.name.clone(), expected };
        match &entry.content {
            Content::Link(_) | Content::Folder => Ok(new(Source::Bytes(Cursor::default()), 0, None)),
            Content::Bytes(bytes) => {
                if entry.digest.is_some_and(|expected| expected != Digest::of(bytes)) {
                    return Err(changed(&entry.name, "its bytes have another digest"));
                }
                Ok(new(Source::Bytes(Cursor::new(bytes.clone())), bytes.len() as u64, None))
            }
            Content::File { path, size } => {
                let (file, seen) = open_regular(path)?;
                if seen.len() != *size {
                    return Err(changed(&entry.name, &format!("it had {size} bytes, now it has {}", seen.len())));
                }
                let watched = Watched { file, path: path.clone(), modified: seen.modified().ok() };
                let source = if entry.digest.is_some() { Source::Hashed(Box::new(Hasher::new(watched))) } else { Source::Plain(watched) };
                Ok(new(source, *size, entry.digest))
            }
        }
    }

    /// Bytes that were announced and not yet read.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Fills as much of the buffer as there is left; a file that ends early is an error.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let want = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let buffer = buffer.get_mut(..want).unwrap_or_default();
        let name = &self.name;
        let read = match &mut self.source {
            Source::Bytes(bytes) => bytes.read_exact(buffer),
            Source::Plain(watched) => watched.read_exact(buffer),
            Source::Hashed(hashed) => hashed.read_exact(buffer),
        };
        match read {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Err(changed(name, "it became shorter")),
            read => read.context(|| format!("read {name:?}"))?,
        }
        self.left -= want as u64;
        Ok(want)
    }

    /// After the last byte: nothing may follow, nothing may have been written meanwhile, the digest must fit.
    pub fn close(self) -> Result<()> {
        let (mut watched, digest) = match self.source {
            Source::Bytes(_) => return Ok(()),
            Source::Plain(watched) => (watched, None),
            Source::Hashed(hashed) => {
                let (watched, _, digest) = hashed.finish();
                (watched, Some(digest))
            }
        };
        if digest != self.expected {
            return Err(changed(&self.name, "its bytes have another digest"));
        }
        let more = watched.read(&mut [0]).context(|| format!("read {}", watched.path.display()))?;
        let now = watched.file.metadata().context(|| format!("look at {}", watched.path.display()))?;
        if more != 0 || now.modified().ok() != watched.modified {
            return Err(changed(&self.name, if more == 0 { "somebody wrote to it" } else { "it became longer" }));
        }
        Ok(())
    }
}

impl Read for Watched {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.file.read(buf)
    }
}

/// Only regular files have the bytes that were announced: opening a FIFO would wait for ever, and a link put in a file's
/// place could lead anywhere.
fn open_regular(path: &Path) -> Result<(File, Metadata)> {
    let look = || format!("look at {}", path.display());
    let refused = || Error::refused(format!("{} is not a regular file", path.display())).hint("pack a link as a link, or the file that it leads to");
    let there = path.symlink_metadata().context(look)?;
    if !there.is_file() {
        return Err(refused());
    }
    let file = files::open(path)?;
    let seen = file.metadata().context(look)?;
    if seen.is_file() && same_file(&there, &seen) { Ok((file, seen)) } else { Err(refused()) }
}

#[cfg(unix)]
fn same_file(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn same_file(_: &Metadata, _: &Metadata) -> bool {
    true
}

fn changed(name: &str, how: &str) -> Error {
    Error::mismatch(format!("{name:?} changed while it was being packed: {how}")).hint("stop what writes to it, then give the same command again")
}
