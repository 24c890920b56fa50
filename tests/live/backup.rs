//! Backups and restores of real FalkorDB and Redis containers: the runbook's trap, wrong volumes, hot copies under writes, restores that go wrong.

use crate::{
    kit::{Compose, Stack, docker, until},
    support::Run,
};

pub(super) const BACKUP: &str = "[[backup]]\nname = \"falkordb\"\nservice = \"falkordb\"\nvolume = \"falkordb_data\"\nengine = \"redis\"\nkeep = 7\n";

pub(super) fn up(stack: &Stack) {
    stack.compose(&["up", "-d", "falkordb"]).exits(0);
    until(30, "falkordb", || stack.inspect(&stack.container("falkordb"), "{{.State.Health.Status}}") == "healthy");
}

fn hardened() -> Option<Stack> {
    let stack = Stack::hardened(Compose::V2)?;
    stack.configure(BACKUP);
    up(&stack);
    Some(stack)
}

pub(super) fn seed(stack: &Stack, graph: &str) {
    stack.redis(&["GRAPH.QUERY", graph, "UNWIND range(1, 200) AS i CREATE (:Person {id: i, name: 'Zoë ' + toString(i)})"]);
    stack.redis(&["GRAPH.QUERY", graph, "MATCH (a:Person), (b:Person) WHERE b.id = a.id + 1 CREATE (a)-[:KNOWS {since: a.id}]->(b)"]);
    stack.redis(&["GRAPH.QUERY", graph, "CREATE INDEX FOR (p:Person) ON (p.id)"]);
}

pub(super) fn content(stack: &Stack, graph: &str) -> String {
    let nodes = stack.redis(&["GRAPH.QUERY", graph, "MATCH (p:Person) RETURN p.id, p.name ORDER BY p.id"]);
    let edges = stack.redis(&["GRAPH.QUERY", graph, "MATCH (a)-[k:KNOWS]->(b) RETURN a.id, k.since, b.id ORDER BY a.id"]);
    let strip = |text: String| text.lines().filter(|line| !line.contains("execution time") && !line.contains("Cached")).collect::<Vec<_>>().join("\n");
    format!("{}\n{}", strip(nodes), strip(edges))
}

pub(super) fn all(stack: &Stack) -> Vec<serde_json::Value> {
    stack.xtask(&["backup", "list", "--json"]).exits(0).json()["data"]["backups"].as_array().unwrap().clone()
}

