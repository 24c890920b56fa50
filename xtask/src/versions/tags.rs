//! The rules of tags, decided purely: what a tag may be named, given the branches, tags and releases that are there.

use crate::kernel::{Finding, Tag, TagTemplate, Version};

/// What is known around a tag.
#[derive(Clone, Debug, Default)]
pub struct Around<'a> {
    /// Branches, here and on remotes, without the remote's name.
    pub branches: &'a [String],
    /// The names of all tags.
    pub tags: &'a [String],
    /// The versions that are released.
    pub released: &'a [Version],
}

/// Everything that speaks against a tag.
pub fn findings(name: &str, template: &TagTemplate, around: &Around<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = branch_collision(name, around.branches).into_iter().collect();
    match template.matches(name) {
        Some(tag) => findings.extend(order(&tag, template, around)),
        None => findings.push(misnamed(name, template)),
    }
    findings
}

fn misnamed(name: &str, template: &TagTemplate) -> Finding {
    let finding = Finding::error("tag-template", format!("the tag `{name}` doesn't fit the template `{template}` with a strict semantic version"));
    let example = finding.hint(format!("name it like `{template}`, or change `version.tag` in xtask.toml"));
    match nearest(name, template) {
        Some(better) => example.hint(format!("`{better}` would fit")),
        None => example,
    }
}

/// A tag that would fit, where the name holds something like a version: `1.2` → `v1.2.0`.
fn nearest(name: &str, template: &TagTemplate) -> Option<Tag> {
    let digits = name.get(name.find(|c: char| c.is_ascii_digit())?..)?;
    let (base, pre) = digits.split_once('-').map_or((digits, None), |(base, pre)| (base, Some(pre)));
    let mut numbers = base.split('.').map(str::parse::<u64>).collect::<Result<Vec<_>, _>>().ok()?;
    numbers.resize(3, 0);
    let base = numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".");
    let version = pre.map_or(base.clone(), |pre| format!("{base}-{pre}"));
    Some(template.tag(&version.parse().ok()?))
}

fn branch_collision(name: &str, branches: &[String]) -> Option<Finding> {
    branches.iter().any(|branch| branch == name).then(|| {
        Finding::error("tag-branch-collision", format!("`{name}` is a tag and a branch: git and GitHub can't tell which is meant"))
            .hint(format!("rename the branch: `git branch -m {name} release/{name}`, and remove it from the remote: `git push origin :refs/heads/{name}`"))
    })
}

/// Where the tag sorts among the releases.
fn order(tag: &Tag, template: &TagTemplate, around: &Around<'_>) -> Vec<Finding> {
    let version = &tag.version;
    // Releasing the same again is a rerun: it was judged when it was first.
    if around.released.contains(version) {
        return Vec::new();
    }
    let mut findings: Vec<Finding> = below_its_base(tag, template, around).into_iter().collect();
    findings.extend(same_precedence(tag, template, around));
    let newest = around.released.iter().filter(|other| !other.is_prerelease()).max();
    if let Some(newest) = newest.filter(|newest| findings.is_empty() && version < newest) {
        let message = format!("{version} is lower than {newest}, the newest release: it will be published, but not offered as latest");
        findings.push(Finding::note("tag-backport", message));
    }
    findings
}

fn below_its_base(tag: &Tag, template: &TagTemplate, around: &Around<'_>) -> Option<Finding> {
    let version = &tag.version;
    let siblings = around.released.iter().filter(|other| other.base() == version.base() && version.semver().cmp_precedence(other.semver()).is_lt());
    let above = siblings.max()?;
    if above.is_prerelease() {
        let message = format!("`{tag}` sorts below {}, which is released: who has that will not be offered this", template.tag(above));
        return Some(
            Finding::warning("tag-below-release", message).hint(format!("name it above {above}, e.g. `{}`", next_prerelease(above, template, around))),
        );
    }
    let message = format!(
        "`{tag}` sorts below {}, which is released: in SemVer a suffix after `-` makes a prerelease of {}, so nobody on {above} would be offered it",
        template.tag(above),
        version.base()
    );
    Some(Finding::error("tag-below-release", message).hint(format!("name it `{}`", next_patch(&version.base(), template, around))))
}

