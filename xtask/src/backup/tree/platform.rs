//! Owners, modes, extended attributes, inodes and holes: what differs between systems. Reads and sets; nothing else.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use super::super::{
    entry::{Kind, Meta},
    name::Name,
};
use crate::kernel::{Context as _, Result};

/// What the system knows of a path.
#[cfg(unix)]
pub fn describe(path: &Path, name: Name, kind: Kind, meta: &fs::Metadata) -> Meta {
    use std::os::unix::fs::MetadataExt as _;
    let size = if kind == Kind::File { meta.len() } else { 0 };
    let mtime = (meta.mtime(), u32::try_from(meta.mtime_nsec()).unwrap_or(0));
    let xattrs = xattrs(path);
    Meta { name, kind, mode: meta.mode() & 0o7777, uid: meta.uid().into(), gid: meta.gid().into(), mtime, size, xattrs, data: None }
}

/// What the system knows of a path.
#[cfg(not(unix))]
pub fn describe(_: &Path, name: Name, kind: Kind, meta: &fs::Metadata) -> Meta {
    let size = if kind == Kind::File { meta.len() } else { 0 };
    let since = meta.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok()).unwrap_or_default();
    let mtime = (i64::try_from(since.as_secs()).unwrap_or(0), since.subsec_nanos());
    let mode = if meta.permissions().readonly() { 0o444 } else { Meta::plain(Name::root(), kind.clone()).mode };
    Meta { mode, mtime, size, ..Meta::plain(name, kind) }
}

/// Not every file system has them, and some attributes are the kernel's alone: what can't be read isn't data of ours.
#[cfg(unix)]
fn xattrs(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    use std::os::unix::ffi::OsStrExt as _;
    let names = xattr::list(path).into_iter().flatten();
    let mut all: Vec<_> = names.filter_map(|name| Some((name.as_bytes().to_vec(), xattr::get(path, &name).ok()??))).collect();
    all.retain(|(name, _)| !name.starts_with(b"system.") || name.starts_with(b"system.posix_acl"));
    all.sort();
    all
}

/// Opens a regular file: never follows a link, never waits for a FIFO.
#[cfg(unix)]
pub fn open_plain(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Opens a regular file.
#[cfg(not(unix))]
pub fn open_plain(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Device and inode of a file that has more than one name.
#[cfg(unix)]
pub fn shared_inode(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = path.symlink_metadata().ok()?;
    (meta.nlink() > 1).then(|| (meta.dev(), meta.ino()))
}

/// Hard links are not kept here.
#[cfg(not(unix))]
pub fn shared_inode(_: &Path) -> Option<(u64, u64)> {
    None
}

/// Where a file has data, when it has holes.
#[cfg(target_os = "linux")]
pub fn data_map(file: &File, size: u64) -> Option<Vec<(u64, u64)>> {
    use rustix::fs::{SeekFrom, seek};
    use std::os::unix::fs::MetadataExt as _;
    if file.metadata().ok()?.blocks().saturating_mul(512) >= size {
        return None;
    }
    let mut map = Vec::new();
    let mut at = 0;
    while at < size {
        let start = match seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(rustix::io::Errno::NXIO) => break,
            Err(_) => return None,
        };
        let end = seek(file, SeekFrom::Hole(start)).ok()?.min(size);
        if start >= size || end <= start {
            break;
        }
        map.push((start, end - start));
        at = end;
    }
    seek(file, SeekFrom::Start(0)).ok()?;
    // Compression of the file system makes small files look sparse: a map that covers everything is none.
    (map.iter().map(|(_, length)| length).sum::<u64>() < size).then_some(map)
}

/// Holes are not looked for here.
#[cfg(not(target_os = "linux"))]
pub fn data_map(_: &File, _: u64) -> Option<Vec<(u64, u64)>> {
    None
}

/// An extended attribute that could not be set, and why.
pub type Refused = String;

/// Sets owner, extended attributes, mode and time of a file or folder, in the order in which none undoes another. Gives the attributes that could not
/// be set.
#[cfg(unix)]
pub fn restore_meta(path: &Path, meta: &Meta) -> Result<Vec<Refused>> {
    use std::os::unix::fs::PermissionsExt as _;
    let context = || format!("restore owner and mode of {}", path.display());
    own(path, meta)?;
    let refused = set_xattrs(path, meta);
    fs::set_permissions(path, fs::Permissions::from_mode(meta.mode)).context(context)?;
    set_time(path, meta)?;
    Ok(refused)
}

/// Sets the time.
#[cfg(not(unix))]
pub fn restore_meta(path: &Path, meta: &Meta) -> Result<Vec<Refused>> {
    let _ = (path, meta);
    Ok(Vec::new())
}

/// Owner and time of a symbolic link itself.
#[cfg(unix)]
pub fn set_meta_of_link(path: &Path, meta: &Meta) -> Result<()> {
    own(path, meta)?;
    set_time(path, meta)
}

/// Owner and time of a symbolic link itself.
#[cfg(not(unix))]
pub fn set_meta_of_link(_: &Path, _: &Meta) -> Result<()> {
    Ok(())
}

/// Only root may give files away; for everybody else the files are theirs, as with `tar`.
#[cfg(unix)]
fn own(path: &Path, meta: &Meta) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let now = path.symlink_metadata().context(|| format!("look at {}", path.display()))?;
    if (u64::from(now.uid()), u64::from(now.gid())) == (meta.uid, meta.gid) || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let id = |id: u64| u32::try_from(id).context(|| format!("{id} is no owner that this system knows"));
    std::os::unix::fs::lchown(path, Some(id(meta.uid)?), Some(id(meta.gid)?)).context(|| format!("restore the owner of {}", path.display()))
}

#[cfg(unix)]
fn set_xattrs(path: &Path, meta: &Meta) -> Vec<Refused> {
    use std::os::unix::ffi::OsStrExt as _;
    let set = |(name, value): &(Vec<u8>, Vec<u8>)| {
        let error = xattr::set(path, std::ffi::OsStr::from_bytes(name), value).err()?;
        Some(format!("`{}` of `{}` ({error})", super::super::name::escaped(name), meta.name))
    };
    meta.xattrs.iter().filter_map(set).collect()
}

#[cfg(unix)]
fn set_time(path: &Path, meta: &Meta) -> Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
    let time = Timespec { tv_sec: meta.mtime.0, tv_nsec: meta.mtime.1.into() };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).context(|| format!("restore the time of {}", path.display()))
}
