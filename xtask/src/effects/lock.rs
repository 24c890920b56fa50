//! One run at a time. The kernel holds the lock, so a killed run leaves none behind; the file says who holds it, since when, doing what.

use std::{
    collections::BTreeSet,
    fs::{File, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{clock, files};
use crate::kernel::{Context as _, Error, Kind, Result};

/// How often a held lock is tried again, and after how long.
const LOOKS: u32 = 3;
const A_LOOK: Duration = Duration::from_millis(20);

/// A held lock; dropping it, or dying, lets it go.
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        ours().remove(&self.path);
    }
}

/// What this run holds.
static OURS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn ours() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same for what may be done by several at once, but not beside whoever has it alone.
pub fn share(path: &Path, what: &str) -> Result<Option<Lock>> {
    if ours().contains(path) { Ok(None) } else { take(path, what, File::try_lock_shared).map(Some) }
}

/// Takes it alone, unless this very run holds it already: what is done on its own is done within something larger too.
pub fn enter(path: &Path, what: &str) -> Result<Option<Lock>> {
    if ours().contains(path) { Ok(None) } else { acquire(path, what).map(Some) }
}

/// Takes the lock at `path` or says who holds it ([`Kind::Locked`], exit 8).
pub fn acquire(path: &Path, what: &str) -> Result<Lock> {
    take(path, what, File::try_lock)
}

fn take(path: &Path, what: &str, lock: fn(&File) -> std::result::Result<(), TryLockError>) -> Result<Lock> {
    files::create_dir(files::parent(path))?;
    let context = || format!("open the lock {}", path.display());
    let mut file = File::options().create(true).read(true).write(true).truncate(false).open(path).context(context)?;
    for left in (0..LOOKS).rev() {
        match lock(&file) {
            Ok(()) => break,
            // Who only looks whether it is held (`status`) holds it for a moment.
            Err(TryLockError::WouldBlock) if left > 0 => clock::sleep(A_LOOK),
            Err(TryLockError::WouldBlock) => return Err(held(&mut file, path)),
            Err(TryLockError::Error(error)) => return Err(error).context(|| format!("lock {}", path.display())),
        }
    }
    let holder = format!("{} (process {}) since {}: {what}", who(), std::process::id(), clock::stamp(clock::now()));
    file.set_len(0).and_then(|()| file.write_all(holder.as_bytes())).context(|| format!("write the lock {}", path.display()))?;
    ours().insert(path.to_owned());
    Ok(Lock { path: path.to_owned(), _file: file })
}

fn held(file: &mut File, path: &Path) -> Error {
    Error::new(Kind::Locked, format!("locked by {}", noted(file)))
        .hint("wait until it has ended, then give the same command again")
        .hint(format!("the lock is {}; it goes with the process that holds it", path.display()))
}

/// What the holder wrote down: who, since when, doing what.
fn noted(file: &mut File) -> String {
    let mut holder = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut holder));
    if read.is_ok() && !holder.is_empty() { holder } else { "another run".into() }
}

/// Whether somebody holds the lock now, and who.
pub fn holder(path: &Path) -> Option<String> {
    let mut file = File::options().read(true).write(true).open(path).ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Some(noted(&mut file)),
        _ => None,
    }
}

/// Everything that holds a lock of this repository now: the lock's name, and who, since when, doing what.
pub fn holders(state: &Path) -> Result<Vec<(String, String)>> {
    let names = files::list(&state.join("locks"))?;
    let held = |name: &String| Some((name.strip_suffix(".lock")?.to_owned(), holder(&state.join("locks").join(name))?));
    Ok(names.iter().filter_map(held).collect())
}

/// The user and host, for the ledger and for whoever waits: `ann@build-7`.
pub fn who() -> String {
    let variable = |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let user = variable(&["GITHUB_ACTOR", "USER", "LOGNAME", "USERNAME"]).unwrap_or_else(|| "somebody".into());
    let host = variable(&["RUNNER_NAME", "HOSTNAME", "COMPUTERNAME"]).or_else(host_name).unwrap_or_else(|| "this machine".into());
    format!("{user}@{host}")
}

/// This machine's name as the kernel has it.
#[cfg(unix)]
pub fn host_name() -> Option<String> {
    Some(rustix::system::uname().nodename().to_string_lossy().into_owned())
}

/// This machine's name; not asked for here.
#[cfg(not(unix))]
pub fn host_name() -> Option<String> {
    None
}

/// Where this repository's locks lie.
pub fn path(state: &Path, name: &str) -> PathBuf {
    state.join("locks").join(format!("{name}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_learns_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = path(folder.path(), "release");
        let first = acquire(&at, "release v1.0.0").unwrap();
        let refused = acquire(&at, "release v1.0.1").err().unwrap();
        assert_eq!(refused.kind(), Kind::Locked);
        assert!(refused.to_string().contains("release v1.0.0"), "{refused}");
        assert!(holder(&at).is_some());
        let services = acquire(&path(folder.path(), "services"), "switch to v1.0.0").unwrap();
        let held = holders(folder.path()).unwrap();
        assert_eq!(held.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["release", "services"]);
        assert!(held[1].1.contains("switch to v1.0.0"), "{held:?}");
        assert!(enter(&at, "a part of it").unwrap().is_none(), "within the same run it goes on");
        drop((first, services));
        assert!(holder(&at).is_none() && holders(folder.path()).unwrap().is_empty());
        let within = enter(&at, "release v1.0.1").unwrap();
        assert!(within.is_some() && acquire(&at, "release v1.0.2").is_err());
        drop(within);
        let (first, second) = (share(&at, "one of several").unwrap(), take(&at, "another", File::try_lock_shared).unwrap());
        assert!(first.is_some() && acquire(&at, "alone").is_err());
        drop((first, second));
        acquire(&at, "alone").unwrap();
    }
}
