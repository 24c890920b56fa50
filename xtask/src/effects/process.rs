//! Child processes. The one place that starts programs: captured, streamed line by line, or handed the terminal.

use std::{
    ffi::{OsStr, OsString},
    io::{BufRead as _, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use xshell::Shell;

pub use super::words::words;
use super::{children, crash, patience, words::quoted};
use crate::kernel::{Context as _, Error, Event, Events, Kind, Result};

/// A program to run. Build it up, then choose how to run it.
#[derive(Clone, Debug)]
pub struct Program {
    name: OsString,
    args: Vec<OsString>,
    folder: Option<PathBuf>,
    clear: bool,
    env: Vec<(OsString, Option<OsString>)>,
    stdin: Option<Vec<u8>>,
    query: bool,
    group: Option<PathBuf>,
}

/// What a captured program left.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Exit status.
    pub status: ExitStatus,
    /// Standard output, byte for byte.
    pub stdout: Vec<u8>,
    /// Standard error, byte for byte.
    pub stderr: Vec<u8>,
}

impl Captured {
    /// Standard output as text, without the last line end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches(['\n', '\r']).to_owned()
    }

    /// Standard error as text, trimmed.
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }
}

impl Program {
    /// A program by name (looked up in PATH) or path.
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        Self { name: name.as_ref().into(), args: Vec::new(), folder: None, clear: false, env: Vec::new(), stdin: None, query: false, group: None }
    }

    /// Its name, as it was given.
    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    /// A line for the system's shell.
    pub fn shell(line: &str) -> Self {
        if cfg!(windows) { Self::new("cmd").args(["/C", line]) } else { Self::new("sh").args(["-c", line]) }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().into()));
        self
    }

    /// The folder to run in.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Starts from an empty environment instead of this process's.
    #[must_use]
    pub fn clear_env(mut self) -> Self {
        self.clear = true;
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().into(), Some(value.as_ref().into())));
        self
    }

    /// Takes a variable out.
    #[must_use]
    pub fn unset(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().into(), None));
        self
    }

    /// Feeds bytes to its standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Only asks: it changes nothing, so that no crash point follows it.
    #[must_use]
    pub fn query(mut self) -> Self {
        self.query = true;
        self
    }

    /// Gives it a process group of its own, noted in this file while it runs: what it starts ends with it, also when this program is killed and
    /// the next run calls [`children::end_left`].
    #[must_use]
    pub fn group(mut self, note: &Path) -> Self {
        self.group = Some(note.into());
        self
    }

    fn point(&self) {
        if !self.query {
            crash::point(&format!("run {}", self.name.to_string_lossy()));
        }
    }

    /// `git rev-parse HEAD`: for messages; never holds the environment.
    pub fn line(&self) -> String {
        let words = std::iter::once(&self.name).chain(&self.args).map(|word| quoted(&word.to_string_lossy()));
        words.collect::<Vec<_>>().join(" ")
    }

    /// Runs it and keeps what it prints, whatever its exit status.
    pub fn capture(&self) -> Result<Captured> {
        if let Some(limit) = patience::limit(&self.name)? {
            return self.capture_within(limit);
        }
        let mut child = self.start(Stdio::piped(), Stdio::piped())?;
        let _watched = children::watch(&child, None)?;
        let input = self.feed(&mut child);
        let output = child.wait_with_output().context(|| format!("run `{}`", self.line()))?;
        drop(input);
        self.point();
        tracing::debug!(line = self.line(), status = %output.status, "ran");
        Ok(Captured { status: output.status, stdout: output.stdout, stderr: output.stderr })
    }

    /// The same with an end: when the time is up it goes, and all that it started.
    fn capture_within(&self, limit: Duration) -> Result<Captured> {
        let mut child = self.spawn_as(true, Stdio::piped(), Stdio::piped())?;
        let _watched = children::watch_group(&child);
        drop(self.feed(&mut child));
        match patience::answer(&mut child, limit) {
            Some((status, stdout, stderr)) => {
                self.point();
                Ok(Captured { status, stdout, stderr })
            }
            None => {
                children::end(&mut child);
                Err(patience::gave_up(&self.name, limit))
            }
        }
    }

    /// Runs it; an exit status other than 0 is an error that shows the end of what it printed.
    pub fn read(&self) -> Result<String> {
        let captured = self.capture()?;
        if captured.status.success() { Ok(captured.text()) } else { Err(self.failed(captured.status, &captured.error_text())) }
    }

    /// Runs it, passing each line that it prints on as an event; an exit status other than 0 is an error.
    pub fn stream(&self, events: &Events) -> Result<()> {
        let heard = events.clone();
        self.streamed(events, move |pipe, from| pass_on(pipe, from, &heard)).map(drop)
    }

    /// The same, but standard output is kept whole and given back.
    pub fn stream_captured(&self, events: &Events) -> Result<String> {
        self.streamed(events, |mut pipe, _| {
            let mut bytes = Vec::new();
            // A pipe that breaks ends the output; the exit status says how it went.
            let _ = pipe.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }

    fn streamed(&self, events: &Events, stdout: impl FnOnce(std::process::ChildStdout, &str) -> String + Send) -> Result<String> {
        let mut child = self.start(Stdio::piped(), Stdio::piped())?;
        let _watched = children::watch(&child, self.group.as_deref())?;
        let input = self.feed(&mut child);
        let from = Path::new(&self.name).file_name().unwrap_or(&self.name).to_string_lossy().into_owned();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (outs, errs) = std::thread::scope(|scope| {
            let outs = scope.spawn(|| out.map(|pipe| stdout(pipe, &from)));
            let errs = scope.spawn(|| err.map(|pipe| pass_on(pipe, &from, events)));
            (outs.join().ok().flatten().unwrap_or_default(), errs.join().ok().flatten().unwrap_or_default())
        });
        let status = child.wait().context(|| format!("wait for `{}`", self.line()))?;
        drop(input);
        self.point();
        if status.success() { Ok(outs) } else { Err(self.failed(status, if errs.is_empty() { &outs } else { &errs })) }
    }

    /// Starts it and returns: its lines become events, and [`Background::ended`] says when and how it ended.
    pub fn background(&self, events: &Events) -> Result<Background> {
        let mut child = self.start(Stdio::piped(), Stdio::piped())?;
        drop(child.stdin.take());
        let from = Path::new(&self.name).file_name().unwrap_or(&self.name).to_string_lossy().into_owned();
        let listen = |pipe: Option<Box<dyn Read + Send>>| {
            let (from, events) = (from.clone(), events.clone());
            std::thread::spawn(move || pipe.map(|pipe| pass_on(pipe, &from, &events)).unwrap_or_default())
        };
        let out = listen(child.stdout.take().map(|pipe| Box::new(pipe) as _));
        let err = listen(child.stderr.take().map(|pipe| Box::new(pipe) as _));
        crash::point(&format!("start {}", self.name.to_string_lossy()));
        let watched = children::watch(&child, None)?;
        Ok(Background { program: self.clone(), child, listeners: vec![err, out], _watched: watched })
    }

    /// Hands it the terminal, what is typed there too, and waits.
    pub fn interactive(&self) -> Result<ExitStatus> {
        let mut child = self.command()?.stdin(Stdio::inherit()).spawn().map_err(|error| self.not_started(error))?;
        let status = child.wait().context(|| format!("wait for `{}`", self.line()))?;
        self.point();
        Ok(status)
    }

    /// The same, but what it prints goes to standard error: standard output is left to this program's own result.
    pub fn interactive_beside(&self) -> Result<ExitStatus> {
        let mut child = self.start(std::io::stderr().into(), Stdio::inherit())?;
        let status = child.wait().context(|| format!("wait for `{}`", self.line()))?;
        self.point();
        Ok(status)
    }

    /// Becomes this program, where the system can; else runs it with the terminal and ends with its exit code. Returns only when it can't start.
    pub fn become_it(&self) -> Error {
        let mut command = match self.command() {
            Ok(command) => command,
            Err(error) => return error,
        };
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt as _;
            crash::point(&format!("become {}", self.name.to_string_lossy()));
            self.not_started(command.exec())
        }
        #[cfg(not(unix))]
        match command.status() {
            Ok(status) => leave(status.code().unwrap_or(1)),
            Err(error) => self.not_started(error),
        }
    }

    /// Runs it and hands its standard output over as a stream; ends it when it takes longer than `limit`. What it said on standard error is part of
    /// the error when it fails.
    pub fn pipe<T>(&self, limit: Duration, read: impl FnOnce(std::process::ChildStdout) -> Result<T>) -> Result<T> {
        patience::limit(&self.name)?;
        let mut child = self.spawn_as(true, Stdio::piped(), Stdio::piped())?;
        let _watched = children::watch_group(&child);
        let (out, err) = (child.stdout.take().context(|| "take the pipe".into())?, child.stderr.take());
        let child = std::sync::Mutex::new(child);
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let running = &child;
        let (value, message, late) = std::thread::scope(|scope| {
            let late = scope.spawn(move || {
                let late = wait.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
                // It may have ended just now: then there is nothing to end.
                let _ = late.then(|| running.lock().map(|mut child| children::end(&mut child)));
                late
            });
            let errors = scope.spawn(|| {
                let mut text = Vec::new();
                // What can't be read of it is missing from a message, no more.
                let _ = err.map(|pipe| pipe.take(64 * 1024).read_to_end(&mut text));
                text
            });
            let value = read(out);
            let message = errors.join().unwrap_or_default();
            drop(done);
            (value, message, late.join().unwrap_or_default())
        });
        let mut child = child.into_inner().map_err(|_| Error::unexpected(format!("run `{}`", self.line())))?;
        let status = child.wait().context(|| format!("wait for `{}`", self.line()))?;
        crash::point(&format!("run {}", self.name.to_string_lossy()));
        match (late, status.success()) {
            (true, _) => Err(patience::gave_up(&self.name, limit)),
            (false, true) => value,
            (false, false) => Err(self.failed(status, String::from_utf8_lossy(&message).trim())),
        }
    }

    /// Starts it with its standard output as a pipe, for streams that don't fit in memory. Its standard error is captured by the caller.
    pub fn spawn(&self) -> Result<std::process::Child> {
        self.start(Stdio::piped(), Stdio::piped())
    }

    /// Starts it with its standard input as a pipe, for streams that don't fit in memory. What it prints is thrown away, its standard error is captured by the caller.
    pub fn spawn_writing(&self) -> Result<std::process::Child> {
        let mut command = self.command()?;
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().map_err(|error| self.not_started(error))
    }

    fn start(&self, stdout: Stdio, stderr: Stdio) -> Result<std::process::Child> {
        self.spawn_as(self.group.is_some(), stdout, stderr)
    }

    /// `leader`: it leads a process group of its own.
    fn spawn_as(&self, leader: bool, stdout: Stdio, stderr: Stdio) -> Result<std::process::Child> {
        let mut command = self.command()?;
        command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() }).stdout(stdout).stderr(stderr);
        #[cfg(unix)]
        if leader {
            use std::os::unix::process::CommandExt as _;
            command.process_group(0);
        }
        command.spawn().map_err(|error| self.not_started(error))
    }

    fn not_started(&self, error: std::io::Error) -> Error {
        let name = self.name.to_string_lossy();
        if error.kind() == std::io::ErrorKind::NotFound && self.folder.as_ref().is_none_or(|folder| folder.is_dir()) {
            return Error::new(Kind::Unexpected, format!("the program `{name}` was not found")).hint(format!("install `{name}`, or put it on the PATH"));
        }
        Error::unexpected(format!("start `{}`", self.line())).caused_by(error)
    }

    fn feed(&self, child: &mut std::process::Child) -> Option<std::thread::JoinHandle<()>> {
        let (bytes, mut pipe) = (self.stdin.clone()?, child.stdin.take()?);
        // A program may stop reading early: that is its business, and its exit status tells.
        Some(std::thread::spawn(move || drop(pipe.write_all(&bytes))))
    }

    fn command(&self) -> Result<Command> {
        let shell = Shell::new().context(|| "find the current folder".into())?;
        if let Some(folder) = &self.folder {
            shell.change_dir(folder);
        }
        let command = shell.cmd(&self.name).args(&self.args);
        let command = if self.clear { command.env_clear() } else { command };
        let command = self.env.iter().fold(command, |command, (name, value)| match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        });
        Ok(command.into())
    }

    fn failed(&self, status: ExitStatus, output: &str) -> Error {
        let lines: Vec<_> = output.lines().collect();
        let end = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n");
        // Ctrl-C goes to all programs of a terminal; whoever learns of it first, it is an interrupt.
        let kind = if was_told_to_end(status) { Kind::Interrupted } else { Kind::Unexpected };
        let error = Error::new(kind, format!("`{}` failed ({status})", self.line()));
        let error = remedies(status, output).into_iter().fold(error, Error::hint);
        if end.is_empty() { error } else { error.caused_by(end) }
    }
}

