//! Backups end to end, without Docker: folders, and a real redis-server in process mode.

mod folders;
mod hot;
mod restores;
mod server;
