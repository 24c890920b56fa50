//! `Cargo.lock`: the entries of the workspace's own members, which have no `source`.

use std::collections::BTreeMap;

use toml_edit::{Item, Table};

use super::{
    manifest::{Manifest, Stated},
    members, out_of_date,
};
use crate::{
    kernel::Result,
    versions::{
        place::{File, Kind, Locked, Outcome, Says},
        reader::Reader,
        toml, tree,
    },
};

const REMEDY: &str = "cargo update --workspace --offline";

/// Notes the entries of own packages, and own packages that have none.
pub fn lock(reader: &mut Reader<'_>, file: &File) -> Result<Outcome> {
    let document = match toml::parse(file) {
        Ok(document) => document,
        Err(finding) => {
            reader.finding(finding.hint(format!("or write it anew: `{REMEDY}`")));
            return Ok(Outcome::Read);
        }
    };
    let manifest = tree::join(tree::folder(&file.path), "Cargo.toml").unwrap_or_default();
    let root = Manifest::load(reader, &manifest)?;
    let alone = root.is_none();
    if alone && reader.file(&manifest)?.is_some() {
        // Which packages are ours isn't known until the manifest is mended; that is noted.
        return Ok(Outcome::Read);
    }
    let mut own = root.map_or_else(|| Ok(BTreeMap::new()), |root| own_packages(reader, &root))?;
    let mut any = false;
    for (name, entry) in entries(document.as_table()) {
        let known = own.remove(name);
        let Some(text) = entry.get("version").and_then(Item::as_value).and_then(|value| toml::text(file, value)) else {
            let at = entry.span().map_or(0, |span| span.start);
            reader.finding(file.unreadable(at, format!("the entry of `{name}` has no version")).hint(format!("run `{REMEDY}`")));
            continue;
        };
        if let Some((path, says)) = known {
            let locked = Locked { name: name.into(), manifest: Some(path), says, checked: true, remedy: REMEDY.into() };
            reader.place(file.place(text, Kind::Lock(locked)));
        } else if alone {
            let locked = Locked { name: name.into(), manifest: None, says: None, checked: true, remedy: REMEDY.into() };
            reader.place(file.place(text, Kind::Lock(locked)));
        } else {
            continue;
        }
        any = true;
    }
    for (name, (path, _)) in &own {
        any = true;
        reader.finding(out_of_date(file, 0, format!("there is no entry for `{name}` of {path}"), REMEDY));
    }
    let finding = file.missing(0, "there is no entry for a package of this repository").hint(format!("run `{REMEDY}`"));
    Ok(if any { Outcome::Read } else { Outcome::Absent(finding) })
}

fn entries(table: &Table) -> impl Iterator<Item = (&str, &Table)> {
    let packages = table.get("package").and_then(Item::as_array_of_tables);
    packages.into_iter().flatten().filter(|entry| !entry.contains_key("source")).filter_map(|entry| Some((entry.get("name")?.as_str()?, entry)))
}

/// Name → manifest and what that says.
fn own_packages(reader: &mut Reader<'_>, root: &Manifest) -> Result<BTreeMap<String, (String, Says)>> {
    let members = members::members(reader, root)?;
    let shared = match &root.shared {
        Some(stated) => says(reader, &root.path, stated)?,
        None => None,
    };
    let mut own = BTreeMap::new();
    for member in members {
        let Some(package) = &member.package else { continue };
        let version = match &package.version {
            Stated::Inherited(_) => shared.clone(),
            stated => says(reader, &member.path, stated)?,
        };
        own.insert(package.name.clone(), (member.path.clone(), version));
    }
    Ok(own)
}

fn says(reader: &mut Reader<'_>, path: &str, stated: &Stated) -> Result<Says> {
    let Some(file) = reader.file(path)? else { return Ok(None) };
    Ok(match stated {
        Stated::Literal(span) => file.text.get(span.clone()).and_then(|text| text.parse().ok()).map(|version| (version, file.position(span.start).0)),
        // Cargo takes a package without a version for 0.0.0.
        Stated::Nothing => "0.0.0".parse().ok().map(|version| (version, 1)),
        Stated::Inherited(_) | Stated::Wrong(_) => None,
    })
}