/// What to do about failures that every program has in common.
fn remedies(status: ExitStatus, output: &str) -> Vec<&'static str> {
    const NOT_FOUND: [i32; 2] = [127, 9009];
    let full = ["No space left on device", "Disk quota exceeded", "There is not enough space on the disk"].iter().any(|words| output.contains(words));
    let missing = status.code().is_some_and(|code| NOT_FOUND.contains(&code));
    let full = full.then_some("make room, then give the same command again; XTASK_BUILD_DIR names another folder to build in");
    full.into_iter().chain(missing.then_some("install the program that was not found, or put it on the PATH")).collect()
}

/// Whether a program was killed from outside, for want of memory or patience: what can be given again is worth another try.
pub fn was_killed(error: &Error) -> bool {
    // As the standard library words it, in what [`Program::failed`] says.
    error.chain().contains("(signal: 9 (SIGKILL))")
}

#[cfg(unix)]
fn was_told_to_end(status: ExitStatus) -> bool {
    use rustix::process::Signal;
    use std::os::unix::process::ExitStatusExt as _;
    status.signal().is_some_and(|signal| [Signal::INT, Signal::TERM, Signal::HUP].iter().any(|end| end.as_raw() == signal))
}

#[cfg(not(unix))]
fn was_told_to_end(_: ExitStatus) -> bool {
    false
}

