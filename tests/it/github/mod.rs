//! The double of GitHub: stateful, with several hosts, many threads, scripted faults. Tests run it inside; `examples/github-double.rs` runs it for others.
mod double;
pub mod faults;
mod graphql;
pub mod http;
pub mod routes;
pub mod state;

pub use double::Double;
pub use faults::{Act, Fault};
pub use http::Response;
pub use routes::Role;
pub use state::{COMMIT, TOKEN};
