//! The next version: `major`, `minor`, `patch`, `release`, `alpha`, `beta`, `rc`, `prerelease`, or a version itself. Pure.

use std::{fmt, str::FromStr};

use crate::kernel::{Error, Result, Version};

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Level {
    /// 1.2.3 → 2.0.0
    Major,
    /// 1.2.3 → 1.3.0
    Minor,
    /// 1.2.3 → 1.2.4; a prerelease becomes its release: 1.2.0-beta.1 → 1.2.0
    Patch,
    /// A prerelease becomes its release.
    Release,
    /// The next prerelease of that stage: 1.2.3 → 1.2.4-beta.1 → 1.2.4-beta.2
    Stage(Stage),
    /// The next prerelease of the stage that it is in; a full release begins with alpha.
    Prerelease,
    /// Exactly this one.
    Exactly(Version),
}

/// Stages on the way to a release, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// `-alpha.N`
    Alpha,
    /// `-beta.N`
    Beta,
    /// `-rc.N`
    Rc,
}

impl Stage {
    fn of(version: &Version) -> Option<Self> {
        match version.semver().pre.split(['.', '-']).next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit()) {
            "alpha" => Some(Self::Alpha),
            "beta" => Some(Self::Beta),
            "rc" => Some(Self::Rc),
            _ => None,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alpha => "alpha",
            Self::Beta => "beta",
            Self::Rc => "rc",
        })
    }
}

impl FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "major" => Self::Major,
            "minor" => Self::Minor,
            "patch" => Self::Patch,
            "release" => Self::Release,
            "prerelease" => Self::Prerelease,
            "alpha" => Self::Stage(Stage::Alpha),
            "beta" => Self::Stage(Stage::Beta),
            "rc" => Self::Stage(Stage::Rc),
            version => Self::Exactly(version.parse().map_err(|_| {
                Error::usage(format!("`{version}` is neither a level nor a semantic version"))
                    .hint("levels are major, minor, patch, release, prerelease, alpha, beta, rc; a version is e.g. 1.4.2 or 1.5.0-beta.1, without a `v`")
            })?),
        })
    }
}

impl Level {
    /// The version that follows `current`.
    pub fn after(&self, current: &Version) -> Result<Version> {
        let number = current.semver();
        Ok(match self {
            Self::Exactly(version) if version.semver().cmp_precedence(number).is_lt() => return Err(lower(version, current)),
            Self::Exactly(version) => version.clone(),
            Self::Major => semver::Version::new(next(number.major)?, 0, 0).into(),
            Self::Minor => semver::Version::new(number.major, next(number.minor)?, 0).into(),
            Self::Patch if !current.is_prerelease() => next_patch(current)?,
            Self::Patch | Self::Release if current.is_prerelease() => current.base(),
            Self::Patch | Self::Release => {
                return Err(Error::refused(format!("{current} is a release already")).hint("use patch, minor or major for the next one"));
            }
            Self::Stage(stage) => staged(current, *stage)?,
            Self::Prerelease if current.is_prerelease() => counted(current)?,
            Self::Prerelease => staged(current, Stage::Alpha)?,
        })
    }
}

fn lower(wanted: &Version, current: &Version) -> Error {
    Error::refused(format!("{wanted} is lower than {current}, which the sources say now"))
        .hint("nobody would be offered it; choose a higher one, or go back with `rollback`")
}

fn next(number: u64) -> Result<u64> {
    number.checked_add(1).ok_or_else(|| Error::refused(format!("there is no number after {number}")))
}

fn next_patch(current: &Version) -> Result<Version> {
    let number = current.semver();
    Ok(semver::Version::new(number.major, number.minor, next(number.patch)?).into())
}

fn staged(current: &Version, stage: Stage) -> Result<Version> {
    match Stage::of(current) {
        Some(now) if now == stage => counted(current),
        Some(now) if now > stage => {
            Err(Error::refused(format!("{current} is past {stage}: {stage} sorts below {now}")).hint(format!("go on with `{now}`, or `release`")))
        }
        Some(_) => with_pre(&current.base(), &format!("{stage}.1")),
        None if current.is_prerelease() => {
            let wanted = with_pre(&current.base(), &format!("{stage}.1"))?;
            if wanted > *current { Ok(wanted) } else { Err(lower(&wanted, current)) }
        }
        None => with_pre(&next_patch(current)?, &format!("{stage}.1")),
    }
}

/// Counts up the last number of a prerelease: beta.1 → beta.2, beta1 → beta2, beta → beta.1.
fn counted(current: &Version) -> Result<Version> {
    let pre = current.semver().pre.as_str();
    let head = pre.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = pre.get(head.len()..).unwrap_or_default();
    let next_pre = match digits.parse::<u64>() {
        Ok(number) => format!("{head}{}", next(number)?),
        Err(_) if digits.is_empty() => format!("{pre}.1"),
        Err(_) => return Err(Error::refused(format!("there is no number after {digits}"))),
    };
    let counted = with_pre(&current.base(), &next_pre)?;
    // `beta9` → `beta10` sorts below as text; only a number of its own counts as one.
    if counted > *current { Ok(counted) } else { Err(lower(&counted, current).hint("write prereleases with a dot before the number: beta.9")) }
}

fn with_pre(base: &Version, pre: &str) -> Result<Version> {
    format!("{base}-{pre}").parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_lead_to_the_next_version() {
        let table = [
            ("major", "1.2.3", "2.0.0"),
            ("major", "1.2.3-rc.1", "2.0.0"),
            ("minor", "1.2.3", "1.3.0"),
            ("patch", "1.2.3", "1.2.4"),
            ("patch", "1.2.0-beta.1", "1.2.0"),
            ("release", "1.2.0-beta.1", "1.2.0"),
            ("alpha", "1.2.0", "1.2.1-alpha.1"),
            ("beta", "1.2.1-alpha.3", "1.2.1-beta.1"),
            ("beta", "1.2.1-beta.9", "1.2.1-beta.10"),
            ("beta", "1.2.1-beta", "1.2.1-beta.1"),
            ("rc", "1.2.1-beta.9", "1.2.1-rc.1"),
            ("rc", "1.2.1-hotfix.1", "1.2.1-rc.1"),
            ("prerelease", "1.2.1-rc.1", "1.2.1-rc.2"),
            ("prerelease", "1.2.1-hotfix.1", "1.2.1-hotfix.2"),
            ("prerelease", "1.2.0", "1.2.1-alpha.1"),
            ("patch", "1.2.3+build.4", "1.2.4"),
            ("1.4.0-beta.1", "1.2.0", "1.4.0-beta.1"),
            ("1.2.0", "1.2.0", "1.2.0"),
        ];
        for (level, now, then) in table {
            let now: Version = now.parse().unwrap();
            assert_eq!(level.parse::<Level>().unwrap().after(&now).unwrap().to_string(), then, "{level} of {now}");
        }
    }

    #[test]
    fn what_would_go_back_is_refused() {
        for (level, now) in [
            ("alpha", "1.2.0-beta.1"),
            ("beta", "1.2.0-rc.1"),
            ("release", "1.2.0"),
            ("1.1.9", "1.2.0"),
            ("alpha", "1.2.0-zeta.1"),
            ("prerelease", "1.2.0-beta9"),
        ] {
            let now: Version = now.parse().unwrap();
            assert!(level.parse::<Level>().unwrap().after(&now).is_err(), "{level} of {now}");
        }
        assert!("1.2".parse::<Level>().is_err() && "v1.2.3".parse::<Level>().is_err());
        assert!(Level::Major.after(&format!("{}.0.0", u64::MAX).parse().unwrap()).is_err());
    }
}
