//! `drill` (alias `smoke`): proves, on a throw-away stand, that backups can be restored and that bad ones are refused.

use serde_json::json;

use super::Session;
use crate::{
    backup::{self, Source},
    config::{Engine, Project},
    drill::{self, Evidence},
    kernel::{Error, Kind, Result, human_duration},
    report::{Answer, Table, View},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which ones [default: every server's]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Leave out the negative controls
    #[arg(long)]
    quick: bool,
}

pub(super) fn run(session: &Session, args: &Args) -> Result<Answer> {
    let project = session.project()?;
    let sources = sources(&project, &args.names)?;
    if session.global.dry_run {
        let names: Vec<&str> = sources.iter().map(Source::name).collect();
        return Ok(Answer::new(&json!({ "plan": names }), super::session::text(format!("would drill {} on a throw-away stand", names.join(", ")))));
    }
    let mut all = Vec::new();
    for source in &sources {
        let evidence = drill::run(&project, source, args.quick, &session.events)?;
        let outcome = if evidence.proven { "ok" } else { "mismatch" };
        let reason = (!evidence.proven).then(|| evidence.failures.join("; "));
        let data = json!({ "recovery-seconds": evidence.recovery_seconds, "caught": evidence.caught(), "controls": evidence.controls.len() });
        session.ledger(&project).record("drill", source.name(), outcome, reason.as_deref(), data)?;
        all.push(evidence);
    }
    let proven = all.iter().all(|evidence| evidence.proven);
    let view = View::All(all.iter().map(view).collect());
    let data: Vec<_> = all.iter().map(|evidence| json!({ "evidence": evidence, "caught": evidence.caught(), "of": evidence.controls.len() })).collect();
    let answer = Answer::new(&json!({ "drills": data }), view);
    Ok(if proven { answer } else { answer.of_kind(Kind::Mismatch) })
}

fn sources(project: &Project, names: &[String]) -> Result<Vec<Source>> {
    let chosen = backup::select(project, names)?.into_iter().filter(|spec| spec.engine == Some(Engine::Redis));
    let sources = chosen.map(|spec| Source::resolve(project, spec)).collect::<Result<Vec<_>>>()?;
    if sources.is_empty() {
        return Err(
            Error::usage("no [[backup]] here has engine = \"redis\": there is no server to drill").hint("plain files are proven by `xtask backup verify`")
        );
    }
    Ok(sources)
}

fn view(evidence: &Evidence) -> View {
    let mut steps = Table::new(["step", "took", "saw"]).titled(format!("drill of {} ({}, {})", evidence.name, evidence.mode, evidence.server));
    for step in &evidence.steps {
        steps.row([step.step.clone(), format!("{:.2} s", step.seconds), step.saw.clone()]);
    }
    let mut views = vec![View::Table(steps)];
    if !evidence.controls.is_empty() {
        let mut controls = Table::new(["control", "caught", "how"]);
        for control in &evidence.controls {
            controls.row([control.control.clone(), if control.caught { "yes" } else { "NO" }.into(), control.how.clone()]);
        }
        views.push(View::Table(controls));
    }
    views.push(View::Text(verdict(evidence)));
    View::All(views)
}

fn verdict(evidence: &Evidence) -> String {
    let recovery = human_duration(std::time::Duration::from_secs_f64(evidence.recovery_seconds.max(0.0)));
    let controls = match evidence.controls.len() {
        0 => "negative controls were left out".to_owned(),
        of => format!("{} of {of} controls caught", evidence.caught()),
    };
    if evidence.proven {
        return format!("proven: the data came back as it was, in {recovery}; {controls}");
    }
    format!("NOT proven: {}; {controls}", evidence.failures.join("; "))
}
