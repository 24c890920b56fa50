//! Which Compose is here: the plugin (`docker compose`, v2) or the old program (`docker-compose`, v1). `XTASK_COMPOSE` picks one.

use std::sync::OnceLock;

use crate::{
    effects::{
        patience,
        process::{Program, words},
    },
    kernel::{Error, Result},
};

/// The two generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// `docker-compose` up to 1.29
    One,
    /// `docker compose`
    Two,
}

/// The Compose that is used.
#[derive(Clone, Debug)]
pub struct Flavour {
    /// How it is started.
    pub words: Vec<String>,
    /// Its generation.
    pub generation: Generation,
    /// Its version, as it tells.
    pub version: String,
}

/// Finds Compose: v2 is taken where both are there, as it is the one that is kept up. Asked once a run: it takes a tenth of a second, v1 far longer.
pub fn detect() -> Result<Flavour> {
    static FOUND: OnceLock<Flavour> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(found.clone());
    }
    find().map(|found| FOUND.get_or_init(|| found).clone())
}

fn find() -> Result<Flavour> {
    if let Some(line) = std::env::var("XTASK_COMPOSE").ok().filter(|line| !line.trim().is_empty()) {
        return ask(&line).ok_or_else(|| {
            Error::usage(format!("XTASK_COMPOSE says `{line}`, and `{line} version` doesn't work")).hint("unset it, and the Compose that is here is found")
        });
    }
    ["docker compose", "docker-compose"].into_iter().find_map(ask).ok_or_else(|| {
        // One that hangs is there all the same.
        let silent = ["docker", "docker-compose"].into_iter().find_map(patience::silence);
        silent.unwrap_or_else(none)
    })
}

fn none() -> Error {
    Error::unexpected("there is no Docker Compose: neither `docker compose` nor `docker-compose` works")
        .hint("install the Compose plugin of Docker (package docker-compose-plugin or docker-compose)")
}

fn ask(line: &str) -> Option<Flavour> {
    let words = words(line);
    let (name, rest) = words.split_first()?;
    let version = Program::new(name).args(rest).args(["version", "--short"]).query().read().ok()?;
    let version = version.trim().trim_start_matches('v').to_owned();
    let generation = if version.starts_with("1.") { Generation::One } else { Generation::Two };
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(Flavour { words, generation, version })
}
