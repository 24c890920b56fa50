//! The double of GitHub: stateful, with several hosts, many threads, scripted faults. Tests run it inside; `examples/github-double.rs` runs it for others.
#![allow(dead_code, reason = "shared by the tests and by the stand-alone program: each uses a part of it")]

mod double;
pub mod faults;
mod graphql;
pub mod http;
pub mod routes;
pub mod state;

pub use double::{Double, Seen};
pub use faults::{Act, Fault};
pub use http::Response;
pub use routes::Role;
pub use state::{COMMIT, TOKEN};
