//! The manifest: what a backup holds and where it comes from. Written last, by temporary file, fsync, rename: without it there is no backup.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{entry::Entry, probe::Probe};
use crate::{
    effects::files,
    kernel::{Context as _, Digest, Error, Result},
};

/// The format written here; older ones are read, newer ones are refused.
pub const SCHEMA: u32 = 1;

/// By how much clocks may differ that write into one folder.
const SKEW: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// One backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format.
    pub schema: u32,
    /// `<name>-<UTC>-<digest>`
    pub id: String,
    /// The `[[backup]]` it is of.
    pub name: String,
    /// When its data was copied, RFC 3339 in UTC.
    pub created: String,
    /// Which program wrote it.
    pub tool: String,
    /// Where the data comes from.
    pub source: Origin,
    /// The archive beside this file.
    pub archive: Archive,
    /// How a consistent copy was made.
    pub method: Method,
    /// The engine, where one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineFacts>,
    /// What the probe counted before and after the copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// Made right before a restore, of what was there.
    #[serde(default)]
    pub safety: bool,
    /// When its bytes were last read back and were right; none when they weren't, or something was suspicious.
    pub verified: Option<String>,
    /// Why it isn't verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspicion: Option<String>,
    /// When a scratch server last loaded it and counted the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booted: Option<String>,
    /// Sums over the entries.
    pub totals: Totals,
    /// Each file, folder and link.
    pub entries: Vec<Entry>,
}

/// Where data comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The project of `xtask.toml`.
    pub project: String,
    /// The compose service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The volume's name in the compose file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
    /// Its real name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real_volume: Option<String>,
    /// The folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Who made it where: `ann@laptop`. Secrets of desktop applications are bound to both.
    pub who: String,
}

/// The archive file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// Its name, beside the manifest.
    pub file: String,
    /// Bytes.
    pub size: u64,
    /// Of the whole file.
    pub sha256: Digest,
}

/// How the copy was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// While the server ran and wrote.
    Hot,
    /// While everything that writes was stopped.
    Cold,
    /// A folder, as it was.
    Files,
}

/// What the engine said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFacts {
    /// `redis_version`.
    pub version: String,
    /// The image as it was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The image's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// Whether it keeps an append-only file.
    pub append_only: bool,
    /// The data folder as the server sees it.
    #[serde(default)]
    pub path: String,
    /// The data folder, inside the volume; empty for its root.
    #[serde(default)]
    pub folder: String,
    /// `dbfilename`.
    pub dump: String,
    /// `appenddirname`; none before Redis 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub append_folder: Option<String>,
    /// `appendfilename`.
    pub append_file: String,
    /// Modules: name, version, file.
    #[serde(default)]
    pub modules: Vec<Module>,
    /// The format that its RDB files have: the newest found among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rdb_version: Option<u32>,
    /// The graph encoding that FalkorDB wrote, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph_encoding: Option<u32>,
}

/// A loaded module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// `graph`
    pub name: String,
    /// As a number: 41603.
    pub version: u64,
    /// Where it was loaded from.
    #[serde(default)]
    pub path: String,
}

/// Sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Regular files and hard links.
    pub files: u64,
    /// Folders, the root among them.
    pub folders: u64,
    /// Bytes in files.
    pub bytes: u64,
}

impl Totals {
    /// Sums over entries.
    pub fn of(entries: &[Entry]) -> Self {
        use super::entry::Kind;
        entries.iter().fold(Self::default(), |mut sum, entry| {
            match entry.kind {
                Kind::Folder => sum.folders += 1,
                Kind::File | Kind::Hard { .. } => sum.files += 1,
                Kind::Link { .. } => {}
            }
            sum.bytes += entry.size;
            sum
        })
    }
}

impl Manifest {
    /// Reads one; a newer format is refused, not guessed.
    pub fn read(path: &Path) -> Result<Self> {
        // A folder has no text, and a pipe would be waited for.
        if !path.is_file() {
            return Err(damaged(path).caused_by("it is no file"));
        }
        let value: serde_json::Value = serde_json::from_slice(&files::read(path)?).map_err(|error| damaged(path).caused_by(error))?;
        let schema = value.get("schema").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if schema > u64::from(SCHEMA) {
            return Err(Error::refused(format!("{} has format {schema}, which this version does not read", path.display())).hint("update xtask"));
        }
        let manifest: Self = serde_json::from_value(value).map_err(|error| damaged(path).caused_by(error))?;
        match manifest.contradiction() {
            Some(why) => Err(damaged(path).caused_by(why)),
            None => Ok(manifest),
        }
    }

    /// What can't be so, whoever wrote it.
    fn contradiction(&self) -> Option<&'static str> {
        let is_time = |text: &String| DateTime::parse_from_rfc3339(text).is_ok();
        let times = [Some(&self.created), self.verified.as_ref(), self.booted.as_ref()];
        match () {
            () if self.schema != SCHEMA => Some("there is no such format"),
            () if !times.into_iter().flatten().all(is_time) => Some("a time in it is none"),
            () if !self.id.strip_prefix(&self.name).is_some_and(|rest| rest.starts_with('-')) => Some("its id is of another source than its name"),
            () if !self.was_made_then() => Some("its id tells another time than `created`"),
            () if self.verified.is_some() && self.suspicion.is_some() => Some("it is verified and suspicious at once"),
            () if self.totals != Totals::of(&self.entries) => Some("its totals are not the sums of its entries"),
            () if !is_plain(&self.archive.file) => Some("it names an archive outside its folder"),
            () if self.engine.as_ref().is_some_and(|engine| !engine.stays_within()) => Some("it names server files outside the backup"),
            () => None,
        }
    }

    /// Whether the time in the id is the one that it was made at; of several in one second the later ones count on.
    fn was_made_then(&self) -> bool {
        let time = self.id.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix('-')?.split_once('-'));
        let time = time.and_then(|(time, _)| chrono::NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%SZ").ok());
        time.is_some_and(|time| (0..3600).contains(&time.and_utc().signed_duration_since(self.at()).num_seconds()))
    }

    /// Whether it was made later than now: the clock was wrong, then or now.
    pub fn is_from_the_future(&self, now: DateTime<Utc>) -> bool {
        self.at().signed_duration_since(now) > SKEW
    }

    /// Writes it durably.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context(|| "write a manifest".into())?;
        files::write(path, format!("{text}\n").as_bytes())
    }

    /// Where it lies in a store's folder.
    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.json", self.id))
    }

    /// For a person: what it holds.
    pub fn holds(&self) -> String {
        let counted = self.probe.as_ref().map(|probe| probe.after.text());
        counted.unwrap_or_else(|| crate::kernel::human_bytes(self.totals.bytes))
    }

    /// When its data was copied.
    pub fn at(&self) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(&self.created).map(|time| time.to_utc()).unwrap_or_default()
    }
}

fn is_plain(file: &str) -> bool {
    Path::new(file).file_name().is_some_and(|name| name == file)
}

impl EngineFacts {
    /// Whether every file that it names is in the backup: a scratch server is started with these words.
    fn stays_within(&self) -> bool {
        let folder = super::name::Name::from_archive(self.folder.as_bytes());
        folder.is_ok() && is_plain(&self.dump) && is_plain(&self.append_file) && self.append_folder.as_deref().is_none_or(is_plain)
    }
}

fn damaged(path: &Path) -> Error {
    Error::mismatch(format!("the manifest {} is damaged", path.display())).hint("without a manifest a backup doesn't exist; use another one")
}
