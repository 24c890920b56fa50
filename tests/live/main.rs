//! One test program for what needs a Docker engine: real Compose (v1 and v2), real FalkorDB and Redis, images made on the spot.
//!
//! Without an engine every test says loudly that it was skipped; with `XTASK_CI_STRICT=1` that is a failure.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test program: these end the test that meets them")]
#![expect(clippy::disallowed_methods, clippy::print_stderr, reason = "a test program starts programs, writes fixtures and says loudly what it skips")]

mod backup;
mod engine;
mod harden;
mod incident;
mod kit;
mod product;
mod rollback;
mod services;
mod stack;
#[path = "../it/support/mod.rs"]
#[expect(dead_code, reason = "shared with the other test program, which uses more of it")]
mod support;
