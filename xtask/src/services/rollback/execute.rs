//! Doing it: fetch, try, back up, journal, switch, prove; else everything back as it was, with both reasons told. Killed at any moment, the
//! journal says how to go on or back.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    Change, From, Plan,
    data::bring,
    facts::{login, server},
    plan::cant_read,
    record::{self, Data, Detail, Direction, Done, JOURNAL},
};
use crate::{
    backup::{self, Counts, Options, Probe, Source},
    config::Project,
    effects::{
        clock,
        docker::{self, Container, Images},
        files, lock,
    },
    kernel::{Error, Events, Finding, Kind, Result},
    ledger::Journal,
    services::{
        ImageRef, Stack,
        compose::Compose,
        format::{self, Verdict},
        health::Watch,
        pins::{self, Side},
    },
};

/// How long everything must stay healthy where xtask.toml doesn't say, in seconds.
const SOAK: u64 = 10;

/// How long a service that was sick before has to recover, where its image stays.
const RECOVERY: Duration = Duration::from_secs(15);

/// The commands that `status` names while a switch is under way.
#[derive(Clone, Copy, Debug)]
pub struct Ways<'a> {
    /// Goes on.
    pub resume: &'a str,
    /// Goes back.
    pub undo: &'a str,
}

/// Whether data is backed up first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Safety {
    /// Verified backups of everything whose image changes.
    #[default]
    Backup,
    /// None: a newer verified one is at hand, or the caller has made it.
    Skip,
}

/// Switches the stack.
pub fn execute(project: &Project, plan: &Plan, safety: Safety, ways: Ways<'_>, reason: Option<&str>, events: &Events) -> Result<Done> {
    let _lock = lock::acquire(&lock::path(&project.state(), "services"), &format!("switch to {}", plan.label))?;
    no_other(project)?;
    let stack = Stack::open(project)?;
    let mut plan = plan.clone();
    keep(&stack, &plan)?;
    plan.changes.iter_mut().try_for_each(|change| fetch(change, events))?;
    let kept = |change: &&Change| !plan.restores.iter().any(|restore| restore.service == change.service);
    for change in plan.changes.iter().filter(kept) {
        try_data(project, &stack, change, events)?;
    }
    if safety == Safety::Skip && !plan.restores.is_empty() {
        return Err(Error::usage("data that is replaced is backed up first").hint("leave out --no-backup"));
    }
    let backups = if safety == Safety::Backup { back_up(project, &plan, events)? } else { Vec::new() };
    let counts = counts(project, &stack, &plan);
    let mut journal = Journal::new(&project.state(), JOURNAL, &format!("switch services to {}", plan.label), ways.resume, Some(ways.undo));
    let mut detail = Detail { plan, direction: Direction::Forward, safety: backups, data: Data::Before, reason: reason.map(str::to_owned) };
    journal.write("switching: the images before are kept, and either side can be reached", &detail)?;
    let begun = Instant::now();
    match forward(project, &mut journal, &mut detail, &counts, events) {
        Ok(()) => finish(project, journal, &detail, begun.elapsed().as_secs()),
        Err(error) => Err(back_after(project, &mut journal, &mut detail, &error, events)),
    }
}

/// Goes on with a switch that was killed: forward where it went forward, back where it went back. Nothing where none is under way.
pub fn resume(project: &Project, events: &Events) -> Result<Option<Done>> {
    let _lock = lock::acquire(&lock::path(&project.state(), "services"), "go on with a switch of services")?;
    let Some((mut journal, mut detail)) = Journal::load::<Detail>(&project.state(), JOURNAL)? else { return Ok(None) };
    events.step(format!("going on: {}", journal.pending().what));
    if detail.direction == Direction::Back {
        back(project, &detail, events)?;
        close(project, journal)?;
        let why = detail.reason.clone().unwrap_or_else(|| "it was taken back".into());
        return Err(reverted(&detail, &Error::unexpected(why)));
    }
    let begun = Instant::now();
    match forward(project, &mut journal, &mut detail, &[], events) {
        Ok(()) => finish(project, journal, &detail, begun.elapsed().as_secs()).map(Some),
        Err(error) => Err(back_after(project, &mut journal, &mut detail, &error, events)),
    }
}

/// Goes back: from a switch that is under way, whichever way it went. Nothing where none is: then a new plan to [`record::last`]'s `before` does it.
pub fn undo(project: &Project, events: &Events) -> Result<Option<Plan>> {
    let _lock = lock::acquire(&lock::path(&project.state(), "services"), "take a switch of services back")?;
    let Some((mut journal, mut detail)) = Journal::load::<Detail>(&project.state(), JOURNAL)? else { return Ok(None) };
    detail.direction = Direction::Back;
    journal.write("going back to what was before", &detail)?;
    back(project, &detail, events)?;
    close(project, journal)?;
    Ok(Some(detail.plan))
}

