//! What goes into an archive, as data: announced before anything is written. Reads nothing.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::names;
use crate::kernel::{Digest, Error, Result};

/// One entry of an archive to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative, with `/` between its parts, no `.` or `..` among them.
    pub name: String,
    /// Where its bytes are.
    pub content: Content,
    /// Permission bits: 0644 or 0755 in releases, whatever they were in backups.
    pub mode: u32,
    /// User and group by number; names are never written. Only tar keeps them.
    pub owner: (u64, u64),
    /// Unix seconds; none takes [`super::Packing::epoch`], which is also the latest that is written.
    pub mtime: Option<i64>,
    /// The SHA-256 that the bytes must have, where it is known beforehand.
    pub digest: Option<Digest>,
}

/// What an entry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes at hand.
    Bytes(Vec<u8>),
    /// A regular file and the size it was seen with. It must not change until it is packed.
    File {
        /// Where it is.
        path: PathBuf,
        /// How long it was when it was announced.
        size: u64,
    },
    /// A symbolic link and where it leads, relative to its own folder.
    Link(String),
    /// A folder. Folders of files need no entry; empty ones do.
    Folder,
}

impl Content {
    /// How many bytes it has: none for links and folders.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
            Self::Link(_) | Self::Folder => 0,
        }
    }
}

impl Entry {
    /// An entry as releases have it: 0644 or 0755, owner 0:0, the archive's time.
    pub fn new(name: impl Into<String>, content: Content, executable: bool) -> Self {
        let mode = if executable || content == Content::Folder { 0o755 } else { 0o644 };
        Self { name: name.into(), content, mode, owner: (0, 0), mtime: None, digest: None }
    }

    /// Bytes at hand, 0644.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(name, Content::Bytes(bytes.into()), false)
    }

    /// A file, announced with its size.
    pub fn file(name: impl Into<String>, path: &Path, size: u64, executable: bool) -> Self {
        Self::new(name, Content::File { path: path.to_owned(), size }, executable)
    }

    /// A symbolic link.
    pub fn link(name: impl Into<String>, target: impl Into<String>) -> Self {
        Self::new(name, Content::Link(target.into()), true)
    }

    /// The same, with the digest that its bytes must have.
    #[must_use]
    pub fn expect(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }
}

/// Entries in the order they are written: names are sound, unique and sorted by bytes, links stay within.
pub struct Sorted<'a>(pub Vec<&'a Entry>);

impl<'a> Sorted<'a> {
    /// Checks and sorts; says the name and the remedy when an entry can't be packed.
    pub fn new(entries: &'a [Entry]) -> Result<Self> {
        let mut sorted: Vec<&Entry> = entries.iter().collect();
        sorted.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
        let mut folders = HashMap::new();
        for pair in sorted.windows(2) {
            if let [first, second] = pair
                && first.name == second.name
            {
                return Err(Error::refused(format!("two entries are named {:?}", first.name))
                    .hint("each name can be packed once; check `files` for patterns that overlap"));
            }
        }
        for entry in &sorted {
            check(entry)?;
            folders.insert(entry.name.as_str(), entry.content == Content::Folder);
        }
        for entry in &sorted {
            if let Some(above) = names::parents(&entry.name).find(|above| folders.get(above) == Some(&false)) {
                return Err(Error::refused(format!("{:?} would lie in {above:?}, which is packed as a file or a link", entry.name))
                    .hint("pack the link or what lies behind it, not both"));
            }
        }
        Ok(Self(sorted))
    }

    /// All bytes of all entries.
    pub fn size(&self) -> u64 {
        self.0.iter().map(|entry| entry.content.size()).sum()
    }
}

fn check(entry: &Entry) -> Result<()> {
    let refused = |why: String| Error::refused(format!("{:?} can't be packed: {why}", entry.name));
    names::check(&entry.name).map_err(|why| refused(why.to_owned()).hint("rename it, or leave it out of `files`"))?;
    if entry.mode & !0o7777 != 0 {
        return Err(refused(format!("mode {:o} is not one", entry.mode)));
    }
    if let Content::Link(target) = &entry.content {
        names::check_target(&entry.name, target).map_err(|why| {
            refused(format!("it links to {target:?}: {why}")).hint("replace the link by the file it leads to, or make it lead to a place within the archive")
        })?;
    }
    Ok(())
}
