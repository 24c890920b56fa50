//! Which forge a command talks to: `--forge`, else what the configuration says.

use std::time::Duration;

use super::Session;
use crate::{
    config::{ForgeKind, Project},
    forge::{
        Directory, Forge,
        github::{GitHub, Settings, Token},
    },
    kernel::Result,
};

/// How long a forge that doesn't answer may hold up what else there is to do or to say.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);

/// The kind that was asked for.
pub(super) fn kind(project: &Project, asked: Option<ForgeKind>) -> ForgeKind {
    asked.unwrap_or(project.config.release.forge)
}

/// Opens it; no request is made yet.
pub(super) fn open(session: &Session, project: &Project, asked: Option<ForgeKind>) -> Result<Box<dyn Forge>> {
    match kind(project, asked) {
        ForgeKind::Directory => Ok(Box::new(Directory::new(&project.path(&project.config.forge.directory.path)))),
        ForgeKind::Github => github(session, project, None),
    }
}

/// The same, but a forge that doesn't answer is given up after a while, since other work waits behind it; `--max-wait` goes before.
pub(super) fn open_within(session: &Session, project: &Project, asked: Option<ForgeKind>) -> Result<Box<dyn Forge>> {
    match kind(project, asked) {
        ForgeKind::Directory => open(session, project, asked),
        ForgeKind::Github => github(session, project, Some(session.global.max_wait.unwrap_or(PATIENCE))),
    }
}

fn github(session: &Session, project: &Project, patience: Option<Duration>) -> Result<Box<dyn Forge>> {
    let api = std::env::var("XTASK_GITHUB_API").ok().filter(|api| !api.is_empty()).unwrap_or_else(|| project.config.forge.github.api.clone());
    let mut settings = Settings::new(api, project.repository()?.to_string());
    if let Some(patience) = patience {
        settings.max_wait = patience;
        settings.within = Some(patience);
        settings.connect = settings.connect.min(patience);
        settings.stall = settings.stall.min(patience);
    }
    if let Some(longest) = session.global.max_wait {
        settings.max_wait = longest;
    }
    Ok(Box::new(GitHub::connect(settings, Token::from_env()?, session.events.clone())?))
}
