//! Whether what services print is rotated: by size, the last five files kept. Compose's own settings, else those that the engine gave the container.

use serde_json::Value;

use super::{Files, Rendered};
use crate::{
    config::Project,
    effects::docker::{self, COMPOSE_PROJECT, COMPOSE_SERVICE},
    kernel::Finding,
    services::compose::rendered::Logging,
};

/// How many files the runbook keeps.
const KEPT: u64 = 5;
/// What to write.
const REMEDY: &str = r#"logging: { driver: json-file, options: { max-size: "10m", max-file: "5" } }"#;

/// Every service whose log grows without end, or of which too little is kept.
pub fn check(project: &Project) -> Vec<Finding> {
    // What is wrong with the file itself is told by the checks of services.
    let Some(files) = project.config.services.as_ref().and_then(|_| Files::open(project).ok()) else { return Vec::new() };
    let rendered: Rendered = files.rendered_here();
    let places = rendered.services.iter().map(|(name, service)| (name, service.logging.as_ref()));
    let found = places.filter_map(|(name, written)| {
        let finding = match written.filter(|written| written.driver.is_some() || !written.options.is_empty()) {
            Some(written) => judge(name, written),
            None => judge(name, &given(&files, name).unwrap_or_default()),
        };
        finding.map(|finding| files.place(finding.hint(format!("add to the service: {REMEDY}")), &["services", name, "logging"]))
    });
    found.collect()
}

/// What is wrong with a service's settings. Other drivers keep within bounds by themselves, or hand their lines to a system that does.
pub(super) fn judge(name: &str, logging: &Logging) -> Option<Finding> {
    if logging.driver.as_deref().is_some_and(|driver| driver != "json-file") {
        return None;
    }
    let option = |key: &str| logging.options.get(key).filter(|value| !value.is_empty());
    let kept = option("max-file").map_or(Some(1), |count| count.parse::<u64>().ok());
    let bounded = option("max-size").is_some_and(|size| size != "-1");
    match (bounded, kept) {
        (false, _) => Some(Finding::warning("log-not-rotated", format!("the log of service {name} grows without end: json-file without max-size"))),
        (true, Some(kept)) if kept < KEPT => {
            let files = if kept == 1 { "1 file is kept".to_owned() } else { format!("{kept} files are kept") };
            Some(Finding::warning("log-rotations", format!("the log of service {name} is rotated, but only {files}: the last five are wanted")))
        }
        _ => None,
    }
}

/// What the engine gave the service's container; nothing where there is none.
fn given(files: &Files, service: &str) -> Option<Logging> {
    docker::reachable().ok()?;
    let filters = [format!("label={COMPOSE_PROJECT}={}", files.derived_name()), format!("label={COMPOSE_SERVICE}={service}")];
    let container = docker::containers(&filters).ok()?.into_iter().next()?;
    let described = docker::describe(&["container", "inspect", &container.id]).ok()??;
    let config = described.get("HostConfig")?.get("LogConfig")?;
    let options = config.get("Config").and_then(Value::as_object).into_iter().flatten();
    let options = options.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    Some(Logging { driver: config.get("Type").and_then(Value::as_str).map(str::to_owned), options })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(driver: Option<&str>, options: &[(&str, &str)]) -> Option<String> {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        judge("web", &Logging { driver: driver.map(str::to_owned), options }).map(|finding| finding.code)
    }

    #[test]
    fn only_what_grows_or_forgets_is_found() {
        let not_rotated = Some("log-not-rotated".to_owned());
        assert_eq!(code(None, &[]), not_rotated);
        assert_eq!(code(Some("json-file"), &[("max-file", "5")]), not_rotated);
        assert_eq!(code(Some("json-file"), &[("max-size", "-1"), ("max-file", "5")]), not_rotated);
        assert_eq!(code(None, &[("max-size", "10m")]), Some("log-rotations".to_owned()));
        assert_eq!(code(None, &[("max-size", "10m"), ("max-file", "5")]), None);
        assert_eq!(code(Some("local"), &[]), None);
        assert_eq!(code(Some("none"), &[]), None);
    }
}
