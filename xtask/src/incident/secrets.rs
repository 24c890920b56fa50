//! Which values are known to be secret here: from env files, the process's environment, the compose configuration, the secret command. Reads only; a
//! source that can't be read is told, never fatal.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use super::{
    envfile::{self, is_placeholder},
    redact::{self, Secret},
};
use crate::{
    config::Project,
    effects::{
        files,
        process::{Program, words},
    },
    kernel::{Context as _, Error, Result},
};

/// Values that programs set everywhere, whatever the name says.
const HARMLESS: [&str; 10] = ["true", "false", "none", "null", "auto", "default", "disabled", "enabled", "https", "http"];

/// The secret among an assignment: its value where the name says so, or the password inside of an address.
pub fn of_assignment(key: &str, value: &str) -> Option<Secret> {
    let value = value.trim();
    let usable = value.len() >= 4 && !is_placeholder(value) && !HARMLESS.contains(&value.to_ascii_lowercase().as_str()) && !value.starts_with("${");
    if !usable {
        return None;
    }
    if let Some(password) = password_in(value) {
        return Some(Secret::new(key, password));
    }
    let is_path = value.starts_with('/') || value.starts_with("./") || value.starts_with("~/");
    let named = redact::certainty(key.as_bytes()).is_some() && !is_path && value.parse::<u32>().is_err();
    named.then(|| Secret::new(key, value))
}

/// `…://user:password@host` holds one.
fn password_in(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let (credentials, _) = rest.split('/').next()?.rsplit_once('@')?;
    let (_, password) = credentials.split_once(':')?;
    (password.len() >= 4).then_some(password)
}

/// What this process's environment holds, where there is no project.
pub fn of_environment() -> Vec<Secret> {
    std::env::vars_os().filter_map(|(key, value)| of_assignment(&key.to_string_lossy(), &value.to_string_lossy())).collect()
}

/// The compose file as it is, for whoever didn't ask Compose.
fn compose_file(project: &Project) -> Option<String> {
    let path = project.path(&project.config.services.as_ref()?.compose);
    files::read(&path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Every known secret, and notes on sources that couldn't be read. `compose` is the resolved compose configuration, where there is one; else its
/// file as it lies there is read.
pub fn known(project: &Project, compose: Option<&str>) -> (Vec<Secret>, Vec<String>) {
    let file = compose_file(project);
    let mut notes = Vec::new();
    let mut found = BTreeMap::new();
    let mut keep = |secret: Secret| {
        found.entry(secret.value.clone()).or_insert(secret);
    };
    in_files(project, &mut notes).into_iter().for_each(&mut keep);
    of_environment().into_iter().for_each(&mut keep);
    compose.into_iter().chain(file.as_deref()).flat_map(in_compose).for_each(&mut keep);
    match from_command(project) {
        Ok(secrets) => secrets.into_iter().map(|(key, value)| Secret::new(key, value)).for_each(&mut keep),
        Err(error) => notes.push(format!("the secret command gave nothing, its values are found by their shape only: {}", error.chain())),
    }
    (found.into_values().collect(), notes)
}

/// What env files hold: the only secrets that a pipeline's own machinery can't know of.
pub fn of_files(project: &Project) -> Vec<Secret> {
    in_files(project, &mut Vec::new())
}

fn in_files(project: &Project, notes: &mut Vec<String>) -> Vec<Secret> {
    let mut found = Vec::new();
    for path in env_files(project) {
        match files::read(&project.path(&path)) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                found.extend(envfile::parse(&text).assignments.iter().filter_map(|assignment| of_assignment(&assignment.key, &assignment.value)));
            }
            Err(error) if files::exists(&project.path(&path)) => {
                notes.push(format!("{path} can't be read, its values are found by their shape only: {}", error.chain()));
            }
            Err(_) => {}
        }
    }
    found
}

/// The configured env files, and those that lie where they usually do.
fn env_files(project: &Project) -> Vec<String> {
    let mut paths: Vec<String> = project.config.env.files.iter().map(|file| file.path.clone()).collect();
    let beside = project.config.services.as_ref().and_then(|services| services.compose.rsplit_once('/')).map(|(folder, _)| format!("{folder}/.env"));
    paths.extend(beside);
    paths.extend(compose_file(project).as_deref().map(|text| compose_env_files(project, text)).unwrap_or_default());
    let usual = files::list(&project.root).unwrap_or_default().into_iter().filter(|name| is_env_name(name));
    paths.extend(usual);
    paths.sort();
    paths.dedup();
    paths
}

