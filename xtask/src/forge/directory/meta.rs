//! What a folder of assets can't say about a release: title, notes, dates. One JSON file a release, written atomically.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    effects::files,
    forge::Edit,
    kernel::{Context as _, Result},
};

/// `PATH/.meta/<tag>.json`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Meta {
    pub(super) schema: u32,
    pub(super) tag: String,
    pub(super) commit: String,
    pub(super) title: String,
    pub(super) notes: String,
    pub(super) prerelease: bool,
    pub(super) created_at: DateTime<Utc>,
    pub(super) published_at: Option<DateTime<Utc>>,
}

impl Meta {
    pub(super) fn path(root: &Path, tag: &str) -> PathBuf {
        root.join(".meta").join(format!("{}.json", super::file_name(tag)))
    }

    /// For a folder that somebody put there by hand.
    pub(super) fn unknown(tag: &str) -> Self {
        let epoch = DateTime::UNIX_EPOCH;
        Self {
            schema: 1,
            tag: tag.into(),
            commit: String::new(),
            title: tag.into(),
            notes: String::new(),
            prerelease: false,
            created_at: epoch,
            published_at: Some(epoch),
        }
    }

    pub(super) fn load(root: &Path, tag: &str) -> Result<Option<Self>> {
        let path = Self::path(root, tag);
        let Some(text) = files::read_text_if_there(&path)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).context(|| format!("read {}", path.display()))
    }

    pub(super) fn store(&self, root: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context(|| "write a release's data".into())?;
        files::write(&Self::path(root, &self.tag), text.as_bytes())
    }

    pub(super) fn apply(&mut self, edit: &Edit) {
        if let Some(title) = &edit.title {
            self.title.clone_from(title);
        }
        if let Some(notes) = &edit.notes {
            self.notes.clone_from(notes);
        }
        if let Some(prerelease) = edit.prerelease {
            self.prerelease = prerelease;
        }
    }
}
