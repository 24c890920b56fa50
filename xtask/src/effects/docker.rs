//! The Docker engine, through its command line: what is there (containers, volumes), and stop, start, create, copy, remove.
//!
//! The command line, not the socket: it follows contexts, `DOCKER_HOST`, ssh and TLS as the user set them up. Values that may be secret
//! go into the child's environment, never into its arguments.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use serde::Deserialize;
use serde_json::Value;

use super::{clock, process::Program};
use crate::kernel::{Context as _, Error, Result};

/// The label on everything that this program creates.
pub const LABEL: &str = "xtask";

/// The label's value on what reads or moves a volume's files for a while: no user of the volume's.
pub const HELPER: &str = "helper";

/// What Compose writes on its containers and volumes, v1 and v2 alike.
pub const COMPOSE_PROJECT: &str = "com.docker.compose.project";
/// The service of a container.
pub const COMPOSE_SERVICE: &str = "com.docker.compose.service";

/// A container as `docker inspect` shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    /// The full id.
    pub id: String,
    name: String,
    /// The image's id.
    pub image: String,
    /// How often the engine restarted it since it was started by hand.
    #[serde(default)]
    pub restart_count: u64,
    /// Whether it runs, and how it ended.
    pub state: State,
    /// What it was made from.
    pub config: ContainerConfig,
    /// What is mounted where.
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// Which ports are published.
    #[serde(default)]
    pub network_settings: Network,
}

/// A container's network.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Network {
    /// `6379/tcp` and where it is published, if it is.
    pub ports: BTreeMap<String, Option<Vec<Published>>>,
}

/// Where a port is published.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Published {
    /// The address.
    pub host_ip: String,
    /// The port.
    pub host_port: String,
}

/// A container's state.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct State {
    /// `running`, `exited`, `created`, `restarting`, `paused`, `dead`.
    pub status: String,
    /// Whether its process is there.
    #[serde(default)]
    pub running: bool,
    /// How its process ended.
    #[serde(default)]
    pub exit_code: i64,
    /// Since when it runs.
    #[serde(default)]
    pub started_at: String,
    /// The engine's own word on why it didn't start.
    #[serde(default)]
    pub error: String,
    /// What its healthcheck says; none without one.
    #[serde(default)]
    pub health: Option<Health>,
}

/// What a healthcheck says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Health {
    /// `starting`, `healthy`, `unhealthy`.
    pub status: String,
    /// The last runs of the check.
    #[serde(default)]
    pub log: Option<Vec<HealthRun>>,
}

/// One run of a healthcheck.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthRun {
    /// Its exit status.
    #[serde(default)]
    pub exit_code: i64,
    /// What it printed.
    #[serde(default)]
    pub output: String,
}

/// What a container was made from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// The image as it was named.
    pub image: String,
    /// `NAME=value`.
    #[serde(default)]
    pub env: Option<Vec<String>>,
    /// The command.
    #[serde(default)]
    pub cmd: Option<Vec<String>>,
    /// Its labels.
    #[serde(default)]
    pub labels: Option<BTreeMap<String, String>>,
}

/// One mount of a container.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mount {
    /// `volume`, `bind`, `tmpfs`.
    #[serde(rename = "Type", default)]
    pub kind: String,
    /// The volume's name.
    #[serde(default)]
    pub name: String,
    /// Where it comes from, on the engine's machine.
    #[serde(default)]
    pub source: String,
    /// Where it is in the container.
    #[serde(default)]
    pub destination: String,
}

impl Container {
    /// Its name without the slash that the engine puts before it.
    pub fn name(&self) -> &str {
        self.name.trim_start_matches('/')
    }

    /// Whether its process runs and could answer: not while it is paused, or between two crashes.
    pub fn answers(&self) -> bool {
        self.state.running && self.state.status == "running"
    }

    /// A label's value.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// A variable of its environment.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.config.env.iter().flatten().find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name)).map(|(_, value)| value)
    }

    /// Where a volume is mounted in it.
    pub fn destination_of(&self, volume: &str) -> Option<&str> {
        self.mounts.iter().find(|mount| mount.kind == "volume" && mount.name == volume).map(|mount| mount.destination.as_str())
    }

    /// `healthy`, `starting`, `unhealthy`; none without a healthcheck.
    pub fn health(&self) -> Option<&str> {
        self.state.health.as_ref().map(|health| health.status.as_str())
    }
}

