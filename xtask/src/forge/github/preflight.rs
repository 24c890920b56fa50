//! What stands in the way of publishing on GitHub, seen before anything is built or sent.
//! It reads; it guarantees that it changes nothing.

use serde_json::Value;

use super::{Hub, address, line::Who, names, problem};
use crate::{
    forge::{Intent, Release, Survey},
    kernel::{Finding, Result},
};

const MOST_ASSETS: usize = 1000;

impl Hub {
    /// Everything that one request can show; see [`Hub::inspect`] for what costs more.
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
            findings.extend(self.judge_tag(intent).await?);
        }
        Ok(findings)
    }

    /// What costs requests that a release doesn't need: a branch of the same name there, and whether releases are immutable.
    pub(super) async fn inspect(&self, intent: &Intent) -> Result<Vec<Finding>> {
        let tag = &intent.tag.name;
        let mut findings = Vec::new();
        let (branch, switch) = (self.git_ref("heads", tag).await?, self.line.address.of("/immutable-releases"));
        if branch.is_some() {
            let message = format!("a branch on GitHub is named {tag} like the tag: downloads and updates by that name are ambiguous");
            findings.push(Finding::error("branch-tag-collision", message).hint(format!("rename the branch, then: git push origin --delete refs/heads/{tag}")));
        }
        let switch = self.line.read(&switch, Who::Us).await?;
        if switch.is_good() && switch.json().unwrap_or_default().get("enabled").and_then(Value::as_bool) == Some(true) {
            let message = "releases here are immutable: once published, tag and assets are locked, and removing a release burns its tag for ever";
            findings.push(Finding::note("immutable-releases", message));
        }
        Ok(findings)
    }

    /// The tag must be on GitHub and lead to the commit that is built. Nothing here moves it.
    async fn judge_tag(&self, intent: &Intent) -> Result<Option<Finding>> {
        let tag = &intent.tag.name;
        let push = format!("git push origin refs/tags/{tag}");
        let Some(object) = self.git_ref("tags", tag).await? else {
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

/// What a ref or a tag object points at.
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
