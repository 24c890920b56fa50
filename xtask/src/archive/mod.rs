//! Archives: entries in, bytes and digests out; and back again, also when the archive comes from a stranger.
//!
//! Touches only the files it packs, the archive, and the folder it extracts into. Guarantees: the same entries give the
//! same bytes on any machine with any number of threads; memory stays bounded; nothing is ever written outside the folder
//! (promise 5 of the design). Policies, each tested:
//!
//! - entries are sorted by the bytes of their names; owner 0:0 unless told otherwise, no user names, times clamped;
//! - a symbolic link that stays within the archive is kept as a link; one that leads out is refused, with its name;
//! - a file that changes while it is packed is an error that names it, and leaves no archive;
//! - line endings and bytes of files are never touched.

mod compare;
mod compressed;
mod content;
mod deflate;
mod entry;
mod format;
mod names;
mod pack;
mod pipeline;
mod read;
mod spool;
mod tar_stream;
#[cfg(test)]
#[expect(clippy::disallowed_methods, clippy::unreachable, reason = "tests make files as they come")]
mod tests;
mod walk;
mod zip_records;
mod zip_stream;

pub use compare::{Aspect, Difference, compare};
pub use compressed::gzip_chunks;
pub use deflate::CHUNK;
pub use entry::{Content, Entry};
pub use format::{Format, Packing};
pub use pack::{Packed, pack};
pub use pipeline::cores;
pub use read::{Item, Kind, Policy, Sealed, Visit, extract, for_each_entry, for_each_in_tar, list};
