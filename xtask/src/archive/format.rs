//! The archive formats that can be asked for, and how they are packed. Values; they know names and first bytes, nothing else.

use std::{fmt, num::NonZeroUsize, str::FromStr};

use super::pipeline;
use crate::kernel::{Error, Result};

/// An archive format. `raw` is not one: the caller copies such files itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// A tar archive, not compressed.
    Tar,
    /// A tar archive in one gzip member.
    TarGz,
    /// A tar archive in one zstd frame.
    TarZst,
    /// A zip archive: deflated, zip64 where sizes need it.
    Zip,
}

impl Format {
    /// Every format, in the order in which they are listed to people.
    pub const ALL: [Self; 4] = [Self::Tar, Self::TarGz, Self::TarZst, Self::Zip];

    /// What a file name ends in, without the leading dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Tar => "tar",
            Self::TarGz => "tar.gz",
            Self::TarZst => "tar.zst",
            Self::Zip => "zip",
        }
    }

    /// The format that a file's name promises.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| name.strip_suffix(format.extension()).is_some_and(|stem| stem.ends_with('.')))
    }

    /// The format that a file's first bytes show; 512 bytes are enough. Zeros alone are an empty tar archive.
    pub fn of_bytes(start: &[u8]) -> Option<Self> {
        match start {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            [0x1f, 0x8b, ..] => Some(Self::TarGz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::TarZst),
            _ if start.get(257..262) == Some(b"ustar") => Some(Self::Tar),
            _ if start.len() == 512 && start.iter().all(|byte| *byte == 0) => Some(Self::Tar),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|format| format.extension() == text).ok_or_else(|| {
            Error::usage(format!("`{text}` is not an archive format")).hint("the formats are tar, tar.gz, tar.zst and zip; `raw` publishes files as they are")
        })
    }
}

/// How to pack.
#[derive(Clone, Copy, Debug)]
pub struct Packing {
    /// Into what.
    pub format: Format,
    /// SOURCE_DATE_EPOCH, in Unix seconds: the time of entries that have none, and the latest that any can have.
    pub epoch: i64,
    /// How many threads compress. The bytes don't depend on it.
    pub threads: NonZeroUsize,
}

impl Packing {
    /// With all cores.
    pub fn new(format: Format, epoch: i64) -> Self {
        Self { format, epoch, threads: pipeline::cores() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
            assert_eq!(Format::of_name(&format!("rocket-1.0.0.{format}")), Some(format));
        }
        assert_eq!(Format::of_name("tar"), None);
        assert_eq!(Format::of_name("rocketzip"), None);
        assert!("rar".parse::<Format>().is_err());
    }
}
