//! The support bundle: one zip with logs and state, every byte redacted, with an index and a summary.
//!
//! Reads logs, git, Docker and the configuration; writes one file. Guarantees: the finished bundle is scanned again and isn't written if anything is left;
//! the same input gives the same bytes but for the time of collection; nothing leaves the machine.

mod clean;
mod facts;
mod index;
mod item;
mod machine;
mod write;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{
    redact::{Redactor, Secret},
    secrets, sources,
};
use crate::{
    archive::{self, Entry, Format, Packing, Policy},
    config::Project,
    effects::{clock, files, tree},
    kernel::{Digest, Error, Events, Finding, Result},
    services::Stack,
};
use facts::Facts;
use index::Pages;
use item::{Item, LeftOut, Origin};
use write::{Hidden, Written};

pub use clean::Clean;

/// How much a bundle holds where the configuration doesn't say.
const ROOM: u64 = 50_000_000;
/// Zip knows no earlier time.
const EPOCH: i64 = 315_532_800;

/// What to collect.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Lines of each service's log.
    pub tail: usize,
    /// Services' logs since then, as Compose reads it: `2h`, `2026-01-31T12:00:00Z`.
    pub since: Option<String>,
    /// The bundle's file.
    pub out: PathBuf,
}

/// What was collected.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Collected {
    /// The bundle.
    pub file: PathBuf,
    /// Its size.
    pub size: u64,
    /// Its digest.
    pub sha256: Digest,
    /// How many entries it has.
    pub entries: usize,
    /// What isn't in it, and why.
    pub left_out: Vec<LeftOut>,
    /// What was hidden.
    pub redacted: Vec<Hidden>,
}

/// What other rooms know: the findings of `check`, the data of `status`.
#[derive(Debug, Default)]
pub struct Known {
    /// What the checks found.
    pub findings: Vec<Finding>,
    /// What is live and what is pending.
    pub status: serde_json::Value,
}

/// What would go into a bundle, without reading a log.
pub fn plan(project: &Project) -> Result<(Vec<String>, Vec<LeftOut>)> {
    let (sources, _) = sources::logs(project)?;
    let (items, left_out) = item::choose(&sources, room(project), &mut Redactor::new(&secrets::known(project, None).0));
    let services = project.config.services.as_ref().map(|_| "logs/services/*".to_owned());
    Ok((items.into_iter().map(|item| item.name).chain(services).chain(["state/*".to_owned()]).collect(), left_out))
}

/// Collects, redacts, packs, scans again; only then the bundle gets its name.
pub fn collect(project: &Project, wanted: &Wanted, told: &Known, events: &Events) -> Result<Collected> {
    events.step("collecting");
    let stack = project.config.services.as_ref().map(|_| Stack::open(project));
    let open = stack.as_ref().and_then(|stack| stack.as_ref().ok());
    let compose = compose_text(project, open);
    let (known, notes) = known(project, compose.as_deref(), open);
    let mut redactor = Redactor::new(&known);
    let mut facts = facts::gather(project, stack.as_ref(), compose.as_deref(), &told.findings);
    facts.add("state/status.json", "what is live, what is pending", facts::pretty(&told.status));
    let mut items = logs(project, &mut facts, &mut redactor)?;
    events.step(format!("redacting {} entries", items.len()));
    let folder = tree::private_folder()?;
    let services = write::Services { stack: open, tail: wanted.tail, since: wanted.since.as_deref() };
    let (written, more) = write::all(&mut items, &services, folder.path(), &mut redactor);
    facts.left_out.extend(more);
    facts.left_out.sort_by(|a, b| a.name.cmp(&b.name));
    let pages = Pages { project: &project.config.name, now: clock::now(), written: &written, left_out: &facts.left_out, lines: &facts.lines, notes: &notes };
    let entries = entries(&pages, &mut redactor)?;
    let packed = pack(&entries, &wanted.out, &redactor, events)?;
    let redacted = write::hidden(&pages.counts());
    Ok(Collected { file: wanted.out.clone(), size: packed.size, sha256: packed.digest, entries: packed.entries, left_out: facts.left_out, redacted })
}

fn room(project: &Project) -> u64 {
    project.config.incident.max_size.unwrap_or(ROOM)
}

