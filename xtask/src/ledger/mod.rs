//! What was done here, append only: `.xtask/ledger.jsonl`. Undoing appends as well; nothing is ever rewritten.
//!
//! Journals beside it (`.xtask/journal/NAME.json`) say what is under way, so that the next run, or `status`, knows how to go on.

mod journal;

pub use journal::{Journal, Pending};

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    effects::{clock, files, lock},
    kernel::{Error, Result},
};

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The format of this line: 1.
    pub schema: u32,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Who: `ann@build-7`.
    pub who: String,
    /// The command: `release`, `rollback`, `backup`.
    pub command: String,
    /// What it was done to: a tag, a backup's name.
    pub subject: String,
    /// How it ended: the `outcome` of the JSON document.
    pub outcome: String,
    /// Why, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Everything else worth keeping.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

/// The ledger of one repository.
#[derive(Clone, Debug)]
pub struct Ledger {
    state: PathBuf,
}

impl Ledger {
    /// The ledger in a state folder (`.xtask`).
    pub fn new(state: &Path) -> Self {
        Self { state: state.into() }
    }

    fn path(&self) -> PathBuf {
        self.state.join("ledger.jsonl")
    }

    /// Appends what was done, with who and when.
    pub fn record(&self, command: &str, subject: &str, outcome: &str, reason: Option<&str>, data: Value) -> Result<()> {
        let entry = Entry {
            schema: 1,
            at: clock::stamp(clock::now()),
            who: lock::who(),
            command: command.into(),
            subject: subject.into(),
            outcome: outcome.into(),
            reason: reason.map(str::to_owned),
            data,
        };
        let line = serde_json::to_string(&entry).map_err(|error| Error::unexpected("write the ledger").caused_by(error))?;
        // A run that was killed while appending left half a line: start on a fresh one.
        let torn = files::read_text_if_there(&self.path())?.is_some_and(|text| !text.is_empty() && !text.ends_with('\n'));
        files::append_line(&self.path(), &if torn { format!("\n{line}") } else { line })
    }

    /// All that was done, oldest first. Half a line, left by a kill, is passed over.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let text = files::read_text_if_there(&self.path())?.unwrap_or_default();
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(folder.path());
        ledger.record("release", "v1.0.0", "ok", None, Value::Null).unwrap();
        let path = ledger.path();
        let half = format!("{}{{\"schema\":1,\"at\"", files::read_text(&path).unwrap());
        files::write(&path, half.as_bytes()).unwrap();
        ledger.record("release", "v1.0.1", "ok", Some("because"), Value::Null).unwrap();
        let subjects: Vec<_> = ledger.entries().unwrap().into_iter().map(|entry| entry.subject).collect();
        assert_eq!(subjects, ["v1.0.0", "v1.0.1"]);
    }
}
