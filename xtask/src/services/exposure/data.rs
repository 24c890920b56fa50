//! Is the data in its volume? Asked of the running server; else known from image and command. The check itself is pure.

use std::path::Path;

use super::Subject;
use crate::{
    backup::Login,
    config::{Engine, Project},
    effects::docker::{self, COMPOSE_PROJECT, COMPOSE_SERVICE, Container},
    kernel::Finding,
    services::{compose::Files, status::split},
};

/// Servers whose data is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataEngine {
    /// FalkorDB
    FalkorDb,
    /// Redis and its kin.
    Redis,
}

/// What kind of server an image holds, by the last part of its name.
pub fn engine_of_image(image: &str) -> Option<DataEngine> {
    match split(image).0.rsplit('/').next().unwrap_or_default() {
        "falkordb" | "falkordb-server" => Some(DataEngine::FalkorDb),
        "redis" | "valkey" | "redis-stack" | "redis-stack-server" | "keydb" => Some(DataEngine::Redis),
        _ => None,
    }
}

pub(super) fn engine_of(subject: &Subject<'_>) -> Option<DataEngine> {
    let by_image = subject.service.image.as_deref().and_then(engine_of_image);
    by_image.or_else(|| subject.backup.filter(|backup| backup.engine == Some(Engine::Redis)).map(|_| DataEngine::Redis))
}

/// What a running server says.
pub struct Live {
    /// `CONFIG GET dir`
    pub folder: String,
    /// `CONFIG GET appendonly`
    pub append_only: bool,
    /// Where anything is mounted in its container.
    pub mounts: Vec<String>,
}

/// Asks the running server of a service; nothing where there is none, or none that answers.
pub fn live(project: &Project, files: &Files, service: &str) -> Option<Live> {
    let image = files.rendered_here().services.get(service)?.image.clone()?;
    engine_of_image(&image).filter(|_| super::engine_answers())?;
    let filters = [format!("label={COMPOSE_PROJECT}={}", files.derived_name()), format!("label={COMPOSE_SERVICE}={service}")];
    let container = docker::containers(&filters).ok()?.into_iter().find(|container| container.state.running)?;
    let backup = project.config.backups.iter().find(|backup| backup.service.as_deref() == Some(service));
    let password = backup.and_then(|backup| backup.password_env.as_deref()).and_then(|name| files.environment.get(name));
    ask(&container, &Login { user: backup.and_then(|backup| backup.user.clone()), password })
}

/// Asks a running container's server.
pub fn ask(container: &Container, login: &Login) -> Option<Live> {
    Some(Live {
        folder: setting(container, login, "dir")?,
        append_only: setting(container, login, "appendonly")? == "yes",
        mounts: container.mounts.iter().filter(|mount| mount.kind != "tmpfs").map(|mount| mount.destination.clone()).collect(),
    })
}

fn setting(container: &Container, login: &Login, name: &str) -> Option<String> {
    let words: Vec<&str> = std::iter::once("redis-cli").chain(login.words()).chain(["CONFIG", "GET", name]).collect();
    let answer = docker::exec(&container.id, &login.variables(), &words).read().ok()?;
    let mut lines = answer.lines();
    (lines.next()? == name).then(|| lines.next().map(str::to_owned))?
}

/// All words that reach the server: command, and the variables that FalkorDB's and Redis' images read.
fn arguments(subject: &Subject<'_>) -> Vec<String> {
    let variables = ["REDIS_ARGS", "FALKORDB_ARGS"].iter().filter_map(|name| subject.service.environment.get(*name));
    let command = subject.service.command.iter().flat_map(|word| crate::effects::process::words(word));
    command.chain(variables.flat_map(|line| crate::effects::process::words(line))).collect()
}

fn argument(words: &[String], name: &str) -> Option<String> {
    let at = words.iter().rposition(|word| word == name)?;
    words.get(at + 1).cloned()
}

pub(super) fn has_password(subject: &Subject<'_>) -> bool {
    let environment = &subject.service.environment;
    let set = ["REDIS_PASSWORD", "FALKORDB_PASSWORD"].iter().any(|name| environment.get(*name).is_some_and(|value| !value.is_empty()));
    set || arguments(subject).iter().any(|word| word == "--requirepass") || subject.backup.is_some_and(|backup| backup.password_env.is_some())
}

