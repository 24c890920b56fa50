//! The install folder: `versions/<tag>/`, a record beside each, and `current`, which points at one of them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    Chosen,
    unpack::{self, Entries},
};
use crate::{
    effects::{clock, files, links, lock},
    kernel::{Context as _, Error, Events, Result},
};

/// An install folder, locked for this run.
pub struct Folder {
    root: PathBuf,
    _lock: Option<lock::Lock>,
}

/// `versions/.<tag>.json`: what was installed, written after it was in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    schema: u32,
    tag: String,
    at: String,
    file: Chosen,
    entries: Entries,
}

/// How many of those that were current are remembered.
const REMEMBERED: usize = 50;

/// `.order.json`: what was current, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Order {
    schema: u32,
    tags: Vec<String>,
}

/// An installed version, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// `v1.4.2`
    pub tag: String,
    /// The file it came from.
    pub file: Option<String>,
    /// When it was installed.
    pub at: Option<String>,
    /// `current` points at it.
    pub current: bool,
    /// `--previous` would go there.
    pub previous: bool,
}

impl Folder {
    /// For looking only.
    pub fn look(root: &Path) -> Self {
        Self { root: root.into(), _lock: None }
    }

    /// For changing: locked, and swept of what a killed run left.
    pub fn open(root: &Path) -> Result<Self> {
        let held = lock::acquire(&root.join(".lock"), "install")?;
        let folder = Self { root: root.into(), _lock: Some(held) };
        for left in [folder.work("incoming"), folder.work("unpacking"), folder.work("unpacking.archive"), folder.work("trash")] {
            if files::exists(&left) {
                files::remove_dir(&left)?;
            }
        }
        files::create_dir(&folder.versions())?;
        files::sweep(root)?;
        files::sweep(&folder.versions())?;
        Ok(folder)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `current`.
    pub fn pointer(&self) -> PathBuf {
        self.root.join("current")
    }

    /// Where a version lies.
    pub fn place(&self, tag: &str) -> PathBuf {
        self.versions().join(name(tag))
    }

    /// The version that is current.
    pub fn current(&self) -> Result<Option<String>> {
        let target = links::pointed(&self.pointer())?;
        Ok(target.and_then(|target| target.strip_prefix("versions/").map(tag)))
    }

    /// The version that was current before.
    pub fn previous(&self) -> Result<Option<String>> {
        let current = self.current()?;
        let order = self.order()?;
        Ok(order.tags.into_iter().find(|tag| Some(tag) != current.as_ref() && self.place(tag).is_dir()))
    }

    /// Everything that is installed, in the order of the names.
    pub fn list(&self) -> Result<Vec<Installed>> {
        let (current, previous) = (self.current()?, self.previous()?);
        let describe = |tag: String| {
            let record = self.record(&tag)?;
            Ok(Installed {
                current: current.as_ref() == Some(&tag),
                previous: previous.as_ref() == Some(&tag),
                file: record.as_ref().map(|record| record.file.name.clone()),
                at: record.map(|record| record.at),
                tag,
            })
        };
        self.tags()?.into_iter().map(describe).collect()
    }

    /// Whether a version is installed and every byte is what was installed.
    pub fn is_intact(&self, tag: &str) -> Result<bool> {
        let Some(record) = self.record(tag)? else { return Ok(false) };
        Ok(self.place(tag).is_dir() && unpack::entries(&self.place(tag))? == record.entries)
    }

    /// A program that runs from a version, for a person.
    pub fn running(&self, tag: &str) -> Option<String> {
        let found = links::running_below(&self.place(tag));
        found.first().map(|(id, program)| format!("{} (process {id})", program.display()))
    }

    /// An empty folder for downloads.
    pub(super) fn incoming(&self) -> Result<PathBuf> {
        let folder = self.work("incoming");
        files::remove_dir(&folder)?;
        files::create_dir(&folder)?;
        Ok(folder)
    }

    /// A folder's path for unpacking: nothing is there.
    pub(super) fn unpacking(&self) -> Result<PathBuf> {
        let folder = self.work("unpacking");
        files::remove_dir(&folder)?;
        Ok(folder)
    }

    /// What was unpacked becomes an installed version by one rename; its record follows, and without it the version counts as half-made.
    pub(super) fn settle(&self, tag: &str, file: &Chosen, entries: &Entries) -> Result<()> {
        self.discard(tag)?;
        files::rename(&self.work("unpacking"), &self.place(tag))?;
        let record = Record { schema: 1, tag: tag.into(), at: clock::stamp(clock::now()), file: file.clone(), entries: entries.clone() };
        let text = serde_json::to_string_pretty(&record).context(|| "write what was installed".into())?;
        files::write(&self.record_path(tag), text.as_bytes())?;
        files::remove_dir(&self.work("incoming"))
    }

    /// Whether the pointer can be swapped and the order be written: found out before anything else is changed.
    pub fn rehearse(&self) -> Result<()> {
        links::point(&self.work("probe"), "versions")?;
        files::remove_file(&self.work("probe"))?;
        self.store(&self.order()?)
    }

    /// Points `current` at an installed version. The order is written after: a run that is killed between leaves the old order, whose first is then the
    /// one that was current before.
    pub(super) fn make_current(&self, tag: &str) -> Result<()> {
        let pointer = self.pointer();
        if files::exists(&pointer) && links::pointed(&pointer)?.is_none() {
            return Err(Error::refused(format!("{} is in the way: it is not the pointer that `install` makes", pointer.display())).hint("move it away"));
        }
        links::point(&pointer, &format!("versions/{}", name(tag)))?;
        self.note_order()
    }

    /// Puts what is current first in the order, where a killed run didn't come to it.
    pub(super) fn note_order(&self) -> Result<()> {
        let Some(current) = self.current()? else { return Ok(()) };
        let mut order = self.order()?;
        if order.tags.first() == Some(&current) {
            return Ok(());
        }
        order.tags.retain(|other| *other != current);
        order.tags.insert(0, current);
        order.tags.truncate(REMEMBERED);
        self.store(&Order { schema: 1, tags: order.tags })
    }

    /// Removes installed versions beyond the last `keep`; current, previous and what runs stay.
    pub(super) fn tidy(&self, keep: usize, events: &Events) -> Result<Vec<String>> {
        let (current, order) = (self.current()?, self.order()?.tags);
        let mut ranked: Vec<String> = current.iter().cloned().chain(order.iter().filter(|tag| Some(*tag) != current.as_ref()).cloned()).collect();
        let tags = self.tags()?;
        ranked.retain(|tag| tags.contains(tag));
        ranked.extend(tags.into_iter().filter(|tag| !ranked.contains(tag)).collect::<Vec<_>>());
        let mut gone = Vec::new();
        for tag in ranked.into_iter().skip(keep) {
            if let Some(running) = self.running(&tag) {
                events.note(format!("{tag} stays although it is old: {running} runs from it"));
                continue;
            }
            self.discard(&tag)?;
            gone.push(tag);
        }
        Ok(gone)
    }

    /// The record goes first: a version without one is no version.
    fn discard(&self, tag: &str) -> Result<()> {
        let trash = self.work("trash");
        if files::exists(&self.record_path(tag)) {
            files::remove_file(&self.record_path(tag))?;
        }
        if files::exists(&self.place(tag)) {
            files::remove_dir(&trash)?;
            files::rename(&self.place(tag), &trash)?;
            files::remove_dir(&trash)?;
        }
        Ok(())
    }

    fn tags(&self) -> Result<Vec<String>> {
        let names = files::list(&self.versions())?;
        Ok(names.iter().filter(|name| !name.starts_with('.') && self.versions().join(name).is_dir()).map(|name| tag(name)).collect())
    }

    fn record(&self, tag: &str) -> Result<Option<Record>> {
        let Some(text) = files::read_text_if_there(&self.record_path(tag))? else { return Ok(None) };
        // A record that can't be read proves nothing: the version is installed again.
        Ok(serde_json::from_str(&text).ok())
    }

    fn order(&self) -> Result<Order> {
        let text = files::read_text_if_there(&self.root.join(".order.json"))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    fn store(&self, order: &Order) -> Result<()> {
        let text = serde_json::to_string(order).context(|| "write the order of versions".into())?;
        files::write(&self.root.join(".order.json"), text.as_bytes())
    }

    fn versions(&self) -> PathBuf {
        self.root.join("versions")
    }

    fn record_path(&self, tag: &str) -> PathBuf {
        self.versions().join(format!(".{}.json", name(tag)))
    }

    fn work(&self, what: &str) -> PathBuf {
        self.root.join(format!(".{what}"))
    }
}

/// A tag as a folder's name.
fn name(tag: &str) -> String {
    tag.replace('%', "%25").replace('/', "%2F")
}

fn tag(name: &str) -> String {
    name.replace("%2F", "/").replace("%25", "%")
}
