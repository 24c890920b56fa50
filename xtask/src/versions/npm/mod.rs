//! npm: `package.json`, and its lock files in all three versions. Workspace members' entries follow their own manifests, and what members ask
//! of each other follows the version.

pub mod range;

use jsonc_parser::{
    ParseOptions,
    ast::{Object, StringLit, Value},
    common::Ranged as _,
    parse_to_ast,
};

use super::{
    place::{File, Kind, Locked, Outcome, Says},
    reader::Reader,
    source::is_installed,
    tree,
};
use crate::kernel::{Finding, Result};

const REMEDY: &str = "npm install --package-lock-only";

/// Notes the version of a package. A private package may have none: nobody ever sees it.
pub fn manifest(reader: &mut Reader<'_>, file: &File) -> Result<Outcome> {
    let root = match parse(file) {
        Ok(root) => root,
        Err(finding) => {
            reader.finding(finding);
            return Ok(Outcome::Read);
        }
    };
    reader.checks(&range::holder(&file.path));
    range::note(reader, file, &root, &file.path);
    if let Some(version) = property(&root, "version") {
        reader.checks(&file.path);
        reader.checks(&range::key(&name_of(&root)));
        note(reader, file, version, Kind::Manifest);
        return Ok(Outcome::Read);
    }
    if root.get_boolean("private").is_some_and(|private| private.value) {
        return Ok(Outcome::Derived);
    }
    Ok(Outcome::Absent(file.missing(root.range.start, "there is no version").hint("add `\"version\": \"…\"`, or `\"private\": true` where it needs none")))
}

/// Notes the version of the package and of its workspace members in a lock file.
pub fn lock(reader: &mut Reader<'_>, file: &File) -> Result<Outcome> {
    let root = match parse(file) {
        Ok(root) => root,
        Err(finding) => {
            reader.finding(finding.hint(format!("or write it anew: `{REMEDY}`")));
            return Ok(Outcome::Read);
        }
    };
    let home = tree::folder(&file.path);
    let (own, says) = of_manifest(reader, home)?;
    let packages = root.get_object("packages");
    let holders = std::iter::once(Some(&root)).chain([packages.and_then(|packages| packages.get_object(""))]).flatten();
    let mut any = false;
    for holder in holders {
        let entry = Locked { name: name_of(&root), manifest: own.clone(), says: says.clone(), checked: true, remedy: REMEDY.into() };
        any |= entry_of(reader, file, holder, entry);
    }
    if let (Some(own), Some(entry)) = (&own, packages.and_then(|packages| packages.get_object(""))) {
        range::note(reader, file, entry, own);
    }
    for (folder, entry) in packages.iter().flat_map(|packages| members(packages)) {
        let Some(home) = tree::join(home, folder) else { continue };
        range::note(reader, file, entry, &tree::join(&home, "package.json").unwrap_or_default());
        let (Some(own), Some(says)) = of_manifest(reader, &home)? else { continue };
        let locked = Locked { name: folder.into(), manifest: Some(own), says: Some(says), checked: false, remedy: REMEDY.into() };
        any |= entry_of(reader, file, entry, locked);
    }
    let private = own.is_some() && says.is_none();
    Ok(match any {
        true => Outcome::Read,
        false if private => Outcome::Derived,
        false => Outcome::Absent(file.missing(root.range.start, "there is no version of the package").hint(format!("run `{REMEDY}`"))),
    })
}

fn entry_of(reader: &mut Reader<'_>, file: &File, holder: &Object<'_>, entry: Locked) -> bool {
    match (property(holder, "version"), &entry.says) {
        (Some(version), _) => {
            note(reader, file, version, Kind::Lock(entry));
            true
        }
        (None, Some((version, line))) => {
            let manifest = entry.manifest.as_deref().unwrap_or("package.json");
            let message = format!("there is no version, but {manifest}:{line} says {version}");
            let at = file.position(holder.range.start).0;
            let hint = format!("run `{REMEDY}` and commit {}", file.path);
            reader.finding(Finding::error("lock-out-of-date", message).hint(hint).file(&*file.path).line(at));
            true
        }
        (None, None) => false,
    }
}

/// Entries of folders in this repository: links lead to them, and nothing of `node_modules` is one.
fn members<'a, 'b>(packages: &'b Object<'a>) -> impl Iterator<Item = (&'b str, &'b Object<'a>)> {
    packages.properties.iter().filter_map(|property| {
        let (path, entry) = (property.name.as_str(), property.value.as_object()?);
        let link = entry.get_boolean("link").is_some_and(|link| link.value);
        (!path.is_empty() && !link && !is_installed(path)).then_some((path, entry))
    })
}

fn name_of(root: &Object<'_>) -> String {
    root.get_string("name").map(|name| name.value.to_string()).unwrap_or_default()
}

/// The manifest in a folder, and what it says.
fn of_manifest(reader: &mut Reader<'_>, folder: &str) -> Result<(Option<String>, Says)> {
    let path = tree::join(folder, "package.json").unwrap_or_default();
    let Some(file) = reader.file(&path)? else { return Ok((None, None)) };
    // A malformed manifest is noted where it is a source itself.
    let Ok(root) = parse(&file) else { return Ok((Some(path), None)) };
    let version = root.get_string("version").and_then(|text| Some((text.value.parse().ok()?, file.position(text.range.start).0)));
    Ok((Some(path), version))
}

fn note(reader: &mut Reader<'_>, file: &File, value: &Value<'_>, kind: Kind) {
    match value.as_string_lit().and_then(|text| inner(file, text)) {
        Some(span) => reader.place(file.place(span, kind)),
        None => reader.finding(file.unreadable(value.start(), "`version` is not a plain string").hint("write it as \"1.2.3\"")),
    }
}

/// The bytes between the quotes, where no escape stands in between.
fn inner(file: &File, text: &StringLit<'_>) -> Option<std::ops::Range<usize>> {
    let span = text.range.start + 1..text.range.end.checked_sub(1)?;
    (file.text.get(span.clone())? == text.value).then_some(span)
}

fn property<'a, 'b>(object: &'b Object<'a>, name: &str) -> Option<&'b Value<'a>> {
    // A doubled key: JSON's readers take the last.
    object.properties.iter().rev().find(|property| property.name.as_str() == name).map(|property| &property.value)
}

/// Strict JSON with an object at its top; the finding names the line that is wrong.
pub fn parse(file: &File) -> Result<Object<'_>, Finding> {
    let mend = "mend the file; a merge conflict may have been left in it";
    let parsed = parse_to_ast(&file.text, &jsonc_parser::CollectOptions::default(), &strict()).map_err(|error| {
        let at = error.range().start;
        file.unreadable(at, format!("this is not valid JSON: {}", error.kind().to_string().to_lowercase())).hint(mend)
    })?;
    match parsed.value {
        Some(Value::Object(object)) => Ok(object),
        _ => Err(file.unreadable(0, "this is no JSON object").hint(mend)),
    }
}

fn strict() -> ParseOptions {
    ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}
