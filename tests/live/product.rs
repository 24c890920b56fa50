//! `rollback --to` of a whole product on a real engine: services, application and releases in one command; back when the target is not healthy;
//! gone on with after SIGKILL; undone.

use std::process::Command;

use crate::{
    kit::{Compose, Stack, skipped, until},
    support::Run,
};

/// A stack with a configuration that releases and installs it.
fn stack() -> Option<Stack> {
    let stack = Stack::hardened(Compose::V2)?;
    stack.pin("4.16.3", "1.0.0");
    let text = stack.scratch.read("docker-compose.yml").replace("curl -s -o /dev/null http://localhost:8000/", "curl -fsS http://localhost:8000/health");
    stack.scratch.write("docker-compose.yml", text.replace("timeout: 5s", "timeout: 1s").replace("retries: 5", "retries: 2"));
    stack.configure("");
    let config = stack.scratch.read("xtask.toml").replace("[[services.probe]]", "soak = 1\n[[services.probe]]");
    let more = "[[version.source]]\nfile = \"VERSION\"\n[[artifact]]\nname = \"rocket\"\nfiles = [\"VERSION\"]\n[install]\nto = \"{home}/apps\"\n";
    stack.scratch.write("xtask.toml", format!("{config}{more}"));
    stack.scratch.write(".gitignore", "/.xtask/\n/target/\n/.env\n/backups/\n/logs/\n");
    Some(stack)
}

/// Releases a version with that graphiti-mcp, and lets it run.
fn release(stack: &Stack, version: &str, graphiti: &str) {
    stack.pin("4.16.3", graphiti);
    stack.scratch.write("VERSION", format!("{version}\n"));
    stack.scratch.commit_all(version);
    stack.scratch.git(&["tag", &format!("v{version}")]);
    stack.xtask(&["release", "--tag", &format!("v{version}")]).exits(0);
}

/// What is live: graphiti-mcp's image, latest, installed.
fn live(stack: &Stack) -> [String; 3] {
    let latest = stack.scratch.read("target/releases/.latest").trim().to_owned();
    let installed = std::fs::read_link(stack.scratch.path().join("home/apps/current")).unwrap().to_string_lossy().into_owned();
    [stack.inspect(&stack.container("graphiti-mcp"), "{{.Config.Image}} {{.State.Health.Status}}"), latest, installed]
}

fn is(image: &str, tag: &str) -> [String; 3] {
    [format!("xtask-live/graphiti-mcp:{image} healthy"), tag.into(), format!("versions/{tag}")]
}

/// A product whose v1.0.0 had that graphiti-mcp, and whose v1.1.0 is live and healthy.
fn live_stack(graphiti: &str) -> Option<Stack> {
    let stack = stack()?;
    release(&stack, "1.0.0", graphiti);
    release(&stack, "1.1.0", "1.0.1");
    stack.xtask(&["services", "up"]).exits(0);
    stack.xtask(&["install"]).exits(0);
    assert_eq!(live(&stack), is("1.0.1", "v1.1.0"));
    Some(stack)
}

fn nothing_pending(stack: &Stack) {
    let status = stack.xtask(&["status", "--json"]).exits(0).json();
    assert!(status["data"]["pending"].as_array().unwrap().is_empty(), "{status:#}");
}

