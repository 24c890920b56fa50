//! A scratch server on staged data: in a container without network, or as a process of this machine. It loads, is counted, and is killed; the engine's own
//! checkers run before. Nothing of the real service is used but its image.
//!
//! It is started by its own arguments, without the service's environment and passwords: none of them could leak.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    super::{
        manifest::EngineFacts,
        probe::Counts,
        redis::{Login, Reach, Redis, count, rdb},
    },
    pick::Picked,
};
use crate::{
    effects::{docker, files, process::Program, scratch::Scratch, tied::Tied},
    kernel::{Context as _, Error, Events, Finding, Result},
};

/// Where the scratch server runs.
#[derive(Clone, Debug)]
pub enum Bench {
    /// In a container of this image, on this volume.
    Container {
        /// The image.
        image: String,
        /// The volume of the staged data.
        volume: String,
        /// What the image is called, for messages.
        shown: String,
    },
    /// On this machine, on this folder.
    Process(PathBuf),
}

const INSIDE: &str = "/xtask-data";
const PATIENCE: Duration = Duration::from_secs(600);

impl Bench {
    /// The version of its server.
    pub fn version(&self) -> Result<String> {
        let text = match self {
            Self::Container { image, .. } => {
                docker::docker(["run", "--rm", "--network", "none", "--entrypoint", "redis-server", image.as_str(), "--version"]).read()?
            }
            Self::Process(_) => Program::new("redis-server").arg("--version").read()?,
        };
        let version = text.split_whitespace().find_map(|word| word.strip_prefix("v=")).map(str::to_owned);
        version.context(|| format!("read the server's version from `{text}`"))
    }

    fn shown(&self) -> &str {
        match self {
            Self::Container { shown, .. } => shown,
            Self::Process(_) => "redis-server on this machine",
        }
    }

    fn data(&self, engine: &EngineFacts) -> String {
        let root = match self {
            Self::Container { .. } => INSIDE.to_owned(),
            Self::Process(folder) => folder.display().to_string(),
        };
        if engine.folder.is_empty() { root } else { format!("{root}/{}", engine.folder) }
    }

    /// Refuses a server that is older than the data, and says which one to use.
    pub fn can_read(&self, format: rdb::Format, engine: &EngineFacts, made_with: Option<&str>) -> Result<()> {
        let version = self.version()?;
        let module = engine.modules.iter().find(|module| module.name == "graph").map(|module| module.version);
        let too_old = match (format.rdb, rdb::readable_by(&version)) {
            (Some(written), Some(readable)) if written > readable => {
                Some(format!("its data has RDB format {written}, {} (Redis {version}) reads up to {readable}", self.shown()))
            }
            _ => None,
        };
        let graphs = match (format.graph, module.and_then(rdb::graphs_readable_by)) {
            (Some(written), Some(readable)) if written > readable => {
                Some(format!("its graphs have encoding {written}, {} reads up to {readable}", self.shown()))
            }
            _ => None,
        };
        let Some(why) = too_old.or(graphs) else { return Ok(()) };
        let which = made_with.map_or_else(|| rdb::readers_of(format), |image| format!("{image}, which wrote it ({} would do)", rdb::readers_of(format)));
        Err(Error::refused(format!("the image is older than the data: {why}")).hint(format!("use {which}, or a backup from before the upgrade")))
    }

    /// The engine's own checkers. They find cuts, not flips: the digests and the counts do the rest. Never with `--fix`.
    pub fn check_files(&self, engine: &EngineFacts, names: &[String], events: &Events) -> Result<()> {
        for (checker, file) in targets(engine, names) {
            let path = format!("{}/{file}", self.data(engine));
            let program = match self {
                Self::Container { image, volume, .. } => {
                    let mount = format!("{volume}:{INSIDE}");
                    docker::docker([
                        "run",
                        "--rm",
                        "--network",
                        "none",
                        "--user",
                        "0:0",
                        "--volume",
                        mount.as_str(),
                        "--entrypoint",
                        checker,
                        image.as_str(),
                        path.as_str(),
                    ])
                }
                Self::Process(_) => Program::new(checker).arg(&path),
            };
            let said = match program.capture() {
                Ok(said) if said.status.success() => continue,
                Ok(said) => said,
                Err(error) if error.to_string().contains("not found") => return missing(checker, events),
                Err(error) => return Err(error),
            };
            if said.status.code() == Some(127) || said.error_text().contains("executable file not found") {
                return missing(checker, events);
            }
            let text = format!("{}\n{}", said.text(), said.error_text());
            let last: Vec<&str> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
            return Err(
                Error::mismatch(format!("the backup is torn: {checker} rejects {file}")).caused_by(last.into_iter().rev().collect::<Vec<_>>().join("; "))
            );
        }
        Ok(())
    }

    /// Loads the data and counts it.
    pub fn boot(&self, engine: &EngineFacts) -> Result<Counts> {
        let server = Running::start(self, engine)?;
        let loaded = server.redis().ready(PATIENCE, &|| server.alive()).and_then(|()| count::count(&server.redis()));
        loaded.map_err(|error| {
            let said = server.log();
            let error = Error::mismatch("the backup is torn: a scratch server does not load it").caused_by(error.chain());
            if said.is_empty() { error } else { error.hint(format!("it said: {said}")) }
        })
    }
}

fn missing(checker: &str, events: &Events) -> Result<()> {
    events.warn(Finding::note("restore-no-checker", format!("there is no {checker} at hand: only loading and counting proves the data")));
    Ok(())
}

