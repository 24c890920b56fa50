//! `check --only env,tools,logs`, `env -- CMD`.

use serde_json::Value;

use super::project;
use crate::support::{Run, Scratch};

fn codes(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().expect("findings");
    findings
        .iter()
        .map(|finding| format!("{} {}:{}", finding["code"].as_str().unwrap(), finding["file"].as_str().unwrap_or("-"), finding["line"].as_u64().unwrap_or(0)))
        .collect()
}

#[cfg(unix)]
fn mode(scratch: &Scratch, path: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(scratch.project().join(path), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_clean_project_has_no_findings() {
    let scratch = project();
    mode(&scratch, "app/.env", 0o600);
    scratch.commit_all("all");
    let run = scratch.xtask(&["check", "--only", "env", "--json"]).exits(0).json();
    assert_eq!(codes(&run), Vec::<String>::new(), "{run}");
}

#[test]
fn an_env_file_that_git_knows_or_knew_is_found() {
    let scratch = project();
    mode(&scratch, "app/.env", 0o644);
    scratch.write(".gitignore", ".secrets\n.xtask/\n");
    scratch.commit_all("with the env file");
    let tracked = scratch.xtask(&["check", "--only", "env", "--json"]).exits(3).json();
    let found = codes(&tracked);
    assert!(found.contains(&"env-tracked app/.env:0".to_owned()) && found.contains(&"env-world-readable app/.env:0".to_owned()), "{found:?}");
    assert!(found.contains(&"secret-in-file app/.env:1".to_owned()), "the value in use stands in a tracked file: {found:?}");
    scratch.git(&["rm", "--quiet", "--cached", "app/.env"]);
    scratch.git(&["commit", "--quiet", "--message", "take it out"]);
    let found = codes(&scratch.xtask(&["check", "--only", "env", "--json"]).exits(3).json());
    assert!(found.contains(&"env-in-history app/.env:0".to_owned()) && found.contains(&"env-not-ignored app/.env:0".to_owned()), "{found:?}");
    for run in [tracked.to_string(), scratch.xtask(&["check", "--only", "env"]).stderr] {
        assert!(!run.contains("zebra-Kite") && !run.contains("Pferd"), "no value is shown: {run}");
    }
    // Whoever has replaced the values says so, and the history is accepted.
    let text = scratch.read("xtask.toml").replace("[env]", "[env]\nallow = [\"app/.env\"]");
    scratch.write("xtask.toml", text);
    let found = codes(&scratch.xtask(&["check", "--only", "env", "--json"]).json());
    assert!(!found.iter().any(|finding| finding.starts_with("env-in-history")), "{found:?}");
}

#[test]
fn secrets_in_tracked_files_are_found_and_examples_are_not() {
    let scratch = project();
    mode(&scratch, "app/.env", 0o600);
    let token = format!("gh{}_k3J8s9Dk2LmQ0pZx7Vb4Nw5Rt6Yu1Io8Pa2S", "p");
    scratch
        .write("src/main.py", format!("# comment\nAPI = '{token}'\nEXAMPLE = 'ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'\napi_key = os.environ['API_KEY']\n"));
    scratch.write("src/allowed.py", format!("API = '{token}'  # xtask:allow-secret: revoked\n"));
    scratch.write("tests/data.py", format!("API = '{token}'\n"));
    scratch.write("README.md", "Set `OPENAI_API_KEY=sk-your-key-here`, then `curl -u user:password https://user:password@example.com`.\n");
    scratch.commit_all("all");
    let run = scratch.xtask(&["check", "--only", "env", "--json"]).exits(3).json();
    assert_eq!(codes(&run), ["secret-in-file src/main.py:2", "secret-in-file tests/data.py:1"]);
    assert_eq!(run["findings"][1]["severity"], "warning", "in a test's folder it weighs less");
    assert!(!run.to_string().contains("k3J8s9Dk"));
}

#[test]
fn logs_are_checked_with_file_and_line() {
    let scratch = project();
    scratch.write("logs/ok.log", "all is well\n");
    scratch.write("logs/leak.log", "one\npassword is in use: shellcanary8461\n");
    scratch.write("logs/big.log", vec![b'x'; 11_000_000]);
    scratch.write("logs/turned.log", vec![b'x'; 11_000_000]);
    scratch.write("logs/turned.log.1", "old\n");
    for name in ["ok.log", "leak.log", "big.log", "turned.log", "turned.log.1"] {
        mode(&scratch, &format!("logs/{name}"), if name == "ok.log" { 0o644 } else { 0o600 });
    }
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let run = Run::of(command.env("SHELL_SECRET", "shellcanary8461").args(["check", "--only", "logs", "--json"])).exits(3);
    let found = codes(&run.json());
    for wanted in ["log-secret logs/leak.log:2", "log-not-rotated logs/big.log:0", "log-world-readable logs/ok.log:0"] {
        assert!(found.contains(&wanted.to_owned()), "{wanted} in {found:?}");
    }
    assert!(!found.iter().any(|finding| finding.contains("turned")), "{found:?}");
    assert!(!run.stdout.contains("shellcanary"));
}

#[test]
fn tools_are_compared_with_their_ranges() {
    let scratch = Scratch::new();
    let tool = |name: &str, version: &str, prints: &str| format!("[[tool]]\nname = \"{name}\"\nversion = \"{version}\"\ncommand = [\"echo\", \"{prints}\"]\n");
    scratch.write(
        "xtask.toml",
        format!(
            "schema = 1\n[project]\nname = \"rocket\"\n{}{}{}[[tool]]\nname = \"surely-not-there\"\ninstall = \"make it yourself\"\n",
            tool("node", ">=20", "v22.3.0"),
            tool("python3", ">=3.12, <4", "Python 3.11.2"),
            tool("codex", ">=1", "no number here")
        ),
    );
    let run = scratch.xtask(&["check", "--only", "tools", "--json"]).exits(3).json();
    let found: Vec<_> = run["findings"].as_array().unwrap().iter().map(|finding| finding["message"].as_str().unwrap()).collect();
    assert_eq!(
        found,
        [
            "python3 is 3.11.2, wanted is >=3.12, <4",
            "codex doesn't tell its version with `echo no number here`",
            "surely-not-there is not installed (wanted: any version)"
        ]
    );
    assert_eq!(run["findings"][2]["hints"][0], "get it: make it yourself");
}

#[test]
fn env_becomes_the_command_with_the_secrets() {
    let scratch = project();
    let run = scratch.xtask(&["env", "--", "sh", "-c", "echo \"$CMD_TOKEN\"; cat; exit 7"]).exits(7);
    assert_eq!(run.stdout, "fromcommand-77Xq\n");
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let run = Run::of(command.env("CMD_TOKEN", "mine").args(["env", "--", "sh", "-c", "echo $CMD_TOKEN"])).exits(0);
    assert_eq!(run.stdout, "mine\n", "what is set already stays");
    let run = scratch.xtask(&["env", "--dry-run", "--", "sh", "-c", "echo never"]).exits(0);
    assert!(run.stdout.contains("CMD_TOKEN") && !run.stdout.contains("fromcommand"), "{}", run.stdout);
    // A command that fails may have printed secrets: its output is not part of the message.
    let text = scratch.read("xtask.toml").replace("cat .secrets", "sh -c 'echo fromcommand-77Xq >&2; exit 1'");
    scratch.write("xtask.toml", text);
    let run = scratch.xtask(&["env", "--", "true"]).exits(1);
    assert!(!run.stderr.contains("fromcommand") && run.stderr.contains("secret command"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn a_signal_reaches_the_command_itself() {
    use std::os::unix::process::ExitStatusExt as _;
    let scratch = project();
    let status = scratch.command(env!("CARGO_BIN_EXE_xtask")).args(["env", "--", "sh", "-c", "kill -TERM $$"]).status().unwrap();
    assert_eq!(status.signal(), Some(15), "the process is the command: no shell and no xtask stands between");
}

#[cfg(unix)]
#[test]
fn the_command_reads_what_xtask_is_given() {
    let scratch = project();
    for words in [&["env", "--", "cat"][..], &["incident", "isolate", "--", "cat"]] {
        let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
        let mut child = command.args(words).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"typed by a person\n").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "typed by a person\n", "{words:?}");
    }
}

#[test]
fn services_logs_that_grow_or_forget_have_their_line() {
    let scratch = project();
    let toml = scratch.read("xtask.toml");
    scratch.write("xtask.toml", format!("{toml}[services]\ncompose = \"docker-compose.yml\"\n"));
    let service = |name: &str, logging: &str| format!("  {name}:\n    image: x:1\n{logging}");
    let options = |text: &str| format!("    logging:\n      driver: json-file\n      options: {{ {text} }}\n");
    let services = [
        service("endless", ""),
        service("short", &options("max-size: 10m, max-file: '2'")),
        service("good", &options("max-size: 10m, max-file: 5")),
        service("local", "    logging: { driver: local }\n"),
    ];
    scratch.write("docker-compose.yml", format!("services:\n{}", services.concat()));
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let run = Run::of(command.env("DOCKER_HOST", "tcp://127.0.0.1:1").args(["check", "--only", "logs", "--json"])).json();
    let found: Vec<_> = codes(&run).into_iter().filter(|code| code.contains("docker-compose.yml")).collect();
    assert_eq!(found, ["log-not-rotated docker-compose.yml:2", "log-rotations docker-compose.yml:6"], "{run}");
    assert!(run.to_string().contains("max-file: \\\"5\\\""), "the remedy can be copied: {run}");
}

#[test]
fn secrets_in_packed_rotations_are_found() {
    let scratch = project();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, b"one\nin use: shellcanary8461\n").unwrap();
    scratch.write("logs/app.log.1", packed.finish().unwrap());
    scratch.write("logs/app.log.2.xz", b"\xfd7zXZ\0\0\0");
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let run = Run::of(command.env("SHELL_SECRET", "shellcanary8461").args(["check", "--only", "logs", "--json"])).exits(3);
    let found = codes(&run.json());
    for wanted in ["log-secret logs/app.log.1:2", "log-not-scanned logs/app.log.2.xz:0"] {
        assert!(found.contains(&wanted.to_owned()), "{wanted} in {found:?}");
    }
}
