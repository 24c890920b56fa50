//! `rollback`: shows what it will do, asks, does it, says what is live; `--undo` goes back; `--reissue` publishes the old source under a higher version.

mod reissue;
mod show;

use std::collections::BTreeSet;

use super::{Session, forges, session::Go};
use crate::{
    config::{ForgeKind, Project},
    effects::{clock, patience::Patience},
    forge::Survey,
    kernel::{Error, Finding, Kind, Result, Tag},
    release::{
        cache::Cache,
        manifest::Manifest,
        rollback::{self, Detail, Direction, Facts, Ground, Outcome, Part, Plan, Refusal, Wanted, judge, past, services::Asked},
    },
    report::Answer,
    services::rollback as switch,
};

/// What is typed after `rollback`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The release to go back to; without it, those that would work are named
    #[arg(long, value_name = "TAG")]
    pub(super) to: Option<String>,
    /// Take the last rollback back
    #[arg(long, conflicts_with_all = ["to", "bad", "only", "reissue"])]
    undo: bool,
    /// Only these parts [default: all that are configured]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PARTS")]
    only: Vec<Part>,
    /// A bad release; may be given again [default: every newer one]
    #[arg(long, value_name = "TAG")]
    bad: Vec<String>,
    /// Why: goes into the notice and into the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Then publish the target's exact source again as this higher version, so that installed clients take it
    #[arg(long, value_name = "TAG")]
    pub(super) reissue: Option<String>,
    /// Restore data too: the newest verified backup from before the bad release; with --undo, what was there before the rollback
    #[arg(long)]
    with_data: bool,
    /// The forge [default: release.forge]
    #[arg(long, value_enum)]
    pub(super) forge: Option<ForgeKind>,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<Answer> {
    let project = session.project()?;
    if args.to.is_none() && args.reissue.is_none() && !args.undo {
        return Err(nowhere(session, &project, args)?);
    }
    let _lock = session.release_lock(&project, "rollback")?;
    let forge = forges::open_within(session, &project, args.forge)?;
    let cache = Cache::open(&project)?;
    let ground = Ground { project: &project, forge: Some(forge.as_ref()), cache: &cache, events: &session.events };
    let facts = rollback::facts(&ground, refusal(session, &project, args)?)?;
    let ground = Ground { forge: facts.forge.as_ref().map(|_| forge.as_ref()), ..ground };
    let under_way = rollback::pending(&project.state())?;
    if let (Some((_, detail)), Some(_), None) = (&under_way, &args.reissue, &args.to) {
        return Err(begun(detail));
    }
    let under_way = under_way.is_some();
    let again = again(&ground, &facts, args)?;
    // The release itself is as patient as every release.
    let patient = || forges::open(session, &project, args.forge);
    let again = match again {
        Some(again) if args.to.is_none() || again.is_published() && !under_way => {
            return reissue::run(session, &project, patient()?.as_ref(), args, again, None);
        }
        other => other,
    };
    if let Some(given_up) = reissue::alone(session, &ground, &facts, args)?.filter(|_| !under_way) {
        return Ok(given_up);
    }
    let detail = decide(session, &ground, &facts, args)?;
    let answer = act(session, &ground, &facts, detail, &forge.place())?;
    match again {
        Some(again) if answer.kind.is_none() => reissue::run(session, &project, patient()?.as_ref(), args, again, Some(answer)),
        _ if session.global.dry_run => Ok(answer),
        _ => reissue::left(&ground, &facts, args, answer),
    }
}

/// Whether it can do without the forge: what was begun goes on as far as it can, and what is only here needs no credentials.
fn refusal(session: &Session, project: &Project, args: &Args) -> Result<Refusal> {
    let only_here = !args.only.is_empty() && !args.only.contains(&Part::Releases);
    let undone = if args.undo { past::standing(&session.ledger(project).entries()?).pop() } else { None };
    let begun = rollback::pending(&project.state())?.is_some();
    let without = begun || only_here || undone.is_some_and(|plan| plan.releases.is_none());
    Ok(if without { Refusal::Waits } else { Refusal::Ends })
}

