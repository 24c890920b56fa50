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
/// What stands for "no target" where targets are named: in the matrix and after `--target`.
pub const ANY: &str = "any";

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
    /// These only (`--target`). Artifacts that don't depend on a target are built where [`ANY`] is among them, so that of many machines exactly
    /// one builds them.
    Only(Vec<String>),
    /// This machine's only, whatever is listed: snapshots.
    Host,
}

/// Plans a release. `host` tells this machine's target triple, where anything depends on it: finding it out takes a while.
pub fn plan(config: &Config, subject: Subject, forge: ForgeKind, targets: &Targets, host: &dyn Fn() -> String) -> Result<ReleasePlan> {
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

fn known_targets(config: &Config, targets: &Targets, host: &dyn Fn() -> String) -> Result<()> {
    let Targets::Only(wanted) = targets else { return Ok(()) };
    let mut listed: Vec<&str> = config.artifacts.iter().flat_map(|artifact| &artifact.targets).map(String::as_str).collect();
    if config.artifacts.iter().any(|artifact| !depends(artifact)) {
        listed.push(ANY);
    }
    match wanted.iter().find(|target| !listed.contains(&target.as_str()) && **target != host()) {
        Some(unknown) => Err(Error::usage(format!("no artifact has the target `{unknown}`")).hint(format!("known: {}", listed.join(", ")))),
        None => Ok(()),
    }
}

/// Whether an artifact is another one on every target.
fn depends(artifact: &Artifact) -> bool {
    matches!(artifact.build, Build::Cargo(_)) || !artifact.targets.is_empty()
}

fn artifact_targets(artifact: &Artifact, targets: &Targets, host: &dyn Fn() -> String) -> Vec<Option<String>> {
    let listed = || if artifact.targets.is_empty() { vec![host()] } else { artifact.targets.clone() };
    match (depends(artifact), targets) {
        (false, Targets::Only(wanted)) if !wanted.iter().any(|target| target == ANY) => Vec::new(),
        (false, _) => vec![None],
        (true, Targets::Host) => vec![Some(host())],
        (true, Targets::Listed) => listed().into_iter().map(Some).collect(),
        (true, Targets::Only(wanted)) => listed().into_iter().filter(|target| wanted.contains(target)).map(Some).collect(),
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
