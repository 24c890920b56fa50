//! `workflows`: writes the GitHub Actions pipelines, or says with a diff that they drifted.

use serde_json::json;
use similar::TextDiff;

use super::Session;
use crate::{
    config::Project,
    effects::files,
    kernel::{Error, Finding, Result},
    release::workflows::{self, MARK, Pipeline},
    report::{Answer, Table, View},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing; say what differs
    #[arg(long)]
    check: bool,
    /// Replace files that something else made, even where git doesn't hold them
    #[arg(long, conflicts_with = "check")]
    force: bool,
}

/// A pipeline, and what is there now.
struct Seen {
    pipeline: Pipeline,
    now: Option<String>,
}

impl Seen {
    fn drifted(&self) -> bool {
        self.now.as_deref() != Some(&self.pipeline.text)
    }

    fn state(&self) -> &'static str {
        match &self.now {
            None => "missing",
            Some(_) if self.drifted() => "drifted",
            Some(_) => "as it should be",
        }
    }

    fn diff(&self) -> String {
        let now = self.now.as_deref().unwrap_or_default();
        let path = self.pipeline.path;
        TextDiff::from_lines(now, &self.pipeline.text).unified_diff().header(path, &format!("{path} (from xtask.toml)")).to_string()
    }
}

pub(super) fn run(session: &Session, args: &Args) -> Result<Answer> {
    let project = session.project()?;
    let seen = look(&project)?;
    if args.check {
        return Ok(check(&seen));
    }
    if session.global.dry_run {
        return Ok(Answer::new(&data(&seen), View::Text(seen.iter().filter(|seen| seen.drifted()).map(Seen::diff).collect())));
    }
    let findings = foreign(&project, &seen, args.force)?;
    for seen in seen.iter().filter(|seen| seen.drifted()) {
        files::write(&project.path(seen.pipeline.path), seen.pipeline.text.as_bytes())?;
    }
    let mut table = Table::new(["file", "was", "now"]);
    seen.iter().for_each(|seen| table.row([seen.pipeline.path, seen.state(), if seen.drifted() { "written" } else { "unchanged" }]));
    Ok(Answer::new(&data(&seen), View::Table(table)).found(findings))
}

fn look(project: &Project) -> Result<Vec<Seen>> {
    let pipelines = workflows::plan(&project.config, alias(project)?)?;
    // A checkout may have turned line ends around; that is no drift.
    let now = |path: &str| files::read_text_if_there(&project.path(path)).map(|text| text.map(|text| text.replace("\r\n", "\n")));
    pipelines.into_iter().map(|pipeline| Ok(Seen { now: now(pipeline.path)?, pipeline })).collect()
}

/// Whether `cargo xtask` works here, by the repository's own configuration: the user's must not change what is written.
fn alias(project: &Project) -> Result<bool> {
    let text = files::read_text_if_there(&project.path(".cargo/config.toml"))?.unwrap_or_default();
    let config: toml_edit::DocumentMut = text.parse().map_err(|error| Error::usage(".cargo/config.toml can't be read").caused_by(error))?;
    Ok(config.get("alias").and_then(|alias| alias.get("xtask")).is_some())
}

fn check(seen: &[Seen]) -> Answer {
    let drifted: Vec<&Seen> = seen.iter().filter(|seen| seen.drifted()).collect();
    let findings = drifted.iter().map(|seen| {
        let line = seen.now.as_deref().map(|now| now.lines().zip(seen.pipeline.text.lines()).take_while(|(now, wanted)| now == wanted).count() + 1);
        let finding = Finding::error("workflow-drift", format!("{} is {}", seen.pipeline.path, seen.state())).file(seen.pipeline.path).hint("xtask workflows");
        line.into_iter().fold(finding, Finding::line)
    });
    let text = if drifted.is_empty() { format!("{} files, all as xtask.toml says", seen.len()) } else { drifted.iter().map(|seen| seen.diff()).collect() };
    Answer::new(&data(seen), View::Text(text)).found(findings.collect())
}

fn data(seen: &[Seen]) -> serde_json::Value {
    let files =
        seen.iter().map(|seen| json!({ "file": seen.pipeline.path, "state": seen.state(), "diff": if seen.drifted() { seen.diff() } else { String::new() } }));
    json!({ "files": files.collect::<Vec<_>>() })
}

/// A file that something else made is replaced only where git can bring it back.
fn foreign(project: &Project, seen: &[Seen], force: bool) -> Result<Vec<Finding>> {
    let theirs = seen.iter().filter(|seen| seen.drifted() && seen.now.as_deref().is_some_and(|now| !now.starts_with(MARK)));
    let paths: Vec<&str> = theirs.map(|seen| seen.pipeline.path).collect();
    let dirty = if paths.is_empty() || force { Vec::new() } else { project.git()?.dirty()? };
    let lost = |path: &&&str| dirty.iter().any(|dirty| dirty == **path || path.starts_with(&format!("{}/", dirty.trim_end_matches('/'))));
    let refused: Vec<Finding> = paths
        .iter()
        .filter(lost)
        .map(|path| Finding::error("workflow-foreign", format!("{path} was made by something else, and no commit holds it")).file(*path))
        .collect();
    if !refused.is_empty() {
        return Err(Error::findings("nothing was written", refused).hint("commit these files first, move them away, or replace them with --force"));
    }
    Ok(paths
        .iter()
        .map(|path| {
            Finding::warning("workflow-foreign", format!("{path} was made by something else: replaced")).file(*path).hint(format!("git show HEAD:{path}"))
        })
        .collect())
}
