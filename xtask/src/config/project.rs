//! A project: its root, its configuration and its state folder. Reads `xtask.toml`; nothing else of the world.

use std::path::{Path, PathBuf};

use super::{Config, FILE, Repository, parse};
use crate::{
    effects::{files, git::Git},
    kernel::{Error, Result},
};

/// A project on this machine.
#[derive(Clone, Debug)]
pub struct Project {
    /// The repository's root; all paths in the configuration are relative to it.
    pub root: PathBuf,
    /// What `xtask.toml` says.
    pub config: Config,
    /// The configuration file itself.
    pub file: PathBuf,
    /// The repository around it, as it was found.
    pub found: Option<Git>,
}

impl Project {
    /// Opens the project of that configuration file, or the one whose `xtask.toml` is in `folder` or above it.
    pub fn open(file: Option<&Path>, folder: &Path) -> Result<Self> {
        let file = match file {
            Some(file) => folder.join(file),
            None => find(folder)?,
        };
        let config = parse(&files::read_text(&file).map_err(|error| error.of_kind(crate::kernel::Kind::Usage))?, &file)?;
        let home = files::parent(&file);
        let found = Git::discover(home).ok();
        let root = found.as_ref().map_or_else(|| home.to_path_buf(), |git| git.root().to_path_buf());
        Ok(Self { root, config, file, found })
    }

    /// Whether a configuration lies in `folder` or above it, be it right or wrong.
    pub fn is_around(folder: &Path) -> bool {
        find(folder).is_ok()
    }

    /// Where ledger, journals, locks and the cache lie.
    pub fn state(&self) -> PathBuf {
        self.root.join(".xtask")
    }

    /// The project's git repository.
    pub fn git(&self) -> Result<Git> {
        match &self.found {
            Some(git) if git.root() == self.root => Ok(git.clone()),
            _ => Git::discover(&self.root),
        }
    }

    /// A path of the configuration, below the root.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// `owner/name`: as configured, else from the origin remote.
    pub fn repository(&self) -> Result<Repository> {
        if let Some(repository) = &self.config.repository {
            return Ok(repository.clone());
        }
        let remote = self.git().and_then(|git| git.remote("origin")).unwrap_or_default();
        remote.as_deref().and_then(Repository::from_remote).ok_or_else(|| {
            Error::usage("the GitHub repository is not known: there is no origin remote that names it")
                .hint("set project.repository = \"OWNER/NAME\" in xtask.toml")
        })
    }
}

fn find(folder: &Path) -> Result<PathBuf> {
    let candidates = folder.ancestors().map(|folder| folder.join(FILE));
    candidates.into_iter().find(|file| file.is_file()).ok_or_else(|| {
        Error::usage(format!("no {FILE} in {} or above it", folder.display())).hint("write one with `xtask init`").hint("or name it with --config FILE")
    })
}
