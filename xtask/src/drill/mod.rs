//! The backup/restore smoke test: seed, back up, write more, destroy, assert empty, restore, assert equal, write, restart, assert again. Then the same with
//! bad backups, each of which must be rejected.
//!
//! Works on a stand of its own (own project, label, volume, random port): never near real data. Uses the very rooms that real backups and restores use.

mod content;
mod controls;
mod evidence;
mod stand;

pub use evidence::Evidence;

use std::time::{Duration, Instant};

use crate::{
    backup::{self, Options, Source, restore},
    config::Project,
    effects::lock,
    kernel::{Context as _, Digest, Events, Result},
};
use controls::Bench;
use stand::{Mode, Stand};

/// Drills one source. An error means that it could not be carried out; what was carried out and failed is in the evidence.
pub fn run(project: &Project, source: &Source, quick: bool, events: &Events) -> Result<Evidence> {
    let _lock = lock::acquire(&lock::path(&project.state(), "drill"), "drill")?;
    let of = owner(project);
    let mode = Mode::of(source, &of)?;
    if let Mode::Container { .. } = mode {
        stand::sweep(&of)?;
    }
    let mut evidence = Evidence { name: source.name().into(), mode: mode.name().into(), server: mode.server(), ..Evidence::default() };
    events.step(format!("drill {} ({}, {})", source.name(), evidence.mode, evidence.server));
    let nonce = nonce();
    let mut stand = Stand::new(&mode, &nonce, &of)?;
    carry_out(&mut stand, &nonce, quick, &mut evidence, events)?;
    let started = Instant::now();
    drop(stand);
    evidence.step("clean up", started.elapsed(), "containers, volumes and folders of the drill are gone");
    evidence.judge();
    Ok(evidence)
}

/// This project on this machine, as a word: what a killed drill left is known by it.
fn owner(project: &Project) -> String {
    let root = project.root.canonicalize().unwrap_or_else(|_| project.root.clone());
    let place = format!("{}:{}", lock::host_name().unwrap_or_default(), root.display());
    Digest::of(place.as_bytes()).hex().chars().take(16).collect()
}

fn nonce() -> String {
    let seed = format!("{}-{:?}-{:?}", std::process::id(), std::time::SystemTime::now(), Instant::now());
    Digest::of(seed.as_bytes()).hex().chars().take(12).collect()
}

/// Runs a step and notes how long it took.
fn timed<T>(evidence: &mut Evidence, events: &Events, step: &str, work: impl FnOnce() -> Result<(T, String)>) -> Result<(T, Duration)> {
    events.note(step.to_owned());
    let started = Instant::now();
    let (value, saw) = work().context(|| step.to_owned())?;
    let took = started.elapsed();
    evidence.step(step, took, saw);
    Ok((value, took))
}

fn carry_out(stand: &mut Stand, nonce: &str, quick: bool, evidence: &mut Evidence, events: &Events) -> Result<()> {
    let silent = Events::none();
    timed(evidence, events, "start a server of its own", || Ok((stand.start_fresh()?, stand.name.clone())))?;
    let project = stand.project()?;
    let spec = backup::select(&project, &["drill".to_owned()])?.pop().context(|| "find the drill's source".into())?;
    let source = Source::resolve(&project, spec)?;
    let (before, _) = timed(evidence, events, "seed it", || {
        content::seed(&stand.redis(), nonce)?;
        digest(stand)
    })?;
    evidence.before = Some(before);
    let (done, backup_took) = timed(evidence, events, "back it up", || {
        let done = backup::run(&project, &source, Options::default(), &silent)?;
        let saw = format!("{}, {}", done.manifest.id, done.manifest.holds());
        Ok((done, saw))
    })?;
    evidence.must(done.manifest.verified.is_some(), "the backup was not verified");
    let (later, _) = timed(evidence, events, "write more, which must be absent later", || {
        content::write_more(&stand.redis(), nonce)?;
        digest(stand)
    })?;
    evidence.must(later != before, "writing more did not change the digest: it would not notice a difference");
    timed(evidence, events, "destroy server and data", || Ok((stand.destroy()?, "gone".into())))?;
    let recovery = Instant::now();
    let (empty, _) = timed(evidence, events, "start it empty", || {
        stand.start_fresh()?;
        let empty = content::is_empty(&stand.redis())?;
        Ok((empty, if empty { "it holds nothing".into() } else { "it holds something".to_owned() }))
    })?;
    evidence.must(empty, "the server held data after its data was destroyed");
    let (_, restore_took) = timed(evidence, events, "restore", || {
        stand.make_way();
        let picked = restore::pick(&source, Some(&done.manifest.id), stand.folder())?;
        let restored = restore::run(&project, &source, &picked, &silent)?;
        stand.start()?;
        Ok((restored, picked.label))
    })?;
    evidence.recovery_seconds = (recovery.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    let (after, _) = timed(evidence, events, "compare", || digest(stand))?;
    evidence.after = Some(after);
    evidence.must(after == before, format!("the data is not what it was: digest {after} instead of {before}"));
    write_and_restart(stand, before, evidence, events)?;
    if !quick {
        let good = (source.store.archive(&done.manifest), done.manifest.path(source.store.folder()));
        try_controls(stand, source, good, (before, (backup_took, restore_took)), nonce, evidence, events)?;
    }
    Ok(())
}

fn digest(stand: &Stand) -> Result<(Digest, String)> {
    let digest = content::digest(&stand.redis())?;
    Ok((digest, format!("digest {}", digest.hex().get(..16).unwrap_or_default())))
}

fn write_and_restart(stand: &mut Stand, before: Digest, evidence: &mut Evidence, events: &Events) -> Result<()> {
    let ((restarted, kept), _) = timed(evidence, events, "write, restart, compare again", || {
        content::touch(&stand.redis())?;
        // `appendfsync everysec`: what a killed server may lose.
        crate::effects::clock::sleep(Duration::from_millis(1200));
        stand.restart()?;
        let kept = content::touched(&stand.redis())?;
        let (digest, saw) = digest(stand)?;
        Ok(((digest, kept), saw))
    })?;
    evidence.restarted = Some(restarted);
    evidence.must(restarted == before, "the data changed over a restart");
    evidence.must(kept, "a write after the restore was lost over a restart");
    Ok(())
}

type Known = (Digest, (Duration, Duration));

fn try_controls(
    stand: &mut Stand,
    source: Source,
    good: (std::path::PathBuf, std::path::PathBuf),
    known: Known,
    nonce: &str,
    evidence: &mut Evidence,
    events: &Events,
) -> Result<()> {
    // The data in force must differ from the backup's: else a restore that did nothing would look right.
    content::write_more(&stand.redis(), nonce)?;
    let current = content::digest(&stand.redis())?;
    let mut bench = Bench { stand, source, good, digests: (current, known.0), took: known.1 };
    let started = Instant::now();
    evidence.controls = controls::all(&mut bench, events)?;
    let saw = format!("{} of {} caught", evidence.caught(), evidence.controls.len());
    evidence.step("negative controls", started.elapsed(), saw);
    Ok(())
}
