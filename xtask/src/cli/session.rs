//! One run of the program: the global options, where to report, and the project it is about.

use std::path::PathBuf;

use super::args::Global;
use crate::{
    config::Project,
    effects::{children, lock},
    kernel::{Context as _, Error, Events, Finding, Kind, Result},
    ledger::Ledger,
    report::{Answer, Reporter, View},
};

/// One run of the program.
pub(crate) struct Session {
    pub(crate) global: Global,
    pub(crate) reporter: Reporter,
    pub(crate) events: Events,
}

impl Session {
    pub(crate) fn new(global: Global, reporter: Reporter) -> Self {
        let events = reporter.events();
        Self { global, reporter, events }
    }

    /// The folder that the command was given in.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        std::env::current_dir().context(|| "find the current folder".into())
    }

    /// The project around that folder, or the one of `--config`.
    pub(crate) fn project(&self) -> Result<Project> {
        Project::open(self.global.config.as_deref(), &self.folder()?)
    }

    /// What was done in a project.
    pub(crate) fn ledger(&self, project: &Project) -> Ledger {
        Ledger::new(&project.state())
    }

    /// Writes down what was done already: that it can't be written is told beside the result, and doesn't take its place.
    pub(crate) fn note_done(&self, project: &Project, command: &str, subject: &str, outcome: &str, reason: Option<&str>, data: serde_json::Value) {
        if let Err(error) = self.ledger(project).record(command, subject, outcome, reason, data) {
            self.events.warn(Finding::warning("ledger", format!("{command} {subject}: {outcome}, and that could not be written down: {}", error.chain())));
        }
    }

    /// One release or removal at a time; a dry run touches nothing, so that it needs no lock.
    pub(crate) fn release_lock(&self, project: &Project, what: &str) -> Result<Option<lock::Lock>> {
        if self.global.dry_run {
            return Ok(None);
        }
        lock::acquire(&lock::path(&project.state(), "release"), what).map(Some)
    }

    /// What every destructive command does before it acts: `--dry-run` ends with the plan; `--yes` goes on; else the plan is shown and a
    /// person is asked.
    pub(crate) fn go_on(&self, question: &str, plan: &Answer) -> Result<Go> {
        if self.global.dry_run {
            return Ok(Go::OnlyThePlan);
        }
        if !self.global.yes {
            self.reporter.show(&plan.view);
            self.reporter.confirm(question)?;
        }
        Ok(Go::On)
    }

    /// What is wanted anyway is asked about only where a person can answer.
    pub(crate) fn ask_on_terminal(&self, question: &str, plan: &Answer) -> Result<()> {
        use std::io::IsTerminal as _;
        if self.global.yes || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Ok(());
        }
        self.reporter.show(&plan.view);
        self.reporter.confirm(question)
    }

    /// Ctrl-C: what was done stays done, journals say the rest; the document of `--json` is written then too.
    pub(crate) fn catch_interrupts(&self, command: &'static str) {
        let reporter = Reporter::new(self.reporter.style());
        let handler = move || {
            reporter.claim_the_end();
            children::end_all();
            let error = Error::new(Kind::Interrupted, "interrupted").hint("the same command again goes on; `xtask status` says what is pending");
            reporter.error(command, &error);
            leave(Kind::Interrupted.exit_code());
        };
        if let Err(error) = ctrlc::set_handler(handler) {
            tracing::warn!(%error, "Ctrl-C will end the program without a message");
        }
    }
}

#[expect(clippy::exit, reason = "an interrupt ends the process wherever its threads are; every effect is safe against that")]
fn leave(code: u8) {
    std::process::exit(code.into());
}

/// Whether to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Go {
    /// Act.
    On,
    /// `--dry-run`: the plan is the answer.
    OnlyThePlan,
}

/// `-v` shows child processes, `-vv` what this program does, `-vvv` every effect. Only this crate logs: others' logs hold headers.
pub(super) fn start_tracing(verbose: u8) {
    let level = match verbose {
        0 | 1 => "xtask=warn",
        2 => "xtask=debug",
        _ => "xtask=trace",
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(level).with_writer(std::io::stderr).without_time().with_ansi(false);
    // A program that uses this one as a library may have its own.
    let _ = subscriber.try_init();
}

/// Text as an answer's view.
pub(crate) fn text(text: impl Into<String>) -> View {
    View::Text(text.into())
}
