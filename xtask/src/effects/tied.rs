//! A server of ours for a while: killed when its handle is dropped, and also when this program is killed itself, so that none is ever left behind.

use std::process::Child;

use super::process::Program;
use crate::kernel::Result;

/// The shell holds a pipe to this program. Whatever ends us closes it, and the shell then kills the server.
const WATCH: &str = r#"exec 3<&0; "$@" </dev/null >/dev/null 2>&1 3<&- & p=$!; (cat <&3 >/dev/null; kill -9 $p 2>/dev/null) & exec 3<&-; wait $p"#;

/// A running program that can't outlive this one.
pub struct Tied {
    child: Child,
}

impl Tied {
    /// Starts it; its output goes nowhere.
    pub fn start(name: &str, words: &[String]) -> Result<Self> {
        let program = if cfg!(windows) { Program::new(name).args(words) } else { Program::new("sh").args(["-c", WATCH, "sh", name]).args(words) };
        Ok(Self { child: program.spawn_writing()? })
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if cfg!(windows) {
            // It may have ended by itself.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn runs(needle: &str) -> bool {
        Program::new("ps").args(["-A", "-ww", "-o", "args="]).read().unwrap().lines().any(|line| line.starts_with("sleep") && line.contains(needle))
    }

    #[test]
    fn it_ends_with_its_handle_and_its_end_is_seen() {
        let mut tied = Tied::start("sleep", &["86397".into()]).unwrap();
        let mut tries = 0;
        while !runs("86397") {
            tries += 1;
            assert!(tries < 100, "it never ran");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(!tied.has_ended());
        drop(tied);
        assert!(!runs("86397"));
        let mut short = Tied::start("true", &[]).unwrap();
        let mut tries = 0;
        while !short.has_ended() {
            tries += 1;
            assert!(tries < 100, "its end was not seen");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