/// What the checkers look at: the append-only file's manifest, and the dump.
fn targets(engine: &EngineFacts, names: &[String]) -> Vec<(&'static str, String)> {
    let prefix = if engine.folder.is_empty() { String::new() } else { format!("{}/", engine.folder) };
    let has = |file: &str| names.contains(&format!("{prefix}{file}"));
    let append = match &engine.append_folder {
        Some(folder) => format!("{folder}/{}.manifest", engine.append_file),
        None => engine.append_file.clone(),
    };
    let mut targets = Vec::new();
    if engine.append_only && has(&append) {
        targets.push(("redis-check-aof", append));
    }
    if has(&engine.dump) {
        targets.push(("redis-check-rdb", engine.dump.clone()));
    }
    targets
}

/// A started scratch server; killed and removed when dropped.
enum Running {
    Container(String),
    Process { child: std::sync::Mutex<Tied>, folder: Scratch },
}

impl Running {
    fn start(bench: &Bench, engine: &EngineFacts) -> Result<Self> {
        let mut words: Vec<String> = vec!["--dir".into(), bench.data(engine), "--dbfilename".into(), engine.dump.clone(), "--save".into(), String::new()];
        words.extend(["--appendonly".into(), if engine.append_only { "yes" } else { "no" }.into(), "--appendfilename".into(), engine.append_file.clone()]);
        words.extend(engine.append_folder.iter().flat_map(|folder| ["--appenddirname".into(), folder.clone()]));
        words.extend(engine.modules.iter().filter(|module| !module.path.is_empty()).flat_map(|module| ["--loadmodule".into(), module.path.clone()]));
        match bench {
            Bench::Process(folder) if engine.modules.iter().any(|module| Path::new(&module.path).starts_with(folder)) => {
                Err(Error::mismatch("the backup's manifest names a module inside the backup: no server of this machine runs code out of an archive"))
            }
            Bench::Container { image, volume, .. } => {
                let (mount, label) = (format!("{volume}:{INSIDE}"), format!("{}=scratch", docker::LABEL));
                let create = ["run", "--detach", "--network", "none", "--user", "0:0", "--label", label.as_str(), "--volume", mount.as_str()];
                docker::docker(create).args(["--entrypoint", "redis-server", image.as_str()]).args(&words).read().map(Self::Container)
            }
            Bench::Process(_) => {
                let folder = Scratch::new("scratch")?;
                let (socket, log) = (folder.path().join("s"), folder.path().join("log"));
                words.extend(["--port".into(), "0".into(), "--unixsocket".into(), socket.display().to_string(), "--logfile".into(), log.display().to_string()]);
                Ok(Self::Process { child: Tied::start("redis-server", &words)?.into(), folder })
            }
        }
    }

    fn redis(&self) -> Redis {
        match self {
            Self::Container(id) => Redis::new(Reach::Container(id.clone()), Login::default()),
            Self::Process { folder, .. } => Redis::new(Reach::Socket(folder.path().join("s")), Login::default()),
        }
    }

    fn alive(&self) -> Result<()> {
        let ended = match self {
            Self::Container(id) => docker::container(id)?.is_none_or(|container| !container.state.running),
            Self::Process { child, .. } => child.lock().is_ok_and(|mut child| child.has_ended()),
        };
        if ended { Err(Error::mismatch("the scratch server ended while it loaded the data")) } else { Ok(()) }
    }

    fn log(&self) -> String {
        let text = match self {
            Self::Container(id) => {
                docker::docker(["logs", "--tail", "20", id.as_str()]).capture().map(|said| format!("{}\n{}", said.text(), said.error_text()))
            }
            Self::Process { folder, .. } => files::read_text(&folder.path().join("log")),
        };
        let text = text.unwrap_or_default();
        let telling: Vec<&str> = text.lines().filter(|line| line.contains('#') || line.to_lowercase().contains("error")).collect();
        telling.last().map(|line| line.trim().to_owned()).unwrap_or_default()
    }
}

impl Drop for Running {
    /// Killed, not stopped: a server that ends well writes. A process is tied to this one and goes with it.
    fn drop(&mut self) {
        if let Self::Container(id) = self
            && let Err(error) = docker::remove(id)
        {
            tracing::warn!(%error, "the scratch container stays");
        }
    }
}

/// Removes scratch containers that killed runs left, of this staging volume.
pub fn sweep(volume: &str) -> Result<()> {
    for container in docker::containers(&[format!("volume={volume}")])? {
        docker::remove(&container.id)?;
    }
    Ok(())
}

/// Whether a folder's server program is at hand.
pub fn local_server() -> Option<PathBuf> {
    crate::effects::process::find("redis-server")
}

/// The formats of staged RDB files.
pub fn formats(picked: &Picked) -> Result<rdb::Format> {
    let mut format = rdb::Format::default();
    super::super::read::each(&mut super::super::read::open(&picked.archive)?, picked.names(), &mut |meta, data| {
        if meta.is_file() && (meta.name.last().ends_with(b".rdb") || meta.name.last().ends_with(b".aof")) {
            let mut scanner = rdb::Scanner::default();
            super::super::pack::copy(&mut rdb::Sniffed::new(data, &mut scanner), &mut std::io::sink())?;
            format = format.max(scanner.format());
        }
        Ok(())
    })?;
    Ok(format)
}
