//! Carries a bump out: journal, files, commit, tag. Never pushes.
//!
//! Killed anywhere, the same command goes on: the journal remembers which version a level meant, each file is written atomically, and what is
//! done already is left alone.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::{
    config::{PrereleasePolicy, SourceSpec},
    effects::{
        files,
        git::{Git, Refs},
    },
    kernel::{Error, Finding, Result, Tag, TagTemplate, Version},
    ledger::Journal,
    versions::{Kind, Level, Tree, disagreements, read, tags},
};

const JOURNAL: &str = "bump";

/// What is wanted besides the edits.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What was typed: `minor`, `1.3.0`.
    pub asked: String,
    /// Commit the files.
    pub commit: bool,
    /// Tag that commit.
    pub tag: Option<Tag>,
}

/// A bump that was begun: the journal's detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    asked: String,
    from: Version,
    to: Version,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// The commit that holds the new version, where one was asked for.
    pub commit: Option<String>,
    /// The tag, where one was asked for.
    pub tag: Option<String>,
    /// The command that makes it public.
    pub push: Option<String>,
}

/// The version that is asked for: counted from what the sources say, or the one that an interrupted run had begun with.
pub fn target(tree: &dyn Tree, specs: &[SourceSpec], state: &Path, wanted: (&str, &Level)) -> Result<Version> {
    let (asked, level) = wanted;
    let begun = Journal::load::<Begun>(state, JOURNAL)?.map(|(_, begun)| begun);
    match begun {
        Some(begun) if begun.asked == asked || *level == Level::Exactly(begun.to.clone()) => Ok(begun.to),
        Some(begun) if !is_untouched(tree, specs, &begun)? => {
            let journal = state.join("journal").join(format!("{JOURNAL}.json"));
            Err(Error::refused(format!("a bump from {} to {} was begun and not ended", begun.from, begun.to))
                .hint(format!("finish it: `xtask bump {}`", begun.to))
                .hint(format!("or take it back: restore the files with git, and remove {}", journal.display())))
        }
        _ => level.after(&super::current(tree, specs)?),
    }
}

/// Whether nothing of a begun bump was written, or all of it was taken back: no source has moved, and no change log names the new version.
fn is_untouched(tree: &dyn Tree, specs: &[SourceSpec], begun: &Begun) -> Result<bool> {
    let places = read(tree, specs)?.places;
    let moved = disagreements(&places, &begun.from, PrereleasePolicy::Strict).iter().any(|finding| finding.code != "changelog-missing");
    let named = places.iter().any(|place| place.kind == Kind::Heading && place.version.as_ref() == Some(&begun.to));
    Ok(!moved && !named)
}

/// Everything that speaks against it, before anything is touched.
pub fn preflight(git: &Git, state: &Path, plan: &Plan, wanted: &Wanted, template: &TagTemplate) -> Result<Vec<Finding>> {
    if !wanted.commit {
        return Ok(Vec::new());
    }
    let mut findings = Vec::new();
    if Journal::load::<Begun>(state, JOURNAL)?.is_none() {
        findings.extend(changed_before(git, plan)?);
    }
    if git.commit("HEAD")?.is_some() && git.branch()?.is_none() {
        findings
            .push(Finding::error("git-detached-head", "HEAD is detached: the commit would belong to no branch").hint("switch to a branch: `git switch main`"));
    }
    if let Err(error) = git.program().args(["var", "GIT_COMMITTER_IDENT"]).read() {
        let finding = Finding::error("git-identity", format!("git doesn't know who commits: {}", error.chain()));
        findings.push(finding.hint("run `git config user.name NAME` and `git config user.email ADDRESS`"));
    }
    if let Some(tag) = &wanted.tag {
        findings.extend(tag_findings(git, plan, tag, template)?);
    }
    Ok(findings)
}

