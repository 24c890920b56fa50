//! Python's version spelling (PEP 440, packaging.python.org/specifications/version-specifiers) beside SemVer:
//! `1.5.0b1` and `1.5.0-beta.1` mean the same. Pure.

use std::{fmt, sync::LazyLock};

use regex::Regex;

use crate::kernel::Version;

#[expect(clippy::unwrap_used, reason = "a constant expression, and a test runs it")]
static SPELLING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^ v? (?:(?<epoch>\d+)!)? (?<release>\d+(?:\.\d+)*)
        (?:[-_.]?(?<stage>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?<pre>\d+)?)?
        (?<post>-\d+|[-_.]?(?:post|rev|r)[-_.]?\d*)?
        (?:[-_.]?(?<dev>dev)[-_.]?(?<devn>\d+)?)?
        (?:\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))? $",
    )
    .unwrap()
});

/// A version in PEP 440's terms, without what SemVer can't say (epochs, post-releases, a fourth number).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parsed {
    release: [u64; 3],
    pre: Option<(&'static str, u64)>,
    dev: Option<u64>,
}

fn parse(text: &str) -> Option<Parsed> {
    let found = SPELLING.captures(text)?;
    let number = |name: &str| found.name(name).map_or(Some(0), |digits| digits.as_str().parse::<u64>().ok());
    if number("epoch")? != 0 || found.name("post").is_some() {
        return None;
    }
    let mut release = [0; 3];
    for (at, part) in found.name("release")?.as_str().split('.').enumerate() {
        let part = part.parse().ok()?;
        match release.get_mut(at) {
            Some(slot) => *slot = part,
            None if part == 0 => {}
            None => return None,
        }
    }
    let stage = found.name("stage").map(|stage| match stage.as_str().to_ascii_lowercase().as_str() {
        "a" | "alpha" => "alpha",
        "b" | "beta" => "beta",
        _ => "rc",
    });
    let pre = match stage {
        Some(stage) => Some((stage, number("pre")?)),
        None => None,
    };
    let dev = if found.name("dev").is_some() { Some(number("devn")?) } else { None };
    Some(Parsed { release, pre, dev })
}

/// Canonical PEP 440: `1.5.0b1`, `1.5.0rc1.dev3`.
impl fmt::Display for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.release;
        write!(f, "{major}.{minor}.{patch}")?;
        if let Some((stage, number)) = self.pre {
            let short = match stage {
                "alpha" => "a",
                "beta" => "b",
                _ => "rc",
            };
            write!(f, "{short}{number}")?;
        }
        self.dev.map_or(Ok(()), |number| write!(f, ".dev{number}"))
    }
}

/// The semantic version that a Python version means; `None` where SemVer has no word for it.
pub fn meaning(text: &str) -> Option<Version> {
    text.parse().ok().or_else(|| {
        let parsed = parse(text)?;
        let mut pre: Vec<String> = parsed.pre.iter().flat_map(|(stage, number)| [(*stage).into(), number.to_string()]).collect();
        pre.extend(parsed.dev.iter().flat_map(|number| ["dev".into(), number.to_string()]));
        let [major, minor, patch] = parsed.release;
        let suffix = if pre.is_empty() { String::new() } else { format!("-{}", pre.join(".")) };
        format!("{major}.{minor}.{patch}{suffix}").parse().ok()
    })
}

/// Whether two spellings mean the same to Python. Build metadata is left out.
pub fn same(one: &Version, other: &Version) -> bool {
    let plain = |version: &Version| version.to_string().split('+').next().unwrap_or_default().to_owned();
    let (one, other) = (plain(one), plain(other));
    one == other || parse(&one).is_some_and(|one| Some(one) == parse(&other))
}

/// How to write a version where `old` was: as SemVer where that was its style, else as PEP 440 has it.
/// `None` where Python can't say it.
pub fn write(new: &Version, old: &str) -> Option<String> {
    let semver_style = old.parse::<Version>().is_ok_and(|old| old.is_prerelease());
    let parsed = parse(&new.to_string())?;
    let plain = !new.is_prerelease() || semver_style;
    Some(if plain { new.to_string() } else { parsed.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn python_spellings_mean_semantic_versions() {
        let table = [
            ("1.5.0", "1.5.0"),
            ("1.5", "1.5.0"),
            ("1.5.0.0", "1.5.0"),
            ("1.5.0b1", "1.5.0-beta.1"),
            ("1.5.0a2", "1.5.0-alpha.2"),
            ("1.5.0rc1", "1.5.0-rc.1"),
            ("1.5.0c1", "1.5.0-rc.1"),
            ("1.5.0.dev3", "1.5.0-dev.3"),
            ("1.5.0b1.dev3", "1.5.0-beta.1.dev.3"),
            ("v1.5.0_Beta_1", "1.5.0-beta.1"),
            ("1.5.0-beta.1", "1.5.0-beta.1"),
        ];
        for (python, semver) in table {
            assert_eq!(meaning(python), Some(v(semver)), "{python}");
        }
        for bad in ["1!1.5.0", "1.5.0.post1", "1.2.3.4", "99999999999999999999999.0", "one", ""] {
            assert_eq!(meaning(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_same_meaning_agrees_and_no_other() {
        for same_as in ["1.5.0-beta.1", "1.5.0-b.1", "1.5.0-b1", "1.5.0-beta1", "1.5.0-beta.1+build"] {
            assert!(same(&v("1.5.0-beta.1"), &v(same_as)), "{same_as}");
        }
        for other in ["1.5.0-beta.2", "1.5.0", "1.5.0-rc.1", "1.5.0-dev.1", "1.5.0-hotfix.1", "1.5.1-beta.1"] {
            assert!(!same(&v("1.5.0-beta.1"), &v(other)), "{other}");
        }
        assert!(same(&v("1.5.0-hotfix.1"), &v("1.5.0-hotfix.1")));
    }

    #[test]
    fn writing_keeps_the_style() {
        assert_eq!(write(&v("1.6.0-beta.2"), "1.5.0").as_deref(), Some("1.6.0b2"));
        assert_eq!(write(&v("1.6.0-beta.2"), "1.6.0b1").as_deref(), Some("1.6.0b2"));
        assert_eq!(write(&v("1.6.0-beta.2"), "1.6.0-beta.1").as_deref(), Some("1.6.0-beta.2"));
        assert_eq!(write(&v("1.6.0"), "1.6.0b1").as_deref(), Some("1.6.0"));
        assert_eq!(write(&v("1.6.0-hotfix.1"), "1.5.0"), None);
    }
}
