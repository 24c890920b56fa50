//! Releases in a folder: `PATH/<tag>/` holds exactly the assets, so that `sha256sum -c SHA256SUMS` works in it.
//!
//! Drafts grow in `PATH/.drafts/<tag>/` and become visible by one rename. Titles, notes and dates lie in `PATH/.meta/<tag>.json`.

mod meta;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::{Asset, Draft, Edit, Fetched, Forge, Intent, Limits, Release, Survey, Upload};
use crate::{
    effects::{clock, files, lock},
    kernel::{Digest, Error, Events, Finding, Result},
};
use meta::Meta;

/// The directory forge.
pub struct Directory {
    root: PathBuf,
    lock: Mutex<Option<lock::Lock>>,
}

impl Directory {
    /// The forge in that folder; it is made when something is published.
    pub fn new(root: &Path) -> Self {
        Self { root: root.into(), lock: Mutex::new(None) }
    }

    fn folder(&self, tag: &str) -> PathBuf {
        self.root.join(file_name(tag))
    }

    fn draft_folder(&self, tag: &str) -> PathBuf {
        self.root.join(".drafts").join(file_name(tag))
    }

    /// Two clones may publish into one folder: whoever writes holds this lock until the program ends.
    fn hold(&self) -> Result<()> {
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            // What killed writes left beside their files.
            files::sweep(&self.root)?;
            files::sweep(&self.root.join(".meta"))?;
            // Inside a repository this folder must not make the work tree dirty.
            files::ignore_itself(&self.root)?;
            *held = lock::enter(&self.root.join(".lock"), "publishing into this folder")?;
        }
        Ok(())
    }

    fn release(&self, tag: &str, draft: bool, latest: Option<&str>, hashed: bool) -> Result<Release> {
        let folder = if draft { self.draft_folder(tag) } else { self.folder(tag) };
        let meta = Meta::load(&self.root, tag)?.unwrap_or_else(|| Meta::unknown(tag));
        Ok(Release {
            id: format!("{}{tag}", if draft { "draft:" } else { "" }),
            tag: tag.into(),
            title: meta.title,
            notes: meta.notes,
            draft,
            prerelease: meta.prerelease,
            immutable: false,
            latest: latest == Some(tag),
            created_at: meta.created_at,
            published_at: if draft { None } else { meta.published_at },
            url: folder.display().to_string(),
            assets: assets(&folder, hashed)?,
        })
    }

    fn tags(&self, folder: &Path) -> Result<Vec<String>> {
        let names = files::list(folder)?;
        Ok(names.into_iter().filter(|name| !name.starts_with('.') && folder.join(name).is_dir()).map(|name| tag_of(&name)).collect())
    }

    fn store(&self, folder: &Path, upload: &Upload, events: &Events) -> Result<()> {
        let target = folder.join(&upload.name);
        if target.is_file() && files::digest(&target)? == (upload.size, upload.digest) {
            return Ok(());
        }
        let part = self.root.join(".drafts").join(format!(".part-{}", Digest::of(upload.name.as_bytes())));
        let (size, digest) = files::copy(&upload.path, &part)?;
        if (size, digest) != (upload.size, upload.digest) {
            return Err(
                Error::mismatch(format!("{} changed after it was verified", upload.path.display())).hint("give the same command again: it is built anew")
            );
        }
        events.note(format!("stored {}", upload.name));
        files::rename(&part, &target)
    }
}

