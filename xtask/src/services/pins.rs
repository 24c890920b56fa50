//! Where an image is pinned: a variable in `.env`, or the compose file itself. Edits are planned on text, formatting kept, and checked by
//! filling in again; writing is one atomic replacement a file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::compose::{
    Files,
    variables::{Environment, Piece, Reference, interpolate, pieces},
};
use crate::{
    effects::files,
    kernel::{Error, Result},
};

/// One file with its text before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The file.
    pub path: PathBuf,
    /// Its text before; none where the file isn't there yet.
    pub before: Option<String>,
    /// Its text after.
    pub after: String,
}

/// One pin, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The service.
    pub service: String,
    /// Where: `.env: FALKORDB_IMAGE_TAG`, `docker-compose.yml:8`.
    pub place: String,
    /// What is there after.
    pub value: String,
}

/// Edits that make the compose file ask for these images.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// Files to replace.
    pub edits: Vec<Edit>,
    /// What changes in them.
    pub pins: Vec<Pin>,
}

/// Which way edits are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// As it was.
    Before,
    /// As it shall be.
    After,
}

/// Plans the edits for services and images.
pub fn plan(files: &Files, wanted: &BTreeMap<String, String>) -> Result<Pins> {
    let mut work = Work { files, env: files.environment.clone(), texts: BTreeMap::new(), pins: Vec::new() };
    for (service, image) in wanted {
        work.set(service, image)?;
    }
    work.prove(wanted)?;
    Ok(work.finish())
}

struct Work<'a> {
    files: &'a Files,
    env: Environment,
    texts: BTreeMap<PathBuf, (String, String)>,
    pins: Vec<Pin>,
}

impl Work<'_> {
    fn set(&mut self, service: &str, image: &str) -> Result<()> {
        let written = self.files.string(&["services", service, "image"]).ok_or_else(|| not_written(service))?.to_owned();
        if interpolate(&written, &self.files.environment).0 == image {
            return Ok(());
        }
        match solve(&written, image, &self.files.environment) {
            Solution::Literal => self.literal(service, &written, image),
            Solution::Variable(name, value) => self.variable(service, &name, &value),
            Solution::None => Err(Error::refused(format!("the image of {service} can't become {image}: the compose file says `{written}`"))
                .hint("change the image in the compose file by hand, to a literal or to a variable that holds tag and digest")),
        }
    }

    fn variable(&mut self, service: &str, name: &str, value: &str) -> Result<()> {
        let shown = self.files.env_shown(name);
        if self.files.environment.shell.contains_key(name) {
            return Err(Error::refused(format!("{name} is set in this shell, which overrides {shown}: a pin there would do nothing"))
                .hint(format!("unset {name}, and let {shown} hold it")));
        }
        if self.files.environment.files.is_empty() {
            return Err(Error::refused(format!("COMPOSE_DISABLE_ENV_FILE is set: no file can hold {name}")).hint("unset it"));
        }
        self.env = self.env.with(name, value);
        self.pins.push(Pin { service: service.into(), place: format!("{shown}: {name}"), value: value.into() });
        Ok(())
    }

    fn literal(&mut self, service: &str, written: &str, image: &str) -> Result<()> {
        let path = ["services", service, "image"];
        let file = self.files.files.iter().rev().find(|file| file.source.string(&path) == Some(written)).ok_or_else(|| not_written(service))?;
        let line = file.source.exact_line(&path).ok_or_else(|| not_written(service))?;
        let (_, text) = self.texts.entry(file.path.clone()).or_insert_with(|| (file.source.text().to_owned(), file.source.text().to_owned()));
        let replace = |(index, old): (usize, &str)| if index + 1 == line { old.replacen(written, image, 1) } else { old.to_owned() };
        *text = text.split_inclusive('\n').enumerate().map(replace).collect();
        self.pins.push(Pin { service: service.into(), place: format!("{}:{line}", file.shown), value: image.into() });
        Ok(())
    }

    /// Fills in again: the wanted images come out, and no other service's image moved.
    fn prove(&self, wanted: &BTreeMap<String, String>) -> Result<()> {
        let mut after = self.files.clone();
        after.environment = self.env.clone();
        for file in &mut after.files {
            if let Some((_, text)) = self.texts.get(&file.path) {
                file.source = super::compose::Source::parse(text, &file.shown)?;
            }
        }
        let (before, after) = (self.files.rendered_here(), after.rendered_here());
        for (name, service) in &after.services {
            let old = before.services.get(name).and_then(|service| service.image.clone());
            let expected = wanted.get(name).cloned().or(old);
            if service.image != expected {
                let (is, should) = (service.image.clone().unwrap_or_default(), expected.unwrap_or_default());
                return Err(Error::refused(format!("pinning would make the image of {name} {is} instead of {should}: services share a variable"))
                    .hint("give each service a variable of its own in the compose file"));
            }
        }
        Ok(())
    }

    fn finish(self) -> Pins {
        let edit = |(path, (before, after)): (PathBuf, (String, String))| Edit { path: behind_links(&path), before: Some(before), after };
        let mut edits: Vec<Edit> = self.texts.into_iter().map(edit).collect();
        for (before, after) in self.files.environment.files.iter().zip(&self.env.files).filter(|(before, after)| before != after) {
            let there = files::exists(before.path()).then(|| before.text().to_owned());
            edits.push(Edit { path: behind_links(before.path()), before: there, after: after.text().to_owned() });
        }
        edits.retain(|edit| edit.before.as_deref() != Some(&edit.after));
        Pins { edits, pins: self.pins }
    }
}

