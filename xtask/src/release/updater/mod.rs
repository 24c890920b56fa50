//! Update metadata of desktop updaters: `latest.yml`, `latest-mac.yml`, `latest-linux.yml`, as electron-builder writes them.
//!
//! Every runner writes its own; a release has one of each name. So they are read where they are built, put together, and written once, with
//! sizes and digests of the files as they are now: signing changes them. What they point at must be in the release.

mod check;
mod merge;

pub use check::check;
pub(super) use merge::write;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::manifest::Origin;
use crate::kernel::{Error, Result};

/// One of those files, as one runner wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// `latest-mac.yml`
    pub name: String,
    /// The artifact it came with.
    pub artifact: Option<String>,
    /// What it was made from.
    pub origin: Origin,
    content: Content,
}

/// What an updater reads. Keys that aren't named here are kept as they are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Content {
    version: String,
    #[serde(default)]
    files: Vec<Entry>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    sha512: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// A file that is offered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Entry {
    url: String,
    #[serde(default)]
    sha512: String,
    #[serde(default)]
    size: u64,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl Content {
    /// Everything it sends users to.
    fn references(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|entry| entry.url.as_str()).chain(self.path.as_deref())
    }
}

impl Channel {
    /// Reads one; a file of that name which is none is an error, since updaters would ask for it all the same.
    pub fn read(name: &str, text: &[u8], artifact: Option<String>, origin: Origin) -> Result<Self> {
        let content: Content = yaml_serde::from_slice(text).map_err(|error| {
            Error::mismatch(format!("{name} is not update metadata: updaters would ask for it and could not read it"))
                .caused_by(error)
                .hint("leave it out of the artifact's `files`, or let electron-builder write it again")
        })?;
        Ok(Self { name: name.into(), artifact, origin, content })
    }
}

/// Whether updaters look for a file of this name: a channel, a platform, `.yml`. Channels are `latest` and those of prereleases.
pub fn is_metadata(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".yml") else { return false };
    let (channel, platform) = stem.split_once('-').unwrap_or((stem, ""));
    let platforms = ["", "mac", "linux", "linux-arm64", "linux-armv7l", "linux-ia32"];
    ["latest", "alpha", "beta", "rc", "next"].contains(&channel) && platforms.contains(&platform)
}

#[cfg(test)]
mod tests {
    use super::is_metadata;

    #[test]
    fn knows_the_names_that_updaters_ask_for() {
        for name in ["latest.yml", "latest-mac.yml", "latest-linux.yml", "beta.yml", "latest-linux-arm64.yml"] {
            assert!(is_metadata(name), "{name}");
        }
        for name in ["docker-compose.yml", "latest.json", "latest-notes.yml", "app-update.yml"] {
            assert!(!is_metadata(name), "{name}");
        }
    }
}
