//! Bytes against manifest. The only way to get a [`Verified`], and only a [`Verified`] can be published.

use std::path::{Path, PathBuf};

use super::{
    build::Built,
    manifest::Manifest,
    plan::{MANIFEST, SUMS},
    sums, updater,
};
use crate::{
    effects::files,
    forge::Upload,
    kernel::{Digest, Error, Finding, Kind, Result},
};

/// An exact set of files whose bytes were read from the disk and compared with the manifest and the checksums.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What the release is.
    pub manifest: Manifest,
    /// Every file, sorted by name.
    pub files: Vec<VerifiedFile>,
}

/// A file with the size and the digest that its bytes have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedFile {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: Digest,
}

impl Verified {
    /// As a forge takes them: manifest and checksums late, so that they never speak of files that aren't there yet; update metadata last,
    /// since programs out there act on it.
    pub fn uploads(&self) -> Vec<Upload> {
        let wave = |name: &str| if updater::is_metadata(name) { 2 } else { u8::from(matches!(name, MANIFEST | SUMS)) };
        let upload = |file: &VerifiedFile| {
            let wave = wave(&file.name);
            Upload { name: file.name.clone(), path: file.path.clone(), size: file.size, digest: file.sha256, wave }
        };
        let mut uploads: Vec<Upload> = self.files.iter().map(upload).collect();
        uploads.sort_by_key(|upload| upload.wave);
        uploads
    }
}

/// Verifies what was built; consumes it, so that unverified bytes can't be published.
#[expect(clippy::needless_pass_by_value, reason = "what was built is used up: only what is verified goes on")]
pub fn built(built: Built) -> Result<Verified> {
    let verified = folder(&built.folder)?;
    let same = verified.files.iter().map(|file| (&file.name, file.sha256)).eq(built.files.iter().map(|file| (&file.name, file.sha256)));
    if !same {
        return Err(Error::mismatch(format!("the files in {} changed since they were built", built.folder.display())).hint("build again"));
    }
    Ok(verified)
}

/// Verifies a folder that holds a release: every file that manifest and checksums list, and no other. All differences come at once.
pub fn folder(folder: &Path) -> Result<Verified> {
    let names: Vec<String> = files::list(folder)?.into_iter().filter(|name| !files::is_temporary(name)).collect();
    let text = files::read(&folder.join(MANIFEST)).map_err(|error| {
        Error::mismatch(format!("{} holds no {MANIFEST}: it is no release", folder.display()))
            .caused_by(error)
            .hint("name the folder that `build` or `release` filled")
    })?;
    let manifest = Manifest::read(&text, &folder.join(MANIFEST).display().to_string())?;
    let sums = sums::read(&String::from_utf8_lossy(&files::read(&folder.join(SUMS)).map_err(|error| error.of_kind(Kind::Mismatch))?))?;
    let mut found = Vec::new();
    let (folders, names): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| folder.join(name).is_dir());
    for name in names {
        let path = folder.join(&name);
        let (size, sha256) = files::digest(&path)?;
        found.push(VerifiedFile { name, path, size, sha256 });
    }
    let mut findings = compare(&manifest, &sums, &found);
    findings.extend(folders.iter().map(|name| Finding::error("asset-extra", format!("{name} is a folder, and a release holds files only")).file(name)));
    if findings.is_empty() {
        return Ok(Verified { manifest, files: found });
    }
    Err(Error::new(Kind::Mismatch, format!("{} is not what its manifest says", folder.display())).with_findings(findings))
}

/// Everything that differs between what a release says of itself and what is there. Pure.
pub fn compare(manifest: &Manifest, sums: &[(String, Digest)], found: &[VerifiedFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let expected = manifest.artifacts.iter().map(|listed| (listed.name.as_str(), Some(listed.size), listed.sha256));
    let summed = sums.iter().map(|(name, digest)| (name.as_str(), None, *digest));
    for (name, size, digest) in expected.chain(summed) {
        match found.iter().find(|file| file.name == name) {
            None => findings.push(Finding::error("asset-missing", format!("{name} is missing")).file(name)),
            Some(file) if file.sha256 != digest || size.is_some_and(|size| size != file.size) => findings.push(differs(file, size, digest)),
            Some(_) => {}
        }
    }
    for file in found {
        if file.name != SUMS && !sums.iter().any(|(name, _)| *name == file.name) {
            findings.push(Finding::error("asset-extra", format!("{} is not in {SUMS}", file.name)).file(&file.name));
        } else if file.name != SUMS && file.name != MANIFEST && !manifest.artifacts.iter().any(|listed| listed.name == file.name) {
            findings.push(Finding::error("asset-extra", format!("{} is not in {MANIFEST}", file.name)).file(&file.name));
        }
    }
    findings.sort_by(|a, b| (&a.file, &a.message).cmp(&(&b.file, &b.message)));
    findings.dedup();
    findings
}

fn differs(file: &VerifiedFile, size: Option<u64>, digest: Digest) -> Finding {
    let message = match size {
        Some(size) if size != file.size => format!("{} has {} bytes, not {size}", file.name, file.size),
        _ => format!("{} has the digest {}, not {digest}", file.name, file.sha256),
    };
    Finding::error("asset-differs", message).file(&file.name)
}
