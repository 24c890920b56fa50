//! The compose stack: started with health gates, checked for exposure and loose pins, hardened, taken back to other images and forth again.
//!
//! Talks to the Docker engine and to Compose through their command lines; never puts a secret there. Whatever takes several steps keeps a
//! journal, so that a kill leaves a next command, not a riddle.

mod compose;
mod exposure;
mod format;
pub mod harden;
mod health;
mod images;
mod manage;
mod patience;
mod pins;
mod probe;
pub mod rollback;
mod stack;
mod status;

pub use exposure::{check, logging};
pub use format::Verdict;
pub use images::{ImageRef, images};
pub use manage::{Destroy, DownPlan, down, down_plan, last_logs, logs, pull, restart, up};
pub use stack::Stack;
pub use status::{ServiceStatus, status};
