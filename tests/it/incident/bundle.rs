//! `incident collect`: canaries in every source, hostile logs, the same bytes twice, nothing written when something is left.

use std::{collections::BTreeMap, io::Read as _, path::Path};

use super::{CANARIES, project};
use crate::support::{Run, Scratch};

fn collect(scratch: &Scratch, args: &[&str]) -> Run {
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    command.env("SHELL_SECRET", CANARIES[3].1).args(["incident", "collect", "--json"]).args(args);
    Run::of(&mut command)
}

fn unpack(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    (0..zip.len())
        .map(|index| {
            let mut entry = zip.by_index(index).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

fn bundle(scratch: &Scratch, args: &[&str]) -> (BTreeMap<String, Vec<u8>>, serde_json::Value) {
    let document = collect(scratch, args).exits(0).json();
    (unpack(Path::new(document["data"]["file"].as_str().unwrap())), document)
}

#[track_caller]
fn clean(entries: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in entries {
        let text = String::from_utf8_lossy(bytes);
        for needle in ["zebra-Kite", "emVicmEt", "ZWJyYS1", "YnJhLUtp", "7a656272", "Pferd", "fromcommand", "shellcanary", "c2hlbGxjYW5hcnk", "k3J8s9Dk2L"] {
            assert!(!text.contains(needle) && !name.contains(needle), "{needle} is in {name}");
        }
    }
}

/// Canaries in names and contents of logs, configuration, ledger, journal, git's tags and branches.
fn planted() -> Scratch {
    let scratch = project();
    let all: Vec<&str> = CANARIES.iter().map(|(_, value)| *value).collect();
    let token = format!("gh{}_k3J8s9Dk2LmQ0pZx7Vb4Nw5Rt6Yu1Io8Pa2S", "p");
    let lines = format!("start\n{}\ntoken {token}\nzebra\x1b[31m-Kite/47+11&\"x\\y coloured\nend of log\n", all.join("\n"));
    scratch.write("logs/app.log", &lines);
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(lines.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    scratch.write("logs/wide.log", wide);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, lines.as_bytes()).unwrap();
    scratch.write("logs/app.log.1.gz", packed.finish().unwrap());
    scratch.write("logs/shellcanary8461.log", "named after a secret\n");
    scratch.write(".auto-codex/specs/001/logs/task.log", &lines);
    scratch.write("docker-compose.yml", "services: {}\n");
    let toml = scratch.read("xtask.toml");
    scratch.write("xtask.toml", format!("# {token} shellcanary8461\n{toml}"));
    let home = scratch.path().join("home/.config/Auto Codex/logs");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("main.log"), &lines).unwrap();
    scratch.commit_all("all");
    scratch.git(&["branch", "shellcanary8461"]);
    scratch.git(&["tag", "fromcommand-77Xq"]);
    scratch.write(
        ".xtask/ledger.jsonl",
        format!(
            "{{\"schema\":1,\"at\":\"x\",\"who\":\"ann\",\"command\":\"release\",\"subject\":\"shellcanary8461\",\"outcome\":\"ok\",\"data\":\"{token}\"}}\n"
        ),
    );
    scratch
}

#[test]
fn no_canary_of_any_source_is_in_the_bundle() {
    let scratch = planted();
    let (entries, document) = bundle(&scratch, &[]);
    clean(&entries);
    let names: Vec<&str> = entries.keys().map(String::as_str).collect();
    for wanted in [
        "00-summary.md",
        "01-index.json",
        "logs/app/app.log",
        "logs/app/app.log.1",
        "logs/app/wide.log",
        "logs/app/config-dir/Auto Codex/logs/main.log",
        "state/ledger.jsonl",
        "state/xtask.toml",
    ] {
        assert!(names.contains(&wanted), "{wanted} in {names:?}");
    }
    let of = |name: &str| String::from_utf8_lossy(&entries[name]).into_owned();
    assert_eq!(of("logs/app/app.log"), of("logs/app/wide.log"), "UTF-16 reads like UTF-8");
    assert_eq!(of("logs/app/app.log"), of("logs/app/app.log.1"), "a packed rotation reads like the log");
    assert!(of("logs/app/app.log").starts_with("start\n[redacted:zebra-api-key:") && of("logs/app/app.log").ends_with("end of log\n"));
    let index: serde_json::Value = serde_json::from_slice(&entries["01-index.json"]).unwrap();
    assert!(index["redacted"].as_array().unwrap().iter().any(|hidden| hidden["kind"] == "github-token" && hidden["count"].as_u64() > Some(4)));
    assert!(!document.to_string().contains("shellcanary"));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let scratch = planted();
    let read = |name: &str| {
        let path = scratch.path().join(name);
        collect(&scratch, &["--out", path.to_str().unwrap()]).exits(0);
        std::fs::read(path).unwrap()
    };
    assert!(read("a.zip") == read("b.zip"), "two bundles differ");
}

#[cfg(unix)]
#[test]
fn the_bundle_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = planted();
    let path = scratch.path().join("a.zip");
    collect(&scratch, &["--out", path.to_str().unwrap()]).exits(0);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(unix)]
#[test]
fn hostile_logs_do_no_harm() {
    let scratch = project();
    let outside = scratch.path().join("outside.txt");
    std::fs::write(&outside, "outside of the tree").unwrap();
    scratch.write("logs/\x1b[2J\x07evil\nname.log", "x\x1b]0;title\x07y\r\n\x1b[31mred\n");
    scratch.write("logs/bytes.log", [b"ok\n".as_slice(), &[0xff, 0xfe, 0x00, 0x80, b'\n'], b"end\n"].concat());
    scratch.write("logs/long.log", [b"password=".as_slice(), &vec![b'q'; 3_000_000], b"\nnext line\n"].concat());
    std::os::unix::fs::symlink(&outside, scratch.project().join("logs/link.log")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", scratch.project().join("logs/zero.log")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(scratch.project().join("logs/pipe.log")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(scratch.project().join("logs/s.sock")).unwrap();
    scratch.commit_all("all");
    let (entries, document) = bundle(&scratch, &[]);
    clean(&entries);
    assert!(entries.keys().all(|name| !name.chars().any(char::is_control) && !name.contains("..")), "{:?}", entries.keys());
    assert!(entries.values().all(|bytes| !bytes.contains(&0x1b) && !bytes.contains(&0x07)), "no escape sequence reaches a reader");
    assert!(!entries.values().any(|bytes| bytes.windows(19).any(|window| window == b"outside of the tree")));
    let long = String::from_utf8_lossy(&entries["logs/app/long.log"]).into_owned();
    assert!(long.starts_with("password=[redacted:secret:") && long.ends_with("]\nnext line\n"), "{} bytes", long.len());
    let left: Vec<&str> = document["data"]["left-out"].as_array().unwrap().iter().map(|left| left["name"].as_str().unwrap()).collect();
    for name in ["logs/app/link.log", "logs/app/zero.log", "logs/app/pipe.log", "logs/app/s.sock"] {
        assert!(left.contains(&name), "{name} in {left:?}");
    }
}

#[test]
fn the_newest_logs_stay_within_the_size() {
    let scratch = project();
    let toml = scratch.read("xtask.toml").replace("[incident]", "[incident]\nmax-size = 2000000");
    scratch.write("xtask.toml", toml);
    let text = |n: usize| (0..100_000).map(|line| format!("{n} line {line:06}\n")).collect::<String>();
    for (n, name) in ["old.log", "mid.log", "new.log"].iter().enumerate() {
        scratch.write(&format!("logs/{name}"), text(n));
        let file = std::fs::File::options().write(true).open(scratch.project().join("logs").join(name)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 + n as u64 * 1000)).unwrap();
    }
    scratch.commit_all("all");
    let (entries, document) = bundle(&scratch, &[]);
    assert_eq!(entries["logs/app/new.log"].len(), 1_400_000, "the newest is whole");
    let mid = String::from_utf8_lossy(&entries["logs/app/mid.log"]).into_owned();
    assert!(mid.ends_with("1 line 099999\n") && mid.len() < 1_400_000 && mid.lines().all(|line| line.len() == 13), "{}", mid.len());
    let left = document["data"]["left-out"].to_string();
    assert!(left.contains("logs/app/old.log") && left.contains("size limit"), "{left}");
}

#[cfg(unix)]
#[test]
fn it_works_when_docker_is_down_and_a_log_cannot_be_read() {
    let scratch = planted();
    let toml = scratch.read("xtask.toml");
    scratch.write("xtask.toml", format!("{toml}[services]\ncompose = \"docker-compose.yml\"\n"));
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    command.env("SHELL_SECRET", CANARIES[3].1).env("DOCKER_HOST", "tcp://127.0.0.1:1").args(["incident", "collect", "--json"]);
    let document = Run::of(&mut command).exits(0).json();
    let entries = unpack(Path::new(document["data"]["file"].as_str().unwrap()));
    clean(&entries);
    let left = document["data"]["left-out"].to_string();
    assert!(left.contains("state/services.json"), "{left}");
    assert!(String::from_utf8_lossy(&entries["00-summary.md"]).contains("services: unknown"));
}

#[test]
fn a_dry_run_writes_nothing() {
    let scratch = planted();
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let run = Run::of(command.env("SHELL_SECRET", CANARIES[3].1).args(["incident", "collect", "--dry-run"])).exits(0);
    assert!(run.stdout.contains("logs/app/app.log") && !run.stdout.contains("shellcanary"), "{}", run.stdout);
    assert!(!scratch.project().join(".xtask/incidents").exists());
}

#[test]
fn the_checklist_walks_the_runbook() {
    let scratch = planted();
    let run = scratch.xtask(&["incident", "--json"]).exits(0).json();
    let steps: Vec<_> =
        run["data"]["steps"].as_array().unwrap().iter().map(|step| (step["step"].as_str().unwrap(), step["command"].as_str().unwrap())).collect();
    assert_eq!(
        steps,
        [
            ("collect logs", "xtask incident collect"),
            ("verify dependencies", "xtask check --only tools,env"),
            ("isolate", "xtask incident isolate -- CMD"),
            ("roll back if needed", "xtask releases"),
        ]
    );
}

#[test]
fn isolate_takes_integrations_out_of_the_environment() {
    let scratch = planted();
    scratch.write("app/.env", "LINEAR_TEAM=x\nZEBRA_API_KEY=1\n");
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let script = "echo \"${LINEAR_API_KEY-unset} ${GITHUB_TOKEN-unset} [${LINEAR_TEAM-unset}] $OTHER\"; exit 5";
    command.env("LINEAR_API_KEY", "a").env("GITHUB_TOKEN", "b").env("OTHER", "stays").args(["incident", "isolate", "--", "sh", "-c", script]);
    let run = Run::of(&mut command).exits(5);
    assert_eq!(run.stdout, "unset unset [] stays\n", "what an env file would bring back is emptied instead");
}

#[test]
fn what_nobody_can_look_into_stays_out_with_a_reason() {
    let scratch = project();
    let packed = |text: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packed, text).unwrap();
        packed.finish().unwrap()
    };
    let canary = CANARIES[3].1;
    let whole = packed((0..20_000_u32).map(|n| format!("{canary} {}\n", n.wrapping_mul(2_654_435_761))).collect::<String>().as_bytes());
    scratch.write("logs/rotated.1", packed(format!("by content, not by name: {canary}\n").as_bytes()));
    scratch.write("logs/torn.log.gz", &whole[..whole.len() / 2]);
    scratch.write("logs/named.log.gz", format!("no gzip at all: {canary}\n"));
    scratch.write("logs/app.log.xz", b"\xfd7zXZ\0 and so on");
    scratch.write("logs/state.db", [b"SQLite format 3\0".as_slice(), canary.as_bytes()].concat());
    scratch.write("logs/twice.gz", packed(&packed(canary.as_bytes())));
    scratch.commit_all("all");
    let (entries, document) = bundle(&scratch, &[]);
    clean(&entries);
    let of = |name: &str| String::from_utf8_lossy(&entries[name]).into_owned();
    assert_eq!(of("logs/app/rotated.1"), "by content, not by name: [redacted:shell-secret:1]\n");
    assert!(of("logs/app/named.log").starts_with("no gzip at all: [redacted:"));
    assert!(entries["logs/app/torn.log"].len() > 10_000 && of("01-index.json").contains("it is damaged"));
    let left = document["data"]["left-out"].as_array().unwrap();
    let why = |name: &str| left.iter().find(|left| left["name"] == name).unwrap_or_else(|| panic!("{name} in {left:?}"))["why"].as_str().unwrap().to_owned();
    assert!(why("logs/app/app.log.xz").contains("an xz file") && why("logs/app/state.db").contains("SQLite") && why("logs/app/twice").contains("packed twice"));
}

