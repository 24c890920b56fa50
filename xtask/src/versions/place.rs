//! A place where a version is written, with its line and its very bytes; and the file that it is in.

use std::ops::Range;

use serde::Serialize;

use super::pep440;
use crate::kernel::{Finding, Version};

/// One place where a version is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Path relative to the repository's root.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Exactly as written there.
    pub found: String,
    /// What it means; `None` where it is no version.
    pub version: Option<Version>,
    /// What sort of place it is, which decides how it is compared and how it is edited.
    pub kind: Kind,
    /// Its bytes in the file, not counting a byte order mark.
    #[serde(skip)]
    pub span: Range<usize>,
    /// What else it can mean, where the end of the version is not certain.
    #[serde(skip)]
    pub also: Vec<Version>,
}

/// What sort of place it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The version of a package: `Cargo.toml`, `package.json`.
    Manifest,
    /// A Python version: PEP 440's spelling means the same.
    Python,
    /// Plain text: `VERSION`, or where a pattern fits.
    Text,
    /// Text in a badge's address, where a dash is written twice.
    Badge,
    /// A heading of a change log; no version at all stands for a change log without any.
    Heading,
    /// An entry of a lock file.
    Lock(Locked),
    /// What a package of npm's asks of a sibling: `"@acme/core": "^1.2.0"`. The place is its one version, else all of it.
    Range {
        /// The sibling's name.
        package: String,
        /// The whole range.
        text: String,
        /// Whether it is the user who has to bring the sibling: such a range stays as wide as it is while it fits.
        peer: bool,
    },
    /// What a member of the workspace asks of another one: `{ path = "../core", version = "1.2.0" }`.
    Requirement {
        /// The whole requirement, e.g. `^1.2.0`.
        text: String,
    },
}

/// A version that a manifest says, and the line there.
pub type Says = Option<(Version, usize)>;

/// An entry of a lock file for a package of this repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Locked {
    /// The package.
    pub name: String,
    /// Its manifest; `None` where the lock file lies alone.
    pub manifest: Option<String>,
    /// The version in its manifest, and the line there.
    pub says: Says,
    /// Whether its manifest is among the sources, so that this entry must agree with them as well.
    pub checked: bool,
    /// What brings it up to date.
    pub remedy: String,
}

/// A text file.
pub struct File {
    /// Path relative to the repository's root.
    pub path: String,
    /// Its text without a byte order mark.
    pub text: String,
    /// Whether it begins with a byte order mark.
    pub bom: bool,
}

impl File {
    /// Reads its bytes; the finding says why it is no text.
    pub fn new(path: &str, bytes: Vec<u8>) -> Result<Self, Finding> {
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
            Finding::error("version-unreadable", "this is not UTF-8 text").hint("save it as UTF-8").file(path).line(line)
        })?;
        let bom = text.starts_with('\u{feff}');
        let text = if bom { text.trim_start_matches('\u{feff}').to_owned() } else { text };
        Ok(Self { path: path.into(), text, bom })
    }

    /// Line and column of a byte, each from 1.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// The place of a span.
    pub fn place(&self, span: Range<usize>, kind: Kind) -> Place {
        let (line, column) = self.position(span.start);
        let found = self.text.get(span.clone()).unwrap_or_default().to_owned();
        let version = if kind == Kind::Python { pep440::meaning(&found) } else { found.parse().ok() };
        Place { file: self.path.clone(), line, column, found, version, kind, span, also: Vec::new() }
    }

    /// A finding about a byte of this file.
    pub fn unreadable(&self, at: usize, message: impl Into<String>) -> Finding {
        Finding::error("version-unreadable", message).file(&*self.path).line(self.position(at).0)
    }

    /// A finding that the version isn't there.
    pub fn missing(&self, at: usize, message: impl Into<String>) -> Finding {
        Finding::error("version-missing", message).file(&*self.path).line(self.position(at).0)
    }
}

/// What reading one file came to.
pub enum Outcome {
    /// Its places or findings are noted.
    Read,
    /// It says that its version comes from elsewhere.
    Derived,
    /// It holds no version: a finding, unless a glob happened to match it.
    Absent(Finding),
}
