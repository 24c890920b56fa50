//! Where restored data is prepared: a fresh volume, or a folder beside the live one on the same file system. Creates and removes those; never touches what is live.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    super::{
        entry::{Entry, Kind, Meta},
        globs::Selection,
        name::Name,
        pack::Packer,
        read::{self, Room},
        source::{Source, What},
        tree::{self, Take},
        unpack::{self, Unpacked},
        users::Users,
        volume::{self, Helper, Place},
    },
    ground::{Ground, InForce},
    inside::Inside,
    pick::Picked,
    scratch,
};
use crate::{
    effects::{clock, crash, docker, files},
    kernel::{Context as _, Error, Finding, Result, human_bytes},
};

/// Prepared data and the place that it is meant for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Beside a folder of this machine.
    Folder {
        /// Where the archive is unpacked.
        unpacked: PathBuf,
        /// What changes places.
        ground: Ground,
        /// Where the old data is kept until it is confirmed.
        kept: PathBuf,
    },
    /// In a volume whose files are reached directly.
    Volume {
        /// The staging volume.
        volume: String,
        /// The volumes' folders.
        ground: Ground,
    },
    /// In a volume behind the engine.
    Engine(Inside),
}

impl Stage {
    /// Decides where; makes nothing yet.
    pub fn plan(source: &Source, label: &str) -> Result<Self> {
        match &source.what {
            What::Folder(root) => Self::beside(source, root, label),
            What::Volume { real, .. } => {
                let volume = format!("xtask-restore-{real}");
                match volume::place(real)? {
                    Place::Folder(live) => Ok(Self::Volume { ground: Ground { live, staged: PathBuf::new(), new: None, had: false }, volume }),
                    Place::Engine(_) | Place::Container(..) => {
                        let server = Users::find(source)?.and_then(|users| users.server).map(|server| server.image);
                        let image = server.or_else(|| source.image.clone()).unwrap_or_default();
                        Ok(Self::Engine(Inside { volume, live: real.clone(), image, new: None }))
                    }
                }
            }
        }
    }

    fn beside(source: &Source, root: &Path, label: &str) -> Result<Self> {
        let root = std::path::absolute(root).context(|| format!("find {}", root.display()))?;
        let base = base(&source.spec.include);
        let live = base.below(&root);
        if source.store.folder().starts_with(&live) || root.join(".xtask").exists() && base.is_root() {
            return Err(Error::refused(format!("{} holds more than this backup: it can't be replaced as a whole", live.display()))
                .hint("begin the globs in `include` with a folder of their own, or restore elsewhere with --to DIR"));
        }
        let beside = files::parent(&live).to_path_buf();
        let name = live.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let unpacked = beside.join(format!(".{name}.xtask-new"));
        let ground = Ground { staged: base.below(&unpacked), live, new: None, had: false };
        Ok(Self::Folder { kept: beside.join(format!("{name}.before-{label}")), unpacked, ground })
    }

    /// Makes the place and unpacks the archive into it. Gives what was written.
    pub fn fill(&mut self, picked: &Picked, source: &Source) -> Result<Unpacked> {
        self.clear()?;
        let open = || read::open(&picked.archive);
        match self {
            Self::Folder { unpacked, ground, .. } => {
                files::create_dir(unpacked)?;
                let written = unpack::unpack(&mut open()?, picked.names(), &picked.shift, unpacked)?;
                files::create_dir(&ground.staged)?;
                carry_over(ground, source)?;
                Ok(written)
            }
            Self::Volume { volume, ground } => {
                docker::create_volume(volume, &[(docker::LABEL, "restore")])?;
                match volume::place(volume)? {
                    Place::Folder(folder) => ground.staged = folder,
                    Place::Engine(_) | Place::Container(..) => return Err(Error::unexpected(format!("the volume {volume} can't be reached"))),
                }
                unpack::unpack(&mut open()?, picked.names(), &picked.shift, &ground.staged)
            }
            Self::Engine(Inside { volume, .. }) => {
                docker::create_volume(volume, &[(docker::LABEL, "restore")])?;
                pour(picked, volume)
            }
        }
    }

