//! Can an image read today's data? By the versions that are known; else by starting it on a copy, in a scratch container without a network.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{
    exposure::data::{DataEngine, engine_of_image},
    status::split,
};
use crate::{
    backup::{Login, Reach, Redis, facts, rdb},
    effects::{
        clock,
        docker::{self, Container, Image},
        files,
    },
    kernel::{Context as _, Error, Events, Result},
};

/// How long a scratch server may load.
const PATIENCE: Duration = Duration::from_secs(120);

/// A data format, as far as it is known: RDB version and graph encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// `REDIS0010` is 10.
    pub rdb: Option<u32>,
    /// FalkorDB's own encoding of graphs.
    pub graph: Option<u32>,
}

/// Whether an image reads today's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "why")]
pub enum Verdict {
    /// Nothing here has a format that is known to matter.
    NoData,
    /// It does.
    Reads,
    /// It doesn't.
    CantRead(String),
    /// Only a trial tells.
    Unknown(String),
}

/// Compares what is written now with what an image reads. Pure.
pub fn by_version(image: &str, written: Known, read: Known) -> Verdict {
    let older = |what: &str, written: Option<u32>, read: Option<u32>| match (written, read) {
        (Some(written), Some(read)) if written > read => Some(format!("today's data has {what} {written}, and {image} reads up to {read}")),
        _ => None,
    };
    if let Some(why) = older("graph encoding", written.graph, read.graph).or_else(|| older("RDB format", written.rdb, read.rdb)) {
        return Verdict::CantRead(why);
    }
    let told = |written: Option<u32>, read: Option<u32>| written.is_some() && read.is_some();
    let graphs = told(written.graph, read.graph);
    if graphs || (written.graph.is_none() && told(written.rdb, read.rdb)) {
        return Verdict::Reads;
    }
    Verdict::Unknown(format!("the versions don't tell whether {image} reads today's data"))
}

/// What an image reads and writes, from its tag and what it says of itself. Pure.
pub fn of_image(reference: &str, image: Option<&Image>) -> Known {
    let tag = split(reference).1.unwrap_or_default();
    let said = |name: &str| {
        let env = image.and_then(|image| image.config.as_ref()?.env.as_ref());
        env.and_then(|env| env.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned)))
    };
    match engine_of_image(reference) {
        Some(DataEngine::FalkorDb) => {
            Known { rdb: said("REDIS_VERSION").and_then(|version| rdb::readable_by(&version)), graph: module_version(tag).and_then(rdb::graphs_readable_by) }
        }
        Some(DataEngine::Redis) => Known { rdb: rdb::readable_by(&said("REDIS_VERSION").unwrap_or_else(|| tag.to_owned())), graph: None },
        None => Known::default(),
    }
}

/// `v4.16.3-alpine` is 41603, as the module itself counts.
fn module_version(tag: &str) -> Option<u64> {
    let plain = tag.trim_start_matches('v').split(['-', '@']).next()?;
    let parts: Vec<u64> = plain.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match parts.as_slice() {
        [major, minor] => Some(major * 10_000 + minor * 100),
        [major, minor, patch] => Some(major * 10_000 + minor * 100 + patch),
        _ => None,
    }
}

/// What a running server writes, asked of itself.
pub fn of_server(redis: &Redis) -> Result<Known> {
    let (engine, _) = facts(redis)?;
    let graph = engine.modules.iter().find(|module| module.name == "graph").and_then(|module| rdb::graphs_readable_by(module.version));
    Ok(Known { rdb: rdb::readable_by(&engine.version), graph })
}

/// Starts `image` on a copy of what a running server holds, and sees whether it loads it. The scratch container has no network, and goes again.
pub fn trial(server: &Container, login: &Login, image: &str, events: &Events) -> Result<Verdict> {
    events.step(format!("trying whether {image} reads today's data"));
    let folder = tempfile::tempdir().map_err(|error| Error::unexpected("make a folder for the trial").caused_by(error))?;
    let file = folder.path().join("dump.rdb");
    snapshot(server, login, &file)?;
    let scratch = Scratch::create(image)?;
    docker::docker(["cp"]).arg(&file).arg(format!("{}:/tmp/dump.rdb", scratch.0)).read()?;
    docker::start(&scratch.0)?;
    scratch.loads(image)
}

