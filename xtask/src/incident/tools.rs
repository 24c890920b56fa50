//! `check --only tools`: the programs that the project needs, found version, wanted range, how to get it. Runs each with its version flag only.

use semver::{Comparator, Op, VersionReq};
use serde::Serialize;

use crate::{
    config::{Project, Tool},
    effects::{
        docker,
        process::{self, Program},
    },
    kernel::Finding,
};

/// One program, as it is here.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct State {
    /// The program.
    pub name: String,
    /// Its version, where it told one.
    pub found: Option<String>,
    /// The versions that will do.
    pub wanted: Option<String>,
    /// `ok`, `missing`, `wrong-version`, `unknown-version`.
    pub state: &'static str,
    /// How to get it.
    pub get: Option<String>,
}

/// Looks at every tool of the configuration, and at Docker where services or volumes need it.
pub fn look(project: &Project) -> Vec<(State, Option<Finding>)> {
    let config = &project.config;
    let mut found: Vec<_> = config.tools.iter().map(one).collect();
    let needs_docker = config.services.is_some() || config.backups.iter().any(|backup| backup.volume.is_some());
    if needs_docker {
        if !config.tools.iter().any(|tool| tool.name == "docker") {
            found.push(one(&Tool { name: "docker".into(), version: None, command: None, install: None }));
        }
        found.extend(engine());
    }
    found
}

/// Only what is wrong.
pub fn check(project: &Project) -> Vec<Finding> {
    look(project).into_iter().filter_map(|(_, finding)| finding).collect()
}

fn engine() -> Option<(State, Option<Finding>)> {
    process::find("docker")?;
    let state = |state| State { name: "docker engine".into(), found: None, wanted: None, state, get: None };
    Some(match docker::reachable() {
        Ok(()) => (state("ok"), None),
        Err(error) => {
            let finding = Finding::warning("tool-docker", error.to_string());
            (state("not-running"), Some(error.hints().iter().fold(finding, |finding, hint| finding.hint(hint))))
        }
    })
}

fn one(tool: &Tool) -> (State, Option<Finding>) {
    let get = tool.install.clone().or_else(|| usual(&tool.name).map(str::to_owned));
    let hint = get.clone().map_or_else(|| format!("install {}, or put it on the PATH", tool.name), |get| format!("get it: {get}"));
    let state = |found: Option<String>, state| State { name: tool.name.clone(), found, wanted: tool.version.clone(), state, get: get.clone() };
    let wanted = tool.version.as_deref().unwrap_or("any version");
    let words = tool.command.clone().unwrap_or_else(|| vec![tool.name.clone(), "--version".into()]);
    let Some(text) = ask(&words) else {
        let finding = Finding::error("tool-missing", format!("{} is not installed (wanted: {wanted})", tool.name));
        return (state(None, "missing"), Some(finding.hint(hint)));
    };
    let range = tool.version.as_deref().map(range);
    match (version_in(&text), range) {
        (_, Some(None)) => (
            state(None, "unknown-version"),
            Some(Finding::error("tool-range", format!("{}: `{wanted}` is not a range of versions", tool.name)).hint("write it like >=20 or >=3.10, <4")),
        ),
        (Some(found), Some(Some(range))) if !fits(&range, &found) => {
            let finding = Finding::error("tool-version", format!("{} is {found}, wanted is {wanted}", tool.name));
            (state(Some(found.to_string()), "wrong-version"), Some(finding.hint(hint)))
        }
        (None, Some(_)) => (
            state(None, "unknown-version"),
            Some(
                Finding::warning("tool-unknown", format!("{} doesn't tell its version with `{}`", tool.name, words.join(" ")))
                    .hint("set [[tool]] command to the words that do"),
            ),
        ),
        (found, _) => (state(found.map(|found| found.to_string()), "ok"), None),
    }
}

/// What the program prints; none when it can't be started.
fn ask(words: &[String]) -> Option<String> {
    let (name, args) = words.split_first()?;
    let captured = Program::new(name).args(args).env("LC_ALL", "C").capture().ok()?;
    // Some print their version to standard error (Java), some only when the flag is wrong.
    Some(format!("{}\n{}", captured.text(), captured.error_text()))
}

