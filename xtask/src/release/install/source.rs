//! Where an artifact comes from: the cache where it holds the release whole, else the forge; verified against checksums and manifest either way.

use std::path::{Path, PathBuf};

use super::{Chosen, Platform, pick};
use crate::{
    effects::files,
    forge::{Asset, Forge, Release},
    kernel::{Error, Events, Finding, Result},
    release::{
        cache::Cache,
        manifest::Manifest,
        plan::{MANIFEST, SUMS},
        sums,
    },
};

/// Where to look.
pub struct Source<'a> {
    /// First here.
    pub cache: &'a Cache,
    /// Then there; none while it can't be reached.
    pub forge: Option<&'a dyn Forge>,
    /// This machine.
    pub platform: Platform,
}

/// A file whose bytes are what manifest and checksums say.
#[derive(Clone, Debug)]
pub(super) struct Verified {
    pub(super) chosen: Chosen,
    pub(super) path: PathBuf,
}

impl Source<'_> {
    /// Gets the artifact of a release, downloading into `incoming` where it must.
    pub(super) fn get(&self, tag: &str, incoming: &Path, artifact: Option<&str>, events: &Events) -> Result<Verified> {
        match self.cache.verified(tag) {
            Ok(Some(cached)) => {
                let chosen = pick(&cached.manifest, &self.platform, artifact)?;
                let path = self.cache.place(tag).join(&chosen.name);
                events.note(format!("taking {} from the cache", chosen.name));
                return Ok(Verified { chosen, path });
            }
            Err(error) => events.warn(Finding::warning("cache-altered", error.chain()).hint("`xtask releases sync` fills the cache again")),
            Ok(None) => {}
        }
        let Some(forge) = self.forge else {
            return Err(Error::partial(format!("{tag} isn't in the cache, and the forge can't be reached")).hint("give the same command again when it can"));
        };
        let release = forge.published(tag)?.ok_or_else(|| not_there(tag, &forge.place()))?;
        download(forge, &release, incoming, artifact, &self.platform, events)
    }
}

fn download(forge: &dyn Forge, release: &Release, incoming: &Path, artifact: Option<&str>, platform: &Platform, events: &Events) -> Result<Verified> {
    let asset = |name: &str| {
        let found = release.assets.iter().find(|asset| asset.name == name).cloned();
        found.ok_or_else(|| Error::mismatch(format!("{} holds no {name}: it is not complete", release.tag)).hint("`xtask releases` says which are"))
    };
    let control: Vec<Asset> = vec![asset(MANIFEST)?, asset(SUMS)?];
    let fetched = forge.fetch(release, &control, incoming, events)?;
    let manifest = Manifest::read(&files::read(&incoming.join(MANIFEST))?, &format!("{MANIFEST} of {}", release.tag))?;
    let sums = sums::read(&String::from_utf8_lossy(&files::read(&incoming.join(SUMS))?))?;
    let said = |name: &str| sums.iter().find(|(other, _)| other == name).map(|(_, digest)| *digest);
    let is_same = fetched.iter().any(|file| file.name == MANIFEST && Some(file.digest) == said(MANIFEST));
    if !is_same || manifest.tag != release.tag {
        return Err(Error::mismatch(format!("{MANIFEST} of {} is not what its {SUMS} says", release.tag)));
    }
    let chosen = pick(&manifest, platform, artifact)?;
    let got = forge.fetch(release, &[asset(&chosen.name)?], incoming, events)?;
    match got.first() {
        Some(file) if (file.size, file.digest) == (chosen.size, chosen.sha256) && said(&chosen.name) == Some(chosen.sha256) => {
            Ok(Verified { path: file.path.clone(), chosen })
        }
        _ => Err(Error::mismatch(format!("{} of {} is not what its manifest says", chosen.name, release.tag)).hint("nothing was installed")),
    }
}

fn not_there(tag: &str, place: &str) -> Error {
    Error::refused(format!("{tag} is not published in {place}")).hint("`xtask releases` lists what is")
}
