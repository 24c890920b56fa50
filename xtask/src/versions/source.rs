//! What a `[[version.source]]` asks for: which sort of file it is, and which files a glob means. Pure.

use globset::{GlobBuilder, GlobMatcher};

use super::{heading::Heading, pattern::Pattern, tree};
use crate::{
    config::SourceSpec,
    kernel::{Error, Result},
};

/// How a source is read.
pub enum Sort {
    /// `Cargo.toml`
    CargoManifest,
    /// `Cargo.lock`
    CargoLock,
    /// `package.json`
    NpmManifest,
    /// `package-lock.json`, `npm-shrinkwrap.json`
    NpmLock,
    /// `pyproject.toml`
    Pyproject,
    /// `*.py`
    Python,
    /// `VERSION`
    Plain,
    /// Text around the version, in any file.
    Pattern(Pattern),
    /// A heading of a change log.
    Heading(Heading),
}

const KNOWN: &str = "Cargo.toml, Cargo.lock, package.json, package-lock.json, npm-shrinkwrap.json, pyproject.toml, *.py, VERSION";

/// How a source is to be read, by its keys and its file's name.
pub fn sort(spec: &SourceSpec) -> Result<Sort> {
    match (&spec.pattern, &spec.heading) {
        (Some(_), Some(_)) => Err(Error::usage(format!("the version source `{}` has both `pattern` and `heading`", spec.file))
            .hint("keep one of them, or write two [[version.source]] tables with the same file")),
        (Some(pattern), None) => Pattern::parse(pattern).map(Sort::Pattern),
        (None, Some(heading)) => Heading::parse(heading).map(Sort::Heading),
        (None, None) => by_name(&spec.file),
    }
}

fn by_name(file: &str) -> Result<Sort> {
    Ok(match tree::name(file) {
        "Cargo.toml" => Sort::CargoManifest,
        "Cargo.lock" => Sort::CargoLock,
        "package.json" => Sort::NpmManifest,
        "package-lock.json" | "npm-shrinkwrap.json" => Sort::NpmLock,
        "pyproject.toml" => Sort::Pyproject,
        "VERSION" | "VERSION.txt" | "version.txt" => Sort::Plain,
        name if name.ends_with(".py") => Sort::Python,
        name => return Err(unknown(file, name)),
    })
}

fn unknown(file: &str, name: &str) -> Error {
    let error = Error::usage(format!("no rule says where `{file}` holds a version"));
    match name {
        "yarn.lock" | "pnpm-lock.yaml" | "bun.lock" | "bun.lockb" | "poetry.lock" => {
            error.hint("this lock file holds no version of the project itself: remove the source")
        }
        "uv.lock" => error.hint("name the project's own entry: pattern = \"name = \\\"NAME\\\"\\nversion = \\\"{version}\\\"\""),
        name if name.to_ascii_lowercase().starts_with("change") || name.to_ascii_lowercase().starts_with("history") => {
            error.hint("add `heading = \"## {version}\"` to this [[version.source]]")
        }
        _ => error
            .hint("add `pattern = \"…{version}…\"` with the text around the version, or `heading = \"## {version}\"` for a change log")
            .hint(format!("without a key these are understood: {KNOWN}")),
    }
}

/// Says whether all sources can be read at all; the configuration is wrong where one can't.
pub fn validate(specs: &[SourceSpec]) -> Result<()> {
    specs.iter().try_for_each(|spec| {
        sort(spec)?;
        if is_glob(&spec.file) { matcher(&spec.file).map(drop) } else { Ok(()) }
    })
}

/// The files that a source means, and whether it is a glob. What others installed is never ours.
pub fn expand(spec: &SourceSpec, files: &[String]) -> Result<(Vec<String>, bool)> {
    let path = spec.file.strip_prefix("./").unwrap_or(&spec.file);
    if tree::contains(files, path) {
        return Ok((vec![path.into()], false));
    }
    if !is_glob(path) {
        return Ok((Vec::new(), false));
    }
    let glob = matcher(path)?;
    Ok((files.iter().filter(|file| glob.is_match(file) && !is_installed(file)).cloned().collect(), true))
}

/// Whether a path lies among packages that a package manager put there.
pub fn is_installed(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "node_modules" | ".venv" | "site-packages"))
}

/// A glob in which `*` stays within one folder.
pub fn matcher(glob: &str) -> Result<GlobMatcher> {
    let built = GlobBuilder::new(glob).literal_separator(true).build();
    built.map(|glob| glob.compile_matcher()).map_err(|error| {
        let message = format!("`{glob}` is not a glob that can be read: {}", error.kind());
        Error::usage(message).hint("use `*` within a folder, `**` across folders, `{a,b}` for either")
    })
}

fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}
