//! Parts that were built elsewhere → one release folder: the exact set of planned units or nothing.
//!
//! Every part is verified byte for byte against its own manifest first. What is made once for the whole (bill of materials, update
//! metadata, manifest, checksums) is made here, so that the result is what one machine would have built.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    build::{self, Built, BuiltFile, Parts, Place},
    manifest::{Listed, Tools},
    plan::{ANY, MANIFEST, ReleasePlan, Unit},
    updater::{self, Channel},
    verify::{self, Verified},
};
use crate::{
    archive,
    config::Project,
    effects::files,
    kernel::{Error, Events, Finding, Kind, Result},
};

/// A folder that `build` filled on some machine.
struct Part {
    folder: PathBuf,
    verified: Verified,
}

/// A file of a part.
#[derive(Clone)]
struct Source<'a> {
    listed: &'a Listed,
    path: PathBuf,
}

/// Merges the parts into `out`, which holds exactly the release afterwards.
pub fn merge(project: &Project, plan: &ReleasePlan, from: &[PathBuf], place: &Place, out: &Path, events: &Events) -> Result<Built> {
    let parts = find(from)?.into_iter().map(|folder| open(folder, plan)).collect::<Result<Vec<_>>>()?;
    events.step(format!("merging {} parts of {}", parts.len(), plan.subject.tag));
    let sources = chosen(&parts)?;
    let units: Vec<&Source<'_>> = sources.values().filter(|source| !updater::is_metadata(&source.listed.name)).collect();
    exact(plan, &units)?;
    let channels = channels(&parts)?;
    build::empty(out)?;
    let built = units.iter().map(|source| copy(source, out)).collect::<Result<Vec<_>>>()?;
    build::assemble(project, plan, place, Parts { built, channels, tools: tools(&parts) }, out, events)
}

/// Each folder is a part, or holds parts.
fn find(from: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = BTreeSet::new();
    for folder in from {
        if folder.join(MANIFEST).is_file() {
            found.insert(folder.clone());
            continue;
        }
        let below = files::list(folder)?.into_iter().map(|name| folder.join(name)).filter(|path| path.join(MANIFEST).is_file());
        let below: Vec<PathBuf> = below.collect();
        if below.is_empty() {
            return Err(Error::refused(format!("{} holds no part of a release: there is no {MANIFEST} in it or one folder below", folder.display()))
                .hint("name the folders that `build --out DIR` filled, or the one that holds them"));
        }
        found.extend(below);
    }
    Ok(found.into_iter().collect())
}

fn open(folder: PathBuf, plan: &ReleasePlan) -> Result<Part> {
    let verified = verify::folder(&folder).map_err(|error| error.within(format!("the part {} did not arrive as it was built", folder.display())))?;
    let (ours, theirs) = (&plan.subject, &verified.manifest);
    let pairs = [
        ("project", plan.project.clone(), theirs.project.clone()),
        ("tag", ours.tag.name.clone(), theirs.tag.clone()),
        ("version", ours.version().to_string(), theirs.version.to_string()),
        ("commit", ours.commit.clone(), theirs.commit.clone()),
        ("SOURCE_DATE_EPOCH", ours.epoch.to_string(), theirs.source_date_epoch.to_string()),
        ("uncommitted changes", ours.dirty.to_string(), theirs.dirty.to_string()),
    ];
    let differ = pairs.iter().find(|(_, ours, theirs)| ours != theirs);
    match differ {
        None => Ok(Part { folder, verified }),
        Some((what, ours, theirs)) => Err(Error::mismatch(format!("the part {} is of another release: its {what} is {theirs}, not {ours}", folder.display()))
            .hint("build every part from the same tag and commit")),
    }
}

/// Every built file by its name. Several parts may bring the same file, if it is the same to the byte.
fn chosen(parts: &[Part]) -> Result<BTreeMap<&str, Source<'_>>> {
    let mut chosen: BTreeMap<&str, Source<'_>> = BTreeMap::new();
    let mut findings = Vec::new();
    for part in parts {
        for listed in part.verified.manifest.artifacts.iter().filter(|listed| listed.artifact.is_some()) {
            let source = Source { listed, path: part.folder.join(&listed.name) };
            match chosen.get(listed.name.as_str()) {
                Some(first) if !updater::is_metadata(&listed.name) => findings.extend(twice(first, &source)?),
                Some(_) => {}
                None => drop(chosen.insert(&listed.name, source)),
            }
        }
    }
    if findings.is_empty() {
        return Ok(chosen);
    }
    Err(Error::new(Kind::Mismatch, "two builds of the same artifact differ: nothing is published")
        .with_findings(findings)
        .hint("compare the runners' tools: each part's release.json lists them"))
}

