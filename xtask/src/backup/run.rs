//! One backup, from lock to manifest. The order is the point: nothing counts before it was read back, the manifest comes last.

use std::{path::Path, time::Duration};

use super::{
    check, closed,
    copy::{Copier, Frozen},
    freeze::{self, Remote},
    globs::Selection,
    manifest::{EngineFacts, Manifest, Method, SCHEMA, Totals},
    probe::{Counts, Probe},
    prune,
    redis::{Reach, Redis, count, facts, hot},
    restore,
    source::{Source, What},
    store::Writing,
    suspicion,
    undo::{self, Undo},
    users::{self, Users},
    validate,
    volume::{self, Helper, Place},
};
use crate::{
    config::{Engine, Project},
    effects::{clock, docker, lock},
    kernel::{Context as _, Error, Events, Finding, Kind, Result},
};

/// How long a server that was started again may load.
const AWAKE: Duration = Duration::from_secs(120);

/// How to go about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Stop the server instead of copying it hot.
    pub cold: bool,
    /// Take it as good although it shrank.
    pub accept: bool,
    /// Made right before a restore.
    pub safety: bool,
    /// Copy the data folder out of the container although it isn't in the volume.
    pub outside: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Done {
    /// The new backup.
    pub manifest: Manifest,
    /// What was seen on the way.
    pub findings: Vec<Finding>,
    /// Older ones that went, with the reason.
    pub pruned: Vec<super::retention::Decision>,
}

/// Takes the lock of a source: one run at a time.
pub fn lock(project: &Project, name: &str, what: &str) -> Result<lock::Lock> {
    lock::acquire(&lock::path(&project.state(), &format!("backup-{name}")), what)
}

/// Keeps other runs from starting services while what they write is replaced; within such a run it is held already.
pub fn services_lock(project: &Project, source: &Source, what: &str) -> Result<Option<lock::Lock>> {
    match source.what {
        What::Volume { .. } => lock::enter(&lock::path(&project.state(), "services"), what),
        What::Folder(_) => Ok(None),
    }
}

/// Backs up one source.
pub fn run(project: &Project, source: &Source, options: Options, events: &Events) -> Result<Done> {
    let what = format!("back up {}", source.name());
    let _lock = lock(project, source.name(), &what)?;
    // Several backups at once are fine; one beside `services up` or a restore isn't: what was stopped for it would run again.
    let _services = match source.what {
        What::Volume { .. } => lock::share(&lock::path(&project.state(), "services"), &what)?,
        What::Folder(_) => None,
    };
    locked(project, source, options, events)
}

/// The same for a caller that holds the lock already.
pub fn locked(project: &Project, source: &Source, options: Options, events: &Events) -> Result<Done> {
    if undo::recover(&project.state(), source, events)? {
        // What was started again just now needs a moment before it can be asked.
        let server = server(source, Users::find(source)?.as_ref());
        server.map_or(Ok(()), |(redis, _)| redis.ready(AWAKE, &|| Ok(())))?;
    }
    if let What::Volume { real, .. } = &source.what {
        volume::sweep_helpers(real)?;
        restore::sweep_trial(real)?;
    }
    for left in source.store.sweep()? {
        events.note(format!("removed {left}, which a killed run had left"));
    }
    events.step(format!("back up {}", source.name()));
    closed::check(source.spec.closed.as_deref(), "a copy taken now")?;
    let mut undo = Undo::new(&project.state(), source);
    let copied = copy(source, options, &mut undo, events);
    // Whatever happened: the server gets its setting back, what ran runs again.
    let put_back = undo.finish(source, events);
    let copied = copied?;
    put_back?;
    finish(source, options, copied, events)
}

struct Copied {
    created: chrono::DateTime<chrono::Utc>,
    writing: Writing,
    method: Method,
    engine: Option<EngineFacts>,
    probe: Option<Probe>,
    findings: Vec<Finding>,
}

