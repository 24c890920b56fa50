//! `services …` on real stacks: up returns when all is healthy and tells the story of what isn't; both generations of Compose.

use crate::kit::{Compose, Stack, docker, until};
use crate::support::Run;

fn lives(compose: Compose) {
    let Some(stack) = Stack::new(compose) else { return };
    let up = stack.xtask(&["services", "up", "--json"]).exits(0).json();
    assert_eq!(up["outcome"], "ok");
    let by_name = |document: &serde_json::Value, name: &str| {
        let all = document["data"]["services"].as_array().unwrap().clone();
        all.into_iter().find(|service| service["service"] == name).unwrap()
    };
    let falkordb = by_name(&up, "falkordb");
    assert_eq!((&falkordb["tag"], &falkordb["health"], &falkordb["state"]), (&"4.16.3".into(), &"healthy".into(), &"running".into()));
    assert_eq!(falkordb["image"], "xtask-live/falkordb");
    assert_eq!(falkordb["ports"][0], format!("127.0.0.1:{}->6379/tcp", stack.falkordb));
    assert!(falkordb["id"].as_str().unwrap().starts_with("sha256:") && falkordb["since"].as_str().unwrap().ends_with('Z'));
    assert_eq!(stack.inspect(&stack.container("graphiti-mcp"), "{{.State.Health.Status}}"), "healthy", "up returned too early");

    let table = stack.xtask(&["services", "status"]).exits(0).stdout;
    assert!(table.starts_with("SERVICE") && table.contains("graphiti-mcp") && table.contains("healthy"), "{table}");
    let logs = stack.xtask(&["services", "logs", "--tail", "5", "graphiti-mcp"]).exits(0).stdout;
    assert!(logs.contains("stand-in 1.0.0: mode ok"), "{logs}");

    let before = stack.inspect(&stack.container("graphiti-mcp"), "{{.State.StartedAt}}");
    stack.xtask(&["services", "restart", "graphiti-mcp"]).exits(0);
    assert_ne!(stack.inspect(&stack.container("graphiti-mcp"), "{{.State.StartedAt}}"), before);

    // Without a terminal what destroys is refused; the plan says what goes.
    let refused = stack.xtask(&["services", "down", "--volumes"]).exits(2);
    assert!(refused.stderr.contains(&format!("DESTROYS volumes: {}", stack.volume())), "{}", refused.stderr);
    stack.xtask(&["services", "down", "--volumes", "--dry-run"]).exits(0);
    assert_eq!(stack.inspect(&stack.container("falkordb"), "{{.State.Status}}"), "running");
    stack.xtask(&["services", "down"]).exits(0);
    assert_eq!(stack.inspect(&stack.volume(), "{{.Name}}"), stack.volume());
    let status = stack.xtask(&["services", "status", "--json"]).exits(0).json();
    assert_eq!(by_name(&status, "falkordb")["state"], "absent");
    stack.xtask(&["services", "down", "--volumes", "--yes"]).exits(0);
    assert_eq!(stack.inspect(&stack.volume(), "{{.Name}}"), "");
}

#[test]
fn a_life_on_compose_v1() {
    lives(Compose::V1);
}

#[test]
fn a_life_on_compose_v2() {
    lives(Compose::V2);
}

/// Starts the stack with a stand-in that goes wrong; returns what `up` said.
fn goes_wrong(compose: Compose, tag: &str) -> Option<Run> {
    let stack = Stack::new(compose)?;
    stack.pin("4.16.3", tag);
    let text = stack.scratch.read("docker-compose.yml").replace("http://localhost:8000/ ||", "http://localhost:8000/health ||").replace("-s -o", "-fs -o");
    stack.scratch.write("docker-compose.yml", text.replace("timeout: 5s", "timeout: 1s"));
    Some(stack.xtask(&["services", "up"]).exits(1))
}

#[test]
fn one_that_crashes_is_named_with_its_last_words() {
    for compose in [Compose::V1, Compose::V2] {
        let Some(run) = goes_wrong(compose, "crash") else { return };
        assert!(run.stderr.contains("graphiti-mcp is not healthy: it keeps crashing"), "{}", run.stderr);
        assert!(run.stderr.contains("can't read the settings of a newer version"), "{}", run.stderr);
        assert!(!run.stderr.contains("falkordb is not healthy"), "{}", run.stderr);
    }
}

#[test]
fn one_that_is_sick_is_named_with_its_healthchecks_words() {
    let Some(run) = goes_wrong(Compose::V2, "sick") else { return };
    assert!(run.stderr.contains("graphiti-mcp is not healthy: its healthcheck fails"), "{}", run.stderr);
    assert!(run.stderr.contains("its healthcheck (exit 1): curl: (22) The requested URL returned error: 503"), "{}", run.stderr);
}

#[test]
fn one_that_hangs_is_given_up() {
    let Some(run) = goes_wrong(Compose::V2, "hang") else { return };
    assert!(run.stderr.contains("graphiti-mcp is not healthy: its healthcheck fails"), "{}", run.stderr);
}

#[test]
fn a_probe_catches_what_a_lenient_healthcheck_lets_through() {
    let Some(stack) = Stack::new(Compose::V2) else { return };
    stack.pin("4.16.3", "sick");
    let config = stack.scratch.read("xtask.toml").replace("wait = 40", "wait = 8");
    stack.scratch.write("xtask.toml", config);
    let run = stack.xtask(&["services", "up"]).exits(1);
    assert!(run.stderr.contains("/health answers 503") && run.stderr.contains("not healthy after 8 s"), "{}", run.stderr);
}

