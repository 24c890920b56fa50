//! A clean checkout of the commit, outside the work tree. Files are the commit's bytes: no line-ending conversion, no keyword expansion.

use std::path::{Path, PathBuf};

use crate::{
    config::Project,
    effects::{files, git::Git},
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

impl Source {
    /// Takes away everything that isn't of the commit, ignored files too.
    pub fn clean(&self) -> Result<()> {
        Git::at(&self.root).clean()
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
    let mut found = list(&git, commit)?;
    if plan.subject.dirty {
        overlay(&git, root, &mut found)?;
    }
    Ok(Source { root: root.into(), files: found })
}

fn refresh(git: &Git, commit: &str, root: &Path) -> Result<()> {
    if !root.join(".git").exists() {
        return if files::exists(root) { Err(Error::unexpected("it was left half made")) } else { git.checkout_to(commit, root) };
    }
    let checkout = Git::at(root);
    checkout.fetch_from(git.root(), commit)?;
    checkout.switch_to(commit)
}

fn list(git: &Git, commit: &str) -> Result<Vec<SourceFile>> {
    let entries = git.tree(commit)?.into_iter().filter_map(|entry| {
        let kind = match entry.mode {
            0o100_755 => FileKind::Executable,
            0o120_000 => FileKind::Link,
            0o160_000 => return None,
            _ => FileKind::Plain,
        };
        Some(SourceFile { path: entry.path, kind })
    });
    Ok(entries.collect())
}

/// `--allow-dirty`: what differs in the work tree goes over the checkout, and the manifest says so.
fn overlay(git: &Git, root: &Path, found: &mut Vec<SourceFile>) -> Result<()> {
    for path in git.dirty()? {
        let (from, to) = (git.root().join(&path), root.join(&path));
        found.retain(|file| file.path != path);
        files::remove_file(&to)?;
        if files::exists(&from) {
            files::create_dir(files::parent(&to))?;
            let kind = files::clone_entry(&from, &to)?;
            found.push(SourceFile {
                path,
                kind: if kind.link {
                    FileKind::Link
                } else if kind.executable {
                    FileKind::Executable
                } else {
                    FileKind::Plain
                },
            });
        }
    }
    found.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
    Ok(())
}