/// A volume as `docker volume inspect` shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Volume {
    /// Which driver holds it.
    pub driver: String,
    /// Where its files lie on the engine's machine.
    #[serde(default)]
    pub mountpoint: String,
    /// The driver's options: a volume with options may be a mount itself.
    #[serde(default)]
    pub options: Option<BTreeMap<String, String>>,
}

impl Volume {
    /// Whether its files lie in a folder of the engine's own. One with options may be a mount that exists only while a container runs.
    pub fn is_plain(&self) -> bool {
        self.driver == "local" && self.options.as_ref().is_none_or(|options| options.is_empty())
    }
}

/// The `docker` program with these words.
pub fn docker<S: AsRef<std::ffi::OsStr>>(words: impl IntoIterator<Item = S>) -> Program {
    Program::new("docker").args(words)
}

/// Fails, with what to do, unless an engine answers.
///
/// Asked until it answered once: what comes later says so itself when the engine goes away.
pub fn reachable() -> Result<()> {
    static ANSWERED: OnceLock<()> = OnceLock::new();
    if ANSWERED.get().is_some() {
        return Ok(());
    }
    let answer = docker(["version", "--format", "{{.Server.Version}}"]).query().read();
    answer
        .map(|_| ANSWERED.get_or_init(|| ()).to_owned())
        .map_err(|error| error.within("the Docker engine does not answer").hint("start Docker, or point DOCKER_HOST or `docker context use` at the engine"))
}

/// A container by name or id, if there is one.
pub fn container(name: &str) -> Result<Option<Container>> {
    inspect(&["container", "inspect", name])
}

/// Containers that fit all filters (`label=…`, `volume=…`), running or not.
pub fn containers(filters: &[String]) -> Result<Vec<Container>> {
    let filters = filters.iter().flat_map(|filter| ["--filter", filter.as_str()]);
    let ids = docker(["ps", "--all", "--quiet", "--no-trunc"]).args(filters).read()?;
    let ids: Vec<&str> = ids.lines().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let words: Vec<&str> = ["container", "inspect"].into_iter().chain(ids.iter().copied()).collect();
    match inspect_all(&words)? {
        Some(found) => Ok(found),
        // One went between the two calls: that is no error, and the others are asked for one by one.
        None => ids.into_iter().filter_map(|id| container(id).transpose()).collect(),
    }
}

/// A volume by its real name, if there is one. Never creates it.
pub fn volume(name: &str) -> Result<Option<Volume>> {
    inspect(&["volume", "inspect", name])
}

/// Names of the volumes that fit all filters.
pub fn volumes(filters: &[String]) -> Result<Vec<String>> {
    let filters = filters.iter().flat_map(|filter| ["--filter", filter.as_str()]);
    Ok(docker(["volume", "ls", "--quiet"]).args(filters).read()?.lines().map(str::to_owned).collect())
}

fn inspect<T: serde::de::DeserializeOwned>(words: &[&str]) -> Result<Option<T>> {
    Ok(inspect_all(words)?.and_then(|mut found| found.pop()))
}

/// All that were asked for; none where one of them isn't there.
fn inspect_all<T: serde::de::DeserializeOwned>(words: &[&str]) -> Result<Option<Vec<T>>> {
    let captured = docker(words).capture()?;
    let message = captured.error_text();
    if !captured.status.success() {
        let gone = message.to_lowercase().contains("no such");
        return if gone { Ok(None) } else { Err(Error::unexpected(format!("`docker {}` failed", words.join(" "))).caused_by(message)) };
    }
    serde_json::from_slice(&captured.stdout).map(Some).context(|| format!("read the answer of `docker {}`", words.join(" ")))
}

/// Any object's description, for what is read rarely.
pub fn describe(words: &[&str]) -> Result<Option<Value>> {
    inspect(words)
}

/// Stops a container, giving its process time to end well.
pub fn stop(id: &str, seconds: u32) -> Result<()> {
    docker(["stop", "--time", &seconds.to_string(), id]).read().map(drop)
}

/// Starts a container that is there.
pub fn start(id: &str) -> Result<()> {
    docker(["start", id]).read().map(drop)
}

/// Removes a container, running or not, with its anonymous volumes; one that is gone already is fine.
pub fn remove(id: &str) -> Result<()> {
    for _ in 0..100 {
        match gone(&docker(["rm", "--force", "--volumes", id])) {
            // One that is removed at its end ends this very moment.
            Err(error) if error.chain().contains("already in progress") => clock::sleep(Duration::from_millis(100)),
            done => return done,
        }
    }
    Err(Error::unexpected(format!("the engine did not end removing the container {id} within 10 s")).hint("restart the engine"))
}

