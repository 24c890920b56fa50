//! Looks at a backup again: every byte against its manifest, and notes the outcome there. Writes nothing but that note.

use super::{check, manifest::Manifest, store::Store};
use crate::{
    effects::clock,
    kernel::{Error, Kind, Result},
};

/// Reads every byte; the manifest then says when it was last right, or that it isn't.
pub fn verify(store: &Store, manifest: &mut Manifest) -> Result<()> {
    let path = store.archive(manifest);
    let missing = || Error::mismatch(format!("the archive {} is missing", manifest.archive.file)).hint("use another backup: `xtask backup list` shows them");
    let looked = if path.is_file() { check::archive(&path, &manifest.archive, &manifest.entries) } else { Err(missing()) };
    match looked {
        Ok(()) => {
            // What was suspicious when it was made stays so: intact bytes don't say that they are the right ones.
            if manifest.suspicion.is_none() || manifest.suspicion.as_deref().is_some_and(|text| text.starts_with(DAMAGED)) {
                (manifest.verified, manifest.suspicion) = (Some(clock::stamp(clock::now())), None);
            }
            manifest.write(&manifest.path(store.folder()))
        }
        Err(error) if error.kind() == Kind::Mismatch => {
            (manifest.verified, manifest.suspicion) = (None, Some(format!("{DAMAGED}: {error}")));
            manifest.write(&manifest.path(store.folder()))?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

const DAMAGED: &str = "damaged";
