//! One `Cargo.toml`, as far as versions go.

use std::ops::Range;

use toml_edit::{Item, TableLike};

use super::stated;
use crate::{
    kernel::Result,
    versions::{place::File, reader::Reader, toml, tree},
};

/// One `Cargo.toml`.
pub struct Manifest {
    /// Its path.
    pub path: String,
    /// `[package]`
    pub package: Option<Package>,
    /// Whether it has `[workspace]`.
    pub is_workspace: bool,
    /// `workspace.package.version`
    pub shared: Option<Stated>,
    /// `workspace.members`
    pub members: Vec<String>,
    /// `workspace.exclude`
    pub exclude: Vec<String>,
    /// Dependencies that are folders.
    pub path_dependencies: Vec<PathDependency>,
    /// `package.workspace`: where its root is, if that isn't a folder above.
    pub root: Option<String>,
}

/// `[package]`
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Stated,
    /// Where the table begins.
    pub at: usize,
}

/// How a version is given.
#[derive(Clone)]
pub enum Stated {
    /// The bytes between its quotes.
    Literal(Range<usize>),
    /// From the workspace; where that is said.
    Inherited(usize),
    /// Something that is no string; where.
    Wrong(usize),
    /// Not at all, which cargo takes for 0.0.0.
    Nothing,
}

/// A dependency that is a folder.
pub struct PathDependency {
    /// As written.
    pub path: String,
    /// The bytes of its version requirement.
    pub requirement: Option<Range<usize>>,
}

impl Manifest {
    /// Reads it; `None` where it isn't there, or where it is malformed, which is noted then.
    pub fn load(reader: &mut Reader<'_>, path: &str) -> Result<Option<Self>> {
        let Some(file) = reader.file(path)? else { return Ok(None) };
        match toml::parse(&file) {
            Ok(document) => Ok(Some(Self::of(&file, document.as_table()))),
            Err(finding) => {
                reader.finding(finding);
                Ok(None)
            }
        }
    }

    fn of(file: &File, table: &dyn TableLike) -> Self {
        let workspace = table.get("workspace");
        Self {
            path: file.path.clone(),
            package: table.get("package").and_then(|item| package(file, item)),
            is_workspace: workspace.is_some(),
            shared: toml::at(table, &["workspace", "package", "version"]).map(|item| stated(file, Some(item))),
            members: toml::strings(table, &["workspace", "members"]),
            exclude: toml::strings(table, &["workspace", "exclude"]),
            path_dependencies: path_dependencies(file, table),
            root: toml::str_at(table, &["package", "workspace"]).map(str::to_owned),
        }
    }
}

fn package(file: &File, item: &Item) -> Option<Package> {
    let table = item.as_table_like()?;
    let name = table.get("name").and_then(Item::as_str).unwrap_or_default().to_owned();
    Some(Package { name, version: stated(file, table.get("version")), at: toml::start(item) })
}

fn path_dependencies(file: &File, table: &dyn TableLike) -> Vec<PathDependency> {
    const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = table.get("target").and_then(Item::as_table_like).into_iter().flat_map(|targets| targets.iter().filter_map(|(_, item)| item.as_table_like()));
    let workspace = table.get("workspace").and_then(Item::as_table_like);
    let holders = std::iter::once(table).chain(targets).chain(workspace);
    let tables = holders.flat_map(|holder| TABLES.iter().filter_map(move |name| holder.get(name)?.as_table_like()));
    tables.flat_map(|table| table.iter().filter_map(|(_, item)| path_dependency(file, item)).collect::<Vec<_>>()).collect()
}

fn path_dependency(file: &File, item: &Item) -> Option<PathDependency> {
    let table = item.as_table_like()?;
    let path = table.get("path")?.as_str()?.to_owned();
    let requirement = table.get("version").and_then(Item::as_value).and_then(|value| toml::text(file, value));
    Some(PathDependency { path, requirement })
}

/// The workspace that a manifest belongs to: itself, the one it names, or the nearest above.
pub fn root_of(reader: &mut Reader<'_>, path: &str) -> Result<Option<Manifest>> {
    let Some(own) = Manifest::load(reader, path)? else { return Ok(None) };
    if own.is_workspace {
        return Ok(Some(own));
    }
    if let Some(named) = &own.root {
        let path = tree::join(tree::folder(path), &format!("{named}/Cargo.toml"));
        return path.map_or(Ok(None), |path| Manifest::load(reader, &path));
    }
    let mut folder = tree::folder(path);
    while !folder.is_empty() {
        folder = tree::folder(folder);
        let above = tree::join(folder, "Cargo.toml").unwrap_or_default();
        if let Some(manifest) = Manifest::load(reader, &above)?.filter(|manifest| manifest.is_workspace) {
            return Ok(Some(manifest));
        }
    }
    Ok(None)
}
