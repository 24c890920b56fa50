//! Which packages a monorepo of npm's holds, as its own settings say: `workspaces` in package.json, pnpm-workspace.yaml, lerna.json.

use globset::GlobMatcher;
use serde_json::Value;

use crate::{
    kernel::Result,
    versions::{Tree, source, tree},
};

/// The folders of its members, by their globs.
#[derive(Default)]
pub(super) struct Members {
    said: bool,
    include: Vec<GlobMatcher>,
    exclude: Vec<GlobMatcher>,
}

impl Members {
    /// Reads the settings at the top.
    pub(super) fn of(tree: &dyn Tree) -> Result<Self> {
        let mut members = Self::default();
        for file in ["package.json", "pnpm-workspace.yaml", "lerna.json"] {
            let Some(bytes) = tree.read(file)? else { continue };
            // JSON is YAML too. What can't be read says nothing here; it is told where it is a source.
            let settings: Value = yaml_serde::from_slice(&bytes).unwrap_or_default();
            let globs = if file == "package.json" { settings.get("workspaces") } else { settings.get("packages") };
            members.said |= globs.is_some() || file != "package.json";
            let listed = globs.map(|globs| globs.get("packages").unwrap_or(globs)).and_then(Value::as_array);
            listed.into_iter().flatten().filter_map(Value::as_str).for_each(|glob| members.add(glob));
        }
        Ok(members)
    }

    fn add(&mut self, glob: &str) {
        let (list, glob) = match glob.strip_prefix('!') {
            Some(glob) => (&mut self.exclude, glob),
            None => (&mut self.include, glob),
        };
        list.extend(source::matcher(glob.trim_start_matches("./").trim_end_matches('/')).ok());
    }

    /// Whether the repository says that it holds several packages, which may have versions of their own.
    pub(super) fn are_said(&self) -> bool {
        self.said
    }

    /// Whether a manifest may be a source: whatever isn't npm's, the top, and what the globs mean.
    pub(super) fn hold(&self, path: &str) -> bool {
        let folder = tree::folder(path);
        if tree::name(path) != "package.json" || folder.is_empty() || self.include.is_empty() {
            return true;
        }
        let any = |globs: &[GlobMatcher]| globs.iter().any(|glob| glob.is_match(folder));
        any(&self.include) && !any(&self.exclude)
    }
}
