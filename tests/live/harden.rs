//! The runbook's migration on its own stack, in which the data is not in the volume.

use crate::{
    kit::{Compose, Stack, docker},
    support::Run,
};

const BACKUP: &str = "[[backup]]\nname = \"falkordb\"\nservice = \"falkordb\"\nvolume = \"falkordb_data\"\nengine = \"redis\"\n";

fn fill(stack: &Stack) {
    stack.redis(&["GRAPH.QUERY", "g", "UNWIND range(1, 50) AS i CREATE (:A {name: 'Zoë', i: i})"]);
}

fn nodes(stack: &Stack) -> String {
    stack.redis(&["GRAPH.RO_QUERY", "g", "MATCH (n) RETURN count(n)"]).lines().nth(1).unwrap_or_default().trim().to_owned()
}

fn fix_mount(stack: &Stack) {
    let text = stack.scratch.read("docker-compose.yml").replace("falkordb_data:/data", "falkordb_data:/var/lib/falkordb/data");
    stack.scratch.write("docker-compose.yml", text);
}

#[test]
fn data_outside_the_volume_is_saved_and_moved_in() {
    let Some(stack) = Stack::new(Compose::V2) else { return };
    stack.configure(BACKUP);
    stack.xtask(&["services", "up"]).exits(0);
    fill(&stack);
    let check = stack.xtask(&["check", "--only", "services"]).exits(3);
    assert!(check.stderr.contains("writes its data to /var/lib/falkordb/data (the running server says)"), "{}", check.stderr);
    // The compose file itself has to be right first.
    let refused = stack.xtask(&["services", "harden", "--yes"]).exits(3);
    assert!(refused.stderr.contains("mount it where the data is: - falkordb_data:/var/lib/falkordb/data"), "{}", refused.stderr);

    fix_mount(&stack);
    let plan = stack.xtask(&["services", "harden", "--dry-run"]).exits(0).stdout;
    assert!(plan.contains("NOT in its volume"), "{plan}");
    stack.xtask(&["services", "harden"]).exits(2);
    stack.xtask(&["services", "harden", "--yes"]).exits(0);
    assert_eq!((nodes(&stack), stack.redis(&["CONFIG", "GET", "appendonly"])), ("50".into(), "appendonly\nyes".into()));
    stack.xtask(&["services", "down"]).exits(0);
    stack.xtask(&["services", "up"]).exits(0);
    assert_eq!(nodes(&stack), "50", "now the data outlives its container");
}