#[test]
fn services_application_and_releases_go_back_together_and_forth_again() {
    let Some(stack) = live_stack("1.0.0") else { return };
    let ready = stack.xtask(&["check", "--only", "rollback"]).exits(0);
    assert!(ready.stderr.contains("v1.0.0: complete") && !ready.stderr.contains("warning"), "{}", ready.stderr);
    let plan = stack.xtask(&["rollback", "--to", "v1.0.0", "--dry-run"]).exits(0).stdout;
    assert!(plan.contains("graphiti-mcp: xtask-live/graphiti-mcp:1.0.1 → xtask-live/graphiti-mcp:1.0.0 (here)"), "{plan}");
    assert_eq!(live(&stack), is("1.0.1", "v1.1.0"));

    let log = stack.scratch.path().join("effects");
    let done = stack.xtask_env(&["rollback", "--to", "v1.0.0", "--yes", "--json"], &[("XTASK_TEST_CRASH_LOG", &log.to_string_lossy())]).exits(0).json();
    let effects = std::fs::read_to_string(log).unwrap().lines().count();
    assert_eq!(done["data"]["done"], serde_json::json!(["releases", "services", "app"]), "{done:#}");
    assert_eq!(live(&stack), is("1.0.0", "v1.0.0"));
    let again = stack.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(0).stdout;
    assert!(again.contains("live already"), "{again}");
    stack.xtask(&["rollback", "--undo", "--yes"]).exits(0);
    assert_eq!(live(&stack), is("1.0.1", "v1.1.0"));

    // Killed while services are switched, and while the application is: forth and back.
    for (k, back) in [(effects / 2, false), (effects * 5 / 8, true), (effects * 3 / 4, false), (effects * 5 / 6, true)] {
        let killed = stack.xtask_env(&["rollback", "--to", "v1.0.0", "--yes"], &[("XTASK_TEST_CRASH_AFTER", &k.to_string())]);
        // Polling makes the number of effects differ from run to run.
        let ended = killed.code == Some(0);
        assert!(ended || killed.code.is_none(), "effect {k}: {}", killed.stderr);
        let status = stack.xtask(&["status", "--json"]).json();
        let pending = status["data"]["pending"].as_array().unwrap().iter().any(|one| one["name"] == "rollback");
        assert_eq!(status["data"]["pending"].as_array().unwrap().len(), usize::from(pending), "one piece of work, one command: {status:#}");
        let whole = [is("1.0.1", "v1.1.0"), is("1.0.0", "v1.0.0")].contains(&live(&stack));
        assert!(pending || ended || whole, "effect {k}: {status:#}");
        if !back || !pending && !ended {
            stack.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(0);
            assert_eq!(live(&stack), is("1.0.0", "v1.0.0"), "effect {k}");
        }
        stack.xtask(&["rollback", "--undo", "--yes"]).exits(0);
        assert_eq!(live(&stack), is("1.0.1", "v1.1.0"), "effect {k}");
        nothing_pending(&stack);
    }
}

#[test]
fn a_target_that_is_not_healthy_leaves_everything_as_it_was() {
    // Healthy at first, for six seconds: only who watches for a while (`services.soak`) finds out.
    let Some(stack) = live_stack("sick-after") else { return };
    stack.scratch.write("xtask.toml", stack.scratch.read("xtask.toml").replace("soak = 1", "soak = 12"));
    stack.scratch.commit_all("watch longer");
    let run = stack.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(7);
    assert!(run.stderr.contains("watching for 12 s") && run.stderr.contains("returned error: 503"), "the reason is told: {}", run.stderr);
    assert!(run.stderr.contains("the previous images are back, healthy") && run.stderr.contains("application and forge were not touched"), "{}", run.stderr);
    assert_eq!(live(&stack), is("1.0.1", "v1.1.0"));
    nothing_pending(&stack);
    let history = stack.xtask(&["history"]).stdout;
    assert!(history.lines().any(|line| line.contains("rollback") && line.contains("reverted")), "{history}");
    // The rest can still go back alone.
    stack.xtask(&["rollback", "--to", "v1.0.0", "--only", "releases,app", "--yes"]).exits(0);
    assert_eq!(live(&stack)[1..], is("1.0.1", "v1.0.0")[1..]);
}

