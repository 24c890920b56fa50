//! `incident`: collect, isolate, resume; without a verb the checklist of the first ten minutes.

mod checklist;
mod collect;
mod isolate;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Session;
use crate::{effects::patience::Patience, kernel::Result, report::Answer};

/// While it is held, nothing that is only asked takes longer than this: in an incident whatever is asked may hang.
fn patience() -> Patience {
    Patience::usual()
}

#[derive(Debug, Args)]
pub(crate) struct IncidentArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// One redacted zip with logs and state, for support; nothing is sent anywhere
    Collect(CollectArgs),
    /// Stop the memory layer; run a command without the integrations' variables
    Isolate {
        /// The command and its arguments
        #[arg(last = true, value_name = "CMD")]
        command: Vec<String>,
    },
    /// Start what ran before isolating
    Resume,
}

#[derive(Debug, Args)]
struct CollectArgs {
    /// Lines of each service's log
    #[arg(long, default_value_t = 500, value_name = "N")]
    tail: usize,
    /// Services' logs since then, e.g. 2h or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// The bundle [default: .xtask/incidents/NAME-TIME.zip]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl IncidentArgs {
    pub(crate) fn name(&self) -> &'static str {
        match self.verb {
            None => "incident",
            Some(Verb::Collect(_)) => "incident collect",
            Some(Verb::Isolate { .. }) => "incident isolate",
            Some(Verb::Resume) => "incident resume",
        }
    }
}

pub(super) fn run(session: &Session, args: &IncidentArgs) -> Result<Answer> {
    match &args.verb {
        None => checklist::run(session),
        Some(Verb::Collect(args)) => collect::run(session, args),
        Some(Verb::Isolate { command }) => isolate::run(session, command),
        Some(Verb::Resume) => isolate::resume(session),
    }
}
