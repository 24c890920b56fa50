//! What is released: a tag, or a snapshot of HEAD. Decided purely from the facts.

use serde::Serialize;

use super::facts::Facts;
use crate::kernel::{Error, Result, Tag, TagTemplate, Version};

/// What a person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// `--tag v1.4.2`
    Tag(String),
    /// `--snapshot`
    Snapshot,
    /// Neither: the tag at HEAD.
    TagAtHead,
}

/// What is released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// The tag; a snapshot's tag exists on the directory forge only, never in git.
    pub tag: Tag,
    /// The commit that is built.
    pub commit: String,
    /// SOURCE_DATE_EPOCH: Unix seconds.
    pub epoch: i64,
    /// Whether it is a snapshot.
    pub snapshot: bool,
    /// Whether changes that aren't committed go in (`--allow-dirty`).
    pub dirty: bool,
}

impl Subject {
    /// The version.
    pub fn version(&self) -> &Version {
        &self.tag.version
    }

    /// Never offered as latest.
    pub fn is_prerelease(&self) -> bool {
        self.snapshot || self.version().is_prerelease()
    }
}

/// Decides what is released. `current` is the version that the sources hold, from which a snapshot's is made; `epoch` overrides the
/// commit's time (`SOURCE_DATE_EPOCH`).
pub fn decide(choice: &Choice, facts: &Facts, template: &TagTemplate, current: Option<&Version>, epoch: Option<i64>) -> Result<Subject> {
    let dirty = !facts.dirty.is_empty();
    let subject = |tag: Tag, snapshot| Subject { tag, commit: facts.head.clone(), epoch: epoch.unwrap_or(facts.time), snapshot, dirty };
    match choice {
        Choice::Snapshot => Ok(subject(snapshot(facts, template, current, dirty), true)),
        Choice::Tag(name) => template.read_loose(name).map(|tag| subject(tag, false)),
        Choice::TagAtHead => at_head(facts, template).map(|tag| subject(tag, false)),
    }
}

fn snapshot(facts: &Facts, template: &TagTemplate, current: Option<&Version>, dirty: bool) -> Tag {
    let newest = facts.known(template).into_iter().next().map(|tag| tag.version);
    // Where nothing has a version yet, it sorts below any that will come.
    let base = current.cloned().or(newest).unwrap_or_else(|| Version::from(semver::Version::new(0, 0, 0)));
    let short = facts.head.get(..7).unwrap_or(&facts.head);
    let marked = if dirty { format!("{short}.dirty") } else { short.to_owned() };
    template.tag(&base.snapshot(facts.commits.unwrap_or_default(), &marked))
}

fn at_head(facts: &Facts, template: &TagTemplate) -> Result<Tag> {
    let tags = facts.tags_at_head(template);
    match tags.as_slice() {
        [tag] => Ok(tag.clone()),
        [] => Err(no_tag(facts, template)),
        several => {
            let names = several.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>().join(", ");
            Err(Error::usage(format!("HEAD has several release tags: {names}"))
                .hint(format!("say which: --tag {}", several.first().map_or("TAG", |tag| &tag.name))))
        }
    }
}

fn no_tag(facts: &Facts, template: &TagTemplate) -> Error {
    let tagged = facts.known(template).into_iter().next().map(|tag| format!(", or check out the one that was tagged (git checkout {})", tag.name));
    let message = match (facts.tags.is_empty(), facts.shallow) {
        (true, true) => "no tag is known here: this is a shallow clone without tags".to_owned(),
        (true, false) => "there is no tag yet: nothing says which version this is".to_owned(),
        (false, _) => format!("no tag at HEAD ({}) fits `{template}`", facts.head.get(..7).unwrap_or(&facts.head)),
    };
    let error = Error::usage(message);
    let error = if facts.shallow { error.hint("fetch tags and history: git fetch --unshallow --tags") } else { error };
    error
        .hint(format!("tag this commit (git tag {}){}", template.tag(&Version::from(semver::Version::new(1, 0, 0))), tagged.unwrap_or_default()))
        .hint("or make a snapshot: --snapshot")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::git::TagRef;

    fn facts(tags: &[(&str, &str)]) -> Facts {
        let tags =
            tags.iter().map(|(name, commit)| TagRef { name: (*name).into(), commit: (*commit).into(), object: (*commit).into(), annotated: false }).collect();
        Facts {
            head: "abcdef1234".into(),
            commits: Some(12),
            time: 1000,
            shallow: false,
            tags,
            branches: Vec::new(),
            changes_workflows: false,
            dirty: Vec::new(),
        }
    }

    fn template() -> TagTemplate {
        TagTemplate::parse("v{version}").unwrap()
    }

    #[test]
    fn a_snapshot_counts_commits() {
        let subject = decide(&Choice::Snapshot, &facts(&[]), &template(), Some(&"0.1.0".parse().unwrap()), None).unwrap();
        assert_eq!((subject.tag.name.as_str(), subject.epoch), ("v0.1.0-snapshot.12+gabcdef1", 1000));
        assert!(subject.is_prerelease());
    }

    #[test]
    fn the_tag_at_head_is_taken() {
        let facts = facts(&[("v1.0.0", "other"), ("v1.1.0", "abcdef1234"), ("nightly", "abcdef1234")]);
        assert_eq!(decide(&Choice::TagAtHead, &facts, &template(), None, Some(7)).unwrap().tag.name, "v1.1.0");
    }

    #[test]
    fn without_a_tag_it_says_what_to_type() {
        let error = decide(&Choice::TagAtHead, &facts(&[("v1.0.0", "other")]), &template(), None, None).unwrap_err();
        assert!(error.hints().iter().any(|hint| hint.contains("git checkout v1.0.0")), "{:?}", error.hints());
        let error = decide(&Choice::TagAtHead, &facts(&[]), &template(), None, None).unwrap_err();
        assert!(!error.hints().iter().any(|hint| hint.contains("git checkout")), "a tag that isn't there: {:?}", error.hints());
    }

    #[test]
    fn several_tags_at_head_need_a_choice() {
        let error = decide(&Choice::TagAtHead, &facts(&[("v1.0.0", "abcdef1234"), ("v1.1.0", "abcdef1234")]), &template(), None, None).unwrap_err();
        assert!(error.to_string().contains("v1.1.0, v1.0.0"));
    }
}
