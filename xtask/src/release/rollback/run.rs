//! Carries a plan out under a journal. Each part compares before it changes, so going on after a kill is the same as beginning again.

use std::{collections::BTreeSet, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    apply, judge, past,
    plan::{self, Direction, Facts, Part, Plan, Wanted},
    services,
};
use crate::{
    config::{ForgeKind, Project},
    effects::places,
    forge::Forge,
    kernel::{Error, Events, Finding, Kind, Result, TagTemplate},
    ledger::{Journal, Ledger},
    release::{
        build,
        cache::Cache,
        install::{self, Folder, Platform, Source},
    },
};

/// The journal's name.
pub const JOURNAL: &str = "rollback";

/// What a rollback works with.
pub struct Ground<'a> {
    /// The project.
    pub project: &'a Project,
    /// The forge; none while it can't be reached.
    pub forge: Option<&'a dyn Forge>,
    /// The last releases.
    pub cache: &'a Cache,
    /// Who watches.
    pub events: &'a Events,
}

/// The journal's details: enough to go on or back, and nothing of it is asked twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Detail {
    /// What is to be done.
    pub plan: Plan,
    /// Forth or back.
    pub direction: Direction,
    /// Which forge.
    pub forge: ForgeKind,
    /// The bad ones that were named, for a forge's part that is planned later.
    pub bad: Vec<String>,
    /// The day, for the notice.
    pub day: String,
    /// The parts that are done, in this direction.
    pub done: BTreeSet<Part>,
    /// It was begun in the other direction and turned round: a failure leaves it pending.
    #[serde(default)]
    pub turned: bool,
    /// The services had been switched when it was turned round.
    #[serde(default)]
    pub services_were_done: bool,
}

impl Detail {
    /// The same work, in that direction.
    #[must_use]
    pub fn towards(self, direction: Direction) -> Self {
        let turned = self.turned || self.direction != direction;
        let same = self.direction == direction;
        let services_were_done = if same { self.services_were_done } else { self.done.contains(&Part::Services) };
        let done = if same { self.done } else { BTreeSet::new() };
        Self { direction, done, turned, services_were_done, ..self }
    }
}

/// How it ended.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// What is live now.
    pub live: Option<String>,
    /// Forth or back.
    pub direction: Direction,
    /// The plan that was carried out.
    pub plan: Plan,
    /// The parts that are done.
    pub done: BTreeSet<Part>,
    /// Why the forge's part waits.
    pub waits: Option<String>,
}

/// What is under way.
pub fn pending(state: &Path) -> Result<Option<(Journal, Detail)>> {
    Journal::load(state, JOURNAL)
}

/// Whether an error means that the forge can't be reached now, and not that it says no.
pub fn is_out_of_reach(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unexpected | Kind::Partial)
}

/// What a forge's refusal means: wrong credentials, a repository that isn't there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The end, before anything is changed.
    Ends,
    /// The same as a forge that can't be reached: what is to be done here doesn't need it, or was begun and must not stay half done.
    Waits,
}

/// Looks at what is live. A forge that can't be reached is a warning: the rest goes back all the same.
pub fn facts(ground: &Ground<'_>, refusal: Refusal) -> Result<Facts> {
    let app = match &ground.project.config.install {
        Some(target) => {
            let root = ground.project.path(&places::fill(&target.to)?);
            let current = Folder::look(&root).current()?;
            Some((root, current))
        }
        None => None,
    };
    let look = |forge: &dyn Forge| Ok((forge.survey()?, forge.latest()?));
    services::get_ready(ground.project);
    let forge = match ground.forge.map(look) {
        Some(Err(error)) if is_out_of_reach(&error) => {
            ground.events.warn(down(&error));
            None
        }
        Some(Err(error)) if refusal == Refusal::Waits => {
            ground.events.warn(error.hints().iter().fold(down(&error), |finding, hint| finding.hint(hint)));
            None
        }
        Some(Err(error)) => return Err(alone(error)),
        Some(Ok(seen)) => Some(seen),
        None => None,
    };
    Ok(Facts { forge, app, services: services::Look::default() })
}

