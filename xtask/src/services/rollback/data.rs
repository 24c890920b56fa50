//! Data that goes back together with its image: which backup, and how it is put in while nothing runs.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Facts, Plan, plan::has, record};
use crate::{
    backup::{Manifest, Source, restore},
    config::{BackupSource, Project},
    kernel::{Error, Events, Result},
    services::{
        ImageRef, Stack,
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

/// The newest verified backups, of every service whose image changes, that the wanted images can read and that are from before what goes wrong: from
/// before a moment, else from before the image that is left came, else of data that this image didn't write.
pub fn choose(project: &Project, facts: &Facts, before: Option<DateTime<Utc>>) -> Result<Vec<Restore>> {
    let mut chosen = Vec::new();
    for (service, (wanted, found)) in &facts.wanted {
        let Some(now) = facts.current.get(service).filter(|now| now.has_data && !has(facts, service)) else { continue };
        let before = before.or(record::came(project, &now.image)?);
        for name in facts.backups.get(service).into_iter().flatten() {
            let Some(spec) = project.config.backups.iter().find(|spec| spec.name == *name) else { continue };
            let (mut all, _) = Source::resolve(project, spec)?.store.all()?;
            all.retain(|manifest| manifest.verified.is_some() && manifest.suspicion.is_none() && reads(&wanted.image, manifest, found.format));
            all.sort_by_key(Manifest::at);
            let manifest = all.iter().rev().find(|manifest| is_from_before(manifest, &now.image, before));
            let manifest = manifest.ok_or_else(|| none(name, service, wanted, &now.image, before, all.last()))?;
            chosen.push(Restore { service: service.clone(), source: name.clone(), id: manifest.id.clone(), made: manifest.created.clone() });
        }
    }
    Ok(chosen)
}

/// Whether a backup holds data from before the image that is left. Where no moment is known, it is one that another image's server wrote; of one that
/// nobody knows who wrote, only a backup that was made on purpose: what a switch or a restore saved right before may be what somebody wants to leave.
fn is_from_before(manifest: &Manifest, left: &ImageRef, before: Option<DateTime<Utc>>) -> bool {
    if let Some(before) = before {
        return manifest.at() < before;
    }
    let engine = manifest.engine.as_ref();
    match (engine.and_then(|engine| engine.image_id.as_ref()), &left.id, engine.and_then(|engine| engine.image.as_ref())) {
        (Some(wrote), Some(left), _) => wrote != left,
        (_, _, Some(wrote)) => *wrote != left.image,
        _ => !manifest.safety,
    }
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

fn none(name: &str, service: &str, wanted: &ImageRef, left: &ImageRef, before: Option<DateTime<Utc>>, newest: Option<&Manifest>) -> Error {
    let when = match before {
        Some(before) => format!("before {}", before.format("%Y-%m-%d %H:%M:%S UTC")),
        None => format!("before {}", left.image),
    };
    let error = Error::refused(format!("there is no verified backup of {service} from {when} that {} can read", wanted.image));
    match newest {
        None => error.hint("`xtask backup list` shows what there is"),
        Some(newest) => error.hint(format!(
            "{}, of {}, is from after that; to have it all the same, switch without --with-data, then `xtask restore {name} --from {}`",
            newest.id, newest.created, newest.id
        )),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(image: Option<(&str, &str)>, safety: bool) -> Manifest {
        let engine = image
            .map(|(image, id)| serde_json::json!({ "version": "8", "append_only": true, "dump": "d", "append_file": "a", "image": image, "image_id": id }));
        let value = serde_json::json!({
            "schema": 1, "id": "x", "name": "x", "created": "2026-01-31T12:00:00Z", "tool": "x", "method": "hot", "safety": safety, "verified": null,
            "source": { "project": "p", "who": "w" }, "archive": { "file": "x", "size": 1, "sha256": "0".repeat(64) },
            "totals": { "files": 1, "folders": 1, "bytes": 1 }, "entries": [], "engine": engine,
        });
        serde_json::from_value(value).unwrap()
    }

    fn bad() -> ImageRef {
        ImageRef { service: "db".into(), image: "db:2".into(), digest: None, id: Some("sha256:2".into()) }
    }

    #[test]
    fn what_the_image_that_is_left_wrote_is_not_gone_back_to() {
        let chosen = |image, safety| is_from_before(&backup(image, safety), &bad(), None);
        assert!(!chosen(Some(("db:2", "sha256:2")), true), "saved right before another try to leave it");
        assert!(!chosen(Some(("db:2", "sha256:2")), false));
        assert!(!chosen(Some(("db:renamed", "sha256:2")), true), "the same image under another name");
        assert!(chosen(Some(("db:1", "sha256:1")), true), "saved right before the upgrade");
        assert!(chosen(Some(("db:2", "sha256:1")), false), "the tag meant another image then");
        assert!(chosen(None, false) && !chosen(None, true), "nobody knows who wrote it");
    }

    #[test]
    fn a_known_moment_decides_alone() {
        let at = |hour| Some(DateTime::parse_from_rfc3339(&format!("2026-01-31T{hour}:00:00Z")).unwrap().to_utc());
        assert!(is_from_before(&backup(Some(("db:2", "sha256:2")), true), &bad(), at("13")));
        assert!(!is_from_before(&backup(Some(("db:1", "sha256:1")), false), &bad(), at("11")));
    }
}
