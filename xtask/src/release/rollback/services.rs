//! The services' part: images recorded by a release, planned and carried out by the services' own room. Comes first, since it can fail and go back by itself.

use chrono::{DateTime, Utc};

use super::plan::{Direction, Plan};
use crate::{
    config::Project,
    effects::docker,
    kernel::{Error, Events, Finding, Kind, Result, Severity},
    release::manifest::Manifest,
    services::{
        ImageRef, Stack, Verdict,
        rollback::{self as switch, From, Restore, Safety, Ways},
    },
};

/// What the services' part would be, and what to say where there is none.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// The plan; none where nothing changes.
    pub plan: Option<switch::Plan>,
    /// Why the services stay as they are, where that may not be meant.
    pub cannot: Option<String>,
    /// They could not be looked at: the same command does it later.
    pub later: bool,
}

/// What was asked of the services.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// They were asked for by name.
    pub named: bool,
    /// Data goes back with its image, to the newest verified backup from before that moment, where one is known.
    pub with_data: Option<Option<DateTime<Utc>>>,
}

/// Begins to ask what [`look`] will need, since Compose and the engine take as long as the forge. What goes wrong is said by [`look`]; nobody waits
/// for an engine that hangs where the services stay as they are.
pub(super) fn get_ready(project: &Project) {
    if project.config.services.is_some() {
        let project = project.clone();
        std::thread::spawn(move || drop(Stack::open(&project)));
    }
}

/// Looks. An engine that can't be reached is an error only where the services were asked for by name.
pub fn look(project: &Project, manifest: &Manifest, asked: Asked) -> Result<Look> {
    if project.config.services.is_none() {
        return Ok(Look::default());
    }
    let stay = |why: String, later| Ok(Look { plan: None, cannot: Some(format!("the services stay as they are: {why}")), later });
    if manifest.services.is_empty() {
        return stay(format!("release.json of {} records no images", manifest.tag), false);
    }
    if let Some(other) = switch::pending(project)? {
        return Err(Error::refused(format!("a switch of services to {other} is under way")).hint("`xtask status` says how to go on or back"));
    }
    match asked_for(project, manifest, asked) {
        Ok(plan) if plan.is_empty() => Ok(Look { cannot: Some(plan.notes.join("; ")).filter(|notes| !notes.is_empty()), ..Look::default() }),
        Ok(plan) => Ok(Look { plan: Some(plan), ..Look::default() }),
        Err(error) if !asked.named && docker::reachable().is_err() => stay(error.chain(), true),
        Err(error) => Err(error.hint("or take the rest back alone: `--only releases,app`")),
    }
}

fn asked_for(project: &Project, manifest: &Manifest, asked: Asked) -> Result<switch::Plan> {
    let facts = gathered(project, &manifest.services)?;
    let restores = asked.with_data.map(|before| switch::choose(project, &facts, before)).transpose()?.unwrap_or_default();
    switch::plan(&facts, &manifest.tag, restores)
}

fn gathered(project: &Project, images: &[ImageRef]) -> Result<switch::Facts> {
    switch::Facts::gather(project, &Stack::open(project)?, images)
}

/// Services that have got another image since the rollback gave them theirs: those an undo leaves alone.
pub fn moved(project: &Project, plan: &Plan) -> Result<Vec<String>> {
    let Some(part) = &plan.services else { return Ok(Vec::new()) };
    let after: Vec<ImageRef> = part.changes.iter().map(|change| change.after.clone()).collect();
    let facts = gathered(project, &after)?;
    Ok(after.into_iter().map(|image| image.service).filter(|service| !switch::has(&facts, service)).collect())
}

/// The switch that an undo makes: planned before anything changes, so that what can't work is found out then.
pub fn back(project: &Project, plan: &Plan) -> Result<Option<switch::Plan>> {
    let Some(part) = &plan.services else { return Ok(None) };
    let before: Vec<ImageRef> = part.changes.iter().map(|change| change.before.clone()).collect();
    let mut back = switch::plan(&gathered(project, &before)?, &part.label, plan.data_back.clone())?;
    let sick = part.changes.iter().filter(|change| change.runs && !change.healthy);
    back.notes.extend(sick.map(|change| format!("{} was not healthy with {} when it was taken back", change.service, change.before.image)));
    Ok(Some(back))
}