fn no_other(project: &Project) -> Result<()> {
    match Journal::load::<serde_json::Value>(&project.state(), JOURNAL)? {
        None => Ok(()),
        Some((journal, _)) => Err(Error::refused(format!("a switch is under way since {}: {}", journal.pending().since, journal.pending().what))
            .hint(format!("go on with `{}`", journal.pending().resume))
            .hint(format!("or go back with `{}`", way_back(&journal)))),
    }
}

fn way_back(journal: &Journal) -> &str {
    journal.pending().undo.as_deref().unwrap_or("xtask services switch --undo")
}

/// A pull can lose the image that runs now: it gets a name of its own first.
fn keep(stack: &Stack, plan: &Plan) -> Result<()> {
    let ids: Vec<String> = plan.changes.iter().filter_map(|change| change.before.id.clone()).collect();
    let images = Images::look(&ids)?;
    for change in &plan.changes {
        if let Some(id) = &change.before.id
            && images.get(id)?.is_some()
        {
            docker::tag(id, &kept(&stack.name, &change.service))?;
        }
    }
    Ok(())
}

fn kept(stack: &str, service: &str) -> String {
    format!("xtask-kept/{}/{}:previous", stack.to_lowercase(), service.to_lowercase())
}

/// Before anything stops: the image is here under the name that will be asked for, and its id is known.
fn fetch(change: &mut Change, events: &Events) -> Result<()> {
    let name = change.after.pinned();
    match (&change.from, &change.after.id) {
        (From::Here, _) => {}
        (From::Retag, Some(id)) => docker::tag(id, &name)?,
        _ => {
            events.step(format!("pulling {name}"));
            docker::docker(["pull", &name]).stream(events).map_err(|error| {
                error
                    .within(format!("{name} can't be had: nothing was changed"))
                    .of_kind(Kind::Refused)
                    .hint("is the registry reachable, and is the tag still there?")
            })?;
        }
    }
    let here = docker::image(&name)?.ok_or_else(|| Error::unexpected(format!("{name} is not here although it was fetched")))?;
    if let Some(id) = change.after.id.as_ref().filter(|id| **id != here.id) {
        return Err(Error::mismatch(format!("{name} is now {}, and {id} was recorded: nothing was changed", here.id))
            .hint("the tag was moved; the recorded image is neither here nor under its name"));
    }
    change.after.id = Some(here.id);
    Ok(())
}

/// Where versions don't tell, a scratch container on a copy does.
fn try_data(project: &Project, stack: &Stack, change: &Change, events: &Events) -> Result<()> {
    let Verdict::Unknown(unknown) = &change.data else { return Ok(()) };
    let container = stack.container(&change.service)?.filter(|container| container.state.running);
    let Some(container) = container else {
        events.note(format!("{unknown}, and {} doesn't run: it will be seen when it starts", change.service));
        return Ok(());
    };
    let login = login(project, &change.service, &container);
    match format::trial(&container, &login, &change.after.pinned(), events)? {
        Verdict::CantRead(why) => Err(cant_read(&change.service, &change.before.image, &why)),
        Verdict::Unknown(why) => Err(Error::refused(format!("{}: {why}", change.service)).hint("nothing was changed")),
        Verdict::Reads | Verdict::NoData => Ok(()),
    }
}

fn back_up(project: &Project, plan: &Plan, events: &Events) -> Result<Vec<(String, String)>> {
    let mut made = Vec::new();
    for spec in project.config.backups.iter().filter(|spec| plan.backups.contains(&spec.name)) {
        let source = Source::resolve(project, spec)?;
        let options = Options { safety: true, ..Options::default() };
        let done = backup::run(project, &source, options, events)
            .map_err(|error| error.within(format!("no verified backup of {}: nothing was changed", spec.name)).hint("--no-backup goes on without one"))?;
        made.push((spec.name.clone(), done.manifest.id));
    }
    Ok(made)
}

/// What servers hold, by service: compared after the switch. A server that doesn't answer now has nothing to compare with.
fn counts(project: &Project, stack: &Stack, plan: &Plan) -> Vec<(String, Counts)> {
    let brought = |change: &Change| plan.restores.iter().any(|restore| restore.service == change.service);
    let data: Vec<&Change> = plan.changes.iter().filter(|change| change.data != Verdict::NoData && change.runs && !brought(change)).collect();
    let running = if data.is_empty() { BTreeMap::new() } else { stack.containers().unwrap_or_default() };
    data.into_iter().filter_map(|change| Some((change.service.clone(), count(project, &running, &change.service).ok()?))).collect()
}

