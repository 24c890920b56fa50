//! What is loose in a stack: tags that move, ports that strangers reach, healthchecks that can't fail, secrets in plain text, data outside its
//! volume. Each finding has its line in the compose file. Works without Docker; where the stack runs, the server is asked where its data is.

pub mod data;
mod healthchecks;
mod images;
pub mod logging;
mod secrets;

use super::compose::{Files, Rendered, Service};
use crate::{
    config::{BackupSource, Project},
    effects::docker,
    kernel::{Error, Finding},
};

/// Everything that is loose in the project's stack.
pub fn check(project: &Project) -> Vec<Finding> {
    if project.config.services.is_none() {
        return Vec::new();
    }
    let files = match Files::open(project) {
        Ok(files) => files,
        Err(error) => return vec![unreadable(&error)],
    };
    let rendered = files.rendered_here();
    let mut found = files.missing();
    for name in rendered.services.keys() {
        let Some(subject) = Subject::new(&files, &rendered, name, &project.config.backups) else { continue };
        let probed = project.config.services.iter().flat_map(|services| &services.probe).any(|probe| probe.service == *name);
        found.extend(images::check(&subject));
        found.extend(ports(&subject));
        found.extend(healthchecks::check(&subject, probed));
        found.extend(secrets::check(&subject));
        found.extend(data::check(&subject, data::live(project, &files, name).as_ref()));
    }
    found.extend(volumes(project, &rendered));
    found
}

fn unreadable(error: &Error) -> Finding {
    error.hints().iter().fold(Finding::error("compose-unreadable", error.chain()), |finding, hint| finding.hint(hint.clone()))
}

/// One service, from every side.
pub(super) struct Subject<'a> {
    pub files: &'a Files,
    pub name: &'a str,
    pub service: &'a Service,
    /// The backup of what it writes.
    pub backup: Option<&'a BackupSource>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(files: &'a Files, rendered: &'a Rendered, name: &'a str, backups: &'a [BackupSource]) -> Option<Self> {
        let service = rendered.services.get(name)?;
        let backup = backups.iter().find(|backup| backup.service.as_deref() == Some(name));
        Some(Self { files, name, service, backup })
    }

    /// A value as written.
    fn written(&self, path: &[&str]) -> Option<&str> {
        self.files.string(&self.path(path))
    }

    /// Adds a place: the line of one of the service's keys.
    fn at(&self, finding: Finding, path: &[&str]) -> Finding {
        self.files.place(finding, &self.path(path))
    }

    fn path<'p>(&'p self, path: &[&'p str]) -> Vec<&'p str> {
        ["services", self.name].into_iter().chain(path.iter().copied()).collect()
    }
}

pub(super) fn ports(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, port) in subject.service.ports.iter().enumerate().filter(|(_, port)| !port.is_local()) {
        let host = port.host.as_deref().unwrap_or("every address");
        let published = port.published.as_deref().unwrap_or("a random port");
        let message = format!("{} publishes port {} on {host} ({published}): whoever reaches this machine reaches it", subject.name, port.target);
        let fix = format!("127.0.0.1:{}:{}", port.published.as_deref().unwrap_or(""), port.target);
        let finding = Finding::error("port-exposed", message).hint(format!("bind it to loopback: \"{fix}\""));
        found.push(subject.at(finding, &["ports", &index.to_string()]));
    }
    if subject.service.network_mode.as_deref() == Some("host") {
        let finding = Finding::error("port-exposed", format!("{} uses the host's network: every port that it opens is public", subject.name));
        found.push(subject.at(finding.hint("take network_mode out and publish on 127.0.0.1"), &["network_mode"]));
    }
    found
}

/// Volumes that xtask.toml backs up must be in the compose file.
fn volumes(project: &Project, rendered: &Rendered) -> Vec<Finding> {
    let mut found = Vec::new();
    for backup in &project.config.backups {
        let Some(volume) = backup.volume.as_ref().filter(|volume| !rendered.volumes.contains_key(*volume)) else { continue };
        let near = rendered.volumes.keys().min_by_key(|name| strsim::levenshtein(name, volume));
        let finding =
            Finding::error("backup-volume-unknown", format!("backup {} names the volume `{volume}`, which the compose file doesn't have", backup.name));
        let finding = match near {
            Some(near) => finding.hint(format!("did you mean `{near}`?")),
            None => finding.hint("declare it under `volumes:` in the compose file"),
        };
        found.push(finding.file(crate::config::FILE));
    }
    found
}

/// Whether the engine is worth asking.
fn engine_answers() -> bool {
    docker::reachable().is_ok()
}

#[cfg(test)]
mod tests;
