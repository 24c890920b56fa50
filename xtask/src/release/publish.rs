//! Verified → draft → upload → compare → publish → read back. Nothing is visible before all of it is there; every step looks first at
//! what an earlier run left, so that the same command goes on after a kill.

use std::path::Path;

use serde::Serialize;

use super::{
    foresee,
    manifest::Manifest,
    plan::{MANIFEST, SUMS},
    sums, updater,
    verify::{Verified, VerifiedFile},
};
use crate::{
    effects::files,
    forge::{Asset, Draft, Fetched, Forge, Release, Survey},
    kernel::{Error, Events, Finding, Kind, Result, TagTemplate, Version},
};

/// How it is to be published.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The draft's texts.
    pub draft: Draft,
    /// The draft, where it had to be made before the build.
    pub opened: Option<Release>,
    /// Whether it is to be offered as latest.
    pub latest: bool,
    /// Stop before publishing.
    pub only_draft: bool,
}

/// How it ended.
#[derive(Clone, Debug, Serialize)]
pub struct Published {
    /// The release as the forge tells it now.
    pub release: Release,
    /// What happened: `published`, `already` or `draft`.
    pub state: State,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was published now.
    Published,
    /// It was there, identical; nothing was sent.
    Already,
    /// The draft is complete and waits.
    Draft,
}

/// Publishes what was verified, in the draft that was opened before the build where there is one.
pub fn publish(forge: &dyn Forge, survey: &Survey, verified: &Verified, terms: &Terms, scratch: &Path, events: &Events) -> Result<Published> {
    if let Some(existing) = survey.published(&verified.manifest.tag) {
        forge.tidy(&existing.tag, survey, events)?;
        return already(forge, existing, verified, terms, scratch, events);
    }
    fits(forge, verified)?;
    updater::check(verified, &forge.limits())?;
    events.step(format!("publishing {} to {}", verified.manifest.tag, forge.place()));
    // A draft is visible to nobody but maintainers: whatever fails from here to `publish`, users see nothing of it.
    let draft = match &terms.opened {
        Some(opened) => opened.clone(),
        None => forge.open_draft(&terms.draft, survey)?,
    };
    let assets = forge.upload(&draft, &verified.uploads(), events)?;
    exact(&assets, &verified.files)?;
    if terms.only_draft {
        return Ok(Published { release: Release { assets, ..draft }, state: State::Draft });
    }
    let published = forge.publish(&Release { assets, ..draft }, terms.latest)?;
    let release = read_back(forge, &published, verified, terms, scratch, events)?;
    Ok(Published { release, state: State::Published })
}

/// What the forge would refuse is refused before the first request that changes something.
fn fits(forge: &dyn Forge, verified: &Verified) -> Result<()> {
    let limits = forge.limits();
    let mut findings = Vec::new();
    for file in &verified.files {
        findings.extend(foresee::unfit(&file.name, file.size, &limits, forge.kind()));
        let there = (limits.rename)(&file.name);
        if there != file.name {
            findings
                .push(Finding::error("asset-name-rewritten", format!("{} would be stored as `{there}`", file.name)).hint(format!("name the file `{there}`")));
        }
    }
    if verified.files.len() > limits.assets {
        findings.push(Finding::error(
            "too-many-assets",
            format!("{} files are more than the {} that a release there may hold", verified.files.len(), limits.assets),
        ));
    }
    if findings.is_empty() { Ok(()) } else { Err(Error::findings("the forge would refuse what was built: nothing was sent", findings)) }
}

/// The forge's assets are exactly ours: names, sizes, digests.
fn exact(assets: &[Asset], files: &[VerifiedFile]) -> Result<()> {
    let mut findings = Vec::new();
    for file in files {
        match assets.iter().find(|asset| asset.name == file.name) {
            None => findings.push(Finding::error("asset-missing", format!("{} is not there", file.name))),
            Some(asset) if asset.size != file.size || !asset.complete || asset.digest.is_some_and(|digest| digest != file.sha256) => {
                findings.push(Finding::error("asset-differs", format!("{} has other bytes there", file.name)));
            }
            Some(_) => {}
        }
    }
    let extra = assets.iter().filter(|asset| !files.iter().any(|file| file.name == asset.name));
    findings.extend(extra.map(|asset| Finding::error("asset-extra", format!("{} doesn't belong to this release", asset.name))));
    if findings.is_empty() { Ok(()) } else { Err(Error::new(Kind::Mismatch, "the forge doesn't hold exactly what was built").with_findings(findings)) }
}

/// What the public sees: the release with its assets, latest as it should be, and checksums and manifest byte for byte.
fn read_back(forge: &dyn Forge, published: &Release, verified: &Verified, terms: &Terms, scratch: &Path, events: &Events) -> Result<Release> {
    let tag = &verified.manifest.tag;
    let known = witnesses(published);
    // The list and the bytes are looked at side by side: each takes a round trip or two.
    let (release, bytes) = std::thread::scope(|scope| {
        let bytes = scope.spawn(|| same_bytes(forge, published, &known, verified, scratch, events));
        (forge.published(tag), bytes.join().unwrap_or_else(|_| Err(Error::unexpected("reading the release back broke off"))))
    });
    let release = release?.ok_or_else(|| not_visible(tag))?;
    let release = if terms.latest { elected(forge, release, events)? } else { release };
    exact(&release.assets, &verified.files)?;
    bytes?;
    if known.is_empty() {
        same_bytes(forge, &release, &witnesses(&release), verified, scratch, events)?;
    }
    Ok(release)
}

