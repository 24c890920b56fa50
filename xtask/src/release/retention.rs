//! Which releases stay. Pure: releases, rules and what must not go in; keep, remove and the reasons out.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    forge::Release,
    kernel::{Tag, TagTemplate},
};

/// How many stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Newest full releases; none keeps all.
    pub keep: Option<usize>,
    /// Newest prereleases; none keeps all.
    pub keep_prereleases: Option<usize>,
    /// Tags that never go: pinned, live, rollback targets, with the reason to show.
    pub protected: Vec<(String, String)>,
}

/// What would happen to each release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PrunePlan {
    /// These stay.
    pub keep: Vec<Verdict>,
    /// These go.
    pub remove: Vec<Verdict>,
    /// Said when the rules can't remove anything.
    pub note: Option<String>,
}

/// One release and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// `v1.4.2`
    pub tag: String,
    /// The forge's name for it.
    pub id: String,
    /// Lowercase clauses.
    pub reasons: Vec<String>,
}

/// Decides. Drafts and releases whose tag doesn't fit the template are none of ours: they stay.
pub fn plan(releases: &[Release], template: &TagTemplate, rules: &Rules) -> PrunePlan {
    if rules.keep.is_none() && rules.keep_prereleases.is_none() {
        let keep = releases.iter().map(|release| verdict(release, vec!["no rule removes anything".into()])).collect();
        return PrunePlan { keep, remove: Vec::new(), note: Some("release.keep is not set: nothing is removed".into()) };
    }
    let mut ours: Vec<(&Release, Tag)> =
        releases.iter().filter(|release| !release.draft).filter_map(|release| Some((release, template.matches(&release.tag)?))).collect();
    ours.sort_by(|a, b| b.1.version.cmp(&a.1.version).then(b.0.published_at.cmp(&a.0.published_at)));
    let newest = newest(&ours, rules);
    let mut plan = PrunePlan::default();
    for release in releases {
        let reasons = reasons(release, template, rules, &newest);
        if reasons.is_empty() {
            plan.remove.push(verdict(release, vec![beyond(release, rules)]));
        } else {
            plan.keep.push(verdict(release, reasons));
        }
    }
    plan
}

/// The newest of each sort, by SemVer: a backport that was published yesterday is not newer than the release it goes back behind.
fn newest(ours: &[(&Release, Tag)], rules: &Rules) -> BTreeSet<String> {
    let of = |prerelease: bool, count: Option<usize>| {
        let matching = ours.iter().filter(move |(release, tag)| is_prerelease(release, tag) == prerelease);
        // 0 would leave a project without any release.
        let least = if prerelease { 0 } else { 1 };
        matching.take(count.map_or(usize::MAX, |count| count.max(least))).map(|(release, _)| release.id.clone()).collect::<Vec<_>>()
    };
    of(false, rules.keep).into_iter().chain(of(true, rules.keep_prereleases)).collect()
}

fn is_prerelease(release: &Release, tag: &Tag) -> bool {
    release.prerelease || tag.version.is_prerelease()
}

fn reasons(release: &Release, template: &TagTemplate, rules: &Rules, newest: &BTreeSet<String>) -> Vec<String> {
    let mut reasons = Vec::new();
    if release.draft {
        reasons.push("a draft is none of the releases that are counted".into());
    } else if template.matches(&release.tag).is_none() {
        reasons.push(format!("its tag doesn't fit `{template}`"));
    }
    if release.latest {
        reasons.push("offered as latest".into());
    }
    if newest.contains(&release.id) {
        let (count, sort) = if release.prerelease { (rules.keep_prereleases, "prereleases") } else { (rules.keep, "releases") };
        reasons.push(count.map_or_else(|| format!("all {sort} are kept"), |count| format!("among the newest {count} {sort}")));
    }
    let protected = rules.protected.iter().filter(|(tag, _)| *tag == release.tag).map(|(_, reason)| reason);
    for reason in protected {
        if !reasons.contains(reason) {
            reasons.push(reason.clone());
        }
    }
    reasons
}

fn beyond(release: &Release, rules: &Rules) -> String {
    let (count, sort) = if release.prerelease { (rules.keep_prereleases, "prereleases") } else { (rules.keep, "releases") };
    format!("beyond the newest {} {sort}", count.unwrap_or_default())
}

fn verdict(release: &Release, reasons: Vec<String>) -> Verdict {
    Verdict { tag: release.tag.clone(), id: release.id.clone(), reasons }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn release(tag: &str, latest: bool) -> Release {
        Release {
            id: tag.into(),
            tag: tag.into(),
            title: tag.into(),
            notes: String::new(),
            draft: false,
            prerelease: tag.contains('-'),
            immutable: false,
            latest,
            created_at: DateTime::UNIX_EPOCH,
            published_at: Some(DateTime::UNIX_EPOCH),
            url: String::new(),
            assets: Vec::new(),
        }
    }

    fn removed(tags: &[&str], latest: &str, rules: &Rules) -> Vec<String> {
        let releases: Vec<_> = tags.iter().map(|tag| release(tag, *tag == latest)).collect();
        let plan = plan(&releases, &TagTemplate::parse("v{version}").unwrap(), rules);
        assert_eq!(plan.keep.len() + plan.remove.len(), tags.len());
        assert!(plan.keep.iter().chain(&plan.remove).all(|verdict| !verdict.reasons.is_empty()));
        plan.remove.into_iter().map(|verdict| verdict.tag).collect()
    }

    #[test]
    fn counts_in_semver_order_not_in_the_forges() {
        let tags = ["v1.10.0", "v1.9.0", "v1.2.0", "v2.0.0", "v1.9.1"];
        assert_eq!(removed(&tags, "v2.0.0", &Rules { keep: Some(3), ..Rules::default() }), ["v1.9.0", "v1.2.0"]);
    }

    #[test]
    fn an_empty_policy_removes_nothing_and_says_so() {
        let plan = plan(&[release("v1.0.0", true)], &TagTemplate::parse("v{version}").unwrap(), &Rules::default());
        assert!(plan.remove.is_empty() && plan.note.is_some());
    }

    #[test]
    fn latest_pinned_and_foreign_stay() {
        let rules = Rules { keep: Some(1), keep_prereleases: Some(0), protected: vec![("v1.1.0".into(), "pinned".into())] };
        let tags = ["v3.0.0", "v2.0.0", "v1.1.0", "v1.0.0", "nightly", "v3.1.0-beta.1"];
        assert_eq!(removed(&tags, "v2.0.0", &rules), ["v1.0.0", "v3.1.0-beta.1"]);
    }

    #[test]
    fn prereleases_are_counted_on_their_own() {
        let rules = Rules { keep: Some(1), keep_prereleases: None, protected: Vec::new() };
        assert_eq!(removed(&["v1.0.0", "v1.1.0-beta.1", "v0.9.0"], "v1.0.0", &rules), ["v0.9.0"]);
    }
}
