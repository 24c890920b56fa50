//! A source's backups on disk: archives and manifests in one folder. Touches that folder only.
//!
//! Guarantees: an archive gets its name when all of it is on the disk, the manifest comes after the reading back; what a killed run left
//! is removed by the next one, and only what is known to be that: an archive that merely lacks its manifest may be all that somebody has.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

pub use super::compress::Format;
use super::{
    compress::Compressor,
    entry::{Entry, Meta},
    manifest::{Archive, EngineFacts, Manifest},
    pack::Packer,
};
use crate::{
    effects::{clock, crash, files},
    kernel::{Context as _, Error, Hasher, Result},
};

const PARTIAL: &str = ".xtask-partial-";

/// The folder of one source's backups.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    name: String,
}

impl Store {
    /// The backups of `name` in `folder`.
    pub fn new(folder: PathBuf, name: &str) -> Self {
        Self { folder, name: name.into() }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every backup, oldest first; a damaged manifest is an error of its own beside them, and so is an archive that lacks one.
    pub fn all(&self) -> Result<(Vec<Manifest>, Vec<Error>)> {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for name in files::list(&self.folder)? {
            if self.orphan(&name).is_some_and(|id| !files::exists(&self.unfinished(id))) {
                bad.push(
                    Error::mismatch(format!("the archive {name} has no manifest: it counts for nothing"))
                        .hint(format!("put its manifest back beside it, or restore it as it is: --from {}", self.folder.join(&name).display())),
                );
            }
            if name.strip_suffix(".json").is_some_and(|id| self.is_id(id)) {
                match self.read(&name) {
                    Ok(manifest) => good.push(manifest),
                    Err(error) => bad.push(error),
                }
            }
        }
        good.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
        Ok((good, bad))
    }

    /// The newest backup that is verified and wasn't made before a restore. One that a wrong clock put into the future is newest only where it is alone.
    pub fn newest(&self) -> Result<Option<Manifest>> {
        let now = clock::now();
        let good = self.all()?.0.into_iter().filter(|backup| backup.verified.is_some() && !backup.safety);
        Ok(good.max_by_key(|backup| (!backup.is_from_the_future(now), backup.created.clone(), backup.id.clone())))
    }

    /// What the server said of itself when it was last backed up, for whatever reason.
    pub fn last_engine(&self) -> Result<Option<EngineFacts>> {
        Ok(self.all()?.0.into_iter().rev().filter(|backup| backup.verified.is_some()).find_map(|backup| backup.engine))
    }

    /// A backup by its id.
    pub fn find(&self, id: &str) -> Result<Option<Manifest>> {
        let path = self.folder.join(format!("{id}.json"));
        if self.is_id(id) && files::exists(&path) { self.read(&format!("{id}.json")).map(Some) } else { Ok(None) }
    }

    /// A manifest that lies under another's name would give its data for that one's.
    fn read(&self, name: &str) -> Result<Manifest> {
        let path = self.folder.join(name);
        let manifest = Manifest::read(&path)?;
        let (file, another) = (&manifest.archive.file, manifest.name != self.name);
        let whose = match () {
            () if another => format!("is of another source, `{}`", manifest.name),
            () if name.strip_suffix(".json") != Some(manifest.id.as_str()) => format!("is of another backup, {}", manifest.id),
            () if !file.starts_with(&manifest.id) => format!("names the archive of another backup, {file}"),
            () => return Ok(manifest),
        };
        Err(Error::mismatch(format!("the manifest {} {whose}: files were renamed or swapped", path.display()))
            .hint("give each file its own name again: a manifest's `id` and `archive.file` say which"))
    }

    /// Where a backup's archive lies.
    pub fn archive(&self, manifest: &Manifest) -> PathBuf {
        self.folder.join(&manifest.archive.file)
    }

    /// Removes a backup: the manifest first, so that no backup is ever half there.
    pub fn remove(&self, id: &str) -> Result<()> {
        let Some(manifest) = self.find(id)? else { return Ok(()) };
        files::write(&self.unfinished(id), b"")?;
        files::remove_file(&manifest.path(&self.folder))?;
        files::remove_file(&self.archive(&manifest))?;
        files::remove_file(&self.unfinished(id))
    }

    /// Removes what killed runs left: partial archives and manifests, and archives that were about to get or lose theirs. Others' files stay.
    pub fn sweep(&self) -> Result<Vec<String>> {
        let mut swept = Vec::new();
        let all = files::list(&self.folder)?;
        let orphans = all.iter().filter(|name| self.orphan(name).is_some_and(|id| files::exists(&self.unfinished(id)))).cloned().collect::<Vec<_>>();
        let partial = all.iter().filter(|name| name.starts_with(PARTIAL) || files::is_temporary(name)).cloned();
        for name in orphans.into_iter().chain(partial) {
            files::remove_file(&self.folder.join(&name))?;
            swept.push(name);
        }
        Ok(swept)
    }

    /// The id of an archive that has no manifest.
    fn orphan<'a>(&self, name: &'a str) -> Option<&'a str> {
        let id = [".tar.zst", ".tar.gz"].iter().find_map(|end| name.strip_suffix(end))?;
        (self.is_id(id) && !files::exists(&self.folder.join(format!("{id}.json")))).then_some(id)
    }

    /// The mark that an archive without a manifest is no loss: it is there while one of the two comes or goes.
    fn unfinished(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{PARTIAL}{id}"))
    }

    /// Writes the manifest: from then on the backup counts.
    pub fn complete(&self, manifest: &Manifest) -> Result<()> {
        manifest.write(&manifest.path(&self.folder))?;
        files::remove_file(&self.unfinished(&manifest.id))
    }

    /// `<name>-20260131T120000Z-1a2b3c4d`
    fn is_id(&self, id: &str) -> bool {
        let rest = id.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
        let (time, digest) = rest.split_once('-').unwrap_or_default();
        let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
        time.chars().map(shape).collect::<String>() == "00000000T000000Z" && digest.len() == 8 && digest.chars().all(|c| c.is_ascii_hexdigit())
    }

    /// Begins an archive.
    pub fn begin(&self, format: Format) -> Result<Writing> {
        files::create_dir(&self.folder)?;
        let temporary = tempfile::Builder::new().prefix(PARTIAL).tempfile_in(&self.folder).context(|| format!("write to {}", self.folder.display()))?;
        private(temporary.as_file())?;
        crash::point("begin an archive");
        let file = temporary.as_file().try_clone().context(|| "write an archive".into())?;
        let out = Hasher::new(BufWriter::with_capacity(1 << 18, file));
        Ok(Writing { packer: Packer::new(Compressor::new(out, format)?), temporary, format, entries: Vec::new() })
    }

    /// The id that a backup of that moment and content gets.
    pub fn id(&self, created: chrono::DateTime<chrono::Utc>, archive: &Finished) -> String {
        let digest = archive.sha256.hex();
        let named = |at: chrono::DateTime<chrono::Utc>| format!("{}-{}-{}", self.name, at.format("%Y%m%dT%H%M%SZ"), digest.get(..8).unwrap_or(&digest));
        // The same bytes in the same second: the earlier backup must keep its manifest.
        let seconds = (0..).map(|later| named(created + chrono::TimeDelta::seconds(later)));
        seconds.into_iter().find(|id| !files::exists(&self.folder.join(format!("{id}.json")))).unwrap_or_default()
    }

    /// Gives a finished archive its name.
    pub fn name_archive(&self, id: &str, finished: Finished) -> Result<(Archive, Vec<Entry>)> {
        let file = format!("{id}.{}", finished.format.extension());
        let path = self.folder.join(&file);
        files::write(&self.unfinished(id), b"")?;
        finished.temporary.persist(&path).context(|| format!("write {}", path.display()))?;
        files::sync_dir(&self.folder)?;
        crash::point("name the archive");
        Ok((Archive { file, size: finished.size, sha256: finished.sha256 }, finished.entries))
    }
}

