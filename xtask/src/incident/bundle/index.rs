//! The bundle's first pages: a summary that a person reads first, an index that says what is in it, what was left out and why, what was redacted. Pure.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    super::redact::Counts,
    item::LeftOut,
    write::{Hidden, Written, hidden},
};
use crate::{
    effects::clock,
    kernel::{Result, human_bytes},
};

/// The summary's name: it sorts before everything else.
pub const SUMMARY: &str = "00-summary.md";
/// The index's name.
pub const INDEX: &str = "01-index.json";

/// What both are made from.
pub struct Pages<'a> {
    /// The project.
    pub project: &'a str,
    /// When.
    pub now: DateTime<Utc>,
    /// What is in it.
    pub written: &'a [Written],
    /// What isn't.
    pub left_out: &'a [LeftOut],
    /// What stands out.
    pub lines: &'a [String],
    /// What should be known about how it was made.
    pub notes: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Index<'a> {
    schema: u32,
    project: &'a str,
    collected_at: String,
    entries: &'a [Written],
    left_out: &'a [LeftOut],
    redacted: Vec<Hidden>,
    notes: &'a [String],
}

impl Pages<'_> {
    /// What was hidden in all.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        for hidden in self.written.iter().flat_map(|entry| &entry.redacted) {
            *counts.entry(hidden.kind.clone()).or_default() += hidden.count;
        }
        counts
    }

    /// The index, as JSON.
    pub fn index(&self) -> Result<Vec<u8>> {
        super::facts::pretty(&Index {
            schema: 1,
            project: self.project,
            collected_at: clock::stamp(self.now),
            entries: self.written,
            left_out: self.left_out,
            redacted: hidden(&self.counts()),
            notes: self.notes,
        })
    }

    /// The summary, as Markdown.
    pub fn summary(&self) -> String {
        let bytes = self.written.iter().map(|entry| entry.bytes).sum();
        let mut text = format!("# Incident bundle of {}\n\n", self.project);
        text += &format!(
            "Collected at {} by xtask {}. {} entries, {}. Nothing of it was sent anywhere.\n",
            clock::stamp(self.now),
            env!("CARGO_PKG_VERSION"),
            self.written.len(),
            human_bytes(bytes)
        );
        text += &section("What stands out", self.lines.iter().cloned());
        text += &section("Errors in logs", self.written.iter().filter(|entry| entry.errors > 0 && entry.name.starts_with("logs/")).map(error_line));
        text += &section("In this bundle", self.written.iter().map(entry_line));
        text += &section("Left out", self.left_out.iter().map(|left| format!("`{}`: {}", left.name, left.why)));
        let counts = self.counts();
        text += &section("Redacted", counts.iter().map(|(kind, count)| format!("{count} × {kind}")));
        if !counts.is_empty() {
            text += "\nThe same number in `[redacted:…:N]` is the same secret, here and in every entry.\n";
        }
        text += &section("Notes", self.notes.iter().cloned());
        text
    }
}

fn section(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: String = lines.map(|line| format!("- {}\n", line.replace('\n', " "))).collect();
    if lines.is_empty() { String::new() } else { format!("\n## {title}\n\n{lines}") }
}

fn error_line(entry: &Written) -> String {
    format!("`{}` has {} such lines, the last: {}", entry.name, entry.errors, entry.last_error.as_deref().unwrap_or_default())
}

fn entry_line(entry: &Written) -> String {
    let cut = entry.cut.as_deref().map(|cut| format!(" ({cut})")).unwrap_or_default();
    format!("`{}` {}, {}{cut}", entry.name, human_bytes(entry.bytes), entry.what)
}
