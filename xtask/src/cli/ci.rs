//! `ci`: this repository's own checks, all of them, in the order in which they fail fastest. Each runs even when one before it failed.

use std::time::Instant;

use serde_json::json;

use super::{Session, args::CiArgs};
use crate::{
    effects::process::Program,
    kernel::{Error, Kind, Result, human_duration},
    report::{Answer, Table, View},
};

/// A step: its name, and the words of its command.
type Step = (&'static str, &'static [&'static str]);

const STEPS: [Step; 4] = [
    ("format", &["cargo", "fmt", "--all", "--check"]),
    ("clippy", &["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]),
    ("docs", &["cargo", "doc", "--workspace", "--no-deps", "--locked", "--document-private-items"]),
    ("tests", &["cargo", "test", "--workspace", "--locked"]),
];

pub(super) fn run(session: &Session, args: &CiArgs) -> Result<Answer> {
    let steps = chosen(&args.only)?;
    let root = session.project()?.root;
    let mut table = Table::new(["step", "result", "time"]);
    let mut results = Vec::new();
    for (name, words) in steps {
        session.events.step(format!("{name}: {}", words.join(" ")));
        let began = Instant::now();
        let passed = step(words, &root)?;
        let took = human_duration(began.elapsed());
        table.row([name, if passed { "passed" } else { "FAILED" }, &took]);
        results.push(json!({ "step": name, "passed": passed }));
    }
    let failed = results.iter().any(|result| result.get("passed") == Some(&json!(false)));
    let answer = Answer::new(&json!({ "steps": results }), View::Table(table));
    Ok(if failed { answer.of_kind(Kind::Findings) } else { answer })
}

fn chosen(only: &[String]) -> Result<Vec<Step>> {
    if let Some(unknown) = only.iter().find(|name| !STEPS.iter().any(|(known, _)| known == name)) {
        let known = STEPS.map(|(name, _)| name).join(", ");
        return Err(Error::usage(format!("there is no step `{unknown}`")).hint(format!("steps: {known}")));
    }
    Ok(STEPS.into_iter().filter(|(name, _)| only.is_empty() || only.iter().any(|wanted| wanted == name)).collect())
}

/// Runs one step with the terminal: test runners' own lines are what people look for.
fn step(words: &[&str], root: &std::path::Path) -> Result<bool> {
    let Some((program, args)) = words.split_first() else { return Ok(true) };
    let program = Program::new(program).args(args).folder(root).env("RUSTDOCFLAGS", "--deny warnings");
    Ok(program.interactive()?.success())
}
