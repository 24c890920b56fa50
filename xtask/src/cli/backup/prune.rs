//! `backup prune`: what the rules keep and remove, with reasons; then, asked, removes.

use serde_json::json;

use super::{
    super::{Session, session::Go},
    sources,
};
use crate::{
    backup::{self, Decision, Source},
    config::Project,
    effects::clock,
    kernel::Result,
    report::{Answer, Table, View},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which ones [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

pub(super) fn run(session: &Session, project: &Project, args: &Args) -> Result<Answer> {
    let mut plans: Vec<(Source, Vec<Decision>)> = Vec::new();
    for source in sources(project, &args.names)? {
        let plan = backup::prune_plan(&source, clock::now())?;
        plans.push((source, plan));
    }
    let gone = plans.iter().flat_map(|(_, plan)| plan).filter(|decision| !decision.keep).count();
    let answer = show(&plans);
    if gone == 0 {
        return Ok(answer);
    }
    let plural = if gone == 1 { "" } else { "s" };
    if session.go_on(&format!("remove {gone} backup{plural}?"), &answer)? == Go::OnlyThePlan {
        return Ok(answer);
    }
    for (source, _) in &plans {
        let _lock = backup::lock(project, source.name(), "prune backups")?;
        // Decided again under the lock: another run may have changed what is there.
        for decision in backup::prune(source, &backup::prune_plan(source, clock::now())?, &session.events)? {
            session.ledger(project).record("backup prune", &decision.id, "ok", Some(&decision.reasons.join("; ")), serde_json::Value::Null)?;
        }
    }
    Ok(answer)
}

fn show(plans: &[(Source, Vec<Decision>)]) -> Answer {
    let mut table = Table::new(["backup", "decision", "why"]);
    for decision in plans.iter().flat_map(|(_, plan)| plan) {
        table.row([decision.id.clone(), if decision.keep { "keep" } else { "remove" }.into(), decision.reasons.join("; ")]);
    }
    let data: Vec<_> = plans.iter().map(|(source, plan)| json!({ "name": source.name(), "decisions": plan })).collect();
    Answer::new(&json!({ "plans": data }), View::Table(table))
}
