//! Proposes the version sources of a repository, for `init`: manifests, their lock files, VERSION, a badge, a change log.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

use super::{
    Kind, Tree, disagreements, read,
    source::{self, is_installed},
    tree,
};
use crate::{
    config::{PrereleasePolicy, SourceSpec},
    kernel::{Result, Version},
};

/// Folders that hold other people's packages, or examples of ours.
const NOT_OURS: [&str; 14] =
    ["vendor", "third_party", "fixtures", "fixture", "test", "tests", "__tests__", "examples", "example", "docs", "templates", "template", "dist", "build"];

/// Manifests before their lock files: the first names the version.
const NAMES: [&str; 8] = ["Cargo.toml", "package.json", "pyproject.toml", "VERSION", "VERSION.txt", "Cargo.lock", "package-lock.json", "npm-shrinkwrap.json"];

#[expect(clippy::unwrap_used, reason = "a constant expression, and a test runs it")]
static BADGE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"badge/(?:version|release|v)-").unwrap());

/// Proposes sources: what holds a version at the top or one folder below, and what else agrees with it.
/// Sources that disagree with each other are proposed too: that is what a check is for.
pub fn detect(tree: &dyn Tree) -> Result<Vec<SourceSpec>> {
    let mut found = manifests(tree)?;
    let Some(version) = read(tree, &found)?.current().cloned() else { return Ok(found) };
    found.extend(modules(tree, &version)?);
    found.extend(badges(tree, &version)?);
    found.extend(change_logs(tree)?);
    Ok(found)
}

fn spec(file: &str) -> SourceSpec {
    SourceSpec { file: file.into(), pattern: None, heading: None }
}

fn manifests(tree: &dyn Tree) -> Result<Vec<SourceSpec>> {
    let mut found = Vec::new();
    let mut covered = BTreeSet::new();
    for depth in 0..=1 {
        for name in NAMES {
            let paths = tree.files().iter().filter(|path| tree::name(path) == name && depth_of(path) == depth && is_ours(path));
            for path in paths.filter(|path| !is_covered(path, &covered)) {
                let survey = read(tree, &[spec(path)])?;
                let holds = survey.places.iter().any(|place| place.version.is_some());
                let lonely = name.contains("lock") && !found.iter().any(|other: &SourceSpec| tree::folder(&other.file) == tree::folder(path));
                if holds && !lonely {
                    found.push(spec(path));
                }
            }
        }
        covered = workspaces(tree, &found)?;
    }
    Ok(found)
}

fn depth_of(path: &str) -> usize {
    path.matches('/').count()
}

fn is_ours(path: &str) -> bool {
    let parts: Vec<_> = tree::folder(path).split('/').collect();
    !is_installed(path) && parts.iter().all(|part| !NOT_OURS.contains(part) && !part.starts_with('.'))
}

/// Manifests that a workspace at the top reads already, and folders that npm's workspaces version on their own.
fn workspaces(tree: &dyn Tree, found: &[SourceSpec]) -> Result<BTreeSet<String>> {
    let mut covered = BTreeSet::new();
    for lock in ["Cargo.lock", "package-lock.json"] {
        for place in read_if_there(tree, lock)? {
            if let Kind::Lock(entry) = place.kind {
                covered.extend(entry.manifest);
            }
        }
    }
    for place in read(tree, found)?.places {
        covered.insert(place.file);
    }
    Ok(covered)
}

fn read_if_there(tree: &dyn Tree, file: &str) -> Result<Vec<super::Place>> {
    if tree::contains(tree.files(), file) { Ok(read(tree, &[spec(file)])?.places) } else { Ok(Vec::new()) }
}

fn is_covered(path: &str, covered: &BTreeSet<String>) -> bool {
    covered.contains(path)
}

/// Python modules that say the same version.
fn modules(tree: &dyn Tree, version: &Version) -> Result<Vec<SourceSpec>> {
    const MODULES: [&str; 5] = ["__init__.py", "__about__.py", "_version.py", "version.py", "__version__.py"];
    let paths = tree.files().iter().filter(|path| MODULES.contains(&tree::name(path)) && depth_of(path) <= 2 && is_ours(path));
    agreeing(tree, paths.map(|path| spec(path)), version)
}

fn badges(tree: &dyn Tree, version: &Version) -> Result<Vec<SourceSpec>> {
    let Some(readme) = tree.files().iter().find(|path| path.eq_ignore_ascii_case("readme.md")) else { return Ok(Vec::new()) };
    let text = tree.read(readme)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let patterns: BTreeSet<String> = BADGE.find_iter(&text).map(|found| format!("{}{{version}}-", found.as_str())).collect();
    agreeing(tree, patterns.into_iter().map(|pattern| SourceSpec { pattern: Some(pattern), ..spec(readme) }), version)
}

fn change_logs(tree: &dyn Tree) -> Result<Vec<SourceSpec>> {
    let Some(log) = tree.files().iter().find(|path| path.eq_ignore_ascii_case("changelog.md")) else { return Ok(Vec::new()) };
    for heading in ["## {version}", "# {version}"] {
        let spec = SourceSpec { heading: Some(heading.into()), ..spec(log) };
        if read(tree, std::slice::from_ref(&spec))?.places.iter().any(|place| place.version.is_some()) {
            return Ok(vec![spec]);
        }
    }
    Ok(Vec::new())
}

fn agreeing(tree: &dyn Tree, specs: impl Iterator<Item = SourceSpec>, version: &Version) -> Result<Vec<SourceSpec>> {
    let mut found = Vec::new();
    for spec in specs {
        source::sort(&spec)?;
        let survey = read(tree, std::slice::from_ref(&spec))?;
        if !survey.places.is_empty() && survey.findings.is_empty() && disagreements(&survey.places, version, PrereleasePolicy::Strict).is_empty() {
            found.push(spec);
        }
    }
    Ok(found)
}
