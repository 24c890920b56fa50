//! `release.json`: what a release is, for machines, for `rollback` and for whoever builds it again. Versioned; unknown keys are ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{build::BuiltFile, plan::ReleasePlan};
use crate::{
    kernel::{Context as _, Digest, Error, Result, Version},
    services::ImageRef,
};

/// The manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format: 1.
    pub schema: u32,
    /// The project's name.
    pub project: String,
    /// `1.4.2`
    pub version: Version,
    /// `v1.4.2`
    pub tag: String,
    /// The commit that was built.
    pub commit: String,
    /// Unix seconds: the time in every archive.
    #[serde(rename = "SOURCE_DATE_EPOCH")]
    pub source_date_epoch: i64,
    /// Whether changes went in that no commit holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dirty: bool,
    /// What built it: tool → version.
    #[serde(default)]
    pub tools: BTreeMap<String, String>,
    /// Every file but this one and the checksums.
    pub artifacts: Vec<Listed>,
    /// The services' images when this was released.
    #[serde(default)]
    pub services: Vec<ImageRef>,
}

/// What every version of the format begins with.
#[derive(Deserialize)]
struct Format {
    schema: u32,
}

/// A file of the release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: Digest,
    /// The artifact it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// The target it was built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What it was made from.
    pub origin: Origin,
}

/// What a file was made from. The later, the less can be built again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// By the release itself.
    Made,
    /// Files of the commit.
    Commit,
    /// Built from the commit.
    Built,
    /// Taken from the work tree as it was.
    WorkTree,
}

/// The tools that were used, by name.
#[derive(Clone, Debug, Default)]
pub struct Tools(BTreeMap<String, String>);

impl Tools {
    /// Notes a tool's version.
    pub fn add(&mut self, name: &str, version: &str) {
        self.0.insert(name.into(), version.trim().into());
    }
}

impl Manifest {
    /// The manifest of what was built.
    pub fn new(plan: &ReleasePlan, built: &[BuiltFile], mut tools: Tools, services: Vec<ImageRef>) -> Self {
        tools.add("xtask", env!("CARGO_PKG_VERSION"));
        let listed = |file: &BuiltFile| Listed {
            name: file.name.clone(),
            size: file.size,
            sha256: file.sha256,
            artifact: file.artifact.clone(),
            target: file.target.clone(),
            origin: file.origin,
        };
        Self {
            schema: 1,
            project: plan.project.clone(),
            version: plan.subject.version().clone(),
            tag: plan.subject.tag.name.clone(),
            commit: plan.subject.commit.clone(),
            source_date_epoch: plan.subject.epoch,
            dirty: plan.subject.dirty,
            tools: tools.0,
            artifacts: built.iter().map(listed).collect(),
            services,
        }
    }

    /// Whether both describe the same release. Images and tools are told as they were at the time: building again may see others.
    pub fn same_release(&self, other: &Self) -> bool {
        let lasting = |manifest: &Self| Self { tools: BTreeMap::new(), services: Vec::new(), ..manifest.clone() };
        lasting(self) == lasting(other)
    }

    /// As it is written.
    pub fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).context(|| "write release.json".into())?;
        Ok(format!("{text}\n"))
    }

    /// Reads one; `place` is where it came from.
    pub fn read(text: &[u8], place: &str) -> Result<Self> {
        let unreadable = |error| Error::mismatch(format!("{place} can't be read")).caused_by(error);
        // First the format alone: a newer one may have other fields.
        let format: Format = serde_json::from_slice(text).map_err(unreadable)?;
        if format.schema != 1 {
            return Err(Error::refused(format!("{place} has schema {}, which this version doesn't know", format.schema)).hint("use a newer xtask"));
        }
        let manifest = serde_json::from_slice(text).map_err(unreadable)?;
        Ok(manifest)
    }
}