/// Creates a volume with labels.
pub fn create_volume(name: &str, labels: &[(&str, &str)]) -> Result<()> {
    let labels = labels.iter().flat_map(|(key, value)| ["--label".to_owned(), format!("{key}={value}")]);
    docker(["volume", "create"]).args(labels).arg(name).read().map(drop)
}

/// Removes a volume; one that is gone already is fine.
pub fn remove_volume(name: &str) -> Result<()> {
    gone(&docker(["volume", "rm", name]))
}

fn gone(program: &Program) -> Result<()> {
    match program.read() {
        Err(error) if !error.chain().to_lowercase().contains("no such") => Err(error),
        _ => Ok(()),
    }
}

/// A command inside a running container; variables reach it through the client's environment, so that no process list shows them.
pub fn exec(container: &str, env: &[(&str, &str)], words: &[&str]) -> Program {
    exec_as(&["exec"], container, env, words)
}

/// The same for a command that is talked to.
pub fn talk(container: &str, env: &[(&str, &str)], words: &[&str]) -> Program {
    exec_as(&["exec", "--interactive"], container, env, words)
}

fn exec_as(how: &[&str], container: &str, env: &[(&str, &str)], words: &[&str]) -> Program {
    let names = env.iter().flat_map(|(name, _)| ["--env", *name]);
    let program = docker(how).args(names).arg(container).args(words);
    env.iter().fold(program, |program, (name, value)| program.env(name, value))
}

/// An image as `docker image inspect` shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Image {
    /// `sha256:…` of its configuration: the same on every machine that has it.
    pub id: String,
    /// Its names on this machine.
    #[serde(default)]
    pub repo_tags: Option<Vec<String>>,
    /// `name@sha256:…` of the registries that it came from; empty for images that were made here.
    #[serde(default)]
    pub repo_digests: Option<Vec<String>>,
    /// What its containers are made from.
    #[serde(default)]
    pub config: Option<ImageConfig>,
}

/// What an image's containers are made from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    /// `NAME=value`.
    pub env: Option<Vec<String>>,
    /// The command, without the entry point.
    pub cmd: Option<Vec<String>>,
    /// The entry point.
    pub entrypoint: Option<Vec<String>>,
    /// The folder it starts in.
    pub working_dir: String,
}

/// An image by reference or id, if it is here.
pub fn image(reference: &str) -> Result<Option<Image>> {
    inspect(&["image", "inspect", reference])
}

/// Images that are looked up together: each call of the command line costs more than the question.
#[derive(Clone, Debug, Default)]
pub struct Images(BTreeMap<String, Image>);

impl Images {
    /// Asks for all of them at once.
    pub fn look(references: &[String]) -> Result<Self> {
        if references.is_empty() {
            return Ok(Self::default());
        }
        // It shows those that are here, and fails if one isn't.
        let captured = docker(["image", "inspect"]).args(references).capture()?;
        let shown: Vec<Image> = serde_json::from_slice(&captured.stdout).unwrap_or_default();
        let named = |names: &Option<Vec<String>>, reference: &String| names.as_ref().is_some_and(|names| names.contains(reference));
        let found = references.iter().filter_map(|reference| {
            let is = |image: &&Image| image.id == *reference || named(&image.repo_tags, reference) || named(&image.repo_digests, reference);
            Some((reference.clone(), shown.iter().find(is)?.clone()))
        });
        Ok(Self(found.collect()))
    }

    /// One of them, if it is here. What the engine shows under another name than it was asked for is asked for again.
    pub fn get(&self, reference: &str) -> Result<Option<Image>> {
        self.0.get(reference).map_or_else(|| image(reference), |image| Ok(Some(image.clone())))
    }
}

/// Gives an image one more name.
pub fn tag(image: &str, name: &str) -> Result<()> {
    docker(["tag", image, name]).read().map(drop)
}

/// The last lines that a container printed, both streams in the order the engine kept.
pub fn last_lines(id: &str, lines: usize) -> Result<String> {
    let captured = docker(["logs", "--tail", &lines.to_string(), id]).capture()?;
    let text = [captured.text(), captured.error_text()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    Ok(text.join("\n"))
}
