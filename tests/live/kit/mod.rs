//! What live tests share: images made once, a throw-away compose stack with its own name, ports and HOME, and cleaning up after failures too.

use std::{
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

use crate::support::{Run, Scratch};

/// Which Compose a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compose {
    /// `docker-compose` 1.29
    V1,
    /// `docker compose` 2
    V2,
}

impl Compose {
    /// The words that start it; also what `XTASK_COMPOSE` takes.
    pub fn words(self) -> &'static str {
        match self {
            Self::V1 => "docker-compose",
            Self::V2 => "docker compose",
        }
    }
}

/// True when a Docker engine answers and the images are there. Else says so, loudly; under `XTASK_CI_STRICT=1` it fails.
pub fn engine() -> bool {
    static READY: OnceLock<Result<(), String>> = OnceLock::new();
    let ready = READY.get_or_init(|| {
        answers(&mut docker(&["version", "--format", "{{.Server.Version}}"])).map_err(|why| format!("no Docker engine: {why}"))?;
        answers(&mut Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/live/images.sh"))).map_err(|why| format!("no images: {why}"))
    });
    ready.as_ref().map_err(|why| skipped(why)).is_ok()
}

/// True when that Compose is here too.
pub fn has(compose: Compose) -> bool {
    let mut words = compose.words().split(' ');
    let version = answers(Command::new(words.next().unwrap()).args(words).arg("version"));
    engine() && version.map_err(|why| skipped(&format!("no `{}`: {why}", compose.words()))).is_ok()
}

/// Says that a test was skipped, and why.
pub fn skipped(why: &str) {
    assert!(std::env::var_os("XTASK_CI_STRICT").is_none_or(|strict| strict != "1"), "a live test can't run here: {why}");
    eprintln!("SKIPPED: {why}");
}

fn answers(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

/// A docker command.
pub fn docker(args: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.args(args);
    command
}

/// A name that no other test, run or person has.
pub fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("xtask-live-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A port that was free a moment ago.
pub fn port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until something holds, at most so many seconds.
#[track_caller]
pub fn until(seconds: u64, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !holds() {
        assert!(Instant::now() < deadline, "waited {seconds} s in vain for: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A throw-away stack: the runbook's compose file with the images made here, quick healthchecks, and names and ports of its own.
/// Dropping it removes containers, volumes and networks.
pub struct Stack {
    /// The project's folder, HOME and so on.
    pub scratch: Scratch,
    /// The compose project's name.
    pub name: String,
    /// Which Compose.
    pub compose: Compose,
    /// FalkorDB's port on loopback.
    pub falkordb: u16,
    /// The stand-in's port on loopback.
    pub graphiti: u16,
}

impl Stack {
    /// The runbook's stack with FalkorDB 4.16.3 and the good stand-in, not started; nothing where the machine can't (said so).
    pub fn new(compose: Compose) -> Option<Self> {
        if !has(compose) {
            return None;
        }
        let stack = Self { scratch: Scratch::new(), name: unique(), compose, falkordb: port(), graphiti: port() };
        stack.write_compose(include_str!("../../fixtures/runbook/docker-compose.yml"));
        stack.pin("4.16.3", "1.0.0");
        stack.configure("");
        Some(stack)
    }

    /// The same with the data mounted where the server keeps it, as after `services harden`.
    pub fn hardened(compose: Compose) -> Option<Self> {
        let stack = Self::new(compose)?;
        let text = stack.scratch.read("docker-compose.yml").replace("falkordb_data:/data", "falkordb_data:/var/lib/falkordb/data");
        stack.scratch.write("docker-compose.yml", text);
        Some(stack)
    }

    /// Writes a compose file, adapted: images made here, container names of this stack, short intervals. The stand-in is a first process that doesn't
    /// listen to SIGTERM: it is killed after one second and not after ten.
    pub fn write_compose(&self, text: &str) {
        let text = text.replace("  graphiti-mcp:\n    image:", "  graphiti-mcp:\n    stop_grace_period: 1s\n    image:");
        let text = text.replace("image: falkordb/", "image: xtask-live/").replace("container_name: auto-codex", &format!("container_name: {}", self.name));
        self.scratch.write("docker-compose.yml", text.replace("interval: 10s", "interval: 1s").replace("start_period: 20s", "start_period: 2s"));
    }

    /// Writes the `.env` beside the compose file.
    pub fn pin(&self, falkordb: &str, graphiti: &str) {
        let (first, second) = (self.falkordb, self.graphiti);
        self.scratch.write(
            ".env",
            format!("# pins\nFALKORDB_IMAGE_TAG={falkordb}\nGRAPHITI_MCP_IMAGE_TAG={graphiti}\nFALKORDB_PORT={first}\nGRAPHITI_MCP_PORT={second}\n"),
        );
    }

    /// Writes `xtask.toml`: the stack, and whatever is added (e.g. `[[backup]]` tables).
    pub fn configure(&self, more: &str) {
        let (name, port) = (&self.name, self.graphiti);
        self.scratch.write(
            "xtask.toml",
            format!(
                "schema = 1\n[project]\nname = \"rocket\"\n[version]\ntag = \"v{{version}}\"\n[services]\ncompose = \"docker-compose.yml\"\nproject = \"{name}\"\nwait = 40\n\
                 [[services.probe]]\nservice = \"graphiti-mcp\"\nhttp = \"http://127.0.0.1:{port}/health\"\n{more}"
            ),
        );
    }

    /// Adapts a command to this stack: the Compose to use.
    pub fn adapt<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("XTASK_COMPOSE", self.compose.words()).env_remove("XTASK_CLOCK")
    }

    /// Runs the program under test in the project.
    pub fn xtask(&self, args: &[&str]) -> Run {
        self.xtask_env(args, &[])
    }

    /// The same with more environment.
    pub fn xtask_env(&self, args: &[&str], env: &[(&str, &str)]) -> Run {
        let mut command = self.scratch.command(env!("CARGO_BIN_EXE_xtask"));
        Run::of(self.adapt(&mut command).args(args).envs(env.iter().copied()))
    }

    /// Runs Compose itself in the project.
    pub fn compose(&self, args: &[&str]) -> Run {
        let mut words = self.compose.words().split(' ');
        let mut command = self.scratch.command(words.next().unwrap());
        Run::of(command.args(words).args(["-p", &self.name]).args(args))
    }

    /// The container's name of a service of the runbook's file.
    pub fn container(&self, service: &str) -> String {
        format!("{}-{service}", self.name)
    }

    /// The volume's real name.
    pub fn volume(&self) -> String {
        format!("{}_falkordb_data", self.name)
    }

    /// Runs redis-cli in FalkorDB's container.
    #[track_caller]
    pub fn redis(&self, words: &[&str]) -> String {
        let mut command = docker(&["exec", &self.container("falkordb"), "redis-cli"]);
        let run = Run::of(command.args(words));
        assert_eq!(run.code, Some(0), "redis-cli {words:?}: {}", run.stderr);
        run.stdout.trim_end().to_owned()
    }

    /// One value of `docker inspect`, empty where there is no such thing.
    pub fn inspect(&self, what: &str, format: &str) -> String {
        Run::of(&mut docker(&["inspect", "--format", format, what])).stdout.trim_end().to_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let kept = Run::of(&mut docker(&["images", "--format", "{{.Repository}}:{{.Tag}}", &format!("xtask-kept/{}/*", self.name)])).stdout;
        if !kept.trim().is_empty() {
            Run::of(docker(&["rmi", "--no-prune"]).args(kept.split_whitespace()));
        }
        let label = format!("label=com.docker.compose.project={}", self.name);
        for (list, remove) in [
            (["ps", "-aq", "--filter", &label].as_slice(), ["rm", "-fv"].as_slice()),
            (&["network", "ls", "-q", "--filter", &label], &["network", "rm"]),
            (&["volume", "ls", "-q", "--filter", &label], &["volume", "rm", "-f"]),
        ] {
            let found = Run::of(&mut docker(list)).stdout;
            if !found.trim().is_empty() {
                Run::of(docker(remove).args(found.split_whitespace()));
            }
        }
    }
}