/// How to get programs that are often needed.
fn usual(name: &str) -> Option<&'static str> {
    Some(match name {
        "node" | "npm" | "npx" => "https://nodejs.org, or your system's package `nodejs`",
        "python3" | "python" => "https://www.python.org/downloads, or your system's package `python3`",
        "docker" => "https://docs.docker.com/engine/install",
        "codex" => "npm install -g @openai/codex",
        "git" => "https://git-scm.com/downloads",
        "cargo" | "rustc" => "https://rustup.rs",
        _ => return None,
    })
}

/// The first version in a text: `v22.3.0`, `Python 3.11.2`, `Docker version 24.0.07, build …`. Missing parts are 0.
fn version_in(text: &str) -> Option<semver::Version> {
    let pattern = regex::Regex::new(r"(?:^|[^\w.])[vV]?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?(?:[-.]?((?:rc|alpha|beta|a|b|pre|dev|nightly)[.\-]?\d*))?").ok()?;
    let lone = regex::Regex::new(r"(?:^|\s)[vV]?(\d{1,9})(?:\s|$)").ok()?;
    let found = pattern.captures(text).or_else(|| lone.captures(text))?;
    let number = |index| found.get(index).map_or(Some(0), |part| part.as_str().parse().ok());
    let mut version = semver::Version::new(number(1)?, number(2)?, number(3)?);
    if let Some(pre) = found.get(4) {
        version.pre = semver::Prerelease::new(&pre.as_str().replace('-', ".")).unwrap_or_default();
    }
    Some(version)
}

/// `>=20`, `>=3.10 <4`, `20.x`, `22`: comparators by commas or blanks.
fn range(text: &str) -> Option<VersionReq> {
    let spaced = regex::Regex::new(r"([<>=^~]+)\s+").ok()?.replace_all(text.trim(), "$1").into_owned();
    let parts: Vec<String> = spaced.split([',', ' ']).filter(|part| !part.is_empty()).map(|part| part.replace(".x", ".*")).collect();
    // A bare `3.11` means this line of versions, not everything compatible up to 4.
    let parts = parts.iter().map(|part| if part.starts_with(|c: char| c.is_ascii_digit()) && !part.contains('*') { format!("={part}") } else { part.clone() });
    VersionReq::parse(&parts.collect::<Vec<_>>().join(", ")).ok()
}

/// A prerelease counts as the version it leads to, but doesn't reach the lower bound itself.
fn fits(range: &VersionReq, found: &semver::Version) -> bool {
    let mut base = found.clone();
    base.pre = semver::Prerelease::EMPTY;
    let exact_bound =
        |bound: &Comparator| bound.op == Op::GreaterEq && semver::Version::new(bound.major, bound.minor.unwrap_or(0), bound.patch.unwrap_or(0)) == base;
    range.matches(&base) && (found.pre.is_empty() || !range.comparators.iter().any(exact_bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_print() {
        let shown = [
            ("v22.3.0", "22.3.0"),
            ("Python 3.11.2", "3.11.2"),
            ("Docker version 24.0.07, build 297e128", "24.0.7"),
            ("codex-cli 0.42.0-beta.3", "0.42.0-beta.3"),
            ("openjdk version \"17.0.9\" 2023-10-17", "17.0.9"),
            ("git version 2.39.5", "2.39.5"),
            ("Python 3.14.0rc2", "3.14.0-rc2"),
            ("7", "7.0.0"),
        ];
        for (text, wanted) in shown {
            assert_eq!(version_in(text).map(|version| version.to_string()).as_deref(), Some(wanted), "{text}");
        }
        assert_eq!(version_in("usage: tool [options]"), None);
    }

    #[test]
    fn ranges_read_as_people_write_them() {
        let fit = |range_text: &str, version: &str| fits(&range(range_text).unwrap(), &version.parse().unwrap());
        assert!(
            fit(">=20", "22.3.0")
                && fit(">= 3.10, < 4", "3.11.2")
                && fit(">=3.10 <4", "3.11.2")
                && fit("20.x", "20.9.1")
                && fit("3.11", "3.11.9")
                && fit("^1.2", "1.9.0")
        );
        assert!(!fit(">=20", "18.19.0") && !fit("3.11", "3.12.0") && !fit(">=3.14", "3.14.0-rc2") && !fit("<4", "4.0.0"));
        assert!(range("about twenty").is_none());
    }
}
