//! What an image's server loads by itself: asked once, of a container without network and data. Starts and removes that container.

use std::time::Duration;

use super::{super::manifest::Module, Login, Reach, Redis, facts};
use crate::{
    effects::docker::{self, Container},
    kernel::{Error, Result},
};

const PATIENCE: Duration = Duration::from_secs(120);

/// The modules of an image as it starts without being told anything. `words` are for `docker run`: labels, by which a killed run's container is found.
pub fn modules(image: &str, words: &[&str]) -> Result<Vec<Module>> {
    let id = docker::docker(["run", "--detach", "--network", "none"]).args(words).arg(image).read()?;
    let redis = Redis::new(Reach::Container(id.clone()), Login::default());
    let known = redis.ready(PATIENCE, &|| alive(&id)).and_then(|()| facts::of(&redis));
    docker::remove(&id)?;
    Ok(known?.0.modules)
}

fn alive(id: &str) -> Result<()> {
    if docker::container(id)?.is_some_and(|container| container.state.running) { Ok(()) } else { Err(Error::mismatch("the server ended by itself")) }
}

/// Whether a container's server was told to keep an append-only file, by its command or by the variables that the usual images read.
pub fn appends(container: &Container) -> bool {
    let variables = ["REDIS_ARGS", "FALKORDB_ARGS"].iter().filter_map(|name| container.env(name));
    let command = container.config.cmd.iter().flatten().map(String::as_str);
    let words: Vec<&str> = command.chain(variables).flat_map(str::split_whitespace).collect();
    words.windows(2).any(|pair| pair == ["--appendonly", "yes"])
}
