//! `rollback --to` of a whole product on a real engine: services, application and releases in one command; back when the target is not healthy;
//! gone on with after SIGKILL; undone.

use crate::kit::{Compose, Stack};

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

#[test]
fn services_application_and_releases_go_back_together_and_forth_again() {
    let Some(stack) = stack() else { return };
    release(&stack, "1.0.0", "1.0.0");
    release(&stack, "1.1.0", "1.0.1");
    stack.xtask(&["services", "up"]).exits(0);
    stack.xtask(&["install"]).exits(0);
    assert_eq!(live(&stack), is("1.0.1", "v1.1.0"));
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
        let whole = [is("1.0.1", "v1.1.0"), is("1.0.0", "v1.0.0")].contains(&live(&stack));
        assert!(pending || ended || whole, "effect {k}: {status:#}");
        if !back || !pending && !ended {
            stack.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(0);
            assert_eq!(live(&stack), is("1.0.0", "v1.0.0"), "effect {k}");
        }
        stack.xtask(&["rollback", "--undo", "--yes"]).exits(0);
        assert_eq!(live(&stack), is("1.0.1", "v1.1.0"), "effect {k}");
        assert!(stack.xtask(&["status", "--json"]).json()["data"]["pending"].as_array().unwrap().is_empty());
    }
}

#[test]
fn a_target_that_is_not_healthy_leaves_everything_as_it_was() {
    let Some(stack) = stack() else { return };
    release(&stack, "1.0.0", "sick");
    release(&stack, "1.1.0", "1.0.1");
    stack.xtask(&["services", "up"]).exits(0);
    stack.xtask(&["install"]).exits(0);
    let run = stack.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(7);
    assert!(run.stderr.contains("the previous images are back, healthy") && run.stderr.contains("application and forge were not touched"), "{}", run.stderr);
    assert_eq!(live(&stack), is("1.0.1", "v1.1.0"));
    assert!(stack.xtask(&["status", "--json"]).json()["data"]["pending"].as_array().unwrap().is_empty());
    let history = stack.xtask(&["history"]).stdout;
    assert!(history.lines().any(|line| line.contains("rollback") && line.contains("reverted")), "{history}");
    // The rest can still go back alone.
    stack.xtask(&["rollback", "--to", "v1.0.0", "--only", "releases,app", "--yes"]).exits(0);
    assert_eq!(live(&stack)[1..], is("1.0.1", "v1.0.0")[1..]);
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
    stack.xtask(&["rollback", "--to", "v1.0.0", "--with-data", "--yes"]).exits(0);
    assert_eq!((runs(), stack.redis(&["GET", "k"])), ("xtask-live/redis:7.0 healthy".into(), "Zoë".into()));
    stack.xtask(&["rollback", "--undo", "--with-data", "--yes"]).exits(0);
    assert_eq!((runs(), stack.redis(&["GET", "k"])), ("xtask-live/redis:8.2.3 healthy".into(), "written by 8".into()));
    assert_eq!(stack.scratch.read("docker-compose.yml"), compose);
}
