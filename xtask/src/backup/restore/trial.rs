//! The trial: would a server load this, and would it hold what the backup held? On staged data only.

use std::path::{Path, PathBuf};

use super::{
    super::{
        entry::Entry,
        manifest::EngineFacts,
        name::Name,
        probe::Counts,
        redis::{facts, image},
        run,
        shift::Shift,
        source::{Source, What},
        users::{self, Users},
        validate,
    },
    content,
    inside::Inside,
    pick::Picked,
    scratch::{self, Bench},
    stage::Stage,
};
use crate::{
    effects::{docker, files, scratch::Scratch},
    kernel::{Error, Events, Result},
};

/// Where the archive's data folder goes: to where the server will look for it. A running one says where; else what is known of the container and
/// of earlier backups; a tarball's `data/` that nothing is known of goes to the root.
pub fn shift(source: &Source, picked: &Picked, entries: &[Entry]) -> Result<Shift> {
    let written = picked.manifest.as_ref().and_then(|manifest| manifest.engine.clone());
    let last = source.store.last_engine()?;
    let known = written.clone().or(last);
    let from = Name::from(written.clone().unwrap_or_else(|| content::guess(entries)).folder.as_str());
    let users = Users::find(source)?;
    let live = match run::server(source, users.as_ref()) {
        Some((redis, Some(container))) => facts::of(&redis).ok().map(|(_, folder)| (container, folder)),
        _ => None,
    };
    let stopped = || Some((users.as_ref()?.server.clone()?, known.as_ref()?.path.clone()));
    let inside = live.or_else(stopped).and_then(|(container, folder)| inside(source, &container, &folder));
    let unknown = || if picked.manifest.is_some() { from.clone() } else { Name::from(known.as_ref().map_or("", |known| known.folder.as_str())) };
    let to = inside.unwrap_or_else(unknown);
    Ok(Shift { from, to })
}

/// A container's data folder seen from its volume's root; none when it isn't in there.
fn inside(source: &Source, container: &docker::Container, folder: &str) -> Option<Name> {
    let What::Volume { real, .. } = &source.what else { return None };
    users::inside(container, real, real, folder).ok().map(Name::from)
}

/// How the server that will load it is set up: as it runs now, else as the manifest says, else as the files look.
pub fn engine(source: &Source, picked: &Picked, users: Option<&Users>, entries: &[Entry]) -> Result<EngineFacts> {
    let written = picked.manifest.as_ref().and_then(|manifest| manifest.engine.clone());
    let mut engine = written.clone().unwrap_or_else(|| content::guess(entries));
    // A tarball alone can't say that its server kept an append-only file, and which modules it loads; an earlier backup of ours can, or the image.
    match (&written, source.store.last_engine()?) {
        (Some(_), _) => {}
        (None, Some(last)) => {
            (engine.append_only, engine.modules, engine.version) = (last.append_only, last.modules, last.version);
            (engine.dump, engine.append_file, engine.append_folder) = (last.dump, last.append_file, last.append_folder);
        }
        (None, None) => from_image(&mut engine, source, picked, users)?,
    }
    if let Some((redis, Some(_))) = run::server(source, users)
        && let Ok((live, _)) = facts::of(&redis)
    {
        // Settings of the live server decide how it will load; where the files lie is the archive's affair.
        (engine.append_only, engine.modules, engine.version) = (live.append_only, live.modules, live.version);
        (engine.dump, engine.append_file, engine.append_folder) = (live.dump, live.append_file, live.append_folder);
    }
    if !picked.shift.is_none() {
        engine.folder = picked.shift.to.text();
    }
    Ok(engine)
}

/// Nothing is known but the image, and how the stopped container would start it.
fn from_image(engine: &mut EngineFacts, source: &Source, picked: &Picked, users: Option<&Users>) -> Result<()> {
    let server = users.and_then(|users| users.server.as_ref());
    if run::server(source, users).is_some() || matches!(source.what, What::Folder(_)) {
        return Ok(());
    }
    engine.append_only |= server.is_some_and(image::appends);
    if let Some((image, _)) = local_image(source, picked, users)? {
        let label = format!("{}=scratch", docker::LABEL);
        engine.modules = image::modules(&image, &["--label", &label])?;
    }
    Ok(())
}

/// Checks formats and files, boots, counts, compares.
#[expect(clippy::too_many_arguments, reason = "one caller; a struct would only name them twice")]
pub fn prove(
    source: &Source,
    picked: &Picked,
    users: Option<&Users>,
    engine: &EngineFacts,
    entries: &[Entry],
    staged: Option<&Path>,
    stage: &Stage,
    events: &Events,
) -> Result<Counts> {
    content::complete(engine, entries, staged)?;
    let bench = bench(source, picked, users, stage)?;
    events.step("try it in a scratch server");
    let made_with = picked.manifest.as_ref().and_then(|manifest| manifest.engine.as_ref()?.image.as_deref());
    bench.can_read(scratch::formats(picked)?, engine, made_with)?;
    let names: Vec<String> = entries.iter().map(|entry| entry.path.to_string()).collect();
    bench.check_files(engine, &names, events)?;
    let counts = bench.boot(engine)?;
    compare(picked, &counts)?;
    Ok(counts)
}

