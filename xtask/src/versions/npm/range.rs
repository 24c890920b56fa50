//! What packages of one repository ask of each other in npm's language of ranges: which may be edited, and which versions fit. Pure.

use std::ops::Range;

use jsonc_parser::ast::Object;

use crate::{
    kernel::Version,
    versions::{
        place::{File, Kind},
        reader::Reader,
    },
};

/// The tables of a manifest, and of an entry in a lock file, that ask for other packages.
const TABLES: [&str; 4] = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

/// Signs before a version; a range of one of them follows the version. `>=1.2.0` is a floor that somebody chose: it stays.
const SIGNS: [char; 4] = ['^', '~', '=', 'v'];

/// How the reader knows a package of npm's by name.
pub fn key(name: &str) -> String {
    format!("npm package {name}")
}

/// How the reader knows that a manifest's ranges are edited, so that its entry in a lock file is edited too.
pub fn holder(manifest: &str) -> String {
    format!("ranges of {manifest}")
}

/// Notes what is asked for; it counts where that package is among the sources, and `manifest` as well.
pub fn note(reader: &mut Reader<'_>, file: &File, holds: &Object<'_>, manifest: &str) {
    for table in TABLES {
        let Some(wanted) = holds.get_object(table) else { continue };
        for property in &wanted.properties {
            let Some(text) = property.value.as_string_lit() else { continue };
            let Some(span) = super::inner(file, text) else { continue };
            let range = file.text.get(span.clone()).unwrap_or_default().to_owned();
            let Some(editable) = editable(&range) else { continue };
            let at = editable.map_or(span.clone(), |version| span.start + version.start..span.start + version.end);
            let place = file.place(at, Kind::Range { package: property.name.as_str().into(), text: range, peer: table == TABLES[3] });
            reader.requirement(vec![key(property.name.as_str()), holder(manifest)], place);
        }
    }
}

/// Without the protocol of a workspace, which pnpm and yarn resolve to the sibling and nothing else.
fn bare(range: &str) -> &str {
    range.strip_prefix("workspace:").unwrap_or(range).trim()
}

/// The bytes of the one version in it, none where it is more than that; nothing at all where it is no range: a tag, an address, `*`.
#[expect(clippy::option_option, reason = "no range, a range that stays, a range that follows: three answers")]
fn editable(range: &str) -> Option<Option<Range<usize>>> {
    comparators(range)?;
    let version = bare(range).trim_start_matches(SIGNS).trim_start();
    let one = version.starts_with(|c: char| c.is_ascii_digit()) && !version.contains([' ', '|', '*', 'x', 'X', '<', '>']);
    let end = range.trim_end().len();
    Some(one.then(|| end - version.len()..end))
}

/// Whether a version fits; `None` where that isn't known.
pub fn fits(range: &str, version: &Version) -> Option<bool> {
    Some(comparators(range)?.iter().any(|wanted| wanted.matches(version.semver())))
}

/// The alternatives in Cargo's language. npm takes a version without a sign exactly, and separates by spaces.
fn comparators(range: &str) -> Option<Vec<semver::VersionReq>> {
    if bare(range) == "*" {
        return None;
    }
    let alternatives = bare(range).split("||").map(|part| {
        let part = joined(part);
        let words: Vec<String> = part.split_whitespace().map(word).collect();
        if words.is_empty() || part.contains(" - ") { None } else { words.join(", ").parse().ok() }
    });
    alternatives.collect()
}

/// `>= 1.2.0` → `>=1.2.0`.
fn joined(part: &str) -> String {
    let mut text = part.trim().to_owned();
    for sign in ['>', '<', '=', '^', '~'] {
        while text.contains(&format!("{sign} ")) {
            text = text.replace(&format!("{sign} "), &sign.to_string());
        }
    }
    text
}

fn word(word: &str) -> String {
    let word = word.trim_start_matches('v');
    if word.starts_with(|c: char| c.is_ascii_digit()) && !word.contains(['x', 'X', '*']) { format!("={word}") } else { word.replace(['x', 'X'], "*") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &str, version: &str) -> Option<bool> {
        fits(range, &version.parse().unwrap())
    }

    #[test]
    fn npm_means_a_bare_version_exactly() {
        let table = [
            ("1.2.0", "1.2.0", Some(true)),
            ("1.2.0", "1.3.0", Some(false)),
            ("^1.2.0", "1.3.0", Some(true)),
            ("~1.2.0", "1.3.0", Some(false)),
            ("1.x", "1.9.0", Some(true)),
            ("1", "2.0.0", Some(false)),
            (">= 1.0.0 <2", "2.0.0", Some(false)),
            ("^1.0.0 || ^2.0.0", "2.4.0", Some(true)),
            ("workspace:^1.2.0", "2.0.0", Some(false)),
            ("1.0.0 - 2.0.0", "1.5.0", None),
            ("workspace:*", "1.0.0", None),
            ("latest", "1.0.0", None),
            ("file:../a", "1.0.0", None),
            ("npm:other@^1.0.0", "1.0.0", None),
            ("github:acme/a#v1.0.0", "1.0.0", None),
        ];
        for (range, version, expected) in table {
            assert_eq!(asked(range, version), expected, "{range} {version}");
        }
    }

    #[test]
    fn one_version_follows_and_more_than_one_stays() {
        let shown = |range: &str| editable(range).map(|span| span.map(|span| range[span].to_owned()));
        assert_eq!(shown("workspace:^1.2.0"), Some(Some("1.2.0".into())));
        assert_eq!(shown("~1.2"), Some(Some("1.2".into())));
        assert_eq!(shown("1.2.0 "), Some(Some("1.2.0".into())));
        for stays in [">=1.2.0", "1.x", "^1 || ^2"] {
            assert_eq!(shown(stays), Some(None), "{stays}");
        }
        for none in ["*", "latest", "file:../a", "link:../a", "workspace:^"] {
            assert_eq!(shown(none), None, "{none}");
        }
    }
}
