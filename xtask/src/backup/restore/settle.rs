//! The switch itself, and what a killed one needs: going on, going back, clearing up. The journal is written before each step.

use std::path::{Path, PathBuf};

use super::{
    super::{
        run,
        source::{Source, What},
        users,
    },
    InForce,
    journal::{Log, Step},
    services,
    stage::Stage,
    stop_users,
};
use crate::{
    config::Project,
    effects::files,
    kernel::{Error, Events, Finding, Kind, Result},
};

/// Stop, exchange, start, prove; else back. Gives the safety backup's id and where the old folder is kept.
pub fn switch(source: &Source, mut log: Log, events: &Events) -> Result<(Option<String>, Option<String>)> {
    log.at(Step::Stopping)?;
    if let Err(error) = stop_users(source, &mut log, events) {
        users::start(&log.detail.stopped, events)?;
        log.detail.stage.clear()?;
        log.close()?;
        return Err(error.within("a service could not be stopped; the old data stays in force"));
    }
    log.at(Step::Exchanging)?;
    events.step("put it in place");
    if let Err(error) = log.detail.stage.exchange().and_then(|()| again(source, &mut log, events)) {
        return Err(revert(source, log, error, events));
    }
    log.at(Step::Proving)?;
    prove(source, log, events)
}

/// What something else started meanwhile runs on the data that was exchanged under it: its writes would go where nobody looks. It is stopped, and
/// started again with the rest.
fn again(source: &Source, log: &mut Log, events: &Events) -> Result<()> {
    let running = super::running(source)?;
    for id in &running {
        events.warn(Finding::warning("restore-started-meanwhile", format!("{} was started meanwhile, on the old data: it is started anew", users::shown(id))));
    }
    let before = std::mem::take(&mut log.detail.stopped);
    log.detail.stopped = before.iter().cloned().chain(running.iter().filter(|id| !before.contains(id)).cloned()).collect();
    if !running.is_empty() {
        log.at(log.detail.step)?;
    }
    users::stop(&running, events)
}

fn prove(source: &Source, mut log: Log, events: &Events) -> Result<(Option<String>, Option<String>)> {
    events.step("start what ran, and look whether it is well");
    let proven = users::start(&log.detail.stopped, events).and_then(|()| services::prove(source, &log.detail.stopped, log.detail.probe.as_ref(), events));
    if let Err(error) = proven {
        log.at(Step::Reverting)?;
        return Err(revert(source, log, error, events));
    }
    log.at(Step::Clearing)?;
    clear_up(log)
}

/// From here on there is no way back but another restore: the old data goes where it is kept.
fn clear_up(log: Log) -> Result<(Option<String>, Option<String>)> {
    let kept = keep_old(&log.detail.stage)?;
    let safety = log.detail.safety.clone();
    log.detail.stage.clear()?;
    log.close()?;
    Ok((safety, kept.map(|path| path.display().to_string())))
}

/// A replaced folder stays beside the new one; a replaced volume is in the safety backup.
fn keep_old(stage: &Stage) -> Result<Option<PathBuf>> {
    let Stage::Folder { ground, kept, .. } = stage else { return Ok(None) };
    if files::exists(kept) {
        return Ok(Some(kept.clone()));
    }
    if !files::exists(&ground.staged) {
        return Ok(None);
    }
    files::rename(&ground.staged, kept)?;
    Ok(Some(kept.clone()))
}

/// The old data back, the services on it, and an error that says both: why, and what is in force now.
fn revert(source: &Source, mut log: Log, why: Error, events: &Events) -> Error {
    events.step("put the old data back");
    match back(source, &mut log, events) {
        Ok(()) => match log.close() {
            Ok(()) => why.within("the restored data was not well: the old data is back in force").of_kind(Kind::Reverted),
            Err(error) => error,
        },
        Err(error) => error
            .within("the restored data was not well, and the old data could not be put back yet")
            .of_kind(Kind::Partial)
            .hint(format!("what was wrong: {}", why.chain()))
            .hint(format!("go on with `xtask restore {} --undo`", source.name())),
    }
}

fn back(source: &Source, log: &mut Log, events: &Events) -> Result<()> {
    log.at(Step::Reverting)?;
    stop_users(source, log, events)?;
    log.detail.stage.back()?;
    users::start(&log.detail.stopped, events)?;
    log.detail.stage.clear()
}

/// Which data is in force for a source whose restore is pending, by looking; nothing where none is, or where neither is in force as a whole.
pub fn pending(state: &Path, name: &str) -> Result<Option<InForce>> {
    let Some(log) = Log::load(state, name)? else { return Ok(None) };
    log.detail.known()
}

