//! The compose configuration with everything filled in, whichever Compose (or none) did it: short and long spellings become the same values. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What runs, as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The project's name, where Compose tells it.
    pub name: Option<String>,
    /// Services by name; those behind a profile are left out.
    pub services: BTreeMap<String, Service>,
    /// Volumes by their name in the file.
    pub volumes: BTreeMap<String, Volume>,
}

/// A volume as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Its own name, where it has one; else it is named after the project.
    pub name: Option<String>,
    /// Made by somebody else.
    pub external: bool,
}

/// A service as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The image; none when it is only built.
    pub image: Option<String>,
    /// It is built here.
    pub built: bool,
    /// The container's fixed name.
    pub container_name: Option<String>,
    /// Published ports.
    pub ports: Vec<Port>,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// How its health is checked.
    pub healthcheck: Option<Healthcheck>,
    /// The command, as words.
    pub command: Vec<String>,
    /// `no`, `always`, `on-failure`, `unless-stopped`.
    pub restart: Option<String>,
    /// `host` makes every port public.
    pub network_mode: Option<String>,
    /// What becomes of what it prints; none is the engine's default.
    pub logging: Option<Logging>,
}

/// What becomes of what a service prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// `json-file`, `local`, `journald`; none is the engine's default.
    pub driver: Option<String>,
    /// `max-size`, `max-file`.
    pub options: BTreeMap<String, String>,
}

/// A published port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// The address it is bound to; none is every address.
    pub host: Option<String>,
    /// The port outside; none is picked by the engine.
    pub published: Option<String>,
    /// The port inside.
    pub target: String,
}

impl Port {
    /// Whether only this machine reaches it.
    pub fn is_local(&self) -> bool {
        let host = self.host.as_deref().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Something mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// `volume`, `bind`, `tmpfs`.
    pub kind: String,
    /// The volume's name in the file, or the path outside.
    pub source: String,
    /// The path inside.
    pub target: String,
}

/// How a service's health is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healthcheck {
    /// `["CMD", …]`, `["CMD-SHELL", line]`, or `["NONE"]`.
    pub test: Vec<String>,
    /// Whether failures count only after a while.
    pub start_period: bool,
}

impl Healthcheck {
    /// Whether there is a check at all.
    pub fn is_on(&self) -> bool {
        !self.test.is_empty() && self.test.first().is_none_or(|first| first != "NONE")
    }

    /// The check as one line.
    pub fn line(&self) -> String {
        let words = match self.test.first().map(String::as_str) {
            Some("CMD" | "CMD-SHELL") => self.test.get(1..).unwrap_or_default(),
            _ => &self.test,
        };
        words.join(" ")
    }
}

impl Rendered {
    /// From `config`'s output or from a file that was filled in here. `escaped` says that `$` is still doubled, as Compose prints it.
    pub fn read(value: &Value, escaped: bool) -> Self {
        let value = if escaped { &unescaped(value) } else { value };
        let object = |key: &str| value.get(key).and_then(Value::as_object).into_iter().flatten();
        let services = object("services").filter(|(_, service)| strings(service.get("profiles")).is_empty());
        Self {
            name: text(value.get("name")),
            services: services.map(|(name, service)| (name.clone(), self::service(service))).collect(),
            volumes: object("volumes").map(|(name, value)| (name.clone(), volume(value))).collect(),
        }
    }

    /// A volume's real name.
    pub fn volume(&self, name: &str, project: &str) -> Option<String> {
        let volume = self.volumes.get(name)?;
        Some(match (&volume.name, volume.external) {
            (Some(name), _) => name.clone(),
            (None, true) => name.into(),
            (None, false) => format!("{project}_{name}"),
        })
    }
}

fn unescaped(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("$$", "$")),
        Value::Array(values) => Value::Array(values.iter().map(unescaped).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), unescaped(value))).collect::<Map<_, _>>()),
        other => other.clone(),
    }
}

fn service(value: &Value) -> Service {
    let list = |key: &str| value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Service {
        image: text(value.get("image")),
        built: value.get("build").is_some(),
        container_name: text(value.get("container_name")),
        ports: list("ports").iter().filter_map(port).collect(),
        mounts: list("volumes").iter().filter_map(mount).collect(),
        environment: environment(value.get("environment")),
        healthcheck: value.get("healthcheck").map(healthcheck),
        command: strings(value.get("command")),
        restart: text(value.get("restart")),
        network_mode: text(value.get("network_mode")),
        logging: value.get("logging").map(logging),
    }
}

fn logging(value: &Value) -> Logging {
    let options = value.get("options").and_then(Value::as_object).into_iter().flatten();
    Logging { driver: text(value.get("driver")), options: options.filter_map(|(name, value)| Some((name.clone(), text(Some(value))?))).collect() }
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A list of words, or one line of them.
fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(values)) => values.iter().filter_map(|value| text(Some(value))).collect(),
        Some(Value::String(line)) => crate::effects::process::words(line),
        _ => Vec::new(),
    }
}

