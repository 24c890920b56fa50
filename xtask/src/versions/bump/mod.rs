//! Plans the edits that bring every source to a new version. Each file stays as it is, byte for byte, but for the version.
//!
//! Pure but for reading through [`Tree`]. A plan is checked by reading its own outcome before anything is written.

mod apply;

pub use apply::{Done, Wanted, apply, preflight, target};

use std::{collections::BTreeMap, ops::Range};

use serde::Serialize;

use super::{
    Kind, Overlay, Place, Tree, disagreements, heading,
    npm::range,
    pep440,
    place::File,
    read,
    source::{self, Sort},
};
use crate::{
    config::{PrereleasePolicy, SourceSpec},
    kernel::{Error, Finding, Result, Version},
};

/// One change of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// Path relative to the repository's root.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What is there now; empty where a line is added.
    pub from: String,
    /// What will be there.
    pub to: String,
}

/// A file with all its edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Path relative to the repository's root.
    pub file: String,
    /// What it will hold.
    pub bytes: Vec<u8>,
}

/// What is to be done. The file that names the current version comes last, so that a plan that was cut short is made again alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The version that the sources say now.
    pub from: Version,
    /// The new one.
    pub to: Version,
    /// Every edit, in the order of the sources.
    pub edits: Vec<Edit>,
    /// The files, in the order of writing.
    pub changes: Vec<Change>,
    /// All files that hold a version.
    pub files: Vec<String>,
    /// What can't be edited here and is to be mended by hand.
    pub left: Vec<Finding>,
}

/// The version that the sources say now, which levels count from.
pub fn current(tree: &dyn Tree, specs: &[SourceSpec]) -> Result<Version> {
    let survey = read(tree, specs)?;
    let found = survey.current().cloned();
    found.ok_or_else(|| {
        Error::findings("no source says which version it is now", survey.findings)
            .hint("name the version itself: `xtask bump 1.2.3`, with a source to write it to")
    })
}

/// Plans every edit. Findings stop it: nothing is edited where something can't be.
pub fn plan(tree: &dyn Tree, specs: &[SourceSpec], new: &Version, date: &str) -> Result<Plan> {
    let survey = read(tree, specs)?;
    let from = current(tree, specs)?;
    let mut work = Work { splices: BTreeMap::new(), edits: Vec::new(), findings: stopping(&survey.findings), new };
    for place in &survey.places {
        work.place(place);
    }
    work.change_logs(tree, specs, date)?;
    if !work.findings.is_empty() {
        return Err(Error::findings(format!("the sources can't be brought to {new}"), work.findings));
    }
    let leader = survey.leader().map(|place| place.file.clone());
    let changes = work.changes(tree, leader.as_deref())?;
    let mut left = proven(tree, specs, new, &changes)?;
    left.extend(other_locks(tree, &survey.places, &work.edits));
    let mut files: Vec<String> = survey.places.into_iter().map(|place| place.file).collect();
    files.sort();
    files.dedup();
    Ok(Plan { from, to: new.clone(), edits: work.edits, changes, files, left })
}

/// Lock files of other package managers repeat the ranges that members ask of each other, in languages of their own.
fn other_locks(tree: &dyn Tree, places: &[Place], edits: &[Edit]) -> Vec<Finding> {
    const LOCKS: [(&str, &str); 4] =
        [("pnpm-lock.yaml", "pnpm install --lockfile-only"), ("yarn.lock", "yarn install"), ("bun.lock", "bun install"), ("bun.lockb", "bun install")];
    let edited = |place: &Place| matches!(place.kind, Kind::Range { .. }) && edits.iter().any(|edit| (&edit.file, edit.line) == (&place.file, place.line));
    let Some(place) = places.iter().find(|place| edited(place)) else { return Vec::new() };
    let there = LOCKS.iter().filter(|(lock, _)| super::tree::contains(tree.files(), lock));
    let finding = |(lock, remedy): &(&str, &str)| {
        let message = format!(
            "it repeats what packages ask of each other, and {}:{} changes: an install that keeps to the lock file would refuse",
            place.file, place.line
        );
        Finding::warning("lock-out-of-date", message).hint(format!("run `{remedy}` and commit {lock}")).file(*lock)
    };
    there.map(finding).collect()
}

fn stopping(findings: &[Finding]) -> Vec<Finding> {
    findings.iter().filter(|finding| finding.is_error()).cloned().collect()
}

struct Work<'v> {
    splices: BTreeMap<String, Vec<(Range<usize>, String)>>,
    edits: Vec<Edit>,
    findings: Vec<Finding>,
    new: &'v Version,
}