/// A link stays a link: the file that it leads to is the one that is replaced.
fn behind_links(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn not_written(service: &str) -> Error {
    Error::refused(format!("the image of {service} is not written in the compose file in a way that can be edited"))
        .hint(format!("write `image:` on a line of its own below `{service}:`"))
}

enum Solution {
    Literal,
    Variable(String, String),
    None,
}

/// Which variable has to hold what, so that `written` becomes `image`.
fn solve(written: &str, image: &str, environment: &Environment) -> Solution {
    let pieces = pieces(written);
    let references: Vec<(usize, &Reference)> =
        pieces.iter().enumerate().filter_map(|(at, piece)| if let Piece::Reference(reference) = piece { Some((at, reference)) } else { None }).collect();
    if references.is_empty() {
        return Solution::Literal;
    }
    let text = |pieces: &[Piece]| pieces.iter().map(|piece| filled(piece, environment)).collect::<String>();
    // The last variable is usually the tag.
    for (at, reference) in references.into_iter().rev().filter(|(_, reference)| !reference.operator.ends_with('+')) {
        let (before, after) = (text(pieces.get(..at).unwrap_or_default()), text(pieces.get(at + 1..).unwrap_or_default()));
        let value = image.strip_prefix(&before).and_then(|rest| rest.strip_suffix(&after));
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            return Solution::Variable(reference.name.clone(), value.into());
        }
    }
    Solution::None
}

fn filled(piece: &Piece, environment: &Environment) -> String {
    match piece {
        Piece::Text(text) => text.clone(),
        Piece::Reference(reference) => {
            let (operator, word) = (&reference.operator, &reference.word);
            interpolate(&format!("${{{}{operator}{word}}}", reference.name), environment).0
        }
    }
}

/// Writes one side of every edit. A file that is neither as before nor as after was changed by somebody else: nothing is written then.
///
/// What is replaced keeps a second name in the folder `kept`, so that going back needs no room on a disk that has filled meanwhile.
pub fn write(pins: &Pins, side: Side, kept: &Path) -> Result<()> {
    for edit in &pins.edits {
        let now = files::read_text_if_there(&edit.path)?;
        if now != edit.before && now.as_deref() != Some(&edit.after) {
            return Err(changed(&edit.path));
        }
    }
    pins.edits.iter().enumerate().try_for_each(|(at, edit)| write_one(edit, side, &kept.join(at.to_string())))
}

fn write_one(edit: &Edit, side: Side, kept: &Path) -> Result<()> {
    let now = files::read_text_if_there(&edit.path)?;
    match (side, &edit.before) {
        (Side::After, _) if now.as_deref() == Some(&edit.after) => Ok(()),
        (Side::After, before) => {
            if before.is_some() {
                // Only a help: a file system without links goes on as it always did.
                drop(files::second_name(&edit.path, kept));
            }
            files::write(&edit.path, edit.after.as_bytes())
        }
        (Side::Before, before) if now == *before => Ok(()),
        (Side::Before, Some(text)) => files::write(&edit.path, text.as_bytes()).or_else(|error| match files::read_text_if_there(kept) {
            Ok(Some(there)) if there == *text => files::rename(kept, &edit.path),
            _ => Err(error),
        }),
        (Side::Before, None) => files::remove_file(&edit.path),
    }
}

fn changed(path: &Path) -> Error {
    Error::refused(format!("{} was changed by somebody else meanwhile", path.display()))
        .hint("set the image tags in it by hand, or put the file back as it was; then give the same command again")
}

#[cfg(test)]
mod tests;
