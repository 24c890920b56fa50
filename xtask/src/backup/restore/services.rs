//! The services of a restored volume: stopped before, started after, and asked whether they are well. Uses the engine only.

use std::time::Duration;

use super::super::{probe::Probe, redis::count, run, source::Source, users::Users};
use crate::{
    effects::{clock, docker},
    kernel::{Error, Events, Result},
};

const PATIENCE: Duration = Duration::from_secs(300);

/// Waits until everything that was started is well, holds what the backup held, and was never restarted.
pub fn prove(source: &Source, started: &[String], probe: Option<&Probe>, events: &Events) -> Result<()> {
    for id in started {
        healthy(id)?;
    }
    let users = Users::find(source)?;
    let Some((redis, container)) = run::server(source, users.as_ref()).filter(|(_, container)| container.as_ref().is_none_or(|c| started.contains(&c.id)))
    else {
        return settled(started);
    };
    if container.is_none() {
        return Ok(());
    }
    redis.ready(PATIENCE, &|| settled(started))?;
    let counts = count::count(&redis)?;
    let missing = probe.map(|probe| probe.missing(&counts)).unwrap_or_default();
    if !missing.is_empty() {
        return Err(Error::mismatch(format!("the service does not hold what the backup held: {}", missing.join("; "))));
    }
    events.note(format!("the service holds {}", counts.text()));
    settled(started)
}

fn healthy(id: &str) -> Result<()> {
    let mut waited = Duration::ZERO;
    let step = Duration::from_millis(250);
    loop {
        let container = docker::container(id)?.ok_or_else(|| Error::mismatch("a service's container is gone"))?;
        let name = container.name().to_owned();
        match (container.state.status.as_str(), container.health()) {
            ("running", None | Some("healthy" | "none" | "")) => return Ok(()),
            ("running", Some("starting")) | ("created", _) => {}
            ("running", Some(health)) => return Err(Error::mismatch(format!("{name} is {health} on the restored data"))),
            (status, _) => return Err(Error::mismatch(format!("{name} is {status} (exit {}) on the restored data", container.state.exit_code))),
        }
        if waited >= PATIENCE {
            return Err(Error::mismatch(format!("{name} did not get healthy within {} s on the restored data", PATIENCE.as_secs())));
        }
        clock::sleep(step);
        waited += step;
    }
}

/// Running, and never restarted by the engine since.
fn settled(started: &[String]) -> Result<()> {
    for id in started {
        let container = docker::container(id)?.ok_or_else(|| Error::mismatch("a service's container is gone"))?;
        if !container.state.running || container.restart_count > 0 {
            return Err(Error::mismatch(format!(
                "{} is {} and was restarted {} times on the restored data",
                container.name(),
                container.state.status,
                container.restart_count
            )));
        }
    }
    Ok(())
}
