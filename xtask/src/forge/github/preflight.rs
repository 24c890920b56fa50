//! What stands in the way of publishing on GitHub, seen before anything is built or sent.
//! It reads; it guarantees that it changes nothing.

use serde_json::Value;

use super::{Hub, address, line::Who, names, problem};
use crate::{
    forge::{Intent, Release, Survey},
    kernel::{Finding, Result},
};

const MOST_ASSETS: usize = 1000;

/// What a release of a tag meets there.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// What the tag points at; none where it was not pushed.
    tag: Option<Object>,
    /// Whether a branch has the tag's name.
    branch: bool,
    /// Whether releases become immutable once published.
    immutable: bool,
    /// Looked at for a preflight that has not come yet.
    ahead: bool,
}

impl Hub {
    /// The survey, and beside it the look at the tag's place, which is kept until it is asked for.
    pub(super) async fn look(&self, tag: Option<&str>) -> Result<Survey> {
        let Some(tag) = tag else { return self.survey().await };
        let (survey, place) = futures_util::join!(self.survey(), self.look_at(tag));
        if let Ok(place) = place {
            // One that couldn't be looked at is looked at again, and tells then what is wrong.
            self.memory().places.insert(tag.into(), Place { ahead: true, ..place });
        }
        survey
    }

    async fn look_at(&self, tag: &str) -> Result<Place> {
        let (object, branch, immutable) = futures_util::join!(self.git_ref("tags", tag), self.git_ref("heads", tag), self.is_immutable());
        Ok(Place { tag: object?, branch: branch?.is_some(), immutable: immutable?, ahead: false })
    }

    /// The switch of the repository. Tokens that may not see its settings are told 404, as if it were off.
    async fn is_immutable(&self) -> Result<bool> {
        if self.line.token().is_none() {
            return Ok(false);
        }
        let reply = self.line.read(&self.line.address.of("/immutable-releases"), Who::Us).await?;
        Ok(reply.is_good() && reply.json().unwrap_or_default().get("enabled").and_then(Value::as_bool) == Some(true))
    }

    /// As it is now: what was looked at ahead counts once.
    async fn place(&self, tag: &str) -> Result<Place> {
        let known = self.memory().places.get(tag).filter(|place| place.ahead).cloned();
        let place = match known {
            Some(place) => Place { ahead: false, ..place },
            None => self.look_at(tag).await?,
        };
        self.memory().places.insert(tag.into(), place.clone());
        Ok(place)
    }