fn count(project: &Project, running: &Containers, service: &str) -> Result<Counts> {
    let container = Stack::main(running.get(service).cloned().unwrap_or_default());
    backup::count(&server(project, service, &container.ok_or_else(|| Error::unexpected(format!("{service} has no container")))?))
}

fn forward(project: &Project, journal: &mut Journal, detail: &mut Detail, held: &[(String, Counts)], events: &Events) -> Result<()> {
    pins::write(&detail.plan.pins, Side::After, &kept_files(project))?;
    if !detail.plan.restores.is_empty() && detail.data != Data::After {
        detail.data = Data::Replacing;
        journal.write("switching images and data: what was there is in the backup made first", detail)?;
        let restores: Vec<_> = detail.plan.restores.iter().map(|restore| (restore.source.clone(), restore.id.clone())).collect();
        bring(project, &detail.plan, &restores, events)?;
        detail.data = Data::After;
        journal.write("switching: images and data are replaced, what was there is in the backup made first", detail)?;
    }
    let plan = &detail.plan;
    let stack = Stack::open(project)?;
    let (must, sick) = plan.by_duty();
    start(&stack, plan, &must, events)?;
    let running = stack.containers()?;
    prove(&running, plan, |change| &change.after)?;
    for (service, before) in held {
        same_content(service, before, &count(project, &running, service)?)?;
    }
    look_after(&stack, &sick, events);
    soak(project, &stack, &must, events)
}

/// Those that were sick before, with an image that stays, get a moment to recover with the others. That they don't is told, and no reason to go back.
fn look_after(stack: &Stack, sick: &[String], events: &Events) {
    if sick.is_empty() {
        return;
    }
    events.step(format!("seeing whether {} recovers", sick.join(", ")));
    let recovered = Watch::begin(stack, sick).and_then(|mut watch| watch.recover(RECOVERY));
    for finding in recovered.err().iter().flat_map(Error::found) {
        let message = format!("it was so before, and is no reason to go back: {}", finding.message);
        events.warn(Finding::warning("service-still-unhealthy", message).hint("`xtask services status`"));
    }
}

/// Starts what ran; waits for those that can be expected to be healthy. A Compose that was killed leaves half a change: that is cleared first,
/// and once more if it was still at work.
fn start(stack: &Stack, plan: &Plan, healthy: &[String], events: &Events) -> Result<()> {
    if plan.running.is_empty() {
        events.note("nothing ran, so nothing is started");
        return Ok(());
    }
    let seen = clear_halves(stack, plan)?;
    match start_once(stack, &plan.running, healthy, &seen, events) {
        Err(error) if ["Conflict", "already in use", "No such container", "already in progress"].iter().any(|word| error.chain().contains(word)) => {
            clock::sleep(Duration::from_secs(2));
            let seen = clear_halves(stack, plan)?;
            start_once(stack, &plan.running, healthy, &seen, events)
        }
        other => other,
    }
}

fn start_once(stack: &Stack, running: &[String], healthy: &[String], seen: &Containers, events: &Events) -> Result<()> {
    let words: Vec<&str> = ["up", "-d", "--no-deps"].into_iter().chain(running.iter().map(String::as_str)).collect();
    let program = stack.compose.program(&words);
    Watch::since(stack, healthy, seen).wait(&mut || program.background(events), events)
}

/// A stack's containers by service.
type Containers = BTreeMap<String, Vec<Container>>;

/// Two containers of a service, or one that is named `0123456789ab_NAME`: Compose was killed while it replaced one. They are made anew; what they
/// write is in volumes, as the backup has made sure. Gives the containers that are left.
fn clear_halves(stack: &Stack, plan: &Plan) -> Result<Containers> {
    let half = |name: &str| name.split_once('_').is_some_and(|(id, _)| id.len() == 12 && id.chars().all(|c| c.is_ascii_hexdigit()));
    let mut containers = stack.containers()?;
    for change in &plan.changes {
        let mine = containers.remove(&change.service).unwrap_or_default();
        if mine.iter().any(|container| half(container.name())) {
            mine.iter().try_for_each(|container| docker::docker(["rm", "--force", &container.id]).read().map(drop))?;
        } else {
            containers.insert(change.service.clone(), mine);
        }
    }
    Ok(containers)
}

/// What runs is what was meant: by id, not by name.
fn prove(running: &Containers, plan: &Plan, side: impl Fn(&Change) -> &ImageRef) -> Result<()> {
    for change in plan.changes.iter().filter(|change| change.runs) {
        let container = Stack::main(running.get(&change.service).cloned().unwrap_or_default());
        let container = container.ok_or_else(|| Error::mismatch(format!("{} has no container", change.service)))?;
        let meant = side(change);
        if meant.id.as_ref().is_some_and(|id| *id != container.image) {
            return Err(Error::mismatch(format!("{} runs {} and not {}", change.service, container.image, meant.image)));
        }
    }
    Ok(())
}

