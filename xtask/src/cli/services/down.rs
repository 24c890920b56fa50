//! `services down [--volumes]`: the plan first, and a question where data goes.

use serde_json::json;

use super::Session;
use crate::{
    cli::session::Go,
    effects::lock,
    kernel::Result,
    report::{Answer, View},
    services::{self, Destroy, DownPlan, Stack},
};

pub(super) fn run(session: &Session, volumes: bool) -> Result<Answer> {
    let project = session.project()?;
    let stack = Stack::open(&project)?;
    let destroy = if volumes { Destroy::Volumes } else { Destroy::Nothing };
    let plan = services::down_plan(&stack, destroy)?;
    let answer = Answer::new(&json!({ "plan": plan }), View::Text(text(&plan)));
    if session.global.dry_run || (volumes && session.go_on("Destroy these volumes with their data?", &answer)? == Go::OnlyThePlan) {
        return Ok(answer);
    }
    let _lock = lock::acquire(&lock::path(&project.state(), "services"), "services down")?;
    services::down(&stack, destroy, &session.events)?;
    session.ledger(&project).record("services down", &stack.name, "ok", None, json!(plan))?;
    Ok(Answer::new(&json!({ "removed": plan.containers, "destroyed": plan.volumes, "kept": plan.kept }), View::Text("stopped\n".into())))
}

fn text(plan: &DownPlan) -> String {
    let line = |what: &str, names: &[String]| if names.is_empty() { String::new() } else { format!("{what}: {}\n", names.join(", ")) };
    let lines = [line("removes containers", &plan.containers), line("DESTROYS volumes", &plan.volumes), line("keeps volumes", &plan.kept)].concat();
    if lines.is_empty() { "nothing is there\n".into() } else { lines }
}
