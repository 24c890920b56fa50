//! The stack goes to other images and, where that fails, back: the services' part of a rollback.
//!
//! The order is the point. Cheap refusals first; the target is here before anything stops; data is backed up and verified as late as can be; the
//! journal is there before the first change; and nothing counts until the images that run were compared with those that were meant.

mod data;
mod execute;
mod facts;
mod plan;
mod record;

pub use data::{Restore, choose, newest_verified};
pub use execute::{Safety, Ways, execute, resume, undo};
pub(super) use facts::server;
pub use facts::{Current, Facts, Found};
pub use plan::{Change, From, Plan, has, plan};
pub use record::{Done, JOURNAL, done_for, last, pending};