fn copy(source: &Source, options: Options, undo: &mut Undo, events: &Events) -> Result<Copied> {
    let users = Users::find(source)?;
    if let Some(users) = users.as_ref().filter(|_| !options.safety) {
        users.settled()?;
    }
    let server = server(source, users.as_ref());
    match (source.engine(), server) {
        (Engine::Redis, Some((redis, container))) => served(source, options, users.as_ref(), &redis, container.as_ref(), undo, events),
        _ => {
            let place = place(source)?;
            still(source, &place, users.as_ref(), None, None, undo, events)
        }
    }
}

/// The running server of a source, and its container where it has one.
pub fn server(source: &Source, users: Option<&Users>) -> Option<(Redis, Option<docker::Container>)> {
    if source.engine() != Engine::Redis {
        return None;
    }
    match users {
        Some(users) => {
            let container = users.server.clone().filter(docker::Container::answers)?;
            Some((Redis::new(Reach::Container(container.id.clone()), source.login(Some(&container))), Some(container)))
        }
        None => {
            let redis = Redis::new(Reach::Address(source.spec.address.clone()?), source.login(None));
            let down = redis.info("server").is_err_and(|error| error.chain().contains("can't be reached"));
            (!down).then_some((redis, None))
        }
    }
}

fn place(source: &Source) -> Result<Place> {
    match &source.what {
        What::Folder(folder) => Ok(Place::Folder(folder.clone())),
        What::Volume { real, .. } => volume::place(real),
    }
}

fn served(
    source: &Source,
    options: Options,
    users: Option<&Users>,
    redis: &Redis,
    container: Option<&docker::Container>,
    undo: &mut Undo,
    events: &Events,
) -> Result<Copied> {
    let (mut engine, folder) = facts::of(redis).context(|| format!("ask the server of {}", source.name()))?;
    let place = locate(source, options, container, &folder, &mut engine)?;
    let before = count::count(redis).context(|| "count what the server holds".into())?;
    events.note(format!("the server holds {}", before.text()));
    if let Some(container) = container {
        (engine.image, engine.image_id) = (Some(container.config.image.clone()), Some(container.image.clone()));
    }
    if options.cold {
        if container.is_none() {
            return Err(Error::usage("--cold stops a container, and this server has none").hint("stop the server yourself, then run `xtask backup` again"));
        }
        let probe = Probe { after: before.clone(), before };
        return still(source, &place, users, Some(engine), Some(probe), undo, events);
    }
    warm(source, &place, redis, container, engine, before, undo, events)
}

/// Where the data is, with the data folder inside it noted; refuses what isn't in the volume.
fn locate(source: &Source, options: Options, container: Option<&docker::Container>, folder: &str, engine: &mut EngineFacts) -> Result<Place> {
    match (&source.what, container) {
        (What::Volume { real, .. }, Some(container)) if options.outside => {
            let _ = real;
            Ok(Place::Container(container.id.clone(), folder.to_owned()))
        }
        (What::Volume { real, .. }, Some(container)) => {
            engine.folder = users::inside(container, real, source.spec.volume.as_deref().unwrap_or(real), folder)?.to_owned();
            volume::place(real)
        }
        (What::Folder(root), _) => {
            engine.folder = below(root, Path::new(folder))?;
            Ok(Place::Folder(root.clone()))
        }
        (What::Volume { real, .. }, None) => volume::place(real),
    }
}

fn below(root: &Path, folder: &Path) -> Result<String> {
    let real = |path: &Path| path.canonicalize().context(|| format!("look at {}", path.display()));
    let (root, folder) = (real(root)?, real(folder)?);
    let rest = folder.strip_prefix(&root).map_err(|_| {
        Error::refused(format!("the server's data folder {} is not in {}: a backup would be empty", folder.display(), root.display()))
            .hint(format!("set directory = \"{}\" in this [[backup]]", folder.display()))
    })?;
    Ok(crate::effects::files::slashes(rest))
}

