//! What every forge speaks in: releases, assets, drafts, limits.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::kernel::{Digest, Finding, Tag};

/// A release or a draft, as a forge holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Release {
    /// The forge's own name for it.
    pub id: String,
    /// `v1.4.2`
    pub tag: String,
    /// Its title.
    pub title: String,
    /// Its text.
    pub notes: String,
    /// Not visible to the public.
    pub draft: bool,
    /// Not offered as latest.
    pub prerelease: bool,
    /// Tag and assets are locked for ever.
    pub immutable: bool,
    /// Offered as the newest.
    pub latest: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was published; none for a draft.
    pub published_at: Option<DateTime<Utc>>,
    /// Where a person sees it.
    pub url: String,
    /// What it holds.
    pub assets: Vec<Asset>,
}

/// A file of a release, as a forge holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asset {
    /// The forge's own name for it.
    pub id: String,
    /// The file's name.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// SHA-256, where the forge tells it.
    pub digest: Option<Digest>,
    /// Whether all its bytes arrived.
    pub complete: bool,
    /// The public address.
    pub url: String,
}

/// Everything that a forge holds.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Releases and drafts, as the forge orders them.
    pub releases: Vec<Release>,
    /// What the look itself showed (rights that are missing, an archived repository).
    pub findings: Vec<Finding>,
}

impl Survey {
    /// Marks the release that is offered as latest.
    pub fn mark(&mut self, latest: Option<&str>) {
        for release in self.releases.iter_mut().filter(|release| !release.draft) {
            release.latest = Some(release.tag.as_str()) == latest;
        }
    }

    /// The published release of a tag.
    pub fn published(&self, tag: &str) -> Option<&Release> {
        self.releases.iter().find(|release| !release.draft && release.tag == tag)
    }

    /// The drafts of a tag: forges don't refuse several.
    pub fn drafts(&self, tag: &str) -> Vec<&Release> {
        self.releases.iter().filter(|release| release.draft && release.tag == tag).collect()
    }
}

/// What is about to be published: enough to see what stands in the way.
#[derive(Clone, Debug)]
pub struct Intent {
    /// The tag with its version.
    pub tag: Tag,
    /// The commit that is built.
    pub commit: String,
    /// What the tag's name points at here: the commit, or the tag object of an annotated tag. None for a snapshot, which has no tag.
    pub tag_object: Option<String>,
    /// Published as a prerelease: never offered as latest.
    pub prerelease: bool,
    /// Whether the commit changes `.github/workflows/`, which GitHub wants an own permission for.
    pub changes_workflows: bool,
    /// The names that will be uploaded, where they are known beforehand.
    pub names: Vec<String>,
}

/// A draft to be made.
#[derive(Clone, Debug)]
pub struct Draft {
    /// `v1.4.2`
    pub tag: String,
    /// The commit that it is built from.
    pub commit: String,
    /// Its title.
    pub title: String,
    /// Its text; none asks the forge to write it, where it can.
    pub notes: Option<String>,
    /// Not to be offered as latest.
    pub prerelease: bool,
}

/// A verified file on its way to a forge.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The name there.
    pub name: String,
    /// Where its bytes are.
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// SHA-256 of those bytes.
    pub digest: Digest,
    /// Nothing of a later wave is sent before all of the earlier ones is there.
    pub wave: u8,
}

/// A downloaded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The asset's name.
    pub name: String,
    /// Where its bytes are now.
    pub path: PathBuf,
    /// How many came.
    pub size: u64,
    /// Their SHA-256.
    pub digest: Digest,
}

/// What may change after publishing; none leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// The title.
    pub title: Option<String>,
    /// The text.
    pub notes: Option<String>,
    /// Whether it is a prerelease.
    pub prerelease: Option<bool>,
}

/// What a release may hold, and how the forge rewrites names.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Bytes that an asset must stay below.
    pub asset_size: u64,
    /// Assets in a release.
    pub assets: usize,
    /// Whether an empty file is refused.
    pub refuses_empty: bool,
    /// The name that the forge gives to a file of this name.
    pub rename: fn(&str) -> String,
}
