//! Each sort of file with exact lines; what must not be invented; edits that touch nothing but versions.

mod bumping;
mod detecting;
mod fuzz;
#[cfg(unix)]
mod oracle;
mod reading;

use super::{Place, Survey, read, tree::Texts};
use crate::{
    config::{PrereleasePolicy, SourceSpec},
    kernel::{Finding, Version},
};

pub fn v(text: &str) -> Version {
    text.parse().unwrap()
}

pub fn file(file: &str) -> SourceSpec {
    SourceSpec { file: file.into(), pattern: None, heading: None }
}

pub fn pattern(path: &str, pattern: &str) -> SourceSpec {
    SourceSpec { pattern: Some(pattern.into()), ..file(path) }
}

pub fn heading(path: &str, heading: &str) -> SourceSpec {
    SourceSpec { heading: Some(heading.into()), ..file(path) }
}

pub fn survey(texts: &[(&str, &str)], specs: &[SourceSpec]) -> Survey {
    read(&Texts::of(texts.iter().copied()), specs).unwrap()
}

pub fn shown(places: &[Place]) -> Vec<String> {
    places.iter().map(|place| format!("{}:{}:{} {}", place.file, place.line, place.column, place.found)).collect()
}

pub fn findings(texts: &[(&str, &str)], specs: &[SourceSpec], wanted: &str, policy: PrereleasePolicy) -> Vec<String> {
    told(&survey(texts, specs).check(&v(wanted), policy))
}

pub fn told(findings: &[Finding]) -> Vec<String> {
    let place = |finding: &Finding| {
        let file = finding.file.as_deref().unwrap_or("-");
        finding.line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"))
    };
    findings.iter().map(|finding| format!("{} {}", finding.code, place(finding))).collect()
}

pub fn strict(texts: &[(&str, &str)], specs: &[SourceSpec], wanted: &str) -> Vec<String> {
    findings(texts, specs, wanted, PrereleasePolicy::Strict)
}
