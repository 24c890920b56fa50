//! Up, down, restart, pull, logs: Compose does the work; up and restart return only when every service is healthy.

use std::process::ExitStatus;

use serde::Serialize;

use super::{ServiceStatus, Stack, health::Watch, patience, status};
use crate::{
    effects::docker,
    kernel::{Error, Events, Finding, Result},
};

impl Stack {
    /// The services asked for, or all; one that isn't in the compose file is refused.
    pub fn select(&self, names: &[String]) -> Result<Vec<String>> {
        let all = self.services();
        if let Some(stranger) = names.iter().find(|name| !all.contains(name)) {
            return Err(Error::usage(format!("there is no service `{stranger}`")).hint(format!("there are: {}", all.join(", "))));
        }
        Ok(if names.is_empty() { all } else { names.to_vec() })
    }
}

/// Starts services and returns when each is healthy.
pub fn up(stack: &Stack, names: &[String], events: &Events) -> Result<Vec<ServiceStatus>> {
    let services = stack.select(names)?;
    events.step(format!("starting {}", services.join(", ")));
    let words: Vec<&str> = ["up", "-d"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let program = stack.compose.program(&words);
    let start = || Watch::begin(stack, &services)?.wait(&mut || program.background(events), events);
    match start() {
        // What the engine was still stopping for a `down` that was killed looked as if it ran.
        Err(_) if was_stopped(stack, &services)? => {
            events.warn(Finding::warning("services-stopped", "something stopped a service while it was started: the same command is given again"));
            start()?;
        }
        started => started?,
    }
    status(stack)
}

/// Whether a service that the engine would start again whenever it ends has ended: then it was stopped on purpose.
fn was_stopped(stack: &Stack, services: &[String]) -> Result<bool> {
    let restarts =
        |name: &String| stack.rendered.services.get(name).is_some_and(|service| matches!(service.restart.as_deref(), Some("always" | "unless-stopped")));
    let containers = stack.containers()?;
    let of = |name: &String| containers.get(name).into_iter().flatten().any(|container| container.state.status == "exited");
    Ok(services.iter().any(|name| restarts(name) && of(name)))
}

/// Restarts services and returns when each is healthy again.
pub fn restart(stack: &Stack, names: &[String], events: &Events) -> Result<Vec<ServiceStatus>> {
    let services = stack.select(names)?;
    events.step(format!("restarting {}", services.join(", ")));
    let words: Vec<&str> = std::iter::once("restart").chain(names.iter().map(String::as_str)).collect();
    patience::run(&stack.compose.program(&words), events)?;
    up(stack, names, events)
}

/// What `down` will do.
#[derive(Clone, Debug, Serialize)]
pub struct DownPlan {
    /// Containers that are stopped and removed.
    pub containers: Vec<String>,
    /// Volumes that are destroyed with their data.
    pub volumes: Vec<String>,
    /// Volumes that stay.
    pub kept: Vec<String>,
}

/// Looks what `down` would remove; with `destroy` the volumes too.
pub fn down_plan(stack: &Stack, destroy: Destroy) -> Result<DownPlan> {
    let containers = stack.containers()?.into_values().flatten().map(|container| container.name().to_owned()).collect();
    let mut plan = DownPlan { containers, volumes: Vec::new(), kept: Vec::new() };
    for (name, volume) in &stack.rendered.volumes {
        let real = stack.volume(name).unwrap_or_else(|| name.clone());
        if docker::volume(&real)?.is_some() {
            let goes = destroy == Destroy::Volumes && !volume.external;
            if goes { plan.volumes.push(real) } else { plan.kept.push(real) }
        }
    }
    Ok(plan)
}

/// What `down` destroys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destroy {
    /// Containers and networks, which hold no data that was meant to last.
    Nothing,
    /// Volumes with their data.
    Volumes,
}

/// Stops and removes the stack.
pub fn down(stack: &Stack, destroy: Destroy, events: &Events) -> Result<()> {
    events.step(format!("stopping {}", stack.name));
    let words: &[&str] = if destroy == Destroy::Volumes { &["down", "--volumes"] } else { &["down"] };
    patience::run(&stack.compose.program(words), events)
}

/// Fetches the images of services.
pub fn pull(stack: &Stack, names: &[String], events: &Events) -> Result<()> {
    let services = stack.select(names)?;
    events.step(format!("pulling the images of {}", services.join(", ")));
    let words: Vec<&str> = std::iter::once("pull").chain(names.iter().map(String::as_str)).collect();
    patience::run(&stack.compose.program(&words), events)
}

/// Shows what services print, on the terminal; with `follow` until interrupted.
pub fn logs(stack: &Stack, names: &[String], tail: Option<usize>, follow: bool) -> Result<ExitStatus> {
    stack.select(names)?;
    let tail = tail.map_or_else(|| "all".to_owned(), |tail| tail.to_string());
    let follow: &[&str] = if follow { &["--follow"] } else { &[] };
    let words: Vec<&str> = ["logs", "--tail", &tail].into_iter().chain(follow.iter().copied()).chain(names.iter().map(String::as_str)).collect();
    stack.compose.program(&words).interactive()
}

/// The last lines of services, for machines.
pub fn last_logs(stack: &Stack, names: &[String], tail: Option<usize>) -> Result<Vec<(String, Vec<String>)>> {
    let services = stack.select(names)?;
    let mut found = Vec::new();
    for (service, containers) in stack.containers()? {
        for container in containers.iter().filter(|_| services.contains(&service)) {
            let text = docker::last_lines(&container.id, tail.unwrap_or(200))?;
            found.push((service.clone(), text.lines().map(str::to_owned).collect()));
        }
    }
    Ok(found)
}
