//! `env -- CMD`: becomes the command, with secrets from the environment or the secret command; they never lie on disk.

use clap::Args;

use super::Session;
use crate::{
    incident::{env, isolate},
    kernel::Result,
    report::{Answer, View},
};

#[derive(Debug, Args)]
pub(crate) struct EnvArgs {
    /// The command and its arguments; what it prints is its own, also with --json
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

pub(super) fn run(session: &Session, args: &EnvArgs) -> Result<Answer> {
    let project = session.project()?;
    let (program, given) = isolate::with_secrets(&project, &args.command)?;
    if session.global.dry_run {
        let text = format!("would run {}\nwith {} from the secret command", program.line(), if given.is_empty() { "nothing".into() } else { given.join(", ") });
        return Ok(Answer::new(&serde_json::json!({ "command": args.command, "given": given }), View::Text(text)));
    }
    for finding in env::unset(&project, &given)? {
        session.events.warn(finding);
    }
    Err(program.become_it())
}
