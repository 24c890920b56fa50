//! The ground floor: values that every room speaks in. No I/O, no clock, no terminal.

mod digest;
mod error;
mod event;
mod finding;
mod size;
mod tag;
mod version;

pub use digest::{Digest, Hasher};
pub use error::{Context, Error, Kind, Result};
pub use event::{Bar, Event, Events};
pub use finding::{Finding, Severity};
pub use size::{human_bytes, human_duration};
pub use tag::{Tag, TagTemplate};
pub use version::Version;