#[test]
fn an_image_that_cannot_be_had_is_told_beforehand_and_changes_nothing() {
    let Some(stack) = live_stack("9.9.9") else { return };
    let check = stack.xtask(&["check", "--only", "rollback"]);
    assert!(check.stderr.contains("v1.0.0: xtask-live/graphiti-mcp:9.9.9 is neither here nor can it be pulled"), "{}", check.stderr);
    let started = stack.inspect(&stack.container("graphiti-mcp"), "{{.State.StartedAt}}");
    let env = stack.scratch.read(".env");
    let run = stack.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(3);
    assert!(run.stderr.contains("9.9.9 can't be had: nothing was changed") && run.stderr.contains("application and forge were not touched"), "{}", run.stderr);
    assert_eq!((live(&stack), stack.scratch.read(".env")), (is("1.0.1", "v1.1.0"), env));
    assert_eq!(stack.inspect(&stack.container("graphiti-mcp"), "{{.State.StartedAt}}"), started);
    nothing_pending(&stack);
}

/// The project on a file system of its own that can be filled.
struct Small(std::path::PathBuf);

impl Small {
    /// Moves a folder onto it; nothing where this user may not mount (said so).
    fn below(folder: &std::path::Path) -> Option<Self> {
        let aside = folder.with_extension("aside");
        std::fs::rename(folder, &aside).unwrap();
        std::fs::create_dir(folder).unwrap();
        let at = folder.to_str().unwrap();
        let mount =
            |words: &[&str]| Run::of(Command::new(words[0]).args(&words[1..]).args(["-t", "tmpfs", "-o", "size=16m,mode=0777", "tmpfs", at])).code == Some(0);
        if !mount(&["mount"]) && !mount(&["sudo", "-n", "mount"]) {
            skipped("no file system can be mounted to be filled");
            return None;
        }
        Run::of(Command::new("cp").args(["-a", &format!("{}/.", aside.display()), at])).exits(0);
        Some(Self(folder.to_owned()))
    }

    fn fill(&self) {
        Run::of(Command::new("dd").args(["if=/dev/zero", "bs=4k", &format!("of={}/filler", self.0.display())]));
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let unmount = |words: &[&str]| Run::of(Command::new(words[0]).args(&words[1..]).args(["-l", &self.0.to_string_lossy()])).code == Some(0);
        let gone = unmount(&["umount"]) || unmount(&["sudo", "-n", "umount"]);
        assert!(gone || std::thread::panicking(), "the small file system stays mounted: {}", self.0.display());
    }
}

#[test]
fn a_disk_that_fills_changes_nothing_and_cannot_stop_the_way_back() {
    let Some(stack) = live_stack("sick") else { return };
    let Some(small) = Small::below(&stack.scratch.project()) else { return };
    std::fs::write(stack.scratch.project().join(".git/info/exclude"), "filler\n").unwrap();
    let env = stack.scratch.read(".env");
    small.fill();
    let full = stack.xtask(&["rollback", "--to", "v1.0.0", "--yes"]);
    assert!(full.code != Some(0) && full.stderr.contains("No space left"), "{:?} {}", full.code, full.stderr);
    small.empty();
    assert_eq!((live(&stack), stack.scratch.read(".env")), (is("1.0.1", "v1.1.0"), env.clone()));
    nothing_pending(&stack);

    // It fills right after the pins were written, and the target is not healthy: the old pins come back without any room.
    let filled = std::thread::scope(|scope| {
        let filler = scope.spawn(|| {
            until(60, "the new pins", || stack.scratch.read(".env").contains("=sick\n"));
            small.fill();
        });
        let run = stack.xtask(&["rollback", "--to", "v1.0.0", "--yes"]);
        filler.join().unwrap();
        run
    });
    assert_eq!((live(&stack), stack.scratch.read(".env")), (is("1.0.1", "v1.1.0"), env), "{}", filled.stderr);
    assert_eq!(filled.code, Some(7), "{}", filled.stderr);
    assert!(filled.stderr.contains("the previous images are back, healthy"), "{}", filled.stderr);
    small.empty();
    nothing_pending(&stack);
}

