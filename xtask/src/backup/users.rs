//! Who uses a volume: the server that writes it, and everybody else who mounts it. Looks; stops and starts what the caller names.

use super::source::{Source, What};
use crate::{
    effects::docker::{self, Container},
    kernel::{Error, Events, Result},
};

/// The containers of a volume.
#[derive(Clone, Debug)]
pub struct Users {
    /// Everyone that mounts it, running or not.
    pub all: Vec<Container>,
    /// The server among them: the configured service, else the only one.
    pub server: Option<Container>,
}

impl Users {
    /// Looks who mounts the volume, and whether the configured service is among them.
    pub fn find(source: &Source) -> Result<Option<Self>> {
        let What::Volume { project, real } = &source.what else { return Ok(None) };
        let all = docker::containers(&[format!("volume={real}")])?;
        let is_user = |container: &Container| container.destination_of(real).is_some() && container.label(docker::LABEL) != Some(docker::HELPER);
        let mounts: Vec<Container> = all.into_iter().filter(is_user).collect();
        let server = match &source.spec.service {
            Some(service) => Self::service(&mounts, project, service, real)?,
            None => match mounts.as_slice() {
                [one] => Some(one.clone()),
                _ => mounts.iter().find(|container| container.state.running).cloned(),
            },
        };
        Ok(Some(Self { all: mounts, server }))
    }

    fn service(mounts: &[Container], project: &str, service: &str, real: &str) -> Result<Option<Container>> {
        let is = |container: &&Container| container.label(docker::COMPOSE_SERVICE) == Some(service);
        let running_first = |a: &&Container, b: &&Container| a.state.running.cmp(&b.state.running);
        if let Some(found) = mounts.iter().filter(is).max_by(running_first) {
            return Ok(Some(found.clone()));
        }
        let labels = [format!("label={}={project}", docker::COMPOSE_PROJECT), format!("label={}={service}", docker::COMPOSE_SERVICE)];
        if let Some(elsewhere) = docker::containers(&labels)?.into_iter().find(|container| container.state.running) {
            return Err(wrong_volume(&elsewhere, service, real));
        }
        // A desktop application may have started the server itself, on the same volume and without Compose.
        Ok(mounts.iter().max_by(running_first).cloned())
    }

    /// Refuses a server that neither runs nor is stopped: what it holds can't be asked, and its files may change at any moment.
    pub fn settled(&self) -> Result<()> {
        let Some(server) = self.server.as_ref().filter(|server| server.state.running && !server.answers()) else { return Ok(()) };
        let (name, status) = (server.name(), server.state.status.as_str());
        let error = Error::refused(format!("the container {name} is {status}: what it holds can't be asked"));
        Err(match status {
            "paused" => error.hint(format!("go on with it: docker unpause {name}")).hint(format!("or stop it: docker unpause {name} && docker stop {name}")),
            _ => error
                .hint(format!("look why: docker logs --tail 50 {name}"))
                .hint(format!("or stop it, and its files are copied as they are: docker stop {name}")),
        })
    }

    /// Those that run.
    pub fn running(&self) -> Vec<&Container> {
        self.all.iter().filter(|container| container.state.running).collect()
    }
}

fn wrong_volume(container: &Container, service: &str, real: &str) -> Error {
    let mounts: Vec<String> = container
        .mounts
        .iter()
        .map(|mount| {
            let from = if mount.name.is_empty() { &mount.source } else { &mount.name };
            format!("{from} at {}", mount.destination)
        })
        .collect();
    let error = Error::refused(format!("the service `{service}` does not use the volume `{real}`: a backup of it would not hold its data"));
    let has = if mounts.is_empty() { "no volume at all".to_owned() } else { mounts.join(", ") };
    error
        .hint(format!("the container {} mounts {has}", container.name()))
        .hint("correct `volume` in this [[backup]], or the service's volumes in the compose file")
}

/// Where the server's data folder lies inside the volume; empty for its root. Refuses when it isn't in there.
pub fn inside<'a>(server: &Container, volume: &str, key: &str, folder: &'a str) -> Result<&'a str> {
    let destination = server.destination_of(volume).unwrap_or("/");
    let rest = folder.strip_prefix(destination.trim_end_matches('/')).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    // A mount below the data folder's path may hide the volume there.
    let hidden =
        |path: &str| server.mounts.iter().any(|mount| mount.name != volume && mount.destination.len() > destination.len() && within(path, &mount.destination));
    match rest {
        Some(rest) if !hidden(folder) => Ok(rest.trim_matches('/')),
        _ => Err(Error::refused(format!(
            "the server's data folder {folder} is not in the volume `{volume}`, which is mounted at {destination}: a backup of the volume would be valid and empty, \
             and removing the container destroys the data"
        ))
        .hint(format!("the one-line fix, under `volumes:` of the service in the compose file: `- {key}:{folder}`"))
        .hint("before `down` or a new `up`, save what is there: `xtask backup NAME --outside` copies the data folder out of the container")),
    }
}

fn within(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// How long a server gets to write its data when it is stopped, in seconds, where its own stop_grace_period doesn't say.
const PATIENCE: u32 = 120;

/// Stops containers by id.
pub fn stop(ids: &[String], events: &Events) -> Result<()> {
    for id in ids {
        events.note(format!("stop {}", shown(id)));
        docker::stop(id, grace(id)?)?;
    }
    Ok(())
}

/// One that doesn't listen to being stopped would be waited for in vain.
fn grace(id: &str) -> Result<u32> {
    let described = docker::describe(&["container", "inspect", id])?;
    let own = described.as_ref().and_then(|container| container.pointer("/Config/StopTimeout")?.as_u64()).and_then(|seconds| u32::try_from(seconds).ok());
    Ok(own.unwrap_or(PATIENCE))
}

/// Starts what ran before, in the opposite order. One that is gone since then is passed over.
pub fn start(ids: &[String], events: &Events) -> Result<()> {
    let mut first = None;
    for id in ids.iter().rev() {
        if docker::container(id)?.is_some_and(|container| !container.state.running) {
            events.note(format!("start {}", shown(id)));
            first = docker::start(id).err().or(first);
        }
    }
    first.map_or(Ok(()), Err)
}

/// The same after a kill. One that still runs as it did before `since` may be stopping this very moment, at the killed run's bidding: it is stopped for
/// good, and started. One that somebody started since then is left alone.
pub fn start_after_kill(ids: &[String], since: &str, events: &Events) -> Result<()> {
    for id in ids {
        if docker::container(id)?.is_some_and(|container| container.state.running && runs_since_before(&container, since)) {
            stop(std::slice::from_ref(id), events)?;
        }
    }
    start(ids, events)
}

fn runs_since_before(container: &Container, since: &str) -> bool {
    let time = |text: &str| chrono::DateTime::parse_from_rfc3339(text).ok();
    match (time(&container.state.started_at), time(since)) {
        (Some(started), Some(since)) => started < since,
        _ => true,
    }
}

/// A container's name, or the id of one that is gone.
pub fn shown(id: &str) -> String {
    docker::container(id).ok().flatten().map_or_else(|| id.to_owned(), |container| container.name().to_owned())
}

/// Images of the source's service, best first: what runs, what the compose file names, what made the newest backup.
pub fn images(source: &Source) -> Result<Vec<String>> {
    let running = Users::find(source)?.and_then(|users| users.server).map(|server| server.config.image);
    let recorded = source.store.newest()?.and_then(|backup| backup.engine?.image);
    Ok([running, source.image.clone(), recorded].into_iter().flatten().collect())
}
