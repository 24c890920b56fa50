//! `install`: one artifact of a verified release, unpacked beside the others, made current by one swap.
//!
//! Writes below the install folder only. A version appears in `versions/` by one rename, whole; `current` points at the old one or the new one;
//! what runs, or is current, is never touched. A killed run leaves only what the next one sweeps away.

mod folder;
mod pick;
mod source;
mod unpack;

pub use folder::Folder;
pub use pick::{Chosen, Form, Platform, pick};
pub use source::Source;

use serde::Serialize;

use crate::kernel::{Error, Events, Kind, Result};

/// How many installed versions are kept where nothing says so.
pub const KEEP: usize = 3;

/// What an installation changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// What is current now.
    pub current: String,
    /// What was current before.
    pub before: Option<String>,
    /// Installed versions that went.
    pub removed: Vec<String>,
    /// Whether anything changed.
    pub changed: bool,
}

/// Brings a version into `versions/`, verified, without making it current. What is there already and intact stays.
pub fn stage(folder: &Folder, tag: &str, source: &Source<'_>, artifact: Option<&str>, events: &Events) -> Result<()> {
    if folder.is_intact(tag)? {
        return Ok(());
    }
    if folder.current()?.as_deref() == Some(tag) {
        return Err(altered(folder, tag));
    }
    if let Some(running) = folder.running(tag) {
        return Err(Error::refused(format!("{tag} runs from {}: {running}", folder.place(tag).display())).hint("end that program first"));
    }
    let incoming = folder.incoming()?;
    let file = source.get(tag, &incoming, artifact, events)?;
    events.step(format!("unpacking {}", file.chosen.name));
    let entries = unpack::unpack(&file, &folder.unpacking()?, events)?;
    folder.settle(tag, &file.chosen, &entries)
}

fn altered(folder: &Folder, tag: &str) -> Error {
    Error::new(Kind::Mismatch, format!("{tag} is current in {}, but its files are not what was installed", folder.root().display()))
        .hint("what is current is never touched: go to another version first (`--previous`), then install this one again")
}

/// Makes a staged version current and removes what is beyond the last `keep`.
pub fn switch(folder: &Folder, tag: &str, keep: usize, events: &Events) -> Result<Outcome> {
    let before = folder.current()?;
    let changed = before.as_deref() != Some(tag);
    if changed {
        folder.make_current(tag)?;
        events.note(format!("{} is {tag} now", folder.pointer().display()));
    } else {
        folder.note_order()?;
    }
    let removed = folder.tidy(keep.max(2), events)?;
    Ok(Outcome { current: tag.into(), before, removed, changed })
}
