//! Proposes the version sources of a repository, for `init`: manifests, their lock files, VERSION, a badge, a change log.

mod monorepo;

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
    if found.is_empty() {
        found = scripts(tree)?;
    }
    let Some(version) = read(tree, &found)?.current().cloned() else { return Ok(found) };
    found.extend(modules(tree, &version)?);
    found.extend(uv_lock(tree, &version)?);
    found.extend(badges(tree, &version)?);
    found.extend(change_logs(tree)?);
    Ok(found)
}

fn spec(file: &str) -> SourceSpec {
    SourceSpec { file: file.into(), pattern: None, heading: None }
}

fn manifests(tree: &dyn Tree) -> Result<Vec<SourceSpec>> {
    let members = monorepo::Members::of(tree)?;
    let mut found = Vec::new();
    let mut covered = BTreeSet::new();
    for depth in 0..=DEEPEST {
        // Further down lie parts of something; they name the version where nothing above does.
        if depth > 1 && !found.is_empty() {
            break;
        }
        for name in NAMES {
            let paths = tree.files().iter().filter(|path| tree::name(path) == name && depth_of(path) == depth && is_ours(path) && members.hold(path));
            for path in paths.filter(|path| !is_covered(path, &covered)) {
                let survey = read(tree, &[spec(path)])?;
                let holds = survey.places.iter().any(|place| place.version.is_some());
                let lonely = name.contains("lock") && !found.iter().any(|other: &SourceSpec| tree::folder(&other.file) == tree::folder(path));
                if holds && !lonely {
                    found.extend(independent(tree, path, &survey)?.unwrap_or_else(|| vec![spec(path)]));
                }
            }
        }
        covered = workspaces(tree, &found)?;
    }
    found.extend(in_step(tree, &found)?);
    found.extend(locks_above(tree, &found)?);
    if members.are_said() { agreeing_with_the_first(tree, found) } else { Ok(found) }
}

/// Lock files at the top whose entries are members further down.
fn locks_above(tree: &dyn Tree, found: &[SourceSpec]) -> Result<Vec<SourceSpec>> {
    let mut locks = Vec::new();
    for (lock, manifest) in [("Cargo.lock", "Cargo.toml"), ("package-lock.json", "package.json")] {
        let below = found.iter().any(|spec| tree::name(&spec.file) == manifest) && !found.iter().any(|spec| spec.file == lock);
        let ours = |place: &super::Place| matches!(&place.kind, Kind::Lock(entry) if found.iter().any(|spec| entry.manifest.as_ref() == Some(&spec.file)));
        if below && read_if_there(tree, lock)?.iter().any(ours) {
            locks.push(spec(lock));
        }
    }
    Ok(locks)
}

/// How far down manifests are looked for.
const DEEPEST: usize = 3;

/// A Cargo workspace whose members have versions of their own: its first package with a program names the release, or its first one.
fn independent(tree: &dyn Tree, path: &str, survey: &super::Survey) -> Result<Option<Vec<SourceSpec>>> {
    let versions: BTreeSet<String> = survey.places.iter().filter(|place| place.kind == Kind::Manifest).map(|place| place.found.clone()).collect();
    if tree::name(path) != "Cargo.toml" || versions.len() < 2 {
        return Ok(None);
    }
    let members: Vec<&String> = survey.places.iter().filter(|place| place.kind == Kind::Manifest).map(|place| &place.file).collect();
    let program = |file: &&&String| tree::join(tree::folder(file), "src/main.rs").is_some_and(|main| tree::contains(tree.files(), &main));
    // A root that is a package itself stands for its whole workspace when it is read: only a member can be taken alone.
    let alone: Vec<&String> = members.into_iter().filter(|file| *file != path).collect();
    let Some(chosen) = alone.iter().find(program).or(alone.first()) else { return Ok(None) };
    let chosen = spec(chosen);
    Ok(read(tree, std::slice::from_ref(&chosen))?.findings.is_empty().then(|| vec![chosen]))
}

/// Members of npm's workspaces that all say what the root says: they are released in step, and a bump must move them too.
fn in_step(tree: &dyn Tree, found: &[SourceSpec]) -> Result<Vec<SourceSpec>> {
    let root = |spec: &&SourceSpec| spec.file == "package.json";
    let Some(version) = found.iter().find(root).map(|root| read(tree, std::slice::from_ref(root))).transpose()?.and_then(|survey| survey.current().cloned())
    else {
        return Ok(Vec::new());
    };
    let entries = read_if_there(tree, "package-lock.json")?.into_iter().filter_map(|place| match place.kind {
        Kind::Lock(entry) => entry.manifest.filter(|manifest| manifest != "package.json"),
        _ => None,
    });
    let members: BTreeSet<String> = entries.collect();
    let specs: Vec<SourceSpec> = members.iter().map(|member| spec(member)).collect();
    let count = specs.len();
    let same = agreeing(tree, specs.into_iter(), &version)?;
    Ok(if same.len() == count { same } else { Vec::new() })
}

fn agreeing_with_the_first(tree: &dyn Tree, found: Vec<SourceSpec>) -> Result<Vec<SourceSpec>> {
    let Some(version) = read(tree, &found)?.current().cloned() else { return Ok(found) };
    let (manifests, locks): (Vec<_>, Vec<_>) = found.into_iter().partition(|spec| !spec.file.contains("lock"));
    let mut agree = agreeing(tree, manifests.into_iter(), &version)?;
    agree.extend(locks);
    Ok(agree)
}

#[expect(clippy::unwrap_used, reason = "a constant expression, and a test runs it")]
static SCRIPT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?m)(?:^|[\s(,])(?<before>version[ \t]*=[ \t]*["']?)(?<version>\d[\w.+-]*)(?<after>["']?)"#).unwrap());

/// Settings of setuptools from before `pyproject.toml`, where one line says the version.
fn scripts(tree: &dyn Tree) -> Result<Vec<SourceSpec>> {
    let mut found = Vec::new();
    for file in ["setup.cfg", "setup.py"] {
        let text = tree.read(file)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let Some(hit) = SCRIPT.captures(&text) else { continue };
        let pattern = |name: &str| hit.name(name).map(|part| part.as_str()).unwrap_or_default().to_owned();
        let candidate = SourceSpec { pattern: Some(format!("{}{{version}}{}", pattern("before"), pattern("after"))), ..spec(file) };
        let survey = read(tree, std::slice::from_ref(&candidate))?;
        // A pattern that fits elsewhere too would drag along what isn't this project's version.
        if survey.findings.is_empty() && survey.places.len() == 1 && survey.places.iter().all(|place| place.version.is_some()) {
            found.push(candidate);
        }
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

#[expect(clippy::unwrap_used, reason = "a constant expression, and a test runs it")]
static OWN_IN_UV: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?m)^name = "(?<name>[^"]+)"\nversion = "[^"]+"\nsource = \{ (?:editable|virtual) = "\." \}"#).unwrap());

/// uv's lock file repeats the project's own version, and `uv sync --locked` refuses where it lags behind.
fn uv_lock(tree: &dyn Tree, version: &Version) -> Result<Vec<SourceSpec>> {
    let text = tree.read("uv.lock")?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let own = OWN_IN_UV.captures(&text).and_then(|found| found.name("name"));
    let pattern = own.map(|name| format!("name = \"{}\"\nversion = \"{{version}}\"", name.as_str()));
    agreeing(tree, pattern.into_iter().map(|pattern| SourceSpec { pattern: Some(pattern), ..spec("uv.lock") }), version)
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
