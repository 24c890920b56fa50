//! One test program: hermetic runs of the real binary, against real repositories and real servers on loopback.

mod bump;
mod forge_conformance;
mod github;
mod github_forge;
mod support;