/// What was edited by hand before must not slip into the commit.
fn changed_before(git: &Git, plan: &Plan) -> Result<Vec<Finding>> {
    let dirty = git.dirty()?;
    let touched = plan.changes.iter().filter(|change| dirty.contains(&change.file));
    let finding = |file: &String| {
        Finding::error("dirty-tree", "it has changes that are not committed, which the version's commit would take along")
            .hint("commit or stash them first, or bump without --commit")
            .file(file)
    };
    Ok(touched.map(|change| finding(&change.file)).collect())
}

fn tag_findings(git: &Git, plan: &Plan, tag: &Tag, template: &TagTemplate) -> Result<Vec<Finding>> {
    let Refs { tags: all, branches } = git.refs()?;
    if let Some(there) = all.iter().find(|other| other.name == tag.name) {
        let ours = plan.changes.is_empty() && Some(&there.commit) == git.commit("HEAD")?.as_ref();
        let finding = Finding::error("tag-exists", format!("the tag `{tag}` exists already, at commit {}", there.commit.get(..12).unwrap_or(&there.commit)));
        let finding = finding.hint("a version is released once: choose the next one").hint(format!("if it was never pushed: `git tag --delete {tag}`"));
        return Ok(if ours { Vec::new() } else { vec![finding] });
    }
    let names: Vec<String> = all.into_iter().map(|tag| tag.name).collect();
    let tagged: Vec<Version> = names.iter().filter_map(|name| template.matches(name)).map(|tag| tag.version).collect();
    Ok(tags::findings(&tag.name, template, &tags::Around { branches: &branches, tags: &names, released: &tagged }))
}

/// Writes, commits, tags. What fails in between is finished by the same command.
pub fn apply(root: &Path, state: &Path, plan: &Plan, wanted: &Wanted) -> Result<Done> {
    let begun = Begun { asked: wanted.asked.clone(), from: plan.from.clone(), to: plan.to.clone() };
    let mut journal = Journal::new(state, JOURNAL, &format!("bump from {} to {}", plan.from, plan.to), &resume(plan, wanted), None);
    journal.write("writing files", &begun)?;
    for file in &plan.files {
        files::sweep(files::parent(&root.join(file)))?;
    }
    for change in &plan.changes {
        files::write(&root.join(&change.file), &change.bytes).map_err(partial)?;
    }
    let done = if wanted.commit { commit(&Git::at(root), plan, wanted).map_err(partial)? } else { Done::default() };
    journal.close()?;
    Ok(done)
}

fn resume(plan: &Plan, wanted: &Wanted) -> String {
    let flags = [(wanted.commit, " --commit"), (wanted.tag.is_some(), " --tag")];
    flags.iter().filter(|(on, _)| *on).fold(format!("xtask bump {}", plan.to), |line, (_, flag)| line + flag)
}

fn partial(error: Error) -> Error {
    error.of_kind(crate::kernel::Kind::Partial).hint("mend that; the same command again goes on from there")
}

fn commit(git: &Git, plan: &Plan, wanted: &Wanted) -> Result<Done> {
    let dirty = git.dirty()?;
    let files: Vec<&str> = plan.files.iter().filter(|file| dirty.contains(file)).map(String::as_str).collect();
    if !files.is_empty() {
        git.commit_only(&files, &format!("Version {}", plan.to))?;
    }
    if let Some(tag) = &wanted.tag
        && !git.refs()?.tags.iter().any(|other| other.name == tag.name)
    {
        git.tag_annotated(&tag.name, &format!("Version {}", plan.to))?;
    }
    let tag = wanted.tag.as_ref().map(|tag| tag.name.clone());
    Ok(Done { commit: git.commit("HEAD")?, push: push(git, tag.as_deref())?, tag })
}

/// Branch and tag arrive together or not at all.
fn push(git: &Git, tag: Option<&str>) -> Result<Option<String>> {
    let Some(branch) = git.branch()? else { return Ok(None) };
    Ok(Some(match tag {
        Some(tag) => format!("git push --atomic origin {branch} {tag}"),
        None => format!("git push origin {branch}"),
    }))
}
