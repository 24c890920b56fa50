//! Plan → files: a clean checkout of the commit, builds in an environment that tells them nothing of this machine, archives, checksums.
//!
//! Everything happens outside the work tree, so that neither ignored files there nor configuration above it can leak in. What comes out
//! is [`Built`]: the exact set, with sizes and digests; only [`super::verify`] turns it into something that can be published.

mod cargo;
mod cargo_home;
mod collect;
mod environment;
mod leaks;
mod pack;
mod rustflags;
mod source;
mod version_check;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{
    manifest::{self, Origin, Tools},
    plan::{MANIFEST, ReleasePlan, SUMS, Unit},
    sbom, sums,
    updater::{self, Channel},
};
use crate::{
    config::{Artifact, Build, Project},
    effects::files,
    kernel::{Digest, Error, Events, Finding, Result},
    services::{self, ImageRef},
};
pub use cargo::{LOCK, LOCK_REMEDY};
pub(super) use collect::glob;
pub use environment::host_target;
pub use source::Source;

/// Where building happens: a folder of this project's own, outside its work tree.
#[derive(Clone, Debug)]
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// The usual place: kept between builds, so that the next one is warm. One a project root.
    pub fn usual(root: &Path, name: &str) -> Result<Self> {
        let mark = Digest::of(root.to_string_lossy().as_bytes()).hex();
        let mark = mark.get(..12).unwrap_or(&mark);
        Ok(Self { folder: files::cache_folder()?.join(format!("{name}-{mark}")) })
    }

    /// Another place, for a build that must share nothing with the usual one.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    fn source(&self) -> PathBuf {
        self.folder.join("source")
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    fn cargo_home(&self) -> PathBuf {
        self.folder.join("cargo")
    }

    /// Where the build that runs is noted, so that what a killed run left running is ended before the next begins.
    fn running(&self) -> PathBuf {
        self.folder.join("running")
    }

    /// What keeps two builds apart that would share this place.
    pub fn lock(&self) -> PathBuf {
        self.folder.join("lock")
    }
}

/// A file that was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BuiltFile {
    /// Its name in the release.
    pub name: String,
    /// Where it is.
    #[serde(skip)]
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: Digest,
    /// The artifact it belongs to; none for checksums, manifest and bill of materials.
    pub artifact: Option<String>,
    /// The target it was built for.
    pub target: Option<String>,
    /// What it was made from.
    pub origin: Origin,
}

/// The exact set of files of a release, as they lie in one folder. Not verified yet.
#[derive(Clone, Debug)]
pub struct Built {
    /// The folder.
    pub folder: PathBuf,
    /// Every file of the release, sorted by name: artifacts, bill of materials, manifest, checksums.
    pub files: Vec<BuiltFile>,
}

/// Builds everything that the plan lists into a folder, which holds exactly that afterwards.
pub fn build(project: &Project, plan: &ReleasePlan, place: &Place, out: &Path, events: &Events) -> Result<Built> {
    let _lock = crate::effects::lock::acquire(&place.lock(), "building")?;
    if crate::effects::children::end_left(&place.running())? {
        events.note("an earlier run was killed and its build went on: it was ended");
    }
    events.step(format!("building {} from {}", plan.subject.tag, plan.subject.commit.get(..12).unwrap_or(&plan.subject.commit)));
    let source = source::prepare(project, plan, &place.source(), events)?;
    empty(out)?;
    let mut built = Vec::new();
    let mut made = Made::default();
    for unit in &plan.units {
        let artifact = find(project, unit)?;
        built.extend(build_unit(&Job { project, plan, place, source: &source, artifact, unit, out, events }, &mut made)?);
    }
    finish(project, plan, &source, built, made, out, events)
}

/// What is told once for the whole release, however many units contribute to it.
#[derive(Default)]
struct Made {
    tools: Tools,
    channels: Vec<Channel>,
}

/// Files that were built elsewhere and lie in `out` already → the release: what is made once for all of them is made here.
pub(super) fn assemble(project: &Project, plan: &ReleasePlan, place: &Place, parts: Parts, out: &Path, events: &Events) -> Result<Built> {
    let _lock = crate::effects::lock::acquire(&place.lock(), "building")?;
    let source = source::prepare(project, plan, &place.source(), events)?;
    finish(project, plan, &source, parts.built, Made { tools: parts.tools, channels: parts.channels }, out, events)
}

/// What parts bring along.
pub(super) struct Parts {
    /// Their files.
    pub(super) built: Vec<BuiltFile>,
    /// Their update metadata.
    pub(super) channels: Vec<Channel>,
    /// What built them.
    pub(super) tools: Tools,
}

/// Everything that building one unit needs to know.
struct Job<'a> {
    project: &'a Project,
    plan: &'a ReleasePlan,
    place: &'a Place,
    source: &'a Source,
    artifact: &'a Artifact,
    unit: &'a Unit,
    out: &'a Path,
    events: &'a Events,
}

