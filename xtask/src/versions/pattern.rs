//! A version in any file, by the text around it: `badge/version-{version}-`. Every occurrence counts.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{
    place::{File, Kind, Outcome, Place},
    reader::Reader,
};
use crate::kernel::{Error, Result, Version};

/// Text around a version.
pub struct Pattern {
    before: String,
    after: String,
    /// In a badge's address a dash of the version is written twice; a single one ends it.
    badge: bool,
}

/// Suffixes that are prereleases rather than the next part of a name.
#[expect(clippy::unwrap_used, reason = "a constant expression, and a test runs it")]
static STAGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^(alpha|beta|a|b|c|rc|pre|preview|dev|snapshot|nightly|canary|next|hotfix)([.-]?\d+)*$").unwrap());

impl Pattern {
    /// Reads `badge/version-{version}-`.
    pub fn parse(pattern: &str) -> Result<Self> {
        match pattern.split_once("{version}") {
            Some((before, after)) if !after.contains("{version}") && pattern != "{version}" => {
                Ok(Self { before: before.into(), after: after.into(), badge: before.contains("badge/") })
            }
            _ => Err(Error::usage(format!("the pattern `{pattern}` must hold `{{version}}` exactly once, with text around it"))
                .hint("e.g. pattern = \"badge/version-{version}-\"")),
        }
    }

    fn kind(&self) -> Kind {
        if self.badge { Kind::Badge } else { Kind::Text }
    }

    /// Where a version that begins at `start` may end: each end is followed by the text after it.
    fn ends(&self, text: &str, start: usize) -> Vec<usize> {
        let rest = text.get(start..).unwrap_or_default();
        let run = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".+-".contains(c))).unwrap_or(rest.len());
        (1..=run).filter(|at| self.may_end(rest, *at)).map(|at| start + at).collect()
    }

    fn may_end(&self, rest: &str, at: usize) -> bool {
        let (Some(left), Some(right)) = (rest.get(..at), rest.get(at..)) else { return false };
        let follows = if self.after.is_empty() { !right.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') } else { right.starts_with(&self.after) };
        let split_dash = self.badge && (left.ends_with('-') || right.starts_with("--"));
        follows && left.ends_with(|c: char| c.is_ascii_alphanumeric()) && !split_dash
    }

    fn version(&self, text: &str) -> Option<Version> {
        if self.badge { text.replace("--", "-").parse().ok() } else { text.parse().ok() }
    }
}

/// Notes every occurrence.
pub fn occurrences(reader: &mut Reader<'_>, file: &File, pattern: &Pattern) -> Outcome {
    let mut any = false;
    for start in starts(&file.text, pattern) {
        if let Some(place) = occurrence(file, pattern, start) {
            reader.place(place);
            any = true;
        }
    }
    if any {
        return Outcome::Read;
    }
    let message = format!("`{}{{version}}{}` is nowhere in it", pattern.before, pattern.after);
    Outcome::Absent(file.missing(0, message).hint("correct `pattern` in xtask.toml, or the file"))
}

fn starts(text: &str, pattern: &Pattern) -> Vec<usize> {
    if pattern.before.is_empty() {
        // Only a text after it: a version begins where a digit follows something else.
        let boundary = |at: usize| !text.get(..at).unwrap_or_default().ends_with(|c: char| c.is_ascii_alphanumeric() || ".-+".contains(c));
        return text.char_indices().filter(|(at, c)| c.is_ascii_digit() && boundary(*at)).map(|(at, _)| at).collect();
    }
    text.match_indices(&pattern.before).map(|(at, before)| at + before.len()).collect()
}

fn occurrence(file: &File, pattern: &Pattern, start: usize) -> Option<Place> {
    if !file.text.get(start..)?.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let ends = pattern.ends(&file.text, start);
    let readings: Vec<(Range<usize>, Version)> = ends.iter().filter_map(|end| Some((start..*end, pattern.version(file.text.get(start..*end)?)?))).collect();
    let chosen = readings.iter().rposition(|(_, version)| plausible(version)).or(if readings.is_empty() { None } else { Some(0) });
    let Some((span, version)) = chosen.and_then(|at| readings.get(at)) else { return unreadable(file, pattern, start, &ends) };
    let mut place = file.place(span.clone(), pattern.kind());
    place.version = Some(version.clone());
    // Where the longer reading is no usual prerelease, either may be meant.
    place.also = readings.iter().filter(|(other, _)| other.end > span.end).map(|(_, version)| version.clone()).collect();
    Some(place)
}

fn plausible(version: &Version) -> bool {
    version.is_prerelease() && STAGE.is_match(version.semver().pre.as_str())
}

/// Looks like a version (`1.2`) and isn't one. A short text before it says too little to tell.
fn unreadable(file: &File, pattern: &Pattern, start: usize, ends: &[usize]) -> Option<Place> {
    let end = *ends.first()?;
    let looks = file.text.get(start..end)?.contains('.') && pattern.before.trim().len() >= 3 && !pattern.after.is_empty();
    looks.then(|| file.place(start..end, pattern.kind()))
}
