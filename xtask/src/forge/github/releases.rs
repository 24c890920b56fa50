//! Releases on GitHub: looked at, made, published, elected, changed, removed.
//!
//! Every write looks before it repeats itself: a lost reply may stand for something that was done.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Hub, address,
    convert::{self, Raw},
    line::Who,
    pace::Cost,
    problem,
    reply::{Fate, Reply},
    upload::UNKNOWN,
};
use crate::{
    forge::{Draft, Edit, Release, Survey},
    kernel::{Context as _, Error, Events, Finding, Result},
};

impl Hub {
    /// The repository and every release in it, asked for at the same time.
    pub(super) async fn survey(&self) -> Result<Survey> {
        let repository = self.line.address.of("");
        let (repository, releases) = futures_util::join!(self.line.read(&repository, Who::Us), self.list());
        let findings = match repository? {
            reply if reply.is_good() => self.judge_repository(&reply).await?,
            // Some servers hide the repository's own page from a token that may see its releases.
            reply if reply.status == 404 && releases.is_ok() => Vec::new(),
            reply => return Err(reply.error(&format!("look at {}", self.line.address.repository()))),
        };
        let releases = releases?.into_iter().map(|raw| raw.release).collect();
        Ok(Survey { releases, findings })
    }

    /// All releases, drafts included where the token may see them.
    pub(super) async fn list(&self) -> Result<Vec<Raw>> {
        let url = self.line.address.of("/releases?per_page=100");
        let pages = self.line.read_all(&url, &format!("list the releases of {}", self.line.address.repository())).await?;
        let mut seen = std::collections::BTreeSet::new();
        let mut releases = Vec::new();
        for raw in pages.into_iter().map(convert::release) {
            let raw = raw?;
            // A release that was made while the pages were read shifts the others: one may come twice.
            if seen.insert(raw.release.id.clone()) {
                self.remember(&raw);
                releases.push(raw);
            }
        }
        Ok(releases)
    }

