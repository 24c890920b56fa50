//! Change logs: the headings that name a version, and where the next one goes.

use std::ops::Range;

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
