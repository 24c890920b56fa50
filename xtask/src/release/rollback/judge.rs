//! Whether a release can be gone back to: published, complete, unaltered; every asset by its digest.

use super::services;
use crate::{
    config::Project,
    effects::{files, scratch::Scratch},
    forge::{Asset, Fetched, Forge, Release, Survey},
    kernel::{Error, Events, Finding, Kind, Result, TagTemplate},
    release::{
        build,
        cache::Cache,
        install,
        manifest::Manifest,
        plan::{MANIFEST, SUMS},
        sums,
        verify::{self, VerifiedFile},
    },
};

/// How many releases are looked at to say which would work.
const CANDIDATES: usize = 5;

/// The manifest of a release whose every asset is what it should be. Anything else is refused, and says why.
pub fn on_forge(forge: &dyn Forge, survey: &Survey, tag: &str, events: &Events) -> Result<Manifest> {
    let Some(release) = forge.published(tag)? else {
        let drafts = survey.drafts(tag).len();
        let why = if drafts > 0 { format!("{tag} is a draft: it was never published") } else { format!("{tag} was never published in {}", forge.place()) };
        return Err(Error::refused(why));
    };
    // The forge tells the digests of what it holds; checksums and manifest are read, and so is what it tells no digest of. All side by side.
    outwardly_whole(&release)?;
    let control = [MANIFEST, SUMS];
    let read: Vec<Asset> = release.assets.iter().filter(|asset| control.contains(&asset.name.as_str()) || asset.digest.is_none()).cloned().collect();
    let scratch = Scratch::new("rollback")?;
    let fetched = forge.fetch(&release, &read, scratch.path(), events)?;
    compared(&release, &fetched).map_err(|error| error.of_kind(Kind::Refused))
}

fn compared(release: &Release, fetched: &[Fetched]) -> Result<Manifest> {
    let text = |name: &str| {
        let file = fetched.iter().find(|file| file.name == name).ok_or_else(|| Error::refused(format!("{} has no {name}", release.tag)))?;
        files::read(&file.path)
    };
    let manifest = Manifest::read(&text(MANIFEST)?, &format!("{MANIFEST} of {}", release.tag))?;
    let sums = sums::read(&String::from_utf8_lossy(&text(SUMS)?))?;
    let found = |asset: &Asset| {
        let read = fetched.iter().find(|file| file.name == asset.name);
        let (size, digest) = read.map_or((asset.size, asset.digest), |file| (file.size, Some(file.digest)));
        Some(VerifiedFile { name: asset.name.clone(), path: read.map(|file| file.path.clone()).unwrap_or_default(), size, sha256: digest? })
    };
    let found: Vec<VerifiedFile> = release.assets.iter().filter_map(found).collect();
    let findings = verify::compare(&manifest, &sums, &found);
    if !findings.is_empty() {
        return Err(Error::refused(format!("{} is not as it was released", release.tag)).with_findings(findings));
    }
    if manifest.tag != release.tag {
        return Err(Error::refused(format!("the release {} holds the files of {}", release.tag, manifest.tag)));
    }
    Ok(manifest)
}

/// The cached release, where the forge lists every one of its files with the same digest: as good as read from there.
pub fn as_listed(survey: &Survey, cache: &Cache, tag: &str) -> Option<Manifest> {
    let (Some(release), Ok(Some(cached))) = (survey.published(tag), cache.verified(tag)) else { return None };
    let is = |file: &VerifiedFile| release.assets.iter().any(|asset| asset.complete && asset.name == file.name && asset.digest == Some(file.sha256));
    (release.assets.len() == cached.files.len() && cached.files.iter().all(is)).then_some(cached.manifest)
}

/// As far as the survey and the cache tell, without a request: for a look that must cost nothing. Bytes that aren't cached are not read.
pub fn at_a_glance(survey: &Survey, cache: &Cache, tag: &str) -> Result<()> {
    let Some(release) = survey.published(tag) else { return Err(Error::refused(format!("{tag} was never published"))) };
    outwardly_whole(release)?;
    let Ok(Some(cached)) = cache.verified(tag) else { return Ok(()) };
    let digest = |asset: &Asset| asset.digest.is_none_or(|digest| cached.files.iter().any(|file| file.name == asset.name && file.sha256 == digest));
    match release.assets.iter().find(|asset| !digest(asset)) {
        None if release.assets.len() == cached.files.len() => Ok(()),
        Some(other) => Err(Error::refused(format!("{tag} is not as it was released: {} has other bytes than in the cache", other.name))),
        None => Err(Error::refused(format!("{tag} is not as it was released: it has {} files, the cache {}", release.assets.len(), cached.files.len()))),
    }
}

