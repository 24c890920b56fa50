//! The last look before anything is sent: update metadata that would send users to the wrong file stops the release.

use super::{Channel, Content, is_metadata, merge};
use crate::{
    effects::files,
    forge::Limits,
    kernel::{Error, Finding, Kind, Result},
    release::{
        manifest::Origin,
        verify::{Verified, VerifiedFile},
    },
};

/// Compares all metadata in a release with the files that it points at, by the names that the forge will give them.
pub fn check(verified: &Verified, limits: &Limits) -> Result<()> {
    let mut findings = Vec::new();
    for file in verified.files.iter().filter(|file| is_metadata(&file.name)) {
        let channel = Channel::read(&file.name, &files::read(&file.path)?, None, Origin::Made)?;
        findings.extend(wrong(&file.name, &channel.content, verified, limits)?);
    }
    if findings.is_empty() {
        return Ok(());
    }
    Err(Error::new(Kind::Mismatch, "the update metadata would send users to the wrong files: nothing is published").with_findings(findings))
}

fn wrong(name: &str, content: &Content, verified: &Verified, limits: &Limits) -> Result<Vec<Finding>> {
    let finding = |message: String| Finding::error("update-metadata", format!("{name}: {message}")).file(name);
    let mut findings = Vec::new();
    if content.version != verified.manifest.version.to_string() {
        findings.push(finding(format!("says version {}, but {} is released", content.version, verified.manifest.version)));
    }
    for reference in content.references() {
        if there(reference, verified, limits).is_none() {
            findings.push(finding(format!("`{reference}` is not what the release will have")).hint(names(verified, limits)));
        }
    }
    for entry in &content.files {
        let Some(file) = there(&entry.url, verified, limits) else { continue };
        if entry.size != file.size || entry.sha512 != merge::sha512(&file.path)? {
            findings.push(finding(format!("size or digest of `{}` are not those of the file", entry.url)));
        }
    }
    if let Some((path, sha512)) = content.path.as_deref().zip(content.sha512.as_deref())
        && let Some(file) = there(path, verified, limits)
        && sha512 != merge::sha512(&file.path)?
    {
        findings.push(finding(format!("the digest of `{path}` is not that of the file")));
    }
    if content.references().next().is_none() {
        findings.push(finding("points at nothing".into()));
    }
    Ok(findings)
}

/// The file that somebody gets who asks the forge for that name.
fn there<'a>(reference: &str, verified: &'a Verified, limits: &Limits) -> Option<&'a VerifiedFile> {
    verified.files.iter().find(|file| (limits.rename)(&file.name) == reference)
}

fn names(verified: &Verified, limits: &Limits) -> String {
    let names: Vec<String> = verified.files.iter().filter(|file| !is_metadata(&file.name)).map(|file| (limits.rename)(&file.name)).collect();
    format!("it will have: {}", names.join(", "))
}