fn build_unit(job: &Job<'_>, made: &mut Made) -> Result<Vec<BuiltFile>> {
    let target = job.unit.target.as_deref();
    job.events.step(format!("artifact {}{}", job.artifact.name, target.map(|target| format!(" for {target}")).unwrap_or_default()));
    let programs = match &job.artifact.build {
        Build::Cargo(cargo) => cargo::build(job, cargo, &mut made.tools)?,
        Build::Run(lines) => {
            job.source.renew()?;
            environment::run_lines(job, lines)?;
            Vec::new()
        }
        Build::Files => Vec::new(),
    };
    let collected = collect::collect(job, programs)?;
    if job.artifact.build != Build::Files {
        leaks::refuse(job, &collected)?;
    }
    let files = pack::pack(job, &collected, &mut made.channels)?;
    if let Some(line) = &job.artifact.version_check {
        version_check::ask(job, line, &files, &collected)?;
    }
    Ok(files)
}

/// Update metadata, bill of materials, manifest, checksums: in this order, since each covers what was there before.
fn finish(project: &Project, plan: &ReleasePlan, source: &Source, mut built: Vec<BuiltFile>, made: Made, out: &Path, events: &Events) -> Result<Built> {
    unique(&built)?;
    built.extend(updater::write(made.channels, &built, plan.subject.version(), plan.subject.epoch, out)?);
    built.push(universal(out, &plan.sbom, &sbom::write(plan, source)?)?);
    built.sort_by(|a, b| a.name.cmp(&b.name));
    let manifest = manifest::Manifest::new(plan, &built, made.tools, images(project, events));
    complete(project, out, built, &manifest)
}

/// The services' images at release time: what `rollback` goes back to.
pub(super) fn images(project: &Project, events: &Events) -> Vec<ImageRef> {
    let recorded = services::images(project);
    if let Some(note) = recorded.note {
        events.warn(Finding::note("images-unknown", note));
    }
    recorded.images
}

/// Writes manifest and checksums for these files.
pub(super) fn complete(_: &Project, out: &Path, mut built: Vec<BuiltFile>, manifest: &manifest::Manifest) -> Result<Built> {
    built.push(universal(out, MANIFEST, manifest.to_json()?.as_bytes())?);
    built.sort_by(|a, b| a.name.cmp(&b.name));
    let sums = sums::write(built.iter().map(|file| (file.name.as_str(), file.sha256)));
    built.push(universal(out, SUMS, sums.as_bytes())?);
    built.sort_by(|a, b| a.name.cmp(&b.name));
    // With the mark gone the folder is a release: first all that is in it.
    files::sync_files(&built.iter().map(|file| file.path.clone()).collect::<Vec<_>>())?;
    files::remove_file(&out.join(FILLING))?;
    files::sync_dir(out)?;
    Ok(Built { folder: out.into(), files: built })
}

fn universal(out: &Path, name: &str, bytes: &[u8]) -> Result<BuiltFile> {
    let path = out.join(name);
    files::write(&path, bytes)?;
    Ok(BuiltFile { name: name.into(), path, size: bytes.len() as u64, sha256: Digest::of(bytes), artifact: None, target: None, origin: Origin::Made })
}

fn find<'a>(project: &'a Project, unit: &Unit) -> Result<&'a Artifact> {
    let artifact = project.config.artifacts.iter().find(|artifact| artifact.name == unit.artifact);
    artifact.ok_or_else(|| Error::unexpected(format!("the plan names an artifact `{}` that xtask.toml doesn't have", unit.artifact)))
}

fn unique(built: &[BuiltFile]) -> Result<()> {
    let reserved = [MANIFEST, SUMS];
    let mut seen = std::collections::BTreeMap::new();
    for file in built {
        let owner = file.artifact.as_deref().unwrap_or_default();
        if reserved.contains(&file.name.as_str()) {
            return Err(Error::refused(format!("artifact `{owner}` has a file named {}, which the release makes itself", file.name))
                .hint("rename it, or leave it out of `files`"));
        }
        if let Some(other) = seen.insert(&file.name, owner) {
            return Err(Error::refused(format!("two files of the release would be called {}: from artifacts `{other}` and `{owner}`", file.name))
                .hint("an asset's name is the file's name without its folders: rename one, or pack them into an archive"));
        }
    }
    Ok(())
}

/// Stands in an output folder while it is being filled: what a killed run left there is known as ours.
const FILLING: &str = ".filling";

/// An output folder is ours to empty only if we filled it, or began to, or if there is nothing in it.
pub(super) fn empty(out: &Path) -> Result<()> {
    let names = files::list(out)?;
    if !is_ours(out, &names) && !names.iter().all(|name| files::is_temporary(name)) {
        let error = Error::refused(format!("{} is not empty, and not a folder that `build` filled: nothing in it was touched", out.display()));
        return Err(error.hint("choose another folder with --out, or empty it yourself"));
    }
    files::write(&out.join(FILLING), b"")?;
    names.iter().filter(|name| *name != FILLING).try_for_each(|name| files::remove_file(&out.join(name)))
}

/// Whether all that lies there is of a release. Other programs write a `release.json` too: only the manifest's own files may go.
fn is_ours(out: &Path, names: &[String]) -> bool {
    if names.iter().any(|name| name == FILLING) {
        return true;
    }
    let manifest = files::read(&out.join(MANIFEST)).and_then(|text| manifest::Manifest::read(&text, MANIFEST));
    let listed = |name: &String, manifest: &manifest::Manifest| manifest.artifacts.iter().any(|listed| listed.name == *name);
    let known = |name: &String| [MANIFEST, SUMS].contains(&name.as_str()) || files::is_temporary(name);
    manifest.is_ok_and(|manifest| names.iter().all(|name| known(name) || listed(name, &manifest)))
}
