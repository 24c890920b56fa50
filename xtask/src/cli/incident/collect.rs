//! `incident collect`: asks the checks and `status` for what they know, then hands it to the bundle.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{super::Session, CollectArgs, patience};
use crate::{
    cli::{
        args::{CheckArgs, Group},
        check, status,
    },
    config::{ForgeKind, Project},
    effects::{clock, files},
    incident::bundle::{self, Collected, Known, Wanted},
    kernel::{Result, human_bytes},
    report::{Answer, Table, View},
};

pub(super) fn run(session: &Session, args: &CollectArgs) -> Result<Answer> {
    let _patience = patience();
    let project = session.project()?;
    if session.global.dry_run {
        return plan(&project);
    }
    let wanted = Wanted { tail: args.tail, since: args.since.clone(), out: out(session, &project, args)? };
    let known = Known { findings: findings(session, &project)?, status: status(session, &project) };
    let collected = bundle::collect(&project, &wanted, &known, &session.events)?;
    Ok(Answer::new(&collected, View::All(vec![View::Text(text(&collected)), View::Table(table(&collected))])).output("bundle", &collected.file.display()))
}

fn plan(project: &Project) -> Result<Answer> {
    let (names, left_out) = bundle::plan(project)?;
    let mut table = Table::new(["entry", "comes"]);
    names.iter().for_each(|name| table.row([name.clone(), "yes".to_owned()]));
    left_out.iter().for_each(|left| table.row([left.name.clone(), format!("no: {}", left.why)]));
    Ok(Answer::new(&json!({ "entries": names, "left-out": left_out }), View::Table(table)))
}

fn out(session: &Session, project: &Project, args: &CollectArgs) -> Result<PathBuf> {
    let name = format!("{}-{}.zip", project.config.name, clock::now().format("%Y%m%dT%H%M%SZ"));
    Ok(match &args.out {
        Some(path) => session.folder()?.join(path),
        None => {
            files::ignore_itself(&project.state())?;
            project.state().join("incidents").join(name)
        }
    })
}

/// Every group but those that ask GitHub: it may be what is down.
fn findings(session: &Session, project: &Project) -> Result<Vec<crate::kernel::Finding>> {
    let offline = |group: &&Group| **group != Group::Forge || project.config.release.forge == ForgeKind::Directory;
    let mut findings = Vec::new();
    for group in Group::ALL.iter().filter(offline) {
        findings.extend(check::look(session, project, *group, &CheckArgs::default())?);
    }
    Ok(findings)
}

/// What is pending, what runs, what was done last. A journal or a ledger that can't be read may be the incident itself: that is told in its place.
fn status(session: &Session, project: &Project) -> Value {
    let last = session.ledger(project).entries().map(|mut entries| json!(entries.pop()));
    json!({
        "pending": told(status::pending(project).map(|pending| json!(pending))),
        "running": told(status::running(project).map(|running| json!(running))),
        "last": told(last),
    })
}

fn told(found: Result<Value>) -> Value {
    found.unwrap_or_else(|error| json!({ "unreadable": error.chain() }))
}

fn text(collected: &Collected) -> String {
    let hidden: u64 = collected.redacted.iter().map(|hidden| hidden.count).sum();
    format!(
        "{}\n{} entries, {}, sha256 {}\n{hidden} secrets hidden, the bundle was scanned again and is clean; it is on this machine only\n",
        collected.file.display(),
        collected.entries,
        human_bytes(collected.size),
        collected.sha256
    )
}

fn table(collected: &Collected) -> Table {
    let mut table = Table::new(["left out", "why"]);
    collected.left_out.iter().for_each(|left| table.row([left.name.clone(), left.why.clone()]));
    table
}
