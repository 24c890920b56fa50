//! Tags and the template that ties a tag to a version: `v{version}`, `rocket-{version}`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Error, Result, Version};

/// A tag's name, as git knows it, with the version that it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tag {
    /// `v1.4.2`
    pub name: String,
    /// `1.4.2`
    pub version: Version,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// How tags are written; holds exactly one `{version}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagTemplate {
    before: String,
    after: String,
}

impl TagTemplate {
    /// Reads `v{version}`.
    pub fn parse(template: &str) -> Result<Self> {
        match template.split_once("{version}") {
            Some((before, after)) if !after.contains("{version}") => Ok(Self { before: before.into(), after: after.into() }),
            _ => Err(Error::usage(format!("the tag template `{template}` must hold `{{version}}` exactly once")).hint("the usual one is `v{version}`")),
        }
    }

    /// The tag of a version.
    pub fn tag(&self, version: &Version) -> Tag {
        Tag { name: format!("{}{version}{}", self.before, self.after), version: version.clone() }
    }

    /// The tag of that name, if the name fits the template and holds a strict version.
    pub fn matches(&self, name: &str) -> Option<Tag> {
        let text = name.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        Some(Tag { name: name.into(), version: text.parse().ok()? })
    }

    /// The tag of that name, or why it is none.
    pub fn read(&self, name: &str) -> Result<Tag> {
        self.matches(name).ok_or_else(|| {
            Error::usage(format!("the tag `{name}` doesn't fit the template `{self}` with a strict semantic version"))
                .hint(format!("name it like `{self}`, e.g. `{}1.4.2{}`, or change `version.tag` in xtask.toml", self.before, self.after))
        })
    }

    /// What a person typed, as a tag: the tag itself, or just the version.
    pub fn read_loose(&self, typed: &str) -> Result<Tag> {
        self.matches(typed).or_else(|| typed.parse().ok().map(|version| self.tag(&version))).map_or_else(|| self.read(typed), Ok)
    }
}

impl fmt::Display for TagTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{{version}}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_and_tag_agree() {
        let template = TagTemplate::parse("app-v{version}").unwrap();
        let tag = template.read("app-v1.5.0-beta.1").unwrap();
        assert_eq!(template.tag(&tag.version), tag);
        assert_eq!(template.read_loose("1.5.0-beta.1").unwrap(), tag);
        assert!(template.read("v1.5.0").is_err());
        assert!(template.read("app-v1.5").unwrap_err().hints()[0].contains("app-v1.4.2"));
    }

    #[test]
    fn a_template_needs_exactly_one_version() {
        assert!(TagTemplate::parse("v1").is_err());
        assert!(TagTemplate::parse("{version}-{version}").is_err());
    }
}
