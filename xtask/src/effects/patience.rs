//! A limit for questions that must not hang. While a [`Patience`] is held, a program that is only asked gets so much time; one that stayed silent
//! is not asked again, so that ten questions to an engine that hangs cost one wait.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    io::Read,
    process::{Child, ExitStatus},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use crate::kernel::{Error, Result};

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

struct Held {
    limit: Duration,
    silent: BTreeSet<OsString>,
}

/// Holds the limit for this thread; dropping it ends that.
pub struct Patience(Option<Held>);

impl Patience {
    /// Half a minute, or as many seconds as `XTASK_PATIENCE` says.
    pub fn usual() -> Self {
        let wanted = std::env::var("XTASK_PATIENCE").ok().and_then(|text| text.parse().ok()).filter(|seconds| (0.1..86_400.0).contains(seconds));
        Self::of(Duration::from_secs_f64(wanted.unwrap_or(30.0)))
    }

    /// Every program that is asked from here on gets so much time.
    pub fn of(limit: Duration) -> Self {
        Self(HELD.with_borrow_mut(|held| held.replace(Held { limit, silent: BTreeSet::new() })))
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        let before = self.0.take();
        HELD.with_borrow_mut(|held| *held = before);
    }
}

/// How long this program may take; an error when it stayed silent before.
pub(super) fn limit(name: &OsStr) -> Result<Option<Duration>> {
    HELD.with_borrow(|held| match held {
        Some(held) if held.silent.contains(name) => Err(silent(name, held.limit)),
        held => Ok(held.as_ref().map(|held| held.limit)),
    })
}

/// The error of a program that stayed silent before.
pub fn silence(name: &str) -> Option<Error> {
    limit(OsStr::new(name)).err()
}

/// Notes that a program stayed silent.
pub(super) fn gave_up(name: &OsStr, limit: Duration) -> Error {
    HELD.with_borrow_mut(|held| held.as_mut().map(|held| held.silent.insert(name.into())));
    silent(name, limit)
}

fn silent(name: &OsStr, limit: Duration) -> Error {
    let name = name.to_string_lossy();
    Error::unexpected(format!("`{name}` did not answer within {} seconds", limit.as_secs_f32()))
        .hint(format!("run `{name}` by hand to see what it waits for, or give it longer: XTASK_PATIENCE=SECONDS"))
}

/// What a program printed on both pipes and how it ended, if it did so in time.
pub(super) fn answer(child: &mut Child, limit: Duration) -> Option<(ExitStatus, Vec<u8>, Vec<u8>)> {
    let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let deadline = Instant::now() + limit;
    let (stdout, stderr) = (until(&out, deadline)?, until(&err, deadline)?);
    Some((ended(child, deadline)?, stdout, stderr))
}

/// Reads a pipe to its end beside the others: one that somebody else still holds open must not keep us.
fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe that breaks ends the output; whoever waited may have given up.
        let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
        let _ = send.send(bytes);
    });
    receive
}

/// What a drained pipe held, if it ends in time.
fn until(pipe: &Receiver<Vec<u8>>, deadline: Instant) -> Option<Vec<u8>> {
    pipe.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

/// How a program ended, if it does in time.
fn ended(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            _ => return None,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::process::Program;
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended_with_what_it_started_and_not_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("asked");
        let line = format!("echo x >> '{}'; sleep 86396 & sleep 86396", asked.display());
        let held = Patience::of(Duration::from_millis(300));
        for _ in 0..2 {
            let error = Program::shell(&line).capture().unwrap_err();
            assert!(error.to_string().contains("did not answer within 0.3 seconds"), "{error}");
        }
        drop(held);
        assert_eq!(std::fs::read_to_string(&asked).unwrap(), "x\n", "it was asked once");
        let left = Program::new("ps").args(["-A", "-ww", "-o", "stat=,args="]).read().unwrap();
        assert!(!left.lines().any(|line| line.contains("sleep 86396") && !line.contains("sh -c") && !line.starts_with('Z')), "{left}");
    }

    #[test]
    fn quick_answers_are_whole_and_the_limit_ends_with_its_holder() {
        {
            let _outer = Patience::of(Duration::from_secs(60));
            let _inner = Patience::of(Duration::from_secs(60));
            assert_eq!(Program::shell("printf abc; printf d >&2; exit 3").stdin("x").capture().unwrap().text(), "abc");
            assert!(limit(OsStr::new("x")).unwrap().is_some());
        }
        assert_eq!(limit(OsStr::new("x")).unwrap(), None);
    }
}
