//! `xtask.toml`: text → raw (as written) → [`Config`] (valid). Pure; a problem is a finding with key, line and remedy.

mod keys;
mod project;
mod raw;
mod valid;

pub use project::Project;
pub use raw::*;
pub use valid::{Artifact, Build, Config, Repository};

use std::path::Path;

use crate::kernel::{Error, Finding, Kind, Result};

/// The file's usual name, at the repository's root.
pub const FILE: &str = "xtask.toml";

/// Reads and validates a configuration; all problems come together, as findings of a [`Kind::Usage`] error.
pub fn parse(text: &str, path: &Path) -> Result<Config> {
    let file = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let raw = keys::read(text).and_then(|raw| valid::validate(raw, text));
    raw.map_err(|findings| {
        let findings: Vec<Finding> = findings.into_iter().map(|finding| finding.file(file.clone())).collect();
        let message = match findings.as_slice() {
            [one] => format!("{file}{}: {}", one.line.map(|line| format!(":{line}")).unwrap_or_default(), one.message),
            many => format!("{file} has {} problems", many.len()),
        };
        Error::new(Kind::Usage, message).with_findings(findings)
    })
}

/// The JSON Schema of the file, for editors.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Raw).to_value()
}

#[cfg(test)]
mod tests;
