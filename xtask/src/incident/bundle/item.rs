//! What goes into a bundle: each with its name there, where its bytes come from, and how much of them may come. Pure.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::super::{redact::Redactor, sources::Source};
use crate::{effects::tree::Kind, kernel::human_bytes};

/// Where bytes come from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// At hand.
    Bytes(Vec<u8>),
    /// A log on disk.
    File(PathBuf),
    /// A service's log, asked from Compose.
    Service(String),
}

/// One entry of the bundle to be.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name in the bundle.
    pub name: String,
    /// What it is, for a person.
    pub what: String,
    /// Where it comes from.
    pub origin: Origin,
    /// How many bytes of its end may come.
    pub limit: u64,
    /// When it was written last, where that is known.
    pub modified: Option<DateTime<Utc>>,
}

impl Item {
    /// Bytes at hand.
    pub fn bytes(name: &str, what: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), what: what.into(), origin: Origin::Bytes(bytes.into()), limit: u64::MAX, modified: None }
    }
}

/// Something that isn't in the bundle, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// What it would have been called.
    pub name: String,
    /// Why.
    pub why: String,
}

/// Decides which logs come, and how much of each: the newest first, until `room` is used up.
pub fn choose(sources: &[Source], room: u64, redactor: &mut Redactor) -> (Vec<Item>, Vec<LeftOut>) {
    let (mut items, mut left_out) = (Vec::new(), Vec::new());
    let mut room = room;
    let mut newest: Vec<&Source> = sources.iter().collect();
    newest.sort_by(|a, b| b.found.modified.cmp(&a.found.modified).then_with(|| a.name.cmp(&b.name)));
    for source in newest {
        let name = unique(entry_name(&redactor.text(&source.name)), &items);
        match reason_against(source, room) {
            Some(why) => left_out.push(LeftOut { name, why }),
            None => {
                // A packed log grows when it is read: logs shrink to a twentieth at most, usually.
                let grown = if is_packed(&source.name) { source.found.size.saturating_mul(20) } else { source.found.size };
                let limit = grown.max(1).min(room);
                room -= limit;
                let origin = Origin::File(source.found.path.clone());
                items.push(Item { what: "log".into(), origin, limit, modified: Some(source.found.modified), name });
            }
        }
    }
    (items, left_out)
}

fn reason_against(source: &Source, room: u64) -> Option<String> {
    if let Some(error) = &source.found.error {
        return Some(format!("can't be looked at: {error}"));
    }
    match source.found.kind {
        Kind::Link => Some("a symbolic link; links are not followed".into()),
        Kind::Other => Some("not a regular file".into()),
        Kind::File if room == 0 => Some(format!("older than what the size limit leaves room for ({})", human_bytes(source.found.size))),
        Kind::File => None,
    }
}

/// Whether a log is unpacked while it is read.
pub fn is_packed(name: &str) -> bool {
    name.ends_with(".gz") || name.ends_with(".zst")
}

fn unique(name: String, items: &[Item]) -> String {
    let taken = |name: &str| items.iter().any(|item| item.name.eq_ignore_ascii_case(name));
    if !taken(&name) {
        return name;
    }
    (2..).map(|n| format!("{name}~{n}")).find(|name| !taken(name)).unwrap_or(name)
}

/// A name that is one everywhere: no control characters, nothing that leads out, nothing that Windows refuses.
fn entry_name(name: &str) -> String {
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    let name = name.strip_prefix("logs/").unwrap_or(name);
    let parts = name.split('/').filter(|part| !part.is_empty()).map(part_name);
    format!("logs/app/{}", parts.collect::<Vec<_>>().join("/"))
}

fn part_name(part: &str) -> String {
    const RESERVED: [&str; 22] = [
        "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6",
        "lpt7", "lpt8", "lpt9",
    ];
    let plain = |c: char| if c.is_alphanumeric() || " ._-+@=()[],~".contains(c) { c } else { '_' };
    let text: String = part.chars().take(120).map(plain).collect();
    let stem = text.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let text = if RESERVED.contains(&stem.as_str()) || text.chars().all(|c| c == '.') { format!("_{}", text.replace("..", "_")) } else { text };
    match text.strip_suffix(['.', ' ']) {
        Some(rest) => format!("{rest}_"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::tree::Found;

    fn source(name: &str, size: u64, at: i64, kind: Kind) -> Source {
        let modified = DateTime::from_timestamp(at, 0).unwrap();
        Source { name: name.into(), found: Found { path: name.into(), kind, size, modified, mode: 0o600, error: None } }
    }

    #[test]
    fn the_newest_come_until_the_room_is_used_up() {
        let sources =
            [source("old.log", 50, 1, Kind::File), source("new.log", 60, 9, Kind::File), source("mid.log", 60, 5, Kind::File), source("l", 1, 9, Kind::Link)];
        let (items, left_out) = choose(&sources, 100, &mut Redactor::new(&[]));
        let chosen: Vec<_> = items.iter().map(|item| (item.name.as_str(), item.limit)).collect();
        assert_eq!(chosen, [("logs/app/new.log", 60), ("logs/app/mid.log", 40)]);
        assert_eq!(left_out.iter().map(|left| left.name.as_str()).collect::<Vec<_>>(), ["logs/app/l", "logs/app/old.log"]);
    }

    #[test]
    fn names_are_harmless_everywhere() {
        for (given, wanted) in [
            ("a\x1b[2J.log", "logs/app/a_[2J.log"),
            ("../../etc/x", "logs/app/__/__/etc/x"),
            ("C:\\x\\con", "logs/app/C__x_con"),
            ("con.log", "logs/app/_con.log"),
            ("x. ", "logs/app/x._"),
            ("a/b.log.gz", "logs/app/a/b.log"),
        ] {
            assert_eq!(entry_name(given), wanted);
        }
    }
}
