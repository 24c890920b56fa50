//! What the double knows: releases, assets, tags, switches; and how GitHub behaves towards them, by the facts that were gathered.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Value, json};
use xtask::kernel::Digest;

/// The token that may do everything.
pub const TOKEN: &str = "ghp_doubleTokenThatMustNeverBeSeen123456";
/// The commit that every tag of the double leads to, unless a test says otherwise.
pub const COMMIT: &str = "1111111111111111111111111111111111111111";

/// A file in a release.
#[derive(Clone, Debug)]
pub struct Asset {
    pub id: u64,
    pub name: String,
    pub label: Option<String>,
    pub state: String,
    pub content_type: String,
    pub bytes: Arc<Vec<u8>>,
    pub digest: Option<String>,
}

/// A release or a draft.
#[derive(Clone, Debug)]
pub struct Release {
    pub id: u64,
    pub tag: String,
    pub target: String,
    pub name: Option<String>,
    pub body: Option<String>,
    pub draft: bool,
    pub prerelease: bool,
    pub immutable: bool,
    pub created: i64,
    pub published: Option<i64>,
    pub assets: Vec<Asset>,
}

/// What a tag's name points at.
#[derive(Clone, Debug)]
pub enum Ref {
    Commit(String),
    Annotated { object: String, commit: String },
}

/// Where the double's four hosts are.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    pub api: String,
    pub uploads: String,
    pub web: String,
    pub objects: String,
}

/// Everything.
#[derive(Debug)]
pub struct State {
    pub hosts: Hosts,
    pub repository: String,
    pub releases: Vec<Release>,
    pub tags: BTreeMap<String, Ref>,
    pub branches: BTreeMap<String, String>,
    /// Tags of immutable releases that were deleted.
    pub burnt: BTreeSet<String>,
    /// The release that was elected by `make_latest: "true"`.
    pub elected: Option<u64>,
    pub immutable: bool,
    pub archived: bool,
    pub private: bool,
    pub can_push: bool,
    /// The token belongs to an installed app: `permissions.push` is false all the same.
    pub installation: bool,
    /// The token may not touch workflows, and the commit does.
    pub workflow_trap: bool,
    pub hide_digests: bool,
    /// How many assets a release embeds; the others are on the pages of its list.
    pub embedded: usize,
    /// What a classic token says that it may do.
    pub scopes: Option<String>,
    /// The API streams an asset itself instead of redirecting.
    pub inline: bool,
    next_id: u64,
    clock: i64,
}

impl State {
    pub fn new(hosts: Hosts) -> Self {
        Self {
            hosts,
            repository: "acme/rocket".into(),
            releases: Vec::new(),
            tags: BTreeMap::new(),
            branches: BTreeMap::from([("main".into(), COMMIT.into())]),
            burnt: BTreeSet::new(),
            elected: None,
            immutable: false,
            archived: false,
            private: false,
            can_push: true,
            installation: false,
            workflow_trap: false,
            hide_digests: false,
            embedded: usize::MAX,
            scopes: None,
            inline: false,
            next_id: 1000,
            clock: 1_767_225_600,
        }
    }

    pub fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Time goes on by a second with every look.
    pub fn now(&mut self) -> i64 {
        self.clock += 1;
        self.clock
    }

    pub fn tag(&mut self, name: &str) -> &mut Self {
        self.tags.insert(name.into(), Ref::Commit(COMMIT.into()));
        self
    }

    /// Puts a release there, as somebody did before.
    pub fn put(&mut self, tag: &str, draft: bool, prerelease: bool, files: &[(&str, &[u8])]) -> u64 {
        let (id, now) = (self.id(), self.now());
        let assets = files.iter().map(|(name, bytes)| self.asset(name, None, "application/octet-stream", bytes)).collect();
        if !draft {
            self.tag(tag);
        }
        self.releases.push(Release {
            id,
            tag: tag.into(),
            target: "main".into(),
            name: Some(tag.into()),
            body: Some(String::new()),
            draft,
            prerelease,
            immutable: false,
            created: now,
            published: (!draft).then_some(now),
            assets,
        });
        if !draft && !prerelease {
            self.elected = Some(id);
        }
        id
    }

    pub fn asset(&mut self, name: &str, label: Option<&str>, content_type: &str, bytes: &[u8]) -> Asset {
        let digest = (!self.hide_digests).then(|| format!("sha256:{}", Digest::of(bytes)));
        Asset {
            id: self.id(),
            name: rename(name),
            label: label.map(str::to_owned),
            state: "uploaded".into(),
            content_type: content_type.into(),
            bytes: Arc::new(bytes.to_vec()),
            digest,
        }
    }

    pub fn release(&self, tag: &str) -> Option<&Release> {
        self.releases.iter().find(|release| !release.draft && release.tag == tag)
    }

