//! Reads archives back, one entry at a time, whoever made them.
//!
//! Everything that comes out has passed the same gate ([`guard::Guard`]): names that lead nowhere else, no duplicates, no
//! devices, sizes within the policy. Bytes come as a stream and are never held as a whole.

mod extract;
mod guard;
mod meter;
mod tar;
mod zip;

use std::{
    fmt,
    fs::File,
    io::{self, Read, Seek as _},
    path::Path,
};

pub use extract::extract;

use super::Format;
use crate::{
    effects::files,
    kernel::{Context as _, Digest, Error, Hasher, Result},
};

/// What an archive may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The most bytes that may come out, in all.
    pub max_bytes: u64,
    /// The most entries.
    pub max_entries: u64,
    /// The most bytes that may come out for each byte of the archive, once [`Self::free_bytes`] came out.
    pub max_ratio: u64,
    /// Bytes that may come out at any ratio: small archives of zeros harm nobody.
    pub free_bytes: u64,
    /// As this program writes them: sorted by bytes, no hard links, nothing after the end.
    pub strict: bool,
    /// Names must be fine, and distinct, on Windows and macOS too. Always so when running there.
    pub portable: bool,
}

impl Policy {
    /// For archives from strangers.
    pub fn stranger() -> Self {
        Self {
            max_bytes: 64 << 30,
            max_entries: 500_000,
            max_ratio: 300,
            free_bytes: 256 << 20,
            strict: false,
            portable: cfg!(any(windows, target_os = "macos")),
        }
    }

    /// For archives of our own releases: as strangers', and strict.
    pub fn own() -> Self {
        Self { strict: true, ..Self::stranger() }
    }

    /// For backups, whose digest is checked elsewhere: any size and ratio.
    pub fn backup() -> Self {
        Self { max_bytes: u64::MAX, max_entries: u64::MAX, max_ratio: u64::MAX, ..Self::stranger() }
    }
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link and where it leads.
    Link(String),
    /// A second name of an earlier file of the archive (tar only).
    HardLink(String),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("file"),
            Self::Folder => f.write_str("folder"),
            Self::Link(target) => write!(f, "link to {target}"),
            Self::HardLink(target) => write!(f, "hard link to {target}"),
        }
    }
}

/// An entry's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Relative, `/` between parts, without `./` before or `/` after it. The root folder of a tar archive is `.`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Bytes of a file, as announced.
    pub size: u64,
    /// Unix seconds.
    pub mtime: i64,
    /// User and group; 0:0 in zip archives.
    pub owner: (u64, u64),
}

/// An entry that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its header.
    pub item: Item,
    /// SHA-256 of its bytes.
    pub digest: Digest,
}

/// What is called for each entry: it may read the bytes, or not.
pub type Visit<'a> = dyn FnMut(&Item, &mut dyn Read) -> Result<()> + 'a;

/// Goes through an archive in its order. What the visitor leaves unread is read over, so checksums are always checked.
pub fn for_each_entry(path: &Path, policy: &Policy, visit: &mut Visit<'_>) -> Result<()> {
    let frame = || format!("read the archive {}", path.display());
    open(path)
        .and_then(|(format, file, size)| {
            let guard = guard::Guard::new(*policy, Some(size));
            if format == Format::Zip { zip::walk(file, guard, visit) } else { tar::walk(&mut decoded(format, file)?, guard, visit) }
        })
        .context(frame)
}

/// The same for a tar stream (not compressed) from anywhere, such as a container's volume.
pub fn for_each_in_tar(stream: &mut dyn Read, policy: &Policy, visit: &mut Visit<'_>) -> Result<()> {
    tar::walk(stream, guard::Guard::new(*policy, None), visit)
}

/// Every entry with the digest of its bytes.
pub fn list(path: &Path, policy: &Policy) -> Result<Vec<Sealed>> {
    let mut all = Vec::new();
    for_each_entry(path, policy, &mut |item, bytes| {
        let mut hasher = Hasher::new(bytes);
        io::copy(&mut hasher, &mut io::sink()).map_err(ours)?;
        all.push(Sealed { item: item.clone(), digest: hasher.finish().2 });
        Ok(())
    })?;
    Ok(all)
}

/// The format by the first bytes, not by the name.
fn open(path: &Path) -> Result<(Format, File, u64)> {
    let mut file = files::open(path)?;
    let size = file.metadata().context(|| "look at it".into())?.len();
    let mut start = Vec::new();
    (&mut file).take(512).read_to_end(&mut start).context(|| "read its beginning".into())?;
    file.rewind().context(|| "go back to its beginning".into())?;
    let format = Format::of_bytes(&start).ok_or_else(|| {
        let what = if start.is_empty() { "it is empty" } else { "it is none of tar, tar.gz, tar.zst and zip" };
        Error::mismatch(what).hint("download or make it again")
    })?;
    Ok((format, file, size))
}

fn decoded(format: Format, file: File) -> Result<Box<dyn Read>> {
    Ok(match format {
        Format::TarGz => Box::new(flate2::bufread::MultiGzDecoder::new(io::BufReader::with_capacity(1 << 17, file))),
        Format::TarZst => Box::new(zstd::Decoder::new(file).context(|| "start zstd".into())?),
        Format::Tar | Format::Zip => Box::new(io::BufReader::with_capacity(1 << 17, file)),
    })
}

/// An error that travelled through a reader becomes itself again; any other means that the archive is broken.
fn ours(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) if error.raw_os_error().is_some() => Error::unexpected("read it").caused_by(error),
        Err(error) => Error::mismatch("it is damaged").caused_by(error).hint("download or make it again"),
    }
}