/// A program that runs beside this one. It is ended when this is dropped.
pub struct Background {
    program: Program,
    child: std::process::Child,
    listeners: Vec<std::thread::JoinHandle<String>>,
    _watched: children::Watched,
}

impl Background {
    /// How it ended, once it has; an exit status other than 0 is an error that shows the end of what it printed.
    pub fn ended(&mut self) -> Option<Result<()>> {
        let status = match self.child.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status,
            Err(error) => return Some(Err(error).context(|| format!("wait for `{}`", self.program.line()))),
        };
        let printed: Vec<_> = self.listeners.drain(..).filter_map(|listener| listener.join().ok()).filter(|text| !text.is_empty()).collect();
        crash::point(&format!("run {}", self.program.name.to_string_lossy()));
        Some(if status.success() { Ok(()) } else { Err(self.program.failed(status, &printed.first().cloned().unwrap_or_default())) })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(not(unix))]
#[expect(clippy::exit, reason = "this process stands for the program that has just ended")]
fn leave(code: i32) -> ! {
    std::process::exit(code);
}

fn pass_on(pipe: impl Read, from: &str, events: &Events) -> String {
    const KEPT: usize = 40;
    let mut last = std::collections::VecDeque::new();
    for line in BufReader::new(pipe).split(b'\n').map_while(std::io::Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
        events.emit(Event::Output { from: from.into(), line: line.clone() });
        last.push_back(line);
        if last.len() > KEPT {
            last.pop_front();
        }
    }
    Vec::from(last).join("\n")
}

