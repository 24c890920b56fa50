//! The only room that writes to the terminal: events to standard error, one answer to standard output; a person, a script and GitHub
//! Actions each get their own form of the same values.

mod actions;
mod answer;
mod events;
mod table;

pub use answer::{Answer, View};
pub use table::Table;

use std::io::{IsTerminal as _, Write as _};

use crate::kernel::{Context as _, Error, Events, Finding, Kind, Result, Severity};

/// How to report: as asked for on the command line and by the environment.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// One JSON document on standard output.
    pub json: bool,
    /// Only warnings and errors.
    pub quiet: bool,
    /// Also what child processes print.
    pub verbose: bool,
    /// Colour on standard error.
    pub colour: bool,
    /// Running under GitHub Actions.
    pub actions: bool,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Style {
    /// Looks at the environment and the terminal.
    pub fn detect(json: bool, quiet: bool, verbose: bool, colour: Colour) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let colour = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => std::io::stderr().is_terminal() && !set("NO_COLOR"),
        };
        Self { json, quiet, verbose, colour, actions: std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true") }
    }
}

/// Turns what happens into bytes.
pub struct Reporter {
    style: Style,
    screen: std::sync::Arc<events::Screen>,
}

impl Reporter {
    /// A reporter for this run.
    pub fn new(style: Style) -> Self {
        Self { style, screen: std::sync::Arc::new(events::Screen::new(style)) }
    }

    /// How this run reports.
    pub fn style(&self) -> Style {
        self.style
    }

    /// Where rooms send their events.
    pub fn events(&self) -> Events {
        let screen = self.screen.clone();
        Events::to(move |event| screen.show(event))
    }

    /// Tells the runner of GitHub Actions values that it must hide in whatever any program prints from now on.
    pub fn mask<'a>(&self, values: impl IntoIterator<Item = &'a str>) {
        if self.style.actions {
            values.into_iter().flat_map(actions::masks).for_each(|line| self.screen.line(&line));
        }
    }

    /// A run has one end: the first to come here tells it, whoever comes later (an interrupt, or what it broke) waits for the process to end.
    pub fn claim_the_end(&self) {
        static CLAIMED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
        while CLAIMED.swap(true, std::sync::atomic::Ordering::SeqCst) {
            std::thread::park();
        }
    }

    /// The end of a command that went well: the result to standard output. Fails where that can't be written, a closed pipe aside.
    pub fn answer(&self, command: &str, answer: &Answer) -> Result<()> {
        self.screen.close();
        self.findings(&answer.findings);
        let document = answer.document(command);
        let text = if self.style.json { format!("{document}\n") } else { answer.view.render() };
        let written = self.out(&text);
        actions::finish(self.style, command, answer);
        written.context(|| "write the result to standard output".into())
    }

    /// The end of a command that failed: the message, its causes and what to do; with `--json` the document too.
    pub fn error(&self, command: &str, error: &Error) {
        self.screen.close();
        self.findings(error.found());
        self.screen.line(&format!("{} {}", self.screen.paint(Severity::Error, "error:"), error.chain()));
        for hint in error.hints() {
            self.screen.line(&format!("  {} {hint}", self.screen.dim("try:")));
        }
        if self.style.json {
            // The message is on standard error, the exit code says it too.
            let _ = self.out(&format!("{}\n", answer::error_document(command, error)));
        }
        actions::failed(self.style, command, error);
    }

    fn findings(&self, findings: &[Finding]) {
        for finding in findings.iter().filter(|finding| !self.screen.was_shown(finding)) {
            self.screen.finding(finding);
            actions::annotate(self.style, finding);
        }
    }

    /// Standard output is the result's; a closed pipe (`| head`) is the reader's choice, not our failure.
    fn out(&self, text: &str) -> std::io::Result<()> {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }

    /// Asks a yes-or-no question on the terminal; without one it refuses, naming the flag to give.
    pub fn confirm(&self, question: &str) -> Result<()> {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Err(Error::new(Kind::Unconfirmed, format!("`{question}` needs an answer, and there is no terminal to ask on"))
                .hint("look at the plan with --dry-run, then give --yes"));
        }
        self.screen.prompt(&format!("{question} [y/N] "));
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        match (read, answer.trim()) {
            (Ok(_), "y" | "Y" | "yes" | "Yes") => Ok(()),
            _ => Err(Error::new(Kind::Unconfirmed, "not confirmed: nothing was changed")),
        }
    }

    /// Shows something on standard error that belongs to the conversation, not to the result: a plan before its question.
    pub fn show(&self, view: &View) {
        self.screen.line(view.render().trim_end());
    }
}
