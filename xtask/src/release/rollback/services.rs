//! The services' part: images recorded by a release, planned and carried out by the services' own room. Comes first, since it can fail and go back by itself.

use super::plan::{Direction, Plan};
use crate::{
    config::Project,
    effects::docker,
    kernel::{Error, Events, Finding, Kind, Result},
    release::manifest::Manifest,
    services::{
        ImageRef, Stack,
        rollback::{self as switch, From, Safety},
    },
};

/// What the services' part would be, and what to say where there is none.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// The plan; none where nothing changes.
    pub plan: Option<switch::Plan>,
    /// Why the services stay as they are, where that may not be meant.
    pub cannot: Option<String>,
}

/// Looks. An engine that can't be reached is an error only where the services were asked for by name.
pub fn look(project: &Project, manifest: &Manifest, named: bool) -> Result<Look> {
    if project.config.services.is_none() {
        return Ok(Look::default());
    }
    let stay = |why: String| Ok(Look { plan: None, cannot: Some(format!("the services stay as they are: {why}")) });
    if manifest.services.is_empty() {
        return stay(format!("release.json of {} records no images", manifest.tag));
    }
    if let Some(other) = switch::pending(project)? {
        return Err(Error::refused(format!("a switch of services to {other} is under way")).hint("`xtask status` says how to go on or back"));
    }
    match planned(project, &manifest.services, &manifest.tag) {
        Ok(plan) => Ok(Look { plan: Some(plan).filter(|plan| !plan.is_empty()), cannot: None }),
        Err(error) if !named && docker::reachable().is_err() => stay(error.chain()),
        Err(error) => Err(error.hint("or take the rest back alone: `--only releases,app`")),
    }
}

fn planned(project: &Project, images: &[ImageRef], label: &str) -> Result<switch::Plan> {
    let stack = Stack::open(project)?;
    switch::plan(&switch::Facts::gather(project, &stack, images)?, label)
}

/// Switches, goes on with a switch that was killed, or goes back from it; the same call again changes nothing.
pub(super) fn carry_out(project: &Project, plan: &Plan, direction: Direction, events: &Events) -> Result<()> {
    let Some(part) = &plan.services else { return Ok(()) };
    let back = format!("before {}", part.label);
    let (label, resume) = match direction {
        Direction::Forward => (part.label.clone(), format!("xtask rollback --to {} --yes", plan.target)),
        Direction::Undo => (back.clone(), "xtask rollback --undo --yes".to_owned()),
    };
    match switch::pending(project)? {
        Some(pending) if pending == label => switch::resume(project, events).map(drop),
        Some(pending) if pending == back || pending == part.label => switch::undo(project, events).map(drop),
        Some(pending) => Err(Error::refused(format!("a switch of services to {pending} is under way")).hint("`xtask status` says how to go on or back")),
        None => {
            let side = |change: &switch::Change| if direction == Direction::Forward { change.after.clone() } else { change.before.clone() };
            let images: Vec<ImageRef> = part.changes.iter().map(side).collect();
            let now = planned(project, &images, &label)?;
            if now.is_empty() {
                return Ok(());
            }
            switch::execute(project, &now, Safety::Backup, &resume, plan.reason.as_deref(), events).map(drop)
        }
    }
}

/// Whether a switch that was begun is neither done nor taken back.
pub(super) fn is_under_way(project: &Project) -> bool {
    switch::pending(project).map_or(true, |pending| pending.is_some())
}

/// For `check --only rollback`: whether the images are here or can be had, and whether they can read today's data.
pub fn ready(project: &Project, manifest: &Manifest) -> Vec<Finding> {
    let tag = &manifest.tag;
    match look(project, manifest, true) {
        Ok(Look { cannot: Some(why), .. }) => vec![Finding::note("rollback-services", format!("{tag}: {why}"))],
        Ok(Look { plan: None, .. }) => Vec::new(),
        Ok(Look { plan: Some(plan), .. }) => plan.changes.iter().filter_map(|change| absent(tag, change)).collect(),
        Err(error) if error.kind() == Kind::Refused => {
            vec![with_hints(Finding::warning("rollback-data", format!("the services can't go back to {tag}: {}", error.chain())), &error)]
        }
        Err(error) => vec![with_hints(Finding::warning("rollback-services", format!("{tag}: the services can't be looked at: {}", error.chain())), &error)],
    }
}

fn absent(tag: &str, change: &switch::Change) -> Option<Finding> {
    if change.from != From::Pull {
        return None;
    }
    let name = change.after.pinned();
    let asked = docker::docker(["manifest", "inspect", &name]).capture();
    if asked.is_ok_and(|asked| asked.status.success()) {
        return Some(
            Finding::note("rollback-pull", format!("{tag}: {name} is not here, and can be pulled")).hint(format!("have it at hand: docker pull {name}")),
        );
    }
    Some(
        Finding::warning("rollback-image", format!("{tag}: {name} is neither here nor can it be pulled"))
            .hint("find it, or keep the images of the last releases"),
    )
}

fn with_hints(finding: Finding, error: &Error) -> Finding {
    error.hints().iter().fold(finding, |finding, hint| finding.hint(hint))
}
