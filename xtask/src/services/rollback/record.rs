//! What was done and what is under way: the journal's details, and the last finished switch, which `undo` goes back from.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Plan;
use crate::{
    config::Project,
    kernel::{Context as _, Result},
    ledger::{Journal, Ledger},
    services::ImageRef,
};

/// The journal's name.
pub const JOURNAL: &str = "rollback-services";
/// The ledger's command.
pub const COMMAND: &str = "services switch";

/// The journal's details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// What is being done.
    pub plan: Plan,
    /// Which way.
    pub direction: Direction,
    /// Backups that were made first: source and id.
    #[serde(default)]
    pub safety: Vec<(String, String)>,
    /// Whether data may have been replaced: from then on going back brings it back too.
    #[serde(default)]
    pub data: Data,
    /// Why it goes back, once it does.
    pub reason: Option<String>,
}

/// How far the data is that goes with the images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Data {
    /// As it was.
    #[default]
    Before,
    /// Being replaced, or replaced: the backup made first holds what was there.
    Replacing,
    /// Replaced.
    After,
}

/// Which way a switch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To what is wanted.
    Forward,
    /// To what was.
    Back,
}

/// A finished switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// What it was for.
    pub label: String,
    /// What was there before.
    pub before: Vec<ImageRef>,
    /// What is there now.
    pub after: Vec<ImageRef>,
    /// Backups that were made on the way.
    pub backups: Vec<String>,
    /// From stopping the first service to health, in seconds.
    pub seconds: u64,
}

/// What the switch that is under way is for, if one is.
pub fn pending(project: &Project) -> Result<Option<String>> {
    Ok(Journal::load::<Detail>(&project.state(), JOURNAL)?.map(|(_, detail)| detail.plan.label))
}

/// Writes a finished switch down.
pub(super) fn finished(project: &Project, done: &Done, reason: Option<&str>) -> Result<()> {
    let data = serde_json::to_value(done).context(|| "write the ledger".into())?;
    Ledger::new(&project.state()).record(COMMAND, &done.label, "ok", reason, data)
}

/// The last finished switch.
pub fn last(project: &Project) -> Result<Option<Done>> {
    found(project, |_| true)
}

/// The last finished switch that was made for that.
pub fn done_for(project: &Project, label: &str) -> Result<Option<Done>> {
    found(project, |subject| subject == label)
}

/// When a switch of ours brought the image that a service has now; nothing where none did, or something else came after it.
pub(super) fn came(project: &Project, now: &ImageRef) -> Result<Option<DateTime<Utc>>> {
    let entries = Ledger::new(&project.state()).entries()?;
    let switches = entries.iter().rev().filter(|entry| entry.command == COMMAND && entry.outcome == "ok");
    let mut mine = switches.filter_map(|entry| {
        let done: Done = serde_json::from_value(entry.data.clone()).ok()?;
        let image = done.after.into_iter().find(|image| image.service == now.service)?;
        Some((image, entry.at.parse().ok()?))
    });
    Ok(mine.next().filter(|(image, _)| if now.id.is_some() { image.id == now.id } else { image.image == now.image }).map(|(_, at)| at))
}

fn found(project: &Project, wanted: impl Fn(&str) -> bool) -> Result<Option<Done>> {
    let entries = Ledger::new(&project.state()).entries()?;
    let last = entries.into_iter().rev().find(|entry| entry.command == COMMAND && entry.outcome == "ok" && wanted(&entry.subject));
    Ok(last.and_then(|entry| serde_json::from_value(entry.data).ok()))
}
