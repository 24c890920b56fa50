//! `services harden`: the plan, a question, the migration. The same command goes on after a kill.

use serde_json::json;

use super::Session;
use crate::{
    cli::session::Go,
    kernel::Result,
    report::{Answer, View},
    services::{Stack, harden},
};

pub(super) fn run(session: &Session) -> Result<Answer> {
    let project = session.project()?;
    let plan = match harden::pending(&project)? {
        Some(plan) => plan,
        None => harden::plan(&project, &Stack::open(&project)?)?,
    };
    let shown = Answer::new(&json!({ "plan": plan }), View::Text(plan.text()));
    if session.go_on("Migrate the services?", &shown)? == Go::OnlyThePlan {
        return Ok(shown);
    }
    let done = harden::execute(&project, plan, &session.events)?;
    let backups: Vec<_> = done.items.iter().filter_map(|item| item.backup.clone()).collect();
    let text = format!("hardened; backups: {}", if backups.is_empty() { "none".into() } else { backups.join(", ") });
    Ok(Answer::new(&json!({ "done": done }), View::Text(text)))
}
