//! `incident isolate [-- CMD]` and `incident resume`.

use serde_json::json;

use super::super::Session;
use crate::{
    effects::lock,
    incident::isolate::{self, Plan},
    kernel::{Finding, Result},
    report::{Answer, Table, View},
};

pub(super) fn run(session: &Session, command: &[String]) -> Result<Answer> {
    let project = session.project()?;
    let plan = isolate::plan(&project);
    if session.global.dry_run {
        return Ok(answer(&plan));
    }
    {
        let _lock = lock::acquire(&lock::path(&project.state(), "services"), "incident isolate")?;
        isolate::isolate(&project, &plan, &session.events)?;
        session.ledger(&project).record("incident isolate", &services(&plan), "ok", None, json!(plan))?;
    }
    if command.is_empty() {
        return Ok(answer(&plan));
    }
    if let Some(note) = &plan.note {
        session.events.warn(Finding::warning("isolate-services", note.clone()));
    }
    session.events.note("run `xtask incident resume` afterwards");
    Err(isolate::program(&plan, command).become_it())
}

fn services(plan: &Plan) -> String {
    plan.stop.iter().map(|stop| stop.service.as_str()).collect::<Vec<_>>().join(", ")
}

fn answer(plan: &Plan) -> Answer {
    let mut table = Table::new(["what", "how"]);
    plan.stop.iter().for_each(|stop| table.row([format!("service {}", stop.service), format!("stopped (container {})", stop.container)]));
    plan.stays.iter().for_each(|service| table.row([format!("service {service}"), "stays: essential".to_owned()]));
    plan.unset.iter().for_each(|name| table.row([name.clone(), "taken out of the environment".to_owned()]));
    plan.empty.iter().for_each(|name| table.row([name.clone(), "emptied, so that the env file doesn't bring it back".to_owned()]));
    let findings = plan.note.iter().map(|note| Finding::warning("isolate-services", note.clone())).collect();
    let next = View::Text("next: `xtask incident isolate -- CMD` runs a command so; `xtask incident resume` puts everything back".into());
    Answer::new(plan, View::All(vec![View::Table(table), next])).found(findings)
}

pub(super) fn resume(session: &Session) -> Result<Answer> {
    let project = session.project()?;
    if session.global.dry_run {
        let noted = isolate::noted(&project)?.unwrap_or_default();
        let mut table = Table::new(["service", "container"]);
        noted.iter().for_each(|stopped| table.row([stopped.service.clone(), stopped.container.clone()]));
        return Ok(Answer::new(&json!({ "start": noted }), View::Table(table)));
    }
    let _lock = lock::acquire(&lock::path(&project.state(), "services"), "incident resume")?;
    let Some(_) = isolate::noted(&project)? else {
        return Ok(Answer::new(&json!({ "started": [], "gone": [] }), View::Text("nothing is isolated here".into())));
    };
    let (started, gone) = isolate::resume(&project, &session.events)?;
    let names = started.iter().map(|stopped| stopped.service.as_str()).collect::<Vec<_>>().join(", ");
    session.ledger(&project).record("incident resume", &names, "ok", None, json!({ "started": started, "gone": gone }))?;
    let findings = gone
        .iter()
        .map(|gone| Finding::warning("resume-gone", format!("the container {} of {} is gone", gone.container, gone.service)).hint("xtask services up"))
        .collect();
    Ok(Answer::new(&json!({ "started": started, "gone": gone }), View::Text(format!("running again: {names}"))).found(findings))
}
