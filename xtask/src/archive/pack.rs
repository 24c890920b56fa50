//! Packs entries into an archive: temporary neighbour, digest while it is written, sync, rename. An error leaves nothing.

use std::{io::BufWriter, path::Path};

use super::{
    Format, compressed,
    entry::{Entry, Sorted},
    format::Packing,
    tar_stream::{self, TarStream},
    zip_stream,
};
use crate::{
    effects::files::{self, Replacement},
    kernel::{Bar, Context as _, Digest, Events, Hasher, Result},
};

/// What was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The archive's size in bytes.
    pub size: u64,
    /// The archive's SHA-256.
    pub digest: Digest,
    /// How many entries it has.
    pub entries: usize,
    /// How many bytes they have.
    pub content: u64,
}

/// Packs entries into the archive `out`, replacing one that is there only when all went well. Only a kill can leave
/// something: a `.xtask-…` beside it.
pub fn pack(entries: &[Entry], packing: &Packing, out: &Path, events: &Events) -> Result<Packed> {
    let sorted = Sorted::new(entries)?;
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let bar = events.bar(format!("packing {name}"), Some(sorted.size()));
    let frame = || format!("pack {}", out.display());
    let mut file = Replacement::create(out).context(frame)?;
    let mut hasher = Hasher::new(BufWriter::with_capacity(1 << 18, file.writer()));
    write(&sorted, packing, &mut hasher, files::parent(out), &bar).context(frame)?;
    let (writer, size, digest) = hasher.finish();
    writer.into_inner().map_err(std::io::IntoInnerError::into_error).context(frame)?;
    file.commit().context(frame)?;
    Ok(Packed { size, digest, entries: sorted.0.len(), content: sorted.size() })
}

fn write(sorted: &Sorted<'_>, packing: &Packing, out: &mut impl std::io::Write, scratch: &Path, bar: &Bar) -> Result<()> {
    let mut tar = TarStream::new(sorted, packing, bar);
    match packing.format {
        Format::Zip => zip_stream::write(sorted, packing, out, scratch, bar),
        Format::TarGz => compressed::gzip(tar, packing, out),
        Format::TarZst => compressed::zstd(tar, tar_stream::length(sorted, packing.epoch), packing, out),
        Format::Tar => {
            while let Some(block) = tar.block(1 << 18)? {
                out.write_all(&block).context(|| "write the archive".into())?;
            }
            Ok(())
        }
    }
}

/// Packs straight into a writer, to see what its errors become.
#[cfg(test)]
pub fn tests_write(entries: &[Entry], format: Format, out: &mut impl std::io::Write) -> Result<()> {
    write(&Sorted::new(entries)?, &Packing::new(format, 0), out, &std::env::temp_dir(), &Events::none().bar("", None))
}