/// The resolved configuration; the file as it is where Compose can't be asked.
fn compose_text(project: &Project, stack: Option<&Stack>) -> Option<String> {
    let resolved = stack.and_then(|stack| stack.compose.program(&["config"]).read().ok());
    let path = project.path(&project.config.services.as_ref()?.compose);
    resolved.or_else(|| files::read(&path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// All that is known to be secret, the environments of running containers among it.
fn known(project: &Project, compose: Option<&str>, stack: Option<&Stack>) -> (Vec<Secret>, Vec<String>) {
    let (mut known, notes) = secrets::known(project, compose);
    let containers = stack.and_then(|stack| stack.containers().ok()).unwrap_or_default();
    for pair in containers.values().flatten().filter_map(|container| container.config.env.as_ref()).flatten() {
        known.extend(pair.split_once('=').and_then(|(key, value)| secrets::of_assignment(key, value)));
    }
    (known, notes)
}

/// Logs within the size limit: the services' first, they are short; then files, the newest first.
fn logs(project: &Project, facts: &mut Facts, redactor: &mut Redactor) -> Result<Vec<Item>> {
    let mut items = std::mem::take(&mut facts.items);
    let share = room(project) / 4 / facts.services.len().max(1) as u64;
    for service in &facts.services {
        let name = format!("logs/services/{service}.log");
        items.push(Item { name, what: "log of a service".into(), origin: Origin::Service(service.clone()), limit: share, modified: None });
    }
    let (sources, empty) = sources::logs(project)?;
    facts.left_out.extend(empty.into_iter().map(|name| LeftOut { name, why: "no file fits".into() }));
    let room = if facts.services.is_empty() { room(project) } else { room(project) / 4 * 3 };
    let (files, left_out) = item::choose(&sources, room, redactor);
    items.extend(files);
    facts.left_out.extend(left_out);
    Ok(items)
}

fn entries(pages: &Pages<'_>, redactor: &mut Redactor) -> Result<Vec<Entry>> {
    let (summary, _) = redactor.bytes(pages.summary().as_bytes());
    let (index, _) = redactor.bytes(&pages.index()?);
    let mut entries = vec![Entry::bytes(index::SUMMARY, summary), Entry::bytes(index::INDEX, index)];
    entries.extend(pages.written.iter().map(entry));
    Ok(entries)
}

fn entry(written: &Written) -> Entry {
    let mut entry = Entry::file(&written.name, &written.path, written.bytes, false);
    entry.mode = 0o600;
    entry.mtime = written.epoch;
    entry
}

/// Packs under another name, scans every byte of the result, and only then renames.
fn pack(entries: &[Entry], out: &Path, redactor: &Redactor, events: &Events) -> Result<archive::Packed> {
    events.step("packing and scanning again");
    // The whole name stays in it: two bundles beside each other must not meet.
    let partial = PathBuf::from(format!("{}.partial", out.display()));
    files::create_dir(files::parent(out))?;
    private(&partial)?;
    let newest = entries.iter().filter_map(|entry| entry.mtime).max().unwrap_or(EPOCH).max(EPOCH);
    let packed = archive::pack(entries, &Packing::new(Format::Zip, newest), &partial, events);
    let packed = packed.or_else(|error| files::remove_file(&partial).and(Err(error)))?;
    let left = scan(&partial, redactor);
    match left {
        Ok(left) if left.is_empty() => files::make_private(&partial).and_then(|()| files::rename(&partial, out)).map(|()| packed),
        Ok(left) => {
            files::remove_file(&partial)?;
            Err(Error::mismatch(format!("the bundle was not written: something that looks like a secret is left in {}", left.join(", ")))
                .hint("leave that log out of [incident] logs, and report the case: the redactor should have hidden it"))
        }
        Err(error) => {
            files::remove_file(&partial)?;
            Err(error.within("the bundle was not written: it could not be scanned"))
        }
    }
}

/// An empty file that only this user can read: whatever stops us, nobody else ever saw a byte.
fn private(path: &Path) -> Result<()> {
    files::remove_file(path)?;
    drop(files::create_new(path)?);
    files::make_private(path)
}

/// The entries of a bundle that still hold something.
fn scan(path: &Path, redactor: &Redactor) -> Result<Vec<String>> {
    let policy = Policy { max_ratio: u64::MAX, ..Policy::own() };
    let mut left = Vec::new();
    archive::for_each_entry(path, &policy, &mut |item, reader| {
        let clean = write::is_clean(redactor, reader)? && write::is_clean(redactor, item.name.as_bytes())?;
        if !clean {
            // The name itself may be what is left.
            let named = write::is_clean(redactor, item.name.as_bytes())?;
            left.push(if named { item.name.clone() } else { "an entry's name".to_owned() });
        }
        Ok(())
    })?;
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Kind;

    #[test]
    fn a_bundle_with_a_secret_left_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let redactor = Redactor::new(&[Secret::new("CANARY", "zebra-kite-4711")]);
        for (name, text) in [("logs/a.log", "so zebra-kite-4711 it is"), ("logs/a.log", "emVicmEta2l0ZS00NzEx"), ("logs/zebra-kite-4711", "named so")] {
            let entries = [Entry::bytes("00-summary.md", "fine"), Entry::bytes(name, text)];
            let out = folder.path().join("bundle.zip");
            let error = pack(&entries, &out, &redactor, &Events::none()).unwrap_err();
            assert_eq!(error.kind(), Kind::Mismatch, "{error:?}");
            assert!(files::list(folder.path()).unwrap().is_empty(), "nothing is left of it");
        }
        let gone = [Entry::file("logs/gone.log", &folder.path().join("gone"), 5, false)];
        pack(&gone, &folder.path().join("bundle.zip"), &redactor, &Events::none()).unwrap_err();
        assert!(files::list(folder.path()).unwrap().is_empty(), "nothing is left of what couldn't be packed");
        let fine = pack(&[Entry::bytes("00-summary.md", "[redacted:canary:1]")], &folder.path().join("bundle.zip"), &redactor, &Events::none());
        assert_eq!((fine.unwrap().entries, files::list(folder.path()).unwrap()), (1, vec!["bundle.zip".to_owned()]));
    }
}
