//! A release's exact source under a higher version: its commit, the version sources bumped on top, a branch and a tag of its own, made in a worktree
//! beside the project's. The project's own work tree and branch are not touched, and nothing is pushed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use crate::{
    config::{self, Project},
    effects::{files, git::Git},
    forge::Survey,
    kernel::{Error, Events, Result, Tag, Version},
    ledger::Journal,
    versions::{
        CommitTree, WorkTree,
        bump::{self, Wanted},
    },
};

/// The journal's name.
pub const JOURNAL: &str = "reissue";

/// The journal's details.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Detail {
    /// The release whose source it is.
    pub source: String,
    /// The new tag.
    pub tag: String,
}

/// What was begun and waits, for its push or for the run that goes on.
pub fn waiting(state: &Path) -> Result<Option<(Journal, Detail)>> {
    Journal::load(state, JOURNAL)
}

/// Writes the journal: from here on `status` knows.
pub fn begin(state: &Path, plan: &Plan) -> Result<Journal> {
    let resume = format!("xtask rollback --reissue {} --yes", plan.tag);
    let mut journal = Journal::new(state, JOURNAL, &format!("{} issued again as {}", plan.source, plan.tag), &resume, Some("xtask rollback --undo --yes"));
    note(&mut journal, plan, "begun: nothing of it is public")?;
    Ok(journal)
}

/// Notes how far it is.
pub fn note(journal: &mut Journal, plan: &Plan, state: &str) -> Result<()> {
    journal.write(state, &Detail { source: plan.source.clone(), tag: plan.tag.name.clone() })
}

/// What will be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The release whose source it is: `v1.4.2`.
    pub source: String,
    /// Its commit.
    pub commit: String,
    /// The new tag: `v1.4.3`.
    pub tag: Tag,
    /// The branch that will hold it: `reissue/v1.4.3`.
    pub branch: String,
    /// For headings of change logs.
    #[serde(skip)]
    pub day: String,
}

impl Plan {
    /// The command that makes commit and tag public.
    pub fn push(&self) -> String {
        format!("git push --atomic origin {} {}", self.branch, self.tag)
    }
}

/// Decides, or says why not: updaters only go up, so the version must be above every one that was ever offered.
pub fn plan(project: &Project, survey: &Survey, manifest: &Manifest, tag: &Tag, day: &str) -> Result<Plan> {
    let offered = survey.releases.iter().filter(|release| !release.draft && release.tag != tag.name);
    let highest: Option<Version> = offered.filter_map(|release| project.config.tag.matches(&release.tag)).map(|tag| tag.version).max();
    if let Some(highest) = highest.filter(|highest| tag.version <= *highest) {
        let next = highest.semver();
        let next = project.config.tag.tag(&semver::Version::new(next.major, next.minor, next.patch + 1).into());
        return Err(Error::refused(format!("{tag} is not above {highest}, which clients may have installed: they would not take it"))
            .hint(format!("name a higher one: --reissue {next}")));
    }
    if tag.version.is_prerelease() {
        return Err(Error::usage(format!("{tag} is a prerelease: clients would not be offered it")));
    }
    let git = project.git()?;
    if git.commit(&manifest.commit)?.is_none() {
        return Err(Error::refused(format!("the commit {} of {} isn't in this clone", manifest.commit, manifest.tag)).hint("fetch it: git fetch origin --tags"));
    }
    if manifest.dirty {
        return Err(Error::refused(format!("{} was built with changes that no commit holds: its source can't be issued again", manifest.tag)));
    }
    if survey.published(&tag.name).is_some() && git.commit(&format!("refs/tags/{tag}"))?.is_none() {
        return Err(Error::refused(format!("{tag} is published already, and its tag isn't in this clone"))
            .hint("fetch it: git fetch origin --tags")
            .hint("or choose a higher version"));
    }
    made_from(project, (&manifest.tag, &manifest.commit), tag, day)?;
    let branch = format!("reissue/{tag}");
    Ok(Plan { source: manifest.tag.clone(), commit: manifest.commit.clone(), tag: tag.clone(), branch, day: day.into() })
}

