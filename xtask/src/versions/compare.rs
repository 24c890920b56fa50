//! Whether all places agree with a version: every disagreement at once, each with file, line and what to change. Pure.

use std::collections::BTreeMap;

use super::{
    npm::range,
    pep440,
    place::{Kind, Locked, Place},
    reader::Survey,
    tree,
};
use crate::{
    config::PrereleasePolicy,
    kernel::{Finding, Version},
};

impl Survey {
    /// Everything that is wrong: what can't be read, and what disagrees with `wanted`.
    pub fn check(&self, wanted: &Version, policy: PrereleasePolicy) -> Vec<Finding> {
        let mut findings = self.findings.clone();
        findings.extend(disagreements(&self.places, wanted, policy));
        findings
    }
}

/// The places that don't say `wanted`.
pub fn disagreements(places: &[Place], wanted: &Version, policy: PrereleasePolicy) -> Vec<Finding> {
    let wanted = Wanted { version: wanted, policy };
    let mut findings: Vec<Finding> = places.iter().filter_map(|place| wanted.finding(place)).collect();
    findings.extend(wanted.change_logs(places));
    findings
}

struct Wanted<'w> {
    version: &'w Version,
    policy: PrereleasePolicy,
}

impl Wanted<'_> {
    /// `0.1.0-snapshot.12+gabc1234` is built from sources that say 0.1.0, or a prerelease of it.
    fn is_snapshot(&self) -> bool {
        self.version.semver().pre.starts_with("snapshot.")
    }

    fn finding(&self, place: &Place) -> Option<Finding> {
        match &place.kind {
            Kind::Heading => None,
            Kind::Requirement { text } => self.requirement(place, text),
            Kind::Range { package, text, .. } => self.range(place, package, text),
            Kind::Lock(entry) => lags(place, entry).or_else(|| if entry.checked { self.mismatch(place) } else { None }),
            Kind::Manifest | Kind::Python | Kind::Text | Kind::Badge => self.mismatch(place),
        }
    }

    fn mismatch(&self, place: &Place) -> Option<Finding> {
        if place.version.is_none() {
            let message = format!("`{}` is no version that can be compared", place.found);
            return Some(at(Finding::error("version-unreadable", message), place).hint(format!("write {} there", self.spelled(place))));
        }
        if self.agrees(place) {
            return None;
        }
        let mut finding = at(Finding::error("version-mismatch", format!("{} says {}, not {}", named(place), place.found, self.version)), place);
        finding = finding.hint(format!("change it to {}, or let `xtask bump {}` edit every source", self.spelled(place), self.version));
        let by_base = self.policy == PrereleasePolicy::Strict && self.version.is_prerelease();
        if by_base && place.version.as_ref() == Some(&self.version.base()) {
            finding = finding.hint("to build prereleases from sources that say the coming version, set `prerelease = \"base\"` under [version]");
        }
        Some(finding)
    }

    /// How the place should say it.
    fn spelled(&self, place: &Place) -> String {
        let version = if self.is_snapshot() { self.version.base() } else { self.version.clone() };
        match place.kind {
            Kind::Python => pep440::write(&version, &place.found).unwrap_or_else(|| version.to_string()),
            Kind::Badge => version.to_string().replace('-', "--"),
            _ => version.to_string(),
        }
    }

    fn agrees(&self, place: &Place) -> bool {
        let same = |found: &Version, wanted: &Version| match place.kind {
            Kind::Python => pep440::same(found, wanted),
            _ => same(found, wanted),
        };
        let base = self.version.base();
        place.version.iter().chain(&place.also).any(|found| {
            if self.is_snapshot() {
                return found.base() == base;
            }
            let by_base = self.policy == PrereleasePolicy::Base && self.version.is_prerelease();
            same(found, self.version) || (by_base && same(found, &base))
        })
    }

    /// Cargo refuses members whose requirements of each other don't fit.
    fn requirement(&self, place: &Place, text: &str) -> Option<Finding> {
        let (base, pre) = (self.version.base(), self.version.is_prerelease());
        let fits = |version: &Version| semver::VersionReq::parse(text).is_ok_and(|wanted| wanted.matches(version.semver()));
        let lenient = pre && (self.is_snapshot() || self.policy == PrereleasePolicy::Base);
        if fits(self.version) || (lenient && (fits(&base) || place.version.as_ref().is_some_and(|found| found.base() == base))) {
            return None;
        }
        let message = format!("this asks for {text} of a package that will be {}", self.version);
        Some(at(Finding::error("version-mismatch", message), place).hint(format!("change it to {}", self.version)))
    }

    /// npm would look for another version in the registry, and find an old one or none: nobody means that, yet it isn't impossible.
    fn range(&self, place: &Place, package: &str, text: &str) -> Option<Finding> {
        // A lock file repeats what a manifest asks for: nobody mends it by hand.
        if tree::name(&place.file) != "package.json" {
            return None;
        }
        let base = self.version.base();
        let fits = |version: &Version| range::fits(text, version) != Some(false);
        let lenient = self.version.is_prerelease() && (self.is_snapshot() || self.policy == PrereleasePolicy::Base);
        if fits(self.version) || (lenient && (fits(&base) || place.version.as_ref().is_some_and(|found| found.base() == base))) {
            return None;
        }
        let message = format!("this asks for `{text}` of {package}, which will be {} here: npm would look for another one, or refuse", self.version);
        Some(at(Finding::warning("range-mismatch", message), place).hint(format!("change it to a range that {} fits, e.g. ^{}", self.version, self.version)))
    }

    /// A change log needs a heading for the version; the others are its history.
    fn change_logs(&self, places: &[Place]) -> Vec<Finding> {
        let mut logs: BTreeMap<&str, (bool, usize)> = BTreeMap::new();
        for place in places.iter().filter(|place| place.kind == Kind::Heading) {
            let log = logs.entry(&place.file).or_insert((false, place.line));
            log.0 |= self.agrees(place);
        }
        if self.is_snapshot() {
            return Vec::new();
        }
        let missing = logs.into_iter().filter(|(_, (agrees, _))| !agrees);
        missing
            .map(|(file, (_, line))| {
                Finding::error("changelog-missing", format!("there is no heading for {}", self.version))
                    .hint("write down what changed, under a heading of its own")
                    .file(file)
                    .line(line)
            })
            .collect()
    }
}

/// Build metadata agrees where it is left out.
fn same(found: &Version, wanted: &Version) -> bool {
    let (found, wanted) = (found.semver(), wanted.semver());
    found.cmp_precedence(wanted).is_eq() && (found.build.is_empty() || found.build == wanted.build)
}

fn lags(place: &Place, entry: &Locked) -> Option<Finding> {
    let (manifest, (says, line)) = (entry.manifest.as_ref()?, entry.says.as_ref()?);
    if place.version.as_ref() == Some(says) {
        return None;
    }
    let message = format!("{} says {}, but {manifest}:{line} says {says}", named(place), place.found);
    Some(at(Finding::error("lock-out-of-date", message), place).hint(format!("run `{}` and commit {}", entry.remedy, place.file)))
}

fn named(place: &Place) -> String {
    match &place.kind {
        Kind::Lock(entry) if !entry.name.is_empty() => format!("the entry of `{}`", entry.name),
        _ => "this".into(),
    }
}

fn at(finding: Finding, place: &Place) -> Finding {
    finding.file(&*place.file).line(place.line)
}
