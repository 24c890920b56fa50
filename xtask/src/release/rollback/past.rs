//! What the ledger says about earlier rollbacks: what can be undone, and what must never be pruned. Pure.

use chrono::{DateTime, Utc};

use super::plan::{Direction, Plan};
use crate::{
    forge::Release,
    kernel::{Tag, TagTemplate},
    ledger::Entry,
};

/// The command's name in the ledger.
pub const COMMAND: &str = "rollback";

fn read(entry: &Entry) -> Option<(Direction, Plan)> {
    let part = |key: &str| entry.data.get(key).cloned();
    (entry.command == COMMAND && entry.outcome == "ok").then_some(())?;
    Some((serde_json::from_value(part("direction")?).ok()?, serde_json::from_value(part("plan")?).ok()?))
}

/// The rollbacks that were done and not undone, oldest first: `--undo` takes the last.
pub fn standing(entries: &[Entry]) -> Vec<Plan> {
    let mut standing: Vec<Plan> = Vec::new();
    for (direction, plan) in entries.iter().filter_map(read) {
        match direction {
            Direction::Forward => standing.push(plan),
            Direction::Undo => standing.retain(|other| other.id != plan.id),
        }
    }
    standing
}

/// Whether this rollback was recorded already, in that direction: a run may be killed right after.
pub fn is_recorded(entries: &[Entry], id: &str, direction: Direction) -> bool {
    entries.iter().filter_map(read).rfind(|(_, plan)| plan.id == id).is_some_and(|(last, _)| last == direction)
}

/// When the first release above a version was made here, where the forge can't tell.
pub fn released_since(entries: &[Entry], target: &Tag, template: &TagTemplate) -> Option<DateTime<Utc>> {
    let newer = |entry: &&Entry| entry.command == "release" && template.matches(&entry.subject).is_some_and(|tag| tag.version > target.version);
    entries.iter().filter(newer).filter_map(|entry| entry.at.parse().ok()).min()
}

/// What was live here, the latest first, each once.
fn lived(entries: &[Entry]) -> Vec<String> {
    let live = |entry: &Entry| match entry.command.as_str() {
        _ if entry.outcome != "ok" => None,
        "release" => entry.data.get("latest")?.as_bool()?.then(|| entry.subject.clone()),
        COMMAND | "install" => Some(entry.subject.clone()),
        _ => None,
    };
    let mut tags: Vec<String> = Vec::new();
    for tag in entries.iter().rev().filter_map(live) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

/// What is live, what was live before it, and where a rollback leads or came from: never pruned, each with its reason.
pub fn protected(entries: &[Entry], pending: Option<&Plan>, releases: &[Release], latest: Option<&str>, template: &TagTemplate) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut protect = |tag: &str, why: &str| found.push((tag.to_owned(), why.to_owned()));
    if let Some(latest) = latest {
        protect(latest, "offered as latest");
    }
    for plan in pending.into_iter().chain(standing(entries).last()) {
        protect(&plan.target, "a rollback's target");
        let came_from = [plan.releases.as_ref().and_then(|part| part.before.clone()), plan.app.as_ref().and_then(|part| part.before.clone())];
        came_from.iter().flatten().for_each(|tag| protect(tag, "`rollback --undo` goes back to it"));
    }
    let there = |tag: &String| releases.iter().any(|release| !release.draft && release.tag == *tag);
    let lived: Vec<String> = lived(entries).into_iter().filter(there).collect();
    lived.iter().take(2).for_each(|tag| protect(tag, "live here, or live before"));
    if let Some(previous) = previous(releases, latest, template) {
        protect(&previous, "the one before the latest");
    }
    found
}

/// The release to go back to when the latest is bad: the highest full one below it.
pub fn previous(releases: &[Release], latest: Option<&str>, template: &TagTemplate) -> Option<String> {
    let latest = template.matches(latest?)?;
    let full = releases.iter().filter(|release| !release.draft && !release.prerelease).filter_map(|release| template.matches(&release.tag));
    let below = full.filter(|tag| !tag.version.is_prerelease() && tag.version < latest.version);
    below.max_by(|a, b| a.version.cmp(&b.version)).map(|tag| tag.name)
}
