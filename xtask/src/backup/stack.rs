//! What the compose file says of volumes: the real name behind the name in the file. Reads that file and the `.env` beside it; runs no Compose,
//! because `docker compose config` fails wherever an image tag isn't set, and a backup must not depend on that.

use std::{collections::BTreeMap, path::Path};

use yaml_serde::Value;

use crate::{
    config::Project,
    effects::files,
    kernel::{Error, Kind, Result},
};

/// A compose file, as far as backups need it.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The compose project's name.
    pub project: String,
    file: String,
    volumes: BTreeMap<String, String>,
    images: BTreeMap<String, String>,
}

impl Stack {
    /// Reads the project's compose file.
    pub fn read(project: &Project) -> Result<Self> {
        let services = project.config.services.as_ref();
        let services =
            services.ok_or_else(|| Error::usage("there is no [services] in xtask.toml").hint("add it with the compose file that holds the volume"))?;
        let path = project.path(&services.compose);
        let text = files::read_text(&path).map_err(|error| error.of_kind(Kind::Usage))?;
        let folder = files::parent(&path);
        let env = environment(folder)?;
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        Self::parse(&text, &services.compose, services.project.as_deref(), &folder, &|name| env.get(name).cloned())
    }

    /// The pure part: `variable` gives what a `${…}` in a name stands for.
    pub fn parse(text: &str, file: &str, project: Option<&str>, folder: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let wrong = |error: yaml_serde::Error| Error::usage(format!("the compose file {file} can't be read")).caused_by(error);
        let yaml: Value = yaml_serde::from_str(text).map_err(wrong)?;
        let filled = |value: &Value| value.as_str().map(|text| interpolated(text, variable));
        let base = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let named = project.map(str::to_owned).or_else(|| variable("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty()));
        let project = named.or_else(|| yaml.get("name").and_then(filled)).unwrap_or(base);
        let project = normalised(&project);
        let mut volumes = BTreeMap::new();
        for (key, spec) in yaml.get("volumes").and_then(Value::as_mapping).into_iter().flatten() {
            let Some(key) = key.as_str() else { continue };
            let external = spec.get("external").is_some_and(|external| external.as_bool() == Some(true) || external.is_mapping());
            let name = spec.get("name").or_else(|| spec.get("external")?.get("name")).and_then(filled);
            let default = if external { key.to_owned() } else { format!("{project}_{key}") };
            volumes.insert(key.to_owned(), name.unwrap_or(default));
        }
        let services = yaml.get("services").and_then(Value::as_mapping).into_iter().flatten();
        let images = services.filter_map(|(name, service)| Some((name.as_str()?.to_owned(), service.get("image").and_then(filled)?))).collect();
        Ok(Self { project, file: file.into(), volumes, images })
    }

    /// The image that a service names; with a variable that isn't set it may be none that exists.
    pub fn image(&self, service: &str) -> Option<&str> {
        self.images.get(service).map(String::as_str)
    }

    /// The real name of a volume of the file.
    pub fn volume(&self, key: &str) -> Result<&str> {
        if let Some(real) = self.volumes.get(key) {
            return Ok(real);
        }
        let known: Vec<&str> = self.volumes.keys().map(String::as_str).collect();
        let error = Error::usage(format!("{} has no volume `{key}`", self.file));
        Err(match known.iter().min_by_key(|name| strsim::levenshtein(name, key)) {
            Some(nearest) => error.hint(format!("did you mean `{nearest}`? it has: {}", known.join(", "))),
            None => error.hint("it has no named volumes at all: what a service writes is lost with its container"),
        })
    }
}

/// The process's environment over the `.env` file beside the compose file, as Compose reads it.
fn environment(folder: &Path) -> Result<BTreeMap<String, String>> {
    let text = files::read_text_if_there(&folder.join(".env"))?.unwrap_or_default();
    let pairs = text.lines().filter_map(|line| {
        let (name, value) = line.trim().strip_prefix("export ").unwrap_or(line.trim()).split_once('=')?;
        let value = value.trim();
        let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        (!name.starts_with('#')).then(|| (name.trim().to_owned(), quoted.unwrap_or(value).to_owned()))
    });
    let mut all: BTreeMap<String, String> = pairs.collect();
    all.extend(std::env::vars());
    Ok(all)
}

/// A variable as the services see it: for passwords that stand in the `.env` beside the compose file.
pub fn variable(project: &Project, name: &str) -> Result<Option<String>> {
    let compose = project.config.services.as_ref().map(|services| project.path(&services.compose));
    let folder = compose.as_deref().map_or(project.root.as_path(), files::parent);
    Ok(environment(folder)?.remove(name))
}

/// Compose lowers the name and drops what isn't a letter, a digit, `-` or `_`.
fn normalised(name: &str) -> String {
    let kept: String = name.to_lowercase().chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(*c)).collect();
    kept.trim_start_matches(['-', '_']).to_owned()
}

/// `${X}`, `$X`, `${X:-default}`, `${X-default}`: what names hold.
fn interpolated(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let Some((before, rest)) = text.split_once('$') else { return text.to_owned() };
    let (value, rest) = match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((inner, rest)) => (braced(inner, variable), rest),
        None if rest.starts_with('$') => ("$".to_owned(), rest.get(1..).unwrap_or_default()),
        None => {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            (variable(name).unwrap_or_default(), rest)
        }
    };
    format!("{before}{value}{}", interpolated(rest, variable))
}

fn braced(inner: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    let (name, rule) = inner.split_at(end);
    let value = variable(name);
    match (rule.strip_prefix(":-"), rule.strip_prefix('-')) {
        (Some(default), _) => value.filter(|value| !value.is_empty()).unwrap_or_else(|| default.into()),
        (None, Some(default)) => value.unwrap_or_else(|| default.into()),
        (None, None) => value.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(text: &str, project: Option<&str>, env: &[(&str, &str)]) -> Stack {
        let variable = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Stack::parse(text, "docker-compose.yml", project, Path::new("/home/ann/Auto-Codex.App"), &variable).unwrap()
    }

    #[test]
    fn real_names_are_found_without_compose() {
        let plain = "services: {a: {image: 'x:${TAG:?set it}'}}\nvolumes:\n  data:\n  shared: {external: true}\n  fixed: {name: 'auto-${WHAT:-codex}_data'}\n";
        let found = stack(plain, None, &[]);
        assert_eq!(["data", "shared", "fixed"].map(|key| found.volume(key).unwrap()), ["auto-codexapp_data", "shared", "auto-codex_data"]);
        assert_eq!(stack(plain, Some("p"), &[("COMPOSE_PROJECT_NAME", "env")]).volume("data").unwrap(), "p_data");
        assert_eq!(stack(plain, None, &[("COMPOSE_PROJECT_NAME", "env"), ("WHAT", "x")]).volume("fixed").unwrap(), "auto-x_data");
        assert_eq!(stack("name: top\nvolumes: {data: {}}", None, &[]).volume("data").unwrap(), "top_data");
    }

    #[test]
    fn a_misspelled_volume_is_named() {
        let error = stack("volumes: {falkordb_data: {}}", None, &[]).volume("falkordb_dta").unwrap_err();
        assert!(error.hints()[0].contains("did you mean `falkordb_data`"), "{:?}", error.hints());
    }
}
