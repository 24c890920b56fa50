//! `ci`: this repository's own checks, all of them, in the order in which they fail fastest. Each runs even when one before it failed.

use std::{path::Path, time::Instant};

use serde_json::json;

use super::{Session, args::CiArgs};
use crate::{
    effects::process::{self, Program},
    kernel::{Error, Finding, Kind, Result, human_duration},
    report::{Answer, Table, View},
};

/// A step: its name, and the words of its command.
type Step = (&'static str, &'static [&'static str]);

const STEPS: [Step; 10] = [
    ("format", &["cargo", "fmt", "--all", "--check"]),
    ("clippy", &["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]),
    ("docs", &["cargo", "doc", "--workspace", "--no-deps", "--locked", "--document-private-items"]),
    ("pipelines", &["cargo", "run", "--quiet", "--locked", "--package", "xtask", "--bin", "xtask", "--", "workflows", "--check"]),
    ("own", &["cargo", "run", "--quiet", "--locked", "--package", "xtask", "--bin", "xtask", "--", "check", "--only", "config,versions,build,env"]),
    ("zizmor", &["zizmor", "--persona", "auditor", "--offline", "--quiet", ".github"]),
    ("schema", &["check-jsonschema", "--builtin-schema", "vendor.github-workflows", CI, DRILL, PRUNE, RELEASE, ROLLBACK]),
    ("action", &["check-jsonschema", "--builtin-schema", "vendor.github-actions", ".github/actions/xtask/action.yml"]),
    ("tests", &["cargo", "test", "--workspace", "--locked", "--lib", "--bins", "--examples", "--test", "it"]),
    // They wait for containers more than they compute: more at once than cores.
    ("live", &["cargo", "test", "--locked", "--package", "xtask", "--test", "live", "--", "--test-threads", "4"]),
];

const CI: &str = ".github/workflows/ci.yml";
const DRILL: &str = ".github/workflows/drill.yml";
const PRUNE: &str = ".github/workflows/prune.yml";
const RELEASE: &str = ".github/workflows/release.yml";
const ROLLBACK: &str = ".github/workflows/rollback.yml";

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Passed,
    Failed,
    /// Its tool isn't installed.
    Skipped,
}

impl Ended {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Skipped => "SKIPPED",
        }
    }
}

pub(super) fn run(session: &Session, args: &CiArgs) -> Result<Answer> {
    let steps = chosen(&args.only)?;
    let root = session.project()?.root;
    let mut table = Table::new(["step", "result", "time"]);
    let mut results = Vec::new();
    let mut failed = false;
    for (name, words) in steps {
        session.events.step(format!("{name}: {}", words.join(" ")));
        let began = Instant::now();
        let ended = step(session, words, &root)?;
        let took = human_duration(began.elapsed());
        table.row([name, ended.word(), &took]);
        failed |= ended == Ended::Failed;
        results.push(json!({ "step": name, "passed": ended == Ended::Passed, "skipped": ended == Ended::Skipped }));
    }
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

/// Runs one step with the terminal: test runners' own lines are what people look for. A tool that isn't there is skipped aloud, except in a
/// pipeline: there a skip would pass for a check.
fn step(session: &Session, words: &[&str], root: &Path) -> Result<Ended> {
    let Some((program, args)) = words.split_first() else { return Ok(Ended::Passed) };
    if process::find(program).is_none() {
        let strict = ["CI", "XTASK_CI_STRICT"].iter().any(|name| std::env::var(name).is_ok_and(|value| value == "true" || value == "1"));
        let finding = Finding::warning("step-skipped", format!("SKIPPED: `{program}` is not installed")).hint(".ci/setup installs it");
        session.events.warn(finding);
        return Ok(if strict { Ended::Failed } else { Ended::Skipped });
    }
    let program = Program::new(program).args(args).folder(root).env("RUSTDOCFLAGS", "--deny warnings");
    Ok(if program.interactive_beside()?.success() { Ended::Passed } else { Ended::Failed })
}
