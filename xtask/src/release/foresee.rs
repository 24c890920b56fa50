//! Raw assets whose bytes are there already, in the commit or in the work tree: what would be refused of them is told before anything is built.
//!
//! It reads; what only a build can tell (packed sizes, files that `run` makes) is judged again before the first byte is sent.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    build::glob,
    plan::{ReleasePlan, Unit},
    preflight::Ground,
    updater,
};
use crate::{
    config::{Artifact, Build, Project},
    effects::{files, git::TreeEntry},
    forge::Limits,
    kernel::{Finding, Result, human_bytes},
};

const LINK: u32 = 0o120_000;
const FILE: u32 = 0o100_000;
const SORT: u32 = 0o170_000;

/// A file that will be an asset as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// Its name in the release: the file's, without its folders.
    pub name: String,
    /// Where it is now, relative to the root.
    pub path: String,
    /// The artifact it belongs to.
    pub artifact: String,
    /// In bytes; none where the object isn't here.
    pub size: Option<u64>,
    /// A symbolic link, which can't be an asset.
    pub link: bool,
}

/// The files that the commit, or the work tree for what another tool built there, holds for the plan's raw artifacts.
pub fn raw(project: &Project, ground: &Ground, plan: &ReleasePlan) -> Result<Vec<Foreseen>> {
    let units: Vec<(&Unit, &Artifact)> = plan.units.iter().filter_map(|unit| Some((unit, told_beforehand(project, unit)?))).collect();
    if units.is_empty() {
        return Ok(Vec::new());
    }
    let git = project.git()?;
    let tree = git.tree(&ground.subject.commit)?;
    let mut found = Vec::new();
    for (unit, artifact) in units {
        found.extend(of_unit(project, unit, artifact, &tree)?);
    }
    let objects: Vec<&str> = found.iter().filter_map(|file| file.entry.map(|entry| entry.object.as_str())).collect();
    let sizes: BTreeMap<String, u64> = git.sizes(&objects)?;
    let changed: BTreeSet<&String> = if ground.subject.dirty { ground.facts.dirty.iter().collect() } else { BTreeSet::new() };
    Ok(found.into_iter().map(|file| file.measured(project, &sizes, &changed)).collect())
}

/// Commands may make or change the files of a `run` artifact.
fn told_beforehand<'p>(project: &'p Project, unit: &Unit) -> Option<&'p Artifact> {
    let artifact = project.config.artifacts.iter().find(|artifact| artifact.name == unit.artifact)?;
    (unit.raw && !matches!(artifact.build, Build::Run(_))).then_some(artifact)
}

/// A file that matches.
struct Match<'t> {
    path: String,
    artifact: String,
    /// None for a file of the work tree.
    entry: Option<&'t TreeEntry>,
}

impl Match<'_> {
    fn measured(self, project: &Project, sizes: &BTreeMap<String, u64>, changed: &BTreeSet<&String>) -> Foreseen {
        let on_disk = || files::size(&project.path(&self.path)).ok();
        let committed = self.entry.filter(|_| !changed.contains(&self.path));
        let size = committed.map_or_else(on_disk, |entry| sizes.get(&entry.object).copied());
        let name = self.path.rsplit('/').next().unwrap_or(&self.path).to_owned();
        Foreseen { name, size, link: self.entry.is_some_and(|entry| entry.mode & SORT == LINK), path: self.path, artifact: self.artifact }
    }
}

fn of_unit<'t>(project: &Project, unit: &Unit, artifact: &Artifact, tree: &'t [TreeEntry]) -> Result<Vec<Match<'t>>> {
    let mut found: BTreeMap<String, Option<&TreeEntry>> = BTreeMap::new();
    for pattern in &artifact.files {
        let matcher = glob(pattern)?;
        let files = tree.iter().filter(|entry| matches!(entry.mode & SORT, FILE | LINK) && matcher.is_match(&entry.path));
        let committed: Vec<_> = files.map(|entry| (entry.path.clone(), Some(entry))).collect();
        if committed.is_empty() && artifact.build == Build::Files {
            let there = files::walk(&project.root)?.into_iter().filter(|path| !path.starts_with(".git/") && !path.starts_with(".xtask/"));
            found.extend(there.filter(|path| matcher.is_match(path)).map(|path| (path, None)));
        }
        found.extend(committed);
    }
    // Update metadata is written anew, once for all artifacts.
    let own = found.into_iter().filter(|(path, _)| !updater::is_metadata(path.rsplit('/').next().unwrap_or(path)));
    Ok(own.map(|(path, entry)| Match { path, artifact: unit.artifact.clone(), entry }).collect())
}

/// What stands against them: links, sizes, and names that are given twice, also to what the release makes itself (`planned`). Pure.
pub fn judge(foreseen: &[Foreseen], planned: &[String], limits: &Limits, forge: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut taken: BTreeMap<&str, String> = planned.iter().map(|name| (name.as_str(), "the release makes itself".into())).collect();
    for file in foreseen {
        if file.link {
            let message = format!("artifact `{}`: {} is a symbolic link, which can't be an asset", file.artifact, file.path);
            findings.push(Finding::error("asset-is-link", message).hint("match the file that it leads to"));
        } else {
            findings.extend(file.size.and_then(|size| unfit(&file.path, size, limits, forge)));
        }
        if let Some(other) = taken.insert(&file.name, format!("is {} of artifact `{}`", file.path, file.artifact)) {
            let message =
                format!("two files of the release would be called {}: {} of artifact `{}`, and one that {other}", file.name, file.path, file.artifact);
            findings
                .push(Finding::error("asset-names-collide", message).hint("an asset's name is the file's name without its folders: rename one, or pack them"));
        }
    }
    findings
}

/// A size that the forge takes no file of.
pub fn unfit(name: &str, size: u64, limits: &Limits, forge: &str) -> Option<Finding> {
    if size == 0 && limits.refuses_empty {
        let empty = Finding::error("asset-empty", format!("{name} is empty, and {forge} takes no empty files"));
        return Some(empty.hint("leave it out, or pack it into an archive"));
    }
    // Not in rounded units: a file at the limit would have as much as it may.
    let message = || format!("{name} has {size} bytes ({}): {forge} takes files of less than {} bytes only", human_bytes(size), limits.asset_size);
    (size >= limits.asset_size).then(|| Finding::error("asset-too-large", message()).hint("split it, or pack it tighter"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, size: u64) -> Foreseen {
        Foreseen { name: path.rsplit('/').next().unwrap().into(), path: path.into(), artifact: "rocket".into(), size: Some(size), link: false }
    }

    #[test]
    fn tells_all_that_would_be_refused() {
        let limits = Limits { asset_size: 2 << 30, assets: 1000, refuses_empty: true, rename: str::to_owned };
        let link = Foreseen { link: true, ..file("bin/current", 4) };
        let files = [file("a/good.bin", 1), file("a/none.bin", 0), file("a/big.iso", 2 << 30), file("b/good.bin", 1), file("x/release.json", 9), link];
        let codes: Vec<_> = judge(&files, &["release.json".into()], &limits, "github").into_iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["asset-empty", "asset-too-large", "asset-names-collide", "asset-names-collide", "asset-is-link"]);
    }
}