fn volume(value: &Value) -> Volume {
    let external = value.get("external");
    let inner = external.and_then(|external| text(external.get("name")));
    let is_external = external.is_some_and(|external| external != &Value::Bool(false));
    Volume { name: text(value.get("name")).or(inner), external: is_external }
}

fn environment(value: Option<&Value>) -> BTreeMap<String, String> {
    match value {
        Some(Value::Object(map)) => map.iter().map(|(name, value)| (name.clone(), text(Some(value)).unwrap_or_default())).collect(),
        Some(Value::Array(pairs)) => {
            let pairs = pairs.iter().filter_map(Value::as_str).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            pairs.map(|(name, value)| (name.into(), value.into())).collect()
        }
        _ => BTreeMap::new(),
    }
}

fn healthcheck(value: &Value) -> Healthcheck {
    let test = match value.get("test") {
        Some(Value::String(line)) => vec!["CMD-SHELL".into(), line.clone()],
        other => strings(other),
    };
    let off = value.get("disable") == Some(&Value::Bool(true));
    let period = text(value.get("start_period")).is_some_and(|period| period != "0s" && period != "0");
    Healthcheck { test: if off { vec!["NONE".into()] } else { test }, start_period: period }
}

/// `8000`, `80:8000`, `127.0.0.1:80:8000/tcp`, `[::1]:80:8000`, or the long spelling.
fn port(value: &Value) -> Option<Port> {
    if value.is_object() {
        return Some(Port { host: text(value.get("host_ip")), published: text(value.get("published")), target: text(value.get("target"))? });
    }
    let whole = text(Some(value))?;
    let spec = whole.split('/').next().unwrap_or(&whole);
    let (front, target) = spec.rsplit_once(':').map_or((None, spec), |(front, target)| (Some(front), target));
    let (host, published) = match front {
        Some(front) => front.rsplit_once(':').map_or((None, Some(front)), |(host, published)| (Some(host), Some(published))),
        None => (None, None),
    };
    let owned = |part: Option<&str>| part.filter(|part| !part.is_empty()).map(str::to_owned);
    Some(Port { host: owned(host), published: owned(published), target: target.into() })
}

/// `name:/data:rw`, `./folder:/data`, `/data`, or the long spelling.
fn mount(value: &Value) -> Option<Mount> {
    if value.is_object() {
        let kind = text(value.get("type")).unwrap_or_else(|| "volume".into());
        return Some(Mount { kind, source: text(value.get("source")).unwrap_or_default(), target: text(value.get("target"))? });
    }
    let spec = value.as_str()?;
    let mut parts = spec.split(':');
    let (first, second) = (parts.next()?, parts.next());
    let Some(target) = second else { return Some(Mount { kind: "volume".into(), source: String::new(), target: first.into() }) };
    let kind = if first.starts_with(['.', '/', '~']) { "bind" } else { "volume" };
    Some(Mount { kind: kind.into(), source: first.into(), target: target.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_spellings_are_the_same() {
        let short = json!({"services": {"a": {"image": "x:1", "ports": ["127.0.0.1:6380:6379/tcp"], "volumes": ["data:/data:rw"],
            "environment": ["A=1"], "healthcheck": {"test": "redis-cli ping"}}}, "volumes": {"data": null}});
        let long = json!({"services": {"a": {"image": "x:1", "ports": [{"mode": "ingress", "host_ip": "127.0.0.1", "target": 6379, "published": "6380"}],
            "volumes": [{"type": "volume", "source": "data", "target": "/data"}], "environment": {"A": "1"},
            "healthcheck": {"test": ["CMD-SHELL", "redis-cli ping"]}}}, "volumes": {"data": {}}});
        let (short, long) = (Rendered::read(&short, true), Rendered::read(&long, true));
        assert_eq!(short, long);
        assert_eq!(long.volume("data", "rb").as_deref(), Some("rb_data"));
    }

    #[test]
    fn only_loopback_is_local() {
        for (spec, local) in [
            ("8000", false),
            ("80:8000", false),
            ("127.0.0.1:80:8000", true),
            ("127.1.2.3:80:8000", true),
            ("0.0.0.0:80:8000", false),
            ("[::1]:80:8000", true),
            ("192.168.0.2:80:80", false),
            ("127.0.0.1::80", true),
        ] {
            assert_eq!(port(&json!(spec)).unwrap().is_local(), local, "{spec}");
        }
    }

    #[test]
    fn dollars_are_undoubled_once() {
        let value = json!({"services": {"a": {"healthcheck": {"test": ["CMD-SHELL", "redis-cli -a $$PASSWORD ping"]}}}});
        let service = &Rendered::read(&value, true).services["a"];
        assert_eq!(service.healthcheck.as_ref().unwrap().line(), "redis-cli -a $PASSWORD ping");
    }
}
