//! Folders that this program needs for a while. They go when their handle is dropped; what a killed run left goes when the next one needs such a folder:
//! copies of somebody's data must not pile up among the system's temporary files.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::kernel::{Context as _, Result};

/// Locked while its folder is in use. The kernel lets it go with the process.
const HELD: &str = ".xtask-held";
/// A folder without a lock may just be getting one.
const YOUNG: Duration = Duration::from_secs(60);

/// A folder that goes when it is dropped.
pub struct Scratch {
    inner: PathBuf,
    _folder: tempfile::TempDir,
    _held: File,
}

impl Scratch {
    /// Makes one; `what` says for what, in its name.
    pub fn new(what: &str) -> Result<Self> {
        let prefix = format!("xtask-{what}-");
        sweep(&std::env::temp_dir(), &prefix, YOUNG);
        let context = || format!("make a temporary folder in {}", std::env::temp_dir().display());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir().context(context)?;
        let held = File::create_new(folder.path().join(HELD)).context(context)?;
        // Without locks on this file system nothing is swept there either.
        let _ = held.try_lock();
        // Beside the lock: whoever lists the folder finds it empty.
        let inner = folder.path().join("in");
        fs::create_dir(&inner).context(context)?;
        Ok(Self { inner, _folder: folder, _held: held })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.inner
    }
}

/// Removes what nobody holds any more. What can't be removed, such as other users' folders, stays.
fn sweep(among: &Path, prefix: &str, young: Duration) {
    let entries = fs::read_dir(among).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && is_left(&entry.path().join(HELD), young) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_left(held: &Path, young: Duration) -> bool {
    // Anybody may put anything among the temporary files: opening a pipe would wait for its other end.
    if !held.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
        return false;
    }
    let Ok(file) = File::open(held) else { return false };
    let age = file.metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
    age.is_some_and(|age| age >= young) && file.try_lock().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_is_swept_and_nothing_else() {
        let among = tempfile::tempdir().unwrap();
        let make = |name: &str, held: bool| {
            fs::create_dir(among.path().join(name)).unwrap();
            held.then(|| File::create(among.path().join(name).join(HELD)).unwrap())
        };
        drop(make("xtask-t-left", true));
        let used = make("xtask-t-used", true).unwrap();
        used.try_lock().unwrap();
        make("xtask-t-strange", false);
        drop(make("other", true));
        sweep(among.path(), "xtask-t-", YOUNG);
        assert!(among.path().join("xtask-t-left").exists(), "too young to be judged");
        sweep(among.path(), "xtask-t-", Duration::ZERO);
        let names: std::collections::BTreeSet<_> = fs::read_dir(among.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["other", "xtask-t-strange", "xtask-t-used"].map(std::ffi::OsString::from).into());
    }
}
