//! `__version__` in Python modules, and files that hold nothing but a version.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{
    place::{File, Kind, Outcome},
    reader::Reader,
};

#[expect(clippy::unwrap_used, reason = "a constant expression, and a test runs it")]
static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^(?<name>[A-Za-z_]\w*)\s*(?::[^=]+)?=\s*(?:[A-Za-z_]\w*\s*=\s*)*(?:[rRuU]?(?:"(?<double>[^"\\]*)"|'(?<single>[^'\\]*)')|(?<other>\S.*))"#)
        .unwrap()
});

/// What Python itself looks for.
pub const USUAL: &str = "__version__";

/// Notes every `__version__ = "…"` at the top of a module, or whatever the version's `name` is. What code computes is derived.
pub fn assignments(reader: &mut Reader<'_>, file: &File, name: &str) -> Outcome {
    let absent = file.missing(0, format!("nothing sets `{name}`"));
    let mut outcome = Outcome::Absent(absent.hint(format!("add `{name} = \"…\"`, or remove the source")));
    for line in code_lines(&file.text) {
        let Some(found) = file.text.get(line.clone()).and_then(|text| ASSIGNMENT.captures(text)) else { continue };
        if found.name("name").is_none_or(|found| found.as_str() != name) {
            continue;
        }
        let literal = found.name("double").or_else(|| found.name("single"));
        match (literal, found.name("other")) {
            (Some(text), _) => {
                reader.place(file.place(line.start + text.start()..line.start + text.end(), Kind::Python));
                outcome = Outcome::Read;
            }
            (None, Some(other)) if other.as_str().starts_with(|c: char| c.is_ascii_digit() || "([\"'".contains(c)) => {
                let message = format!("`{name}` is not a plain string");
                reader.finding(file.unreadable(line.start, message).hint("write it as \"1.2.3\""));
                outcome = Outcome::Read;
            }
            _ if matches!(outcome, Outcome::Absent(_)) => outcome = Outcome::Derived,
            _ => {}
        }
    }
    outcome
}

/// The lines of a module that don't begin within a string of several lines.
fn code_lines(text: &str) -> Vec<Range<usize>> {
    let (mut lines, mut at, mut open): (Vec<Range<usize>>, usize, Option<&str>) = (Vec::new(), 0, None);
    for line in text.split_inclusive('\n') {
        if open.is_none() {
            lines.push(at..at + line.trim_end().len());
        }
        open = after(line, open);
        at += line.len();
    }
    lines
}

/// Which long string is open at a line's end.
fn after<'a>(line: &str, mut open: Option<&'a str>) -> Option<&'a str> {
    let mut rest = line;
    let mut short: Option<char> = None;
    while let Some(c) = rest.chars().next() {
        let mut step = c.len_utf8();
        let long = ["\"\"\"", "'''"].into_iter().find(|quotes| rest.starts_with(quotes));
        match (open, short) {
            (Some(_), _) | (_, Some(_)) if c == '\\' => step += rest.get(step..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8),
            (Some(quotes), _) if long == Some(quotes) => (open, step) = (None, 3),
            (Some(_), _) => {}
            (None, Some(quote)) if c == quote => short = None,
            (None, Some(_)) => {}
            (None, None) if long.is_some() => (open, step) = (long, 3),
            (None, None) if c == '#' => return None,
            (None, None) if c == '"' || c == '\'' => short = Some(c),
            (None, None) => {}
        }
        rest = rest.get(step..).unwrap_or_default();
    }
    open
}

/// Notes the version in a file that holds nothing else: one line, a `v` before it allowed, lines with `#` left out.
pub fn plain(reader: &mut Reader<'_>, file: &File) -> Outcome {
    let mut at = 0;
    let mut found = Vec::new();
    for line in file.text.split_inclusive('\n') {
        let text = line.trim();
        if !text.is_empty() && !text.starts_with('#') {
            let start = at + (line.len() - line.trim_start().len());
            found.push(start..start + text.len());
        }
        at += line.len();
    }
    match found.as_slice() {
        [] => return Outcome::Absent(file.missing(0, "this is empty").hint("write the version into it, e.g. 1.2.3")),
        [one] => {
            let text = file.text.get(one.clone()).unwrap_or_default();
            let prefix = text.len() - text.strip_prefix(['v', 'V']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(text).len();
            reader.place(file.place(one.start + prefix..one.end, Kind::Text));
        }
        [_, second, ..] => {
            let message = "this holds more than a version";
            reader.finding(file.unreadable(second.start, message).hint("keep the version alone in it, or add `pattern = \"…{version}…\"` to this source"));
        }
    }
    Outcome::Read
}
