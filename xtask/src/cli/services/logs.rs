//! `services logs [-f] [--tail N] [SERVICE]`: Compose writes to the terminal itself; with `--json` the lines are in the document.

use serde_json::json;

use super::{Session, stack};
use crate::{
    kernel::{Error, Result},
    report::{Answer, View},
    services,
};

pub(super) fn run(session: &Session, names: &[String], tail: Option<usize>, follow: bool) -> Result<Answer> {
    let stack = stack(session)?;
    if session.global.json {
        if follow {
            return Err(Error::usage("--follow has no end, and --json prints one document at the end").hint("leave out one of the two"));
        }
        let lines = services::last_logs(&stack, names, tail)?;
        let logs: Vec<_> = lines.into_iter().map(|(service, lines)| json!({ "service": service, "lines": lines })).collect();
        return Ok(Answer::new(&json!({ "logs": logs }), View::Nothing));
    }
    let status = services::logs(&stack, names, tail, follow)?;
    if !status.success() {
        return Err(Error::unexpected(format!("Compose could not show the logs ({status})")));
    }
    Ok(Answer::new(&json!({}), View::Nothing))
}