    /// What the repository's own page says about publishing there.
    async fn judge_repository(&self, reply: &Reply) -> Result<Vec<Finding>> {
        let repository = reply.json().unwrap_or_default();
        let flag = |pointer: &str| repository.pointer(pointer).and_then(Value::as_bool);
        let ours = self.line.address.repository();
        let mut findings = Vec::new();
        self.memory().private = flag("/private");
        if flag("/archived") == Some(true) {
            findings.push(
                Finding::error("repository-archived", format!("{ours} is archived: nothing can be published there")).hint("unarchive it in its settings"),
            );
        }
        // `permissions` tells the person's rights; a classic token may have less, and says so in a header.
        let scopes: Option<Vec<String>> = reply.header("x-oauth-scopes").map(|scopes| scopes.split(',').map(|scope| scope.trim().to_owned()).collect());
        let may = |scope: &str| scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|own| own == scope));
        self.memory().lacks_workflow = !may("workflow");
        let in_scope = may("repo") || (may("public_repo") && flag("/private") != Some(true));
        if !in_scope || (flag("/permissions/push") == Some(false) && !self.is_installation().await?) {
            let message = format!("the token may not write to {ours}");
            findings.push(Finding::error("missing-push-permission", message).hint("give it `contents: write` (classic tokens: the scope `repo`)"));
        }
        if let Some(name) = repository.get("full_name").and_then(Value::as_str).filter(|name| !name.eq_ignore_ascii_case(ours)) {
            findings.push(Finding::warning("repository-renamed", format!("{ours} is {name} now")).hint("change `project.repository` or the origin remote"));
        }
        Ok(findings)
    }

    /// For the token of an installed app, as Actions uses it, `permissions.push` is always false: ask whether it is one.
    async fn is_installation(&self) -> Result<bool> {
        let Some(token) = self.line.token() else { return Ok(true) };
        if token.is_installation() {
            return Ok(true);
        }
        let url = format!("{}/installation/repositories?per_page=1", self.line.address.api());
        Ok(self.line.read(&url, Who::Us).await?.is_good())
    }

    /// One release, fresh, with all its assets; none where it is gone.
    pub(super) async fn by_id(&self, id: &str) -> Result<Option<Release>> {
        let reply = self.line.read(&self.line.address.of(&format!("/releases/{id}")), Who::Us).await?;
        self.whole(self.one(&reply, "look at the release")?).await
    }

    /// The description doesn't promise that all assets are embedded: where just a page of them is, the others are asked for.
    async fn whole(&self, release: Option<Release>) -> Result<Option<Release>> {
        match release {
            Some(release) if matches!(release.assets.len(), 30 | 100) => Ok(Some(Release { assets: self.assets(&release.id).await?, ..release })),
            other => Ok(other),
        }
    }

    fn one(&self, reply: &Reply, doing: &str) -> Result<Option<Release>> {
        if reply.status == 404 {
            return Ok(None);
        }
        if !reply.is_good() {
            return Err(reply.error(doing));
        }
        let raw = convert::release(reply.json().unwrap_or_default())?;
        self.remember(&raw);
        Ok(Some(raw.release))
    }

    /// Adopts the draft that is there, or makes one.
    pub(super) async fn open_draft(&self, draft: &Draft, survey: &Survey) -> Result<Release> {
        if survey.published(&draft.tag).is_some() {
            return Err(Error::refused(format!("{} is published already", draft.tag)).hint(format!("`cargo xtask verify {}` compares it", draft.tag)));
        }
        let there: Vec<Release> = survey.drafts(&draft.tag).into_iter().cloned().collect();
        let found = match self.pick(&draft.tag, there).await? {
            // Minutes may lie between the survey and now: look again. One that isn't found so may be known to the list already.
            Some(release) => match self.by_id(&release.id).await? {
                Some(release) => Some(release).filter(|release| release.draft),
                None => self.draft_now(&draft.tag).await?,
            },
            None => None,
        };
        let release = match found {
            Some(release) => release,
            None => self.create(draft).await?,
        };
        Ok(dressed(release, draft))
    }

    /// The one draft of a tag. Empty twins of our own, which a doubled request leaves, are removed; other drafts are a person's business.
    async fn pick(&self, tag: &str, mut drafts: Vec<Release>) -> Result<Option<Release>> {
        if drafts.len() > 1 && !self.are_twins(&drafts) {
            return Err(problem::several(tag, &drafts));
        }
        drafts.sort_by_key(|draft| (draft.assets.is_empty(), draft.created_at, draft.id.clone()));
        let mut drafts = drafts.into_iter();
        let first = drafts.next();
        for twin in drafts {
            self.line.events.note(format!("removing draft {} of {tag}: an empty twin that a doubled request left", twin.id));
            self.remove(&twin).await?;
        }
        Ok(first)
    }

    /// Whether these drafts of one tag can only come from one request that arrived twice: equal in everything, made from a commit (not a
    /// branch, as by hand), and at most one of them holds anything.
    pub(super) fn are_twins(&self, drafts: &[Release]) -> bool {
        let memory = self.memory();
        let target = |release: &Release| memory.targets.get(&release.id).cloned().unwrap_or_default();
        let Some(first) = drafts.first() else { return false };
        let is_commit = |text: &str| matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let same = |other: &Release| {
            target(other) == target(first) && other.title == first.title && other.notes == first.notes && other.prerelease == first.prerelease
        };
        is_commit(&target(first)) && drafts.iter().all(same) && drafts.iter().filter(|draft| !draft.assets.is_empty()).count() <= 1
    }

    /// Removes empty drafts beside the published release that are its twins.
    pub(super) async fn tidy(&self, release: &Release, drafts: &[&Release], events: &Events) -> Result<()> {
        for draft in drafts {
            if draft.assets.is_empty() && self.are_twins(&[release.clone(), (*draft).clone()]) {
                events.note(format!("removing draft {} of {}: an empty twin that a doubled request left", draft.id, draft.tag));
                self.remove(draft).await?;
            }
        }
        Ok(())
    }

    async fn create(&self, draft: &Draft) -> Result<Release> {
        let doing = format!("make the draft of {}", draft.tag);
        let mut body = json!({"tag_name": draft.tag, "target_commitish": draft.commit, "name": draft.title, "draft": true, "prerelease": draft.prerelease});
        let (key, value) = draft.notes.as_ref().map_or(("generate_release_notes", json!(true)), |notes| ("body", json!(notes)));
        set(&mut body, key, value);
        let url = self.line.address.of("/releases");
        let mut patience = self.line.patience();
        loop {
            let fate = self.line.write(Method::POST, &url, Some(&body), Cost::Create).await?;
            if let Fate::Answered(reply) = &fate {
                if !reply.is_good() {
                    return Err(problem::creating(reply, &doing, &draft.tag));
                }
                if let Ok(raw) = convert::release(reply.json().unwrap_or_default()) {
                    self.remember(&raw);
                    return self.as_asked(raw.release, draft).await;
                }
            }
            let look = !matches!(fate, Fate::Limited { .. });
            patience.endure(&self.line, unreadable(fate)).await.map_err(|error| error.within(doing.clone()))?;
            // The reply was lost, not necessarily the request: a second POST would make a second draft.
            if look && let Some(made) = self.draft_now(&draft.tag).await? {
                return Ok(made);
            }
        }
    }

    /// A draft of another tag than was asked for is not ours to fill.
    async fn as_asked(&self, made: Release, asked: &Draft) -> Result<Release> {
        if made.tag == asked.tag {
            return Ok(made);
        }
        self.remove(&made).await?;
        Err(Error::mismatch(format!("the server made a draft of {} when {} was asked for; it was removed", made.tag, asked.tag)))
    }

    async fn draft_now(&self, tag: &str) -> Result<Option<Release>> {
        let all = self.list().await?;
        let drafts = all.into_iter().map(|raw| raw.release).filter(|release| release.draft && release.tag == tag).collect();
        self.pick(tag, drafts).await
    }

    /// Publishes in one step: nobody can see the release before, everybody sees all of it after.
    pub(super) async fn publish(&self, draft: &Release, latest: bool) -> Result<Release> {
        let doing = format!("publish {}", draft.tag);
        let latest = latest && !draft.prerelease;
        let body = json!({
            "draft": false, "tag_name": draft.tag, "name": draft.title, "body": draft.notes, "prerelease": draft.prerelease,
            // A string, and always said: GitHub's own default elects whatever was published last.
            "make_latest": if latest { "true" } else { "false" },
        });
        let published = self.patch(&draft.id, &body, &doing, |release| !release.draft).await?;
        if published.draft || published.tag != draft.tag {
            return Err(Error::mismatch(format!("{doing}: the server says that it is still a draft, or of the tag {}", published.tag)));
        }
        self.memory().elected = latest.then(|| draft.tag.clone());
        Ok(Release { latest, ..published })
    }

    /// Offers it as latest and reads that back.
    pub(super) async fn elect(&self, release: &Release) -> Result<()> {
        let doing = format!("make {} the latest release", release.tag);
        self.patch(&release.id, &json!({"make_latest": "true"}), &doing, |_| false).await?;
        let mut patience = self.line.patience();
        loop {
            let latest = self.read_latest().await?.map(|release| release.tag);
            if latest.as_deref() == Some(&release.tag) {
                return Ok(());
            }
            let other = latest.unwrap_or_else(|| "nothing".into());
            patience.after_failure(&format!("the server still offers {other} as latest")).await.map_err(|error| error.within(doing.clone()))?;
        }
    }

    /// Changes title, notes or the prerelease mark.
    pub(super) async fn edit(&self, release: &Release, edit: &Edit) -> Result<Release> {
        let mut body = json!({});
        let fields = [("name", edit.title.as_ref().map(|text| json!(text))), ("body", edit.notes.as_ref().map(|text| json!(text)))];
        for (key, value) in fields.into_iter().chain([("prerelease", edit.prerelease.map(|flag| json!(flag)))]) {
            if let Some(value) = value {
                set(&mut body, key, value);
            }
        }
        let changed = self.patch(&release.id, &body, &format!("change {}", release.tag), |_| false).await?;
        Ok(Release { latest: release.latest, ..changed })
    }

    /// PATCH, until it is answered. A lost reply is followed by a look: `done` says whether what is there now is what was wanted.
    async fn patch(&self, id: &str, body: &Value, doing: &str, done: impl Fn(&Release) -> bool) -> Result<Release> {
        let url = self.line.address.of(&format!("/releases/{id}"));
        let mut patience = self.line.patience();
        // Any change may elect another one.
        self.memory().latest = None;
        let mut unknown = 0;
        loop {
            let fate = self.line.write(Method::PATCH, &url, Some(body), Cost::Write).await?;
            if let Fate::Answered(reply) = &fate {
                // A release that was made a moment ago isn't known everywhere yet.
                if reply.status == 404 && unknown < UNKNOWN {
                    unknown += 1;
                    patience.after_failure("the server doesn't know the release yet").await.map_err(|error| error.within(doing.to_owned()))?;
                    continue;
                }
                if !reply.is_good() {
                    return Err(problem::changing(reply, doing));
                }
                if let Ok(raw) = convert::release(reply.json().unwrap_or_default()) {
                    return Ok(raw.release);
                }
            }
            let look = !matches!(fate, Fate::Limited { .. });
            patience.endure(&self.line, unreadable(fate)).await.map_err(|error| error.within(doing.to_owned()))?;
            if look && let Some(release) = self.by_id(id).await?.filter(&done) {
                return Ok(release);
            }
        }
    }

    /// Removes the release; its tag stays.
    pub(super) async fn remove(&self, release: &Release) -> Result<()> {
        let doing = format!("remove the release of {}", release.tag);
        self.delete(&format!("/releases/{}", release.id), &doing).await?;
        Ok(())
    }

    /// DELETE, until it is gone. GitHub answers 404 also when the token may not delete: so a 404 is checked.
    pub(super) async fn delete(&self, path: &str, doing: &str) -> Result<()> {
        let url = self.line.address.of(path);
        let mut patience = self.line.patience();
        self.memory().latest = None;
        loop {
            match self.line.write(Method::DELETE, &url, None, Cost::Write).await? {
                Fate::Answered(reply) if reply.is_good() => return Ok(()),
                Fate::Answered(reply) if reply.status == 404 => {
                    let there = self.line.read(&url, Who::Us).await?;
                    return if there.status == 404 { Ok(()) } else { Err(reply.error(doing)) };
                }
                Fate::Answered(reply) => return Err(problem::changing(&reply, doing)),
                fate => patience.endure(&self.line, fate).await.map_err(|error| error.within(doing.to_owned()))?,
            }
        }
    }

    /// The published release of a tag, as the public sees it.
    pub(super) async fn published(&self, tag: &str) -> Result<Option<Release>> {
        let elected = self.memory().elected.take();
        // Just published as latest: one look shows both that it is there and that it was elected.
        if elected.as_deref() == Some(tag)
            && let Some(latest) = self.read_latest().await?.filter(|latest| latest.tag == tag)
        {
            self.memory().latest = Some(latest.tag.clone());
            return Ok(Some(latest));
        }
        let reply = self.read_public(&format!("/releases/tags/{}", address::escape(tag))).await?;
        // A server that finds by prefix, or a draft with the same tag, is not what was asked for.
        let release = self.one(&reply, &format!("look at the release of {tag}"))?.filter(|release| release.tag == tag && !release.draft);
        self.whole(release).await
    }

    /// The tag that is offered as latest; an answer that was read a moment ago is used once.
    pub(super) async fn latest(&self) -> Result<Option<String>> {
        let known = self.memory().latest.take();
        if known.is_some() {
            return Ok(known);
        }
        Ok(self.read_latest().await?.map(|release| release.tag))
    }

    async fn read_latest(&self) -> Result<Option<Release>> {
        let reply = self.read_public("/releases/latest").await?;
        let release = self.whole(self.one(&reply, "look at the latest release")?).await?;
        Ok(release.map(|release| Release { latest: true, ..release }))
    }

    /// Without the token, as the public; with it where the public may not see the repository or has used up its quota.
    async fn read_public(&self, path: &str) -> Result<Reply> {
        let url = self.line.address.of(path);
        if self.line.token().is_none() {
            return self.line.read(&url, Who::Public).await;
        }
        if self.memory().private != Some(true)
            && let Fate::Answered(reply) = self.line.read_once(&url, Who::Public).await
            && reply.is_good()
        {
            return Ok(reply);
        }
        self.line.read(&url, Who::Us).await
    }
}

/// The draft with the text that is wanted now: publishing sends it along.
fn dressed(release: Release, draft: &Draft) -> Release {
    let notes = draft.notes.clone().unwrap_or_else(|| release.notes.clone());
    Release { title: draft.title.clone(), notes, prerelease: draft.prerelease, ..release }
}

fn set(body: &mut Value, key: &str, value: Value) {
    if let Some(map) = body.as_object_mut() {
        map.insert(key.into(), value);
    }
}

/// A good status with a body that is not what was asked for says nothing.
fn unreadable(fate: Fate) -> Fate {
    match fate {
        Fate::Answered(reply) => Fate::Unsure(format!("the server answered {} with something unreadable", reply.status)),
        other => other,
    }
}

/// The upload address of a release, as an address.
pub(super) fn upload_address(template: &str) -> Result<reqwest::Url> {
    reqwest::Url::parse(address::plain(template)).context(|| "read the upload address that the server gave".into())
}
