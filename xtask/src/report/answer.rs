//! A command's result: data for machines and a view for people, with everything that was found on the way.

use serde::Serialize;
use serde_json::{Value, json};

use super::Table;
use crate::kernel::{Error, Finding, Kind};

/// What a command found out or did.
#[derive(Debug)]
pub struct Answer {
    /// None when it went well; else why the exit code isn't 0 although there is a result to show.
    pub kind: Option<Kind>,
    /// For machines.
    pub data: Value,
    /// For people.
    pub view: View,
    /// What was seen on the way.
    pub findings: Vec<Finding>,
    /// For `GITHUB_OUTPUT`: names and values.
    pub outputs: Vec<(String, String)>,
}

impl Answer {
    /// A result that went well.
    pub fn new(data: &impl Serialize, view: View) -> Self {
        Self { kind: None, data: serde_json::to_value(data).unwrap_or(Value::Null), view, findings: Vec::new(), outputs: Vec::new() }
    }

    /// Adds what was seen; an error among it makes the exit code 3.
    #[must_use]
    pub fn found(mut self, findings: Vec<Finding>) -> Self {
        if self.kind.is_none() && findings.iter().any(Finding::is_error) {
            self.kind = Some(Kind::Findings);
        }
        self.findings.extend(findings);
        self
    }

    /// Not all went well.
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Adds a step output for GitHub Actions.
    #[must_use]
    pub fn output(mut self, name: &str, value: &impl std::fmt::Display) -> Self {
        self.outputs.push((name.into(), value.to_string()));
        self
    }

    /// The JSON document of the contract.
    pub fn document(&self, command: &str) -> Value {
        document(command, self.kind.map_or("ok", Kind::outcome), &self.data, &self.findings)
    }
}

/// The JSON document of a failure.
pub(super) fn error_document(command: &str, error: &Error) -> Value {
    let data = json!({ "error": error.chain(), "hints": error.hints(), "exit": error.kind().exit_code() });
    document(command, error.kind().outcome(), &data, error.found())
}

fn document(command: &str, outcome: &str, data: &Value, findings: &[Finding]) -> Value {
    json!({ "schema": 1, "command": command, "outcome": outcome, "data": data, "findings": findings })
}

/// What a person sees on standard output.
#[derive(Debug)]
pub enum View {
    /// Nothing.
    Nothing,
    /// Text as it is; a line end is added where it is missing.
    Text(String),
    /// A table.
    Table(Table),
    /// Several, one below the other.
    All(Vec<View>),
}

impl View {
    /// As text.
    pub fn render(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) if text.is_empty() || text.ends_with('\n') => text.clone(),
            Self::Text(text) => format!("{text}\n"),
            Self::Table(table) => table.render(),
            Self::All(views) => views.iter().map(Self::render).collect(),
        }
    }

    /// As Markdown, for a job's summary.
    pub fn markdown(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) => format!("{}\n\n", fenced(text.trim_end())),
            Self::Table(table) => table.markdown(),
            Self::All(views) => views.iter().map(Self::markdown).collect(),
        }
    }
}

/// Several lines (a diff, what a compiler said) stay as they are in Markdown, whatever is in them.
pub(super) fn fenced(text: &str) -> String {
    if !text.contains('\n') {
        return text.to_owned();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{text}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::fenced;

    #[test]
    fn several_lines_are_fenced_with_more_than_they_hold() {
        assert_eq!(fenced("one `word`"), "one `word`");
        assert_eq!(fenced("a\n```\nb"), "````\na\n```\nb\n````");
    }
}
