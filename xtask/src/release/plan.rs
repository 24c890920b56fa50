//! What `release` will do, as data: decided purely, shown by `plan`, carried out by `build` and `publish`.

use serde::Serialize;

use super::subject::Subject;
use crate::{
    config::{Artifact, Build, Config, ForgeKind, Format},
    kernel::{Error, Result, Version},
};

/// The checksums' file name.
pub const SUMS: &str = "SHA256SUMS";
/// The manifest's file name.
pub const MANIFEST: &str = "release.json";

/// What will be built and published.
#[derive(Clone, Debug, Serialize)]
pub struct ReleasePlan {
    /// The project's name.
    pub project: String,
    /// What is released.
    #[serde(flatten)]
    pub subject: Subject,
    /// Where it is published.
    pub forge: ForgeKind,
    /// What is built, one entry an artifact and target.
    pub units: Vec<Unit>,
    /// The bill of materials' file name.
    pub sbom: String,
}

/// One artifact for one target: what one runner builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// The artifact's name.
    pub artifact: String,
    /// The target triple; none where the artifact doesn't depend on one.
    pub target: Option<String>,
    /// The files that come out; raw files are known after the build.
    pub files: Vec<String>,
    /// Whether files come out as they are.
    pub raw: bool,
}

/// Which targets are built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// All that the configuration lists; this machine's where it lists none.
    Listed,
    /// These only (`--target`); artifacts that don't depend on a target are built too.
    Only(Vec<String>),
    /// This machine's only, whatever is listed: snapshots.
    Host,
}

/// Plans a release. `host` is this machine's target triple.
pub fn plan(config: &Config, subject: Subject, forge: ForgeKind, targets: &Targets, host: &str) -> Result<ReleasePlan> {
    let mut units = Vec::new();
    for artifact in &config.artifacts {
        for target in artifact_targets(artifact, targets, host) {
            units.push(unit(artifact, target, subject.version()));
        }
    }
    known_targets(config, targets, host)?;
    if units.is_empty() {
        return Err(
            Error::usage("there is nothing to build: xtask.toml lists no [[artifact]] for this").hint("add an [[artifact]] with `cargo`, `run` or `files`")
        );
    }
    let sbom = format!("{}-{}.cdx.json", config.name, file_version(subject.version()));
    Ok(ReleasePlan { project: config.name.clone(), subject, forge, units, sbom })
}

fn known_targets(config: &Config, targets: &Targets, host: &str) -> Result<()> {
    let Targets::Only(wanted) = targets else { return Ok(()) };
    let listed: Vec<&str> = config.artifacts.iter().flat_map(|artifact| &artifact.targets).map(String::as_str).collect();
    match wanted.iter().find(|target| !listed.contains(&target.as_str()) && target.as_str() != host) {
        Some(unknown) => Err(Error::usage(format!("no artifact has the target `{unknown}`")).hint(format!("known: {}", listed.join(", ")))),
        None => Ok(()),
    }
}

fn artifact_targets(artifact: &Artifact, targets: &Targets, host: &str) -> Vec<Option<String>> {
    let depends = matches!(artifact.build, Build::Cargo(_)) || !artifact.targets.is_empty();
    let listed = if artifact.targets.is_empty() { vec![host.to_owned()] } else { artifact.targets.clone() };
    match (depends, targets) {
        (false, _) => vec![None],
        (true, Targets::Host) => vec![Some(host.to_owned())],
        (true, Targets::Listed) => listed.into_iter().map(Some).collect(),
        (true, Targets::Only(wanted)) => listed.into_iter().filter(|target| wanted.contains(target)).map(Some).collect(),
    }
}

fn unit(artifact: &Artifact, target: Option<String>, version: &Version) -> Unit {
    let stem = stem(&artifact.name, version, target.as_deref());
    let files = artifact.formats.iter().filter_map(|format| format.extension()).map(|extension| format!("{stem}.{extension}")).collect();
    Unit { artifact: artifact.name.clone(), target, files, raw: artifact.formats.contains(&Format::Raw) }
}

/// `rocket-1.4.2-x86_64-unknown-linux-gnu`: the file name without its ending, and the folder inside archives.
pub fn stem(name: &str, version: &Version, target: Option<&str>) -> String {
    let version = file_version(version);
    target.map_or_else(|| format!("{name}-{version}"), |target| format!("{name}-{version}-{target}"))
}

/// The version as file names hold it. GitHub keeps `+`, so nothing needs to change.
fn file_version(version: &Version) -> String {
    version.to_string()
}

/// The GitHub Actions matrix: one entry a unit, with the runner that can build it.
pub fn matrix(plan: &ReleasePlan, runners: &std::collections::BTreeMap<String, String>) -> serde_json::Value {
    let mut targets: Vec<Option<&str>> = plan.units.iter().map(|unit| unit.target.as_deref()).collect();
    targets.sort_unstable();
    targets.dedup();
    // Artifacts that need no target are built by every job's `build`; a job of their own is only needed when there is no other.
    if targets.len() > 1 {
        targets.retain(Option::is_some);
    }
    let include: Vec<_> =
        targets.into_iter().map(|target| serde_json::json!({ "target": target.unwrap_or("any"), "runner": runner(target, runners) })).collect();
    serde_json::json!({ "include": include })
}

fn runner(target: Option<&str>, runners: &std::collections::BTreeMap<String, String>) -> String {
    let Some(target) = target else { return "ubuntu-24.04".into() };
    if let Some(chosen) = runners.get(target) {
        return chosen.clone();
    }
    let arm = target.starts_with("aarch64");
    let usual = match (target, arm) {
        (t, true) if t.contains("windows") => "windows-11-arm",
        (t, false) if t.contains("windows") => "windows-2025",
        (t, true) if t.contains("apple") => "macos-15",
        (t, false) if t.contains("apple") => "macos-15-intel",
        (_, true) => "ubuntu-24.04-arm",
        (_, false) => "ubuntu-24.04",
    };
    usual.into()
}
