//! Where logs are: the globs of `[incident] logs`, with their placeholders filled in. Never follows a link, opens nothing. Reads folders only.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::{
    config::Project,
    effects::{
        files, places,
        tree::{self, Found},
    },
    kernel::{Error, Result},
};

/// A log, or what lies where one was expected.
#[derive(Clone, Debug)]
pub struct Source {
    /// What is there.
    pub found: Found,
    /// How a report and a bundle call it: relative to the project, or beginning with the placeholder's name.
    pub name: String,
}

/// Everything that the globs name, each once, and the globs that name nothing.
pub fn logs(project: &Project) -> Result<(Vec<Source>, Vec<String>)> {
    let mut sources: Vec<Source> = Vec::new();
    let mut empty = Vec::new();
    for glob in &project.config.incident.logs {
        let found = matching(&project.root, glob)?;
        if found.is_empty() {
            empty.push(glob.clone());
        }
        for source in found {
            if !sources.iter().any(|known| known.found.path == source.found.path) {
                sources.push(source);
            }
        }
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((sources, empty))
}

fn matching(root: &Path, glob: &str) -> Result<Vec<Source>> {
    let filled = places::fill(glob)?;
    let full = if Path::new(&filled).is_absolute() { filled.clone() } else { format!("{}/{filled}", globset::escape(&slashes(root))) };
    let matcher = matcher(&full, glob)?;
    let base = base(&full);
    // What stands before the first placeholder's end is this machine's business: the bundle calls it by the placeholder.
    let placeholder = glob.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned());
    let place = placeholder.as_ref().and_then(|name| places::fill(&format!("{{{name}}}")).ok()).map(PathBuf::from);
    let candidates = if base.is_dir() { tree::walk(&base) } else { tree::look(&base).into_iter().collect() };
    let found = candidates.into_iter().filter(|found| found.error.is_some() || matcher.is_match(&found.path));
    Ok(found.map(|found| Source { name: name(&found.path, root, place.as_deref().zip(placeholder.as_deref())), found }).collect())
}

fn matcher(full: &str, glob: &str) -> Result<GlobMatcher> {
    let built = GlobBuilder::new(full).literal_separator(true).build();
    built.map(|glob| glob.compile_matcher()).map_err(|error| Error::usage(format!("incident.logs: `{glob}` is not a glob")).caused_by(error))
}

/// The folder that the walk begins in: everything before the first part with a wildcard, so that a glob for one folder doesn't walk the world.
fn base(full: &str) -> PathBuf {
    let parts = full.split('/').map(|part| (part, unescaped(part)));
    let fixed: Vec<String> = parts.take_while(|(_, plain)| plain.is_some()).filter_map(|(_, plain)| plain).collect();
    let base = fixed.join("/");
    PathBuf::from(if base.is_empty() { "/".to_owned() } else { base })
}

/// A part without wildcards as plain text; `globset::escape` writes `[*]` for `*`.
fn unescaped(part: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = part;
    while let Some(c) = rest.chars().next() {
        let escaped = rest.strip_prefix('[').and_then(|inner| inner.chars().next().zip(inner.get(1..)?.strip_prefix(']')));
        match (c, escaped) {
            ('[', Some((inner, after))) => {
                plain.push(inner);
                rest = after;
            }
            ('*' | '?' | '[' | '{', _) => return None,
            _ => {
                plain.push(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    Some(plain)
}

fn name(path: &Path, root: &Path, place: Option<(&Path, &str)>) -> String {
    if let Ok(relative) = path.strip_prefix(root) {
        return files::slashes(relative);
    }
    match place.and_then(|(place, name)| path.strip_prefix(place).ok().map(|relative| format!("{name}/{}", files::slashes(relative)))) {
        Some(name) => name,
        None => slashes(path).trim_start_matches('/').to_owned(),
    }
}

fn slashes(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_find_files_and_name_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a [odd] *name");
        for path in ["logs/a.log", "logs/deep/b.log", ".auto/specs/1/logs/t.txt", ".auto/specs/1/plan.md", "other.log"] {
            files::write(&root.join(path), b"x").unwrap();
        }
        let names = |glob: &str| matching(&root, glob).unwrap().into_iter().map(|source| source.name).collect::<Vec<_>>();
        assert_eq!(names("logs/*.log"), ["logs/a.log"]);
        assert_eq!(names("logs/**/*.log"), ["logs/a.log", "logs/deep/b.log"]);
        assert_eq!(names(".auto/specs/**/logs/**"), [".auto/specs/1/logs/t.txt"]);
        assert_eq!(names("other.log"), ["other.log"]);
        assert!(names("nothing/*").is_empty());
    }
}
