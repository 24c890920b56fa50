//! A verified file → an unpacked folder, with the digest of everything in it.

use std::{collections::BTreeMap, path::Path};

use super::{Form, source::Verified};
use crate::{
    archive::{self, Kind, Policy},
    effects::{files, links},
    kernel::{Events, Result},
};

/// What an installed version holds: path → `sha256:…` of a file, `-> …` of a link.
pub(super) type Entries = BTreeMap<String, String>;

/// Fills `into`, a folder that doesn't exist yet.
pub(super) fn unpack(file: &Verified, into: &Path, events: &Events) -> Result<Entries> {
    match file.chosen.form {
        Form::Own => archived(file, &Policy::own(), into, events)?,
        Form::Foreign => archived(file, &Policy::stranger(), into, events)?,
        Form::Single => single(file, into)?,
    }
    entries(into)
}

/// An archive's one folder is named after its version: what lies in it goes to the top, so that paths below `current` stay the same.
fn archived(file: &Verified, policy: &Policy, into: &Path, events: &Events) -> Result<()> {
    let whole = into.with_extension("archive");
    files::remove_dir(&whole)?;
    let sealed = archive::extract(&file.path, &whole, policy, events)?;
    let tops = files::list(&whole)?;
    let folder = tops.first().map(|top| whole.join(top)).filter(|top| tops.len() == 1 && top.is_dir() && !top.is_symlink());
    // A link may lead from the folder to its own name above; then it stays where it is.
    let leads_up = sealed.iter().any(|entry| matches!(&entry.item.kind, Kind::Link(target) if climbs_out(&entry.item.name, target)));
    match folder.filter(|_| !leads_up) {
        Some(folder) => files::rename(&folder, into)?,
        None => files::rename(&whole, into)?,
    }
    files::remove_dir(&whole)
}

/// Whether a link leaves the archive's top folder on its way.
fn climbs_out(name: &str, target: &str) -> bool {
    let mut depth = i64::try_from(name.matches('/').count()).unwrap_or(i64::MAX) - 1;
    target.split('/').any(|part| {
        depth += match part {
            ".." => -1,
            "" | "." => 0,
            _ => 1,
        };
        depth < 0
    })
}

/// A single program: executable under its own name, and under one that stays the same from version to version.
fn single(file: &Verified, into: &Path) -> Result<()> {
    files::create_dir(into)?;
    let path = into.join(&file.chosen.name);
    files::copy(&file.path, &path)?;
    links::make_executable(&path)?;
    if cfg!(unix) && file.chosen.artifact != file.chosen.name {
        links::point(&into.join(&file.chosen.artifact), &file.chosen.name)?;
    }
    Ok(())
}

/// Everything in a folder as it is on the disk now.
pub(super) fn entries(folder: &Path) -> Result<Entries> {
    let look = |name: String| {
        let path = folder.join(&name);
        let what = if files::look(&path)?.link { format!("-> {}", files::read_link(&path)?) } else { format!("sha256:{}", files::digest(&path)?.1) };
        Ok((name, what))
    };
    files::walk(folder)?.into_iter().map(look).collect()
}
