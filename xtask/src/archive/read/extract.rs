//! Extracts into a folder that is new or empty, and writes nothing outside of it.
//!
//! Why that holds: names are checked before anything is opened; the folder holds nothing but what this run put there;
//! files are created with "must not exist"; links are made last, when nothing is written any more.

use std::{
    fs::{self, File, FileTimes},
    io::{self, Read},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{Item, Kind, Policy, Sealed, for_each_entry, ours};
use crate::{
    effects::files,
    kernel::{Context as _, Error, Events, Hasher, Result},
};

/// Extracts an archive and says what was in it. Modes keep at most 0755, owners are not kept. When it fails, what it made
/// is removed again.
pub fn extract(archive: &Path, into: &Path, policy: &Policy, events: &Events) -> Result<Vec<Sealed>> {
    let fresh = !files::exists(into);
    if !fresh && (into.is_symlink() || !into.is_dir() || !files::list(into)?.is_empty()) {
        return Err(Error::refused(format!("{} is not an empty folder", into.display())).hint("name a folder that doesn't exist yet"));
    }
    files::create_dir(into)?;
    let bar = events.bar(format!("extracting {}", archive.display()), None);
    let mut run = Run { into, all: Vec::new(), links: Vec::new() };
    let done = for_each_entry(archive, policy, &mut |item, bytes| {
        bar.advance(item.size);
        run.entry(item, bytes)
    });
    match done.and_then(|()| run.finish()) {
        Ok(all) => Ok(all),
        Err(error) => Err(clear(into, fresh, error)),
    }
}

/// The first error is the one to tell; should clearing fail too, the hint says what lies about.
fn clear(into: &Path, fresh: bool, error: Error) -> Error {
    let cleared = files::remove_dir(into).and_then(|()| if fresh { Ok(()) } else { files::create_dir(into) });
    if cleared.is_err() { error.hint(format!("remove what is left in {}", into.display())) } else { error }
}

struct Run<'a> {
    into: &'a Path,
    all: Vec<Sealed>,
    links: Vec<(PathBuf, String)>,
}

impl Run<'_> {
    fn entry(&mut self, item: &Item, bytes: &mut dyn Read) -> Result<()> {
        let path = self.into.join(&item.name);
        let context = || format!("extract {:?}", item.name);
        fs::create_dir_all(files::parent(&path)).context(context)?;
        let mut hasher = Hasher::new(bytes);
        match &item.kind {
            Kind::File => write(&path, item, &mut hasher).map_err(|error| error.within(context()))?,
            Kind::Folder => fs::create_dir_all(&path).and_then(|()| set_mode(&path, item.mode | 0o700)).context(context)?,
            Kind::HardLink(target) => fs::hard_link(self.into.join(target), &path).context(context)?,
            Kind::Link(target) => self.links.push((path, target.clone())),
        }
        self.all.push(Sealed { item: item.clone(), digest: hasher.finish().2 });
        Ok(())
    }

    fn finish(self) -> Result<Vec<Sealed>> {
        for (path, target) in &self.links {
            link(target, path).context(|| format!("make the link {}", path.display()))?;
        }
        files::sync_tree(self.into)?;
        crate::effects::crash::point("extract");
        Ok(self.all)
    }
}

fn write(path: &Path, item: &Item, bytes: &mut impl Read) -> Result<()> {
    let context = || format!("write {}", path.display());
    let mut file = File::create_new(path).context(context)?;
    io::copy(bytes, &mut file).map_err(ours)?;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(item.mtime.try_into().unwrap_or(0));
    file.set_times(FileTimes::new().set_modified(time)).context(context)?;
    set_mode(path, item.mode | 0o600).context(context)
}

/// No more than 0755: nothing that others may write, no setuid.
#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o755))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn link(target: &str, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn link(_: &str, _: &Path) -> io::Result<()> {
    Err(io::Error::other("links can't be made on this system"))
}
