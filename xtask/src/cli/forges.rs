//! Which forge a command talks to: `--forge`, else what the configuration says.

use crate::{
    config::{ForgeKind, Project},
    forge::{Directory, Forge},
    kernel::{Error, Result},
};

/// The kind that was asked for.
pub(super) fn kind(project: &Project, asked: Option<ForgeKind>) -> ForgeKind {
    asked.unwrap_or(project.config.release.forge)
}

/// Opens it; no request is made yet.
pub(super) fn open(project: &Project, asked: Option<ForgeKind>) -> Result<Box<dyn Forge>> {
    match kind(project, asked) {
        ForgeKind::Directory => Ok(Box::new(Directory::new(&project.path(&project.config.forge.directory.path)))),
        ForgeKind::Github => Err(Error::usage("the GitHub forge is not there yet")),
    }
}
