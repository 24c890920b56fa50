//! A program that is asked over and over: a line goes in, lines come out. Starting one may cost a hundred times what a question does.
//!
//! It ends with its handle, and what it complains of is heard as it says it.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Read, Write as _},
    process::{Child, ChildStdin},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
};

use super::{children, patience, process::Program};
use crate::kernel::Result;

/// What is heard of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A line of its standard output.
    Line(String),
    /// A line of its standard error.
    Complaint(String),
    /// Both are closed: nothing more comes.
    End,
}

/// A program that answers.
pub struct Dialogue {
    name: OsString,
    child: Child,
    input: Option<ChildStdin>,
    heard: Receiver<Heard>,
    _watched: children::Watched,
}

impl Dialogue {
    /// Starts it.
    pub fn start(program: &Program) -> Result<Self> {
        patience::limit(program.name())?;
        let mut child = program.clone().stdin(Vec::new()).spawn()?;
        let watched = children::watch_idle(&child);
        let (send, heard) = channel();
        listen(child.stdout.take(), send.clone(), Heard::Line);
        listen(child.stderr.take(), send, Heard::Complaint);
        Ok(Self { name: program.name().to_owned(), input: child.stdin.take(), child, heard, _watched: watched })
    }

    /// Whether it can be asked: it hasn't ended, and its input is open.
    pub fn is_open(&mut self) -> bool {
        self.input.is_some() && matches!(self.child.try_wait(), Ok(None))
    }

    /// Says a line. One that has ended meanwhile doesn't take it: that is heard.
    pub fn say(&mut self, line: &str) {
        let taken = self.input.as_mut().map(|input| input.write_all(format!("{line}\n").as_bytes()).and_then(|()| input.flush()));
        if !matches!(taken, Some(Ok(()))) {
            self.input = None;
        }
    }

    /// Nothing more is said: it answers what it was asked, and ends.
    pub fn close(&mut self) {
        self.input = None;
    }

    /// What comes next. Where the thread's patience has a limit, silence is an error.
    pub fn hear(&mut self) -> Result<Heard> {
        let Some(limit) = patience::limit(&self.name)? else { return Ok(self.heard.recv().unwrap_or(Heard::End)) };
        match self.heard.recv_timeout(limit) {
            Err(RecvTimeoutError::Timeout) => Err(patience::gave_up(&self.name, limit)),
            heard => Ok(heard.unwrap_or(Heard::End)),
        }
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        self.close();
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes a pipe's lines on until it ends, or nobody listens any more.
fn listen(pipe: Option<impl Read + Send + 'static>, to: Sender<Heard>, heard: impl Fn(String) -> Heard + Send + 'static) {
    std::thread::spawn(move || {
        let mut lines = pipe.map(BufReader::new);
        let mut line = Vec::new();
        while let Some(pipe) = &mut lines {
            line.clear();
            // A pipe that breaks has ended.
            if pipe.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
                return;
            }
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            if to.send(heard(text)).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn line(text: &str) -> Heard {
        Heard::Line(text.into())
    }

    #[test]
    fn it_answers_as_often_as_it_is_asked_and_its_end_is_heard() {
        let mut cat = Dialogue::start(&Program::new("cat")).unwrap();
        for text in ["one", "Zoë", ""] {
            cat.say(text);
            assert_eq!(cat.hear().unwrap(), line(text));
        }
        assert!(cat.is_open());
        cat.close();
        assert_eq!((cat.hear().unwrap(), cat.is_open()), (Heard::End, false));
    }

    #[test]
    fn complaints_are_heard_and_one_that_has_ended_takes_nothing() {
        let mut short = Dialogue::start(&Program::shell("read x; echo \"no $x\" >&2")).unwrap();
        short.say("way");
        assert_eq!(short.hear().unwrap(), Heard::Complaint("no way".into()));
        assert_eq!(short.hear().unwrap(), Heard::End);
        short.say("more");
        assert_eq!(short.hear().unwrap(), Heard::End);
        assert!(!short.is_open());
    }

    #[test]
    fn silence_has_the_limit_that_all_questions_have() {
        let _held = patience::Patience::of(Duration::from_millis(200));
        let mut silent = Dialogue::start(&Program::new("cat")).unwrap();
        assert!(silent.hear().unwrap_err().to_string().contains("did not answer within 0.2 seconds"));
        assert!(Dialogue::start(&Program::new("cat")).is_err(), "it is not asked again");
    }
}
