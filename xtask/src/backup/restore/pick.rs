//! Which backup is restored, and whether it is one of this source. Reads manifests and the archive's first bytes.

use std::path::{Path, PathBuf};

use super::super::{
    check,
    entry::Entry,
    manifest::Manifest,
    read::{self, Names, Room},
    shift::Shift,
    source::Source,
};
use crate::{
    effects::files,
    kernel::{Error, Finding, Result},
};

/// What is restored.
#[derive(Clone, Debug)]
pub struct Picked {
    /// The archive.
    pub archive: PathBuf,
    /// Its manifest; none for a plain tarball.
    pub manifest: Option<Manifest>,
    /// For a person and for journals: an id, or a file's name.
    pub label: String,
    /// Where its data folder goes.
    pub shift: Shift,
    /// Newer backups that could not be taken.
    pub passed: Vec<Finding>,
}

/// The newest verified backup, or what `--from` names: an id, an archive or a manifest.
pub fn pick(source: &Source, from: Option<&str>, folder: &Path) -> Result<Picked> {
    let Some(from) = from else {
        let newest = source.store.newest()?.ok_or_else(|| none(source))?;
        let passed = passed_over(source, &newest)?;
        return Ok(Picked { passed, ..of_store(source, newest) });
    };
    if let Some(manifest) = source.store.find(from)? {
        return Ok(of_store(source, manifest));
    }
    let path = folder.join(from);
    if !path.is_file() {
        return Err(Error::usage(format!("`{from}` is neither the id of a backup of `{}` nor a file", source.name())).hint("`xtask backup list` shows the ids"));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let id = [".tar.zst", ".tar.gz", ".tgz", ".tar", ".json"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    let beside = path.with_file_name(format!("{id}.json"));
    if !beside.is_file() {
        read::packing(&path)?;
        return Ok(Picked::plain(path, name));
    }
    let manifest = Manifest::read(&beside)?;
    if source.store.folder() == files::parent(&path) && manifest.id != id {
        return Err(Error::mismatch(format!("{} is the manifest of another backup, {}: files were renamed or swapped", beside.display(), manifest.id))
            .hint("give each file its own name again, or name one with --from that `xtask backup list` shows"));
    }
    let archive = if name.ends_with(".json") { path.with_file_name(&manifest.archive.file) } else { path };
    Ok(Picked { label: manifest.id.clone(), archive, manifest: Some(manifest), shift: Shift::default(), passed: Vec::new() })
}

fn of_store(source: &Source, manifest: Manifest) -> Picked {
    Picked { archive: source.store.archive(&manifest), label: manifest.id.clone(), manifest: Some(manifest), shift: Shift::default(), passed: Vec::new() }
}

/// What nobody asked for by name must be told: that the newest isn't the newest.
fn passed_over(source: &Source, picked: &Manifest) -> Result<Vec<Finding>> {
    let (all, damaged) = source.store.all()?;
    let newer = all.iter().filter(|backup| (&backup.created, &backup.id) > (&picked.created, &picked.id) && !backup.safety);
    let why = |backup: &Manifest| backup.suspicion.clone().unwrap_or_else(|| "a clock was wrong, then or now".into());
    let newer = newer.map(|backup| format!("{}, which is newer, is passed over: {}", backup.id, why(backup)));
    let damaged = damaged.iter().map(|error| format!("what may be newer is passed over: {}", error.chain()));
    Ok(newer.chain(damaged).map(|message| Finding::warning("restore-passed-over", message).hint("another one can be named with --from")).collect())
}

fn none(source: &Source) -> Error {
    Error::refused(format!("there is no verified backup of `{}`", source.name())).hint("`xtask backup list` shows what there is; name one with --from")
}

impl Picked {
    /// An archive that nobody vouches for.
    pub fn plain(archive: PathBuf, label: String) -> Self {
        Self { archive, manifest: None, label, shift: Shift::default(), passed: Vec::new() }
    }

    /// Whose names its archive holds.
    pub fn names(&self) -> Names {
        if self.manifest.is_some() { Names::Ours } else { Names::Foreign }
    }

    /// Refuses what isn't of this source.
    pub fn belongs(&self, source: &Source) -> Result<()> {
        let Some(manifest) = &self.manifest else { return Ok(()) };
        let wrong = |what: String| Err(Error::mismatch(format!("{} is a backup of another source: {what}", self.label)).hint("nothing was changed"));
        if manifest.name != source.name() {
            return wrong(format!("of `{}`, not of `{}`", manifest.name, source.name()));
        }
        let (theirs, ours) = (&manifest.source, source.origin());
        if theirs.volume.is_some() != ours.volume.is_some() {
            return wrong("one is a volume, the other a folder".into());
        }
        if theirs.volume != ours.volume {
            return wrong(format!("of the volume `{}`, not of `{}`", shown(theirs.volume.as_deref()), shown(ours.volume.as_deref())));
        }
        if theirs.project != ours.project {
            return wrong(format!("of the project `{}`, not of `{}`", theirs.project, ours.project));
        }
        Ok(())
    }

    /// Reads every byte, against the manifest where there is one. Gives what is in it, and what will be left out.
    pub fn check(&self, room: Option<Room>) -> Result<(Vec<Entry>, Vec<Finding>)> {
        if let Some(manifest) = &self.manifest {
            if !self.archive.is_file() {
                return Err(
                    Error::mismatch(format!("the archive {} is missing", manifest.archive.file)).hint("use another backup: `xtask backup list` shows them")
                );
            }
            check::archive(&self.archive, &manifest.archive, &manifest.entries)?;
            return Ok((manifest.entries.clone(), Vec::new()));
        }
        read::packing(&self.archive)?;
        let (entries, left) = read::strangers(&mut read::open(&self.archive)?, room)?;
        check::not_empty(&entries)?;
        Ok((entries, left))
    }

    /// The entries as they will be where they are restored.
    pub fn shifted(&self, entries: Vec<Entry>) -> Result<Vec<Entry>> {
        if self.shift.is_none() {
            return Ok(entries);
        }
        entries.iter().filter_map(|entry| self.shift.entry(entry).transpose()).collect()
    }
}

fn shown(name: Option<&str>) -> &str {
    name.unwrap_or("none")
}
