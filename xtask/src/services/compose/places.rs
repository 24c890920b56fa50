//! Which files Compose itself would read here: compose files by `COMPOSE_FILE` or by their usual names, env files by `COMPOSE_ENV_FILES` or `.env`.
//! Nothing is read yet but the environment.

use std::path::{Path, PathBuf};

use super::{
    flavour::{Flavour, Generation, detect},
    variables::Environment,
};

/// The env files, the last one has the last word. Relative names count from the folder that Compose runs in. Only v2.24 and later take a list.
pub(super) fn env_files(folder: &Path) -> Vec<PathBuf> {
    let usual = vec![folder.join(".env")];
    let (list, off) = (variable("COMPOSE_ENV_FILES"), variable("COMPOSE_DISABLE_ENV_FILE").is_some_and(|value| matches!(&*value, "1" | "t" | "true" | "TRUE")));
    if list.is_none() && !off {
        return usual;
    }
    // Where there is no Compose, it is the one that people have today.
    let flavour = detect().ok();
    match list {
        Some(list) if flavour.as_ref().is_none_or(takes_a_list) => list.split(',').map(|name| folder.join(name)).collect(),
        _ if off && flavour.is_none_or(|flavour| flavour.generation == Generation::Two) => Vec::new(),
        _ => usual,
    }
}

fn takes_a_list(flavour: &Flavour) -> bool {
    let mut numbers = flavour.version.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(2), Some(24))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The compose files, the last one has the last word: the configured one with its override; where `COMPOSE_FILE` begins with it, that list.
pub(super) fn compose_files(main: &Path, folder: &Path, environment: &Environment) -> Vec<PathBuf> {
    let separator = environment.get("COMPOSE_PATH_SEPARATOR").filter(|it| !it.is_empty()).unwrap_or_else(|| if cfg!(windows) { ";" } else { ":" }.into());
    let listed = environment.get("COMPOSE_FILE").unwrap_or_default();
    let listed: Vec<PathBuf> = listed.split(&separator).filter(|name| !name.is_empty()).map(|name| folder.join(name)).collect();
    let real = |path: &Path| path.canonicalize().ok();
    if listed.first().is_some_and(|first| real(first).is_some() && real(first) == real(main)) {
        return listed;
    }
    std::iter::once(main.to_path_buf()).chain(beside(main)).collect()
}

/// `docker-compose.override.yml`, which Compose adds by itself when no file is named.
fn beside(main: &Path) -> Option<PathBuf> {
    let (stem, ending) = (main.file_stem()?.to_str()?, main.extension()?.to_str()?);
    let usual = matches!(stem, "docker-compose" | "compose");
    ["yml", "yaml"].into_iter().filter(|_| usual && matches!(ending, "yml" | "yaml")).find_map(|ending| {
        let path = main.with_file_name(format!("{stem}.override.{ending}"));
        path.is_file().then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_env_files_is_known_since_2_24() {
        let of = |version: &str| takes_a_list(&Flavour { words: Vec::new(), generation: Generation::Two, version: version.into() });
        assert_eq!(["2.24.0", "2.26.1-4", "2.100", "5.0.0"].map(of), [true; 4]);
        assert_eq!(["1.29.2", "2.23.3", "2.5"].map(of), [false; 3]);
    }
}
