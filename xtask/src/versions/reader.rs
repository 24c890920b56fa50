//! Reads all sources of a tree: every place, and every finding about what can't be read, at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    Tree, cargo, heading, npm, pattern,
    place::{File, Kind, Outcome, Place},
    pyproject, python,
    source::{self, Sort},
};
use crate::{
    config::SourceSpec,
    kernel::{Finding, Result, Version},
};

/// Everything that the sources say.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Where versions are written, in the order of the sources.
    pub places: Vec<Place>,
    /// What can't be read, is missing, or lags behind.
    pub findings: Vec<Finding>,
}

impl Survey {
    /// The version that the sources hold: the first that a manifest or a plain file names, else the first of a lock file.
    pub fn current(&self) -> Option<&Version> {
        self.leader()?.version.as_ref()
    }

    /// The place that says it.
    pub fn leader(&self) -> Option<&Place> {
        let names = |place: &&Place| !matches!(place.kind, Kind::Heading | Kind::Lock(_) | Kind::Requirement { .. } | Kind::Range { .. });
        let locks = |place: &&Place| matches!(&place.kind, Kind::Lock(entry) if entry.checked);
        let mut known = self.places.iter().filter(|place| place.version.is_some());
        known.clone().find(names).or_else(|| known.find(locks))
    }
}

/// Reads all sources. Findings are in the survey; an error is a wrong configuration, or a tree that can't be read.
pub fn read(tree: &dyn Tree, specs: &[SourceSpec]) -> Result<Survey> {
    let mut reader = Reader { tree, files: BTreeMap::new(), survey: Survey::default(), hits: 0, manifests: BTreeSet::new(), requirements: Vec::new() };
    for spec in specs {
        reader.source(spec)?;
    }
    let mut survey = reader.finish();
    if !specs.is_empty() && survey.places.is_empty() && survey.findings.is_empty() {
        survey.findings.push(
            Finding::error("version-missing", "none of the version sources holds a version")
                .hint("add a [[version.source]] that does, e.g. a file named VERSION"),
        );
    }
    Ok(survey)
}

/// Collects what is found, and reads each file once.
pub struct Reader<'t> {
    tree: &'t dyn Tree,
    files: BTreeMap<String, Option<Rc<File>>>,
    survey: Survey,
    hits: usize,
    manifests: BTreeSet<String>,
    requirements: Vec<(Vec<String>, Place)>,
}

impl Reader<'_> {
    fn source(&mut self, spec: &SourceSpec) -> Result<()> {
        let sort = source::sort(spec)?;
        let (paths, glob) = source::expand(spec, self.tree.files())?;
        if paths.is_empty() {
            self.finding(no_file(spec, glob));
        }
        let before = self.hits;
        for path in &paths {
            match self.read_as(&sort, path)? {
                Outcome::Absent(finding) if !glob => self.finding(finding),
                Outcome::Derived => self.hits += 1,
                Outcome::Absent(_) | Outcome::Read => {}
            }
        }
        if glob && !paths.is_empty() && self.hits == before {
            let message = format!("{} files match `{}`, and none holds a version", paths.len(), spec.file);
            self.finding(Finding::error("version-missing", message).hint("correct the glob in xtask.toml, or remove the source"));
        }
        Ok(())
    }

    fn read_as(&mut self, sort: &Sort, path: &str) -> Result<Outcome> {
        let Some(file) = self.file(path)? else { return Ok(Outcome::Read) };
        match sort {
            Sort::CargoManifest => cargo::manifest(self, &file),
            Sort::CargoLock => cargo::lock(self, &file),
            Sort::NpmManifest => npm::manifest(self, &file),
            Sort::NpmLock => npm::lock(self, &file),
            Sort::Pyproject => pyproject::manifest(self, &file),
            Sort::Python => Ok(python::assignments(self, &file, python::USUAL)),
            Sort::Plain => Ok(python::plain(self, &file)),
            Sort::Pattern(pattern) => Ok(pattern::occurrences(self, &file, pattern)),
            Sort::Heading(heading) => Ok(heading::headings(self, &file, heading)),
        }
    }

    /// A file's text, read once; `None` where it isn't there or is no text, which is noted then.
    pub fn file(&mut self, path: &str) -> Result<Option<Rc<File>>> {
        if let Some(known) = self.files.get(path) {
            return Ok(known.clone());
        }
        let file = match self.tree.read(path)?.map(|bytes| File::new(path, bytes)) {
            Some(Ok(file)) => Some(Rc::new(file)),
            Some(Err(finding)) => {
                self.finding(finding);
                None
            }
            None => None,
        };
        self.files.insert(path.into(), file.clone());
        Ok(file)
    }

    /// Every file of the tree.
    pub fn list(&self) -> &[String] {
        self.tree.files()
    }

    /// Notes a place, once.
    pub fn place(&mut self, place: Place) {
        self.hits += 1;
        let known = self.survey.places.iter().any(|other| other.file == place.file && other.span == place.span && other.kind == place.kind);
        if !known {
            self.survey.places.push(place);
        }
    }

    /// Notes a finding, once.
    pub fn finding(&mut self, finding: Finding) {
        self.hits += 1;
        if !self.survey.findings.contains(&finding) {
            self.survey.findings.push(finding);
        }
    }

    /// Notes that a manifest's version is among the sources.
    pub fn checks(&mut self, manifest: &str) {
        self.manifests.insert(manifest.into());
    }

    /// Notes what a package asks of another one; it counts where all that it `needs` is among the sources.
    pub fn requirement(&mut self, needs: Vec<String>, place: Place) {
        self.requirements.push((needs, place));
    }

    /// An entry of a lock file must agree with the sources where its manifest is one of them, or where no manifest of that lock file is.
    fn finish(mut self) -> Survey {
        for (needs, place) in std::mem::take(&mut self.requirements) {
            if needs.iter().all(|needed| self.manifests.contains(needed)) {
                self.place(place);
            }
        }
        let listed: BTreeSet<String> = self
            .survey
            .places
            .iter()
            .filter(|place| manifest_of(place).is_some_and(|path| self.manifests.contains(path)))
            .map(|place| place.file.clone())
            .collect();
        for place in &mut self.survey.places {
            let alone = !listed.contains(&place.file);
            if let Kind::Lock(entry) = &mut place.kind {
                let by_manifest = entry.manifest.as_ref().is_some_and(|path| self.manifests.contains(path));
                entry.checked = by_manifest || (alone && entry.checked);
            }
        }
        self.survey
    }
}

fn manifest_of(place: &Place) -> Option<&str> {
    match &place.kind {
        Kind::Lock(entry) => entry.manifest.as_deref(),
        _ => None,
    }
}

fn no_file(spec: &SourceSpec, glob: bool) -> Finding {
    let message = if glob { format!("no file matches `{}`", spec.file) } else { "this version source isn't there".to_owned() };
    let finding = Finding::error("version-missing", message).hint("correct `file` under [[version.source]] in xtask.toml, or add the file to git");
    if glob { finding } else { finding.file(&*spec.file) }
}
