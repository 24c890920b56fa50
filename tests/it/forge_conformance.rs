//! What every forge must do, run unchanged against the directory and against GitHub (on its double).

use std::path::Path;

use xtask::{
    forge::{Directory, Draft, Edit, Forge, Release, Survey, Upload},
    kernel::{Digest, Events},
};

use crate::github::{self, Double};

/// A file to upload.
pub fn file(folder: &Path, name: &str, bytes: &[u8]) -> Upload {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("write a file to upload");
    Upload { name: name.into(), path, size: bytes.len() as u64, digest: Digest::of(bytes), wave: 0 }
}

/// The files of a small release.
pub fn files(folder: &Path, tag: &str) -> Vec<Upload> {
    ["rocket.tar.gz", "rocket+linux.zip", "release.json", "SHA256SUMS"].map(|name| file(folder, name, format!("{name} of {tag}").as_bytes())).into()
}

/// A draft of a tag.
pub fn draft(tag: &str) -> Draft {
    Draft {
        tag: tag.into(),
        commit: github::COMMIT.into(),
        title: format!("Rocket {tag}"),
        notes: Some(format!("All about {tag}.")),
        prerelease: tag.contains('-'),
    }
}

/// From draft to published.
pub fn publish(forge: &dyn Forge, tag: &str, uploads: &[Upload], latest: bool) -> Release {
    let survey = forge.survey().expect("survey");
    let open = forge.open_draft(&draft(tag), &survey).expect("open a draft");
    forge.upload(&open, uploads, &Events::none()).expect("upload");
    forge.publish(&open, latest).expect("publish")
}

fn names(release: &Release) -> Vec<&str> {
    let mut names: Vec<_> = release.assets.iter().map(|asset| asset.name.as_str()).collect();
    names.sort_unstable();
    names
}

fn published(forge: &dyn Forge, tag: &str) -> Release {
    forge.published(tag).expect("look").unwrap_or_else(|| panic!("{tag} is not published"))
}

/// Runs every check in order, on an empty forge that knows the tags v1.0.0, v1.1.0 and v1.2.0-rc.1.
fn conforms(forge: &dyn Forge) {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    an_empty_forge_says_so(forge);
    a_draft_is_seen_by_nobody(forge, scratch.path());
    an_interrupted_draft_is_adopted_and_made_exact(forge, scratch.path());
    what_was_published_comes_back_byte_for_byte(forge, scratch.path());
    latest_is_whom_we_elect(forge, scratch.path());
    a_published_release_is_not_replaced(forge, scratch.path());
    text_may_change_and_a_release_may_go(forge);
}

fn an_empty_forge_says_so(forge: &dyn Forge) {
    assert!(forge.survey().unwrap().releases.is_empty());
    assert_eq!(forge.latest().unwrap(), None);
    assert!(forge.published("v1.0.0").unwrap().is_none());
}

fn a_draft_is_seen_by_nobody(forge: &dyn Forge, scratch: &Path) {
    let open = forge.open_draft(&draft("v1.0.0"), &Survey::default()).unwrap();
    assert!(open.draft && open.title == "Rocket v1.0.0" && open.published_at.is_none());
    let some = [file(scratch, "rocket.tar.gz", b"an older build"), file(scratch, "left-over.txt", b"not wanted any more")];
    assert_eq!(forge.upload(&open, &some, &Events::none()).unwrap().len(), 2);
    assert!(forge.published("v1.0.0").unwrap().is_none(), "a draft is visible");
    assert_eq!(forge.latest().unwrap(), None);
    let survey = forge.survey().unwrap();
    assert_eq!((survey.drafts("v1.0.0").len(), survey.published("v1.0.0").is_some()), (1, false));
}

fn an_interrupted_draft_is_adopted_and_made_exact(forge: &dyn Forge, scratch: &Path) {
    let uploads = files(scratch, "v1.0.0");
    let survey = forge.survey().unwrap();
    let open = forge.open_draft(&draft("v1.0.0"), &survey).unwrap();
    assert_eq!(open.id, survey.drafts("v1.0.0")[0].id, "a second draft was made");
    let assets = forge.upload(&open, &uploads, &Events::none()).unwrap();
    assert_eq!(assets.len(), uploads.len());
    for upload in &uploads {
        let asset = assets.iter().find(|asset| asset.name == upload.name).unwrap();
        assert_eq!((asset.size, asset.digest, asset.complete), (upload.size, Some(upload.digest), true));
    }
    let release = forge.publish(&open, true).unwrap();
    assert!(!release.draft && release.latest && release.published_at.is_some());
}

