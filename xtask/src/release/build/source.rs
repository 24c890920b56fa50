//! A clean checkout of the commit, outside the work tree. Files are the commit's bytes: no line-ending conversion, no keyword expansion.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::{
    config::Project,
    effects::{
        files,
        git::{Git, TreeEntry},
    },
    kernel::{Error, Events, Result},
    release::plan::ReleasePlan,
};

/// The checkout.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its root.
    pub root: PathBuf,
    /// The commit's files, sorted by bytes.
    pub files: Vec<SourceFile>,
    /// The work tree and the paths in it that go over the commit's: `--allow-dirty`.
    over: Option<(PathBuf, Vec<String>)>,
}

/// One of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative to the root, with `/`.
    pub path: String,
    /// What git says that it is.
    pub kind: FileKind,
}

/// What sort of file git holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Mode 0644.
    Plain,
    /// Mode 0755.
    Executable,
    /// A symbolic link.
    Link,
}

/// The mode that stands for a submodule in git's trees.
const SUBMODULE: u32 = 0o160_000;

impl FileKind {
    pub(super) fn of(look: files::Look) -> Self {
        match look {
            files::Look { link: true, .. } => Self::Link,
            files::Look { executable: true, .. } => Self::Executable,
            files::Look { .. } => Self::Plain,
        }
    }

    /// None for a submodule, which is no file.
    fn of_mode(mode: u32) -> Option<Self> {
        match mode {
            0o100_755 => Some(Self::Executable),
            0o120_000 => Some(Self::Link),
            SUBMODULE => None,
            _ => Some(Self::Plain),
        }
    }
}

impl Source {
    /// Makes it what it was before anything was built in it: what isn't of the commit goes, ignored files too; uncommitted changes come again.
    pub fn renew(&self) -> Result<()> {
        Git::at(&self.root).clean()?;
        self.overlay().map(drop)
    }

    /// Lays the uncommitted changes over the commit's files; tells what is there then of each path.
    fn overlay(&self) -> Result<Vec<SourceFile>> {
        let Some((from, paths)) = &self.over else { return Ok(Vec::new()) };
        // A file may have become a folder, or a folder a file or a link: first all that changed goes, then what is there now comes.
        paths.iter().try_for_each(|path| files::remove(&self.root.join(path)))?;
        let there = paths.iter().filter(|path| files::exists(&from.join(path)) && !files::is_folder(&from.join(path)));
        there.map(|path| self.lay_over(from, path)).collect()
    }

    fn lay_over(&self, from: &Path, path: &str) -> Result<SourceFile> {
        let to = self.root.join(path);
        files::create_dir(files::parent(&to))?;
        files::remove(&to)?;
        let look = files::clone_entry(&from.join(path), &to)?;
        Ok(SourceFile { path: path.into(), kind: FileKind::of(look) })
    }

    /// A file's path on this machine.
    pub fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }
}

/// Brings the checkout at `root` to the plan's commit; a warm one is reused.
pub(super) fn prepare(project: &Project, plan: &ReleasePlan, root: &Path, events: &Events) -> Result<Source> {
    let git = project.git()?;
    let commit = &plan.subject.commit;
    if let Err(error) = refresh(&git, commit, root) {
        events.note(format!("the checkout is made anew ({})", error.chain()));
        files::remove_dir(root)?;
        git.checkout_to(commit, root)?;
    }
    let entries = git.tree(commit)?;
    let over = if plan.subject.dirty { Some((git.root().to_owned(), changes(&git, &entries)?)) } else { None };
    let mut source = Source { root: root.into(), files: list(entries), over };
    let changed = source.overlay()?;
    let gone: BTreeSet<&String> = source.over.iter().flat_map(|(_, paths)| paths).collect();
    source.files.retain(|file| !gone.contains(&file.path));
    source.files.extend(changed);
    source.files.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
    Ok(source)
}

fn refresh(git: &Git, commit: &str, root: &Path) -> Result<()> {
    if !root.join(".git").exists() {
        return if files::exists(root) { Err(Error::unexpected("it was left half made")) } else { git.checkout_to(commit, root) };
    }
    let checkout = Git::at(root);
    checkout.fetch_from(git.root(), commit)?;
    checkout.switch_to(commit)
}

fn list(entries: Vec<TreeEntry>) -> Vec<SourceFile> {
    let file = |entry: TreeEntry| FileKind::of_mode(entry.mode).map(|kind| SourceFile { path: entry.path, kind });
    entries.into_iter().filter_map(file).collect()
}

/// What differs in the work tree. A repository within it has a history of its own, and no path here stands for its changes.
fn changes(git: &Git, entries: &[TreeEntry]) -> Result<Vec<String>> {
    let dirty = git.dirty()?;
    let is_submodule = |path: &String| entries.iter().any(|entry| entry.mode == SUBMODULE && entry.path == *path);
    match dirty.iter().find(|path| path.ends_with('/') || is_submodule(path)) {
        Some(inner) => Err(Error::refused(format!("{inner} is a git repository of its own: --allow-dirty can't take in what changed there"))
            .hint("commit it there and here, or add it to .gitignore")),
        None => Ok(dirty),
    }
}
