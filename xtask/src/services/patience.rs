//! Compose's commands can be given again: one that was killed from outside (no memory, no patience) goes on where it was. Runs them, and nothing else.

use crate::{
    effects::process::{self, Program},
    kernel::{Error, Events, Finding, Result},
};

/// How often a command is given again.
pub const TIMES: u32 = 2;

/// Runs a command of Compose's.
pub fn run(program: &Program, events: &Events) -> Result<()> {
    let mut left = TIMES;
    loop {
        match program.stream(events) {
            Err(error) if is_worth_it(&error, left, events) => left -= 1,
            Err(error) if process::was_killed(&error) => {
                return Err(error.hint("Compose is killed every time: is memory short (`dmesg`)? the same command goes on from here"));
            }
            ended => return ended,
        }
    }
}

/// Whether to give it again; says so.
pub fn is_worth_it(error: &Error, left: u32, events: &Events) -> bool {
    let again = left > 0 && process::was_killed(error);
    if again {
        events.warn(Finding::warning("compose-killed", "Compose was killed from outside: the same command is given again"));
    }
    again
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_compose_is_given_its_command_again_once() {
        let folder = tempfile::tempdir().unwrap();
        let once = Program::shell("[ -e killed ] || { : >killed; kill -9 $$; }").folder(folder.path());
        run(&once, &Events::none()).unwrap();
        let told = run(&Program::shell("kill -9 $$"), &Events::none()).unwrap_err();
        assert!(told.hints()[0].contains("is memory short"), "{:?}", told.hints());
        assert!(run(&Program::shell("exit 1"), &Events::none()).is_err());
    }
}