/// What is to be issued again, where the forge can be asked.
fn again(ground: &Ground<'_>, facts: &Facts, args: &Args) -> Result<Option<reissue::Again>> {
    match (&args.reissue, ground.forge, &facts.forge) {
        (None, ..) => Ok(None),
        (Some(_), Some(forge), Some((survey, latest))) => {
            let look = reissue::look(ground.project, forge, (survey, latest.as_deref()), args, ground.events);
            look.map(Some).map_err(|error| if args.to.is_some() { error.hint("or leave out --reissue: take it back now, issue it again later") } else { error })
        }
        _ if args.to.is_none() => Err(Error::partial("the forge can't be reached: nothing can be issued again now")),
        _ => Ok(None),
    }
}

/// No release was named: says which would work, or what was begun. Only looks.
fn nowhere(session: &Session, project: &Project, args: &Args) -> Result<Error> {
    if let Some((_, detail)) = rollback::pending(&project.state())? {
        return Ok(begun(&detail).of_kind(Kind::Usage));
    }
    let forge = forges::open_within(session, project, args.forge)?;
    let cache = Cache::open(project)?;
    let ground = Ground { project, forge: Some(forge.as_ref()), cache: &cache, events: &session.events };
    let facts = rollback::facts(&ground, Refusal::Waits)?;
    let empty = Survey::default();
    let (survey, live) = facts.forge.as_ref().map_or((&empty, None), |(survey, live)| (survey, live.as_deref()));
    let reachable = facts.forge.as_ref().map(|_| forge.as_ref());
    let error = judge::with_candidates(Error::usage("back to which release? none was named"), reachable, (survey, live), &cache, &project.config.tag);
    Ok(error.hint("name it: `xtask rollback --to TAG`; with --dry-run it only shows what would be done"))
}

/// What is to be done, and whether it was begun before.
struct Decided {
    detail: Detail,
    begun: bool,
    /// The switch of services that comes with it, for the plan.
    switch: Option<switch::Plan>,
}

impl Decided {
    fn begun(detail: Detail) -> Self {
        let switch = detail.plan.services.clone().filter(|_| detail.direction == Direction::Forward);
        Self { detail, begun: true, switch }
    }
}

fn decide(session: &Session, ground: &Ground<'_>, facts: &Facts, args: &Args) -> Result<Decided> {
    // An engine that hangs is one that doesn't answer: nothing is changed yet, and the rest need not wait for it.
    let _patience = Patience::usual();
    let project = ground.project;
    let pending = rollback::pending(&project.state())?.map(|(_, detail)| detail);
    let direction = if args.undo { Direction::Undo } else { Direction::Forward };
    match (&args.to, pending) {
        (None, Some(detail)) => turned(project, detail.towards(direction), args).map(Decided::begun),
        (None, None) => undo(session, project, facts, args),
        (Some(to), pending) => {
            let target = project.config.tag.read_loose(to)?;
            match pending {
                Some(detail) if detail.plan.target == target.name => Ok(Decided::begun(detail.towards(direction))),
                Some(detail) => Err(begun(&detail)),
                None => {
                    let detail = fresh(session, ground, facts, args, target)?;
                    Ok(Decided { switch: detail.plan.services.clone(), detail, begun: false })
                }
            }
        }
    }
}

/// It stands in the way of another one, and of a release.
pub(super) fn begun(detail: &Detail) -> Error {
    let target = &detail.plan.target;
    Error::refused(format!("a rollback to {target} was begun and not ended"))
        .hint(format!("go on: `xtask rollback --to {target}`; or back: `xtask rollback --undo`"))
}

fn undo(session: &Session, project: &Project, facts: &Facts, args: &Args) -> Result<Decided> {
    let plan = past::standing(&session.ledger(project).entries()?).pop();
    let plan = plan.ok_or_else(|| Error::refused("there is no rollback to undo").hint("`xtask history` shows what was done here"))?;
    let plan = rollback::undone(plan.clone(), facts, &rollback::services::moved(project, &plan)?)?;
    let plan = with_data_back(project, Plan { reason: args.reason.clone(), ..plan }, args)?;
    let switch = rollback::services::back(project, &plan)?;
    let forge = forges::kind(project, args.forge);
    let detail =
        Detail { plan, direction: Direction::Undo, forge, bad: Vec::new(), day: day(), done: BTreeSet::new(), turned: false, services_were_done: false };
    Ok(Decided { detail, begun: false, switch })
}