#[cfg(unix)]
#[test]
fn whatever_hangs_costs_one_wait_and_the_secret_command_runs_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = planted();
    let programs = scratch.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    for name in ["docker", "docker-compose"] {
        let text = format!("#!/bin/sh\necho x >> '{}/asked-{name}'\nsleep 86395 & sleep 86395\n", scratch.path().display());
        std::fs::write(programs.join(name), text).unwrap();
        std::fs::set_permissions(programs.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let toml = scratch.read("xtask.toml").replace("cat .secrets", "sh -c 'echo x >> ../asked-secrets; cat .secrets'");
    scratch.write("xtask.toml", format!("{toml}[services]\ncompose = \"docker-compose.yml\"\n"));
    scratch.write(".xtask/journal/release.json", "no JSON at all");
    let path = std::env::join_paths(std::iter::once(programs.clone()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap()))).unwrap();
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    command.env("SHELL_SECRET", CANARIES[3].1).env("PATH", path).env("XTASK_PATIENCE", "2").args(["incident", "collect", "--json"]);
    let document = Run::of(&mut command).exits(0).json();
    let entries = unpack(Path::new(document["data"]["file"].as_str().unwrap()));
    clean(&entries);
    let asked = |name: &str| std::fs::read_to_string(scratch.path().join(format!("asked-{name}"))).unwrap_or_default().lines().count();
    assert_eq!((asked("secrets"), asked("docker")), (1, 1));
    assert!(document["data"]["left-out"].to_string().contains("did not answer within 2 seconds"), "{document}");
    assert!(entries.contains_key("logs/app/app.log") && String::from_utf8_lossy(&entries["state/status.json"]).contains("unreadable"));
}

