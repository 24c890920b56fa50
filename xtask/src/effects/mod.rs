//! The only rooms that touch the world: processes, files, clock, network, locks. Everything above decides; this acts.
//!
//! Each effect that changes something ends with [`crash::point`], so that a test can kill the program right after it.

pub mod children;
pub mod clock;
pub mod crash;
pub mod dialogue;
pub mod docker;
pub mod eager;
pub mod files;
pub mod git;
pub mod links;
pub mod lock;
pub mod network;
pub mod patience;
pub mod places;
pub mod process;
pub mod scratch;
pub mod tail;
pub mod tied;
pub mod tree;
mod words;