/// Backups hold everything that the data holds: only their owner may read them.
#[cfg(unix)]
fn private(file: &File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).context(|| "write an archive".into())
}

#[cfg(not(unix))]
fn private(_: &File) -> Result<()> {
    Ok(())
}

/// An archive that is being written; dropped, it is gone.
pub struct Writing {
    packer: Packer<Compressor>,
    temporary: tempfile::NamedTempFile,
    format: Format,
    entries: Vec<Entry>,
}

/// An archive that is on the disk whole, still without its name.
pub struct Finished {
    temporary: tempfile::NamedTempFile,
    format: Format,
    size: u64,
    /// Of the whole file.
    pub sha256: crate::kernel::Digest,
    entries: Vec<Entry>,
}

impl Writing {
    /// Adds an entry.
    pub fn add(&mut self, meta: &Meta, data: &mut dyn std::io::Read) -> Result<()> {
        let entry = self.packer.add(meta, data)?;
        self.entries.push(entry);
        Ok(())
    }

    /// Where it is written: the disk that has room for it.
    pub fn folder(&self) -> PathBuf {
        files::parent(self.temporary.path()).to_path_buf()
    }

    /// What was added so far.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Ends the archive and syncs it.
    pub fn finish(self) -> Result<Finished> {
        let context = || "write the archive".to_owned();
        let (out, size, sha256) = self.packer.finish()?.finish().context(context)?.finish();
        let file = out.into_inner().map_err(std::io::IntoInnerError::into_error).context(context)?;
        file.sync_all().context(context)?;
        crash::point("finish the archive");
        Ok(Finished { temporary: self.temporary, format: self.format, size, sha256, entries: self.entries })
    }
}

impl Finished {
    /// Gives it a name of its own, outside the store's rules.
    pub fn persist(self, path: &Path) -> Result<()> {
        self.temporary.persist(path).map(drop).context(|| format!("write {}", path.display()))
    }

    /// Where it lies now.
    pub fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// Its size.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What is in it.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
