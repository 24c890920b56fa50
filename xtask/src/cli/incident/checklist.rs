//! `incident` without a verb: the runbook's checklist in its order. Each step shows what was found and the command for the next; on a terminal it asks.

use std::io::IsTerminal as _;

use serde::Serialize;

use super::{super::Session, CollectArgs, collect, isolate as isolate_command, patience};
use crate::{
    config::Project,
    effects::{files, process},
    incident::{bundle, isolate, tools},
    kernel::{Finding, Kind, Result},
    report::{Answer, Table, View},
};

/// One step.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Step {
    step: &'static str,
    found: Vec<String>,
    command: String,
    /// What this program can do by itself, if somebody says yes.
    #[serde(skip)]
    act: Option<Act>,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Collect,
    Isolate,
    Resume,
}

impl Act {
    fn question(self) -> &'static str {
        match self {
            Self::Collect => "collect them now?",
            Self::Isolate => "stop the services now?",
            Self::Resume => "start the services again now?",
        }
    }

    fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::Collect => collect::run(session, &CollectArgs { tail: 500, since: None, out: None }),
            Self::Isolate => isolate_command::run(session, &[]),
            Self::Resume => isolate_command::resume(session),
        }
    }
}

impl Step {
    fn new(step: &'static str, found: Vec<String>, command: impl Into<String>) -> Self {
        Self { step, found, command: command.into(), act: None }
    }

    fn that_can(self, act: Act) -> Self {
        Self { act: Some(act), ..self }
    }
}

pub(super) fn run(session: &Session) -> Result<Answer> {
    let steps = steps(session)?;
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

/// What is found at each step. One that can't be looked at says so: the others are needed all the same.
fn steps(session: &Session) -> Result<[Step; 4]> {
    let _patience = patience();
    let project = session.project()?;
    let or_told = |step, command: &'static str, found: Result<Step>| {
        found.unwrap_or_else(|error| Step::new(step, vec![format!("can't be told: {}", error.chain())], command))
    };
    Ok([
        or_told("collect logs", "xtask incident collect", collecting(&project)),
        dependencies(&project),
        or_told("isolate", "xtask incident isolate -- CMD", isolating(&project)),
        rolling_back(&project),
    ])
}

/// Asks at each step that this program can do by itself. No is no reason to stop, and neither is something that fails: the next step may help.
fn walk(session: &Session, steps: &[Step; 4]) -> Result<()> {
    for (index, step) in steps.iter().enumerate() {
        session.reporter.show(&View::Text(format!("{}. {}\n   {}\n   {}\n", index + 1, step.step, step.found.join("\n   "), step.command)));
        let Some(act) = step.act else { continue };
        match session.reporter.confirm(act.question()).and_then(|()| act.run(session)) {
            Ok(answer) => session.reporter.show(&answer.view),
            Err(error) if error.kind() == Kind::Interrupted => return Err(error),
            Err(error) if error.kind() == Kind::Unconfirmed => {}
            Err(error) => session.events.warn(error.hints().iter().fold(Finding::warning("incident-step", error.chain()), |finding, hint| finding.hint(hint))),
        }
    }
    Ok(())
}

fn collecting(project: &Project) -> Result<Step> {
    let (entries, left_out) = bundle::plan(project)?;
    let logs = entries.iter().filter(|name| name.starts_with("logs/")).count();
    let mut found = vec![format!("{logs} logs to collect, {} can't or needn't come", left_out.len())];
    found.extend(files::list(&project.state().join("incidents"))?.pop().map(|last| format!("last bundle: .xtask/incidents/{last}")));
    Ok(Step::new("collect logs", found, "xtask incident collect").that_can(Act::Collect))
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
    Step::new("verify dependencies", found, "xtask check --only tools,env")
}

fn isolating(project: &Project) -> Result<Step> {
    if let Some(noted) = isolate::noted(project)? {
        let names = noted.iter().map(|stopped| stopped.service.as_str()).collect::<Vec<_>>().join(", ");
        return Ok(Step::new("isolate", vec![format!("isolated already; stopped: {names}")], "xtask incident resume").that_can(Act::Resume));
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
    let step = Step::new("isolate", found, "xtask incident isolate -- CMD");
    Ok(if plan.stop.is_empty() { step } else { step.that_can(Act::Isolate) })
}

/// The version before the newest full release that has a tag here.
fn rolling_back(project: &Project) -> Step {
    let tags = project.git().and_then(|git| git.refs()).unwrap_or_default().tags;
    let mut known: Vec<_> = tags.iter().filter_map(|tag| project.config.tag.matches(&tag.name)).filter(|tag| !tag.version.is_prerelease()).collect();
    known.sort_by(|a, b| b.version.cmp(&a.version));
    let (found, command) = match known.as_slice() {
        [newest, previous, ..] => (vec![format!("newest: {newest}, before it: {previous}")], format!("xtask rollback --to {previous}")),
        [only] => (vec![format!("only {only} was released: nothing to go back to")], "xtask releases".into()),
        [] => (vec!["no release has a tag here".into()], "xtask releases".into()),
    };
    let backups = project.config.backups.iter().map(|backup| format!("if data is corrupt: xtask restore {}", backup.name));
    let codex = process::find("docker").is_none().then(|| "docker is not installed: services can't be rolled back from here".to_owned());
    Step::new("roll back if needed", found.into_iter().chain(backups).chain(codex).collect(), command)
}