    /// Whether the staged data still is what was unpacked: a scratch server or its image may have changed it.
    pub fn untouched(&self, written: &[Entry]) -> Result<bool> {
        let (Self::Volume { ground, .. } | Self::Folder { ground, .. }) = self else { return Ok(false) };
        let mut wanted = written.iter();
        for meta in tree::walk(&ground.staged, &|_, _| Take::Yes)?.metas {
            let digest = if meta.is_file() { Some(files::digest(&meta.name.below(&ground.staged))?.1) } else { None };
            let found = meta.entry(digest);
            let same = |entry: &Entry| match (&entry.kind, &found.kind) {
                // Which of several names is the first depends on the order.
                (Kind::Hard { .. }, _) | (_, Kind::Hard { .. }) => entry.mode == found.mode,
                _ => entry.sha256 == found.sha256 && entry.kind == found.kind && (&entry.mode, entry.uid, entry.gid) == (&found.mode, found.uid, found.gid),
            };
            if !wanted.any(|entry| entry.path == found.path && same(entry)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes the staging place with whatever is in it.
    pub fn clear(&self) -> Result<()> {
        match self {
            Self::Folder { unpacked, .. } => remove_stubborn(unpacked),
            Self::Volume { volume, .. } | Self::Engine(Inside { volume, .. }) => {
                if let Self::Engine(inside) = self {
                    inside.clear()?;
                }
                scratch::sweep(volume)?;
                docker::remove_volume(volume)?;
                crash::point("remove the staging volume");
                Ok(())
            }
        }
    }

    /// How much room there is for it, where that can be asked.
    pub fn room(&self) -> Option<Room> {
        room(&self.ground()?.live)
    }

    /// The folder of the staged data, where it can be looked at.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder { unpacked, .. } => Some(unpacked),
            Self::Volume { ground, .. } => Some(&ground.staged),
            Self::Engine(_) => None,
        }
    }

    /// What changes places.
    pub fn ground(&self) -> Option<&Ground> {
        match self {
            Self::Folder { ground, .. } | Self::Volume { ground, .. } => Some(ground),
            Self::Engine(_) => None,
        }
    }

    /// Takes note of which one is new, before anything is exchanged.
    pub fn mark(&mut self) -> Result<()> {
        match self {
            Self::Folder { ground, .. } | Self::Volume { ground, .. } => ground.mark(),
            Self::Engine(inside) => inside.mark(),
        }
    }

    /// Looks which data is in force; nothing while neither is as a whole.
    pub fn look(&self) -> Result<Option<InForce>> {
        match self {
            Self::Folder { ground, .. } | Self::Volume { ground, .. } => ground.look().map(Some),
            Self::Engine(inside) => inside.look(),
        }
    }

    /// Puts the new data in force.
    pub fn exchange(&self) -> Result<()> {
        match self {
            Self::Folder { ground, .. } | Self::Volume { ground, .. } => ground.exchange(),
            Self::Engine(inside) => inside.exchange(),
        }
    }

    /// Puts the old data back, wherever it is.
    pub fn back(&self) -> Result<()> {
        match self {
            Self::Folder { ground, .. } | Self::Volume { ground, .. } => ground.back(),
            Self::Engine(inside) => inside.back(),
        }
    }
}

/// How much room there is in a folder, or in the nearest one above it that is there.
pub fn room(folder: &Path) -> Option<Room> {
    let there = folder.ancestors().find(|path| path.is_dir())?;
    let (free, whole) = files::room(there)?;
    Some(Room { free, whole })
}

/// The scratch server of a run that was killed a moment ago may still write for a blink.
fn remove_stubborn(folder: &Path) -> Result<()> {
    for _ in 0..20 {
        if files::remove_dir(folder).is_ok() {
            return Ok(());
        }
        clock::sleep(std::time::Duration::from_millis(100));
    }
    files::remove_dir(folder)
}

/// The folder that all globs begin with: what is replaced. The root where there are no globs.
fn base(include: &[String]) -> Name {
    let fixed = |glob: &String| {
        let parts: Vec<String> = glob.split('/').take_while(|part| !part.contains(['*', '?', '[', '{'])).map(str::to_owned).collect();
        let whole = parts.len() == glob.split('/').count();
        parts.get(..parts.len() - usize::from(whole)).unwrap_or_default().to_vec()
    };
    let mut all = include.iter().map(fixed);
    let first = all.next().unwrap_or_default();
    let common = all.fold(first, |common, parts| common.iter().zip(&parts).take_while(|(a, b)| a == b).map(|(a, _)| a.clone()).collect());
    Name::from(common.join("/").as_str())
}

/// What the source's globs leave out stays as it is: linked into the new folder, so that it is there whichever is in force.
fn carry_over(ground: &Ground, source: &Source) -> Result<()> {
    if !ground.live.is_dir() || (source.spec.include.is_empty() && source.spec.exclude.is_empty()) {
        return Ok(());
    }
    let selection = Selection::of(source)?;
    let base = base(&source.spec.include);
    let whole = |name: &Name| if base.is_root() { name.clone() } else { base.child(name.as_bytes()) };
    let belongs = |name: &Name, is_folder: bool| selection.take(&whole(name), is_folder) == Take::Yes;
    for meta in tree::walk(&ground.live, &|_, _| Take::Yes)?.metas.into_iter().skip(1) {
        let (from, to) = (meta.name.below(&ground.live), meta.name.below(&ground.staged));
        let is_folder = meta.kind == Kind::Folder;
        if files::exists(&to) || (is_folder && selection_only(&meta, &ground.live)) || (!is_folder && belongs(&meta.name, false)) {
            continue;
        }
        if is_folder {
            files::create_dir(&to)?;
            tree::restore_meta(&to, &meta)?;
        } else {
            files::create_dir(files::parent(&to))?;
            std::fs::hard_link(&from, &to).or_else(|_| std::fs::copy(&from, &to).map(drop)).context(|| format!("carry {} over", from.display()))?;
        }
    }
    Ok(())
}

/// A folder comes with what is carried over in it; an empty one that was left out is made again.
fn selection_only(meta: &Meta, live: &Path) -> bool {
    std::fs::read_dir(meta.name.below(live)).is_ok_and(|mut entries| entries.next().is_some())
}

/// The archive through the engine into a volume: names get the helper's folder before them, so that the root's owner and mode come too.
fn pour(picked: &Picked, volume: &str) -> Result<Unpacked> {
    let helper = Helper::new(volume)?;
    let feed = helper.write()?;
    let mut packer = Packer::new(std::io::BufWriter::with_capacity(1 << 18, feed));
    let mut entries = Vec::new();
    let prefix = super::super::name::bytes(Helper::prefix());
    let mut filled = 0;
    let inside = |name: &Name| Name::from_archive(&[prefix.as_slice(), b"/", name.as_bytes()].concat());
    let poured = read::each(&mut read::open(&picked.archive)?, picked.names(), &mut |meta, data| {
        let Some(meta) = picked.shift.meta(meta)? else { return Ok(()) };
        let kind = match &meta.kind {
            Kind::Hard { to } => Kind::Hard { to: inside(to)? },
            other => other.clone(),
        };
        // The engine knows GNU's sparse files, and writes their holes as zeros all the same.
        filled += meta.data.iter().map(|map| meta.size.saturating_sub(map.iter().map(|(_, length)| length).sum())).sum::<u64>();
        let moved = Meta { name: inside(&meta.name)?, kind, data: None, ..meta.clone() };
        let entry = packer.add(&moved, data)?;
        entries.push(Entry { path: meta.name, kind: meta.kind, ..entry });
        Ok(())
    });
    let feed = packer.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error).context(|| "write to the engine".into())?;
    feed.finish()?;
    crash::point("unpack");
    let hole = || Finding::note("restore-holes", format!("{} of holes in sparse files are written as zeros, as the engine does it", human_bytes(filled)));
    poured.map(|()| Unpacked { entries, findings: if filled > 0 { vec![hole()] } else { Vec::new() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_follows_from_the_globs() {
        let base = |globs: &[&str]| base(&globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>()).to_string();
        assert_eq!(base(&[".auto-codex/specs/**/logs/**"]), ".auto-codex/specs");
        assert_eq!(base(&["a/b/*.log", "a/c/**"]), "a");
        assert_eq!(base(&["a/b/file"]), "a/b");
        assert_eq!(base(&["**/x"]), ".");
        assert_eq!(base(&[]), ".");
    }
}
