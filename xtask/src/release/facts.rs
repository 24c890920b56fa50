//! What git says about the place that a release is made from. Gathered once; everything after decides on these values.

use crate::{
    effects::git::{Git, Refs, TagRef},
    kernel::{Error, Result, Tag, TagTemplate},
};

/// The repository at this moment.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The commit at HEAD.
    pub head: String,
    /// How many commits lead to it (those that a shallow clone has). Counted for snapshots only: it means walking through all of history.
    pub commits: Option<u64>,
    /// Its committer time in Unix seconds.
    pub time: i64,
    /// Whether history was cut off.
    pub shallow: bool,
    /// All tags.
    pub tags: Vec<TagRef>,
    /// All branches, by their short names.
    pub branches: Vec<String>,
    /// Whether HEAD changes workflows of GitHub Actions.
    pub changes_workflows: bool,
    /// What differs from HEAD or is untracked, ignored files aside.
    pub dirty: Vec<String>,
}

/// Why there is no commit at HEAD.
fn headless(named: bool) -> Error {
    if named {
        return Error::usage("the commit at HEAD can't be read: this repository is damaged or was copied in part").hint("look: git fsck; then clone it anew");
    }
    Error::usage("this repository has no commit yet: there is nothing to release").hint("commit your work first: git add -A && git commit")
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| Err(Error::unexpected("asking git broke off")))
}

impl Facts {
    /// Asks git.
    pub fn gather(git: &Git) -> Result<Self> {
        // Each question starts a git of its own, and none needs another's answer.
        let (head, refs, dirty) = std::thread::scope(|scope| {
            let refs = scope.spawn(|| git.refs());
            let dirty = scope.spawn(|| git.dirty());
            (git.look("HEAD", ".github/workflows"), joined(refs), joined(dirty))
        });
        let Some(head) = head? else { return Err(headless(git.has_head()?)) };
        let Refs { tags, branches } = refs?;
        Ok(Self {
            commits: None,
            time: head.time,
            shallow: git.is_shallow()?,
            tags,
            branches,
            dirty: dirty?,
            changes_workflows: head.changes,
            head: head.commit,
        })
    }

    /// The tag of that name.
    pub fn tag(&self, name: &str) -> Option<&TagRef> {
        self.tags.iter().find(|tag| tag.name == name)
    }

    /// Tags at HEAD that fit the template, highest version first.
    pub fn tags_at_head(&self, template: &TagTemplate) -> Vec<Tag> {
        let at_head = self.tags.iter().filter(|tag| tag.commit == self.head);
        let mut tags: Vec<Tag> = at_head.filter_map(|tag| template.matches(&tag.name)).collect();
        tags.sort_by(|a, b| b.version.cmp(&a.version));
        tags
    }

    /// All tags that fit the template, highest version first.
    pub fn known(&self, template: &TagTemplate) -> Vec<Tag> {
        let mut tags: Vec<Tag> = self.tags.iter().filter_map(|tag| template.matches(&tag.name)).collect();
        tags.sort_by(|a, b| b.version.cmp(&a.version));
        tags
    }
}
