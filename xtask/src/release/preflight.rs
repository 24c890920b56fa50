//! Everything that can stand in the way of a release, found before anything is built: git, tag and version sources. All at once.

use std::path::PathBuf;

use super::{
    facts::Facts,
    plan::Targets,
    subject::{self, Choice, Subject},
};
use crate::{
    config::{Config, Project},
    effects::git::Git,
    forge::{Forge, Intent, Survey},
    kernel::{Finding, Result, Version},
    versions::{self, CommitTree, WorkTree, tags},
};

/// What is known before a plan is made.
pub struct Ground {
    /// What git says.
    pub facts: Facts,
    /// What the version sources say.
    pub sources: versions::Survey,
    /// What is released.
    pub subject: Subject,
}

/// Gathers facts and decides what is released.
pub fn survey(project: &Project, choice: &Choice) -> Result<Ground> {
    survey_beside(project, choice, &[])
}

/// The same, where parts of the release lie in folders of the work tree: what a command is given to read is no change of the project.
pub fn survey_beside(project: &Project, choice: &Choice, given: &[PathBuf]) -> Result<Ground> {
    let git = project.git()?;
    let mut facts = Facts::gather(&git)?;
    for folder in given.iter().filter_map(|folder| git.untracked_folder(folder)) {
        facts.dirty.retain(|path| !path.starts_with(&folder));
    }
    if *choice == Choice::Snapshot {
        facts.commits = Some(git.count(&facts.head)?);
    }
    let sources = sources(project, &git, of_tag(project, choice, &facts), !facts.dirty.is_empty())?;
    let subject = subject::decide(choice, &facts, &project.config.tag, sources.current(), source_date_epoch()?)?;
    Ok(Ground { facts, sources, subject })
}

/// The commit that a named tag points at: an old tag is judged by what it holds, not by what is checked out.
fn of_tag<'f>(project: &Project, choice: &Choice, facts: &'f Facts) -> &'f str {
    let Choice::Tag(name) = choice else { return &facts.head };
    let tag = project.config.tag.read_loose(name).ok().and_then(|tag| facts.tag(&tag.name));
    tag.map_or(&facts.head, |tag| &tag.commit)
}

/// What the sources say: of the commit, or of the work tree where that is what would be built.
pub fn sources(project: &Project, git: &Git, commit: &str, dirty: bool) -> Result<versions::Survey> {
    let specs = &project.config.sources;
    if dirty && git.commit("HEAD")?.as_deref() == Some(commit) {
        versions::read(&WorkTree::new(git.root())?, specs)
    } else {
        versions::read(&CommitTree::new(git, commit)?, specs)
    }
}

fn source_date_epoch() -> Result<Option<i64>> {
    let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let parsed = text.parse().map(Some);
    parsed.map_err(|_| {
        crate::kernel::Error::usage(format!("SOURCE_DATE_EPOCH is `{text}`, not a number of seconds")).hint("unset it: the commit's time is taken then")
    })
}

/// Findings about the repository and the tag.
pub fn repository(config: &Config, ground: &Ground, released: &[Version], allow_dirty: bool) -> Vec<Finding> {
    let (facts, subject) = (&ground.facts, &ground.subject);
    let mut findings = Vec::new();
    findings.extend(clean_tree(facts, allow_dirty));
    if !subject.snapshot {
        findings.extend(tag_in_place(facts, subject));
        let tags: Vec<String> = facts.tags.iter().map(|tag| tag.name.clone()).collect();
        let known: Vec<Version> = facts.known(&config.tag).into_iter().map(|tag| tag.version).filter(|version| version != subject.version()).collect();
        let released: Vec<Version> = if released.is_empty() { known } else { released.to_vec() };
        findings.extend(tags::findings(&subject.tag.name, &config.tag, &tags::Around { branches: &facts.branches, tags: &tags, released: &released }));
    } else if facts.shallow {
        findings.push(
            Finding::warning("shallow-clone", "this is a shallow clone: the number of commits in the snapshot's version is too small")
                .hint("git fetch --unshallow"),
        );
    }
    findings
}

/// Findings about the places where the version is written.
pub fn versions(config: &Config, ground: &Ground) -> Vec<Finding> {
    // A snapshot's version is made from what the sources say: nothing that a tag could disagree with.
    ground.sources.check(ground.subject.version(), config.prerelease)
}

fn clean_tree(facts: &Facts, allow_dirty: bool) -> Option<Finding> {
    const SHOWN: usize = 5;
    facts.dirty.first()?;
    let some = facts.dirty.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = facts.dirty.len().saturating_sub(SHOWN);
    let message = format!("the work tree differs from the commit: {some}{}", if more > 0 { format!(" and {more} more") } else { String::new() });
    let finding = if allow_dirty { Finding::warning("dirty-tree", message) } else { Finding::error("dirty-tree", message) };
    Some(finding.hint("commit or stash it, or add it to .gitignore; --allow-dirty builds it in and says so in release.json"))
}

fn tag_in_place(facts: &Facts, subject: &Subject) -> Option<Finding> {
    let name = &subject.tag.name;
    let short = |commit: &str| commit.get(..12).unwrap_or(commit).to_owned();
    match facts.tag(name) {
        Some(tag) if tag.commit == facts.head => None,
        Some(tag) => Some(
            Finding::error("tag-not-at-head", format!("{name} points at {}, but HEAD is {}", short(&tag.commit), short(&facts.head)))
                .hint(format!("check it out: git checkout {name}"))
                .hint("or release the new work under a new version: xtask bump"),
        ),
        None if facts.shallow => Some(
            Finding::error("tag-missing", format!("there is no tag {name} in this shallow clone")).hint("fetch tags and history: git fetch --unshallow --tags"),
        ),
        None => Some(
            Finding::error("tag-missing", format!("there is no tag {name}"))
                .hint(format!("git tag {name}"))
                .hint(format!("if it is on the remote already: git fetch origin tag {name}")),
        ),
    }
}

/// What a forge needs to know to look for obstacles.
pub fn intent(ground: &Ground, names: Vec<String>) -> Intent {
    let subject = &ground.subject;
    let tag_object = if subject.snapshot { None } else { ground.facts.tag(&subject.tag.name).map(|tag| tag.object.clone()) };
    let changes_workflows = ground.facts.changes_workflows;
    Intent { changes_workflows, tag: subject.tag.clone(), commit: subject.commit.clone(), tag_object, prerelease: subject.is_prerelease(), names }
}

/// Findings of the forge: rights, obstacles, burnt tags.
pub fn forge(forge: &dyn Forge, intent: &Intent, survey: &Survey) -> Result<Vec<Finding>> {
    let mut findings = survey.findings.clone();
    findings.extend(forge.preflight(intent, survey)?);
    Ok(findings)
}

/// The versions that a forge has published.
pub fn released(config: &Config, survey: &Survey) -> Vec<Version> {
    let published = survey.releases.iter().filter(|release| !release.draft);
    published.filter_map(|release| config.tag.matches(&release.tag)).map(|tag| tag.version).collect()
}

/// Which targets a release builds when nothing is said: snapshots are for this machine.
pub fn targets(subject: &Subject, only: &[String]) -> Targets {
    match (only.is_empty(), subject.snapshot) {
        (false, _) => Targets::Only(only.to_vec()),
        (true, true) => Targets::Host,
        (true, false) => Targets::Listed,
    }
}
