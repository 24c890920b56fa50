//! Switching images on real stacks: forward, back after a failure, back by hand, refused where data could not be read, resumed after SIGKILL.

use std::path::PathBuf;

use crate::{
    kit::{Compose, Stack, docker, until},
    support::Run,
};

const BACKUP: &str = "soak = 2\n[[backup]]\nname = \"falkordb\"\nservice = \"falkordb\"\nvolume = \"falkordb_data\"\nengine = \"redis\"\n";

/// The hardened stack, up, with a graph in it; healthchecks that mean something.
fn product(compose: Compose, graphiti: &str) -> Option<Stack> {
    let stack = Stack::hardened(compose)?;
    stack.pin("4.16.3", graphiti);
    let text = stack.scratch.read("docker-compose.yml").replace("curl -s -o /dev/null http://localhost:8000/", "curl -fsS http://localhost:8000/health");
    stack.scratch.write("docker-compose.yml", text.replace("timeout: 5s", "timeout: 1s").replace("retries: 5", "retries: 2"));
    configure(&stack);
    stack.xtask(&["services", "up"]).exits(0);
    stack.redis(&["GRAPH.QUERY", "g", "UNWIND range(1, 50) AS i CREATE (:A {name: 'Zoë', i: i})"]);
    Some(stack)
}

fn configure(stack: &Stack) {
    let at = "[[services.probe]]";
    stack.configure("");
    let (soak, backup) = BACKUP.split_once('\n').unwrap();
    let config = stack.scratch.read("xtask.toml").replace(at, &format!("{soak}\n{at}"));
    stack.scratch.write("xtask.toml", format!("{config}{backup}"));
}

fn nodes(stack: &Stack) -> String {
    stack.redis(&["GRAPH.RO_QUERY", "g", "MATCH (n) RETURN count(n)"]).lines().nth(1).unwrap_or_default().trim().to_owned()
}

fn runs(stack: &Stack, service: &str) -> String {
    stack.inspect(&stack.container(service), "{{.Config.Image}} {{.State.Health.Status}}")
}

fn there_and_back(compose: Compose) {
    let Some(stack) = product(compose, "1.0.0") else { return };
    let env = stack.scratch.read(".env");
    let wanted = ["services", "switch", "falkordb=xtask-live/falkordb:4.16.2", "graphiti-mcp=xtask-live/graphiti-mcp:1.0.1"];
    let plan = stack.xtask(&[wanted.as_slice(), &["--dry-run"]].concat()).exits(0).stdout;
    assert!(plan.contains("falkordb: xtask-live/falkordb:4.16.3 → xtask-live/falkordb:4.16.2 (here)"), "{plan}");
    assert!(plan.contains("writes .env: FALKORDB_IMAGE_TAG = 4.16.2") && plan.contains("backs up falkordb first"), "{plan}");
    assert_eq!(stack.scratch.read(".env"), env, "a dry run touches nothing");
    stack.xtask(&wanted).exits(2);

    let done = stack.xtask(&[wanted.as_slice(), &["--yes", "--json"]].concat()).exits(0).json();
    assert_eq!(done["data"]["backups"].as_array().unwrap().len(), 1, "{done}");
    assert_eq!(runs(&stack, "falkordb"), "xtask-live/falkordb:4.16.2 healthy");
    assert_eq!(runs(&stack, "graphiti-mcp"), "xtask-live/graphiti-mcp:1.0.1 healthy");
    assert_eq!(stack.scratch.read(".env"), env.replace("4.16.3", "4.16.2").replace("1.0.0", "1.0.1"));
    let again = stack.xtask(&[wanted.as_slice(), &["--yes"]].concat()).exits(0).stdout;
    assert!(again.starts_with("nothing to do"), "{again}");

    stack.xtask(&["services", "switch", "--undo", "--yes"]).exits(0);
    assert_eq!((runs(&stack, "falkordb"), nodes(&stack)), ("xtask-live/falkordb:4.16.3 healthy".into(), "50".into()));
    assert_eq!(stack.scratch.read(".env"), env);
}

#[test]
fn there_and_back_on_compose_v1() {
    there_and_back(Compose::V1);
}

