//! Which packages belong to a workspace: its own, `members` with globs, less `exclude`, and path dependencies within its folder.

use std::collections::{BTreeSet, VecDeque};

use super::manifest::Manifest;
use crate::{
    kernel::Result,
    versions::{
        reader::Reader,
        source::{is_installed, matcher},
        tree,
    },
};

/// The manifests of all members, the root's own package first.
pub fn members(reader: &mut Reader<'_>, root: &Manifest) -> Result<Vec<Manifest>> {
    let home = tree::folder(&root.path);
    let mut queue: VecDeque<String> = root.package.iter().map(|_| root.path.clone()).collect();
    queue.extend(listed(reader, root, home)?);
    queue.extend(dependencies(root, root, home));
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    while let Some(path) = queue.pop_front() {
        if !seen.insert(path.clone()) || !tree::contains(reader.list(), &path) {
            continue;
        }
        let Some(manifest) = Manifest::load(reader, &path)? else { continue };
        // A folder with a workspace of its own belongs to that one.
        if manifest.package.is_none() || (manifest.is_workspace && path != root.path) {
            continue;
        }
        queue.extend(dependencies(root, &manifest, home));
        found.push(manifest);
    }
    Ok(found)
}

fn listed(reader: &Reader<'_>, root: &Manifest, home: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for member in &root.members {
        let Some(glob) = tree::join(home, &format!("{member}/Cargo.toml")) else { continue };
        if tree::contains(reader.list(), &glob) {
            found.push(glob);
            continue;
        }
        let glob = matcher(&glob)?;
        found.extend(reader.list().iter().filter(|path| glob.is_match(path) && !is_installed(path) && !excluded(root, home, path)).cloned());
    }
    Ok(found)
}

fn dependencies(root: &Manifest, manifest: &Manifest, home: &str) -> Vec<String> {
    let folder = tree::folder(&manifest.path);
    let paths = manifest.path_dependencies.iter().filter_map(|dependency| tree::join(folder, &format!("{}/Cargo.toml", dependency.path)));
    paths.filter(|path| within(home, path) && !excluded(root, home, path)).collect()
}

fn excluded(root: &Manifest, home: &str, manifest: &str) -> bool {
    root.exclude.iter().filter_map(|folder| tree::join(home, folder)).any(|folder| within(&folder, manifest))
}

fn within(folder: &str, path: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}