/// What the services' `env_file` names, below the root.
fn compose_env_files(project: &Project, text: &str) -> Vec<String> {
    let value: serde_json::Value = yaml_serde::from_str(text).unwrap_or_default();
    let folder = project.config.services.as_ref().and_then(|services| services.compose.rsplit_once('/')).map_or("", |(folder, _)| folder);
    let services = value.get("services").and_then(serde_json::Value::as_object).into_iter().flat_map(serde_json::Map::values);
    let listed = services.filter_map(|service| service.get("env_file")).flat_map(|file| file.as_array().cloned().unwrap_or_else(|| vec![file.clone()]));
    let paths = listed.filter_map(|file| file.get("path").unwrap_or(&file).as_str().map(|path| path.trim_start_matches("./").to_owned()));
    paths.map(|path| if folder.is_empty() { path } else { format!("{folder}/{path}") }).collect()
}

/// `.env`, `.env.local`, but no example.
pub fn is_env_name(name: &str) -> bool {
    let example = ["example", "sample", "template", "dist", "defaults", "schema", "test"].iter().any(|ending| name.ends_with(ending));
    (name == ".env" || name.starts_with(".env.")) && !example
}

/// `NAME: value` and `- NAME=value` pairs of a compose configuration.
fn in_compose(text: &str) -> Vec<Secret> {
    let value: serde_json::Value = yaml_serde::from_str(text).unwrap_or_default();
    let mut found = Vec::new();
    pairs(&value, &mut found);
    found
}

fn pairs(value: &serde_json::Value, found: &mut Vec<Secret>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                match value {
                    serde_json::Value::String(text) => found.extend(of_assignment(key, text)),
                    serde_json::Value::Number(number) => found.extend(of_assignment(key, &number.to_string())),
                    value => pairs(value, found),
                }
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                match item.as_str().and_then(|text| text.split_once('=')) {
                    Some((key, value)) => found.extend(of_assignment(key, value)),
                    None => pairs(item, found),
                }
            }
        }
        _ => {}
    }
}

/// `NAME` and value.
type Pairs = Vec<(String, String)>;
/// What a command gave, or why it didn't: message and hints.
type Given = Result<Pairs, (String, Vec<String>)>;

/// What secret commands gave, by folder and line: such a command may ask a person or a server, once is enough.
static GIVEN: Mutex<BTreeMap<(PathBuf, String), Given>> = Mutex::new(BTreeMap::new());

/// What the secret command prints: `NAME=value` lines. Nothing where none is configured. It runs once, whoever asks.
pub fn from_command(project: &Project) -> Result<Pairs> {
    let Some(line) = &project.config.env.secret_command else { return Ok(Vec::new()) };
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let answer =
        given.entry((project.root.clone(), line.clone())).or_insert_with(|| ask(project, line).map_err(|error| (error.chain(), error.hints().to_vec())));
    answer.clone().map_err(|(message, hints)| hints.into_iter().fold(Error::unexpected(message), Error::hint))
}

fn ask(project: &Project, line: &str) -> Result<Pairs> {
    let mut words = words(line).into_iter();
    let name = words.next().context(|| "env.secret-command is empty".into())?;
    let captured = Program::new(&name).args(words).folder(&project.root).capture()?;
    if !captured.status.success() {
        // Its output may hold the secrets themselves: only the status is told.
        return Err(Error::unexpected(format!("the secret command `{name}` failed ({})", captured.status))
            .hint("run it by hand, or change env.secret-command in xtask.toml"));
    }
    let text = String::from_utf8_lossy(&captured.stdout).into_owned();
    Ok(envfile::parse(&text).set().map(|assignment| (assignment.key.clone(), assignment.value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_chosen_by_name_or_by_what_they_hold() {
        assert_eq!(of_assignment("LINEAR_API_KEY", "lin-123456").unwrap().value, b"lin-123456");
        assert_eq!(of_assignment("DATABASE_URL", "postgres://ann:Zebra91@db/x").unwrap().value, b"Zebra91");
        for (key, value) in
            [("LOG_LEVEL", "debug"), ("API_KEY", "your-key-here"), ("API_KEY", ""), ("SSH_AUTH_SOCK", "/run/x"), ("TOKEN_LIMIT", "4096"), ("USE_TOKEN", "true")]
        {
            assert_eq!(of_assignment(key, value), None, "{key}");
        }
    }

    #[test]
    fn compose_environments_come_in_two_shapes() {
        let found = in_compose("services:\n  a:\n    environment:\n      DB_PASSWORD: Zebra91x\n  b:\n    environment:\n      - API_TOKEN=Kite4711\n");
        let values: Vec<_> = found.iter().map(|secret| String::from_utf8_lossy(&secret.value).into_owned()).collect();
        assert_eq!(values, ["Zebra91x", "Kite4711"]);
    }
}
