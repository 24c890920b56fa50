//! Restores: nothing is touched before the data has proven itself, the change is one step, and a journal says at any moment what is in force.
//!
//! Order, and why: check the archive (cheap refusals first) → stage in a fresh place → engine's checkers, scratch server, counts (a backup that doesn't load must
//! not cost the old data) → safety backup → stop → exchange → start → prove → done; else the old data back. `SIGKILL` at any moment leaves old or new.

mod content;
mod ground;
mod inside;
mod journal;
mod pick;
mod scratch;
mod services;
mod settle;
mod stage;
mod trial;

pub use ground::InForce;
pub use pick::{Picked, pick};
pub use settle::{confirm, pending, resume, undo};
pub use trial::{count_file, deep, sweep as sweep_trial};

use std::path::Path;

use serde::Serialize;

use super::{
    closed,
    entry::Entry,
    manifest::{Manifest, Totals},
    name::Name,
    read,
    run::{self, Options},
    shift::Shift,
    source::{Source, What},
    unpack,
    users::{self, Users},
};
use crate::{
    config::{Engine, Project},
    effects::{files, lock},
    kernel::{Error, Events, Finding, Result, human_bytes},
};
use journal::{Detail, Log, Step};
use stage::Stage;

/// What a restore would do.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The source.
    pub name: String,
    /// The backup.
    pub from: String,
    /// When its data was copied, where that is known.
    pub made: Option<String>,
    /// What it holds.
    pub holds: String,
    /// What it replaces.
    pub replaces: String,
    /// What is stopped meanwhile and started again.
    pub stops: Vec<String>,
    /// Good to know beforehand.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Restored {
    /// The source.
    pub name: String,
    /// The backup.
    pub from: String,
    /// The backup of what was there before.
    pub safety: Option<String>,
    /// Where the old folder is kept until `--confirm`.
    pub kept: Option<String>,
    /// What was restored.
    pub totals: Totals,
    /// What was seen on the way.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// Resolves what would be done, after the cheap refusals.
pub fn plan(source: &Source, picked: &Picked) -> Result<Plan> {
    picked.belongs(source)?;
    let users = Users::find(source)?;
    let stops = users.iter().flat_map(|users| users.running()).map(|container| container.name().to_owned()).collect();
    let manifest = picked.manifest.as_ref();
    let replaces = match &source.what {
        What::Volume { real, .. } => format!("the volume {real}"),
        What::Folder(_) => match Stage::plan(source, &picked.label)?.ground() {
            Some(ground) => format!("the folder {}", ground.live.display()),
            None => String::new(),
        },
    };
    Ok(Plan {
        name: source.name().into(),
        from: picked.label.clone(),
        made: manifest.map(|manifest| manifest.created.clone()),
        holds: manifest.map_or_else(|| files::size(&picked.archive).map(human_bytes).unwrap_or_default(), Manifest::holds),
        replaces,
        stops,
        findings: notes(source, picked),
    })
}

/// What a person should know: it isn't the newest, or not of here; secrets of desktop applications don't travel.
fn notes(source: &Source, picked: &Picked) -> Vec<Finding> {
    let mut findings = picked.passed.clone();
    if let Some(manifest) = &picked.manifest {
        let (theirs, ours) = (&manifest.source.directory, source.origin().directory);
        if *theirs != ours
            && let (Some(theirs), Some(ours)) = (theirs, ours)
        {
            findings.push(Finding::warning("restore-other-folder", format!("this backup was made of {theirs}, and goes to {ours}")));
        }
        if matches!(source.what, What::Folder(_)) && source.engine() == Engine::Files && manifest.source.who != lock::who() {
            findings.push(
                Finding::warning(
                    "restore-other-user",
                    format!(
                        "this backup was made by {}: secrets that the application encrypted for that user (safeStorage) can't be read here",
                        manifest.source.who
                    ),
                )
                .hint("sign in again in the application"),
            );
        }
        if let Some(suspicion) = &manifest.suspicion {
            findings.push(Finding::warning("restore-suspicious", format!("this backup is not verified: {suspicion}")));
        }
    }
    findings
}

