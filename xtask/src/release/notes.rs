//! The text of a release: the CHANGELOG's section of its version, or none, which lets the forge write it. Pure but for reading the file at the commit.

use super::subject::Subject;
use crate::{
    config::{Config, NotesSource},
    effects::git::Git,
    kernel::{Error, Result, Version},
};

/// The text by the rule; none asks the forge to write it.
pub fn notes(config: &Config, git: &Git, subject: &Subject, source: NotesSource) -> Result<Option<String>> {
    match source {
        NotesSource::None => Ok(Some(String::new())),
        NotesSource::Generated => Ok(None),
        NotesSource::Auto => changelog(config, git, subject),
        NotesSource::Changelog => match changelog(config, git, subject)? {
            Some(text) => Ok(Some(text)),
            None => Err(Error::refused(format!("{} has no section for {}", file(config), subject.version()))
                .hint(format!("add a heading with {} to it and commit that", subject.version()))
                .hint("or take the text from elsewhere: --notes-file FILE, or `release.notes` in xtask.toml")),
        },
    }
}

fn changelog(config: &Config, git: &Git, subject: &Subject) -> Result<Option<String>> {
    // As it is in the commit that is released: what lies in the work tree may speak of other things already.
    let bytes = git.file(&subject.commit, &file(config))?;
    Ok(bytes.and_then(|bytes| section(&String::from_utf8_lossy(&bytes), subject.version())))
}

/// The file whose headings are checked as a version source, else the usual one.
fn file(config: &Config) -> String {
    let checked = config.sources.iter().find(|source| source.heading.is_some());
    checked.map_or_else(|| "CHANGELOG.md".into(), |source| source.file.clone())
}

/// What stands under the heading that names the version, down to the next heading of its level or above; none where there is no such heading
/// or nothing under it.
pub fn section(text: &str, version: &Version) -> Option<String> {
    let mut lines = Vec::new();
    let mut level = None;
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        match (heading(line).filter(|_| !fenced), level) {
            (Some((depth, _)), Some(ours)) if depth <= ours => break,
            (Some((depth, title)), None) if names(title, version) => level = Some(depth),
            (_, Some(_)) => lines.push(line),
            (_, None) => {}
        }
    }
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let depth = line.bytes().take_while(|byte| *byte == b'#').count();
    let title = line.get(depth..)?;
    ((1..=6).contains(&depth) && title.starts_with(' ')).then_some((depth, title))
}

/// Whether a title names exactly that version: `## [1.2.0] - 2026-01-31`, `## v1.2.0`; not `## 1.2.0-rc.1`.
fn names(title: &str, version: &Version) -> bool {
    let version = version.to_string();
    let words = title.split(|c: char| !(c.is_ascii_alphanumeric() || ".+-".contains(c)));
    words.into_iter().any(|word| word.strip_prefix('v').unwrap_or(word) == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-01-31\n\n### Fixed\n- `x`\n```\n## not a heading\n```\n\n## v1.2.0-rc.1\n- rc\n\n## 1.1.0\n";

    fn of(version: &str) -> Option<String> {
        section(TEXT, &version.parse().unwrap())
    }

    #[test]
    fn takes_the_versions_own_section() {
        assert_eq!(of("1.2.0").unwrap(), "### Fixed\n- `x`\n```\n## not a heading\n```");
        assert_eq!(of("1.2.0-rc.1").unwrap(), "- rc");
        assert_eq!((of("1.1.0"), of("1.0.0")), (None, None));
    }
}
