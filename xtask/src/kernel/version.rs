//! Versions: strict SemVer 2.0, ordered as SemVer orders them (never as text).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Error, Result};

/// A semantic version. Ordering follows SemVer precedence; build metadata breaks ties so that the order is total.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(semver::Version);

impl Version {
    /// Whether it is a prerelease in SemVer's sense: `1.2.0-beta.1`.
    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }

    /// Without prerelease and build metadata: `1.2.0-beta.1+g12` gives `1.2.0`.
    #[must_use]
    pub fn base(&self) -> Self {
        Self(semver::Version::new(self.0.major, self.0.minor, self.0.patch))
    }

    /// The parsed value.
    pub fn semver(&self) -> &semver::Version {
        &self.0
    }

    /// A snapshot of this version: `0.1.0-snapshot.12+gabc1234`. SemVer sorts it below the release it leads to.
    #[must_use]
    pub fn snapshot(&self, commits: u64, short_sha: &str) -> Self {
        let mut version = self.base().0;
        version.pre = semver::Prerelease::new(&format!("snapshot.{commits}")).unwrap_or_default();
        version.build = semver::BuildMetadata::new(&format!("g{short_sha}")).unwrap_or_default();
        Self(version)
    }
}

impl From<semver::Version> for Version {
    fn from(version: semver::Version) -> Self {
        Self(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        semver::Version::parse(text).map(Self).map_err(|error| {
            Error::usage(format!("`{text}` is not a semantic version: {error}")).hint("write it as MAJOR.MINOR.PATCH, e.g. 1.4.2 or 1.5.0-beta.1")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn orders_as_semver_does() {
        let sorted = ["2.7.3-beta.1", "2.7.3-beta.2", "2.7.3-beta.11", "2.7.3", "2.10.0", "10.0.0"];
        assert!(sorted.windows(2).all(|pair| v(pair[0]) < v(pair[1])));
        assert!(v("3.2.1-hotfix.1") < v("3.2.1"));
    }

    #[test]
    fn a_snapshot_sorts_below_its_release() {
        let snapshot = v("0.1.0").snapshot(12, "abc1234");
        assert_eq!(snapshot.to_string(), "0.1.0-snapshot.12+gabc1234");
        assert!(snapshot < v("0.1.0"));
    }

    #[test]
    fn refuses_what_is_not_strict() {
        for bad in ["1.2", "v1.2.3", "1.2.3.4", "01.2.3", "1.2.3-", ""] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }
}
