//! GitHub's answers → this house's values, through octocrab's models.
//! Pure; it guarantees that fields which we don't use can't break us, and that an unknown state never counts as complete without a digest.

use octocrab::models::repos;
use serde_json::Value;

use crate::{
    forge::{Asset, Release},
    kernel::{Context as _, Digest, Result},
};

/// A release with what the model of this house doesn't hold.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    /// As this house sees it.
    pub release: Release,
    /// The branch or commit that it was made from.
    pub target: String,
    /// Where its assets are sent: a template.
    pub upload_url: String,
}

/// Reads a release.
pub(super) fn release(mut json: Value) -> Result<Raw> {
    drop_people(&mut json);
    let model: repos::Release = serde_json::from_value(json).context(|| "read a release that the server sent".into())?;
    let created_at = model.created_at.or(model.published_at).unwrap_or_default();
    let release = Release {
        id: model.id.to_string(),
        tag: model.tag_name,
        title: model.name.unwrap_or_default(),
        notes: model.body.unwrap_or_default(),
        draft: model.draft,
        prerelease: model.prerelease,
        immutable: model.immutable.unwrap_or_default(),
        // Only `releases/latest` tells; whoever asks there fills it in.
        latest: false,
        created_at,
        published_at: model.published_at.filter(|_| !model.draft),
        url: model.html_url.into(),
        assets: model.assets.into_iter().map(from_model).collect(),
    };
    Ok(Raw { release, target: model.target_commitish, upload_url: model.upload_url })
}

/// Reads an asset.
pub(super) fn asset(mut json: Value) -> Result<Asset> {
    drop_people(&mut json);
    let model: repos::Asset = serde_json::from_value(json).context(|| "read an asset that the server sent".into())?;
    Ok(from_model(model))
}

fn from_model(model: repos::Asset) -> Asset {
    // A digest in another algorithm is as good as none: then the bytes are downloaded and hashed where it matters.
    let digest: Option<Digest> = model.digest.and_then(|text| text.parse().ok());
    let complete = match model.state.as_str() {
        "uploaded" => true,
        // `starter` is what a failed upload leaves; it has no bytes.
        "starter" | "new" | "open" => false,
        _ => digest.is_some(),
    };
    Asset {
        id: model.id.to_string(),
        name: model.name,
        size: u64::try_from(model.size).unwrap_or_default(),
        digest,
        complete,
        url: model.browser_download_url.into(),
    }
}

/// Authors and uploaders are large, change often, and are nothing to us.
fn drop_people(json: &mut Value) {
    let Some(map) = json.as_object_mut() else { return };
    map.remove("author");
    map.remove("uploader");
    for asset in map.get_mut("assets").and_then(Value::as_array_mut).into_iter().flatten() {
        drop_people(asset);
    }
}
