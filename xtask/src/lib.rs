//! Releases that can be taken back, data that can be brought back.
//!
//! This crate is a house. Each module is a room with one purpose; a room may use the rooms below it, never those above, and a test reads
//! the `use` lines to hold that. From the top:
//!
//! | floor | room | what for |
//! |---|---|---|
//! | 12 | `cli` | the command line: one declaration, then one short file a command |
//! | 11 | [`incident`] · `drill` | redacted bundles, isolation · backup → destroy → restore → prove |
//! | 10 | `release` | facts → preflight → plan → build → verify → publish → prune, and the way back |
//! | 9 | `services` | the compose stack: health gates, exposure, pins, rollback of images |
//! | 8 | `backup` | verified copies of volumes and folders, retention, restores that are whole or not at all |
//! | 7 | [`forge`] | where releases live: one trait, a directory and GitHub behind it |
//! | 6 | [`archive`] | zip and tar, deterministic; reading back, also from strangers |
//! | 5 | `versions` | the places where a version is written, and the rules of tags |
//! | 4 | `ledger` · `report` | what was done here, append only · events and answers to people and machines |
//! | 3 | `config` | `xtask.toml`: text → raw → valid |
//! | 2 | `effects` | processes, files, clock, network, locks: the only room that touches the world |
//! | 1 | [`kernel`] | versions, tags, digests, findings, events, errors: values |
//!
//! Data flows one way, and each step consumes what the one before it gave, so that bytes that weren't verified can't be published:
//!
//! ```text
//! xtask.toml → Config ┐
//! git, files, forge → Facts ┴→ plan → ReleasePlan → build → Built → verify → Verified → publish → Published → ledger
//! ```
//!
//! A workspace can have an `xtask` package of its own with a `main` of three lines that calls [`main`].

#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "unit tests write fixtures and start servers"))]

pub mod archive;
pub mod forge;
pub mod kernel;

mod backup;
mod cli;
mod config;
mod drill;
mod effects;
#[doc(hidden)]
pub mod incident;
mod ledger;
mod release;
mod report;
mod services;
mod versions;

pub use cli::main;
