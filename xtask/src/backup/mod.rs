//! Verified backups and restores that never end half-way.
pub mod check;
pub mod entry;
pub mod manifest;
pub mod name;
pub mod pack;
pub mod probe;
pub mod read;
pub mod retention;
pub mod store;
pub mod tree;
pub mod unpack;

#[cfg(all(test, unix))]
mod tests;