/// Unpacks a backup into an empty folder, and changes nothing else.
pub fn elsewhere(picked: &Picked, to: &Path) -> Result<(Totals, Vec<Finding>)> {
    let (wanted, mut findings) = picked.check(stage::room(to))?;
    files::create_dir(to)?;
    if !files::list(to)?.is_empty() {
        return Err(Error::refused(format!("{} is not empty", to.display())).hint("name a folder that doesn't exist yet"));
    }
    let written = unpack::unpack(&mut read::open(&picked.archive)?, picked.names(), &Shift::default(), to)?;
    same(&wanted, &written.entries)?;
    findings.extend(written.findings);
    Ok((Totals::of(&written.entries), findings))
}

/// Restores.
pub fn run(project: &Project, source: &Source, picked: &Picked, events: &Events) -> Result<Restored> {
    let what = format!("restore {}", source.name());
    let _lock = run::lock(project, source.name(), &what)?;
    let _services = run::services_lock(project, source, &what)?;
    settle::make_way(project, source, events)?;
    super::undo::recover(&project.state(), source, events)?;
    picked.belongs(source)?;
    events.step(format!("check {}", picked.label));
    let stage = Stage::plan(source, &picked.label)?;
    let (picked, wanted, mut findings) = checked(source, picked, &stage)?;
    closed::check(source.spec.closed.as_deref(), "a restore now")?;
    trial::server_is_down(source)?;
    let detail = Detail { step: Step::Staging, label: picked.label.clone(), stage, stopped: Vec::new(), probe: None, safety: None };
    let mut log = Log::new(&project.state(), source, detail);
    log.at(Step::Staging)?;
    findings.extend(notes(source, &picked));
    if let Err(error) = prepare(project, source, &picked, &wanted, &mut log, &mut findings, events) {
        // Nothing was touched yet: the staging place goes, the journal too.
        log.detail.stage.clear()?;
        log.close()?;
        return Err(error);
    }
    let totals = Totals::of(&wanted);
    let (safety, kept) = settle::switch(source, log, events)?;
    Ok(Restored { name: source.name().into(), from: picked.label.clone(), safety, kept, totals, findings })
}

/// Reads every byte, and decides where the archive's data folder goes.
fn checked(source: &Source, picked: &Picked, stage: &Stage) -> Result<(Picked, Vec<Entry>, Vec<Finding>)> {
    let (entries, mut findings) = picked.check(stage.room())?;
    let mut picked = picked.clone();
    if source.engine() == Engine::Redis {
        picked.shift = trial::shift(source, &picked, &entries)?;
    } else if picked.manifest.is_none() {
        picked.shift = Shift::out_of(&entries, &place(source)?);
    }
    if !picked.shift.is_none() {
        let Shift { from, to } = &picked.shift;
        let message = match source.engine() {
            Engine::Redis => format!("the archive's data lies in `{from}`, the server reads it from `{to}` of the volume: it is put there"),
            Engine::Files => format!("the archive was packed from above, its data lies in `{from}`: that is what is restored"),
        };
        findings.push(Finding::note("restore-moved", message));
    }
    let wanted = picked.shifted(entries)?;
    Ok((picked, wanted, findings))
}

/// Where a source's files are, as whoever packed them may have seen it: on this machine, or in the container that mounts the volume.
fn place(source: &Source) -> Result<Name> {
    let path = match &source.what {
        What::Folder(folder) => std::path::absolute(folder).unwrap_or_else(|_| folder.clone()),
        What::Volume { real, .. } => {
            let users = Users::find(source)?;
            let destination = users.iter().flat_map(|users| &users.all).find_map(|container| container.destination_of(real));
            destination.unwrap_or_default().into()
        }
    };
    Ok(Name::from(files::slashes(&path).trim_matches('/')))
}