    /// Everything that can be seen without changing anything.
    pub(super) async fn preflight(&self, intent: &Intent, survey: &Survey) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        if self.line.token().is_none() {
            let message = format!("no token to publish on {} with", self.line.address.web());
            findings.push(Finding::error("missing-token", message).hint("set GH_TOKEN (or GITHUB_TOKEN) to a token with `contents: write`"));
        }
        let drafts: Vec<Release> = survey.drafts(&intent.tag.name).into_iter().cloned().collect();
        if drafts.len() > 1 && !self.are_twins(&drafts) {
            let message = problem::several_message(&intent.tag.name, &drafts);
            findings.push(Finding::error("several-drafts", message).hint("delete all but one of them on the web page"));
        }
        if intent.changes_workflows && self.memory().lacks_workflow {
            let message = format!("{} changes files in .github/workflows/, and the token has no scope `workflow`: GitHub may refuse the release", intent.tag);
            findings.push(Finding::warning("missing-workflow-scope", message).hint("use a token with the scope `workflow`"));
        }
        findings.extend(names::judge(&intent.names));
        if intent.names.len() > MOST_ASSETS {
            let message = format!("{} assets are more than the {MOST_ASSETS} that a release on GitHub may hold", intent.names.len());
            findings.push(Finding::error("too-many-assets", message).hint("pack several of them into one archive"));
        }
        if intent.tag_object.is_some() {
            let place = self.place(&intent.tag.name).await?;
            findings.extend(self.judge_tag(intent, place.tag).await?);
            findings.extend(place.branch.then(|| same_name(&intent.tag.name)));
        }
        Ok(findings)
    }

    /// A burnt tag, and a commit whose workflows the token may not touch, are told by nothing but the refusal to make a release of them.
    pub(super) fn draft_comes_first(&self, intent: &Intent, survey: &Survey) -> bool {
        let tag = &intent.tag.name;
        let memory = self.memory();
        let locked = memory.places.get(tag).is_some_and(|place| place.immutable) || survey.releases.iter().any(|release| release.immutable);
        (locked || intent.changes_workflows) && survey.published(tag).is_none() && survey.drafts(tag).is_empty()
    }

    /// Whether releases are immutable.
    pub(super) async fn inspect(&self, intent: &Intent) -> Result<Vec<Finding>> {
        let known = self.memory().places.get(&intent.tag.name).map(|place| place.immutable);
        let immutable = match known {
            Some(immutable) => immutable,
            None => self.is_immutable().await?,
        };
        if !immutable {
            return Ok(Vec::new());
        }
        let message = "releases here are immutable: once published, tag and assets are locked, and removing a release burns its tag for ever";
        Ok(vec![Finding::note("immutable-releases", message)])
    }

    /// The tag must be on GitHub and lead to the commit that is built. Nothing here moves it.
    async fn judge_tag(&self, intent: &Intent, object: Option<Object>) -> Result<Option<Finding>> {
        let tag = &intent.tag.name;
        let push = format!("git push origin refs/tags/{tag}");
        let Some(object) = object else {
            return Ok(Some(Finding::error("tag-not-on-forge", format!("the tag {tag} is not on GitHub")).hint(push)));
        };
        if intent.tag_object.as_deref() == Some(&object.sha) {
            return Ok(None);
        }
        let commit = self.peel(object).await?;
        if commit == intent.commit {
            return Ok(None);
        }
        let message = format!("the tag {tag} on GitHub leads to {commit}, here to {}: one of the two was moved", intent.commit);
        Ok(Some(
            Finding::error("tag-points-elsewhere", message)
                .hint(format!("to build what GitHub has: git fetch --force origin refs/tags/{tag}:refs/tags/{tag}"))
                .hint("to release this commit: bump the version, a published tag never moves"),
        ))
    }

    /// What a branch or tag points at; none where there is no such thing.
    async fn git_ref(&self, space: &str, name: &str) -> Result<Option<Object>> {
        let reply = self.line.read(&self.line.address.of(&format!("/git/ref/{space}/{}", address::escape(name))), Who::Us).await?;
        if matches!(reply.status, 404 | 409) {
            return Ok(None);
        }
        if !reply.is_good() {
            return Err(reply.error(&format!("look at {name} on GitHub")));
        }
        let json = reply.json().unwrap_or_default();
        // Old servers answer with every ref that begins so.
        let exact = json.get("ref").and_then(Value::as_str) == Some(&format!("refs/{space}/{name}"));
        Ok(exact.then(|| Object::read(&json)).flatten())
    }

    /// Follows tag objects to what they tag; a tag of a tag is odd, but git allows it.
    async fn peel(&self, mut object: Object) -> Result<String> {
        for _ in 0..5 {
            if object.kind != "tag" {
                break;
            }
            let reply = self.line.read(&self.line.address.of(&format!("/git/tags/{}", object.sha)), Who::Us).await?;
            match Object::read(&reply.json().unwrap_or_default()) {
                Some(next) if reply.is_good() => object = next,
                _ => return Err(reply.error("look at the tag object on GitHub")),
            }
        }
        Ok(object.sha)
    }
}

fn same_name(tag: &str) -> Finding {
    Finding::error("branch-tag-collision", format!("a branch on GitHub is named {tag} like the tag: downloads and updates by that name are ambiguous"))
        .hint(format!("rename the branch, then: git push origin --delete refs/heads/{tag}"))
}

/// What a ref or a tag object points at.
#[derive(Clone, Debug)]
struct Object {
    kind: String,
    sha: String,
}

impl Object {
    fn read(json: &Value) -> Option<Self> {
        let text = |key: &str| json.pointer(&format!("/object/{key}")).and_then(Value::as_str).map(str::to_owned);
        Some(Self { kind: text("type")?, sha: text("sha")? })
    }
}
