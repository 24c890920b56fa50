//! A finding: something that a check saw, where, how bad, and what to do. Printed, put into JSON, turned into annotations.

use serde::Serialize;

/// How bad a finding is. Only errors stop a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Probably not wanted.
    Warning,
    /// Must be mended first.
    Error,
}

/// One thing that a check saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable kebab-case name that scripts match on, e.g. `version-mismatch`.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// A lowercase sentence.
    pub message: String,
    /// What to do.
    pub hints: Vec<String>,
    /// Path relative to the repository's root.
    pub file: Option<String>,
    /// Line in `file`, from 1.
    pub line: Option<usize>,
}

impl Finding {
    fn new(severity: Severity, code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), severity, message: message.into(), hints: Vec::new(), file: None, line: None }
    }

    /// Something that must be mended.
    pub fn error(code: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// Something that is probably not wanted.
    pub fn warning(code: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// Something good to know.
    pub fn note(code: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says in which file it is.
    #[must_use]
    pub fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Says in which line it is, from 1.
    #[must_use]
    pub fn line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// Whether it stops a command.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