#[test]
fn there_and_back_on_compose_v2() {
    there_and_back(Compose::V2);
}

#[test]
fn a_target_that_is_not_healthy_is_taken_back() {
    for (compose, tag, said) in [
        (Compose::V2, "crash", "can't read the settings of a newer version"),
        (Compose::V1, "sick", "returned error: 503"),
        (Compose::V2, "crash-after", "out of luck after 6 s"),
    ] {
        let Some(stack) = product(compose, "1.0.0") else { return };
        let config = stack.scratch.read("xtask.toml").replace("soak = 2", "soak = 8");
        stack.scratch.write("xtask.toml", config);
        let env = stack.scratch.read(".env");
        let started = stack.inspect(&stack.container("falkordb"), "{{.State.StartedAt}}");
        let run = stack.xtask(&["services", "switch", &format!("graphiti-mcp=xtask-live/graphiti-mcp:{tag}"), "--yes"]).exits(7);
        assert!(run.stderr.contains("the previous images are back, healthy") && run.stderr.contains(said), "{tag}: {}", run.stderr);
        assert_eq!(runs(&stack, "graphiti-mcp"), "xtask-live/graphiti-mcp:1.0.0 healthy", "{tag}");
        assert_eq!(stack.scratch.read(".env"), env);
        assert_eq!(stack.inspect(&stack.container("falkordb"), "{{.State.StartedAt}}"), started, "what doesn't change isn't touched");
        assert!(!stack.scratch.read("xtask.toml").is_empty() && stack.xtask(&["status", "--json"]).json()["data"]["pending"].as_array().unwrap().is_empty());
    }
}

#[test]
fn from_a_bad_version_that_crashes_to_a_good_one() {
    let Some(stack) = product(Compose::V2, "1.0.0") else { return };
    stack.pin("4.16.3", "crash");
    stack.compose(&["up", "-d"]);
    until(30, "the crash loop", || stack.inspect(&stack.container("graphiti-mcp"), "{{.RestartCount}}") != "0");
    stack.xtask(&["services", "switch", "graphiti-mcp=xtask-live/graphiti-mcp:1.0.0", "--yes"]).exits(0);
    assert_eq!(runs(&stack, "graphiti-mcp"), "xtask-live/graphiti-mcp:1.0.0 healthy");
}

/// Nobody starts it again, so that it has ended when somebody comes to help: it is meant to run all the same.
#[test]
fn from_a_bad_version_that_has_ended_to_a_good_one() {
    let Some(stack) = product(Compose::V2, "1.0.0") else { return };
    let text = stack.scratch.read("docker-compose.yml").replace("restart: unless-stopped", "restart: \"no\"");
    stack.scratch.write("docker-compose.yml", text);
    stack.pin("4.16.3", "crash");
    stack.compose(&["up", "-d"]);
    until(30, "the crash", || stack.inspect(&stack.container("graphiti-mcp"), "{{.State.Status}}") == "exited");
    stack.xtask(&["services", "switch", "graphiti-mcp=xtask-live/graphiti-mcp:1.0.0", "--yes"]).exits(0);
    assert_eq!(runs(&stack, "graphiti-mcp"), "xtask-live/graphiti-mcp:1.0.0 healthy");
    // Who was told to end stays down.
    stack.compose(&["stop", "graphiti-mcp"]).exits(0);
    stack.xtask(&["services", "switch", "graphiti-mcp=xtask-live/graphiti-mcp:1.0.1", "--yes"]).exits(0);
    assert_ne!(stack.inspect(&stack.container("graphiti-mcp"), "{{.State.Status}}"), "running");
}

/// What was sick before, and stays as it is, can't be what the way back fails for.
#[test]
fn a_neighbour_that_was_sick_before_is_no_reason_to_go_back() {
    let Some(stack) = product(Compose::V2, "1.0.0") else { return };
    stack.pin("4.16.3", "sick");
    stack.compose(&["up", "-d"]);
    until(30, "the sick one", || stack.inspect(&stack.container("graphiti-mcp"), "{{.State.Health.Status}}") == "unhealthy");
    let run = stack.xtask(&["services", "switch", "falkordb=xtask-live/falkordb:4.16.2", "--yes"]).exits(0);
    assert!(run.stderr.contains("it was so before, and is no reason to go back: graphiti-mcp is not healthy"), "{}", run.stderr);
    assert_eq!((runs(&stack, "falkordb"), nodes(&stack)), ("xtask-live/falkordb:4.16.2 healthy".into(), "50".into()));
}