/// A consistent dump of what a server holds, streamed: its container needs no room for it.
fn snapshot(server: &Container, login: &Login, to: &Path) -> Result<()> {
    let words: Vec<&str> = std::iter::once("redis-cli").chain(login.words()).chain(["--rdb", "-"]).collect();
    let mut child = docker::exec(&server.id, &login.variables(), &words).spawn()?;
    let mut file = files::create_new(to)?;
    let copied = child.stdout.take().map(|mut out| std::io::copy(&mut out, &mut file));
    let ended = child.wait_with_output().context(|| "copy the data for a trial".into())?;
    copied.transpose().context(|| "copy the data for a trial".into())?;
    if ended.status.success() {
        return Ok(());
    }
    Err(Error::unexpected("the data could not be copied for a trial").caused_by(String::from_utf8_lossy(&ended.stderr).trim().to_owned()))
}

/// A container that goes when it is dropped.
struct Scratch(String);

impl Scratch {
    fn create(image: &str) -> Result<Self> {
        let settings = "--dir /tmp --dbfilename dump.rdb --appendonly no --save ''";
        let label = format!("{}=trial", docker::LABEL);
        let create = docker::docker(["create", "--network", "none", "--user", "0", "--label", &label]);
        let program = match engine_of_image(image) {
            // FalkorDB's image reads its arguments from here, and loads its module itself.
            Some(DataEngine::FalkorDb) => create.args(["--env", &format!("REDIS_ARGS={}", settings.replace(" --save ''", "")), image]),
            _ => create.args([image, "redis-server"]).args(crate::effects::process::words(settings)),
        };
        Ok(Self(program.read()?.trim().to_owned()))
    }

    fn loads(&self, image: &str) -> Result<Verdict> {
        let redis = Redis::new(Reach::Container(self.0.clone()), Login::default());
        let begun = Instant::now();
        loop {
            let Some(container) = docker::container(&self.0)? else { return Err(Error::unexpected("the scratch container is gone")) };
            if !container.state.running {
                let said = docker::last_lines(&self.0, 40)?;
                let telling = ["Can't handle", "can't load", "Failed", "Fatal", "error"].iter().find_map(|word| said.lines().find(|line| line.contains(word)));
                let line = telling.or_else(|| said.lines().last()).unwrap_or("it said nothing");
                return Ok(Verdict::CantRead(format!("{image} does not start on a copy of today's data: {}", line.trim())));
            }
            if redis.info("persistence").is_ok_and(|info| info.get("loading").is_some_and(|loading| loading == "0")) {
                return Ok(Verdict::Reads);
            }
            if begun.elapsed() > PATIENCE {
                return Ok(Verdict::Unknown(format!("{image} was still loading a copy of today's data after {} s", PATIENCE.as_secs())));
            }
            clock::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = docker::remove(&self.0) {
            tracing::warn!(%error, "the scratch container of a trial is left");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_tell_where_they_can() {
        let known = |image: &str| of_image(image, None);
        let judge = |from: &str, to: &str| by_version(to, known(from), known(to));
        assert_eq!(judge("falkordb/falkordb:v4.16.3", "falkordb/falkordb:v4.12.0"), Verdict::Reads);
        assert_eq!(judge("falkordb/falkordb:v4.10.0", "falkordb/falkordb:v4.16.3"), Verdict::Reads);
        assert!(matches!(judge("falkordb/falkordb:v4.16.3", "falkordb/falkordb:v4.8.7"), Verdict::CantRead(why) if why.contains("18") && why.contains("16")));
        assert!(matches!(judge("falkordb/falkordb:v4.18.10", "falkordb/falkordb:v4.18.9"), Verdict::CantRead(_)));
        assert!(matches!(judge("redis:8.2.3", "redis:7.0"), Verdict::CantRead(_)));
        assert_eq!(judge("redis:7.0", "redis:8.2.3"), Verdict::Reads);
        assert!(matches!(judge("redis:8.2.3", "redis:old"), Verdict::Unknown(_)));
    }
}
