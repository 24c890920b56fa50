//! Backups that were read back before they count, and restores that never end half-way.
//!
//! `run` makes one: `source` says what, `users` who writes it, `volume` and `tree` how it is reached, `redis` and `freeze` make a running server's files
//! consistent, `copy` and `pack` write the archive, `check` reads it back, `manifest` and `store` keep it, `retention` lets older ones go.
//! Touches the sources for reading, the server's rewrite setting (journaled, put back), its own folder of backups, and what `.xtask/` holds.

mod check;
mod closed;
mod compress;
mod copy;
mod entry;
mod freeze;
mod globs;
mod manifest;
mod name;
mod pack;
mod probe;
mod prune;
mod read;
mod redis;
pub mod restore;
mod retention;
mod run;
mod shift;
mod source;
mod stack;
mod store;
mod suspicion;
#[cfg(all(test, unix))]
mod tests;
mod tree;
mod undo;
mod unpack;
mod users;
mod validate;
mod verify;
mod volume;

pub use manifest::Manifest;
pub use probe::{Counts, Probe};
pub use prune::{apply as prune, plan as prune_plan};
pub use redis::{Login, Reach, Redis, count::count, facts::of as facts, image, rdb};
pub use retention::Decision;
pub use run::{Done, Options, lock, run, tarball};
pub use source::{Source, select};
pub use users::images;
pub use verify::verify;
