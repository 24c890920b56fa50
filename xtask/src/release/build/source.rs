//! A clean checkout of the commit, outside the work tree. Files are the commit's bytes: no line-ending conversion, no keyword expansion.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::{
    config::Project,
    effects::{
        files,
        git::{self, Git},
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
            git::SUBMODULE => None,
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
    let over = if plan.subject.dirty { Some((git.root().to_owned(), changes(&git, commit)?)) } else { None };
    let mut source = Source { root: root.into(), files: list(&Git::at(root), commit, "")?, over };
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
    checkout.fetch_from(git, commit)?;
    checkout.switch_to(git, commit)
}

/// Every file of the commit, those of its submodules too, as the checkout has them.
fn list(checkout: &Git, commit: &str, below: &str) -> Result<Vec<SourceFile>> {
    let mut found = Vec::new();
    for entry in checkout.tree(commit)? {
        let path = format!("{below}{}", entry.path);
        match FileKind::of_mode(entry.mode) {
            Some(kind) => found.push(SourceFile { path, kind }),
            None if checkout.root().join(&entry.path).join(".git").exists() => {
                found.extend(list(&Git::at(&checkout.root().join(&entry.path)), &entry.object, &format!("{path}/"))?);
            }
            // A gitlink that no .gitmodules knows: git itself leaves such a folder empty.
            None => {}
        }
    }
    Ok(found)
}

/// What differs in the work tree. A repository within it has a history of its own, and no path here stands for its changes.
fn changes(git: &Git, commit: &str) -> Result<Vec<String>> {
    let (dirty, inner) = (git.dirty()?, git.submodules(commit)?);
    let is_submodule = |path: &String| inner.iter().any(|entry| entry.path == *path);
    match dirty.iter().find(|path| path.ends_with('/') || is_submodule(path)) {
        Some(inner) => Err(Error::refused(format!("{inner} is a git repository of its own: --allow-dirty can't take in what changed there"))
            .hint("commit it there and here, or add it to .gitignore")),
        None => Ok(dirty),
    }
}
