//! Which forge a command talks to: `--forge`, else what the configuration says.

use super::Session;
use crate::{
    config::{ForgeKind, Project},
    forge::{
        Directory, Forge,
        github::{GitHub, Settings, Token},
    },
    kernel::Result,
};

/// The kind that was asked for.
pub(super) fn kind(project: &Project, asked: Option<ForgeKind>) -> ForgeKind {
    asked.unwrap_or(project.config.release.forge)
}

/// Opens it; no request is made yet.
pub(super) fn open(session: &Session, project: &Project, asked: Option<ForgeKind>) -> Result<Box<dyn Forge>> {
    match kind(project, asked) {
        ForgeKind::Directory => Ok(Box::new(Directory::new(&project.path(&project.config.forge.directory.path)))),
        ForgeKind::Github => github(session, project),
    }
}

fn github(session: &Session, project: &Project) -> Result<Box<dyn Forge>> {
    let api = std::env::var("XTASK_GITHUB_API").ok().filter(|api| !api.is_empty()).unwrap_or_else(|| project.config.forge.github.api.clone());
    let mut settings = Settings::new(api, project.repository()?.to_string());
    if let Some(longest) = session.global.max_wait {
        settings.max_wait = longest;
    }
    Ok(Box::new(GitHub::connect(settings, Token::from_env()?, session.events.clone())?))
}