fn same_content(service: &str, before: &Counts, after: &Counts) -> Result<()> {
    let probe = Probe { before: before.clone(), after: before.clone() };
    let differences = probe.differences(after);
    // Clients may have written meanwhile: more is fine, less is loss.
    if differences.is_empty() || after.weight() >= before.weight() {
        return Ok(());
    }
    Err(Error::mismatch(format!("{service} does not hold what it held: {}", differences.join("; "))))
}

/// Healthy once is not healthy: it has to stay so for a while, without a restart.
fn soak(project: &Project, stack: &Stack, services: &[String], events: &Events) -> Result<()> {
    let seconds = project.config.services.as_ref().and_then(|services| services.soak).unwrap_or(SOAK);
    if services.is_empty() || seconds == 0 {
        return Ok(());
    }
    events.step(format!("watching for {seconds} s whether it stays healthy"));
    Watch::begin(stack, services)?.stay(Duration::from_secs(seconds))
}

fn finish(project: &Project, journal: Journal, detail: &Detail, seconds: u64) -> Result<Done> {
    let backups = detail.safety.iter().map(|(_, id)| id.clone()).collect();
    let refs = |side: fn(&Change) -> &ImageRef| detail.plan.changes.iter().map(|change| side(change).clone()).collect();
    let done = Done { label: detail.plan.label.clone(), before: refs(|change| &change.before), after: refs(|change| &change.after), backups, seconds };
    record::finished(project, &done, detail.reason.as_deref())?;
    close(project, journal)?;
    Ok(done)
}

/// Where replaced files keep a second name while a switch is under way.
fn kept_files(project: &Project) -> PathBuf {
    project.state().join("kept")
}

/// Nothing is left to go on or back from.
fn close(project: &Project, journal: Journal) -> Result<()> {
    journal.close()?;
    files::remove_dir(&kept_files(project))
}

/// It went wrong: everything back as it was. If that fails too, the journal stays and says so.
fn back_after(project: &Project, journal: &mut Journal, detail: &mut Detail, error: &Error, events: &Events) -> Error {
    events.step(format!("{error}: going back"));
    let story = error.found().to_vec();
    detail.direction = Direction::Back;
    detail.reason = Some(error.chain());
    // A full disk may be what failed: going back must not depend on this line. Without it a killed run goes forward once more, and comes back.
    drop(journal.write("it failed: going back to what was before", detail));
    match back(project, detail, events).and_then(|()| close(project, journal.clone())) {
        Ok(()) => reverted(detail, error).with_findings(story),
        Err(second) => Error::partial(format!("{}, and going back failed too: {}", error.chain(), second.chain()))
            .with_findings(story)
            .with_findings(second.found().to_vec())
            .hint(format!("mend what stands in the way, then: {}", way_back(journal))),
    }
}

fn reverted(detail: &Detail, error: &Error) -> Error {
    let plan = &detail.plan;
    let state = if plan.healthy.len() == plan.running.len() { "healthy" } else { "as it was before, which was not healthy" };
    let data = if detail.data == Data::Before { "" } else { "; today's data is back with them" };
    let what = if error.found().iter().any(|finding| finding.code == "service-unhealthy") { "was not healthy" } else { "could not be put in force" };
    Error::new(Kind::Reverted, format!("{} {what}; the previous images are back, {state}{data}", plan.label)).caused_by(error.chain())
}

fn back(project: &Project, detail: &Detail, events: &Events) -> Result<()> {
    let plan = &detail.plan;
    pins::write(&plan.pins, Side::Before, &kept_files(project))?;
    asks_again(&Compose::open(project)?, plan)?;
    let stack = Stack::open(project)?;
    for change in &plan.changes {
        // The name may mean another image by now.
        if let Some(id) = change.before.id.as_ref().filter(|_| !change.before.image.contains('@'))
            && docker::image(&change.before.image)?.is_none_or(|image| image.id != *id)
            && docker::image(id)?.is_some()
        {
            docker::tag(id, &change.before.image)?;
        }
    }
    if detail.data != Data::Before {
        bring(project, plan, &detail.safety, events)?;
    }
    start(&stack, plan, &plan.healthy, events)?;
    prove(&stack.containers()?, plan, |change| &change.before)
}

/// With the pins put back the compose file asks for what it asked for before.
fn asks_again(compose: &Compose, plan: &Plan) -> Result<()> {
    let rendered = compose.rendered()?;
    for change in &plan.changes {
        let asked = rendered.services.get(&change.service).and_then(|service| service.image.clone()).unwrap_or_default();
        if asked != change.before.image {
            return Err(Error::refused(format!("{} asks for {asked} and not for {} after its pin was put back", change.service, change.before.image)));
        }
    }
    Ok(())
}
