//! Tags: none, `latest` (also by default), and variables that nobody set. Pure.

use super::Subject;
use crate::{
    kernel::Finding,
    services::{
        compose::variables::{Piece, Reference, pieces},
        status::split,
    },
};

/// Tags that move by their name's meaning.
const MOVING: [&str; 10] = ["latest", "edge", "nightly", "main", "master", "dev", "develop", "stable", "rolling", "canary"];

pub(super) fn check(subject: &Subject<'_>) -> Option<Finding> {
    let image = subject.service.image.as_deref().filter(|_| !subject.service.built)?;
    let references = references(subject.written(&["image"]).unwrap_or(image));
    let unset = |reference: &&Reference| subject.files.environment.get(&reference.name).is_none_or(|value| value.is_empty());
    if references.iter().any(|reference| reference.is_required() && unset(&reference)) || image.contains("@sha256:") {
        // A missing variable is a finding of its own; a digest can't move.
        return None;
    }
    let (name, tag) = split(image);
    let what = match tag {
        None | Some("") => format!("{} runs {name} without a tag, which means `latest`", subject.name),
        Some(tag) if MOVING.contains(&tag) => format!("{} runs {name}:{tag}, which moves with every push", subject.name),
        Some(_) => return in_shell_only(subject, &references),
    };
    let code = if tag.is_none_or(str::is_empty) { "image-no-tag" } else { "image-latest" };
    Some(place(subject, code, &what, &references, name))
}

fn references(written: &str) -> Vec<Reference> {
    let pieces = pieces(written).into_iter();
    pieces.filter_map(|piece| if let Piece::Reference(reference) = piece { Some(reference) } else { None }).collect()
}

/// Where the tag comes from is where it has to be pinned: the `.env` line, the shell, or the compose file.
fn place(subject: &Subject<'_>, code: &str, what: &str, references: &[Reference], name: &str) -> Finding {
    let environment = &subject.files.environment;
    let at_image = |finding: Finding| subject.at(finding, &["image"]);
    let Some(variable) = references.last() else {
        return at_image(Finding::error(code, what).hint(format!("name a version: image: {name}:VERSION")));
    };
    let variable = &variable.name;
    let env = subject.files.env_shown(variable);
    if environment.shell.contains_key(variable) {
        return at_image(Finding::error(code, what).hint(format!("{variable} is set in the shell: set a version there, or unset it and pin it in {env}")));
    }
    if let Some(line) = environment.holder(variable).and_then(|file| file.line(variable)) {
        let finding = Finding::error(code, what).hint(format!("pin it: {variable}=VERSION"));
        return if environment.get(variable).is_some_and(|value| !value.is_empty()) { finding.file(env).line(line) } else { at_image(finding) };
    }
    let message = format!("{what}, as {variable} is not set");
    at_image(Finding::error("image-unpinned", message).hint(format!("pin it in {env}: {variable}=VERSION")))
}

/// A pin that only this shell knows is gone in the next one.
fn in_shell_only(subject: &Subject<'_>, references: &[Reference]) -> Option<Finding> {
    let environment = &subject.files.environment;
    let loose = references.iter().find(|one| environment.shell.contains_key(&one.name) && environment.in_files(&one.name).is_none())?;
    let (variable, env) = (&loose.name, subject.files.env_shown(&loose.name));
    let finding = Finding::note("image-pin-in-shell", format!("{variable} pins the image of {} in this shell only", subject.name));
    Some(subject.at(finding.hint(format!("write it to {env}, so that every shell runs the same")), &["image"]))
}
