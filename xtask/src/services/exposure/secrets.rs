//! Secrets that end up in plain text: `$PASSWORD` where `$$PASSWORD` was meant, and values written into the file. Pure; no value is repeated.

use serde_json::Value;

use super::Subject;
use crate::{
    kernel::Finding,
    services::compose::variables::{Piece, pieces},
};

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in &subject.files.files {
        let Some(service) = file.source.value().get("services").and_then(|services| services.get(subject.name)) else { continue };
        for (key, path) in [("healthcheck", &["healthcheck", "test"][..]), ("command", &["command"]), ("entrypoint", &["entrypoint"]), ("labels", &["labels"])]
        {
            let names = service.get(key).map(interpolated_secrets).unwrap_or_default();
            found.extend(names.into_iter().map(|name| subject.at(interpolated(subject, key, &name), path)));
        }
        found.extend(environment(subject, service.get("environment")));
    }
    found
}

/// Whether a name is that of a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let whole = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "APIKEY", "API_KEY", "PRIVATE_KEY", "ACCESS_KEY", "CREDENTIAL", "REDISCLI_AUTH"];
    whole.iter().any(|part| name.contains(part)) || name.ends_with("_PASS") || name.ends_with("_KEY") || name == "PASS"
}

fn interpolated_secrets(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            let references = pieces(text).into_iter().filter_map(|piece| if let Piece::Reference(reference) = piece { Some(reference.name) } else { None });
            references.filter(|name| is_secret(name)).collect()
        }
        Value::Array(values) => values.iter().flat_map(interpolated_secrets).collect(),
        Value::Object(map) => map.values().flat_map(interpolated_secrets).collect(),
        _ => Vec::new(),
    }
}

fn interpolated(subject: &Subject<'_>, key: &str, name: &str) -> Finding {
    let message = format!("${name} in the {key} of {} is filled in by Compose: the secret stands in the rendered configuration in plain text", subject.name);
    Finding::error("secret-interpolated", message).hint(format!("write $${name} and give the container {name} in its environment: its own shell fills it in"))
}

fn environment(subject: &Subject<'_>, environment: Option<&Value>) -> Vec<Finding> {
    let pairs: Vec<(String, String, String)> = match environment {
        Some(Value::Object(map)) => {
            map.iter().filter_map(|(name, value)| Some((name.clone(), name.clone(), value.as_str().map(str::to_owned).or(Some(value.to_string()))?))).collect()
        }
        Some(Value::Array(list)) => {
            let pairs = list.iter().enumerate().filter_map(|(index, pair)| Some((index.to_string(), pair.as_str()?.split_once('=')?)));
            pairs.map(|(index, (name, value))| (index, name.to_owned(), value.to_owned())).collect()
        }
        _ => Vec::new(),
    };
    let found = pairs.into_iter().filter_map(|(key, name, value)| {
        let only_text = !value.is_empty() && value != "null" && pieces(&value).iter().all(|piece| matches!(piece, Piece::Text(_)));
        let literal = is_secret(&name) && only_text && !value.starts_with("/run/secrets");
        let finding = literal.then(|| {
            let finding = Finding::error("secret-in-compose", format!("{name} of {} is written into the compose file", subject.name));
            finding.hint(format!("move its value to {} and write {name}=${{{name}}}", subject.files.env_shown(&name)))
        });
        finding.or_else(|| words_with_secret(subject, &name, &value)).map(|finding| subject.at(finding, &["environment", &key]))
    });
    found.collect()
}

/// `REDIS_ARGS=--requirepass ${PASSWORD}`: arguments show in the process list and in `docker inspect`.
fn words_with_secret(subject: &Subject<'_>, name: &str, value: &str) -> Option<Finding> {
    let secret = interpolated_secrets(&Value::String(value.into())).into_iter().next().filter(|_| !is_secret(name))?;
    let message = format!("${secret} is filled into {name} of {}: it stands in the rendered configuration and may reach a command line", subject.name);
    Some(Finding::warning("secret-interpolated", message).hint(format!("give the container {secret} itself, by an env_file or a secret")))
}