impl Forge for Directory {
    fn kind(&self) -> &'static str {
        "directory"
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }

    fn limits(&self) -> Limits {
        Limits { asset_size: u64::MAX, assets: usize::MAX, refuses_empty: false, rename: str::to_owned }
    }

    fn survey(&self) -> Result<Survey> {
        let latest = self.latest()?;
        let mut releases = Vec::new();
        for tag in self.tags(&self.root)? {
            releases.push(self.release(&tag, false, latest.as_deref(), false)?);
        }
        for tag in self.tags(&self.root.join(".drafts"))? {
            releases.push(self.release(&tag, true, None, false)?);
        }
        Ok(Survey { releases, findings: Vec::new() })
    }

    fn preflight(&self, intent: &Intent, _: &Survey) -> Result<Vec<Finding>> {
        let folder = self.folder(&intent.tag.name);
        let blocked = folder.symlink_metadata().is_ok_and(|meta| !meta.is_dir());
        let finding = || Finding::error("release-blocked", format!("{} is in the way of the release's folder", folder.display())).hint("move that file away");
        Ok(blocked.then(finding).into_iter().collect())
    }

    fn open_draft(&self, draft: &Draft, _: &Survey) -> Result<Release> {
        self.hold()?;
        if files::exists(&self.folder(&draft.tag)) {
            // A draft would share its title, notes and dates with the published release, and take them along when it goes.
            return Err(Error::refused(format!("{} is published already", draft.tag)).hint("a published release is never overwritten: release a new version"));
        }
        let now = clock::now();
        let created_at = Meta::load(&self.root, &draft.tag)?.map_or(now, |old| old.created_at);
        let meta = Meta {
            schema: 1,
            tag: draft.tag.clone(),
            commit: draft.commit.clone(),
            title: draft.title.clone(),
            notes: draft.notes.clone().unwrap_or_default(),
            prerelease: draft.prerelease,
            created_at,
            published_at: None,
        };
        files::create_dir(&self.draft_folder(&draft.tag))?;
        meta.store(&self.root)?;
        self.release(&draft.tag, true, None, false)
    }

    fn upload(&self, draft: &Release, uploads: &[Upload], events: &Events) -> Result<Vec<Asset>> {
        self.hold()?;
        let folder = self.draft_folder(&draft.tag);
        let bar = events.bar("storing", Some(uploads.iter().map(|upload| upload.size).sum()));
        for upload in uploads {
            self.store(&folder, upload, events)?;
            bar.advance(upload.size);
        }
        for name in files::list(&folder)? {
            if !uploads.iter().any(|upload| upload.name == name) {
                files::remove_file(&folder.join(name))?;
            }
        }
        files::sync_dir(&folder)?;
        assets(&folder, true)
    }

    fn publish(&self, draft: &Release, latest: bool) -> Result<Release> {
        self.hold()?;
        let target = self.folder(&draft.tag);
        if files::exists(&target) {
            return Err(Error::refused(format!("{} is published already", draft.tag)).hint("a published release is never overwritten: release a new version"));
        }
        if let Some(mut meta) = Meta::load(&self.root, &draft.tag)? {
            meta.published_at = Some(clock::now());
            meta.store(&self.root)?;
        }
        files::rename(&self.draft_folder(&draft.tag), &target)?;
        let release = self.release(&draft.tag, false, None, true)?;
        if latest {
            self.elect(&release)?;
        }
        Ok(Release { latest, ..release })
    }

    fn published(&self, tag: &str) -> Result<Option<Release>> {
        if !self.folder(tag).is_dir() {
            return Ok(None);
        }
        self.release(tag, false, self.latest()?.as_deref(), true).map(Some)
    }

    fn latest(&self) -> Result<Option<String>> {
        let tag = files::read_text_if_there(&self.root.join(".latest"))?;
        Ok(tag.map(|tag| tag.trim().to_owned()).filter(|tag| self.folder(tag).is_dir()))
    }

    fn elect(&self, release: &Release) -> Result<()> {
        self.hold()?;
        files::write(&self.root.join(".latest"), format!("{}\n", release.tag).as_bytes())
    }

    fn edit(&self, release: &Release, edit: &Edit) -> Result<Release> {
        self.hold()?;
        let mut meta = Meta::load(&self.root, &release.tag)?.unwrap_or_else(|| Meta::unknown(&release.tag));
        meta.apply(edit);
        meta.store(&self.root)?;
        self.release(&release.tag, release.draft, self.latest()?.as_deref(), false)
    }

    fn fetch(&self, release: &Release, assets: &[Asset], folder: &Path, events: &Events) -> Result<Vec<Fetched>> {
        let from = if release.draft { self.draft_folder(&release.tag) } else { self.folder(&release.tag) };
        files::create_dir(folder)?;
        let bar = events.bar("reading back", Some(assets.iter().map(|asset| asset.size).sum()));
        let fetch = |asset: &Asset| {
            let path = folder.join(safe(&asset.name)?);
            let (size, digest) = files::copy(&from.join(&asset.name), &path)?;
            bar.advance(size);
            Ok(Fetched { name: asset.name.clone(), path, size, digest })
        };
        assets.iter().map(fetch).collect()
    }

    fn remove(&self, release: &Release) -> Result<()> {
        self.hold()?;
        let folder = if release.draft { self.draft_folder(&release.tag) } else { self.folder(&release.tag) };
        let trash = self.root.join(".trash").join(file_name(&release.tag));
        files::remove_dir(&trash)?;
        files::create_dir(files::parent(&trash))?;
        // One rename takes it out of sight whole; what a kill leaves behind goes with the next removal.
        if files::exists(&folder) {
            files::rename(&folder, &trash)?;
        }
        files::remove_file(&Meta::path(&self.root, &release.tag))?;
        files::remove_dir(&self.root.join(".trash"))
    }
}

fn assets(folder: &Path, hashed: bool) -> Result<Vec<Asset>> {
    let mut found = Vec::new();
    for name in files::list(folder)? {
        let path = folder.join(&name);
        let size = files::size(&path)?;
        let digest = if hashed { Some(files::digest(&path)?.1) } else { None };
        found.push(Asset { id: name.clone(), name, size, digest, complete: true, url: path.display().to_string() });
    }
    Ok(found)
}

/// An asset's name as a file name in a folder of ours.
fn safe(name: &str) -> Result<&str> {
    let plain = !name.is_empty() && !matches!(name, "." | "..") && !name.contains(['/', '\\', '\0']);
    plain.then_some(name).ok_or_else(|| Error::mismatch(format!("an asset is called `{name}`, which is no file name")))
}

/// A tag as a folder's name: `/` and a leading dot are spelt out.
pub(super) fn file_name(tag: &str) -> String {
    let name = tag.replace('%', "%25").replace('/', "%2F");
    match name.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => name,
    }
}

fn tag_of(name: &str) -> String {
    name.replace("%2E", ".").replace("%2F", "/").replace("%25", "%")
}
