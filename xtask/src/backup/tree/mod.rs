//! A folder of this machine as entries: walked in a fixed order, links not followed, hard links known by their inode.
//!
//! Reads only. FIFOs, sockets and devices are left out and reported: they hold no data that could come back.

mod platform;

pub use platform::{Refused, data_map, restore_meta, set_meta_of_link};

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use super::{
    entry::{Kind, Meta},
    name::{self, Name},
};
use crate::kernel::{Context as _, Error, Finding, Result};

/// Which entries are taken.
pub type Keep<'a> = dyn Fn(&Name, bool) -> Take + 'a;

/// What to do with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Take it (and look into it).
    Yes,
    /// Look into it, but don't take it unless something in it is taken.
    Through,
    /// Leave it out.
    No,
}

/// What a walk found.
#[derive(Debug, Default)]
pub struct Walk {
    /// In order: a folder before what is in it, names by bytes.
    pub metas: Vec<Meta>,
    /// What was left out and why.
    pub findings: Vec<Finding>,
}

/// Walks a folder.
pub fn walk(root: &Path, keep: &Keep<'_>) -> Result<Walk> {
    let mut found = Walk::default();
    let mut inodes = BTreeMap::new();
    let top = look(root, Name::root())?;
    let top = top.filter(|meta| meta.kind == Kind::Folder).ok_or_else(|| Error::refused(format!("{} is not a folder", root.display())))?;
    found.metas.push(top);
    descend(root, &Name::root(), keep, &mut found, &mut inodes)?;
    Ok(found)
}

type Inodes = BTreeMap<(u64, u64), Name>;

fn descend(root: &Path, folder: &Name, keep: &Keep<'_>, found: &mut Walk, inodes: &mut Inodes) -> Result<()> {
    for part in names(&folder.below(root))? {
        let name = folder.child(&part);
        // It may go while we walk: somebody else's temporary file.
        let Some(mut meta) = look(root, name.clone()).or_else(|error| left_out(&name, &error, found))? else { continue };
        let take = keep(&name, meta.kind == Kind::Folder);
        if take == Take::No {
            continue;
        }
        if meta.is_file()
            && let Some(first) = platform::shared_inode(&name.below(root)).and_then(|inode| known(inodes, inode, &name))
        {
            meta = Meta { kind: Kind::Hard { to: first }, size: 0, data: None, xattrs: Vec::new(), ..meta };
        }
        let is_folder = meta.kind == Kind::Folder;
        let mark = found.metas.len();
        found.metas.push(meta);
        if is_folder {
            descend(root, &name, keep, found, inodes)?;
        }
        if take == Take::Through && found.metas.len() == mark + 1 {
            found.metas.truncate(mark);
        }
    }
    Ok(())
}

fn known(inodes: &mut Inodes, inode: (u64, u64), name: &Name) -> Option<Name> {
    if let Some(first) = inodes.get(&inode) {
        return Some(first.clone());
    }
    inodes.insert(inode, name.clone());
    None
}

fn left_out(name: &Name, error: &Error, found: &mut Walk) -> Result<Option<Meta>> {
    found.findings.push(Finding::warning("backup-left-out", format!("`{name}` was left out: {}", error.chain())));
    Ok(None)
}

fn names(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let context = || format!("list {}", folder.display());
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.context(context)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(name::bytes(Path::new(&entry.context(context)?.file_name())));
    }
    names.sort();
    Ok(names)
}

/// One entry as it is now; none when it is gone. What can't be kept is an error that says why.
pub fn look(root: &Path, name: Name) -> Result<Option<Meta>> {
    let path = name.below(root);
    let context = || format!("look at {}", path.display());
    let meta = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        meta => meta.context(context)?,
    };
    let kind = if meta.is_dir() {
        Kind::Folder
    } else if meta.is_symlink() {
        Kind::Link { target: name::escaped(&name::bytes(&fs::read_link(&path).context(context)?)) }
    } else if meta.is_file() {
        Kind::File
    } else {
        return Err(Error::refused("it is a FIFO, a socket or a device, which holds no data"));
    };
    Ok(Some(platform::describe(&path, name, kind, &meta)))
}

/// A file opened for reading, and its description as of that moment: a rename in between can't mix two files.
pub fn open(root: &Path, meta: &Meta) -> Result<Option<(File, Meta)>> {
    let path = meta.name.below(root);
    open_at(&path, meta)
}

/// The same for a file that lies elsewhere.
pub fn open_at(path: &Path, meta: &Meta) -> Result<Option<(File, Meta)>> {
    let file = match platform::open_plain(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.context(|| format!("open {}", path.display()))?,
    };
    let now = file.metadata().context(|| format!("look at {}", path.display()))?;
    if !now.is_file() {
        return Err(Error::mismatch(format!("{} turned into something else while it was read", path.display())));
    }
    let mut now = platform::describe(path, meta.name.clone(), Kind::File, &now);
    now.data = data_map(&file, now.size);
    Ok(Some((file, now)))
}

/// Reads whole, for small files.
pub fn read_all(file: &mut File, size: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.take(size).read_to_end(&mut bytes).context(|| "read a file".into())?;
    Ok(bytes)
}