/// Writes the journal: from here on `status` knows.
pub fn begin(state: &Path, detail: &Detail) -> Result<Journal> {
    let target = &detail.plan.target;
    let (forth, back) = (format!("xtask rollback --to {target} --yes"), "xtask rollback --undo --yes".to_owned());
    let (what, resume, undo) = match detail.direction {
        Direction::Forward => (format!("rollback to {target}"), forth, back),
        Direction::Undo => (format!("undo of the rollback to {target}"), back, forth),
    };
    let mut journal = Journal::new(state, JOURNAL, &what, &resume, Some(&undo));
    let state = match (&detail.plan.services, detail.turned) {
        (_, true) => "turned round: parts may have been changed already",
        (Some(_), false) => "begun: the services come first, application and forge are as they were",
        (None, false) => "begun: what was live before is still live",
    };
    journal.write(state, detail)?;
    Ok(journal)
}

fn down(error: &Error) -> Finding {
    Finding::warning("forge-down", format!("the forge can't be reached: {}", error.chain()))
}

fn alone(error: Error) -> Error {
    error.hint("or take back only what is here: `--only services,app`")
}

/// Credentials that can't change the forge are found out before anything else is changed.
pub fn allowed(ground: &Ground<'_>, facts: &Facts, plan: &Plan) -> Result<()> {
    let (Some(forge), Some((survey, _)), Some(releases)) = (ground.forge, &facts.forge, &plan.releases) else { return Ok(()) };
    if releases.before == releases.after && releases.marks.is_empty() {
        return Ok(());
    }
    forge.may_write().map_err(alone)?;
    let stops: Vec<Finding> = survey.findings.iter().filter(|finding| finding.is_error()).cloned().collect();
    if stops.is_empty() {
        return Ok(());
    }
    let kind = if stops.iter().all(|finding| finding.code == "missing-push-permission") { Kind::Denied } else { Kind::Refused };
    Err(alone(Error::new(kind, "the forge can't be changed: nothing was").with_findings(stops)))
}

/// Brings the application's version beside the one that runs: nothing is switched, so a failure changes nothing.
pub fn prepare(ground: &Ground<'_>, plan: &Plan, direction: Direction) -> Result<()> {
    let Some((root, tag)) = app(plan, direction) else { return Ok(()) };
    let configured = ground.project.config.install.as_ref().and_then(|target| target.artifact.as_deref());
    let source = Source { cache: ground.cache, forge: ground.forge, platform: Platform::of(&build::host_target()) };
    let folder = Folder::open(root)?;
    install::stage(&folder, tag, &source, configured, ground.events)?;
    folder.rehearse()
}

fn app(plan: &Plan, direction: Direction) -> Option<(&Path, &str)> {
    let app = plan.app.as_ref()?;
    let tag = match direction {
        Direction::Forward => Some(app.after.as_str()),
        Direction::Undo => app.before.as_deref(),
    };
    Some((&app.to, tag?))
}

/// Goes through the parts; what is done is noted after each.
pub fn carry_out(ground: &Ground<'_>, facts: &Facts, mut journal: Journal, mut detail: Detail, template: &TagTemplate) -> Result<Outcome> {
    prepare(ground, &detail.plan, detail.direction)?;
    if detail.plan.services.is_some() && !detail.done.contains(&Part::Services) {
        if let Err(error) = services::carry_out(ground.project, &detail.plan, detail.direction, ground.events) {
            return Err(not_switched(ground, journal, &detail, error));
        }
        detail.done.insert(Part::Services);
        journal.write("the services are switched; application and forge come next", &detail)?;
    }
    if let Some((root, tag)) = app(&detail.plan, detail.direction) {
        ground.events.step(format!("the installed application: {tag}"));
        let keep = ground.project.config.install.as_ref().and_then(|target| target.keep).unwrap_or(install::KEEP);
        install::switch(&Folder::open(root)?, tag, keep, ground.events)?;
        detail.done.insert(Part::App);
        journal.write(&format!("the application is {tag}; the forge comes next"), &detail)?;
    }
    let waits = match forge_part(ground, facts, &mut journal, &mut detail, template) {
        Ok(()) => None,
        Err(error) if is_out_of_reach(&error) => Some(error.chain()),
        Err(error) => return Err(error),
    };
    finish(ground, journal, detail, waits)
}

