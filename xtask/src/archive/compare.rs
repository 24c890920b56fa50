//! Compares two archives entry by entry, so that a difference has a name. Reads both; writes nothing.

use std::{collections::BTreeMap, fmt, path::Path};

use serde::Serialize;

use super::read::{Policy, Sealed, list};
use crate::{effects::files, kernel::Result};

/// In what an entry differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// It is in the first archive only.
    Missing,
    /// It is in the second archive only.
    Extra,
    /// A file in one, a link or a folder in the other.
    Kind,
    /// Its bytes differ.
    Bytes,
    /// Its permission bits differ.
    Mode,
    /// Its time differs.
    Time,
    /// Its owner differs.
    Owner,
    /// The same entries stand in another order.
    Order,
    /// All entries are the same; only how they are packed differs.
    Container,
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Kind => "kind",
            Self::Bytes => "bytes",
            Self::Mode => "mode",
            Self::Time => "time",
            Self::Owner => "owner",
            Self::Order => "order",
            Self::Container => "container",
        })
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The entry's name; empty when it is about the archive.
    pub entry: String,
    /// In what it differs.
    pub aspect: Aspect,
    /// What the first archive has and what the second: `0644, not 0755`.
    pub detail: String,
}

impl Difference {
    fn new(entry: &str, aspect: Aspect, detail: impl Into<String>) -> Self {
        Self { entry: entry.into(), aspect, detail: detail.into() }
    }
}

/// Every difference between two archives, by name; none when they are the same, byte for byte.
pub fn compare(first: &Path, second: &Path, policy: &Policy) -> Result<Vec<Difference>> {
    if files::digest(first)? == files::digest(second)? {
        return Ok(Vec::new());
    }
    // What is to be told is how they differ, in order too: so unsorted ones are read.
    let policy = Policy { strict: false, ..*policy };
    let mut found = differences(&list(first, &policy)?, &list(second, &policy)?);
    if found.is_empty() {
        found.push(Difference::new("", Aspect::Container, "the entries are the same, but not how they are packed"));
    }
    Ok(found)
}

fn differences(first: &[Sealed], second: &[Sealed]) -> Vec<Difference> {
    let by_name = |all: &[Sealed]| all.iter().map(|sealed| (sealed.item.name.clone(), sealed.clone())).collect::<BTreeMap<_, _>>();
    let (ours, theirs) = (by_name(first), by_name(second));
    let mut found = Vec::new();
    for (name, one) in &ours {
        match theirs.get(name) {
            Some(other) => found.extend(aspects(one, other)),
            None => found.push(Difference::new(name, Aspect::Missing, "only the first archive has it")),
        }
    }
    let extra = theirs.keys().filter(|name| !ours.contains_key(*name));
    found.extend(extra.map(|name| Difference::new(name, Aspect::Extra, "only the second archive has it")));
    found.extend(order(first, second, &ours, &theirs));
    found
}

fn aspects(one: &Sealed, other: &Sealed) -> Vec<Difference> {
    let (a, b) = (&one.item, &other.item);
    let mut found = Vec::new();
    let mut differs = |aspect, detail| found.push(Difference::new(&a.name, aspect, detail));
    if a.kind != b.kind {
        differs(Aspect::Kind, format!("{}, not {}", a.kind, b.kind));
    } else if one.digest != other.digest {
        differs(Aspect::Bytes, format!("{} bytes with SHA-256 {}, not {} with {}", a.size, one.digest, b.size, other.digest));
    }
    if a.mode != b.mode {
        differs(Aspect::Mode, format!("{:04o}, not {:04o}", a.mode, b.mode));
    }
    if a.mtime != b.mtime {
        differs(Aspect::Time, format!("{}, not {}", a.mtime, b.mtime));
    }
    if a.owner != b.owner {
        differs(Aspect::Owner, format!("{}:{}, not {}:{}", a.owner.0, a.owner.1, b.owner.0, b.owner.1));
    }
    found
}

/// The first entry, of those that both have, that stands elsewhere.
fn order(first: &[Sealed], second: &[Sealed], ours: &BTreeMap<String, Sealed>, theirs: &BTreeMap<String, Sealed>) -> Option<Difference> {
    let common = |all: &[Sealed], other: &BTreeMap<String, Sealed>| {
        all.iter().map(|sealed| sealed.item.name.clone()).filter(|name| other.contains_key(name)).collect::<Vec<_>>()
    };
    let (one, two) = (common(first, theirs), common(second, ours));
    let (one, two) = one.iter().zip(&two).find(|(one, two)| one != two)?;
    Some(Difference::new(one, Aspect::Order, format!("{one:?} stands where the second archive has {two:?}")))
}
