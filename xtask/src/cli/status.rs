//! `status`: what is live, what is pending and the one command that goes on. `history`: the ledger.

use serde_json::json;

use super::{
    Session,
    args::{ForgeArgs, HistoryArgs},
    forges,
};
use crate::{
    backup::restore,
    config::Project,
    effects::{lock, patience::Patience, places},
    kernel::{Finding, Result},
    ledger::{Journal, Pending},
    release::{install::Folder, rollback},
    report::{Answer, Table, View},
    services::rollback as switch,
};

pub(super) fn run(session: &Session, args: &ForgeArgs) -> Result<Answer> {
    let project = session.project()?;
    let pending = {
        // Which data is in force only the engine may know, and it may hang.
        let _patience = Patience::usual();
        pending(&project)?
    };
    let running = running(&project)?;
    let installed = installed(&project)?;
    let (latest, findings) = latest(session, &project, args);
    let last = session.ledger(&project).entries()?.pop();
    let mut table = Table::new(["what", "state"]);
    table.row(["latest release".to_owned(), latest.clone().unwrap_or_else(|| "none".into())]);
    installed.iter().for_each(|tag| table.row(["installed".to_owned(), tag.clone()]));
    table.row([
        "last done here".to_owned(),
        last.as_ref()
            .map_or_else(|| "nothing".into(), |entry| format!("{} {} ({}) at {} by {}", entry.command, entry.subject, entry.outcome, entry.at, entry.who)),
    ]);
    table.row(["running".to_owned(), running.clone().unwrap_or_else(|| "nothing".into())]);
    pending.iter().for_each(|pending| table.row(["pending".to_owned(), describe(pending)]));
    let data = json!({ "latest": latest, "installed": installed, "last": last, "running": running, "pending": pending });
    Ok(Answer::new(&data, View::Table(table)).found(findings))
}

/// What was begun and not ended, one entry for each piece of work: the one command that goes on, and the one that goes back.
pub(super) fn pending(project: &Project) -> Result<Vec<Pending>> {
    let all = Journal::all(&project.state())?.into_iter().map(|pending| looked(project, pending)).collect::<Result<Vec<_>>>()?;
    Ok(folded(all))
}

/// A rollback's switch of services has a journal of its own, which the rollback's commands take care of too.
fn folded(mut all: Vec<Pending>) -> Vec<Pending> {
    let Some(outer) = all.iter().find(|pending| pending.name == rollback::JOURNAL).cloned() else { return all };
    let is_inner = |pending: &Pending| pending.name == switch::JOURNAL && (pending.resume == outer.resume || outer.undo.as_ref() == Some(&pending.resume));
    let Some(inner) = all.iter().find(|pending| is_inner(pending)).cloned() else { return all };
    all.retain(|pending| *pending != inner && *pending != outer);
    all.push(Pending { state: format!("{}; its services: {}", outer.state, inner.state), ..outer });
    all
}

/// Everybody who is at work here: one line for each lock.
pub(super) fn running(project: &Project) -> Result<Option<String>> {
    let held: Vec<String> = lock::holders(&project.state())?.into_iter().map(|(name, holder)| format!("{name}: {holder}")).collect();
    Ok(Some(held.join("; ")).filter(|held| !held.is_empty()))
}

/// What is current in the install folder, where one is configured.
fn installed(project: &Project) -> Result<Option<String>> {
    let Some(target) = &project.config.install else { return Ok(None) };
    Folder::look(&project.path(&places::fill(&target.to)?)).current()
}

/// A restore's journal was written before its last step: looking tells which data is in force now.
fn looked(project: &Project, mut pending: Pending) -> Result<Pending> {
    if let Some(name) = pending.name.strip_prefix("restore-")
        && let Some(in_force) = restore::pending(&project.state(), name)?
    {
        let seen = format!("the {} data is in force", in_force.text());
        if !pending.state.starts_with(&seen) {
            pending.state = format!("{seen} ({})", pending.state);
        }
    }
    Ok(pending)
}

/// The forge may be down: everything else is still told.
fn latest(session: &Session, project: &Project, args: &ForgeArgs) -> (Option<String>, Vec<Finding>) {
    match forges::open_within(session, project, args.forge).and_then(|forge| forge.latest()) {
        Ok(latest) => (latest, Vec::new()),
        Err(error) => (None, vec![Finding::warning("forge-unknown", format!("the forge can't be asked: {}", error.chain()))]),
    }
}

fn describe(pending: &Pending) -> String {
    let undo = pending.undo.iter().map(|undo| format!("; back: {undo}")).collect::<String>();
    format!("{}: {} (since {} by {}); go on: {}{undo}", pending.what, pending.state, pending.since, pending.who, pending.resume)
}

pub(super) fn history(session: &Session, args: &HistoryArgs) -> Result<Answer> {
    let project = session.project()?;
    let entries = session.ledger(&project).entries()?;
    let shown: Vec<_> = entries.iter().rev().take(args.last.unwrap_or(usize::MAX)).collect();
    let mut table = Table::new(["when", "who", "what", "subject", "outcome", "why"]);
    for entry in &shown {
        table.row([
            entry.at.clone(),
            entry.who.clone(),
            entry.command.clone(),
            entry.subject.clone(),
            entry.outcome.clone(),
            entry.reason.clone().unwrap_or_default(),
        ]);
    }
    let view = if shown.is_empty() { View::Text("nothing was done here yet".into()) } else { View::Table(table) };
    Ok(Answer::new(&json!({ "entries": shown }), view))
}