/// The services come first: where they went back by themselves nothing is changed, and nothing is left to go on with.
fn not_switched(ground: &Ground<'_>, journal: Journal, detail: &Detail, error: Error) -> Error {
    if detail.turned || services::is_under_way(ground.project) {
        return error;
    }
    let reason = detail.plan.reason.as_deref();
    let data = json!({ "direction": detail.direction, "target": detail.plan.target, "why": error.chain() });
    let recorded = Ledger::new(&ground.project.state()).record(past::COMMAND, &detail.plan.target, error.kind().outcome(), reason, data);
    // The journal goes also where the line could not be written (a full disk): nothing is under way any more.
    match journal.close().and(recorded) {
        Ok(()) => error.hint("application and forge were not touched"),
        Err(second) => error.hint(format!("application and forge were not touched; this could not be written down: {}", second.chain())),
    }
}

fn forge_part(ground: &Ground<'_>, facts: &Facts, journal: &mut Journal, detail: &mut Detail, template: &TagTemplate) -> Result<()> {
    if detail.direction == Direction::Undo && detail.plan.releases.is_none() {
        detail.plan.releases_later = false;
        return Ok(());
    }
    if detail.plan.releases.is_none() && !detail.plan.releases_later {
        return Ok(());
    }
    let (Some(forge), Some((survey, latest))) = (ground.forge, &facts.forge) else {
        return Err(Error::partial("the forge can't be reached"));
    };
    if detail.plan.releases_later {
        plan_later(ground, forge, facts, detail, template)?;
        journal.write("the forge's part is planned", &*detail)?;
    }
    if let Some(releases) = &detail.plan.releases {
        ground.events.step(format!("the forge: {}", forge.place()));
        apply::releases(forge, releases, detail.direction, (survey, latest.as_deref()), ground.events)?;
        detail.done.insert(Part::Releases);
        journal.write("everything is done but for the last line in the ledger", &*detail)?;
    }
    Ok(())
}

/// The forge is there again: the target is verified as it lies there, and the part is planned.
fn plan_later(ground: &Ground<'_>, forge: &dyn Forge, facts: &Facts, detail: &mut Detail, template: &TagTemplate) -> Result<()> {
    let (survey, _) = facts.forge.as_ref().ok_or_else(|| Error::partial("the forge can't be reached"))?;
    judge::on_forge(forge, survey, &detail.plan.target, ground.events)?;
    let wanted = Wanted {
        target: template.read(&detail.plan.target)?,
        bad: detail.bad.clone(),
        parts: BTreeSet::from([Part::Releases]),
        reason: detail.plan.reason.clone(),
        day: detail.day.clone(),
        id: detail.plan.id.clone(),
    };
    let planned = plan::plan(&wanted, &Facts { app: None, services: services::Look::default(), ..facts.clone() }, template)?;
    detail.plan.releases = planned.releases;
    detail.plan.releases_later = false;
    detail.plan.cannot.extend(planned.cannot);
    Ok(())
}

/// Records what was done, once; the journal goes last. What waits keeps its journal.
fn finish(ground: &Ground<'_>, mut journal: Journal, detail: Detail, waits: Option<String>) -> Result<Outcome> {
    let plan = &detail.plan;
    let ledger = Ledger::new(&ground.project.state());
    let live = match detail.direction {
        Direction::Forward => Some(plan.target.clone()),
        Direction::Undo => plan.releases.as_ref().and_then(|part| part.before.clone()).or_else(|| plan.app.as_ref()?.before.clone()),
    };
    let subject = live.clone().unwrap_or_else(|| plan.target.clone());
    let data = json!({ "direction": detail.direction, "plan": plan, "done": detail.done, "waits": waits });
    if waits.is_some() {
        journal.write("the forge's part waits until the forge can be reached; the rest is done", &detail)?;
        ledger.record(past::COMMAND, &subject, "partial", plan.reason.as_deref(), data)?;
    } else {
        if !past::is_recorded(&ledger.entries()?, &plan.id, detail.direction) {
            ledger.record(past::COMMAND, &subject, "ok", plan.reason.as_deref(), data)?;
        }
        journal.close()?;
    }
    Ok(Outcome { live, direction: detail.direction, done: detail.done.clone(), plan: detail.plan, waits })
}