/// A hot copy.
#[expect(clippy::too_many_arguments, reason = "one caller; a struct would only name them twice")]
fn warm(
    source: &Source,
    place: &Place,
    redis: &Redis,
    container: Option<&docker::Container>,
    mut engine: EngineFacts,
    before: Counts,
    undo: &mut Undo,
    events: &Events,
) -> Result<Copied> {
    hot::check(redis, &engine)?;
    if engine.append_only {
        let percentage = redis.setting(hot::REWRITE)?.unwrap_or_else(|| "100".into());
        let reach = redis.reach().clone();
        undo.note("rewriting of the append-only file is off while it is copied", |detail| {
            (detail.server, detail.percentage) = (Some(reach), Some(percentage));
        })?;
        redis.set(hot::REWRITE, "0")?;
        crate::effects::crash::point("rewriting off");
    }
    events.note("let the server write its data afresh");
    hot::settle(redis, &engine, events)?;
    let created = clock::now();
    let mut writing = source.store.begin(source.format())?;
    let mut copier = Copier::new(&mut writing, events.bar(format!("copy {}", source.name()), None));
    match place {
        Place::Folder(root) => {
            undo.note("the server's files are linked while they are copied", |detail| detail.links = Some(root.join(freeze::LINKS)))?;
            let frozen = freeze::folder(root, &engine)?;
            let selection = Selection::of(source)?;
            copier.folder(root, &|name, is_folder| selection.take(name, is_folder), &frozen)?;
        }
        Place::Engine(name) => {
            through_engine(&mut copier, &Remote::Volume(&Helper::new(name)?), &engine)?;
        }
        Place::Container(_, folder) => {
            let container = container.context(|| "find the server's container".into())?;
            through_engine(&mut copier, &Remote::Container(container, folder), &engine)?;
        }
    }
    (engine.rdb_version, engine.graph_encoding) = (copier.format.rdb, copier.format.graph);
    let findings = std::mem::take(&mut copier.findings);
    drop(copier);
    let after = count::count(redis).context(|| "count what the server holds after the copy".into())?;
    Ok(Copied { created, writing, method: Method::Hot, engine: Some(engine), probe: Some(Probe { before, after }), findings })
}

fn through_engine(copier: &mut Copier<'_>, remote: &Remote<'_>, engine: &EngineFacts) -> Result<()> {
    let (frozen, parts) = freeze::remote(remote, engine)?;
    whole_stream(copier, remote.read()?, &frozen)?;
    freeze::unchanged(remote, engine, &parts)
}

/// A copy while nothing writes: everybody who mounts the volume is stopped, and started again by the caller's journal.
fn still(
    source: &Source,
    place: &Place,
    users: Option<&Users>,
    mut engine: Option<EngineFacts>,
    probe: Option<Probe>,
    undo: &mut Undo,
    events: &Events,
) -> Result<Copied> {
    let running: Vec<String> = users.iter().flat_map(|users| users.running()).map(|container| container.id.clone()).collect();
    if !running.is_empty() {
        let stopped = running.clone();
        undo.note("services are stopped while their volume is copied", |detail| detail.stopped = stopped)?;
        users::stop(&running, events)?;
    }
    let created = clock::now();
    let mut writing = source.store.begin(source.format())?;
    let mut copier = Copier::new(&mut writing, events.bar(format!("copy {}", source.name()), None));
    let frozen = Frozen { folder: engine.as_ref().map(|engine| engine.folder.as_str()).unwrap_or_default().into(), ..Frozen::default() };
    match place {
        Place::Folder(root) => {
            let selection = Selection::of(source)?;
            copier.folder(root, &|name, is_folder| selection.take(name, is_folder), &frozen)?;
        }
        Place::Engine(name) => whole_stream(&mut copier, Helper::new(name)?.read()?, &frozen)?,
        Place::Container(id, folder) => whole_stream(&mut copier, volume::read_container(id, folder)?, &frozen)?,
    }
    if let Some(engine) = &mut engine {
        (engine.rdb_version, engine.graph_encoding) = (copier.format.rdb, copier.format.graph);
    }
    let findings = std::mem::take(&mut copier.findings);
    drop(copier);
    nobody_started(source)?;
    let method = if users.is_some() { Method::Cold } else { Method::Files };
    Ok(Copied { created, writing, method, engine, probe, findings })
}

