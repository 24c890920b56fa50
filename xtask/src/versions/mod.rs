//! Where a version is written, and whether all places agree: Cargo, npm, Python, lock files, patterns, change logs.
//!
//! Reads through [`Tree`] only (a work tree or any commit), decides purely: places, findings, edits. Nothing is invented:
//! a place that can't be read is a finding with file and line, never a guess.
//!
//! [`read`] finds the places, [`Survey::check`] compares them, [`bump`] plans edits, [`tags`] holds the rules of tags,
//! [`detect()`] proposes sources for `init`.

pub mod bump;
mod cargo;
mod compare;
mod detect;
mod heading;
mod level;
mod npm;
mod pattern;
mod pep440;
mod place;
mod pyproject;
mod python;
mod reader;
mod source;
pub mod tags;
#[cfg(test)]
mod tests;
mod toml;
mod tree;

pub use compare::disagreements;
pub use detect::detect;
pub use level::Level;
pub use place::{Kind, Place};
pub use reader::{Survey, read};
pub use source::validate;
pub use tree::{CommitTree, Overlay, Tree, WorkTree};
