//! Units → the GitHub Actions matrix: which runner builds which target, and what it needs for that. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    cross,
    plan::{ANY, ReleasePlan},
};

/// What `strategy.matrix` takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// One entry a target.
    pub include: Vec<Job>,
}

/// One runner's share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Job {
    /// What `build --target` takes: a triple, or `any` for artifacts that need none.
    pub target: String,
    /// What `runs-on` takes.
    pub runner: String,
    /// Debian packages that building for it needs there: the cross linker; often none.
    pub packages: String,
}

/// One entry a target; `any` has an entry of its own, so that exactly one runner builds what depends on no target.
pub fn matrix(plan: &ReleasePlan, runners: &BTreeMap<String, String>) -> Matrix {
    let targets: BTreeSet<&str> = plan.units.iter().map(|unit| unit.target.as_deref().unwrap_or(ANY)).collect();
    Matrix { include: targets.into_iter().map(|target| job(target, runners)).collect() }
}

fn job(target: &str, runners: &BTreeMap<String, String>) -> Job {
    let runner = runners.get(target).cloned().unwrap_or_else(|| usual_runner(target).into());
    Job { target: target.into(), runner, packages: cross::packages(target).into() }
}

/// A machine of the target's own kind where GitHub has one; else Linux with a cross linker.
fn usual_runner(target: &str) -> &'static str {
    let arm = target.starts_with("aarch64");
    match (target, arm) {
        (t, true) if t.contains("windows") => "windows-11-arm",
        (t, false) if t.contains("windows") => "windows-2025",
        (t, true) if t.contains("apple") => "macos-15",
        (t, false) if t.contains("apple") => "macos-15-intel",
        (_, true) => "ubuntu-24.04-arm",
        (_, false) => "ubuntu-24.04",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::ForgeKind,
        kernel::TagTemplate,
        release::{plan::Unit, subject::Subject},
    };

    fn plan(targets: &[Option<&str>]) -> ReleasePlan {
        let tag = TagTemplate::parse("v{version}").unwrap().read_loose("v1.0.0").unwrap();
        let subject = Subject { tag, commit: "c".into(), epoch: 0, snapshot: false, dirty: false };
        let unit =
            |(index, target): (usize, &Option<&str>)| Unit { artifact: format!("a{index}"), target: target.map(str::to_owned), files: Vec::new(), raw: false };
        ReleasePlan { project: "p".into(), subject, forge: ForgeKind::Github, units: targets.iter().enumerate().map(unit).collect(), sbom: String::new() }
    }

    #[test]
    fn each_target_once_and_any_exactly_once() {
        let targets = [None, Some("x86_64-unknown-linux-gnu"), None, Some("aarch64-apple-darwin"), Some("x86_64-unknown-linux-gnu")];
        let runners = BTreeMap::from([("aarch64-apple-darwin".to_owned(), "our-mac".to_owned())]);
        let jobs = matrix(&plan(&targets), &runners).include;
        let said: Vec<_> = jobs.iter().map(|job| (job.target.as_str(), job.runner.as_str())).collect();
        assert_eq!(said, [("aarch64-apple-darwin", "our-mac"), ("any", "ubuntu-24.04"), ("x86_64-unknown-linux-gnu", "ubuntu-24.04")]);
    }

    #[test]
    fn every_kind_of_target_has_its_machine() {
        let runner = |target| usual_runner(target);
        assert_eq!(runner("aarch64-pc-windows-msvc"), "windows-11-arm");
        assert_eq!(runner("x86_64-pc-windows-msvc"), "windows-2025");
        assert_eq!(runner("x86_64-apple-darwin"), "macos-15-intel");
        assert_eq!(runner("aarch64-unknown-linux-musl"), "ubuntu-24.04-arm");
        assert_eq!((runner("riscv64gc-unknown-linux-gnu"), cross::packages("riscv64gc-unknown-linux-gnu").is_empty()), ("ubuntu-24.04", false));
    }
}
