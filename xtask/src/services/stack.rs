//! The project's stack on this machine: configuration and containers brought together, real names resolved. Reads only.

use std::collections::BTreeMap;

use super::compose::{Compose, Generation, Rendered};
use crate::{
    config::{Probe, Project},
    effects::docker::{self, COMPOSE_PROJECT, COMPOSE_SERVICE, Container},
    kernel::Result,
};

/// How long `up` waits for health where xtask.toml doesn't say, in seconds.
const WAIT: u64 = 180;

/// The stack.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Compose and its files.
    pub compose: Compose,
    /// The configuration, filled in by Compose.
    pub rendered: Rendered,
    /// The compose project's name.
    pub name: String,
    /// What else must answer.
    pub probes: Vec<Probe>,
    /// How long to wait for health, in seconds.
    pub wait: u64,
}

impl Stack {
    /// Opens the stack of a project; needs Compose and an engine.
    pub fn open(project: &Project) -> Result<Self> {
        let compose = Compose::open(project)?;
        docker::reachable()?;
        let rendered = compose.rendered()?;
        let name = rendered.name.clone().unwrap_or_else(|| compose.files.derived_name());
        let services = project.config.services.as_ref();
        let probes = services.map(|services| services.probe.clone()).unwrap_or_default();
        Ok(Self { compose, rendered, name, probes, wait: services.and_then(|services| services.wait).unwrap_or(WAIT) })
    }

    /// Whether Compose is the old one.
    pub fn is_v1(&self) -> bool {
        self.compose.flavour.generation == Generation::One
    }

    /// The stack's containers by service, whether they run or not.
    pub fn containers(&self) -> Result<BTreeMap<String, Vec<Container>>> {
        let mut found: BTreeMap<String, Vec<Container>> = BTreeMap::new();
        for container in docker::containers(&[format!("label={COMPOSE_PROJECT}={}", self.name)])? {
            let once = container.label("com.docker.compose.oneoff").is_some_and(|value| value.eq_ignore_ascii_case("true"));
            if let Some(service) = container.label(COMPOSE_SERVICE).filter(|_| !once).map(str::to_owned) {
                found.entry(service).or_default().push(container);
            }
        }
        Ok(found)
    }

    /// A service's container; one that runs goes before others.
    pub fn container(&self, service: &str) -> Result<Option<Container>> {
        Ok(Self::main(self.containers()?.remove(service).unwrap_or_default()))
    }

    /// Of a service's containers the one that runs, else any.
    pub fn main(mut all: Vec<Container>) -> Option<Container> {
        all.sort_by_key(|container| !container.state.running);
        all.into_iter().next()
    }

    /// A volume's real name.
    pub fn volume(&self, name: &str) -> Option<String> {
        self.rendered.volume(name, &self.name)
    }

    /// The services' names.
    pub fn services(&self) -> Vec<String> {
        self.rendered.services.keys().cloned().collect()
    }
}
