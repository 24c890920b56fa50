//! What a backup keeps of one file, folder or link. Values only.

use serde::{Deserialize, Serialize};

use super::name::Name;
use crate::kernel::Digest;

/// What sort of thing it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Kind {
    /// A folder.
    Folder,
    /// A regular file.
    File,
    /// A symbolic link; the target is kept as it is written, wherever it leads.
    Link {
        /// Escaped as names are.
        target: String,
    },
    /// Another name of a file that came before.
    Hard {
        /// That file.
        to: Name,
    },
}

/// Everything but the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Seconds and nanoseconds since 1970.
    pub mtime: (i64, u32),
    /// Bytes; 0 for all but files.
    pub size: u64,
    /// Extended attributes, sorted by name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where a sparse file has data: offset and length. None for a file without holes.
    pub data: Option<Vec<(u64, u64)>>,
}

impl Meta {
    /// A thing with a name and a kind; everything else plain.
    pub fn plain(name: Name, kind: Kind) -> Self {
        let mode = if kind == Kind::Folder { 0o755 } else { 0o644 };
        Self { name, kind, mode, uid: 0, gid: 0, mtime: (0, 0), size: 0, xattrs: Vec::new(), data: None }
    }

    /// Whether it has bytes of its own.
    pub fn is_file(&self) -> bool {
        self.kind == Kind::File
    }

    /// Its line in the manifest.
    pub fn entry(&self, sha256: Option<Digest>) -> Entry {
        Entry {
            path: self.name.clone(),
            kind: self.kind.clone(),
            size: self.size,
            mode: format!("{:04o}", self.mode),
            uid: self.uid,
            gid: self.gid,
            mtime: self.mtime.0,
            sha256,
            xattrs: xattrs_digest(&self.xattrs),
        }
    }
}

/// One line of a manifest: what must come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name, escaped where it is odd.
    pub path: Name,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// Permission bits, octal.
    pub mode: String,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Digest of a file's bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Digest over names and values of the extended attributes, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xattrs: Option<Digest>,
}

fn xattrs_digest(xattrs: &[(Vec<u8>, Vec<u8>)]) -> Option<Digest> {
    if xattrs.is_empty() {
        return None;
    }
    let mut all = Vec::new();
    for part in xattrs.iter().flat_map(|(name, value)| [name, value]) {
        all.extend_from_slice(&(part.len() as u64).to_le_bytes());
        all.extend_from_slice(part);
    }
    Some(Digest::of(&all))
}