fn witnesses(release: &Release) -> Vec<Asset> {
    release.assets.iter().filter(|asset| asset.name == SUMS || asset.name == MANIFEST).cloned().collect()
}

/// Makes sure that ours is offered as latest. A forge that elects by date may have chosen another: elect again, look again.
fn elected(forge: &dyn Forge, release: Release, events: &Events) -> Result<Release> {
    let tag = release.tag.clone();
    if forge.latest()?.as_ref() != Some(&tag) {
        events.note(format!("offering {tag} as latest"));
        forge.elect(&release)?;
        if forge.latest()?.as_ref() != Some(&tag) {
            return Err(Error::partial(format!("{tag} is published, but the forge doesn't offer it as latest")).hint("give the same command again"));
        }
    }
    Ok(Release { latest: true, ..release })
}

fn not_visible(tag: &str) -> Error {
    Error::partial(format!("{tag} was published, but can't be seen yet")).hint("give the same command again in a moment: it goes on from there")
}

fn same_bytes(forge: &dyn Forge, release: &Release, assets: &[Asset], verified: &Verified, scratch: &Path, events: &Events) -> Result<()> {
    files::remove_dir(scratch)?;
    let fetched = forge.fetch(release, assets, scratch, events)?;
    files::remove_dir(scratch)?;
    for file in &fetched {
        let ours = verified.files.iter().find(|ours| ours.name == file.name);
        if ours.is_none_or(|ours| (ours.size, ours.sha256) != (file.size, file.digest)) {
            return Err(Error::mismatch(format!("{} downloads with other bytes than were uploaded", file.name)).hint(format!("look at {}", release.url)));
        }
    }
    Ok(())
}

/// Published before: the same is success, anything else is never touched.
fn already(forge: &dyn Forge, existing: &Release, verified: &Verified, terms: &Terms, scratch: &Path, events: &Events) -> Result<Published> {
    events.step(format!("{} is published already: comparing", existing.tag));
    compare(forge, existing, verified, scratch, events).map_err(|error| {
        error.within(format!("{} is published already, with other contents", existing.tag)).hint("a published release is never changed: release a new version")
    })?;
    // A run that was killed right after publishing hadn't elected yet.
    let release = if terms.latest && !existing.latest { elected(forge, existing.clone(), events)? } else { existing.clone() };
    Ok(Published { release, state: State::Already })
}

/// Everything but manifest and checksums must have the same bytes. Those two also tell the images and tools of the day they were written: they
/// are downloaded, and must be whole and describe the same release.
fn compare(forge: &dyn Forge, existing: &Release, verified: &Verified, scratch: &Path, events: &Events) -> Result<()> {
    let told = |name: &str| name == SUMS || name == MANIFEST;
    let (stories, others): (Vec<Asset>, Vec<Asset>) = existing.assets.iter().cloned().partition(|asset| told(&asset.name));
    let ours: Vec<VerifiedFile> = verified.files.iter().filter(|file| !told(&file.name)).cloned().collect();
    exact(&others, &ours)?;
    let unknown: Vec<Asset> = others.into_iter().filter(|asset| asset.digest.is_none()).collect();
    same_bytes(forge, existing, &unknown, verified, scratch, events)?;
    let fetched = forge.fetch(existing, &stories, scratch, events)?;
    let same = same_story(&fetched, &ours, verified);
    files::remove_dir(scratch)?;
    same
}

fn same_story(fetched: &[Fetched], ours: &[VerifiedFile], verified: &Verified) -> Result<()> {
    let of = |name: &str| fetched.iter().find(|file| file.name == name).ok_or_else(|| Error::mismatch(format!("{name} is missing")));
    let manifest = Manifest::read(&files::read(&of(MANIFEST)?.path)?, MANIFEST)?;
    let sums = sums::read(&files::read_text(&of(SUMS)?.path)?)?;
    let told = fetched.iter().filter(|file| file.name == MANIFEST);
    let told = told.map(|file| VerifiedFile { name: file.name.clone(), path: file.path.clone(), size: file.size, sha256: file.digest });
    let findings = super::verify::compare(&manifest, &sums, &ours.iter().cloned().chain(told).collect::<Vec<_>>());
    match (manifest.same_release(&verified.manifest), findings.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => Err(Error::mismatch(format!("its {MANIFEST} describes another release"))),
        (true, false) => Err(Error::new(Kind::Mismatch, "its manifest and checksums don't fit its files").with_findings(findings)),
    }
}

/// Whether a version is to be offered as latest: the highest full release is, by SemVer, never by date.
pub fn is_latest(version: &Version, prerelease: bool, survey: &Survey, template: &TagTemplate) -> bool {
    let others = survey.releases.iter().filter(|release| !release.draft && !release.prerelease);
    let highest = others.filter_map(|release| template.matches(&release.tag)).map(|tag| tag.version).filter(|other| !other.is_prerelease()).max();
    !prerelease && highest.is_none_or(|highest| *version >= highest)
}