fn prepare(project: &Project, source: &Source, picked: &Picked, wanted: &[Entry], log: &mut Log, findings: &mut Vec<Finding>, events: &Events) -> Result<()> {
    let users = Users::find(source)?;
    events.step("stage it");
    let staged = log.detail.stage.fill(picked, source)?;
    same(wanted, &staged.entries)?;
    findings.extend(staged.findings);
    log.at(Step::Staging)?;
    if source.engine() == Engine::Redis {
        let engine = trial::engine(source, picked, users.as_ref(), wanted)?;
        let counts = trial::prove(source, picked, users.as_ref(), &engine, wanted, log.detail.stage.folder(), &log.detail.stage, events)?;
        events.note(format!("a scratch server loaded it: {}", counts.text()));
        log.detail.probe =
            picked.manifest.as_ref().and_then(|manifest| manifest.probe.clone()).or(Some(super::probe::Probe { before: counts.clone(), after: counts }));
        if !log.detail.stage.untouched(wanted)? {
            events.note("stage it afresh: the scratch server had touched it");
            same(wanted, &log.detail.stage.fill(picked, source)?.entries)?;
        }
    }
    if let Some(folder) = log.detail.stage.folder() {
        trial::validate(source, folder, wanted)?;
    }
    log.detail.safety = safety(project, source, users.as_ref(), findings, events)?;
    log.detail.stage.mark()?;
    log.at(Step::Staging)
}

/// A backup of what is there. Should it fail because what is there is broken, the files are copied as they are.
fn safety(project: &Project, source: &Source, users: Option<&Users>, findings: &mut Vec<Finding>, events: &Events) -> Result<Option<String>> {
    if let What::Folder(folder) = &source.what
        && !folder.is_dir()
    {
        return Ok(None);
    }
    events.step("back up what is there");
    let options = Options { safety: true, ..Options::default() };
    let mut done = run::locked(project, source, options, events);
    let dead = users.is_some_and(|users| users.running().is_empty()) || users.is_none();
    // Without room another way would stop the server for nothing.
    let torn = done.as_ref().is_err_and(|error| !error.chain().contains("No space left"));
    if torn && source.engine() == Engine::Redis && !dead {
        let mut plain = source.clone();
        plain.spec.engine = Some(Engine::Files);
        done = run::locked(project, &plain, options, events);
    }
    match done {
        Ok(done) => Ok(Some(done.manifest.id)),
        Err(error) if error.to_string().contains("the backup is empty") => {
            findings.push(Finding::note("restore-was-empty", "there was nothing before that could be backed up"));
            Ok(None)
        }
        Err(error) => Err(error.within("what is there could not be backed up, so it was left alone").hint("mend that first: nothing was changed")),
    }
}

/// What was written must be what was checked: the archive may have been replaced in between.
fn same(wanted: &[Entry], written: &[Entry]) -> Result<()> {
    if wanted.len() == written.len() && wanted.iter().zip(written).all(|(a, b)| a == b) {
        return Ok(());
    }
    let first = wanted.iter().zip(written).find(|(a, b)| a != b).map(|(a, _)| a.path.to_string());
    Err(Error::mismatch("the archive changed after it was checked").caused_by(format!("first at `{}`", first.unwrap_or_else(|| "its end".into()))))
}

/// What runs on a source's volume, by id.
fn running(source: &Source) -> Result<Vec<String>> {
    Ok(Users::find(source)?.iter().flat_map(|users| users.running()).map(|container| container.id.clone()).collect())
}

/// Stops what runs on a source's volume.
fn stop_users(source: &Source, log: &mut Log, events: &Events) -> Result<()> {
    let running = running(source)?;
    if log.detail.stopped.is_empty() {
        log.detail.stopped = running.clone();
    }
    log.at(log.detail.step)?;
    users::stop(&running, events)
}
