//! `verify --rebuild`: builds the manifest's commit again in a fresh clone elsewhere, with another HOME, target folder, time zone, umask
//! and number of jobs, and compares every artifact; archives entry by entry where they differ.

use std::path::Path;

use super::{
    build::{self, Place},
    manifest::{Listed, Manifest, Origin},
    plan::{self, Targets},
    subject::Subject,
    verify::{Verified, VerifiedFile},
};
use crate::{
    archive,
    config::Project,
    effects::files,
    kernel::{Error, Events, Finding, Kind, Result, Tag},
};

/// Builds again and compares; says what was compared, or what differs and how.
pub fn compare(project: &Project, verified: &Verified, scratch: &Path, events: &Events) -> Result<String> {
    let manifest = &verified.manifest;
    if manifest.dirty {
        return Err(Error::refused(format!("{} was built with changes that no commit holds: it can't be built again", manifest.tag)));
    }
    let again = elsewhere(project, manifest, scratch, events)?;
    let mut findings = Vec::new();
    let mut compared = 0;
    for listed in &manifest.artifacts {
        if listed.origin == Origin::WorkTree {
            events.warn(Finding::warning("not-rebuilt", format!("{} was taken from the work tree as it was: it can't be built again", listed.name)));
            continue;
        }
        compared += 1;
        let ours = verified.files.iter().find(|file| file.name == listed.name);
        let theirs = again.iter().find(|file| file.name == listed.name);
        findings.extend(differences(listed, ours, theirs)?);
    }
    if findings.is_empty() {
        return Ok(format!("rebuilt elsewhere: {compared} artifacts, the same bytes"));
    }
    Err(Error::new(Kind::Mismatch, format!("{} doesn't build to the same bytes elsewhere", manifest.tag))
        .with_findings(findings)
        .hint("compare the tool versions in release.json with this machine's"))
}

/// A clone and a target folder of its own: nothing of the usual place is shared.
fn elsewhere(project: &Project, manifest: &Manifest, scratch: &Path, events: &Events) -> Result<Vec<build::BuiltFile>> {
    let git = project.git()?;
    if git.commit(&manifest.commit)?.is_none() {
        return Err(Error::refused(format!("the commit {} isn't in this clone", manifest.commit)).hint("fetch it: git fetch origin --tags"));
    }
    let tag = Tag { name: manifest.tag.clone(), version: manifest.version.clone() };
    let snapshot = project.config.tag.matches(&manifest.tag).is_none_or(|tag| git.commit(&tag.name).ok().flatten().is_none());
    let subject = Subject { tag, commit: manifest.commit.clone(), epoch: manifest.source_date_epoch, snapshot, dirty: false };
    let config = at_commit(project, &manifest.commit)?;
    let built = manifest.artifacts.iter().filter(|listed| listed.artifact.is_some());
    let mut targets: Vec<String> = built.map(|listed| listed.target.clone().unwrap_or_else(|| plan::ANY.into())).collect();
    targets.sort();
    targets.dedup();
    let plan = plan::plan(&config.config, subject, config.config.release.forge, &Targets::Only(targets), &build::host_target)?;
    let place = Place::at(&scratch.join("rebuild place, elsewhere"));
    let out = scratch.join("rebuilt");
    let built = build::build(&config, &plan, &place, &out, events)?;
    Ok(built.files)
}

/// The configuration as that commit has it: today's may build other things.
fn at_commit(project: &Project, commit: &str) -> Result<Project> {
    let git = project.git()?;
    let file = project.file.strip_prefix(git.root()).map_or_else(|_| crate::config::FILE.to_owned(), files::slashes);
    match git.file(commit, &file)? {
        Some(text) => {
            let config = crate::config::parse(&String::from_utf8_lossy(&text), &project.file)?;
            Ok(Project { config, ..project.clone() })
        }
        None => Ok(project.clone()),
    }
}

fn differences(listed: &Listed, ours: Option<&VerifiedFile>, theirs: Option<&build::BuiltFile>) -> Result<Vec<Finding>> {
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return Ok(vec![Finding::error("rebuild-missing", format!("{} was not built again", listed.name)).file(&listed.name)]);
    };
    if ours.sha256 == theirs.sha256 {
        return Ok(Vec::new());
    }
    if archive::Format::of_name(&listed.name).is_none() {
        let message = format!("{}: bytes differ ({} and {} bytes)", listed.name, ours.size, theirs.size);
        return Ok(vec![Finding::error("rebuild-differs", message).file(&listed.name)]);
    }
    let found = archive::compare(&ours.path, &theirs.path, &archive::Policy::own())?;
    let mut findings: Vec<Finding> =
        found.iter().map(|difference| Finding::error("rebuild-differs", said(&listed.name, difference)).file(&listed.name)).collect();
    if findings.is_empty() {
        findings.push(Finding::error("rebuild-differs", format!("{}: the same entries, packed into other bytes", listed.name)).file(&listed.name));
    }
    Ok(findings)
}

fn said(archive: &str, difference: &archive::Difference) -> String {
    let entry = if difference.entry.is_empty() { String::new() } else { format!(" {}:", difference.entry) };
    format!("{archive}:{entry} {}: {}", difference.aspect, difference.detail)
}