#[test]
fn the_runbooks_own_stack_is_refused_with_the_fix() {
    let Some(stack) = Stack::new(Compose::V2) else { return };
    stack.configure(BACKUP);
    up(&stack);
    seed(&stack, "g");
    let refused = stack.xtask(&["backup"]).exits(3);
    for part in ["/var/lib/falkordb/data", "is not in the volume", "- falkordb_data:/var/lib/falkordb/data", "--outside"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert!(all(&stack).is_empty());
    stack.xtask(&["backup", "--outside"]).exits(0);
    assert_eq!(all(&stack)[0]["probe"]["after"]["graphs"]["g"]["nodes"], 200);
    // `config` fails while tags aren't set; a backup must not depend on that.
    stack.scratch.write(".env", "");
    stack.xtask(&["backup", "--outside"]).exits(0);
}

/// One client in the container answers all questions: it must go with whoever asked, also when that is killed between two of them.
#[test]
fn a_killed_backup_leaves_no_client_in_the_container() {
    let Some(stack) = hardened() else { return };
    seed(&stack, "g");
    let log = stack.scratch.project().join("effects");
    stack.xtask_env(&["backup"], &[("XTASK_TEST_CRASH_LOG", log.to_str().unwrap())]).exits(0);
    let effects = stack.scratch.read("effects");
    let asked: Vec<&str> = effects.lines().filter_map(|line| line.strip_suffix(" ask the server")).collect();
    assert!(asked.len() > 10, "{effects}");
    let clients = || Run::of(&mut docker(&["top", &stack.container("falkordb"), "-eo", "pid,args"])).exits(0).stdout.matches("redis-cli --json").count();
    for k in asked.iter().step_by(4) {
        assert_eq!(stack.xtask_env(&["backup"], &[("XTASK_TEST_CRASH_AFTER", k)]).code, None, "killed after effect {k}");
        until(10, "the client's end", || clients() == 0);
    }
    stack.xtask(&["backup"]).exits(0);
}

#[test]
fn a_graph_comes_back_whole() {
    let Some(stack) = hardened() else { return };
    seed(&stack, "g");
    let before = content(&stack, "g");
    stack.xtask(&["backup"]).exits(0);
    let backup = &all(&stack)[0];
    assert_eq!((&backup["method"], &backup["engine"]["rdb_version"], &backup["engine"]["graph_encoding"]), (&"hot".into(), &12.into(), &18.into()), "{backup}");
    stack.xtask(&["backup", "verify", "--deep"]).exits(0);
    stack.redis(&["GRAPH.QUERY", "g", "CREATE (:Person {id: 999, name: 'late'})"]);
    stack.redis(&["GRAPH.DELETE", "g"]);
    stack.redis(&["GRAPH.QUERY", "h", "CREATE (:Other)"]);
    let done = stack.xtask(&["restore", "falkordb", "--yes", "--json"]).exits(0).json();
    assert_eq!(content(&stack, "g"), before);
    assert_eq!(stack.redis(&["GRAPH.LIST"]), "g");
    assert_eq!(stack.inspect(&stack.container("falkordb"), "{{.RestartCount}} {{.State.Running}}"), "0 true");
    assert!(Run::of(&mut docker(&["volume", "inspect", &format!("xtask-restore-{}", stack.volume())])).code != Some(0), "the staging volume stays");
    let safety = done["data"]["safety"].as_str().unwrap();
    stack.xtask(&["restore", "falkordb", "--yes", "--from", safety]).exits(0);
    assert_eq!(stack.redis(&["GRAPH.LIST"]), "h");
    stack.redis(&["GRAPH.QUERY", "h", "CREATE (:After)"]);
    stack.compose(&["restart", "falkordb"]).exits(0);
    until(30, "a restart", || stack.redis(&["GRAPH.RO_QUERY", "h", "MATCH (n) RETURN count(n)"]).contains("\n2\n"));
}

#[test]
fn what_was_stopped_stays_stopped_and_cold_copies_start_again() {
    let Some(stack) = hardened() else { return };
    seed(&stack, "g");
    stack.xtask(&["backup", "--cold"]).exits(0);
    until(30, "falkordb again", || stack.inspect(&stack.container("falkordb"), "{{.State.Health.Status}}") == "healthy");
    let id = all(&stack)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(all(&stack)[0]["method"], "cold");
    stack.compose(&["stop", "falkordb"]).exits(0);
    stack.xtask(&["restore", "falkordb", "--yes", "--from", &id]).exits(0);
    assert_eq!(stack.inspect(&stack.container("falkordb"), "{{.State.Running}}"), "false");
    stack.xtask(&["backup"]).exits(0);
    assert_eq!(stack.inspect(&stack.container("falkordb"), "{{.State.Running}}"), "false");
    let counted = all(&stack).into_iter().find(|backup| backup["id"] != id.as_str() && backup["safety"] == false).unwrap();
    assert_eq!(counted["probe"]["after"]["graphs"]["g"]["nodes"], 200, "a scratch server counted what no running one could");
}

#[test]
fn wrong_volumes_are_refused() {
    let Some(stack) = hardened() else { return };
    seed(&stack, "g");
    let text = stack.scratch.read("docker-compose.yml");
    let start = text.rfind("volumes:").unwrap();
    stack.scratch.write("docker-compose.yml", format!("{}volumes:\n  falkordb_data:\n  other_data:\n", &text[..start]));
    stack.configure(&BACKUP.replace("falkordb_data", "falkordb_dat"));
    assert!(stack.xtask(&["backup"]).exits(2).stderr.contains("did you mean `falkordb_data`"));
    stack.configure(&BACKUP.replace("falkordb_data", "other_data"));
    let refused = stack.xtask(&["backup"]).exits(3);
    assert!(refused.stderr.contains("does not use the volume") && refused.stderr.contains("mounts"), "{}", refused.stderr);
    stack.compose(&["down"]).exits(0);
    let missing = stack.xtask(&["backup"]).exits(3);
    assert!(missing.stderr.contains("does not exist"), "{}", missing.stderr);
    let made = Run::of(&mut docker(&["volume", "ls", "-q"])).stdout;
    assert!(!made.contains("other_data"), "a backup created a volume");
}

#[test]
fn a_service_that_gets_unwell_on_it_has_its_old_data_back() {
    let Some(stack) = Stack::hardened(Compose::V2) else { return };
    // Healthy only while there is no key `poison`: the restored data makes it ill.
    let text = stack.scratch.read("docker-compose.yml");
    let check = text.lines().find(|line| line.contains("redis-cli") && line.contains("test")).unwrap().to_owned();
    let indent = &check[..check.len() - check.trim_start().len()];
    stack.scratch.write("docker-compose.yml", text.replace(&check, &format!("{indent}test: [\"CMD-SHELL\", \"redis-cli EXISTS poison | grep -q 0\"]")));
    stack.configure(BACKUP);
    up(&stack);
    stack.redis(&["SET", "poison", "1"]);
    stack.redis(&["GRAPH.QUERY", "g", "CREATE (:A)"]);
    stack.xtask(&["backup"]).exits(0);
    stack.redis(&["DEL", "poison"]);
    stack.redis(&["SET", "precious", "1"]);
    until(30, "health", || stack.inspect(&stack.container("falkordb"), "{{.State.Health.Status}}") == "healthy");
    let reverted = stack.xtask(&["restore", "falkordb", "--yes"]).exits(7);
    assert!(reverted.stderr.contains("the old data is back") && reverted.stderr.contains("unhealthy"), "{}", reverted.stderr);
    until(30, "health", || stack.inspect(&stack.container("falkordb"), "{{.State.Health.Status}}") == "healthy");
    assert_eq!((stack.redis(&["GET", "precious"]).as_str(), stack.redis(&["EXISTS", "poison"]).as_str()), ("1", "0"));
}

#[test]
fn newer_data_does_not_go_under_an_older_server() {
    let Some(stack) = Stack::new(Compose::V2) else { return };
    let compose = |tag: &str| {
        format!(
            "services:\n  db:\n    image: xtask-live/redis:{tag}\n    command: redis-server --dir /data --appendonly yes\n    volumes: [\"data:/data\"]\nvolumes:\n  data:\n"
        )
    };
    stack.scratch.write("docker-compose.yml", compose("8.2.3"));
    stack.scratch.write(
        "xtask.toml",
        format!(
            "schema = 1\n[project]\nname = \"rocket\"\n[version]\ntag = \"v{{version}}\"\n[services]\ncompose = \"docker-compose.yml\"\nproject = \"{}\"\n[[backup]]\nname = \"db\"\nservice = \"db\"\nvolume = \"data\"\nengine = \"redis\"\n",
            stack.name
        ),
    );
    stack.compose(&["up", "-d"]).exits(0);
    let id = stack.compose(&["ps", "-q", "db"]).stdout.trim().to_owned();
    until(20, "redis", || Run::of(&mut docker(&["exec", &id, "redis-cli", "SET", "a", "1"])).stdout.contains("OK"));
    stack.xtask(&["backup"]).exits(0);
    stack.compose(&["down", "-v"]).exits(0);
    stack.scratch.write("docker-compose.yml", compose("7.0"));
    stack.compose(&["up", "-d"]).exits(0);
    let refused = stack.xtask(&["restore", "db", "--yes"]).exits(3);
    assert!(refused.stderr.contains("older than the data") && refused.stderr.contains("xtask-live/redis:8.2.3"), "{}", refused.stderr);
    assert!(!stack.inspect(stack.compose(&["ps", "-q", "db"]).stdout.trim(), "{{.State.Running}}").contains("false"));
}

/// Killed in the middle of it, with the volume in every state: afterwards old or new, and the service runs on it.
#[test]
fn killed_anywhere_a_volume_is_old_or_new() {
    let Some(stack) = hardened() else { return };
    seed(&stack, "old");
    stack.xtask(&["backup"]).exits(0);
    let id = all(&stack)[0]["id"].as_str().unwrap().to_owned();
    stack.redis(&["GRAPH.DELETE", "old"]);
    stack.redis(&["GRAPH.QUERY", "current", "CREATE (:Current)"]);
    let log = stack.scratch.path().join("effects");
    stack.xtask_env(&["restore", "falkordb", "--yes", "-q", "--from", &id], &[("XTASK_TEST_CRASH_LOG", log.to_str().unwrap())]).exits(0);
    let effects = std::fs::read_to_string(&log).unwrap();
    let exchange = effects.lines().position(|line| line.ends_with(" exchange")).unwrap() + 1;
    for k in [exchange - 3, exchange - 1, exchange, exchange + 2] {
        stack.redis(&["FLUSHALL"]);
        stack.redis(&["GRAPH.QUERY", "current", "CREATE (:Current)"]);
        let killed = stack.xtask_env(&["restore", "falkordb", "--yes", "-q", "--from", &id], &[("XTASK_TEST_CRASH_AFTER", &k.to_string())]);
        assert_eq!(killed.code, None, "effect {k}: {}", killed.stderr);
        let way = if k % 2 == 0 { "--resume" } else { "--undo" };
        let settled = stack.xtask(&["restore", "falkordb", way, "--json"]).exits(0).json();
        until(30, "falkordb", || stack.inspect(&stack.container("falkordb"), "{{.State.Health.Status}}") == "healthy");
        let expected = if settled["data"]["in-force"] == "new" { "old" } else { "current" };
        assert_eq!(stack.redis(&["GRAPH.LIST"]), expected, "after effect {k} of\n{effects}");
    }
}

/// What starts, stops and packs beside us: none of it may cost data, or leave a service down.
#[test]
fn neighbours_strangers_and_a_stop_that_was_cut_off() {
    let Some(stack) = hardened() else { return };
    seed(&stack, "g");
    let before = content(&stack, "g");
    let volume = stack.inspect(&stack.volume(), "{{.Mountpoint}}");
    cut_off_while_stopping(&stack);
    // Nothing is known but a stopped container, and somebody's tarball of the folder, with the module's data in it.
    stack.compose(&["stop", "falkordb"]).exits(0);
    let file = stack.scratch.path().join("falkordb_data_20260101_120000.tar.gz");
    Run::of(stack.scratch.command("tar").arg("-czf").arg(&file).args(["--transform", "s,^[.],data,"]).arg("-C").arg(&volume).arg(".")).exits(0);
    std::fs::remove_dir_all(stack.scratch.project().join("backups")).unwrap();
    let file = file.to_str().unwrap();
    stack.xtask(&["restore", "falkordb", "--yes", "--from", file]).exits(0);
    stack.compose(&["start", "falkordb"]).exits(0);
    until(30, "falkordb", || stack.inspect(&stack.container("falkordb"), "{{.State.Health.Status}}") == "healthy");
    assert_eq!(content(&stack, "g"), before);
    started_meanwhile(&stack, file);
    assert_eq!(content(&stack, "g"), before);
    Run::of(&mut docker(&["pause", &stack.container("falkordb")])).exits(0);
    let paused = stack.xtask(&["backup"]).exits(3);
    assert!(paused.stderr.contains("is paused") && paused.stderr.contains("docker unpause"), "{}", paused.stderr);
}

/// Killed while a scratch server tried a backup: the next run ends that server and its copy of the data. A neighbour on the volume that doesn't
/// listen to being stopped is given the time that the compose file gives it, not a server's.
#[test]
fn what_a_killed_trial_left_goes_and_a_deaf_neighbour_is_not_waited_for() {
    let Some(stack) = hardened() else { return };
    seed(&stack, "g");
    stack.xtask(&["backup"]).exits(0);
    let log = stack.scratch.path().join("effects");
    stack.xtask_env(&["backup", "verify", "--deep"], &[("XTASK_TEST_CRASH_LOG", log.to_str().unwrap())]).exits(0);
    let trial = format!("xtask-verify-{}", stack.volume());
    let there = |list: &[&str]| {
        Run::of(docker(list).args(["--filter", &format!("{}={trial}", if list[0] == "ps" { "volume" } else { "name" })])).stdout.trim().to_owned()
    };
    let effects = std::fs::read_to_string(&log).unwrap().lines().count();
    // The last effects are the end of it: one of those before leaves the scratch server.
    let left = (1..effects).rev().find(|k| {
        assert_eq!(stack.xtask_env(&["backup", "verify", "--deep"], &[("XTASK_TEST_CRASH_AFTER", &k.to_string())]).code, None);
        !there(&["ps", "-q"]).is_empty()
    });
    assert!(left.is_some(), "no kill left a server");
    stack.xtask(&["backup"]).exits(0);
    assert_eq!((there(&["ps", "-aq"]), there(&["volume", "ls", "-q"])), (String::new(), String::new()));

    let text = stack.scratch.read("docker-compose.yml");
    let deaf = "  deaf:\n    image: xtask-live/redis:8.2.3\n    user: \"0:0\"\n    command: [\"sh\", \"-c\", \"while :; do sleep 0.1; done\"]\n    volumes: [\"falkordb_data:/shared\"]\n    stop_grace_period: 2s\n";
    stack.scratch.write("docker-compose.yml", text.replacen("  graphiti-mcp:\n", &format!("{deaf}  graphiti-mcp:\n"), 1));
    stack.compose(&["up", "-d", "deaf"]).exits(0);
    let id = stack.compose(&["ps", "-q", "deaf"]).stdout.trim().to_owned();
    let said = stack.xtask(&["backup", "--cold", "-vvv"]).exits(0).stderr;
    let stop = |id: &str| said.lines().find(|line| line.contains("docker stop") && line.contains(id)).unwrap_or_else(|| panic!("{said}")).to_owned();
    assert!(stop(&id).contains("--time 2 "), "{}", stop(&id));
    assert!(stop(&stack.inspect(&stack.container("falkordb"), "{{.Id}}")).contains("--time 120 "));
}

/// Killed while the engine was stopping the server: the next run leaves it running.
fn cut_off_while_stopping(stack: &Stack) {
    let mut command = stack.scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let mut child = stack.adapt(&mut command).args(["backup", "--cold", "-q"]).spawn().unwrap();
    let id = stack.inspect(&stack.container("falkordb"), "{{.Id}}");
    let journal = stack.scratch.project().join(".xtask/journal/backup-falkordb.json");
    until(30, "the stop", || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains(&id)));
    child.kill().unwrap();
    child.wait().unwrap();
    stack.xtask(&["backup"]).exits(0);
    until(30, "falkordb", || stack.inspect(&stack.container("falkordb"), "{{.State.Health.Status}}") == "healthy");
}