/// Redis 8 writes what Redis 7 can't read: refused without `--with-data`, and with it data and image go back, and forth again.
#[test]
fn data_goes_back_with_its_image_only_where_it_is_asked_for() {
    let Some(stack) = crate::rollback::redis("xtask-live/redis:7.0") else { return };
    let config = stack.scratch.read("xtask.toml");
    stack.scratch.write("xtask.toml", format!("{config}[[version.source]]\nfile = \"VERSION\"\n[[artifact]]\nname = \"rocket\"\nfiles = [\"VERSION\"]\n"));
    stack.scratch.write(".gitignore", "/.xtask/\n/target/\n/.env\n/backups/\n");
    let release = |version: &str| {
        stack.scratch.write("VERSION", format!("{version}\n"));
        stack.scratch.commit_all(version);
        stack.scratch.git(&["tag", &format!("v{version}")]);
        stack.xtask(&["release", "--tag", &format!("v{version}")]).exits(0);
    };
    release("1.0.0");
    stack.xtask(&["backup"]).exits(0);
    let compose = stack.scratch.read("docker-compose.yml").replace("redis:7.0", "redis:8.2.3");
    stack.scratch.write("docker-compose.yml", &compose);
    release("1.1.0");
    stack.xtask(&["services", "up"]).exits(0);
    stack.redis(&["SET", "k", "written by 8"]);
    stack.redis(&["SAVE"]);
    let runs = || stack.inspect(&stack.container("falkordb"), "{{.Config.Image}} {{.State.Health.Status}}");
    let refused = stack.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(3);
    assert!(refused.stderr.contains("falkordb can't go back") && refused.stderr.contains("--with-data"), "{}", refused.stderr);
    let check = stack.xtask(&["check", "--only", "rollback"]);
    let tried = stack.xtask(&["rollback", "--to", "v1.0.0", "--with-data", "--dry-run"]);
    assert!(
        check.stderr.contains("a verified backup that it can read is at hand"),
        "{} {} {} {}",
        check.stderr,
        tried.stderr,
        stack.xtask(&["backup", "list", "--json"]).stdout,
        stack.scratch.read("xtask.toml")
    );
    assert_eq!((runs(), stack.redis(&["GET", "k"])), ("xtask-live/redis:8.2.3 healthy".into(), "written by 8".into()));

    // The old image with its old data starts, and is never healthy: image and data of today come back, and both reasons are told.
    let picky = compose.replace("redis-cli ping | grep -q PONG", "redis-cli info server | grep -q redis_version:8");
    assert_ne!(picky, compose);
    stack.scratch.write("docker-compose.yml", &picky);
    let patient = stack.scratch.read("xtask.toml");
    stack.scratch.write("xtask.toml", patient.replace("wait = 40", "wait = 15"));
    stack.xtask(&["services", "up"]).exits(0);
    let failed = stack.xtask(&["rollback", "--to", "v1.0.0", "--with-data", "--yes"]).exits(7);
    for word in ["v1.0.0 was not healthy; the previous images are back, healthy", "its healthcheck (exit 1)", "today's data is back with them"] {
        assert!(failed.stderr.contains(word), "{word} in {}", failed.stderr);
    }
    assert_eq!((runs(), stack.redis(&["GET", "k"])), ("xtask-live/redis:8.2.3 healthy".into(), "written by 8".into()));
    assert_eq!(stack.scratch.read("docker-compose.yml"), picky);
    nothing_pending(&stack);
    stack.scratch.write("docker-compose.yml", &compose);
    stack.scratch.write("xtask.toml", &patient);
    stack.xtask(&["services", "up"]).exits(0);

    stack.xtask(&["rollback", "--to", "v1.0.0", "--with-data", "--yes"]).exits(0);
    assert_eq!((runs(), stack.redis(&["GET", "k"])), ("xtask-live/redis:7.0 healthy".into(), "Zoë".into()));
    stack.xtask(&["rollback", "--undo", "--with-data", "--yes"]).exits(0);
    assert_eq!((runs(), stack.redis(&["GET", "k"])), ("xtask-live/redis:8.2.3 healthy".into(), "written by 8".into()));
    assert_eq!(stack.scratch.read("docker-compose.yml"), compose);
}