/// An engine that doesn't answer for a moment says nothing about the services.
#[test]
#[cfg(unix)]
fn an_engine_that_fails_to_answer_for_a_moment_reverts_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let Some(stack) = product(Compose::V2, "1.0.0") else { return };
    let at = |name: &str| stack.scratch.path().join(name).display().to_string();
    let real = std::env::split_paths(&std::env::var_os("PATH").unwrap()).map(|folder| folder.join("docker")).find(|path| path.is_file()).unwrap();
    let text = format!(
        "#!/bin/sh\ncase \" $* \" in *' up '*) : >{began} ;; *' ps '*) if [ -e {began} ] && [ \"$(wc -c <{failed})\" -lt 4 ]; then\n\
         printf x >>{failed}; echo 'Cannot connect to the Docker daemon' >&2; exit 1; fi ;; esac\nexec {real} \"$@\"\n",
        began = at("began"),
        failed = at("failed"),
        real = real.display()
    );
    std::fs::create_dir(at("bin")).unwrap();
    std::fs::write(at("failed"), "").unwrap();
    std::fs::write(at("bin/docker"), text).unwrap();
    std::fs::set_permissions(at("bin/docker"), PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", at("bin"), std::env::var("PATH").unwrap());
    stack.xtask_env(&["services", "switch", "graphiti-mcp=xtask-live/graphiti-mcp:1.0.1", "--yes"], &[("PATH", &path)]).exits(0);
    assert_eq!(
        (std::fs::read_to_string(at("failed")).unwrap().as_str(), runs(&stack, "graphiti-mcp").as_str()),
        ("xxxx", "xtask-live/graphiti-mcp:1.0.1 healthy")
    );
}

#[test]
fn a_pull_that_fails_changes_nothing() {
    let Some(stack) = product(Compose::V2, "1.0.0") else { return };
    let started = stack.inspect(&stack.container("graphiti-mcp"), "{{.State.StartedAt}}");
    let run = stack.xtask(&["services", "switch", "graphiti-mcp=xtask-live/graphiti-mcp:9.9.9", "--yes"]).exits(3);
    assert!(run.stderr.contains("9.9.9 can't be had: nothing was changed"), "{}", run.stderr);
    assert_eq!(stack.inspect(&stack.container("graphiti-mcp"), "{{.State.StartedAt}}"), started);
    assert!(stack.scratch.read(".env").contains("=1.0.0\n"));
}