/// A person at a terminal, played by Python: answers each question and prints all that was shown.
#[cfg(unix)]
const PERSON: &str = r#"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[1], [sys.argv[1], "incident"])
answers = list(sys.argv[2]); shown = b""
while True:
    try: piece = os.read(terminal, 4096)
    except OSError: break
    if not piece: break
    shown += piece
    if shown.endswith(b"[y/N] ") and answers: os.write(terminal, answers.pop(0).encode() + b"\n")
sys.stdout.write(shown.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

#[cfg(unix)]
#[test]
fn on_a_terminal_the_checklist_asks() {
    let scratch = planted();
    let ask = |answers: &str| {
        let mut command = scratch.command("python3");
        command.env("SHELL_SECRET", CANARIES[3].1).env("TERM", "xterm").args(["-c", PERSON, env!("CARGO_BIN_EXE_xtask"), answers]);
        Run::of(&mut command).exits(0).stdout
    };
    let shown = ask("n");
    for step in ["1. collect logs", "collect them now? [y/N]", "2. verify dependencies", "3. isolate", "4. roll back if needed"] {
        assert!(shown.contains(step), "{step} in {shown}");
    }
    assert!(!scratch.project().join(".xtask/incidents").exists(), "no means no");
    let shown = ask("y");
    assert!(shown.contains("the bundle was scanned again and is clean") && shown.contains("4. roll back if needed"), "{shown}");
    assert_eq!(std::fs::read_dir(scratch.project().join(".xtask/incidents")).unwrap().count(), 1);
}