#[test]
fn a_slow_load_is_waited_for() {
    let Some(stack) = Stack::hardened(Compose::V2) else { return };
    stack.xtask(&["services", "up", "falkordb"]).exits(0);
    stack.redis(&["EVAL", "for i = 1, 3000 do redis.call('SET', i, string.rep('x', 100)) end", "0"]);
    stack.redis(&["BGREWRITEAOF"]);
    until(20, "the rewrite", || stack.redis(&["INFO", "persistence"]).contains("aof_rewrite_in_progress:0"));
    stack.xtask(&["services", "down"]).exits(0);
    stack.pin("4.16.4-slow", "1.0.0");
    let run = stack.xtask(&["services", "up", "falkordb"]).exits(0);
    assert!(run.stderr.contains("falkordb: loading its data"), "{}", run.stderr);
    assert_eq!(stack.redis(&["GET", "7"]).len(), 100);
}

/// Killed in the middle of its work, as when memory is short: once is mended, again and again is told, and nothing hangs.
#[test]
fn a_compose_that_is_killed_is_asked_again_and_then_told() {
    for compose in [Compose::V1, Compose::V2] {
        let Some(stack) = Stack::new(compose) else { return };
        let (wrapper, left) = (stack.scratch.path().join("compose"), stack.scratch.path().join("left"));
        let real = compose.words();
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *' up '* | *' down '*)\n  n=$(cat {left})\n  if [ \"$n\" -gt 0 ]; then\n    echo $((n - 1)) >{left}\n    {real} \"$@\" &\n                 sleep 1\n    kill -9 $! $$\n  fi ;;\nesac\nexec {real} \"$@\"\n",
            left = left.display()
        );
        std::fs::write(&wrapper, script).unwrap();
        Run::of(std::process::Command::new("chmod").arg("755").arg(&wrapper)).exits(0);
        let run = |kills: u32, args: &[&str]| {
            std::fs::write(&left, kills.to_string()).unwrap();
            stack.xtask_env(args, &[("XTASK_COMPOSE", wrapper.to_str().unwrap())])
        };
        let up = run(1, &["services", "up"]).exits(0);
        assert!(up.stderr.contains("Compose was killed from outside"), "{}", up.stderr);
        assert_eq!(stack.inspect(&stack.container("graphiti-mcp"), "{{.State.Health.Status}}"), "healthy");
        run(1, &["services", "down"]).exits(0);
        let told = run(9, &["services", "up"]).exits(1);
        assert!(told.stderr.contains("SIGKILL"), "{}", told.stderr);
        let told = run(9, &["services", "down"]).exits(1);
        assert!(told.stderr.contains("SIGKILL") && told.stderr.contains("the same command goes on from here"), "{}", told.stderr);
        run(0, &["services", "up"]).exits(0);
    }
}

/// As when the engine is still at the `down` of a killed run: what Compose took for running is stopped under it.
#[test]
fn a_service_that_is_stopped_while_it_starts_is_started_again() {
    let Some(stack) = Stack::new(Compose::V2) else { return };
    let (wrapper, once) = (stack.scratch.path().join("compose"), stack.scratch.path().join("once"));
    let script = format!(
        "#!/bin/sh\ndocker compose \"$@\" || exit\ncase \" $* \" in *' up '*)\n  [ -e {once} ] || docker stop {name} >/dev/null\n  : >{once} ;;\nesac\n",
        once = once.display(),
        name = stack.container("graphiti-mcp")
    );
    std::fs::write(&wrapper, script).unwrap();
    Run::of(std::process::Command::new("chmod").arg("755").arg(&wrapper)).exits(0);
    let up = stack.xtask_env(&["services", "up"], &[("XTASK_COMPOSE", wrapper.to_str().unwrap())]).exits(0);
    assert!(up.stderr.contains("something stopped a service while it was started"), "{}", up.stderr);
    assert_eq!(stack.inspect(&stack.container("graphiti-mcp"), "{{.State.Health.Status}}"), "healthy");
}

#[test]
fn unset_variables_are_said_before_compose_says_them() {
    for compose in [Compose::V1, Compose::V2] {
        let Some(stack) = Stack::new(compose) else { return };
        stack.scratch.write(".env", "FALKORDB_IMAGE_TAG=4.16.3\n");
        for command in [["services", "logs"], ["services", "down"]] {
            let run = stack.xtask(&command).exits(2);
            assert!(run.stderr.contains("GRAPHITI_MCP_IMAGE_TAG is not set") && run.stderr.contains("set it in .env"), "{}", run.stderr);
            let compose = stack.scratch.read("docker-compose.yml");
            let line = compose.lines().position(|line| line.contains("GRAPHITI_MCP_IMAGE_TAG")).unwrap() + 1;
            assert!(run.stderr.contains(&format!("docker-compose.yml:{line}:")), "{}", run.stderr);
        }
    }
}

#[test]
fn a_container_that_something_else_started_is_pointed_out() {
    let Some(stack) = Stack::new(Compose::V2) else { return };
    let name = stack.container("falkordb");
    let label = format!("com.docker.compose.project={}", stack.name);
    Run::of(&mut docker(&["run", "-d", "--name", &name, "--label", "xtask.live.stray=1", "xtask-live/falkordb:4.16.3"])).exits(0);
    let run = stack.xtask(&["services", "up"]);
    Run::of(&mut docker(&["rm", "-fv", &name])).exits(0);
    assert!(run.stderr.contains("services harden"), "{label}: {}", run.stderr);
}
