//! `incident` without a verb: the runbook's checklist in its order. Each step shows what was found and the command for the next; on a terminal it asks.

use std::io::IsTerminal as _;

use serde::Serialize;

use super::{super::Session, CollectArgs, collect, isolate as isolate_command};
use crate::{
    config::Project,
    effects::{files, process},
    incident::{bundle, isolate, tools},
    kernel::{Kind, Result},
    report::{Answer, Table, View},
};

/// One step.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Step {
    step: &'static str,
    found: Vec<String>,
    command: String,
}

pub(super) fn run(session: &Session) -> Result<Answer> {
    let project = session.project()?;
    let steps = [collecting(&project)?, dependencies(&project), isolating(&project)?, rolling_back(&project)];
    let asks = std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !session.global.json && !session.global.dry_run && !session.global.yes;
    if asks {
        walk(session, &steps)?;
    }
    let mut table = Table::new(["step", "found", "command"]);
    for (index, step) in steps.iter().enumerate() {
        table.row([format!("{}. {}", index + 1, step.step), step.found.join("\n"), step.command.clone()]);
    }
    Ok(Answer::new(&serde_json::json!({ "steps": steps }), View::Table(table)))
}

/// Asks at each step that this program can do by itself; no is no reason to stop.
fn walk(session: &Session, steps: &[Step; 4]) -> Result<()> {
    let [collecting, dependencies, isolating, _] = steps;
    for (step, act) in [(collecting, Some(0)), (dependencies, None), (isolating, Some(1))] {
        session.reporter.show(&View::Text(format!("{}\n  {}\n", step.step, step.found.join("\n  "))));
        let Some(act) = act else { continue };
        match session.reporter.confirm(&format!("{}?", step.command)) {
            Ok(()) => {
                let answer =
                    if act == 0 { collect::run(session, &CollectArgs { tail: 500, since: None, out: None })? } else { isolate_command::run(session, &[])? };
                session.reporter.show(&answer.view);
            }
            Err(error) if error.kind() == Kind::Unconfirmed => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn collecting(project: &Project) -> Result<Step> {
    let (entries, left_out) = bundle::plan(project)?;
    let logs = entries.iter().filter(|name| name.starts_with("logs/")).count();
    let mut found = vec![format!("{logs} logs to collect, {} can't or needn't come", left_out.len())];
    found.extend(files::list(&project.state().join("incidents"))?.pop().map(|last| format!("last bundle: .xtask/incidents/{last}")));
    Ok(Step { step: "collect logs", found, command: "xtask incident collect".into() })
}

fn dependencies(project: &Project) -> Step {
    let states = tools::look(project);
    let found = states.iter().map(|(state, _)| {
        let version = state.found.as_deref().map(|found| format!(" {found}")).unwrap_or_default();
        let wanted = state.wanted.as_deref().map(|wanted| format!(" (wanted: {wanted})")).unwrap_or_default();
        format!("{}{version}{wanted}: {}", state.name, state.state)
    });
    let found: Vec<String> = found.collect();
    let found = if found.is_empty() { vec!["xtask.toml lists no [[tool]]".into()] } else { found };
    Step { step: "verify dependencies", found, command: "xtask check --only tools,env".into() }
}

fn isolating(project: &Project) -> Result<Step> {
    if let Some(noted) = isolate::noted(project)? {
        let names = noted.iter().map(|stopped| stopped.service.as_str()).collect::<Vec<_>>().join(", ");
        return Ok(Step { step: "isolate", found: vec![format!("isolated already; stopped: {names}")], command: "xtask incident resume".into() });
    }
    let plan = isolate::plan(project);
    let list = |what: &str, names: Vec<&str>| (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")));
    let mut found: Vec<String> = [
        list("running", plan.stop.iter().map(|stop| stop.service.as_str()).collect()),
        list("integrations that are set", plan.unset.iter().chain(&plan.empty).map(String::as_str).collect()),
    ]
    .into_iter()
    .flatten()
    .chain(plan.note.clone())
    .collect();
    if found.is_empty() {
        found.push("no service runs, no integration is set".into());
    }
    Ok(Step { step: "isolate", found, command: "xtask incident isolate -- CMD".into() })
}

/// The version before the newest full release that has a tag here.
fn rolling_back(project: &Project) -> Step {
    let tags = project.git().and_then(|git| git.tags()).unwrap_or_default();
    let mut known: Vec<_> = tags.iter().filter_map(|tag| project.config.tag.matches(&tag.name)).filter(|tag| !tag.version.is_prerelease()).collect();
    known.sort_by(|a, b| b.version.cmp(&a.version));
    let (found, command) = match known.as_slice() {
        [newest, previous, ..] => (vec![format!("newest: {newest}, before it: {previous}")], format!("xtask rollback --to {previous}")),
        [only] => (vec![format!("only {only} was released: nothing to go back to")], "xtask releases".into()),
        [] => (vec!["no release has a tag here".into()], "xtask releases".into()),
    };
    let backups = project.config.backups.iter().map(|backup| format!("if data is corrupt: xtask restore {}", backup.name));
    let codex = process::find("docker").is_none().then(|| "docker is not installed: services can't be rolled back from here".to_owned());
    Step { step: "roll back if needed", found: found.into_iter().chain(backups).chain(codex).collect(), command }
}
