//! The command line: one declaration ([`args`]), then one short file a command. A command resolves, checks, acts, answers.

pub(crate) mod args;
mod backup;
mod build;
mod bump;
mod check;
mod ci;
mod drill;
mod env;
mod forges;
mod incident;
mod init;
mod install;
mod plan;
mod prune;
mod redact;
mod release;
mod releases;
mod restore;
mod rollback;
mod services;
mod session;
mod show;
mod status;
mod texts;
mod verify;
mod workflows;

pub(crate) use session::Session;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::{
    incident::secrets,
    kernel::{Error, Kind, Result},
    report::{Answer, Reporter, Style},
};
use args::{Cli, Command};

/// Parses the command line, runs the command, reports, and says how the process ends.
pub fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let style = Style::detect(cli.global.json, cli.global.quiet, cli.global.verbose > 0, cli.global.color);
    session::start_tracing(cli.global.verbose);
    let session = Session::new(cli.global, Reporter::new(style));
    session.catch_interrupts(cli.command.name());
    mask_secrets(&session);
    let outcome = run(&session, &cli.command);
    session.reporter.claim_the_end();
    ExitCode::from(tell(&session, cli.command.name(), outcome))
}

/// Reports how it ended, and gives the exit code. A result that couldn't be written (a full disk) is no success.
fn tell(session: &Session, command: &str, outcome: Result<Answer>) -> u8 {
    let error = match outcome {
        Ok(answer) => match session.reporter.answer(command, &answer) {
            Ok(()) => return answer.kind.map_or(0, Kind::exit_code),
            Err(error) => error,
        },
        Err(error) => error,
    };
    session.reporter.error(command, &error);
    error.kind().exit_code()
}

/// In a pipeline, what env files hold is hidden from here on. Tokens came from the runner, which hides them already: they are never printed.
fn mask_secrets(session: &Session) {
    if session.reporter.style().actions
        && let Ok(project) = session.project()
    {
        let secrets = secrets::of_files(&project);
        session.reporter.mask(secrets.iter().filter_map(|secret| std::str::from_utf8(&secret.value).ok()));
    }
}

fn run(session: &Session, command: &Command) -> Result<Answer> {
    match command {
        Command::Bump(args) => bump::run(session, args),
        Command::Backup(args) => backup::run(session, args),
        Command::Restore(args) => restore::run(session, args),
        Command::Drill(args) => drill::run(session, args),
        Command::Services(command) => services::run(session, command),
        Command::Init(args) => init::run(session, args),
        Command::Check(args) => check::run(session, args),
        Command::Plan(args) => plan::run(session, args),
        Command::Build(args) => build::run(session, args),
        Command::Verify(args) => verify::run(session, args),
        Command::Release(args) => release::run(session, args),
        Command::Releases(args) => releases::run(session, args),
        Command::Rollback(args) => rollback::run(session, args),
        Command::Install(args) => install::run(session, args),
        Command::Prune(args) => prune::run(session, args),
        Command::Incident(args) => incident::run(session, args),
        Command::Redact(args) => redact::run(session, args),
        Command::Env(args) => env::run(session, args),
        Command::Status(args) => status::run(session, args),
        Command::History(args) => status::history(session, args),
        Command::Workflows(args) => workflows::run(session, args),
        Command::Ci(args) => ci::run(session, args),
        Command::Schema => Ok(texts::schema()),
        Command::Completions(args) => Ok(texts::completions(args)),
        Command::Man => texts::man(),
    }
}

/// Wrong use is reported like every other failure, so that `--json` holds then too.
fn parse() -> Result<Cli, ExitCode> {
    let matches = Cli::command().try_get_matches();
    matches.and_then(|matches| Cli::from_arg_matches(&matches)).map_err(|error| {
        if !error.use_stderr() || !std::env::args().any(|arg| arg == "--json") {
            // Help, a version or a usage message that can't be printed has no other place to go.
            let _ = error.print();
        } else {
            let style = Style::detect(true, false, false, crate::report::Colour::Auto);
            let text = error.render().to_string();
            let message = match error.kind() {
                clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a subcommand or an argument is missing".to_owned(),
                _ => text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
            };
            Reporter::new(style).error("xtask", &Error::usage(message).hint("see `xtask --help`"));
        }
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}