/// Pins go into the file that has the last word with that Compose, and what the shell overrides is refused.
fn pins_follow(compose: Compose, holder: &str) {
    let Some(stack) = product(compose, "1.0.0") else { return };
    let (config, env) = (stack.scratch.read("xtask.toml").replace("soak = 2", "soak = 0"), stack.scratch.read(".env"));
    stack.scratch.write("xtask.toml", config);
    stack.scratch.write("base.env", env.replace("=1.0.0", "=9.9.9"));
    stack.scratch.write("prod.env", "# production\nGRAPHITI_MCP_IMAGE_TAG='1.0.0' # tried\n");
    let files = ("COMPOSE_ENV_FILES", "base.env,prod.env");
    let (wanted, undo) =
        (["services", "switch", "graphiti-mcp=xtask-live/graphiti-mcp:1.0.1", "--no-backup", "--yes"], ["services", "switch", "--undo", "--yes"]);
    let all = || [".env", "base.env", "prod.env", "prod.yml"].map(|name| std::fs::read_to_string(stack.scratch.project().join(name)).unwrap_or_default());
    let before = all();
    stack.xtask_env(&wanted, &[files]).exits(0);
    assert_eq!(runs(&stack, "graphiti-mcp"), "xtask-live/graphiti-mcp:1.0.1 healthy");
    let changed: Vec<bool> = all().iter().zip(&before).map(|(now, before)| now != before).collect();
    assert_eq!(changed, [holder == ".env", false, holder == "prod.env", false], "{:#?}", all());
    stack.xtask_env(&undo, &[files]).exits(0);
    assert_eq!((runs(&stack, "graphiti-mcp").as_str(), all()), ("xtask-live/graphiti-mcp:1.0.0 healthy", before.clone()));
    let shell = stack.xtask_env(&wanted, &[files, ("GRAPHITI_MCP_IMAGE_TAG", "1.0.0")]).exits(3);
    assert!(shell.stderr.contains(&format!("GRAPHITI_MCP_IMAGE_TAG is set in this shell, which overrides {holder}")), "{}", shell.stderr);

    // Compose files that `.env` names.
    stack.scratch.write("prod.yml", "services:\n  graphiti-mcp:\n    image: xtask-live/graphiti-mcp:1.0.0 # here\n");
    stack.scratch.write(".env", format!("{env}COMPOSE_FILE=docker-compose.yml:prod.yml\n"));
    stack.xtask(&wanted).exits(0);
    assert_eq!(runs(&stack, "graphiti-mcp"), "xtask-live/graphiti-mcp:1.0.1 healthy");
    assert_eq!(stack.scratch.read("prod.yml"), "services:\n  graphiti-mcp:\n    image: xtask-live/graphiti-mcp:1.0.1 # here\n");
    let before = stack.inspect(&stack.container("graphiti-mcp"), "{{.Id}}");
    stack.compose(&["up", "-d"]).exits(0);
    assert_eq!(stack.inspect(&stack.container("graphiti-mcp"), "{{.Id}}"), before, "Compose by hand sees nothing to change");
}

#[test]
fn pins_follow_what_compose_v2_reads() {
    pins_follow(Compose::V2, "prod.env");
}

#[test]
fn pins_follow_what_compose_v1_reads() {
    pins_follow(Compose::V1, ".env");
}

/// A stack of one plain Redis, without tags that tell its version if `odd`.
pub fn redis(image: &str) -> Option<Stack> {
    let stack = Stack::new(Compose::V2)?;
    let (name, port) = (&stack.name, stack.falkordb);
    stack.write_compose(&format!(
        "services:\n  falkordb:\n    image: {image}\n    container_name: {name}-falkordb\n    command: redis-server --appendonly yes --dir /data\n    \
         ports: [\"127.0.0.1:{port}:6379\"]\n    volumes:\n      - falkordb_data:/data\n    healthcheck:\n      test: [\"CMD-SHELL\", \"redis-cli ping | grep -q PONG\"]\n      interval: 1s\n\
         volumes:\n  falkordb_data: {{}}\n"
    ));
    configure(&stack);
    let config = stack.scratch.read("xtask.toml");
    let (front, rest) = config.split_once("[[services.probe]]").unwrap();
    stack.scratch.write("xtask.toml", format!("{front}{}", rest.split_once("[[backup]]").map(|(_, rest)| format!("[[backup]]{rest}")).unwrap()));
    stack.xtask(&["services", "up"]).exits(0);
    stack.redis(&["SET", "k", "Zoë"]);
    Some(stack)
}

#[test]
fn an_image_that_cannot_read_todays_data_is_refused() {
    let Some(stack) = redis("xtask-live/redis:8.2.3") else { return };
    let run = stack.xtask(&["services", "switch", "falkordb=xtask-live/redis:7.0", "--yes"]).exits(3);
    assert!(run.stderr.contains("falkordb can't go back: today's data has RDB format") && run.stderr.contains("--with-data"), "{}", run.stderr);
    // A tag that tells nothing: a scratch container on a copy does.
    let odd = format!("{}-odd:stable", stack.name);
    Run::of(&mut docker(&["tag", "xtask-live/redis:7.0", &odd])).exits(0);
    let run = stack.xtask(&["services", "switch", &format!("falkordb={odd}"), "--yes"]);
    let odd_redis = format!("{}/redis:stable", stack.name);
    Run::of(&mut docker(&["tag", "xtask-live/redis:7.0", &odd_redis])).exits(0);
    let tried = stack.xtask(&["services", "switch", &format!("falkordb={odd_redis}"), "--yes"]);
    Run::of(&mut docker(&["rmi", &odd, &odd_redis])).exits(0);
    for run in [run, tried] {
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        assert!(run.stderr.contains("does not start on a copy of today's data"), "{}", run.stderr);
    }
    assert_eq!(stack.redis(&["GET", "k"]), "Zoë");
    assert_eq!(Run::of(&mut docker(&["ps", "-aq", "--filter", "label=xtask=trial"])).stdout, "", "scratch containers go again");
}