/// A rollback that was begun is taken back. Where its services' part had come to its end, their data is asked about as in any undo; else the switch
/// itself puts everything back.
fn turned(project: &Project, detail: Detail, args: &Args) -> Result<Detail> {
    if !detail.turned || detail.direction == Direction::Forward || !detail.plan.data_back.is_empty() {
        return Ok(detail);
    }
    let plan = Plan { cannot: Vec::new(), ..detail.plan };
    let plan = if detail.services_were_done { with_data_back(project, plan, args)? } else { plan };
    Ok(Detail { plan, ..detail })
}

fn with_data_back(project: &Project, plan: Plan, args: &Args) -> Result<Plan> {
    if plan.services.as_ref().is_none_or(|part| part.restores.is_empty()) {
        return Ok(plan);
    }
    if args.with_data {
        let data_back = rollback::services::data_before(project, &plan)?;
        return Ok(Plan { data_back, ..plan });
    }
    let mut plan = plan;
    plan.cannot.push("data stays as it is now; with --with-data it becomes what it was before the rollback".to_owned());
    Ok(plan)
}

fn fresh(session: &Session, ground: &Ground<'_>, facts: &Facts, args: &Args, target: Tag) -> Result<Detail> {
    let project = ground.project;
    let parts: BTreeSet<Part> = if args.only.is_empty() { [Part::Releases, Part::Services, Part::App].into() } else { args.only.iter().copied().collect() };
    configured(project, &args.only)?;
    let manifest = verify(ground, facts, &target, &parts)?;
    let bad = args.bad.iter().map(|tag| project.config.tag.read_loose(tag).map(|tag| tag.name)).collect::<Result<Vec<_>>>()?;
    let facts = with_services(session, project, facts, (&target, &manifest), &parts, (args, &bad))?;
    let id = format!("{}-{}", clock::stamp(clock::now()), session.ledger(project).entries()?.len());
    let wanted = Wanted { target, bad: bad.clone(), parts, reason: args.reason.clone(), day: day(), id };
    let plan = rollback::plan(&wanted, &facts, &project.config.tag)?;
    let plan = Plan { services_later: facts.services.later, ..plan };
    let forge = forges::kind(project, args.forge);
    Ok(Detail { plan, direction: Direction::Forward, forge, bad, day: wanted.day, done: BTreeSet::new(), turned: false, services_were_done: false })
}

fn with_services(
    session: &Session,
    project: &Project,
    facts: &Facts,
    (target, manifest): (&Tag, &Manifest),
    parts: &BTreeSet<Part>,
    (args, bad): (&Args, &[String]),
) -> Result<Facts> {
    if !parts.contains(&Part::Services) {
        return Ok(facts.clone());
    }
    let template = &project.config.tag;
    let since = match &facts.forge {
        Some((survey, _)) => rollback::bad_since(survey, target, bad, template),
        None => past::released_since(&session.ledger(project).entries()?, target, template),
    };
    let asked = Asked { named: args.only.contains(&Part::Services), with_data: args.with_data.then_some(since) };
    Ok(Facts { services: rollback::services::look(project, manifest, asked)?, ..facts.clone() })
}

fn day() -> String {
    clock::now().format("%Y-%m-%d").to_string()
}

/// A part that was named must be there.
fn configured(project: &Project, only: &[Part]) -> Result<()> {
    let missing = |part: &&Part| match part {
        Part::Releases => false,
        Part::Services => project.config.services.is_none(),
        Part::App => project.config.install.is_none(),
    };
    match only.iter().find(missing) {
        Some(Part::Services) => Err(Error::usage("xtask.toml has no [services]: no services can go back")),
        Some(Part::App) => {
            Err(Error::usage("xtask.toml has no [install]: no application can go back")
                .hint("`xtask install TAG --to DIR` goes back in a folder of your choice"))
        }
        _ => Ok(()),
    }
}

