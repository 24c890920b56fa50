//! `services up`, `services restart`, `services pull`.

use serde_json::json;

use super::{Session, stack, status::table};
use crate::{
    effects::lock,
    kernel::{Events, Result},
    report::{Answer, View},
    services::{self, ServiceStatus, Stack},
};

pub(super) fn up(session: &Session, names: &[String]) -> Result<Answer> {
    act(session, names, "up", services::up)
}

pub(super) fn restart(session: &Session, names: &[String]) -> Result<Answer> {
    act(session, names, "restart", services::restart)
}

type Act = fn(&Stack, &[String], &Events) -> Result<Vec<ServiceStatus>>;

fn act(session: &Session, names: &[String], verb: &str, act: Act) -> Result<Answer> {
    let project = session.project()?;
    let stack = Stack::open(&project)?;
    if session.global.dry_run {
        return would(&stack, names, verb);
    }
    let _lock = lock::acquire(&lock::path(&project.state(), "services"), &format!("services {verb}"))?;
    let status = act(&stack, names, &session.events)?;
    Ok(Answer::new(&json!({ "services": status }), View::Table(table(&status))))
}

pub(super) fn pull(session: &Session, names: &[String]) -> Result<Answer> {
    let stack = stack(session)?;
    if session.global.dry_run {
        return would(&stack, names, "pull");
    }
    services::pull(&stack, names, &session.events)?;
    let status = services::status(&stack)?;
    Ok(Answer::new(&json!({ "services": status }), View::Table(table(&status))))
}

fn would(stack: &Stack, names: &[String], verb: &str) -> Result<Answer> {
    let names = stack.select(names)?;
    let text = format!("would {verb} with `{}`: {}", stack.compose.flavour.words.join(" "), names.join(", "));
    Ok(Answer::new(&json!({ "plan": { "do": verb, "services": names, "project": stack.name } }), View::Text(text)))
}