#[test]
fn a_moved_tag_is_put_back_on_the_recorded_image() {
    let Some(stack) = product(Compose::V2, "1.0.0") else { return };
    let (mine, good) = (format!("{}/graphiti:1", stack.name), stack.inspect("xtask-live/graphiti-mcp:1.0.0", "{{.Id}}"));
    let text = stack.scratch.read("docker-compose.yml");
    let line = text.lines().find(|line| line.contains("image: xtask-live/graphiti-mcp")).unwrap().to_owned();
    stack.scratch.write("docker-compose.yml", text.replace(&line, &format!("    image: {mine}")));
    Run::of(&mut docker(&["tag", "xtask-live/graphiti-mcp:1.0.0", &mine])).exits(0);
    stack.xtask(&["services", "up"]).exits(0);
    stack.xtask(&["services", "switch", "graphiti-mcp=xtask-live/graphiti-mcp:1.0.1", "--yes"]).exits(0);
    // Somebody moves the tag meanwhile.
    Run::of(&mut docker(&["tag", "xtask-live/graphiti-mcp:sick", &mine])).exits(0);
    let undo = stack.xtask(&["services", "switch", "--undo", "--yes"]);
    let now = stack.inspect(&stack.container("graphiti-mcp"), "{{.Image}}");
    Run::of(&mut docker(&["rmi", "-f", &mine]));
    assert_eq!(undo.code, Some(0), "{}", undo.stderr);
    assert_eq!(now, good);
}

/// Kills the switch after its k-th effect; then either side must be reachable by the command that `status` names.
fn killed_after(stack: &Stack, k: u32, back: bool) {
    let wanted = ["services", "switch", "graphiti-mcp=xtask-live/graphiti-mcp:1.0.1", "--no-backup", "--yes"];
    let killed = stack.xtask_env(&wanted, &[("XTASK_TEST_CRASH_AFTER", &k.to_string())]);
    let pending = stack.xtask(&["status", "--json"]).json()["data"]["pending"].clone();
    let pending = pending.as_array().unwrap();
    if killed.code.is_none() && pending.is_empty() {
        // Nothing had begun, or all was done.
        assert!(runs(stack, "graphiti-mcp").ends_with("healthy"), "effect {k}: {}", runs(stack, "graphiti-mcp"));
    }
    for one in pending {
        assert!(one["resume"].as_str().unwrap().starts_with("xtask services switch graphiti-mcp="), "{one}");
        assert_eq!(one["undo"], "xtask services switch --undo");
    }
    let (args, image) = match (back, pending.is_empty()) {
        (true, false) => (vec!["services", "switch", "--undo", "--yes"], "1.0.0"),
        _ => (wanted.to_vec(), "1.0.1"),
    };
    stack.xtask(&args).exits(0);
    assert_eq!(runs(stack, "graphiti-mcp"), format!("xtask-live/graphiti-mcp:{image} healthy"), "killed after effect {k}");
    assert!(stack.scratch.read(".env").contains(&format!("GRAPHITI_MCP_IMAGE_TAG={image}\n")));
    let left = stack.scratch.project().join(".xtask/journal/rollback-services.json");
    assert!(!left.exists(), "{}", left.display());
    stack.xtask(&["services", "switch", "graphiti-mcp=xtask-live/graphiti-mcp:1.0.0", "--no-backup", "--yes"]).exits(0);
}

