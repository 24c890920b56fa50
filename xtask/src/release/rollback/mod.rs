//! `rollback`: one command takes the product back, and `--undo` takes that back.
//!
//! Decides purely (`plan`), verifies the target whole before anything changes, then acts under a journal: killed anywhere, the same command goes on.
//! Order: services, then the application, then the forge. What can fail and revert comes first, so that a failure leaves everything as it was.

mod apply;
pub mod judge;
mod notice;
pub mod past;
pub mod plan;
mod run;
pub mod services;
mod undo;

pub use plan::{Direction, Facts, Part, Plan, Wanted, bad_since, plan};
pub use run::{Detail, Ground, JOURNAL, Outcome, Refusal, allowed, begin, carry_out, facts, is_out_of_reach, pending, prepare};
pub use undo::undone;