/// Checksums and manifest are there, and every file arrived.
fn outwardly_whole(release: &Release) -> Result<()> {
    let tag = &release.tag;
    if let Some(missing) = [MANIFEST, SUMS].iter().find(|name| !release.assets.iter().any(|asset| asset.name == **name)) {
        return Err(Error::refused(format!("{tag} is incomplete: it has no {missing}")));
    }
    match release.assets.iter().find(|asset| !asset.complete) {
        Some(half) => Err(Error::refused(format!("{tag} is incomplete: {} never arrived whole", half.name))),
        None => Ok(()),
    }
}

/// From the cache, while the forge can't be reached.
pub fn in_cache(cache: &Cache, tag: &str) -> Result<Manifest> {
    match cache.verified(tag) {
        Ok(Some(verified)) => Ok(verified.manifest),
        Ok(None) => Err(Error::partial(format!("the forge can't be reached, and {tag} is not in the cache"))),
        Err(error) => Err(error.of_kind(Kind::Refused)),
    }
}

/// Adds to a refusal which releases would work.
pub fn with_candidates(error: Error, forge: Option<&dyn Forge>, (survey, live): (&Survey, Option<&str>), cache: &Cache, template: &TagTemplate) -> Error {
    let works = candidates(forge, survey, cache, template);
    // On the worst night nobody shall be sent to a release that they want to get away from.
    let back = |tag: &str| survey.published(tag).is_some_and(|release| release.prerelease);
    let named = |tag: &String| match tag.as_str() {
        tag if Some(tag) == live => format!("{tag} (live now)"),
        tag if back(tag) => format!("{tag} (taken back)"),
        tag => tag.to_owned(),
    };
    if works.is_empty() {
        error.hint("no release would work")
    } else {
        error.hint(format!("these would work: {}", works.iter().map(named).collect::<Vec<_>>().join(", ")))
    }
}

/// The releases that could be gone to, highest version first.
fn candidates(forge: Option<&dyn Forge>, survey: &Survey, cache: &Cache, template: &TagTemplate) -> Vec<String> {
    let Some(forge) = forge else { return cached_working(cache, template) };
    // What is cached and listed with the same digests needs no request.
    let works = |tag: &str| as_listed(survey, cache, tag).is_some() || on_forge(forge, survey, tag, &Events::none()).is_ok();
    kept(survey, template).into_iter().take(CANDIDATES).map(|release| release.tag.clone()).filter(|tag| works(tag)).collect()
}

fn cached_working(cache: &Cache, template: &TagTemplate) -> Vec<String> {
    let tags = cache.tags(template).unwrap_or_default();
    tags.into_iter().map(|tag| tag.name).filter(|tag| matches!(cache.verified(tag), Ok(Some(_)))).collect()
}

/// Published full releases, highest version first.
pub fn kept<'a>(survey: &'a Survey, template: &TagTemplate) -> Vec<&'a Release> {
    let mut full: Vec<_> = survey
        .releases
        .iter()
        .filter(|release| !release.draft)
        .filter_map(|release| template.matches(&release.tag).filter(|tag| !tag.version.is_prerelease()).map(|tag| (tag.version, release)))
        .collect();
    full.sort_by(|a, b| b.0.cmp(&a.0));
    full.into_iter().map(|(_, release)| release).collect()
}

/// The finding about one release, for `check --only rollback` and after a release.
pub fn finding(tag: &str, judged: &Result<Manifest>) -> Finding {
    match judged {
        Ok(manifest) => Finding::note("rollback-works", format!("{tag}: complete, {} files, every digest as released", manifest.artifacts.len() + 2)),
        Err(error) => impossible(tag, error),
    }
}

/// Why a rollback to it would be refused.
pub fn impossible(tag: &str, error: &Error) -> Finding {
    let details = error.found().iter().map(|finding| format!("; {}", finding.message)).collect::<String>();
    let finding = Finding::warning("rollback-impossible", format!("a rollback to {tag} would be refused: {}{details}", error.chain()));
    error.hints().iter().fold(finding, |finding, hint| finding.hint(hint))
}

/// What else a rollback to a whole release needs on this machine: a cached copy for the day the forge is down, a file to install.
pub fn ready(project: &Project, cache: &Cache, manifest: &Manifest) -> Vec<Finding> {
    let tag = &manifest.tag;
    let mut findings = Vec::new();
    match cache.verified(tag) {
        Ok(Some(_)) => {}
        Ok(None) => findings.push(
            Finding::note("rollback-not-cached", format!("{tag} is not cached: a rollback to it needs the forge"))
                .hint("`xtask releases sync` fills the cache"),
        ),
        Err(error) => findings.push(Finding::warning("cache-altered", error.chain()).hint("`xtask releases sync` fills the cache again")),
    }
    if let Some(target) = &project.config.install
        && let Err(error) = install::pick(manifest, &install::Platform::of(&build::host_target()), target.artifact.as_deref())
    {
        findings.push(Finding::warning("rollback-no-artifact", format!("the installed application can't go back to {tag}: {}", error.chain())));
    }
    findings.extend(services::ready(project, manifest));
    findings
}
