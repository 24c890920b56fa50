//! Data that goes back together with its image: which backup, and how it is put in while nothing runs.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Facts, Plan};
use crate::{
    backup::{Manifest, Source, restore},
    config::{BackupSource, Project},
    kernel::{Error, Events, Result},
    services::{
        Stack,
        format::{self, Known, Verdict},
    },
};

/// A backup that is restored with the switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The service.
    pub service: String,
    /// The backup's source.
    pub source: String,
    /// The backup.
    pub id: String,
    /// When its data was copied.
    pub made: String,
}

/// The newest verified backups, of every service whose image changes, from before a moment, that the wanted images can read.
pub fn choose(project: &Project, facts: &Facts, before: Option<DateTime<Utc>>) -> Result<Vec<Restore>> {
    let mut chosen = Vec::new();
    for (service, (wanted, found)) in &facts.wanted {
        let changes = facts.current.get(service).is_some_and(|now| now.has_data && now.image.image != wanted.pinned());
        for name in facts.backups.get(service).into_iter().flatten().filter(|_| changes) {
            let Some(spec) = project.config.backups.iter().find(|spec| spec.name == *name) else { continue };
            let (mut all, _) = Source::resolve(project, spec)?.store.all()?;
            all.sort_by_key(Manifest::at);
            let fits = |manifest: &&Manifest| {
                let early = before.is_none_or(|before| manifest.at() < before);
                early && manifest.verified.is_some() && manifest.suspicion.is_none() && reads(&wanted.image, manifest, found.format)
            };
            let manifest = all.iter().rev().find(fits).ok_or_else(|| none(service, &wanted.image, before))?;
            chosen.push(Restore { service: service.clone(), source: name.clone(), id: manifest.id.clone(), made: manifest.created.clone() });
        }
    }
    Ok(chosen)
}

/// The newest verified backup of a source, by its id.
pub fn newest_verified(project: &Project, spec: &BackupSource) -> Result<Option<String>> {
    let (mut all, _) = Source::resolve(project, spec)?.store.all()?;
    all.sort_by_key(Manifest::at);
    Ok(all.into_iter().rev().find(|manifest| manifest.verified.is_some() && manifest.suspicion.is_none()).map(|manifest| manifest.id))
}

/// Whether an image reads a backup; where the versions don't tell, the restore's own scratch server will.
fn reads(image: &str, manifest: &Manifest, read: Known) -> bool {
    let engine = manifest.engine.as_ref();
    let written = Known { rdb: engine.and_then(|engine| engine.rdb_version), graph: engine.and_then(|engine| engine.graph_encoding) };
    !matches!(format::by_version(image, written, read), Verdict::CantRead(_))
}

fn none(service: &str, image: &str, before: Option<DateTime<Utc>>) -> Error {
    let when = before.map(|before| format!(" from before {}", before.format("%Y-%m-%d %H:%M:%S UTC"))).unwrap_or_default();
    Error::refused(format!("there is no verified backup of {service}{when} that {image} can read")).hint("`xtask backup list` shows what there is")
}

/// Puts backups in: with the containers of the images that are pinned now, none of them running.
pub(super) fn bring(project: &Project, plan: &Plan, backups: &[(String, String)], events: &Events) -> Result<()> {
    if backups.is_empty() {
        return Ok(());
    }
    let stack = Stack::open(project)?;
    let services: Vec<&str> = plan.restores.iter().map(|restore| restore.service.as_str()).collect();
    stack.compose.program(&[["stop"].as_slice(), &services].concat()).stream(events)?;
    stack.compose.program(&[["up", "--no-start", "--no-deps"].as_slice(), &services].concat()).stream(events)?;
    for (name, id) in backups {
        let spec =
            project.config.backups.iter().find(|spec| spec.name == *name).ok_or_else(|| Error::unexpected(format!("backup {name} is gone from xtask.toml")))?;
        let source = Source::resolve(project, spec)?;
        // A restore that was killed is settled first; if it had come to its end with this backup, that was it.
        let settled = restore::resume(project, &source, events)?;
        let done = settled.is_some_and(|(label, in_force)| label == *id && in_force == restore::InForce::New);
        if !done {
            restore::run(project, &source, &restore::pick(&source, Some(id), &project.root)?, events)?;
        }
    }
    Ok(())
}
