//! Releases that can be taken back, data that can be brought back.
pub mod archive;
pub mod forge;
pub mod kernel;

mod backup;
mod cli;
mod config;
mod effects;
#[doc(hidden)]
pub mod incident;
mod ledger;
mod release;
mod report;
mod services;
mod versions;

pub use cli::main;