#[test]
fn killed_at_any_effect_either_side_can_be_reached() {
    let Some(stack) = product(Compose::V2, "1.0.0") else { return };
    let config = stack.scratch.read("xtask.toml").replace("soak = 2", "soak = 0");
    stack.scratch.write("xtask.toml", config);
    let log: PathBuf = stack.scratch.path().join("effects");
    let wanted = ["services", "switch", "graphiti-mcp=xtask-live/graphiti-mcp:1.0.1", "--no-backup", "--yes"];
    stack.xtask_env(&wanted, &[("XTASK_TEST_CRASH_LOG", log.to_str().unwrap())]).exits(0);
    stack.xtask(&["services", "switch", "graphiti-mcp=xtask-live/graphiti-mcp:1.0.0", "--no-backup", "--yes"]).exits(0);
    let effects = std::fs::read_to_string(&log).unwrap();
    // Calls that only look are effects to the counter: those that write or start are the interesting ones.
    let telling = |line: &&str| ["write", "start docker", "remove file", "append"].iter().any(|word| line.ends_with(word));
    let points: Vec<u32> = effects.lines().filter(telling).map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
    assert!(points.len() >= 5, "{effects}");
    let every = if std::env::var_os("XTASK_TEST_LONG").is_some() { 1 } else { points.len().div_ceil(5) };
    for (index, k) in points.into_iter().enumerate().step_by(every) {
        killed_after(&stack, k, index % 2 == 1);
    }
}

/// Upgraded by hand, with data going wrong since: what the newer image wrote is not what anybody means by going back with data.
#[test]
fn with_data_what_the_image_that_is_left_wrote_is_not_chosen() {
    let Some(stack) = product(Compose::V2, "1.0.0") else { return };
    stack.xtask(&["backup"]).exits(0);
    stack.pin("4.16.2", "1.0.0");
    stack.xtask(&["services", "up"]).exits(0);
    stack.redis(&["GRAPH.QUERY", "g", "MATCH (n) WHERE n.i > 1 DELETE n"]);
    stack.xtask(&["backup", "--accept"]).exits(0);
    let back = "falkordb=xtask-live/falkordb:4.16.3";
    // Tried once and taken back: what that saved is of the newer image too.
    let tried = stack.xtask(&["services", "switch", back, "graphiti-mcp=xtask-live/graphiti-mcp:crash", "--yes"]).exits(7);
    assert_eq!(nodes(&stack), "1", "{}", tried.stderr);
    stack.xtask(&["services", "switch", back, "--with-data", "--yes"]).exits(0);
    assert_eq!(nodes(&stack), "50");
    // Forward again: what was saved right before the image came that runs now, whoever wrote it.
    stack.xtask(&["services", "switch", "falkordb=xtask-live/falkordb:4.16.2", "--with-data", "--yes"]).exits(0);
    assert_eq!((nodes(&stack).as_str(), runs(&stack, "falkordb").as_str()), ("1", "xtask-live/falkordb:4.16.2 healthy"));
}

#[test]
fn with_data_the_older_image_gets_the_backup_from_before_the_upgrade() {
    let Some(stack) = redis("xtask-live/redis:7.0") else { return };
    let (old, new) = ("falkordb=xtask-live/redis:7.0", "falkordb=xtask-live/redis:8.2.3");
    stack.xtask(&["services", "switch", new, "--yes"]).exits(0);
    stack.redis(&["SET", "later", "yes"]);
    stack.xtask(&["services", "switch", old, "--yes"]).exits(3);
    let plan = stack.xtask(&["services", "switch", old, "--with-data", "--dry-run"]).exits(0).stdout;
    assert!(plan.contains("restores falkordb-") && plan.contains("only in the backup made first"), "{plan}");
    let done = stack.xtask(&["services", "switch", old, "--with-data", "--yes", "--json"]).exits(0).json();
    assert_eq!((stack.redis(&["GET", "k"]), stack.redis(&["EXISTS", "later"])), ("Zoë".into(), "0".into()));
    assert_eq!(runs(&stack, "falkordb"), "xtask-live/redis:7.0 healthy");
    // What was written since is in the backup made first, and the newer image reads it.
    let saved = done["data"]["backups"][0].as_str().unwrap();
    stack.xtask(&["services", "switch", "--undo", "--yes"]).exits(0);
    stack.xtask(&["restore", "falkordb", "--from", saved, "--yes"]).exits(0);
    assert_eq!(stack.redis(&["GET", "later"]), "yes");
}
