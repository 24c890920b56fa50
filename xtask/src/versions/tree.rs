//! What the files are read from: the work tree, any commit, or a handful of texts.
//!
//! One trait, so that the same code checks what is about to be released and every tag of a history.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    effects::{files, git::Git},
    kernel::{Context as _, Result},
};

/// Files by their path relative to the repository's root, with `/`.
pub trait Tree {
    /// Every regular file, sorted by bytes.
    fn files(&self) -> &[String];

    /// A file's bytes; `None` where there is no such file.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>>;
}

/// What lies in the folder now: tracked files, and untracked ones that git doesn't ignore.
pub struct WorkTree {
    root: PathBuf,
    files: Vec<String>,
}

impl WorkTree {
    /// Lists them. Outside of git every file counts.
    pub fn new(root: &Path) -> Result<Self> {
        let mut files = match Git::discover(root) {
            Ok(git) => tracked(&git)?,
            Err(_) => files::walk(root)?,
        };
        files.retain(|path| !path.starts_with(".xtask/") && root.join(path).symlink_metadata().is_ok_and(|meta| meta.is_file()));
        files.sort();
        files.dedup();
        Ok(Self { root: root.into(), files })
    }
}

fn tracked(git: &Git) -> Result<Vec<String>> {
    let listed = git.program().args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).read()?;
    Ok(listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

impl Tree for WorkTree {
    fn files(&self) -> &[String] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        if contains(&self.files, path) { files::read(&self.root.join(path)).map(Some) } else { Ok(None) }
    }
}

/// What a commit holds.
pub struct CommitTree<'g> {
    git: &'g Git,
    files: Vec<String>,
    objects: BTreeMap<String, String>,
    commit: String,
}

impl<'g> CommitTree<'g> {
    /// Lists them.
    pub fn new(git: &'g Git, commit: &str) -> Result<Self> {
        const FILE: u32 = 0o100_000;
        let entries = git.tree(commit)?.into_iter().filter(|entry| entry.mode & 0o170_000 == FILE);
        let objects: BTreeMap<_, _> = entries.map(|entry| (entry.path, entry.object)).collect();
        Ok(Self { git, files: objects.keys().cloned().collect(), objects, commit: commit.into() })
    }
}

impl Tree for CommitTree<'_> {
    fn files(&self) -> &[String] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some(object) = self.objects.get(path) else { return Ok(None) };
        let context = || format!("read {path} of commit {}", self.commit);
        let captured = self.git.program().args(["cat-file", "blob", object]).capture().context(context)?;
        captured.status.success().then_some(Some(captured.stdout)).context(context)
    }
}

/// A tree with some files replaced: what it will be once a plan is carried out.
pub struct Overlay<'t> {
    below: &'t dyn Tree,
    changed: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl<'t> Overlay<'t> {
    /// Nothing replaced yet.
    pub fn new(below: &'t dyn Tree) -> Self {
        Self { below, changed: RefCell::default() }
    }

    /// Replaces a file that is there.
    pub fn set(&self, path: &str, bytes: Vec<u8>) {
        self.changed.borrow_mut().insert(path.into(), bytes);
    }
}

impl Tree for Overlay<'_> {
    fn files(&self) -> &[String] {
        self.below.files()
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self.changed.borrow().get(path) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => self.below.read(path),
        }
    }
}

/// Whether a sorted list holds a path.
pub fn contains(files: &[String], path: &str) -> bool {
    files.binary_search_by(|file| file.as_str().cmp(path)).is_ok()
}

/// The folder of a path, without a slash at its end; empty for the root.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last part of a path.
pub fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// `folder` and `rest` as one path, with `.` and `..` resolved; `None` when it leads out of the repository.
pub fn join(folder: &str, rest: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in rest.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// A few texts, for tests.
#[cfg(test)]
pub struct Texts {
    files: Vec<String>,
    texts: BTreeMap<String, Vec<u8>>,
}

#[cfg(test)]
impl Texts {
    /// Of path and text.
    pub fn of<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = (impl Into<String>, T)>) -> Self {
        let texts: BTreeMap<_, _> = texts.into_iter().map(|(path, text)| (path.into(), text.as_ref().to_vec())).collect();
        Self { files: texts.keys().cloned().collect(), texts }
    }
}

#[cfg(test)]
impl Tree for Texts {
    fn files(&self) -> &[String] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.texts.get(path).cloned())
    }
}
