//! `restore`: checks, tries, shows what it would replace, asks, then does it in one step; goes on or back after a kill.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{
    Session,
    session::{Go, text},
};
use crate::{
    backup::{
        self, Source,
        restore::{self, InForce, Picked, Plan, Restored},
    },
    config::Project,
    kernel::{Error, Result, human_bytes},
    report::{Answer, Table, View},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backup's name in xtask.toml
    name: String,
    /// An id from `backup list`, or an archive [default: the newest verified backup]
    #[arg(long, value_name = "ID or FILE")]
    from: Option<String>,
    /// Unpack into this empty folder instead
    #[arg(long, value_name = "DIR", conflicts_with_all = ["resume", "undo", "confirm"])]
    to: Option<PathBuf>,
    /// Go on with a restore that was killed
    #[arg(long, conflicts_with_all = ["undo", "confirm", "from"])]
    resume: bool,
    /// Put the old data back after a restore that was killed
    #[arg(long, conflicts_with_all = ["confirm", "from"])]
    undo: bool,
    /// Remove the old folder that an earlier restore kept
    #[arg(long, conflicts_with = "from")]
    confirm: bool,
}

pub(super) fn run(session: &Session, args: &Args) -> Result<Answer> {
    let project = session.project()?;
    let names = [args.name.clone()];
    let spec = backup::select(&project, &names)?.pop().ok_or_else(|| Error::usage("name a backup"))?;
    let source = Source::resolve(&project, spec)?;
    if args.confirm {
        return confirm(&source);
    }
    if args.resume || args.undo {
        return settle(session, &project, &source, args.undo);
    }
    let picked = restore::pick(&source, args.from.as_deref(), &session.folder()?)?;
    match &args.to {
        Some(to) => elsewhere(session, &picked, to),
        None => replace(session, &project, &source, &picked),
    }
}

fn replace(session: &Session, project: &Project, source: &Source, picked: &Picked) -> Result<Answer> {
    let plan = restore::plan(source, picked)?;
    let shown = show(&plan);
    if session.go_on(&format!("replace {} with {}?", plan.replaces, plan.from), &shown)? == Go::OnlyThePlan {
        return Ok(shown);
    }
    let done = restore::run(project, source, picked, &session.events);
    let (outcome, reason) = match &done {
        Ok(_) => ("ok", None),
        Err(error) => (error.kind().outcome(), Some(error.chain())),
    };
    session.note_done(project, "restore", source.name(), outcome, reason.as_deref(), json!({ "from": picked.label }));
    Ok(restored(&done?))
}

fn show(plan: &Plan) -> Answer {
    let stops = if plan.stops.is_empty() { "nothing".to_owned() } else { plan.stops.join(", ") };
    let mut table = Table::new(["what", "how"]);
    table.row(["restore".to_owned(), plan.name.clone()]);
    table.row(["from".to_owned(), format!("{} ({}, {})", plan.from, plan.made.as_deref().unwrap_or("no manifest"), plan.holds)]);
    table.row(["replaces".to_owned(), plan.replaces.clone()]);
    table.row(["stops and starts".to_owned(), stops]);
    table.row(["before that".to_owned(), "checks it, tries it on a copy, backs up what is there".to_owned()]);
    Answer::new(plan, View::Table(table)).found(plan.findings.clone())
}

fn restored(done: &Restored) -> Answer {
    let mut lines = vec![format!("{} restored from {}: {} files, {}", done.name, done.from, done.totals.files, human_bytes(done.totals.bytes))];
    lines.extend(done.safety.iter().map(|id| format!("what was there before is in {id}")));
    lines.extend(done.kept.iter().map(|kept| format!("and in {kept}; `xtask restore {} --confirm` removes it", done.name)));
    let findings = done.findings.clone();
    Answer::new(done, text(lines.join("\n"))).found(findings)
}

fn settle(session: &Session, project: &Project, source: &Source, back: bool) -> Result<Answer> {
    let settled = if back {
        restore::undo(project, source, &session.events)?.map(|label| (label, InForce::Old))
    } else {
        restore::resume(project, source, &session.events)?
    };
    let Some((label, in_force)) = settled else {
        return Ok(Answer::new(&json!({ "pending": false }), text(format!("no restore of {} is pending", source.name()))));
    };
    let which = in_force.text();
    let outcome = if in_force == InForce::Old { "reverted" } else { "ok" };
    session.note_done(project, "restore", source.name(), outcome, Some("settled after a kill"), json!({ "from": label }));
    Ok(Answer::new(&json!({ "from": label, "in-force": which }), text(format!("settled: the {which} data of {} is in force", source.name()))))
}

fn confirm(source: &Source) -> Result<Answer> {
    let removed = restore::confirm(source)?;
    let shown = removed.iter().map(|path| format!("removed {}", path.display())).collect::<Vec<_>>();
    let line = if shown.is_empty() { "no old folder is kept".to_owned() } else { shown.join("\n") };
    Ok(Answer::new(&json!({ "removed": removed }), text(line)))
}

fn elsewhere(session: &Session, picked: &Picked, to: &Path) -> Result<Answer> {
    let to = session.folder()?.join(to);
    if session.global.dry_run {
        return Ok(Answer::new(&json!({ "to": to }), text(format!("would unpack {} into {}", picked.label, to.display()))));
    }
    let (totals, findings) = restore::elsewhere(picked, &to)?;
    let line = format!("{} files, {} in {}", totals.files, human_bytes(totals.bytes), to.display());
    Ok(Answer::new(&json!({ "to": to, "totals": totals }), text(line)).found(findings))
}