/// What an undo puts back with `--with-data`: the backups that the rollback made before it changed anything.
pub fn data_before(project: &Project, plan: &Plan) -> Result<Vec<Restore>> {
    let Some(part) = plan.services.as_ref().filter(|part| !part.restores.is_empty()) else { return Ok(Vec::new()) };
    let done = switch::done_for(project, &part.label)?;
    let made = done.map(|done| done.backups).unwrap_or_default();
    let restore = |one: &Restore| {
        let id = made.iter().find(|id| id.strip_prefix(&one.source).is_some_and(|rest| rest.starts_with('-')))?;
        Some(Restore { id: id.clone(), made: "the rollback".into(), ..one.clone() })
    };
    let found: Option<Vec<Restore>> = part.restores.iter().map(restore).collect();
    found.ok_or_else(|| {
        Error::refused("the backups that the rollback made are not known any more").hint("undo it without --with-data, then `xtask restore NAME --from ID`")
    })
}

/// Switches, goes on with a switch that was killed, or goes back from it; the same call again changes nothing.
pub(super) fn carry_out(project: &Project, plan: &Plan, direction: Direction, events: &Events) -> Result<()> {
    let Some(part) = &plan.services else { return Ok(()) };
    let back = format!("what was before {}", part.label);
    let (forth, undo) = (format!("xtask rollback --to {} --yes", plan.target), "xtask rollback --undo --yes");
    let (label, ways) = match direction {
        Direction::Forward => (part.label.clone(), Ways { resume: &forth, undo }),
        Direction::Undo => (back.clone(), Ways { resume: undo, undo: &forth }),
    };
    match switch::pending(project)? {
        Some(pending) if pending == label => switch::resume(project, events).map(drop),
        Some(pending) if pending == back || pending == part.label => switch::undo(project, events).map(drop),
        Some(pending) => Err(Error::refused(format!("a switch of services to {pending} is under way")).hint("`xtask status` says how to go on or back")),
        None => {
            let side = |change: &switch::Change| if direction == Direction::Forward { change.after.clone() } else { change.before.clone() };
            let images: Vec<ImageRef> = part.changes.iter().map(side).collect();
            let restores = if direction == Direction::Forward { part.restores.clone() } else { plan.data_back.clone() };
            let now = switch::plan(&gathered(project, &images)?, &label, restores)?;
            if now.is_empty() {
                return Ok(());
            }
            switch::execute(project, &now, Safety::Backup, ways, plan.reason.as_deref(), events).map(drop)
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
    match look(project, manifest, Asked { named: true, with_data: None }) {
        Ok(Look { cannot: Some(why), .. }) => vec![Finding::note("rollback-services", format!("{tag}: {why}"))],
        Ok(Look { plan: None, .. }) => vec![Finding::note("rollback-services", format!("{tag}: the services have its images already"))],
        Ok(Look { plan: Some(plan), .. }) => {
            let mut findings: Vec<Finding> = plan.changes.iter().filter_map(|change| absent(tag, change)).collect();
            if !findings.iter().any(|finding| finding.severity == Severity::Warning) {
                findings.push(Finding::note("rollback-services", format!("{tag}: the services can go back: {}", going(project, &plan))));
            }
            findings
        }
        Err(error) if error.kind() == Kind::Refused && look(project, manifest, Asked { named: true, with_data: Some(None) }).is_ok() => {
            let message = format!("{tag}: {}; a verified backup that it can read is at hand", error.chain());
            vec![Finding::note("rollback-with-data", message).hint("`--with-data` restores it together with the image")]
        }
        Err(error) if error.kind() == Kind::Refused => {
            vec![with_hints(Finding::warning("rollback-data", format!("the services can't go back to {tag}: {}", error.chain())), &error)]
        }
        Err(error) => vec![with_hints(Finding::warning("rollback-services", format!("{tag}: the services can't be looked at: {}", error.chain())), &error)],
    }
}

/// What would change, where the image comes from, whether it reads today's data, and which backup is at hand.
fn going(project: &Project, plan: &switch::Plan) -> String {
    let change = |change: &switch::Change| {
        let from = if change.from == From::Pull { "can be pulled" } else { "is here" };
        let data = match &change.data {
            Verdict::NoData => String::new(),
            Verdict::Reads => ", reads today's data".to_owned(),
            Verdict::Unknown(why) => format!(", {why}: it will be tried on a copy"),
            Verdict::CantRead(why) => format!(", {why}"),
        };
        let backup = if change.data == Verdict::NoData { String::new() } else { backup(project, &change.service) };
        format!("{} {from}{data}{backup}", change.after.pinned())
    };
    plan.changes.iter().map(change).collect::<Vec<_>>().join("; ")
}

fn backup(project: &Project, service: &str) -> String {
    let spec = project.config.backups.iter().find(|spec| spec.volume.is_some() && spec.service.as_deref() == Some(service));
    let Some(spec) = spec else { return ", no [[backup]] covers its data".into() };
    let newest = switch::newest_verified(project, spec).ok().flatten();
    newest.map_or_else(|| format!(", no verified backup yet: {} is backed up first", spec.name), |id| format!(", newest verified backup {id}"))
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
