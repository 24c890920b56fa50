//! Looking at files that others own: logs, whatever lies between them, and whatever somebody put in their place. Never follows a link, never waits
//! for a pipe, goes on after what can't be read and tells it. Reads only.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use crate::kernel::{Context as _, Error, Result};

/// What something in a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A pipe, a socket, a device.
    Other,
}

/// Something in a tree, or a folder that can't be listed.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// How big it is.
    pub size: u64,
    /// When it was written last.
    pub modified: DateTime<Utc>,
    /// Permission bits, where the system has them.
    pub mode: u32,
    /// Why it can't be looked at.
    pub error: Option<String>,
}

/// Everything below a folder that isn't a folder itself, in the order of its bytes; nothing where there is no folder. `.git` is left out.
pub fn walk(root: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        match fs::read_dir(&folder) {
            Ok(entries) => entries.for_each(|entry| see(entry, &mut open, &mut found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => found.push(unseen(folder, &error)),
        }
    }
    found.sort_by(|a, b| a.path.as_os_str().as_encoded_bytes().cmp(b.path.as_os_str().as_encoded_bytes()));
    found
}

/// One path, if something is there.
pub fn look(path: &Path) -> Option<Found> {
    match path.symlink_metadata() {
        Ok(meta) => Some(describe(path.to_owned(), &meta)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(unseen(path.to_owned(), &error)),
    }
}

fn see(entry: io::Result<fs::DirEntry>, open: &mut Vec<PathBuf>, found: &mut Vec<Found>) {
    let Ok(entry) = entry else { return };
    let path = entry.path();
    match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => {
            if entry.file_name() != ".git" {
                open.push(path);
            }
        }
        Ok(meta) => found.push(describe(path, &meta)),
        Err(error) => found.push(unseen(path, &error)),
    }
}

fn describe(path: PathBuf, meta: &Metadata) -> Found {
    let kind = match meta.file_type() {
        kind if kind.is_file() => Kind::File,
        kind if kind.is_symlink() => Kind::Link,
        _ => Kind::Other,
    };
    let modified = meta.modified().map(DateTime::from).unwrap_or_default();
    Found { path, kind, size: meta.len(), modified, mode: mode(meta), error: None }
}

fn unseen(path: PathBuf, error: &io::Error) -> Found {
    Found { path, kind: Kind::Other, size: 0, modified: DateTime::default(), mode: 0, error: Some(error.to_string()) }
}

#[cfg(unix)]
fn mode(meta: &Metadata) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    meta.mode() & 0o7777
}

#[cfg(not(unix))]
fn mode(_: &Metadata) -> u32 {
    0o600
}

/// Opens a regular file and nothing else, even if somebody swaps it for a link or a pipe at this very moment.
pub fn open_regular(path: &Path) -> Result<File> {
    let context = || format!("open {}", path.display());
    let mut options = OpenOptions::new();
    options.read(true);
    no_follow(&mut options);
    let file = options.open(path).context(context)?;
    if file.metadata().context(context)?.is_file() { Ok(file) } else { Err(Error::unexpected(format!("{} is not a regular file", path.display()))) }
}

#[cfg(unix)]
fn no_follow(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
}

#[cfg(not(unix))]
fn no_follow(_: &mut OpenOptions) {}

/// A folder that only this user can look into, gone when dropped.
pub fn private_folder() -> Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("xtask-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir().context(|| "create a temporary folder".into())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_private_folder_is_private() {
        let folder = super::private_folder().unwrap();
        assert_eq!(folder.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
