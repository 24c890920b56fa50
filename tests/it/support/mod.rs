//! What every end-to-end test shares: a scratch folder with its own HOME, git repositories made on the spot, and runs of the real binary.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The fixed time that commands under test see: 2026-01-31 12:00:00 UTC.
pub const CLOCK: &str = "1769860800";

/// A scratch folder, removed when dropped, with an own HOME and a project folder in it.
pub struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    /// A new one.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("xtask-it-").tempdir().expect("make a scratch folder");
        std::fs::create_dir_all(folder.path().join("home")).expect("make HOME");
        std::fs::create_dir_all(folder.path().join("project")).expect("make the project's folder");
        Self { folder }
    }

    /// The scratch folder itself.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The project's folder.
    pub fn project(&self) -> PathBuf {
        self.path().join("project")
    }

    /// Writes a file of the project, making its folders.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.project().join(path);
        std::fs::create_dir_all(path.parent().expect("a path in the project")).expect("make folders");
        std::fs::write(path, text).expect("write a file of the project");
    }

    /// Reads a file of the project.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.project().join(path)).unwrap_or_else(|error| panic!("read {path}: {error}"))
    }

    /// A command in the project's folder with nothing of this process's environment but PATH.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.project()).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path().join("home")).env("XTASK_CLOCK", CLOCK).env("LC_ALL", "C.UTF-8").env("USER", "ann");
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("NO_COLOR", "1")
            .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
            .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Ann").env(format!("GIT_{who}_EMAIL"), "ann@example.invalid");
        }
        for rust in ["CARGO_HOME", "RUSTUP_HOME"] {
            let home = std::env::var_os("HOME").unwrap_or_default();
            let default = Path::new(&home).join(if rust == "CARGO_HOME" { ".cargo" } else { ".rustup" });
            command.env(rust, std::env::var_os(rust).unwrap_or(default.into()));
        }
        command
    }

    /// The program under test, in the project's folder.
    pub fn xtask(&self, args: &[&str]) -> Run {
        let mut command = self.command(env!("CARGO_BIN_EXE_xtask"));
        command.args(args);
        Run::of(&mut command)
    }

    /// Git in the project's folder; it must succeed.
    pub fn git(&self, args: &[&str]) -> String {
        let run = Run::of(self.command("git").args(args));
        assert_eq!(run.code, Some(0), "git {args:?}: {}", run.stderr);
        run.stdout.trim_end().to_owned()
    }

    /// Makes the project's folder a repository with everything in it committed.
    pub fn commit_all(&self, message: &str) -> String {
        if !self.project().join(".git").exists() {
            self.git(&["init", "--quiet", "--initial-branch=main"]);
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }
}

/// What a command left.
#[derive(Debug)]
pub struct Run {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        Self { code: status.code(), stdout: String::from_utf8_lossy(&stdout).into_owned(), stderr: String::from_utf8_lossy(&stderr).into_owned() }
    }

    /// Asserts the exit code, showing everything when it differs.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The JSON document on standard output.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr))
    }
}
