//! Running with the memory layer and the integrations off, and putting everything back.
//!
//! Stops containers of the compose stack and starts them again; a journal, written first, says which ran, so that `resume` puts back exactly that, whenever
//! the program was killed in between. Containers are stopped, not removed: their data and settings stay.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{envfile, secrets};
use crate::{
    config::Project,
    effects::{docker, files, patience::Patience, process::Program},
    kernel::{Events, Kind, Result},
    ledger::Journal,
    services::Stack,
};

/// The journal's name.
pub const JOURNAL: &str = "incident-isolate";
/// How long a service may take to end well.
const GRACE: u32 = 30;

/// One container that ran.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stopped {
    /// The service.
    pub service: String,
    /// The container's name.
    pub container: String,
    /// Its id.
    pub id: String,
}

/// What isolating does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Containers that run and are stopped.
    pub stop: Vec<Stopped>,
    /// Services that stay up because the configuration calls them essential.
    pub stays: Vec<String>,
    /// Variables that are taken out of the environment.
    pub unset: Vec<String>,
    /// Variables that are emptied, because an env file would bring them back.
    pub empty: Vec<String>,
    /// Why the services are left alone, where they are.
    pub note: Option<String>,
}

/// Looks at what runs and what is set.
pub fn plan(project: &Project) -> Plan {
    let mut plan = variables(project, std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()));
    if project.config.services.is_none() {
        return plan;
    }
    // An engine that hangs must not keep anybody from running without tokens.
    let _patience = Patience::usual();
    match Stack::open(project).and_then(|stack| stack.containers()) {
        Ok(containers) => {
            let essential = |service: &String| project.config.incident.essential.contains(service);
            for (service, containers) in containers {
                let running: Vec<_> = containers.iter().filter(|container| container.state.running).collect();
                if essential(&service) && !running.is_empty() {
                    plan.stays.push(service);
                } else {
                    plan.stop.extend(running.iter().map(|container| Stopped {
                        service: service.clone(),
                        container: container.name().into(),
                        id: container.id.clone(),
                    }));
                }
            }
        }
        Err(error) => plan.note = Some(format!("the services are left alone: {}", error.chain())),
    }
    plan
}

/// Which variables go. Those that an env file holds are emptied instead: programs that read the file themselves don't override what is set.
fn variables(project: &Project, environment: impl Iterator<Item = String>) -> Plan {
    let patterns = &project.config.incident.integrations;
    let fits = |name: &str| patterns.iter().any(|pattern| matches(pattern, name));
    let mut in_files = BTreeSet::new();
    for file in &project.config.env.files {
        let text = files::read_text_if_there(&project.path(&file.path)).ok().flatten().unwrap_or_default();
        in_files.extend(envfile::parse(&text).set().filter(|given| fits(&given.key)).map(|given| given.key.clone()));
    }
    let unset: BTreeSet<String> = environment.filter(|name| fits(name) && !in_files.contains(name)).collect();
    Plan { unset: unset.into_iter().collect(), empty: in_files.into_iter().collect(), ..Plan::default() }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

/// Stops what runs. A second run adds to what the first one noted.
pub fn isolate(project: &Project, plan: &Plan, events: &Events) -> Result<()> {
    let state = project.state();
    let (mut journal, mut noted) = match Journal::load::<Vec<Stopped>>(&state, JOURNAL)? {
        Some(loaded) => loaded,
        None if plan.stop.is_empty() => return Ok(()),
        None => (Journal::new(&state, JOURNAL, "incident isolate: services are stopped", "xtask incident isolate", Some("xtask incident resume")), Vec::new()),
    };
    noted.extend(plan.stop.iter().filter(|stop| !noted.iter().any(|known| known.id == stop.id)).cloned().collect::<Vec<_>>());
    // Written before anything stops: whatever happens then, resume knows what ran.
    journal.write("the services that ran are being stopped", &noted)?;
    for stop in &plan.stop {
        events.step(format!("stopping {}", stop.service));
        docker::stop(&stop.id, GRACE)?;
    }
    journal.write("isolated: the services are stopped, `xtask incident resume` puts them back", &noted)
}

/// What ran before isolating, if the project is isolated now.
pub fn noted(project: &Project) -> Result<Option<Vec<Stopped>>> {
    Ok(Journal::load::<Vec<Stopped>>(&project.state(), JOURNAL)?.map(|(_, noted)| noted))
}

/// Starts exactly what ran before. Containers that are gone by now are told; Compose makes them anew.
pub fn resume(project: &Project, events: &Events) -> Result<(Vec<Stopped>, Vec<Stopped>)> {
    let Some((mut journal, noted)) = Journal::load::<Vec<Stopped>>(&project.state(), JOURNAL)? else { return Ok((Vec::new(), Vec::new())) };
    docker::reachable().map_err(|error| error.of_kind(Kind::Partial))?;
    journal.write("the services that ran before are being started", &noted)?;
    let (mut started, mut gone) = (Vec::new(), Vec::new());
    for stopped in noted {
        match docker::container(&stopped.id)? {
            Some(container) if container.state.running => started.push(stopped),
            Some(_) => {
                events.step(format!("starting {}", stopped.service));
                docker::start(&stopped.id).map_err(|error| error.of_kind(Kind::Partial).hint("`xtask incident resume` again goes on"))?;
                started.push(stopped);
            }
            None => gone.push(stopped),
        }
    }
    journal.close()?;
    Ok((started, gone))
}

/// The program as it runs isolated.
pub fn program(plan: &Plan, words: &[String]) -> Program {
    let (name, args) = words.split_first().map_or(("", &[][..]), |(name, args)| (name.as_str(), args));
    let program = Program::new(name).args(args).env("XTASK_ISOLATED", "1");
    let program = plan.unset.iter().fold(program, Program::unset);
    plan.empty.iter().fold(program, |program, name| program.env(name, ""))
}

/// A program with the secrets of the secret command in its environment, and the names of those; what is set already stays.
pub fn with_secrets(project: &Project, words: &[String]) -> Result<(Program, Vec<String>)> {
    let (name, args) = words.split_first().map_or(("", &[][..]), |(name, args)| (name.as_str(), args));
    let given = secrets::from_command(project)?;
    let absent: Vec<_> = given.into_iter().filter(|(name, _)| std::env::var_os(name).is_none_or(|value| value.is_empty())).collect();
    let names = absent.iter().map(|(name, _)| name.clone()).collect();
    Ok((absent.iter().fold(Program::new(name).args(args), |program, (name, value)| program.env(name, value)), names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrations_are_named_by_prefix_or_whole() {
        assert!(matches("LINEAR_*", "LINEAR_API_KEY") && matches("GH_TOKEN", "GH_TOKEN"));
        assert!(!matches("LINEAR_*", "LINEARX") && !matches("GH_TOKEN", "GH_TOKEN_2"));
    }
}
