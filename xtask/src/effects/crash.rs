//! Crash points: where a test may kill the program with SIGKILL, to prove that the same command goes on afterwards.
//!
//! Only in builds with debug assertions. `XTASK_TEST_CRASH_AFTER=k` kills right after the k-th effect that changed
//! something; `XTASK_TEST_CRASH_LOG=FILE` appends each effect's name, so that a test can count them.

/// An effect has just happened.
#[cfg(debug_assertions)]
pub fn point(effect: &str) {
    use std::{
        io::Write as _,
        sync::atomic::{AtomicU64, Ordering},
    };
    static DONE: AtomicU64 = AtomicU64::new(0);
    let done = DONE.fetch_add(1, Ordering::SeqCst) + 1;
    tracing::trace!(effect, done, "effect");
    if let Some(log) = std::env::var_os("XTASK_TEST_CRASH_LOG")
        && let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(log)
    {
        // A test reads this file; a line that can't be written shows there as a missing crash point.
        let _ = writeln!(file, "{done} {effect}");
    }
    if std::env::var("XTASK_TEST_CRASH_AFTER").is_ok_and(|k| k.parse() == Ok(done)) {
        kill_myself();
    }
}

/// An effect has just happened; release builds have nothing to do here.
#[cfg(not(debug_assertions))]
pub fn point(effect: &str) {
    tracing::trace!(effect, "effect");
}

#[cfg(all(debug_assertions, unix))]
fn kill_myself() {
    // A process may always signal itself; should it fail all the same, the test sees a run that went on.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}

#[cfg(all(debug_assertions, not(unix)))]
fn kill_myself() {
    std::process::abort();
}