/// What a killed run left; what it left at work is ended.
fn left(project: &Project, source: &Source) -> Result<Option<Log>> {
    let log = Log::load(&project.state(), source.name())?;
    if let Some(Stage::Engine(inside)) = log.as_ref().map(|log| &log.detail.stage) {
        inside.quiet()?;
    }
    Ok(log)
}

/// Goes on after a kill: clears up where nothing was exchanged yet, proves what was.
pub fn resume(project: &Project, source: &Source, events: &Events) -> Result<Option<(String, InForce)>> {
    let what = format!("restore {}", source.name());
    let _lock = run::lock(project, source.name(), &what)?;
    let _services = run::services_lock(project, source, &what)?;
    let Some(mut log) = left(project, source)? else { return Ok(None) };
    super::super::undo::recover(&project.state(), source, events)?;
    let label = log.detail.label.clone();
    match (log.detail.look()?, log.detail.step) {
        (_, Step::Clearing) => {
            clear_up(log)?;
            Ok(Some((label, InForce::New)))
        }
        (Some(InForce::New), Step::Exchanging | Step::Proving) => {
            if log.detail.step == Step::Exchanging {
                again(source, &mut log, events)?;
            }
            log.at(Step::Proving)?;
            prove(source, log, events)?;
            Ok(Some((label, InForce::New)))
        }
        (Some(InForce::Old), Step::Staging | Step::Stopping | Step::Proving | Step::Reverting) => {
            clear_away(log, events)?;
            Ok(Some((label, InForce::Old)))
        }
        (Some(InForce::New), _) | (None, Step::Reverting) => {
            back(source, &mut log, events)?;
            log.close()?;
            Ok(Some((label, InForce::Old)))
        }
        (Some(InForce::Old) | None, _) => {
            events.step("put it in place");
            // Somebody may have started them meanwhile.
            stop_users(source, &mut log, events)?;
            log.detail.stage.exchange()?;
            again(source, &mut log, events)?;
            log.at(Step::Proving)?;
            prove(source, log, events)?;
            Ok(Some((label, InForce::New)))
        }
    }
}

/// Nothing was exchanged: what was stopped runs again, the staging place goes.
fn clear_away(log: Log, events: &Events) -> Result<()> {
    users::start_after_kill(&log.detail.stopped, log.since(), events)?;
    log.detail.stage.clear()?;
    log.close()
}

/// Settles what a killed restore left, where that needs nobody's decision: nothing was exchanged yet. Else says how to go on.
pub fn make_way(project: &Project, source: &Source, events: &Events) -> Result<()> {
    let Some(log) = Log::load(&project.state(), source.name())? else { return Ok(()) };
    let early = matches!(log.detail.step, Step::Staging | Step::Stopping);
    if early && log.detail.look()? == Some(InForce::Old) {
        events.note(format!("a restore from {} was killed before it changed anything: clearing it away", log.detail.label));
        return clear_away(log, events);
    }
    Err(Error::new(Kind::Partial, format!("a restore of {} was killed and is not settled", source.name()))
        .hint(format!("go on with `xtask restore {} --resume`", source.name()))
        .hint(format!("or back with `xtask restore {} --undo`", source.name())))
}

/// Goes back after a kill: the old data is in force afterwards.
pub fn undo(project: &Project, source: &Source, events: &Events) -> Result<Option<String>> {
    let what = format!("undo the restore of {}", source.name());
    let _lock = run::lock(project, source.name(), &what)?;
    let _services = run::services_lock(project, source, &what)?;
    let Some(mut log) = left(project, source)? else { return Ok(None) };
    super::super::undo::recover(&project.state(), source, events)?;
    if log.detail.step == Step::Clearing {
        let (safety, _) = clear_up(log)?;
        let error = Error::refused("that restore was complete: the new data is in force and proven");
        return Err(safety.iter().fold(error, |error, id| error.hint(format!("to have the old data again: `xtask restore {} --from {id}`", source.name()))));
    }
    back(source, &mut log, events)?;
    let label = log.detail.label.clone();
    log.close()?;
    Ok(Some(label))
}

/// Removes the old folders that restores kept beside the live one.
pub fn confirm(source: &Source) -> Result<Vec<PathBuf>> {
    let What::Folder(_) = &source.what else { return Ok(Vec::new()) };
    let Some(live) = Stage::plan(source, "any")?.ground().map(|ground| ground.live.clone()) else { return Ok(Vec::new()) };
    let beside = files::parent(&live);
    let prefix = format!("{}.before-", live.file_name().unwrap_or_default().to_string_lossy());
    let mut removed = Vec::new();
    for name in files::list(beside)?.into_iter().filter(|name| name.starts_with(&prefix)) {
        files::remove_dir(&beside.join(&name))?;
        removed.push(beside.join(name));
    }
    Ok(removed)
}
