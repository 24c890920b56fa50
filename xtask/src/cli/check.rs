//! `check`: every finding at once, from every room; `--only` picks groups.

use serde_json::json;

use super::{
    Session,
    args::{CheckArgs, Group},
    forges,
};
use crate::{
    config::{Artifact, Build, Project},
    effects::process,
    incident,
    kernel::{Error, Finding, Kind, Result, Severity},
    release::{build, facts::Facts, preflight, subject::Choice},
    report::{Answer, Table, View},
    services,
    versions::{Tree as _, WorkTree},
};

pub(super) fn run(session: &Session, args: &CheckArgs) -> Result<Answer> {
    let project = session.project()?;
    let groups: Vec<Group> = if args.only.is_empty() { Group::ALL.to_vec() } else { args.only.clone() };
    let mut findings = Vec::new();
    let mut table = Table::new(["group", "result"]);
    for group in &groups {
        let found = look(session, &project, *group, args)?;
        table.row([group.name().to_owned(), summary(&found)]);
        findings.extend(found);
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let data = json!({ "groups": groups.iter().map(|group| group.name()).collect::<Vec<_>>(), "errors": count(Severity::Error), "warnings": count(Severity::Warning) });
    Ok(Answer::new(&data, View::Table(table)).found(findings))
}

/// One group. Something that can't be looked at is a finding too: the others are still shown.
pub(super) fn look(session: &Session, project: &Project, group: Group, args: &CheckArgs) -> Result<Vec<Finding>> {
    let found = match group {
        Group::Config => Ok(Vec::new()),
        Group::Versions => versions(project, args),
        Group::Tag => tag(project, args),
        Group::Build => build_tools(project),
        Group::Env => incident::env::check(project),
        Group::Tools => Ok(incident::tools::check(project)),
        Group::Logs => incident::logs::check(project),
        Group::Forge => forge(session, project, args),
        Group::Services => Ok(services::check(project)),
        Group::Rollback => super::rollback::check(session, project, args.forge),
    };
    session.events.note(format!("looked at {}", group.name()));
    found.or_else(|error| match error.kind() {
        Kind::Interrupted => Err(error),
        _ => Ok(as_finding(group, &error)),
    })
}

fn as_finding(group: Group, error: &Error) -> Vec<Finding> {
    let finding = Finding::error(&format!("{}-unknown", group.name()), error.chain());
    let finding = error.hints().iter().fold(finding, |finding, hint| finding.hint(hint));
    error.found().iter().cloned().chain([finding]).collect()
}

fn summary(found: &[Finding]) -> String {
    let count = |severity| found.iter().filter(|finding| finding.severity == severity).count();
    let of = |count: usize, word: &str| (count > 0).then(|| format!("{count} {word}{}", if count == 1 { "" } else { "s" }));
    let words: Vec<String> =
        [of(count(Severity::Error), "error"), of(count(Severity::Warning), "warning"), of(count(Severity::Note), "note")].into_iter().flatten().collect();
    if words.is_empty() { "ok".into() } else { words.join(", ") }
}

/// The tag that was named or is at HEAD; none means that sources are only compared with each other.
fn choice(project: &Project, args: &CheckArgs) -> Result<Choice> {
    if let Some(tag) = &args.tag {
        return Ok(Choice::Tag(tag.clone()));
    }
    let facts = Facts::gather(&project.git()?)?;
    Ok(if facts.tags_at_head(&project.config.tag).len() == 1 { Choice::TagAtHead } else { Choice::Snapshot })
}

fn versions(project: &Project, args: &CheckArgs) -> Result<Vec<Finding>> {
    let git = project.git()?;
    let facts = Facts::gather(&git)?;
    let tagged = choice(project, args)?;
    if tagged != Choice::Snapshot {
        let ground = preflight::survey(project, &tagged)?;
        return Ok(preflight::versions(&project.config, &ground));
    }
    let sources = preflight::sources(project, &git, &facts.head, !facts.dirty.is_empty())?;
    match sources.current().cloned() {
        Some(current) => Ok(sources.check(&current, project.config.prerelease)),
        None if project.config.sources.is_empty() => {
            Ok(vec![Finding::warning("no-version-source", "xtask.toml lists no [[version.source]]: nothing is compared with the tag").hint(
                "add one: `file = \"VERSION\"`, or any file with `pattern = \"version = {version}\"`; `xtask init --dry-run` shows what it would propose",
            )])
        }
        None => Ok(sources.findings),
    }
}

fn tag(project: &Project, args: &CheckArgs) -> Result<Vec<Finding>> {
    let choice = choice(project, args)?;
    let git = project.git()?;
    let facts = Facts::gather(&git)?;
    if choice == Choice::Snapshot && preflight::sources(project, &git, &facts.head, false)?.current().is_none() && facts.known(&project.config.tag).is_empty() {
        return Ok(vec![Finding::note("no-tag", "there is no tag yet, and no source holds a version")]);
    }
    let ground = preflight::survey(project, &choice)?;
    Ok(preflight::repository(&project.config, &ground, &[], false))
}

fn build_tools(project: &Project) -> Result<Vec<Finding>> {
    let artifacts = &project.config.artifacts;
    let needs_cargo = artifacts.iter().any(|artifact| matches!(artifact.build, Build::Cargo(_)));
    let mut findings = Vec::new();
    if needs_cargo && process::find("cargo").is_none() {
        findings.push(Finding::error("tool-missing", "`cargo` was not found, and an artifact is built by it").hint("install Rust: https://rustup.rs"));
    }
    if needs_cargo && !WorkTree::new(&project.root)?.files().iter().any(|file| file == build::LOCK) {
        let finding = Finding::error("lock-missing", "there is no Cargo.lock in git, and programs are built exactly as it says");
        findings.push(finding.hint(build::LOCK_REMEDY));
    }
    findings.extend(artifacts.iter().filter_map(first_program));
    if artifacts.is_empty() {
        let finding = Finding::warning("no-artifact", "xtask.toml lists no [[artifact]]: there is nothing to release");
        findings.push(finding.hint("add one with `cargo`, `run` or `files`"));
    }
    Ok(findings)
}

/// What the first command line starts; those after it may use what it installs. A warning: another machine may be the one that builds.
fn first_program(artifact: &Artifact) -> Option<Finding> {
    let Build::Run(lines) = &artifact.build else { return None };
    let word = process::words(lines.first()?).into_iter().next()?;
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) && !word.starts_with('.');
    let missing = plain && !SHELLS_OWN.contains(&word.as_str()) && process::find(&word).is_none();
    let message = || format!("`{word}` was not found here, and artifact `{}` is built with it", artifact.name);
    missing.then(|| Finding::warning("tool-missing", message()).hint(format!("install {word}, or change the artifact's `run` in xtask.toml")))
}

/// Words that a shell knows itself.
const SHELLS_OWN: [&str; 24] = [
    "alias", "case", "cd", "command", "echo", "eval", "exec", "exit", "export", "false", "for", "if", "printf", "read", "readonly", "set", "test", "trap",
    "true", "type", "ulimit", "umask", "until", "while",
];

fn forge(session: &Session, project: &Project, args: &CheckArgs) -> Result<Vec<Finding>> {
    let forge = forges::open(session, project, args.forge)?;
    let ground = preflight::survey(project, &choice(project, args)?)?;
    let intent = preflight::intent(&ground, Vec::new());
    let mut findings = preflight::forge(forge.as_ref(), &intent, &forge.survey()?)?;
    findings.extend(forge.inspect(&intent)?);
    Ok(findings)
}