fn compare(picked: &Picked, counts: &Counts) -> Result<()> {
    let probe = picked.manifest.as_ref().and_then(|manifest| manifest.probe.as_ref());
    let differences = probe.map(|probe| probe.differences(counts)).unwrap_or_default();
    if !differences.is_empty() {
        return Err(
            Error::mismatch(format!("the backup is torn: a scratch server loads {}", differences.join("; "))).hint("use another backup; nothing was changed")
        );
    }
    if probe.is_none() && counts.is_empty() {
        return Err(Error::mismatch("the backup is empty: a scratch server loads it as 0 keys and no graph").hint("use another backup; nothing was changed"));
    }
    Ok(())
}

fn bench(source: &Source, picked: &Picked, users: Option<&Users>, stage: &Stage) -> Result<Bench> {
    let volume = match stage {
        Stage::Folder { unpacked, .. } => return process(unpacked),
        Stage::Volume { volume, .. } | Stage::Engine(Inside { volume, .. }) => volume.clone(),
    };
    match local_image(source, picked, users)? {
        Some((image, shown)) => Ok(Bench::Container { image, volume, shown }),
        None => Err(Error::refused(format!("there is no image of `{}` here to try the backup with", source.spec.service.as_deref().unwrap_or(source.name())))
            .hint("`xtask services pull` gets it; nothing was changed")),
    }
}

/// An image of the service that is here, and what it is called: of the container, of the compose file, of the backup.
fn local_image(source: &Source, picked: &Picked, users: Option<&Users>) -> Result<Option<(String, String)>> {
    let container = users.and_then(|users| users.server.as_ref()).map(|server| (server.image.clone(), server.config.image.clone()));
    let configured = source.image.clone().map(|image| (image.clone(), image));
    let recorded = picked.manifest.as_ref().and_then(|manifest| manifest.engine.as_ref()?.image.clone()).map(|image| (image.clone(), image));
    for (image, shown) in [container, configured, recorded].into_iter().flatten() {
        if docker::describe(&["image", "inspect", &image])?.is_some() {
            return Ok(Some((image, shown)));
        }
    }
    Ok(None)
}

fn process(folder: &Path) -> Result<Bench> {
    if scratch::local_server().is_none() {
        return Err(Error::refused("there is no redis-server on this machine to try the backup with").hint("install it; nothing was changed"));
    }
    Ok(Bench::Process(PathBuf::from(folder)))
}

/// Counts what an archive holds that nobody could count while it was made.
pub fn count_file(source: &Source, archive: &Path, events: &Events) -> Result<Counts> {
    deep(source, &Picked::plain(archive.into(), "fresh".into()), events)
}

/// Tries a backup without restoring it: in a fresh place that is removed afterwards.
pub fn deep(source: &Source, picked: &Picked, events: &Events) -> Result<Counts> {
    let (mut stage, _folder) = aside(source, picked)?;
    let (picked, entries, _) = super::checked(source, picked, &stage)?;
    let (picked, users) = (&picked, Users::find(source)?);
    let tried = stage.fill(picked, source).and_then(|_| {
        let engine = engine(source, picked, users.as_ref(), &entries)?;
        prove(source, picked, users.as_ref(), &engine, &entries, stage.folder(), &stage, events)
    });
    stage.clear()?;
    tried
}

fn aside(source: &Source, picked: &Picked) -> Result<(Stage, Option<Scratch>)> {
    let mut stage = match &source.what {
        What::Folder(_) => {
            let folder = Scratch::new("verify")?;
            let unpacked = folder.path().join("data");
            let ground = super::ground::Ground { live: folder.path().join("none"), staged: unpacked.clone(), new: None, had: false };
            return Ok((Stage::Folder { unpacked, ground, kept: PathBuf::new() }, Some(folder)));
        }
        What::Volume { .. } => Stage::plan(source, &picked.label)?,
    };
    if let (Stage::Volume { volume, .. } | Stage::Engine(Inside { volume, .. }), What::Volume { real, .. }) = (&mut stage, &source.what) {
        *volume = trial_volume(real);
    }
    Ok((stage, None))
}

fn trial_volume(real: &str) -> String {
    format!("xtask-verify-{real}")
}

/// Removes what a killed trial of a volume's backup left: its scratch server would run on, on a copy of the data.
pub fn sweep(real: &str) -> Result<()> {
    scratch::sweep(&trial_volume(real))?;
    docker::remove_volume(&trial_volume(real))
}

/// A server without a container can't be stopped from here.
pub fn server_is_down(source: &Source) -> Result<()> {
    if !matches!(source.what, What::Folder(_)) || run::server(source, None).is_none() {
        return Ok(());
    }
    let address = source.spec.address.as_deref().unwrap_or_default();
    Err(Error::refused(format!("the server at {address} runs: its data can't be replaced under it")).hint("stop it, run this again, then start it"))
}

/// The files that must parse do; a missing one is no reason to refuse.
pub fn validate(source: &Source, staged: &Path, entries: &[Entry]) -> Result<()> {
    for file in &source.spec.validate {
        let name = Name::from(file.as_str());
        if !entries.iter().any(|entry| entry.path == name) {
            continue;
        }
        validate::parses(file, &files::read(&name.below(staged))?)?;
    }
    Ok(())
}