fn twice(first: &Source<'_>, second: &Source<'_>) -> Result<Vec<Finding>> {
    let (one, two) = (first.listed, second.listed);
    let name = &one.name;
    let finding = |message: String| Finding::error("builds-differ", message).file(name);
    if (&one.artifact, &one.target) != (&two.artifact, &two.target) {
        return Ok(vec![finding(format!("{name} comes from two artifacts or targets: {} and {}", of(one), of(two)))]);
    }
    if one.sha256 == two.sha256 {
        return Ok(Vec::new());
    }
    let found = if archive::Format::of_name(name).is_some() { archive::compare(&first.path, &second.path, &archive::Policy::own())? } else { Vec::new() };
    if found.is_empty() {
        return Ok(vec![finding(format!("{name}: {} and {} have other bytes", first.path.display(), second.path.display()))]);
    }
    Ok(found.iter().map(|difference| finding(format!("{name}: {} differs: {}", said(difference), difference.detail))).collect())
}

fn said(difference: &archive::Difference) -> String {
    if difference.entry.is_empty() { difference.aspect.to_string() } else { format!("{} of {}", difference.aspect, difference.entry) }
}

fn of(listed: &Listed) -> String {
    let artifact = listed.artifact.as_deref().unwrap_or_default();
    format!("`{artifact}` for {}", listed.target.as_deref().unwrap_or(ANY))
}

/// Every planned unit is there with every file that is known beforehand; nothing else is.
fn exact(plan: &ReleasePlan, sources: &[&Source<'_>]) -> Result<()> {
    let belongs = |unit: &Unit, listed: &Listed| listed.artifact.as_ref() == Some(&unit.artifact) && listed.target == unit.target;
    let mut findings = Vec::new();
    for unit in &plan.units {
        let there: Vec<&str> = sources.iter().filter(|source| belongs(unit, source.listed)).map(|source| source.listed.name.as_str()).collect();
        let name = format!("`{}` for {}", unit.artifact, unit.target.as_deref().unwrap_or(ANY));
        if there.is_empty() {
            findings.push(Finding::error("part-missing", format!("no part holds {name}")).hint("run the job again that builds it"));
            continue;
        }
        let missing = unit.files.iter().filter(|file| !there.contains(&file.as_str()));
        findings.extend(missing.map(|file| Finding::error("part-missing", format!("{name}: {file} is missing")).file(file)));
        let extra = there.iter().filter(|file| !unit.raw && !unit.files.iter().any(|known| known == *file));
        findings.extend(extra.map(|file| Finding::error("part-extra", format!("{name}: {file} is not planned")).file(*file)));
    }
    let strangers = sources.iter().filter(|source| !plan.units.iter().any(|unit| belongs(unit, source.listed)));
    findings.extend(strangers.map(|source| Finding::error("part-extra", format!("{} of {} is not planned", source.listed.name, of(source.listed)))));
    if findings.is_empty() {
        return Ok(());
    }
    Err(Error::new(Kind::Mismatch, format!("the parts are not exactly {}: nothing is published", plan.subject.tag)).with_findings(findings))
}

/// Every part's update metadata, also where several have the same name.
fn channels(parts: &[Part]) -> Result<Vec<Channel>> {
    let listed = parts.iter().flat_map(|part| part.verified.manifest.artifacts.iter().map(move |listed| (part, listed)));
    let metadata = listed.filter(|(_, listed)| listed.artifact.is_some() && updater::is_metadata(&listed.name));
    metadata.map(|(part, listed)| Channel::read(&listed.name, &files::read(&part.folder.join(&listed.name))?, listed.artifact.clone(), listed.origin)).collect()
}

/// What another process wrote meanwhile must not slip in: the bytes are digested again on the way.
fn copy(source: &Source<'_>, out: &Path) -> Result<BuiltFile> {
    let listed = source.listed;
    let path = out.join(&listed.name);
    let (size, sha256) = files::copy_quickly(&source.path, &path)?;
    if (size, sha256) != (listed.size, listed.sha256) {
        return Err(Error::mismatch(format!("{} changed while it was read", source.path.display())).hint("give the same command again"));
    }
    Ok(BuiltFile { name: listed.name.clone(), path, size, sha256, artifact: listed.artifact.clone(), target: listed.target.clone(), origin: listed.origin })
}

/// Tools that agree are told once, as one machine would; others side by side, whatever order the parts come in.
fn tools(parts: &[Part]) -> Tools {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for manifest in parts.iter().map(|part| &part.verified.manifest) {
        for (tool, version) in &manifest.tools {
            versions.entry(tool).or_default().insert(version);
        }
    }
    let mut tools = Tools::default();
    for (tool, versions) in versions {
        tools.add(tool, &versions.into_iter().collect::<Vec<_>>().join("; "));
    }
    tools
}
