//! Which files go into an artifact: programs that were built, files of the commit, files that `run` made.

use std::{collections::BTreeMap, path::PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::{Job, cargo::Executable, source::FileKind};
use crate::{
    config::Build,
    effects::files,
    kernel::{Context as _, Error, Finding, Result},
    release::manifest::Origin,
};

/// A file on its way into an artifact.
#[derive(Clone, Debug)]
pub(super) struct Collected {
    /// Its path inside the artifact, with `/`.
    pub(super) name: String,
    /// Where its bytes are.
    pub(super) path: PathBuf,
    pub(super) kind: FileKind,
    pub(super) origin: Origin,
}

/// Everything for one artifact, sorted by name; a pattern that matches nothing is an error that says where its files may be.
pub(super) fn collect(job: &Job<'_>, programs: Vec<Executable>) -> Result<Vec<Collected>> {
    let mut found: Vec<Collected> = programs.into_iter().map(program).collect();
    for glob in &job.artifact.files {
        let matched = matching(job, glob)?;
        if matched.is_empty() {
            return Err(nothing(job, glob));
        }
        found.extend(matched);
    }
    found.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    found.dedup_by(|a, b| a.name == b.name && a.path == b.path);
    found.iter().try_for_each(|file| no_pointer(job, file))?;
    collisions(job, &found);
    Ok(found)
}

/// Where Git LFS isn't installed, a checkout holds pointers in the place of large files: nobody wants these released.
fn no_pointer(job: &Job<'_>, file: &Collected) -> Result<()> {
    const LONGEST: u64 = 1024;
    const START: &[u8] = b"version https://git-lfs.github.com/spec/v1";
    if file.kind == FileKind::Link || files::size(&file.path)? > LONGEST || !files::read(&file.path)?.starts_with(START) {
        return Ok(());
    }
    Err(Error::refused(format!("artifact `{}`: {} is a pointer of Git LFS, not the file itself", job.artifact.name, file.name))
        .hint("install git-lfs, then: git lfs install && git lfs pull"))
}

/// On Windows and macOS names that differ in case only are one file: the last one unpacked would win.
fn collisions(job: &Job<'_>, found: &[Collected]) {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for file in found {
        if let Some(other) = seen.insert(file.name.to_lowercase(), &file.name).filter(|other| *other != file.name) {
            let message =
                format!("artifact `{}`: {other} and {} differ in case only: on Windows and macOS one replaces the other", job.artifact.name, file.name);
            job.events.warn(Finding::warning("case-collision", message).hint("rename one"));
        }
    }
}

fn program(program: Executable) -> Collected {
    let name = program.path.file_name().map_or(program.name, |name| name.to_string_lossy().into_owned());
    Collected { name, path: program.path, kind: FileKind::Executable, origin: Origin::Built }
}

fn matching(job: &Job<'_>, glob: &str) -> Result<Vec<Collected>> {
    let matcher = self::glob(glob)?;
    let committed = job.source.files.iter().filter(|file| matcher.is_match(&file.path));
    let mut found: Vec<Collected> = committed.map(|file| collected(job, &file.path, job.source.path(&file.path), file.kind, Origin::Commit)).collect();
    if matches!(job.artifact.build, Build::Run(_)) {
        found.extend(made(job, &matcher)?);
    }
    if found.is_empty() && job.artifact.build == Build::Files {
        found = prebuilt(job, glob, &matcher)?;
    }
    Ok(found)
}

/// Files in the checkout that the commit doesn't have: `run` made them.
fn made(job: &Job<'_>, matcher: &GlobMatcher) -> Result<Vec<Collected>> {
    let all = files::walk(&job.source.root)?;
    let made = all.into_iter().filter(|path| !path.starts_with(".git/") && matcher.is_match(path) && !job.source.files.iter().any(|file| file.path == *path));
    made.map(|path| on_disk(job, &path, job.source.path(&path), Origin::Built)).collect()
}

/// Installers that another tool built are usually ignored by git. They are taken from the work tree when a pattern matches nothing
/// else, and manifest and person are told: these bytes don't come from the commit.
fn prebuilt(job: &Job<'_>, glob: &str, matcher: &GlobMatcher) -> Result<Vec<Collected>> {
    let all = files::walk(&job.project.root)?;
    let found: Vec<String> = all.into_iter().filter(|path| !path.starts_with(".git/") && !path.starts_with(".xtask/") && matcher.is_match(path)).collect();
    if !found.is_empty() {
        let what = if found.len() == 1 { "1 file that matches".to_owned() } else { format!("{} files that match", found.len()) };
        let message = format!("{what} `{glob}`: not in the commit, taken from the work tree as it is now");
        job.events.warn(
            Finding::warning("not-from-commit", message)
                .hint("release.json marks them with \"origin\": \"work-tree\"; `verify --rebuild` can't build them again"),
        );
    }
    found.iter().map(|path| on_disk(job, path, job.project.root.join(path), Origin::WorkTree)).collect()
}

fn on_disk(job: &Job<'_>, path: &str, real: PathBuf, origin: Origin) -> Result<Collected> {
    let kind = FileKind::of(files::look(&real)?);
    Ok(collected(job, path, real, kind, origin))
}

fn collected(job: &Job<'_>, path: &str, real: PathBuf, kind: FileKind, origin: Origin) -> Collected {
    let prefix = job.artifact.strip_prefix.as_deref().map(|prefix| format!("{}/", prefix.trim_matches('/')));
    let name = prefix.as_deref().and_then(|prefix| path.strip_prefix(prefix)).unwrap_or(path);
    Collected { name: name.into(), path: real, kind, origin }
}

/// `*` stays within a folder, `**` doesn't, as in .gitignore.
pub(in crate::release) fn glob(glob: &str) -> Result<GlobMatcher> {
    let built = GlobBuilder::new(glob).literal_separator(true).build().context(|| format!("read the glob `{glob}`"))?;
    Ok(built.compile_matcher())
}

fn nothing(job: &Job<'_>, glob: &str) -> Error {
    let name = &job.artifact.name;
    let hint = match &job.artifact.build {
        Build::Run(_) => "the commands of `run` must make it in the checkout; globs match paths from the repository's root, `*` stays within one folder",
        Build::Cargo(_) => "cargo artifacts take files from the commit: is it committed?",
        Build::Files => "neither the commit nor the work tree has such a file",
    };
    Error::refused(format!("artifact `{name}`: nothing matches `{glob}`")).hint(hint)
}
