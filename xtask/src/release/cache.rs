//! The cache of the last releases: what a rollback uses while the forge can't be reached. `.xtask/cache`, or the folder `release.cache` names.
//!
//! `FOLDER/<tag>/` holds a release's files as the forge holds them. A release appears there by one rename, whole; every byte is compared with its
//! manifest when it is used, so an altered cache is as good as none.

use std::path::{Path, PathBuf};

use super::verify::{self, Verified};
use crate::{
    config::Project,
    effects::files,
    forge::{Forge, Release},
    kernel::{Error, Events, Result, Tag, TagTemplate},
};

/// How many releases are kept where `release.keep` doesn't say.
const KEEP: usize = 5;

/// The cache.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    keep: usize,
}

impl Cache {
    /// The project's cache; nothing is touched yet.
    pub fn open(project: &Project) -> Result<Self> {
        let keep = project.config.release.keep.unwrap_or(KEEP).max(2);
        let folder = match &project.config.release.cache {
            Some(address) if address.contains("://") => {
                return Err(Error::usage(format!("release.cache is `{address}`: the cache must be a folder, since `release` writes to it"))
                    .hint("mount the mirror, and name the folder it is mounted at"));
            }
            Some(folder) => project.path(&crate::effects::places::fill(folder)?),
            None => project.state().join("cache"),
        };
        Ok(Self { folder, keep })
    }

    /// Where a release lies, or would.
    pub fn place(&self, tag: &str) -> PathBuf {
        self.folder.join(tag.replace('/', "%2F"))
    }

    /// Whether there is something of that release; only [`Self::verified`] says whether it can be used.
    pub fn holds(&self, tag: &str) -> bool {
        self.place(tag).is_dir()
    }

    /// What is cached, highest version first.
    pub fn tags(&self, template: &TagTemplate) -> Result<Vec<Tag>> {
        let mut tags: Vec<Tag> = files::list(&self.folder)?.iter().filter_map(|name| template.matches(&name.replace("%2F", "/"))).collect();
        tags.sort_by(|a, b| b.version.cmp(&a.version));
        Ok(tags)
    }

    /// A cached release, every byte compared with its manifest; none where it isn't cached.
    pub fn verified(&self, tag: &str) -> Result<Option<Verified>> {
        if !self.holds(tag) {
            return Ok(None);
        }
        let verified = verify::folder(&self.place(tag)).map_err(|error| error.within(format!("the cached {tag} can't be used")))?;
        if verified.manifest.tag != tag {
            return Err(Error::mismatch(format!("the cached {tag} holds the files of {}", verified.manifest.tag)));
        }
        Ok(Some(verified))
    }

    /// Puts a verified release in. One that is there and whole stays; an altered one is replaced.
    pub fn fill(&self, verified: &Verified) -> Result<()> {
        let tag = &verified.manifest.tag;
        if matches!(self.verified(tag), Ok(Some(there)) if same(&there, verified)) {
            return Ok(());
        }
        let filling = self.filling(tag)?;
        let mut copies = Vec::new();
        for file in &verified.files {
            copies.push(filling.join(&file.name));
            let (size, digest) = files::copy_quickly(&file.path, &filling.join(&file.name))?;
            if (size, digest) != (file.size, file.sha256) {
                return Err(Error::mismatch(format!("{} changed after it was verified", file.path.display())));
            }
        }
        files::sync_files(&copies)?;
        self.settle(tag, &filling)
    }

    /// Downloads a release whole, verifies it and puts it in.
    pub fn fetch(&self, forge: &dyn Forge, release: &Release, events: &Events) -> Result<Verified> {
        let filling = self.filling(&release.tag)?;
        forge.fetch(release, &release.assets, &filling, events)?;
        let verified = verify::folder(&filling).map_err(|error| error.within(format!("{} is not as it was released", release.tag)))?;
        if verified.manifest.tag != release.tag {
            return Err(Error::mismatch(format!("the release {} holds the files of {}", release.tag, verified.manifest.tag)));
        }
        self.settle(&release.tag, &filling)?;
        let moved = verified.files.into_iter().map(|file| verify::VerifiedFile { path: self.place(&release.tag).join(&file.name), ..file }).collect();
        Ok(Verified { manifest: verified.manifest, files: moved })
    }

    /// Removes what is beyond the newest, but never what is protected; returns what went.
    pub fn trim(&self, template: &TagTemplate, protected: &[(String, String)]) -> Result<Vec<String>> {
        let beyond = self.tags(template)?.into_iter().skip(self.keep);
        let gone: Vec<String> = beyond.map(|tag| tag.name).filter(|tag| !protected.iter().any(|(kept, _)| kept == tag)).collect();
        gone.iter().try_for_each(|tag| self.discard(tag))?;
        Ok(gone)
    }

    /// How many are kept.
    pub fn keep(&self) -> usize {
        self.keep
    }

    /// An empty folder beside the others; its leading dot keeps it from being taken for a release.
    fn filling(&self, tag: &str) -> Result<PathBuf> {
        let filling = self.folder.join(format!(".filling-{}", tag.replace('/', "%2F")));
        files::remove_dir(&filling)?;
        files::create_dir(&filling)?;
        Ok(filling)
    }

    fn settle(&self, tag: &str, filling: &Path) -> Result<()> {
        self.ignore()?;
        files::sync_dir(filling)?;
        self.discard(tag)?;
        files::rename(filling, &self.place(tag))
    }

    fn discard(&self, tag: &str) -> Result<()> {
        let trash = self.folder.join(".trash");
        files::remove_dir(&trash)?;
        if self.holds(tag) {
            // Out of sight in one step: what is cached is whole or not there.
            files::rename(&self.place(tag), &trash)?;
        }
        files::remove_dir(&trash)
    }

    /// Inside a repository the cache must not make the work tree dirty.
    fn ignore(&self) -> Result<()> {
        let ignore = self.folder.join(".gitignore");
        if files::exists(&ignore) { Ok(()) } else { files::write(&ignore, b"*\n") }
    }
}

fn same(there: &Verified, ours: &Verified) -> bool {
    let digests = |verified: &Verified| verified.files.iter().map(|file| (file.name.clone(), file.sha256)).collect::<Vec<_>>();
    digests(there) == digests(ours)
}