fn what_was_published_comes_back_byte_for_byte(forge: &dyn Forge, scratch: &Path) {
    let release = published(forge, "v1.0.0");
    assert_eq!(names(&release), ["SHA256SUMS", "release.json", "rocket+linux.zip", "rocket.tar.gz"]);
    assert_eq!((release.title.as_str(), release.notes.as_str(), release.latest), ("Rocket v1.0.0", "All about v1.0.0.", true));
    let folder = scratch.join("down");
    let fetched = forge.fetch(&release, &release.assets, &folder, &Events::none()).unwrap();
    assert_eq!(fetched.len(), 4);
    for file in fetched {
        let expected = format!("{} of v1.0.0", file.name);
        assert_eq!(std::fs::read_to_string(&file.path).unwrap(), expected);
        assert_eq!((file.size, file.digest), (expected.len() as u64, Digest::of(expected.as_bytes())));
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 4, "something was left beside the files");
    assert!(forge.survey().unwrap().drafts("v1.0.0").is_empty());
}

fn latest_is_whom_we_elect(forge: &dyn Forge, scratch: &Path) {
    publish(forge, "v1.1.0", &files(scratch, "v1.1.0"), true);
    assert_eq!(forge.latest().unwrap().as_deref(), Some("v1.1.0"));
    publish(forge, "v1.2.0-rc.1", &files(scratch, "v1.2.0-rc.1"), false);
    assert!(published(forge, "v1.2.0-rc.1").prerelease);
    assert_eq!(forge.latest().unwrap().as_deref(), Some("v1.1.0"), "a prerelease became latest");
    forge.elect(&published(forge, "v1.0.0")).unwrap();
    assert_eq!(forge.latest().unwrap().as_deref(), Some("v1.0.0"));
    assert!(published(forge, "v1.0.0").latest || forge.latest().unwrap().as_deref() == Some("v1.0.0"));
}

fn a_published_release_is_not_replaced(forge: &dyn Forge, scratch: &Path) {
    let before = published(forge, "v1.1.0");
    let other = file(scratch, "rocket.tar.gz", b"something else");
    if let Ok(open) = forge.open_draft(&draft("v1.1.0"), &forge.survey().unwrap()) {
        // A forge may let us prepare; it must not let us publish over what is there.
        forge.upload(&open, &[other], &Events::none()).unwrap();
        assert!(forge.publish(&open, true).is_err());
        forge.remove(&open).unwrap();
    }
    let after = published(forge, "v1.1.0");
    assert_eq!(names(&after), names(&before));
    assert_eq!(after.assets.iter().map(|asset| asset.digest).collect::<Vec<_>>(), before.assets.iter().map(|asset| asset.digest).collect::<Vec<_>>());
}

fn text_may_change_and_a_release_may_go(forge: &dyn Forge) {
    let release = published(forge, "v1.1.0");
    forge.edit(&release, &Edit { notes: Some("Withdrawn.".into()), ..Edit::default() }).unwrap();
    let changed = published(forge, "v1.1.0");
    assert_eq!((changed.notes.as_str(), changed.title.as_str()), ("Withdrawn.", "Rocket v1.1.0"));
    forge.remove(&changed).unwrap();
    assert!(forge.published("v1.1.0").unwrap().is_none());
    forge.remove(&changed).expect("removing what is gone is fine");
    assert_eq!(forge.survey().unwrap().releases.len(), 2);
}

#[test]
fn the_directory_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conforms(&Directory::new(&folder.path().join("releases")));
}

#[test]
fn github_conforms() {
    let double = Double::start();
    double.state().tag("v1.0.0").tag("v1.1.0").tag("v1.2.0-rc.1");
    conforms(&crate::github_forge::forge(&double));
    let leaks: Vec<_> = double.seen().into_iter().filter(|seen| seen.authorized && matches!(seen.role, github::Role::Web | github::Role::Objects)).collect();
    assert!(leaks.is_empty(), "the token went to another host: {leaks:?}");
}

#[test]
fn github_without_digests_conforms() {
    let double = Double::start();
    double.state().tag("v1.0.0").tag("v1.1.0").tag("v1.2.0-rc.1").hide_digests = true;
    let forge = crate::github_forge::forge(&double);
    let scratch = tempfile::tempdir().unwrap();
    let uploads = files(scratch.path(), "v1.0.0");
    let release = publish(&forge, "v1.0.0", &uploads, true);
    assert!(release.assets.iter().all(|asset| asset.digest.is_none()), "the double tells digests");
    let open = forge.open_draft(&draft("v1.1.0"), &forge.survey().unwrap()).unwrap();
    let assets = forge.upload(&open, &uploads, &Events::none()).unwrap();
    assert!(assets.iter().all(|asset| asset.digest.is_some()), "bytes that the server doesn't vouch for were not hashed: {assets:?}");
}