/// First of all: the target is whole. Else nothing is touched, and those that would work are named.
fn verify(ground: &Ground<'_>, facts: &Facts, target: &Tag, parts: &BTreeSet<Part>) -> Result<Manifest> {
    ground.events.step(format!("verifying {target}"));
    let empty = Survey::default();
    let (survey, live) = facts.forge.as_ref().map_or((&empty, None), |(survey, live)| (survey, live.as_deref()));
    let judged = match ground.forge {
        Some(forge) => judge::on_forge(forge, survey, &target.name, ground.events).or_else(|error| listed_and_cached(ground, survey, target, error)),
        None => judge::in_cache(ground.cache, &target.name),
    };
    let judged = judged.and_then(|manifest| match target.version.is_prerelease() && parts.contains(&Part::Releases) {
        true => Err(Error::refused(format!("{target} is a prerelease: a forge never offers it as latest")).hint("`--only services,app` takes the rest there")),
        false => Ok(manifest),
    });
    match judged {
        Ok(manifest) => Ok(manifest),
        Err(error) if matches!(error.kind(), Kind::Refused | Kind::Findings) => {
            Err(judge::with_candidates(error, ground.forge, (survey, live), ground.cache, &ground.project.config.tag))
        }
        Err(error) => Err(error),
    }
}

/// A forge that lists its releases and doesn't hand out files: the cached copy will do, if every digest is the one that is listed.
fn listed_and_cached(ground: &Ground<'_>, survey: &Survey, target: &Tag, error: Error) -> Result<Manifest> {
    if !rollback::is_out_of_reach(&error) {
        return Err(error);
    }
    let manifest = judge::as_listed(survey, ground.cache, &target.name).ok_or(error)?;
    ground
        .events
        .warn(Finding::warning("forge-half-down", format!("{target} can't be downloaded: the cached copy is used, whose digests are those of the forge")));
    Ok(manifest)
}

/// Shows, asks, acts.
fn act(session: &Session, ground: &Ground<'_>, facts: &Facts, decided: Decided, place: &str) -> Result<Answer> {
    let Decided { detail, begun, switch } = decided;
    let shown = show::plan(&detail, place, begun, switch.as_ref());
    if !begun && detail.direction == Direction::Forward && detail.plan.is_empty() {
        return Ok(show::nothing(&detail));
    }
    let question = match detail.direction {
        Direction::Forward => format!("take the product back to {}?", detail.plan.target),
        Direction::Undo => format!("undo the rollback to {}?", detail.plan.target),
    };
    if session.go_on(&question, &shown)? == Go::OnlyThePlan {
        return Ok(shown);
    }
    if !begun {
        rollback::allowed(ground, facts, &detail.plan)?;
    }
    let outcome = carry_out(ground, facts, detail)?;
    Ok(show::outcome(&outcome))
}

/// Everything that can fail without having changed anything comes before the journal.
fn carry_out(ground: &Ground<'_>, facts: &Facts, detail: Detail) -> Result<Outcome> {
    rollback::prepare(ground, &detail.plan, detail.direction)?;
    let journal = rollback::begin(&ground.project.state(), &detail)?;
    let target = detail.plan.target.clone();
    let template = &ground.project.config.tag;
    rollback::carry_out(ground, facts, journal, detail, template).map_err(|error| match rollback::pending(&ground.project.state()) {
        Ok(None) => error,
        _ => left_pending(error, &target),
    })
}

/// Something is begun and not ended: partly done, whatever stopped it, unless that has a code of its own.
fn left_pending(error: Error, target: &str) -> Error {
    let error = if error.kind() == Kind::Unexpected { error.of_kind(Kind::Partial) } else { error };
    if error.hints().iter().any(|hint| hint.contains("xtask rollback --")) {
        return error;
    }
    error.hint(format!("go on: `xtask rollback --to {target} --yes`; or back: `xtask rollback --undo --yes`"))
}

/// `check --only rollback`: for each kept release, whether a rollback to it would work.
pub(super) fn check(session: &Session, project: &Project, asked: Option<ForgeKind>) -> Result<Vec<Finding>> {
    let forge = forges::open(session, project, asked)?;
    let cache = Cache::open(project)?;
    let survey = forge.survey_latest()?;
    let mut findings = Vec::new();
    for release in judge::kept(&survey, &project.config.tag) {
        let judged = judge::on_forge(forge.as_ref(), &survey, &release.tag, &session.events);
        let ready = judged.as_ref().map(|manifest| judge::ready(project, &cache, manifest)).unwrap_or_default();
        findings.push(judge::finding(&release.tag, &judged));
        findings.extend(ready);
    }
    if findings.is_empty() {
        findings.push(Finding::warning("rollback-nothing", format!("{} holds no release to go back to", forge.place())));
    }
    Ok(findings)
}