/// A desktop application or a restart policy knows nothing of our locks.
fn nobody_started(source: &Source) -> Result<()> {
    let Some(users) = Users::find(source)? else { return Ok(()) };
    match users.running().first() {
        None => Ok(()),
        Some(container) => Err(Error::refused(format!("{} was started while its volume was copied: the copy may be torn", container.name()))
            .hint("find out what starts it, and run this again")),
    }
}

fn whole_stream(copier: &mut Copier<'_>, mut pipe: volume::Pipe, frozen: &Frozen) -> Result<()> {
    let copied = copier.stream(&mut pipe, frozen);
    pipe.finish(copied)
}

/// Reads back, names, and writes the manifest; then, and only then, older ones may go.
fn finish(source: &Source, options: Options, copied: Copied, events: &Events) -> Result<Done> {
    let Copied { created, writing, method, engine, mut probe, mut findings } = copied;
    check::not_empty(writing.entries()).map_err(|error| error.of_kind(Kind::Refused))?;
    let finished = writing.finish()?;
    events.step("read it back");
    let wanted = super::manifest::Archive { file: String::new(), size: finished.size(), sha256: finished.sha256 };
    check::archive(finished.path(), &wanted, finished.entries()).context(|| "the backup does not read back as it was written".into())?;
    findings.extend(validate::broken(source, finished.path())?);
    if probe.is_none() && source.engine() == Engine::Redis && !options.safety {
        probe = counted(source, finished.path(), &mut findings, events);
    }
    let totals = Totals::of(finished.entries());
    let last = source.store.newest()?;
    let doubts = if options.accept || options.safety { Vec::new() } else { suspicion::of(source, &totals, probe.as_ref(), last.as_ref()) };
    let wrong = findings.iter().find(|finding| finding.is_error()).map(|finding| finding.message.clone());
    findings.extend(doubts.iter().cloned());
    let suspicion = doubts.first().map(|finding| finding.message.clone()).or(wrong);
    let id = source.store.id(created, &finished);
    let (archive, entries) = source.store.name_archive(&id, finished)?;
    let verified = suspicion.is_none().then(|| clock::stamp(clock::now()));
    let manifest = Manifest {
        schema: SCHEMA,
        id,
        name: source.name().into(),
        created: clock::stamp(created),
        tool: format!("xtask {}", env!("CARGO_PKG_VERSION")),
        source: source.origin(),
        archive,
        method,
        engine,
        probe,
        safety: options.safety,
        verified,
        suspicion,
        booted: None,
        totals,
        entries,
    };
    source.store.complete(&manifest)?;
    // In the middle of a restore nothing goes: the backup that is being restored may be the oldest.
    let pruned = if manifest.verified.is_some() && !options.safety { prune::apply(source, &prune::plan(source, clock::now())?, events)? } else { Vec::new() };
    Ok(Done { manifest, findings, pruned })
}

/// No server ran that could have been asked: a scratch server counts what the archive holds.
fn counted(source: &Source, archive: &Path, findings: &mut Vec<Finding>, events: &Events) -> Option<Probe> {
    match restore::count_file(source, archive, events) {
        Ok(counts) => Some(Probe { before: counts.clone(), after: counts }),
        Err(error) => {
            findings.push(Finding::warning("backup-not-booted", format!("a scratch server could not count the backup: {}", error.chain())));
            None
        }
    }
}

/// A folder as a plain archive without a manifest, as the old script made them. Gives its path.
pub fn tarball(folder: &Path, to: &Path) -> Result<std::path::PathBuf> {
    let store = super::store::Store::new(crate::effects::files::parent(to).to_path_buf(), "plain");
    let mut writing = store.begin(super::store::Format::Gzip)?;
    Copier::new(&mut writing, Events::none().bar("pack", None)).folder(folder, &|_, _| super::tree::Take::Yes, &Frozen::default())?;
    let path = to.with_extension("tar.gz");
    writing.finish()?.persist(&path)?;
    Ok(path)
}
