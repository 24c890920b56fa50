//! Releases: facts → plan → build → verify → publish → prune, and the way back.
//!
//! Each step consumes what the one before gave, so that unverified bytes can't be published. May use every room below; writes only
//! through `effects/`, `archive/` and a forge.

pub mod build;
pub mod cache;
mod cross;
pub mod facts;
pub mod foresee;
pub mod install;
pub mod manifest;
pub mod matrix;
pub mod merge;
pub mod notes;
pub mod plan;
pub mod preflight;
pub mod publish;
pub mod rebuild;
pub mod reissue;
pub mod retention;
pub mod rollback;
mod sbom;
pub mod subject;
mod sums;
pub mod updater;
pub mod verify;
pub mod workflows;
