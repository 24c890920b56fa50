//! Change logs: the headings that name a version, and where the next one goes.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{
    place::{File, Kind, Outcome, Place},
    reader::Reader,
};
use crate::kernel::{Error, Result, Version};

/// How a heading is written: `## {version}`, which `## [1.2.0] - 2026-01-31` and `## v1.2.0` fit as well.
pub struct Heading {
    before: String,
    after: String,
}

impl Heading {
    /// Reads `## {version}`.
    pub fn parse(template: &str) -> Result<Self> {
        match template.split_once("{version}") {
            Some((before, after)) if !after.contains("{version}") => {
                let after = after.strip_prefix(']').filter(|_| before.ends_with('[')).unwrap_or(after);
                Ok(Self { before: before.trim_end_matches('[').into(), after: after.trim_end().into() })
            }
            _ => Err(Error::usage(format!("the heading `{template}` must hold `{{version}}` exactly once")).hint("the usual one is `## {version}`")),
        }
    }

    /// The version in a line, with its bytes.
    fn version_in(&self, line: &str) -> Option<Range<usize>> {
        let rest = line.strip_prefix(self.before.as_str())?;
        let text = rest.trim_start_matches(['[', ' ']);
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let start = line.len() - text.len();
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || ".+-".contains(c))).unwrap_or(text.len());
        let rest = text.get(end..)?;
        let rest = rest.strip_prefix(']').unwrap_or(rest);
        let fits = text.get(..end)?.parse::<Version>().is_ok() && rest.starts_with(self.after.as_str());
        (fits && rest.get(self.after.len()..).is_none_or(ends_here)).then_some(start..start + end)
    }

    /// Whether a line is the heading of what isn't released yet.
    fn is_unreleased(&self, line: &str) -> bool {
        let Some(rest) = line.strip_prefix(self.before.as_str()) else { return false };
        let word = rest.trim().trim_start_matches('[').to_ascii_lowercase();
        word.strip_prefix("unreleased").is_some_and(|rest| rest.is_empty() || rest.starts_with([']', ' ', '(']))
    }
}

fn ends_here(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([' ', '\t', '(', ':', ','])
}

/// What compares the newest release with the branch, at the end of a change log: `[Unreleased]: https://…/compare/v1.2.0...HEAD`.
#[expect(clippy::unwrap_used, reason = "a constant expression, and a test runs it")]
static COMPARES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?im)^\[unreleased\]:[ \t]*<?(?<base>\S*/compare/)(?<old>[^\s.]\S*?)(?<dots>\.{2,3})(?<head>[^\s.>]+)>?[ \t]*\r?$").unwrap());

/// Notes every heading with a version; a change log without any is noted as a place without a version.
pub fn headings(reader: &mut Reader<'_>, file: &File, heading: &Heading) -> Outcome {
    let found = places(file, heading);
    if found.is_empty() {
        reader.place(Place { version: None, ..file.place(0..0, Kind::Heading) });
    }
    for place in found {
        reader.place(place);
    }
    Outcome::Read
}

fn places(file: &File, heading: &Heading) -> Vec<Place> {
    let lines = lines(&file.text).into_iter();
    lines.filter_map(|(at, line)| heading.version_in(line).map(|span| file.place(at + span.start..at + span.end, Kind::Heading))).collect()
}

/// The lines outside of fenced code, each with its first byte.
fn lines(text: &str) -> Vec<(usize, &str)> {
    let (mut at, mut fenced, mut found) = (0, false, Vec::new());
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            fenced = !fenced;
        } else if !fenced {
            found.push((at, line.trim_end()));
        }
        at += line.len();
    }
    found
}

/// What is to be inserted for a new version, and after which byte: below the heading `Unreleased`. `None` where there is none.
pub fn insertion(file: &File, heading: &Heading, new: &Version, date: &str) -> Option<(usize, String)> {
    let lines = lines(&file.text);
    let (at, line) = lines.iter().find(|(_, line)| heading.is_unreleased(line))?;
    let model = places(file, heading).first().map(|place| place.span.clone());
    let model = model.and_then(|span| lines.iter().find(|(at, line)| (*at..at + line.len()).contains(&span.start)));
    let style = model.map_or(*line, |(_, line)| line);
    let after_before = style.strip_prefix(heading.before.as_str()).unwrap_or_default();
    let (open, close) = if after_before.starts_with('[') { ("[", "]") } else { ("", "") };
    let v = if model.is_some() && after_before.trim_start_matches('[').starts_with(['v', 'V']) { "v" } else { "" };
    let in_brackets = style.split('(').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let date = if in_brackets { format!("({date})") } else { format!("- {date}") };
    let eol = if file.text.contains("\r\n") { "\r\n" } else { "\n" };
    Some((at + line.len(), format!("{eol}{eol}{}{open}{v}{new}{close}{} {date}", heading.before, heading.after)))
}

/// What the links at the end become: the one of `Unreleased` begins at the new tag, and the new version gets one of its own.
pub fn links(file: &File, new: &Version) -> Vec<(Range<usize>, String)> {
    let Some(found) = COMPARES.captures(&file.text) else { return Vec::new() };
    let (Some(whole), Some(base), Some(old), Some(dots)) = (found.get(0), found.name("base"), found.name("old"), found.name("dots")) else { return Vec::new() };
    let Some((before, version)) = tagged(old.as_str()) else { return Vec::new() };
    let own = |label: &str| file.text.lines().any(|line| line.starts_with(&format!("[{label}]:")));
    if version == *new || own(&new.to_string()) || own(&format!("v{new}")) {
        return Vec::new();
    }
    let v = if own(&format!("v{version}")) { "v" } else { "" };
    let eol = if file.text.contains("\r\n") { "\r\n" } else { "\n" };
    let line = format!("{eol}[{v}{new}]: {}{}{}{before}{new}", base.as_str(), old.as_str(), dots.as_str());
    let end = whole.start() + whole.as_str().trim_end().len();
    vec![(old.range(), format!("{before}{new}")), (end..end, line)]
}

/// A tag's text before its version, and the version.
fn tagged(tag: &str) -> Option<(&str, Version)> {
    let starts = tag.char_indices().filter(|(_, c)| c.is_ascii_digit());
    starts.filter_map(|(at, _)| Some((tag.get(..at)?, tag.get(at..)?.parse().ok()?))).next()
}
