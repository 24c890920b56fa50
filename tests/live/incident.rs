//! Incidents on real stacks: services' logs in the bundle without their secrets; isolate stops what runs, resume puts back exactly that, also after a kill.

use std::{io::Read as _, path::Path};

use crate::{
    kit::{Compose, Stack, docker, until},
    support::Run,
};

const CANARY: &str = "composecanary-55Q";

fn up(compose: Compose) -> Option<Stack> {
    let stack = Stack::new(compose)?;
    let text = stack.scratch.read("docker-compose.yml");
    let name = format!("container_name: {}", stack.container("falkordb"));
    assert!(text.contains(&name), "{text}");
    stack.scratch.write("docker-compose.yml", text.replace(&name, &format!("{name}\n    labels:\n      app.token: {CANARY}")));
    stack.configure("[incident]\nintegrations = [\"LINEAR_*\"]\n[env]\nfiles = [{ path = \"app.env\" }]\n");
    stack.scratch.write("app.env", format!("APP_TOKEN={CANARY}\n"));
    stack.xtask(&["services", "up"]).exits(0);
    Some(stack)
}

fn running(stack: &Stack, service: &str) -> bool {
    stack.inspect(&stack.container(service), "{{.State.Running}}") == "true"
}

fn collects(compose: Compose) {
    let Some(stack) = up(compose) else { return };
    // Split over two writes, plain and encoded: what the engine stores is one line.
    let line = format!("echo \"connecting with {CANARY} and Y29tcG9zZWNhbmFyeS01NVE= now\" > /proc/1/fd/1");
    Run::of(&mut docker(&["exec", "--user", "0", &stack.container("falkordb"), "sh", "-c", &line])).exits(0);
    let entries = || {
        let path = stack.scratch.path().join("bundle.zip");
        stack.xtask_env(&["incident", "collect", "--out", path.to_str().unwrap()], &[("XTASK_CLOCK", "1769860800")]).exits(0);
        std::fs::read(&path).unwrap()
    };
    // The log is there a moment later; healthchecks leave no line.
    until(20, "the line in the bundle", || {
        entries();
        log_of(&stack.scratch.path().join("bundle.zip"), "logs/services/falkordb.log").contains("connecting with")
    });
    let log = log_of(&stack.scratch.path().join("bundle.zip"), "logs/services/falkordb.log");
    assert!(log.contains("connecting with [redacted:app-token:") && !log.contains(CANARY) && !log.contains("Y29tcG9zZ"), "{log}");
    let compose_text = log_of(&stack.scratch.path().join("bundle.zip"), "state/compose.yml");
    assert!(compose_text.contains("falkordb") && !compose_text.contains(CANARY), "{compose_text}");
    assert!(log_of(&stack.scratch.path().join("bundle.zip"), "00-summary.md").contains("service falkordb: running, healthy"));
}

fn log_of(path: &Path, name: &str) -> String {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut text = String::new();
    zip.by_name(name).unwrap_or_else(|error| panic!("{name}: {error}")).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn services_logs_are_collected_on_compose_v1() {
    collects(Compose::V1);
}

#[test]
fn services_logs_are_collected_on_compose_v2() {
    collects(Compose::V2);
}

#[test]
fn resume_puts_back_exactly_what_ran() {
    let Some(stack) = up(Compose::V2) else { return };
    Run::of(&mut docker(&["stop", "--time", "1", &stack.container("graphiti-mcp")])).exits(0);
    let plan = stack.xtask(&["incident", "isolate", "--dry-run", "--json"]).exits(0).json();
    assert_eq!(plan["data"]["stop"].as_array().unwrap().len(), 1);
    assert!(running(&stack, "falkordb"), "a dry run stops nothing");
    let run = stack.xtask_env(&["incident", "isolate", "--", "sh", "-c", "echo \"${LINEAR_API_KEY-gone}\""], &[("LINEAR_API_KEY", "x")]).exits(0);
    assert_eq!((run.stdout.as_str(), running(&stack, "falkordb")), ("gone\n", false));
    let status = stack.xtask(&["incident", "--json"]).exits(0).json();
    assert_eq!(status["data"]["steps"][2]["command"], "xtask incident resume");
    stack.xtask(&["incident", "resume"]).exits(0);
    assert!(running(&stack, "falkordb") && !running(&stack, "graphiti-mcp"), "only what ran before runs again");
    let again = stack.xtask(&["incident", "resume"]).exits(0);
    assert!(again.stdout.contains("nothing is isolated"), "{}", again.stdout);
}

#[test]
fn a_killed_isolate_loses_nothing() {
    let Some(stack) = up(Compose::V2) else { return };
    let log = stack.scratch.path().join("effects");
    stack.xtask_env(&["incident", "isolate"], &[("XTASK_TEST_CRASH_LOG", log.to_str().unwrap())]).exits(0);
    stack.xtask(&["incident", "resume"]).exits(0);
    let effects: Vec<String> = std::fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect();
    // Before the journal is written nothing has changed: kills there are all alike.
    let first = effects.iter().position(|effect| effect.contains("write")).unwrap();
    assert!(effects.len() > first + 3, "{effects:#?}");
    for k in first..=effects.len() {
        stack.xtask_env(&["incident", "isolate"], &[("XTASK_TEST_CRASH_AFTER", &k.to_string())]);
        stack.xtask(&["incident", "resume"]).exits(0);
        assert!(running(&stack, "falkordb") && running(&stack, "graphiti-mcp"), "after a kill at effect {k} resume didn't put everything back");
    }
}
