//! What runs: image, tag, digest, health, ports, since when. Reads only.

use serde::Serialize;

use super::Stack;
use crate::{
    effects::docker::{self, Container},
    kernel::Result,
};

/// One service, as configured and as it runs.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceStatus {
    /// The service.
    pub service: String,
    /// Its container's name.
    pub container: Option<String>,
    /// The image without its tag, as the container was made from it.
    pub image: Option<String>,
    /// The tag.
    pub tag: Option<String>,
    /// The registry's digest of the image, where it came from one.
    pub digest: Option<String>,
    /// The image's id.
    pub id: Option<String>,
    /// The image that the compose file asks for now, where that isn't what runs.
    pub configured: Option<String>,
    /// `running`, `exited`, …; `absent` without a container.
    pub state: String,
    /// `healthy`, `starting`, `unhealthy`; none without a healthcheck.
    pub health: Option<String>,
    /// `127.0.0.1:6380->6379/tcp`
    pub ports: Vec<String>,
    /// Since when it runs, RFC 3339 in UTC.
    pub since: Option<String>,
    /// How often the engine restarted it.
    pub restarts: u64,
}

/// Every service of the stack, and containers of services that the compose file doesn't have any more.
pub fn status(stack: &Stack) -> Result<Vec<ServiceStatus>> {
    let mut containers = stack.containers()?;
    let mut found = Vec::new();
    for (name, service) in &stack.rendered.services {
        let mine = containers.remove(name).unwrap_or_default();
        if mine.is_empty() {
            found.push(absent(name, service.image.as_deref()));
        }
        for container in mine {
            found.push(of(name, service.image.as_deref(), &container)?);
        }
    }
    for (name, strays) in containers {
        for container in strays {
            found.push(of(&name, None, &container)?);
        }
    }
    Ok(found)
}

fn absent(service: &str, image: Option<&str>) -> ServiceStatus {
    ServiceStatus {
        service: service.into(),
        container: None,
        image: None,
        tag: None,
        digest: None,
        id: None,
        configured: image.map(str::to_owned),
        state: "absent".into(),
        health: None,
        ports: Vec::new(),
        since: None,
        restarts: 0,
    }
}

fn of(service: &str, configured: Option<&str>, container: &Container) -> Result<ServiceStatus> {
    let reference = &container.config.image;
    let (name, tag) = split(reference);
    let image = docker::image(&container.image)?;
    let digests = image.and_then(|image| image.repo_digests).unwrap_or_default();
    let digest =
        digests.iter().filter_map(|entry| entry.split_once('@')).find(|(repository, _)| *repository == name).or_else(|| digests.first()?.split_once('@'));
    Ok(ServiceStatus {
        service: service.into(),
        container: Some(container.name().into()),
        image: Some(name.into()),
        tag: tag.map(str::to_owned),
        digest: digest.map(|(_, digest)| digest.to_owned()),
        id: Some(container.image.clone()),
        configured: configured.filter(|configured| configured != reference).map(str::to_owned),
        state: container.state.status.clone(),
        health: container.health().map(str::to_owned),
        ports: ports(container),
        since: container.state.running.then(|| since(&container.state.started_at)),
        restarts: container.restart_count,
    })
}

/// `name` and `tag` of `name:tag@sha256:…`; a port of a registry's host is no tag.
pub(super) fn split(reference: &str) -> (&str, Option<&str>) {
    let plain = reference.split_once('@').map_or(reference, |(plain, _)| plain);
    match plain.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (plain, None),
    }
}

fn since(started: &str) -> String {
    match (started.split_once('.'), started.ends_with('Z')) {
        (Some((whole, _)), true) => format!("{whole}Z"),
        _ => started.into(),
    }
}

fn ports(container: &Container) -> Vec<String> {
    let published = container.network_settings.ports.iter().flat_map(|(inside, outside)| {
        let outside = outside.iter().flatten();
        outside.map(move |at| format!("{}:{}->{inside}", at.host_ip, at.host_port))
    });
    let mut ports: Vec<String> = published.collect();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_port_is_no_tag() {
        assert_eq!(split("falkordb/falkordb:v4.16.3"), ("falkordb/falkordb", Some("v4.16.3")));
        assert_eq!(split("localhost:5000/falkordb"), ("localhost:5000/falkordb", None));
        assert_eq!(split("localhost:5000/a:1@sha256:ab"), ("localhost:5000/a", Some("1")));
        assert_eq!(since("2026-01-31T12:00:00.123456789Z"), "2026-01-31T12:00:00Z");
    }
}
