//! Cargo: packages, workspaces with all their members, inherited versions, `Cargo.lock`.

mod lock;
mod manifest;
mod members;

use std::ops::Range;

use toml_edit::Value;

use self::manifest::{Manifest, Stated};
use super::{
    place::{File, Kind, Outcome},
    reader::Reader,
    toml, tree,
};
use crate::kernel::{Finding, Result};

pub use self::lock::lock;

/// Notes the versions of a manifest; of every member where it is a workspace's.
pub fn manifest(reader: &mut Reader<'_>, file: &File) -> Result<Outcome> {
    let Some(manifest) = Manifest::load(reader, &file.path)? else { return Ok(Outcome::Read) };
    if !manifest.is_workspace {
        if let Some(root) = manifest::root_of(reader, &file.path)? {
            requirements(reader, &root)?;
        }
        return package(reader, &manifest, file);
    }
    workspace_version(reader, &manifest)?;
    requirements(reader, &manifest)?;
    let mut any = manifest.shared.is_some();
    for member in members::members(reader, &manifest)? {
        let Some(file) = reader.file(&member.path)? else { continue };
        any |= matches!(package(reader, &member, &file)?, Outcome::Read);
    }
    if any {
        return Ok(Outcome::Read);
    }
    let message = "no package of this workspace has a version";
    Ok(Outcome::Absent(file.missing(0, message).hint("add `version = \"…\"` under [workspace.package], and `version.workspace = true` in its members")))
}

fn package(reader: &mut Reader<'_>, manifest: &Manifest, file: &File) -> Result<Outcome> {
    let Some(package) = &manifest.package else {
        let finding = file.missing(0, "there is neither [package] nor [workspace]");
        return Ok(Outcome::Absent(finding.hint("correct the file, or remove the source")));
    };
    if matches!(package.version, Stated::Literal(_) | Stated::Inherited(_)) {
        reader.checks(&manifest.path);
    }
    requirements(reader, manifest)?;
    match &package.version {
        Stated::Literal(span) => reader.place(file.place(span.clone(), Kind::Manifest)),
        Stated::Inherited(at) => inherited(reader, file, *at)?,
        Stated::Wrong(at) => reader.finding(file.unreadable(*at, "`package.version` is not a string").hint("write it as \"1.2.3\"")),
        Stated::Nothing => {
            let finding = file.missing(package.at, "[package] has no version");
            return Ok(Outcome::Absent(finding.hint("add `version = \"…\"` or `version.workspace = true`")));
        }
    }
    Ok(Outcome::Read)
}

fn inherited(reader: &mut Reader<'_>, file: &File, at: usize) -> Result<()> {
    match manifest::root_of(reader, &file.path)? {
        Some(root) if root.shared.is_some() => workspace_version(reader, &root),
        Some(root) => {
            let message = format!("the version is inherited, but [workspace.package] in {} has none", root.path);
            reader.finding(file.missing(at, message).hint(format!("add `version = \"…\"` under [workspace.package] in {}", root.path)));
            Ok(())
        }
        None => {
            let message = "the version is inherited, but no folder above holds a workspace";
            reader.finding(file.missing(at, message).hint("write the version itself, or add the workspace's Cargo.toml"));
            Ok(())
        }
    }
}

fn workspace_version(reader: &mut Reader<'_>, root: &Manifest) -> Result<()> {
    let Some(file) = reader.file(&root.path)? else { return Ok(()) };
    match &root.shared {
        Some(Stated::Literal(span)) => reader.place(file.place(span.clone(), Kind::Manifest)),
        Some(Stated::Wrong(at) | Stated::Inherited(at)) => {
            reader.finding(file.unreadable(*at, "`workspace.package.version` is not a string").hint("write it as \"1.2.3\""));
        }
        Some(Stated::Nothing) | None => {}
    }
    Ok(())
}

/// What packages ask of each other: cargo refuses to build when that doesn't fit the version, so it is compared and edited too.
fn requirements(reader: &mut Reader<'_>, manifest: &Manifest) -> Result<()> {
    let Some(file) = reader.file(&manifest.path)? else { return Ok(()) };
    for wanted in &manifest.path_dependencies {
        let target = tree::join(tree::folder(&manifest.path), &format!("{}/Cargo.toml", wanted.path));
        let version = wanted.requirement.as_ref().and_then(|span| version_in(&file, span));
        if let (Some(target), Some((span, text))) = (target, version) {
            reader.requirement(vec![target], file.place(span, Kind::Requirement { text }));
        }
    }
    Ok(())
}

/// The version in a requirement of one version: `^1.2.0` gives the bytes of `1.2.0`.
fn version_in(file: &File, span: &Range<usize>) -> Option<(Range<usize>, String)> {
    let text = file.text.get(span.clone())?;
    let version = text.trim_start_matches(['^', '=', '~', ' ']).trim_end();
    let at = span.start + (text.len() - text.trim_start_matches(['^', '=', '~', ' ']).len());
    let one = version.starts_with(|c: char| c.is_ascii_digit()) && !version.contains([',', '*', ' ']);
    one.then(|| (at..at + version.len(), text.to_owned()))
}

fn stated(file: &File, value: Option<&toml_edit::Item>) -> Stated {
    let Some(item) = value else { return Stated::Nothing };
    let at = toml::start(item);
    if item.as_table_like().and_then(|table| table.get("workspace")).and_then(toml_edit::Item::as_bool) == Some(true) {
        return Stated::Inherited(at);
    }
    item.as_value().and_then(|value: &Value| toml::text(file, value)).map_or(Stated::Wrong(at), Stated::Literal)
}

fn out_of_date(file: &File, at: usize, message: String, remedy: &str) -> Finding {
    Finding::error("lock-out-of-date", message).hint(format!("run `{remedy}` and commit {}", file.path)).file(&*file.path).line(file.position(at).0)
}
