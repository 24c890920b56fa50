//! `validate`: files that the application must be able to read. Looked at when a backup is made, so that it isn't the bad day that shows it, and again
//! before one is restored. Reads only.

use std::path::Path;

use super::{
    name::Name,
    read::{self, Names},
    source::Source,
};
use crate::kernel::{Context as _, Error, Finding, Result};

/// Those of a fresh archive's files that don't parse: a restore would refuse them.
pub fn broken(source: &Source, archive: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    if source.spec.validate.is_empty() {
        return Ok(findings);
    }
    read::each(&mut read::open(archive)?, Names::Ours, &mut |meta, data| {
        let Some(file) = source.spec.validate.iter().find(|file| meta.is_file() && Name::from(file.as_str()) == meta.name) else { return Ok(()) };
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).context(|| format!("read `{file}`"))?;
        if let Err(error) = serde_json::from_slice::<serde_json::Value>(&bytes) {
            let message = format!("`{file}` is no valid JSON ({error}): the application would not start well on it, and a restore refuses it");
            findings.push(
                Finding::error("backup-invalid", message).hint("an older backup may have it whole: `xtask backup list`; mend the file, then back up again"),
            );
        }
        Ok(())
    })?;
    Ok(findings)
}

/// Whether a file that is about to be restored parses.
pub fn parses(file: &str, bytes: &[u8]) -> Result<()> {
    serde_json::from_slice::<serde_json::Value>(bytes).map(drop).map_err(|error| {
        Error::mismatch(format!("`{file}` in the backup is no valid JSON: the application would not start well"))
            .caused_by(error)
            .hint("use another backup; nothing was changed")
    })
}
