//! `backup`: makes verified backups; `list`, `verify` and `prune` look after those that are there.

mod list;
mod prune;
mod verify;

use serde_json::{Value, json};

use super::{Session, session::text};
use crate::{
    backup::{self, Done, Options, Source},
    config::Project,
    kernel::{Error, Kind, Result, human_bytes},
    report::{Answer, Table, View},
};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_precedence_over_arg = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Sub>,
    /// Which ones [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Stop the server, copy, start it again, instead of copying it while it runs
    #[arg(long)]
    cold: bool,
    /// Take the backup as good although it is empty or shrank
    #[arg(long)]
    accept: bool,
    /// Copy the data folder out of the container although it isn't in the volume
    #[arg(long, conflicts_with = "cold")]
    outside: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Sub {
    /// Age, size, when verified, what is in it
    List {
        /// Which ones [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Read every byte and compare with the manifest
    Verify(verify::Args),
    /// Remove what the rules don't keep; print keep, remove and reasons
    Prune(prune::Args),
}

impl Args {
    pub(crate) fn name(&self) -> &'static str {
        match self.command {
            None => "backup",
            Some(Sub::List { .. }) => "backup list",
            Some(Sub::Verify(_)) => "backup verify",
            Some(Sub::Prune(_)) => "backup prune",
        }
    }
}

pub(super) fn run(session: &Session, args: &Args) -> Result<Answer> {
    let project = session.project()?;
    match &args.command {
        Some(Sub::List { names }) => list::run(&project, names),
        Some(Sub::Verify(args)) => verify::run(session, &project, args),
        Some(Sub::Prune(args)) => prune::run(session, &project, args),
        None => make(session, &project, args),
    }
}

fn make(session: &Session, project: &Project, args: &Args) -> Result<Answer> {
    let specs = backup::select(project, &args.names)?;
    if session.global.dry_run {
        return plan(project, args);
    }
    let options = Options { cold: args.cold, accept: args.accept, outside: args.outside, safety: false };
    let mut outcomes = Vec::new();
    // One that fails must not keep the others from being made.
    for spec in specs {
        let done = Source::resolve(project, spec).and_then(|source| backup::run(project, &source, options, &session.events));
        record(session, project, &spec.name, &done);
        outcomes.push((spec.name.clone(), done));
    }
    answer(outcomes)
}

fn record(session: &Session, project: &Project, name: &str, done: &Result<Done>) {
    let (outcome, reason, data) = match done {
        Ok(done) if done.manifest.verified.is_some() => ("ok", None, json!({ "id": done.manifest.id })),
        Ok(done) => ("findings", done.manifest.suspicion.clone(), json!({ "id": done.manifest.id })),
        Err(error) => (error.kind().outcome(), Some(error.chain()), Value::Null),
    };
    session.note_done(project, "backup", name, outcome, reason.as_deref(), data);
}

/// A single failure is the command's failure, with its own exit code; among several the others' results are shown beside it.
fn answer(mut outcomes: Vec<(String, Result<Done>)>) -> Result<Answer> {
    if outcomes.len() == 1
        && let Some((_, Err(error))) = outcomes.pop_if(|(_, done)| done.is_err())
    {
        return Err(error);
    }
    let mut table = Table::new(["backup", "id", "size", "files", "holds", "verified"]);
    let (mut data, mut findings, mut worst) = (Vec::new(), Vec::new(), None);
    for (name, done) in outcomes {
        match done {
            Ok(done) => {
                table.row(row(&name, &done));
                data.push(summary(&done));
                findings.extend(done.findings);
            }
            Err(error) => {
                table.row([name.clone(), "none".into(), String::new(), String::new(), error.chain(), "no".into()]);
                data.push(json!({ "name": name, "error": error.chain(), "hints": error.hints(), "exit": error.kind().exit_code() }));
                worst = Some(worst.map_or(error.kind(), |kind| heavier(kind, error.kind())));
            }
        }
    }
    let answer = Answer::new(&json!({ "backups": data }), View::Table(table)).found(findings);
    Ok(match worst {
        Some(kind) => answer.of_kind(kind),
        None => answer,
    })
}

fn heavier(a: Kind, b: Kind) -> Kind {
    let weight = |kind: Kind| match kind {
        Kind::Mismatch => 3,
        Kind::Unexpected => 2,
        _ => 1,
    };
    if weight(b) > weight(a) { b } else { a }
}

fn row(name: &str, done: &Done) -> [String; 6] {
    let manifest = &done.manifest;
    let verified = if manifest.verified.is_some() { "yes" } else { "no" };
    [name.to_owned(), manifest.id.clone(), human_bytes(manifest.archive.size), manifest.totals.files.to_string(), manifest.holds(), verified.into()]
}

fn summary(done: &Done) -> Value {
    let mut value = describe(&done.manifest);
    if let Some(object) = value.as_object_mut() {
        object.insert("pruned".into(), json!(done.pruned));
    }
    value
}

/// A manifest without its entries.
fn describe(manifest: &backup::Manifest) -> Value {
    let mut value = serde_json::to_value(manifest).unwrap_or(Value::Null);
    if let Some(object) = value.as_object_mut() {
        object.remove("entries");
    }
    value
}

fn plan(project: &Project, args: &Args) -> Result<Answer> {
    let mut lines = Vec::new();
    for spec in backup::select(project, &args.names)? {
        let source = Source::resolve(project, spec)?;
        lines.push(format!("{}: {} -> {}", source.name(), source.described(args.cold), source.store.folder().display()));
    }
    Ok(Answer::new(&json!({ "plan": lines }), text(lines.join("\n"))))
}

/// Sources by name with their store; for the other commands.
fn sources(project: &Project, names: &[String]) -> Result<Vec<Source>> {
    backup::select(project, names)?.into_iter().map(|spec| Source::resolve(project, spec)).collect()
}

fn no_such(id: &str) -> Error {
    Error::usage(format!("there is no backup with the id `{id}`")).hint("`xtask backup list` shows them")
}
