//! Two folders on one file system, and the one step that makes them change places. The kernel does it whole or not at all: at any moment there is
//! the old data or the new under the name that counts.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    effects::{crash, files},
    kernel::{Context as _, Error, Result},
};

/// Where data lives and where its replacement is prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// The folder that counts.
    pub live: PathBuf,
    /// The prepared one; after the exchange it holds the old data.
    pub staged: PathBuf,
    /// What tells the new folder from the old one, under whatever name: its inode.
    #[serde(default)]
    pub new: Option<u64>,
    /// Whether there was anything before.
    #[serde(default)]
    pub had: bool,
}

/// Which data is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InForce {
    /// What was there before.
    Old,
    /// What is being restored.
    New,
}

impl InForce {
    /// `old` or `new`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

impl Ground {
    /// Takes note of which folder is the new one. Before that nothing may be exchanged.
    pub fn mark(&mut self) -> Result<()> {
        self.new = Some(inode(&self.staged)?);
        self.had = files::exists(&self.live);
        Ok(())
    }

    /// Looks which data is in force.
    pub fn look(&self) -> Result<InForce> {
        match self.new {
            Some(new) if self.live.is_dir() && inode(&self.live)? == new => Ok(InForce::New),
            _ => Ok(InForce::Old),
        }
    }

    /// Makes both change places; where there was nothing before, the new data just gets its name.
    pub fn exchange(&self) -> Result<()> {
        if files::exists(&self.live) {
            exchange(&self.live, &self.staged)?;
        } else {
            files::create_dir(files::parent(&self.live))?;
            std::fs::rename(&self.staged, &self.live).context(|| format!("put {} in place", self.live.display()))?;
        }
        files::sync_dir(files::parent(&self.live))?;
        files::sync_dir(files::parent(&self.staged))?;
        crash::point("exchange");
        Ok(())
    }

    /// Back: the new data gives way to what was there, or to nothing.
    pub fn back(&self) -> Result<()> {
        if self.look()? == InForce::New {
            if files::exists(&self.staged) {
                exchange(&self.live, &self.staged)?;
            } else if self.had {
                return Err(
                    Error::refused(format!("the old data is not at {} any more", self.staged.display())).hint("restore the backup that was made before")
                );
            } else {
                std::fs::rename(&self.live, &self.staged).context(|| format!("take {} away again", self.live.display()))?;
            }
            files::sync_dir(files::parent(&self.live))?;
            crash::point("exchange back");
        }
        Ok(())
    }
}

#[cfg(unix)]
fn inode(path: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(path.symlink_metadata().context(|| format!("look at {}", path.display()))?.ino())
}

/// Without inodes a file inside tells.
#[cfg(not(unix))]
fn inode(path: &Path) -> Result<u64> {
    let made = path.metadata().and_then(|meta| meta.created()).context(|| format!("look at {}", path.display()))?;
    Ok(made.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos() as u64)
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(a: &Path, b: &Path) -> Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).map_err(|error| {
        Error::unexpected(format!("{} and {} could not change places", a.display(), b.display()))
            .caused_by(error)
            .hint("both must lie on one local file system that knows atomic exchange (ext4, xfs, btrfs, apfs)")
    })
}

/// Two renames; the journal knows what lies between.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(a: &Path, b: &Path) -> Result<()> {
    let aside = a.with_extension("xtask-aside");
    files::rename(a, &aside)?;
    files::rename(b, a)?;
    files::rename(&aside, b).map_err(|error: Error| error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, text) in [("live", "old"), ("staged", "new")] {
            std::fs::create_dir(path(name)).unwrap();
            files::write(&path(name).join("x"), text.as_bytes()).unwrap();
        }
        let mut ground = Ground { live: path("live"), staged: path("staged"), new: None, had: false };
        ground.mark().unwrap();
        let read = || files::read_text(&path("live/x")).unwrap();
        assert_eq!((ground.look().unwrap(), read().as_str()), (InForce::Old, "old"));
        ground.exchange().unwrap();
        assert_eq!((ground.look().unwrap(), read().as_str()), (InForce::New, "new"));
        ground.back().unwrap();
        ground.back().unwrap();
        assert_eq!((ground.look().unwrap(), read().as_str()), (InForce::Old, "old"));
    }

    #[test]
    fn where_nothing_was_nothing_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut ground = Ground { live: folder.path().join("deep/live"), staged: folder.path().join("staged"), new: None, had: false };
        std::fs::create_dir(&ground.staged).unwrap();
        ground.mark().unwrap();
        ground.exchange().unwrap();
        assert_eq!(ground.look().unwrap(), InForce::New);
        ground.back().unwrap();
        assert!(!ground.live.exists() && ground.staged.exists());
    }
}
