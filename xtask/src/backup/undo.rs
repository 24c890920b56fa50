//! What a backup changes for its duration, and how it is put back: a setting, hard links, stopped containers. Journaled before it is done, so that the
//! next run puts it back after a kill.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    redis::{Reach, Redis, hot},
    source::Source,
    users,
};
use crate::{
    effects::files,
    kernel::{Events, Result},
    ledger::Journal,
};

/// What is to be put back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// The server whose setting was changed.
    #[serde(default)]
    pub server: Option<Reach>,
    /// What the setting was.
    #[serde(default)]
    pub percentage: Option<String>,
    /// The folder of hard links.
    #[serde(default)]
    pub links: Option<PathBuf>,
    /// Containers that ran.
    #[serde(default)]
    pub stopped: Vec<String>,
}

/// The journal of one source's backup.
pub struct Undo {
    journal: Journal,
    detail: Detail,
    written: bool,
}

fn name(source: &Source) -> String {
    format!("backup-{}", source.name())
}

impl Undo {
    /// Nothing is to be put back yet.
    pub fn new(state: &Path, source: &Source) -> Self {
        let resume = format!("xtask backup {}", source.name());
        let journal = Journal::new(state, &name(source), &format!("back up {}", source.name()), &resume, None);
        Self { journal, detail: Detail::default(), written: false }
    }

    /// Takes note of something before it is done.
    pub fn note(&mut self, state: &str, change: impl FnOnce(&mut Detail)) -> Result<()> {
        change(&mut self.detail);
        self.written = true;
        self.journal.write(state, &self.detail)
    }

    /// Puts everything back.
    pub fn finish(self, source: &Source, events: &Events) -> Result<()> {
        put_back(&self.detail, source, events)?;
        users::start(&self.detail.stopped, events)?;
        if self.written { self.journal.close() } else { Ok(()) }
    }
}

/// Puts back what a killed run left.
pub fn recover(state: &Path, source: &Source, events: &Events) -> Result<bool> {
    let Some((journal, detail)) = Journal::load::<Detail>(state, &name(source))? else { return Ok(false) };
    events.note(format!("a backup of {} was killed: putting back what it had changed", source.name()));
    put_back(&detail, source, events)?;
    users::start_after_kill(&detail.stopped, &journal.pending().since, events)?;
    journal.close()?;
    Ok(true)
}

fn put_back(detail: &Detail, source: &Source, events: &Events) -> Result<()> {
    if let (Some(reach), Some(percentage)) = (&detail.server, &detail.percentage) {
        setting(reach, percentage, source, events)?;
    }
    if let Some(links) = &detail.links {
        files::remove_dir(links)?;
    }
    Ok(())
}

/// A server that was stopped or restarted since then has its own setting again.
fn setting(reach: &Reach, percentage: &str, source: &Source, events: &Events) -> Result<()> {
    let container = match reach {
        Reach::Container(id) => match crate::effects::docker::container(id)? {
            Some(container) if container.state.running => Some(container),
            _ => return Ok(()),
        },
        Reach::Address(_) | Reach::Socket(_) => None,
    };
    let redis = Redis::new(reach.clone(), source.login(container.as_ref()));
    match redis.set(hot::REWRITE, percentage) {
        Err(error) if container.is_none() && error.chain().contains("can't be reached") => {
            events.note("the server does not run any more: nothing to put back there");
            Ok(())
        }
        other => other,
    }
}