/// Makes worktree, commit and tag; what an earlier run made is taken as it is when it is what it must be.
pub fn prepare(project: &Project, plan: &Plan, events: &Events) -> Result<PathBuf> {
    let git = project.git()?;
    let place = folder(project, &plan.tag.name);
    remove_worktree(&git, &place)?;
    if let Some(tagged) = git.commit(&format!("refs/tags/{}", plan.tag))? {
        made_from(project, (&plan.source, &plan.commit), &plan.tag, &plan.day)?;
        add(&git, &place, &["--detach"], &tagged)?;
        return Ok(place);
    }
    events.step(format!("{} on the branch {}, from {}", plan.tag, plan.branch, plan.source));
    add(&git, &place, &["-B", &plan.branch], &plan.commit)?;
    let at = project_at(project, &place)?;
    let edits = bump::plan(&WorkTree::new(&place)?, &at.config.sources, &plan.tag.version, &plan.day)?;
    let wanted = Wanted { asked: plan.tag.version.to_string(), commit: true, tag: Some(plan.tag.clone()) };
    let state = state(project, &plan.tag.name);
    files::remove_dir(&state)?;
    bump::apply(&place, &state, &edits, &wanted)?;
    Ok(place)
}

/// A tag of that name that was made otherwise is not ours to use.
fn made_from(project: &Project, (source, commit): (&str, &str), tag: &Tag, day: &str) -> Result<()> {
    let git = project.git()?;
    let Some(tagged) = git.commit(&format!("refs/tags/{tag}"))? else { return Ok(()) };
    if git.commit(&format!("{tagged}^"))?.as_deref() == Some(commit) && differs_by_version(project, &git, (commit, &tagged), tag, day)? {
        return Ok(());
    }
    Err(Error::refused(format!("the tag {tag} exists already, and is not {source} with a new version")).hint("choose a higher version"))
}

/// Whether a commit is another one with its version sources bumped, and nothing else. Headings name the day on which they were written.
fn differs_by_version(project: &Project, git: &Git, (old, new): (&str, &str), tag: &Tag, day: &str) -> Result<bool> {
    let config = match project.file.strip_prefix(&project.root).ok().map(files::slashes) {
        Some(file) => git.file(old, &file)?.map(|text| config::parse(&String::from_utf8_lossy(&text), &project.file)).transpose()?,
        None => None,
    };
    let sources = config.map_or_else(|| project.config.sources.clone(), |config| config.sources);
    let edits = bump::plan(&CommitTree::new(git, old)?, &sources, &tag.version, day)?;
    let (before, after) = (git.tree(old)?, git.tree(new)?);
    if before.len() != after.len() {
        return Ok(false);
    }
    for (before, after) in before.iter().zip(&after).filter(|(before, after)| before != after) {
        let change = edits.changes.iter().find(|change| change.file == after.path && (&before.path, before.mode) == (&after.path, after.mode));
        let dated = sources.iter().any(|source| source.heading.is_some() && source.file == after.path);
        let same = |change: &bump::Change| Ok::<_, Error>(dated || git.file(new, &after.path)?.is_some_and(|bytes| bytes == change.bytes));
        if !change.map(same).transpose()?.unwrap_or(false) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn add(git: &Git, place: &Path, how: &[&str], commit: &str) -> Result<()> {
    files::create_dir(files::parent(place))?;
    git.program().args(["worktree", "add", "--quiet", "--force"]).args(how).arg(place).arg(commit).read().map(drop)
}

fn remove_worktree(git: &Git, place: &Path) -> Result<()> {
    files::remove_dir(place)?;
    git.program().args(["worktree", "prune"]).read().map(drop)
}

/// The project as it is in the worktree: that commit's configuration builds that commit's source.
pub fn project(project: &Project, worktree: &Path) -> Result<Project> {
    project_at(project, worktree)
}

fn project_at(project: &Project, worktree: &Path) -> Result<Project> {
    let file = project.file.strip_prefix(&project.root).map_or_else(|_| worktree.join(config::FILE), |file| worktree.join(file));
    if !file.is_file() {
        return Ok(Project { root: worktree.into(), ..project.clone() });
    }
    let config = config::parse(&files::read_text(&file)?, &file)?;
    Ok(Project { root: worktree.into(), config, file, found: None })
}

/// It is done, or given up: worktree and journal go; branch and tag stay.
pub fn clear(project: &Project, tag: &str, journal: Journal) -> Result<()> {
    remove_worktree(&project.git()?, &folder(project, tag))?;
    files::remove_dir(&state(project, tag))?;
    journal.close()
}

fn folder(project: &Project, tag: &str) -> PathBuf {
    project.state().join("reissue").join(tag)
}

fn state(project: &Project, tag: &str) -> PathBuf {
    project.state().join("reissue").join(format!("{tag}.state"))
}