/// A volume above the data folder: fine where the image filled it; over the server's program it would let nothing start.
#[test]
fn a_volume_above_the_data_folder_is_kept_or_refused() {
    let Some(stack) = Stack::new(Compose::V2) else { return };
    let text = stack.scratch.read("docker-compose.yml");
    let at = |folder: &str| stack.scratch.write("docker-compose.yml", text.replace("falkordb_data:/data", &format!("falkordb_data:{folder}")));
    stack.configure(BACKUP);
    stack.xtask(&["services", "up"]).exits(0);
    fill(&stack);
    at("/var/lib/falkordb");
    let refused = stack.xtask(&["services", "harden", "--yes"]).exits(3);
    for part in ["mounted at /var/lib/falkordb, over /var/lib/falkordb/bin/", "- falkordb_data:/var/lib/falkordb/data", "nothing was changed"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert_eq!(nodes(&stack), "50");
    stack.compose(&["down", "-v"]).exits(0);
    stack.xtask(&["services", "up"]).exits(0);
    fill(&stack);
    let plan = stack.xtask(&["services", "harden", "--dry-run"]).exits(0).stdout;
    assert!(plan.contains("/var/lib/falkordb/data (in its volume)"), "{plan}");
    stack.xtask(&["services", "harden", "--yes"]).exits(0);
    stack.redis(&["GRAPH.DELETE", "g"]);
    stack.xtask(&["restore", "falkordb", "--yes", "--from", &first_backup(&stack)]).exits(0);
    assert_eq!(nodes(&stack), "50");
}

fn first_backup(stack: &Stack) -> String {
    stack.xtask(&["backup", "list", "--json"]).exits(0).json()["data"]["backups"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_container_that_the_desktop_application_started_is_taken_over() {
    let Some(stack) = Stack::hardened(Compose::V1) else { return };
    stack.configure(BACKUP);
    let (name, mount) = (stack.container("falkordb"), format!("{}:/var/lib/falkordb/data", stack.volume()));
    Run::of(&mut docker(&["run", "-d", "--name", &name, "-v", &mount, "-e", "REDIS_ARGS=--appendonly yes", "xtask-live/falkordb:4.16.2"])).exits(0);
    crate::kit::until(20, "the server", || Run::of(&mut docker(&["exec", &name, "redis-cli", "ping"])).stdout.trim() == "PONG");
    fill(&stack);
    let run = stack.xtask(&["services", "harden", "--yes"]);
    if run.code != Some(0) {
        Run::of(&mut docker(&["rm", "-fv", &name]));
        Run::of(&mut docker(&["volume", "rm", "-f", &stack.volume()]));
    }
    run.exits(0);
    assert_eq!(nodes(&stack), "50");
    assert_eq!(stack.inspect(&name, "{{.Config.Image}} {{.State.Health.Status}}"), "xtask-live/falkordb:4.16.3 healthy");
    Run::of(stack.compose(&["down", "-v"]).exits(0).code.map(|_| docker(&["volume", "rm", "-f", &stack.volume()])).as_mut().unwrap());
}

/// Killed twice at moments that nobody chose: `status` names the one command, and given again it ends with all data in the volume.
#[test]
fn killed_on_the_way_the_same_command_ends_with_all_data() {
    let Some(stack) = Stack::new(Compose::V2) else { return };
    stack.configure(BACKUP);
    let text = stack.scratch.read("docker-compose.yml");
    let begin = || {
        stack.compose(&["down", "-v"]).exits(0);
        stack.scratch.write("docker-compose.yml", &text);
        stack.xtask(&["services", "up"]).exits(0);
        fill(&stack);
        fix_mount(&stack);
    };
    begin();
    let log = stack.scratch.path().join("effects");
    stack.xtask_env(&["services", "harden", "--yes"], &[("XTASK_TEST_CRASH_LOG", log.to_str().unwrap())]).exits(0);
    let effects = std::fs::read_to_string(&log).unwrap().lines().count() as u64;
    let seed = std::env::var("XTASK_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(4711_u64);
    let mut random = seed;
    let mut moment = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((random >> 33) % below + 1).to_string()
    };
    for _ in 0..if std::env::var_os("XTASK_TEST_LONG").is_some() { 12 } else { 2 } {
        begin();
        let moments = [moment(effects), moment(effects / 2)];
        let what = format!("seed {seed}, killed after effects {moments:?} of {effects}");
        for after in &moments {
            let killed = stack.xtask_env(&["services", "harden", "--yes"], &[("XTASK_TEST_CRASH_AFTER", after)]);
            assert!(killed.code.is_none_or(|code| code == 0), "{what}: {}", killed.stderr);
            let pending = stack.xtask(&["status", "--json"]).json()["data"]["pending"].clone();
            let down = Run::of(&mut docker(&["inspect", &stack.container("falkordb")])).code != Some(0);
            let named = pending.as_array().unwrap().iter().any(|one| one["resume"] == "xtask services harden");
            assert!(named || !down, "{what}: nothing says how to go on: {pending}");
        }
        stack.xtask(&["services", "harden", "--yes"]).exits(0);
        assert_eq!(nodes(&stack), "50", "{what}");
        assert_eq!(stack.xtask(&["status", "--json"]).json()["data"]["pending"], serde_json::json!([]), "{what}");
        let volumes = Run::of(&mut docker(&["volume", "ls", "-q", "--filter", &format!("name={}", stack.volume())])).stdout;
        assert_eq!(volumes.trim(), stack.volume(), "{what}");
    }
}