/// Where a program lies, if it is on the PATH.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let endings: &[&str] = if cfg!(windows) { &[".exe", ".cmd", ".bat", ""] } else { &[""] };
    std::env::split_paths(&path)
        .flat_map(|folder| endings.iter().map(move |ending| folder.join(format!("{name}{ending}"))))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_what_it_printed() {
        let error = Program::shell("echo out; echo no such thing >&2; exit 3").read().unwrap_err();
        assert!(error.chain().contains("no such thing"), "{}", error.chain());
    }

    #[cfg(unix)]
    #[test]
    fn what_every_program_has_in_common_has_a_remedy() {
        let hints = |line: &str| Program::shell(line).read().unwrap_err().hints().join(" ");
        assert!(hints("surely-not-there --version").contains("not found"));
        assert!(hints("echo 'fatal: write error: No space left on device' >&2; exit 128").contains("XTASK_BUILD_DIR"));
        assert_eq!(hints("exit 3"), "");
    }

    #[test]
    fn a_killed_program_is_known() {
        assert!(was_killed(&Program::shell("kill -9 $$").read().unwrap_err()));
        assert!(!was_killed(&Program::shell("exit 9").read().unwrap_err()));
    }

    #[test]
    fn a_missing_program_says_so() {
        let error = Program::new("surely-not-there").read().unwrap_err();
        assert!(error.to_string().contains("surely-not-there") && !error.hints().is_empty());
    }
}