/// Where a server that doesn't run would put its data.
fn expected(subject: &Subject<'_>, engine: DataEngine) -> String {
    let words = arguments(subject);
    if let Some(folder) = argument(&words, "--dir") {
        return folder;
    }
    let tag = subject.service.image.as_deref().and_then(|image| split(image).1).unwrap_or_default();
    match (engine, subject.service.environment.get("FALKORDB_DATA_PATH")) {
        (DataEngine::FalkorDb, Some(path)) => path.clone(),
        // FalkorDB moved its data in 4.10; a tag that says nothing is taken for a new one.
        (DataEngine::FalkorDb, None) if falkordb_version(tag).is_none_or(|version| version >= (4, 10)) => "/var/lib/falkordb/data".into(),
        _ => "/data".into(),
    }
}

/// `v4.8.7`, `4.16.3-alpine`
pub fn falkordb_version(tag: &str) -> Option<(u32, u32)> {
    let mut parts = tag.trim_start_matches('v').split(['.', '-', '@']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

pub(in crate::services) fn check(subject: &Subject<'_>, live: Option<&Live>) -> Vec<Finding> {
    let Some(engine) = engine_of(subject) else { return Vec::new() };
    let configured: Vec<String> = subject.service.mounts.iter().filter(|mount| mount.kind != "tmpfs").map(|mount| mount.target.clone()).collect();
    let folder = live.map_or_else(|| expected(subject, engine), |live| live.folder.clone());
    let mounts = live.map_or(&configured, |live| &live.mounts);
    let mut found = Vec::new();
    if configured.is_empty() {
        let finding = Finding::error("data-no-volume", format!("{} has no volume: its data goes with its container", subject.name));
        found.push(subject.at(finding.hint(format!("mount a named volume: - {}_data:{folder}", subject.name)), &["volumes"]));
    } else if !is_under(&folder, mounts) {
        found.push(outside(subject, &folder, live.is_some()));
    } else if let Some(live) = live.filter(|_| !is_under(&folder, &configured)) {
        let message = format!(
            "{} runs with its data in {}, but the compose file no longer mounts anything there: the next `up` would lose it",
            subject.name, live.folder
        );
        found.push(subject.at(Finding::error("data-outside-volume", message).hint(format!("mount the volume at {folder}")), &["volumes"]));
    }
    let appends = live.map_or_else(|| argument(&arguments(subject), "--appendonly").is_some_and(|word| word == "yes"), |live| live.append_only);
    if !appends {
        let finding =
            Finding::warning("data-no-appendonly", format!("{} keeps no append-only file: a crash loses what came after the last save", subject.name));
        let fix = if engine == DataEngine::FalkorDb { "REDIS_ARGS=--appendonly yes" } else { "command: redis-server --appendonly yes" };
        found.push(subject.at(finding.hint(format!("add {fix}")), &["environment"]));
    }
    found
}

fn outside(subject: &Subject<'_>, folder: &str, live: bool) -> Finding {
    let mount = subject.service.mounts.iter().find(|mount| mount.kind == "volume").or_else(|| subject.service.mounts.first());
    let (source, target) = mount.map_or(("data", "/data"), |mount| (mount.source.as_str(), mount.target.as_str()));
    let how = if live { "the running server says" } else { "by its image and command" };
    let message = format!(
        "{} writes its data to {folder} ({how}), and the volume is mounted at {target}: backups of the volume are empty, and `down` destroys the data",
        subject.name
    );
    let finding = Finding::error("data-outside-volume", message).hint(format!("mount it where the data is: - {source}:{folder}"));
    let finding = if live { finding.hint("`xtask services harden` backs the data up first and moves it into the volume") } else { finding };
    subject.at(finding, &["volumes", "0"])
}

/// Whether a folder lies in one of those that are mounted.
pub fn is_under(folder: &str, mounts: &[String]) -> bool {
    mounts.iter().any(|mount| Path::new(folder).starts_with(mount))
}
