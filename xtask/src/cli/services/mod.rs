//! `xtask services …`: one file a command.

mod args;
mod down;
mod harden;
mod logs;
mod status;
mod switch;
mod up;

pub(super) use args::Services;
use args::Switch;

use super::Session;
use crate::{kernel::Result, report::Answer, services::Stack};

/// Runs one of them.
pub(super) fn run(session: &Session, command: &Services) -> Result<Answer> {
    match command {
        Services::Up(named) => up::up(session, &named.services),
        Services::Restart(named) => up::restart(session, &named.services),
        Services::Pull(named) => up::pull(session, &named.services),
        Services::Down { volumes } => down::run(session, *volumes),
        Services::Harden => harden::run(session),
        Services::Switch(args) => switch::run(session, args),
        Services::Status => status::run(session),
        Services::Logs { named, follow, tail } => logs::run(session, &named.services, *tail, *follow),
    }
}

fn stack(session: &Session) -> Result<Stack> {
    Stack::open(&session.project()?)
}