fn same_precedence(tag: &Tag, template: &TagTemplate, around: &Around<'_>) -> Option<Finding> {
    let same = around.released.iter().find(|other| other.semver().cmp_precedence(tag.version.semver()).is_eq())?;
    let message = format!("`{tag}` and {} differ in build metadata only, which SemVer doesn't order: nobody on {same} would be offered it", template.tag(same));
    Some(Finding::error("tag-below-release", message).hint(format!("name it `{}`", next_patch(&tag.version.base(), template, around))))
}

/// The next patch that neither a tag nor a release has.
fn next_patch(base: &Version, template: &TagTemplate, around: &Around<'_>) -> Tag {
    let number = base.semver();
    let mut patch = number.patch;
    loop {
        patch = patch.saturating_add(1);
        let tag = template.tag(&semver::Version::new(number.major, number.minor, patch).into());
        if patch == u64::MAX || !taken(&tag, around) {
            return tag;
        }
    }
}

fn next_prerelease(above: &Version, template: &TagTemplate, around: &Around<'_>) -> Tag {
    let mut version = above.clone();
    while let Ok(next) = super::Level::Prerelease.after(&version) {
        let tag = template.tag(&next);
        if !taken(&tag, around) {
            return tag;
        }
        version = next;
    }
    template.tag(&above.base())
}

fn taken(tag: &Tag, around: &Around<'_>) -> bool {
    around.tags.contains(&tag.name) || around.released.contains(&tag.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str, branches: &[&str], tags: &[&str], released: &[&str]) -> Vec<Finding> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let released: Vec<Version> = released.iter().map(|text| text.parse().unwrap()).collect();
        let (branches, tags) = (owned(branches), owned(tags));
        findings(name, &TagTemplate::parse("v{version}").unwrap(), &Around { branches: &branches, tags: &tags, released: &released })
    }

    fn codes(findings: &[Finding]) -> Vec<&str> {
        findings.iter().map(|finding| finding.code.as_str()).collect()
    }

    #[test]
    fn a_hotfix_suffix_sorts_below_its_release() {
        let found = judged("v3.2.1-hotfix.1", &[], &["v3.0.1", "v3.2.1"], &["3.0.1", "3.2.1"]);
        assert_eq!(codes(&found), ["tag-below-release"]);
        assert!(found[0].is_error() && found[0].message.contains("nobody on 3.2.1 would be offered it"), "{}", found[0].message);
        assert_eq!(found[0].hints, ["name it `v3.2.2`"]);
        let found = judged("v3.2.1-hotfix.1", &[], &["v3.2.2"], &["3.2.1", "3.2.3"]);
        assert_eq!(found[0].hints, ["name it `v3.2.4`"]);
    }

    #[test]
    fn an_earlier_prerelease_after_a_later_one_is_a_warning() {
        let found = judged("v1.2.0-beta.2", &[], &["v1.2.0-beta.10", "v1.2.0-beta.11"], &["1.2.0-beta.10"]);
        assert_eq!(codes(&found), ["tag-below-release"]);
        assert!(!found[0].is_error());
        assert!(found[0].hints[0].ends_with("`v1.2.0-beta.12`"), "{:?}", found[0].hints);
    }

    #[test]
    fn build_metadata_is_no_new_version() {
        assert_eq!(codes(&judged("v1.2.0+2", &[], &[], &["1.2.0"])), ["tag-below-release"]);
    }

    #[test]
    fn a_backport_is_a_note() {
        let found = judged("v1.9.5", &[], &[], &["1.9.4", "2.10.0", "2.9.0"]);
        assert_eq!(codes(&found), ["tag-backport"]);
        assert!(found[0].message.contains("2.10.0") && found[0].severity == crate::kernel::Severity::Note);
    }

    #[test]
    fn what_is_in_order_has_no_finding() {
        assert!(judged("v2.7.3", &["main"], &[], &["2.7.3-beta.1", "2.7.2"]).is_empty());
        assert!(judged("v3.2.1-beta.1", &[], &[], &["3.2.0"]).is_empty());
        assert!(judged("v3.2.1-beta.1", &[], &[], &["3.2.1-beta.1", "3.2.1"]).is_empty(), "a rerun was judged before");
    }

    #[test]
    fn branch_and_template_are_looked_at() {
        let found = judged("v1.2", &["v1.2"], &[], &[]);
        assert_eq!(codes(&found), ["tag-branch-collision", "tag-template"]);
        assert!(found[1].hints.contains(&"`v1.2.0` would fit".to_owned()), "{:?}", found[1].hints);
        assert_eq!(codes(&judged("nightly", &[], &[], &[])), ["tag-template"]);
    }
}