    pub fn by_id(&mut self, id: u64) -> Option<&mut Release> {
        self.releases.iter_mut().find(|release| release.id == id)
    }

    /// Newest first, as GitHub lists them.
    pub fn listed(&self, drafts: bool) -> Vec<&Release> {
        let mut all: Vec<_> = self.releases.iter().filter(|release| drafts || !release.draft).collect();
        all.sort_by_key(|release| (std::cmp::Reverse(release.created), std::cmp::Reverse(release.id)));
        all
    }

    /// The elected one while it is eligible, else the newest by date.
    pub fn latest(&self) -> Option<&Release> {
        let eligible = |release: &&Release| !release.draft && !release.prerelease;
        let elected = self.releases.iter().filter(eligible).find(|release| Some(release.id) == self.elected);
        elected.or_else(|| self.releases.iter().filter(eligible).max_by_key(|release| (release.created, release.id)))
    }

    /// For comparing ends: everything that a person could see, without ids and times.
    pub fn picture(&self) -> Vec<String> {
        let mut lines: Vec<_> = self
            .releases
            .iter()
            .map(|release| {
                let mut assets: Vec<_> =
                    release.assets.iter().map(|asset| format!("{} {} {} {}", asset.name, asset.state, asset.bytes.len(), Digest::of(&asset.bytes))).collect();
                assets.sort();
                let latest = self.latest().is_some_and(|latest| latest.id == release.id);
                format!("{} {:?} draft={} pre={} latest={latest}\n  {}", release.tag, release.name, release.draft, release.prerelease, assets.join("\n  "))
            })
            .collect();
        lines.sort();
        lines
    }

    pub fn release_json(&self, release: &Release) -> Value {
        let (repo, id) = (format!("{}/repos/{}", self.hosts.api, self.repository), release.id);
        let place = if release.draft { format!("untagged-{id}") } else { release.tag.clone() };
        let web = format!("{}/{}/releases", self.hosts.web, self.repository);
        json!({
            "url": format!("{repo}/releases/{id}"),
            "html_url": format!("{web}/tag/{place}"),
            "assets_url": format!("{repo}/releases/{id}/assets"),
            "upload_url": format!("{}/repos/{}/releases/{id}/assets{{?name,label}}", self.hosts.uploads, self.repository),
            "tarball_url": (!release.draft).then(|| format!("{repo}/tarball/{}", release.tag)),
            "zipball_url": (!release.draft).then(|| format!("{repo}/zipball/{}", release.tag)),
            "id": id, "node_id": format!("RE_{id}"), "tag_name": release.tag, "target_commitish": release.target,
            "name": release.name, "body": release.body, "draft": release.draft, "prerelease": release.prerelease, "immutable": release.immutable,
            "created_at": stamp(release.created), "published_at": release.published.map(stamp), "updated_at": stamp(release.created),
            "author": user(), "a_field_nobody_knows": {"deep": [1, 2, 3]},
            "assets": release.assets.iter().take(self.embedded).map(|asset| self.asset_json(asset, &place)).collect::<Vec<_>>(),
        })
    }

    pub fn asset_json(&self, asset: &Asset, place: &str) -> Value {
        json!({
            "url": format!("{}/repos/{}/releases/assets/{}", self.hosts.api, self.repository, asset.id),
            "browser_download_url": format!("{}/{}/releases/download/{place}/{}", self.hosts.web, self.repository, asset.name),
            "id": asset.id, "node_id": format!("RA_{}", asset.id), "name": asset.name, "label": asset.label, "state": asset.state,
            "content_type": asset.content_type, "size": asset.bytes.len(), "digest": asset.digest, "download_count": 0,
            "created_at": stamp(self.clock), "updated_at": stamp(self.clock), "uploader": user(), "another_unknown_field": null,
        })
    }
}

/// GitHub's rule, written down here a second time on purpose.
pub fn rename(name: &str) -> String {
    let name = if name.starts_with('.') { format!("default{name}") } else { name.to_owned() };
    let parts: Vec<_> = name.split(|c: char| !(c.is_ascii_alphanumeric() || "-_+@".contains(c))).filter(|part| !part.is_empty()).collect();
    parts.join(".")
}

fn stamp(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0).map(|time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

fn user() -> Value {
    let url = "https://api.github.com/users/ann";
    json!({
        "login": "ann", "id": 1, "node_id": "U_1", "avatar_url": "https://github.com/images/ann.gif", "gravatar_id": "", "url": url,
        "html_url": "https://github.com/ann", "followers_url": format!("{url}/followers"), "following_url": format!("{url}/following{{/other_user}}"),
        "gists_url": format!("{url}/gists{{/gist_id}}"), "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{url}/subscriptions"), "organizations_url": format!("{url}/orgs"), "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events{{/privacy}}"), "received_events_url": format!("{url}/received_events"), "type": "User", "site_admin": false,
    })
}
