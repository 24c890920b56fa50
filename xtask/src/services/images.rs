//! Image references: what is configured, what runs, what a release records. Looks at the engine where there is one; never needs it.

use serde::{Deserialize, Serialize};

use super::{compose::Files, status::split};
use crate::{
    config::Project,
    effects::docker::{self, Image, Images},
    kernel::Result,
};

/// A service's image: by name, and by content where that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRef {
    /// The compose service.
    pub service: String,
    /// As the compose file has it, filled in: `falkordb/falkordb:v4.14.5`.
    pub image: String,
    /// The registry's digest, `sha256:…`, where the image came from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The image's id, `sha256:…`: its content, also without a registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The images of a stack at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// One a service.
    pub images: Vec<ImageRef>,
    /// Why something is missing, where it is.
    pub note: Option<String>,
}

/// What the compose file asks for now, with digests where an engine knows them. A release records this; without Docker it has no digests,
/// without `[services]` it is empty, and the note says so.
pub fn images(project: &Project) -> Recorded {
    if project.config.services.is_none() {
        return Recorded::default();
    }
    let files = match Files::open(project) {
        Ok(files) => files,
        Err(error) => return Recorded { images: Vec::new(), note: Some(error.chain()) },
    };
    let missing: Vec<_> = files.missing().into_iter().map(|finding| finding.message).collect();
    if !missing.is_empty() {
        return Recorded { images: Vec::new(), note: Some(missing.join("; ")) };
    }
    let engine = docker::reachable();
    let services = files.rendered_here().services;
    let named = services.into_iter().filter_map(|(service, configured)| Some((service, configured.image?)));
    let images = named.map(|(service, image)| if engine.is_ok() { with_digest(&service, &image) } else { named_only(&service, &image) }).collect();
    let note = engine.err().map(|error| format!("image digests are not known: {}", error.chain()));
    Recorded { images, note }
}

fn named_only(service: &str, image: &str) -> ImageRef {
    ImageRef { service: service.into(), image: image.into(), digest: image.split_once('@').map(|(_, digest)| digest.to_owned()), id: None }
}

fn with_digest(service: &str, reference: &str) -> ImageRef {
    match docker::image(reference) {
        Ok(Some(image)) => of(service, reference, &image),
        _ => named_only(service, reference),
    }
}

/// A service's image as the engine has it.
pub fn of(service: &str, reference: &str, image: &Image) -> ImageRef {
    let name = split(reference).0;
    let digests = image.repo_digests.as_deref().unwrap_or_default();
    // Digests of other registries' copies are no names for this one.
    let digest = digests.iter().filter_map(|entry| entry.split_once('@')).find(|(repository, _)| same_repository(repository, name));
    ImageRef { service: service.into(), image: reference.into(), digest: digest.map(|(_, digest)| digest.to_owned()), id: Some(image.id.clone()) }
}

/// Docker leaves out its own hub's name: `docker.io/library/redis` is `redis`.
fn same_repository(one: &str, other: &str) -> bool {
    let short = |name: &str| name.trim_start_matches("docker.io/").trim_start_matches("index.docker.io/").trim_start_matches("library/").to_owned();
    short(one) == short(other)
}

impl ImageRef {
    /// What is written into the compose file or `.env`: the name, held by its digest where that is known.
    pub fn pinned(&self) -> String {
        match &self.digest {
            Some(digest) if !self.image.contains('@') => format!("{}@{digest}", self.image),
            _ => self.image.clone(),
        }
    }

    /// The image on this machine, under whatever name it is still known.
    pub fn here(&self, images: &Images) -> Result<Option<Image>> {
        for name in self.contents() {
            if let Some(image) = images.get(&name)? {
                return Ok(Some(image));
            }
        }
        if self.digest.is_some() || self.id.is_some() { Ok(None) } else { images.get(&self.image) }
    }

    /// All that [`ImageRef::here`] may look up, and the name that is pinned.
    pub fn names(&self) -> Vec<String> {
        self.contents().into_iter().chain([self.pinned()]).collect()
    }

    /// Content goes before names: a tag may mean something else by now.
    fn contents(&self) -> Vec<String> {
        let by_digest = self.digest.as_ref().map(|digest| format!("{}@{digest}", split(&self.image).0));
        by_digest.into_iter().chain(self.id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_holds_the_name() {
        let plain = ImageRef { service: "a".into(), image: "x/y:1".into(), digest: None, id: None };
        assert_eq!(plain.pinned(), "x/y:1");
        let held = ImageRef { digest: Some("sha256:ab".into()), ..plain.clone() };
        assert_eq!(held.pinned(), "x/y:1@sha256:ab");
        let twice = ImageRef { image: held.pinned(), ..held };
        assert_eq!(twice.pinned(), "x/y:1@sha256:ab");
    }

    #[test]
    fn only_the_own_repositorys_digest_counts() {
        let image: Image = serde_json::from_value(serde_json::json!({"Id": "sha256:1", "RepoDigests": ["mirror/redis@sha256:aa", "redis@sha256:bb"]})).unwrap();
        assert_eq!(of("a", "docker.io/library/redis:7", &image).digest.as_deref(), Some("sha256:bb"));
        assert_eq!(of("a", "other/redis:7", &image).digest, None);
    }
}
