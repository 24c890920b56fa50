//! `pyproject.toml`: `[project]` and `[tool.poetry]`, and where a dynamic version comes from.

use toml_edit::{Item, Table};

use super::{
    place::{File, Kind, Outcome},
    python,
    reader::Reader,
    toml, tree,
};
use crate::kernel::Result;

/// Notes the versions of a project.
pub fn manifest(reader: &mut Reader<'_>, file: &File) -> Result<Outcome> {
    let document = match toml::parse(file) {
        Ok(document) => document,
        Err(finding) => {
            reader.finding(finding);
            return Ok(Outcome::Read);
        }
    };
    let root = document.as_table();
    let mut any = false;
    for keys in [&["project", "version"][..], &["tool", "poetry", "version"]] {
        let Some(item) = toml::at(root, keys) else { continue };
        // The plugin replaces this version by the tag's when it builds.
        if keys.len() == 3 && toml::at(root, &["tool", "poetry-dynamic-versioning", "enable"]).and_then(Item::as_bool) == Some(true) {
            return Ok(Outcome::Derived);
        }
        any = true;
        note(reader, file, item, &keys.join("."));
    }
    if any {
        reader.checks(&file.path);
        return Ok(Outcome::Read);
    }
    if is_dynamic(root) {
        return follow(reader, file, root);
    }
    let at = root.get("project").map_or(0, toml::start);
    let message = "there is no version under [project] or [tool.poetry]";
    Ok(Outcome::Absent(file.missing(at, message).hint("add `version = \"…\"`, or `dynamic = [\"version\"]` where a tool fills it in")))
}

fn note(reader: &mut Reader<'_>, file: &File, item: &Item, key: &str) {
    match item.as_value().and_then(|value| toml::text(file, value)) {
        Some(text) => reader.place(file.place(text, Kind::Python)),
        None => reader.finding(file.unreadable(toml::start(item), format!("`{key}` is not a string")).hint("write it as \"1.2.3\"")),
    }
}

fn is_dynamic(root: &Table) -> bool {
    toml::strings(root, &["project", "dynamic"]).iter().any(|name| name == "version")
}

/// Follows a dynamic version to the file that holds it, where the build tool's settings name one.
fn follow(reader: &mut Reader<'_>, file: &File, root: &Table) -> Result<Outcome> {
    let attribute = attribute(root);
    for path in origins(root).iter().filter_map(|path| tree::join(tree::folder(&file.path), path)) {
        let Some(target) = reader.file(&path)? else { continue };
        if path.ends_with(".py") {
            return Ok(derived(&python::assignments(reader, &target, attribute.map_or(python::USUAL, |(_, name)| name))));
        }
        return Ok(derived(&python::plain(reader, &target)));
    }
    // From a tag, or by code: there is nothing to compare.
    Ok(Outcome::Derived)
}

/// Module and name of what setuptools reads.
fn attribute(root: &Table) -> Option<(&str, &str)> {
    toml::str_at(root, &["tool", "setuptools", "dynamic", "version", "attr"])?.rsplit_once('.')
}

/// What a tool computes in its own way is no finding.
fn derived(outcome: &Outcome) -> Outcome {
    if matches!(outcome, Outcome::Read) { Outcome::Read } else { Outcome::Derived }
}

/// Where hatch, pdm and setuptools would look.
fn origins(root: &Table) -> Vec<String> {
    const PATHS: [&[&str]; 3] =
        [&["tool", "hatch", "version", "path"], &["tool", "pdm", "version", "path"], &["tool", "setuptools", "dynamic", "version", "file"]];
    let mut found: Vec<String> = PATHS.iter().filter_map(|keys| toml::str_at(root, keys)).map(str::to_owned).collect();
    found.extend(toml::strings(root, &["tool", "setuptools", "dynamic", "version", "file"]));
    if let Some((module, _)) = attribute(root) {
        let path = module.replace('.', "/");
        found.extend(["", "src/"].iter().flat_map(|root| [format!("{root}{path}.py"), format!("{root}{path}/__init__.py")]));
    }
    found
}