/// Something else starts the server whenever it is down: the restored data counts all the same, and no service command runs beside it.
fn started_meanwhile(stack: &Stack, file: &str) {
    use std::sync::atomic::{AtomicBool, Ordering};
    stack.redis(&["FLUSHALL"]);
    stack.redis(&["GRAPH.QUERY", "g", "UNWIND range(1, 900) AS i CREATE (:Other {id: i})"]);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                Run::of(&mut docker(&["start", &stack.container("falkordb")]));
            }
        });
        let restored = stack.xtask(&["restore", "falkordb", "--yes", "--from", file]);
        ended.store(true, Ordering::Relaxed);
        restored.exits(0);
    });
}

#[test]
fn a_drill_on_falkordb_proves_itself_and_leaves_nothing() {
    let Some(stack) = Stack::hardened(Compose::V2) else { return };
    stack.configure(BACKUP);
    let run = stack.xtask(&["drill", "--json"]).exits(0).json();
    let drill = &run["data"]["drills"][0];
    assert_eq!((&drill["caught"], &drill["of"], &drill["evidence"]["mode"]), (&7.into(), &7.into(), &"container".into()), "{drill:#}");
    assert_eq!(drill["evidence"]["before"], drill["evidence"]["restarted"]);
    let left = Run::of(&mut docker(&["ps", "-aq", "--filter", "label=xtask=drill"])).stdout
        + &Run::of(&mut docker(&["volume", "ls", "-q", "--filter", "name=xtask-drill"])).stdout;
    assert_eq!(left, "");
}