impl Work<'_> {
    fn place(&mut self, place: &Place) {
        match self.text_for(place) {
            Ok(Some(to)) if to != place.found => self.splice(place, to),
            Ok(_) => {}
            Err(finding) => self.findings.push(finding),
        }
    }

    /// What the place is to say; `None` leaves it.
    fn text_for(&self, place: &Place) -> Result<Option<String>, Finding> {
        let unreadable = |why: String, hint: &str| Err(Finding::error("version-unreadable", why).hint(hint).file(&*place.file).line(place.line));
        match &place.kind {
            Kind::Heading => Ok(None),
            Kind::Lock(entry) if !entry.checked => Ok(None),
            Kind::Requirement { text } => Ok(self.requirement(place, text)),
            Kind::Range { text, peer, .. } => Ok(self.range(place, text, *peer)),
            _ if place.version.is_none() => unreadable(format!("`{}` is no version that can be edited", place.found), "write a version there first"),
            Kind::Python if place.version.as_ref().is_some_and(|now| pep440::same(now, self.new)) => Ok(None),
            Kind::Python => match pep440::write(self.new, &place.found) {
                Some(text) => Ok(Some(text)),
                None => unreadable(format!("Python has no way to write {}", self.new), "use alpha, beta, rc or dev"),
            },
            Kind::Badge if place.version.as_ref() == Some(self.new) => Ok(None),
            Kind::Badge => Ok(Some(self.new.to_string().replace('-', "--"))),
            Kind::Manifest | Kind::Text | Kind::Lock(_) => Ok(Some(self.new.to_string())),
        }
    }

    /// A full requirement follows; a short one (`1.2`) stays as long as the new version fits.
    fn requirement(&self, place: &Place, text: &str) -> Option<String> {
        let fits = semver::VersionReq::parse(text).is_ok_and(|wanted| wanted.matches(self.new.semver()));
        (place.version.is_some() || !fits).then(|| self.new.to_string())
    }

    /// A full version follows; a short one, and what users bring themselves, stays while the new version fits. What is more than one version is
    /// its author's own to mend.
    fn range(&self, place: &Place, text: &str, peer: bool) -> Option<String> {
        let one = place.found.starts_with(|c: char| c.is_ascii_digit()) && !place.found.contains([' ', '|', '*', 'x', 'X']);
        let stays = range::fits(text, self.new) == Some(true) && (peer || place.version.is_none());
        (one && !stays).then(|| self.new.to_string())
    }

    fn splice(&mut self, place: &Place, to: String) {
        let splices = self.splices.entry(place.file.clone()).or_default();
        if splices.iter().all(|(span, _)| *span != place.span) {
            splices.push((place.span.clone(), to.clone()));
            self.edits.push(Edit { file: place.file.clone(), line: place.line, from: place.found.clone(), to });
        }
    }

    fn change_logs(&mut self, tree: &dyn Tree, specs: &[SourceSpec], date: &str) -> Result<()> {
        for spec in specs {
            let Sort::Heading(heading) = source::sort(spec)? else { continue };
            for path in source::expand(spec, tree.files())?.0 {
                let Some(Ok(file)) = tree.read(&path)?.map(|bytes| File::new(&path, bytes)) else { continue };
                self.change_log(&file, &heading, spec, date)?;
            }
        }
        Ok(())
    }

    fn change_log(&mut self, file: &File, heading: &heading::Heading, spec: &SourceSpec, date: &str) -> Result<()> {
        let only = SourceSpec { file: file.path.clone(), ..spec.clone() };
        let single = One { path: [file.path.clone()], text: &file.text };
        for (span, to) in heading::links(file, self.new) {
            let (line, from) = (file.position(span.start).0, file.text.get(span.clone()).unwrap_or_default().to_owned());
            let line = if from.is_empty() { line + 1 } else { line };
            self.edits.push(Edit { file: file.path.clone(), line, from, to: to.trim().into() });
            self.splices.entry(file.path.clone()).or_default().push((span, to));
        }
        if disagreements(&read(&single, &[only])?.places, self.new, PrereleasePolicy::Strict).is_empty() {
            return Ok(());
        }
        match heading::insertion(file, heading, self.new, date) {
            Some((at, text)) => {
                let line = file.position(at).0 + 2;
                self.edits.push(Edit { file: file.path.clone(), line, from: String::new(), to: text.trim().into() });
                self.splices.entry(file.path.clone()).or_default().push((at..at, text));
            }
            None => self.findings.push(
                Finding::error("changelog-missing", format!("there is no heading for {}, and no `Unreleased` to put it under", self.new))
                    .hint("write down what changed, under a heading of its own or under `## Unreleased`")
                    .file(&*file.path)
                    .line(1),
            ),
        }
        Ok(())
    }

    fn changes(&self, tree: &dyn Tree, leader: Option<&str>) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for (path, splices) in &self.splices {
            let Some(Ok(file)) = tree.read(path)?.map(|bytes| File::new(path, bytes)) else { continue };
            changes.push(Change { file: path.clone(), bytes: spliced(&file, splices) });
        }
        changes.sort_by_key(|change| Some(change.file.as_str()) == leader);
        Ok(changes)
    }
}

fn spliced(file: &File, splices: &[(Range<usize>, String)]) -> Vec<u8> {
    let mut splices: Vec<_> = splices.iter().collect();
    splices.sort_by_key(|(span, _)| span.start);
    let mut text = String::from(if file.bom { "\u{feff}" } else { "" });
    let mut at = 0;
    for (span, new) in splices {
        text.push_str(file.text.get(at..span.start).unwrap_or_default());
        text.push_str(new);
        at = span.end;
    }
    text.push_str(file.text.get(at..).unwrap_or_default());
    text.into_bytes()
}

/// Reads what the plan would leave: every source must say the new version. What is left to mend by hand is given back.
fn proven(tree: &dyn Tree, specs: &[SourceSpec], new: &Version, changes: &[Change]) -> Result<Vec<Finding>> {
    let after = Overlay::new(tree);
    for change in changes {
        after.set(&change.file, change.bytes.clone());
    }
    let findings = read(&after, specs)?.check(new, PrereleasePolicy::Strict);
    if findings.iter().any(Finding::is_error) {
        return Err(Error::findings(format!("after the edits the sources would not say {new}: nothing was changed"), findings));
    }
    Ok(findings)
}

/// One file alone.
struct One<'t> {
    path: [String; 1],
    text: &'t str,
}

impl Tree for One<'_> {
    fn files(&self) -> &[String] {
        &self.path
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.path.iter().any(|own| own == path).then(|| self.text.as_bytes().to_vec()))
    }
}
