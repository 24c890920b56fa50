//! Backups end to end, without Docker: folders, and a real redis-server in process mode.

mod altered;
mod drills;
mod folders;
mod hot;
mod restores;
pub mod server;
