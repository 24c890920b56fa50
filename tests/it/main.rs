//! One test program: hermetic runs of the real binary, against real repositories and real servers on loopback.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test program: these end the test that meets them")]
#![expect(clippy::disallowed_methods, clippy::print_stderr, reason = "a test program starts programs, writes fixtures and says loudly what it skips")]

mod archive;
mod backup;
mod bump;
mod determinism;
mod forge_conformance;
mod github;
mod github_forge;
mod github_kills;
mod github_line;
mod github_preflight;
mod github_release;
mod house;
mod incident;
mod install;
mod interrupts;
mod pipeline;
mod reissue_github;
mod release;
mod rollback;
mod rollback_github;
mod rollback_model;
mod strange;
mod support;
mod versions;
mod witnesses;
