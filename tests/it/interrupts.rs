//! A run that is told to end, or is killed, in the middle of a build: one document, exit 130, nothing of it goes on running, and the next run is
//! not disturbed by what the killed one left.

#![cfg(unix)]

use std::{
    path::PathBuf,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use crate::support::Scratch;

/// A build that tells its grandchild's number, waits until it is ended, and would then write something wrong.
fn slow() -> Scratch {
    let scratch = Scratch::new();
    scratch.write(
        "xtask.toml",
        "schema = 1\n[project]\nname = \"p\"\n[[version.source]]\nfile = \"VERSION\"\n[[artifact]]\nname = \"p\"\nenv = [\"SIDE\"]\nrun = [\"sh build.sh\"]\nfiles = [\"made/*\"]\nformats = [\"raw\"]\n",
    );
    scratch.write("build.sh", "mkdir made\nif test -e \"$SIDE/quick\"; then sleep 1; echo right > made/result; exit; fi\nsh -c 'echo $$ > \"$SIDE/pid.part\"; mv \"$SIDE/pid.part\" \"$SIDE/pid\"; trap \"\" HUP; sleep 2; while :; do mkdir -p made; echo wrong > made/result; echo wrong > made/more; sleep 0.1; done'\n");
    scratch.write("VERSION", "1.0.0\n");
    scratch.commit_all("first");
    scratch.git(&["tag", "v1.0.0"]);
    scratch
}

fn start(scratch: &Scratch) -> (Child, String) {
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    command.args(["release", "--json"]).env("SIDE", scratch.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = scratch.path().join("pid");
    wait_until(|| pid.exists());
    (child, std::fs::read_to_string(&pid).unwrap().trim().to_owned())
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(120), "it never came to that");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Gone, or ended and only not asked for its status yet.
fn is_gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(PathBuf::from("/proc").join(pid).join("stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
}

#[cfg(target_os = "linux")]
#[test]
fn told_to_end_it_ends_with_its_children_and_one_document() {
    for signal in ["INT", "TERM"] {
        let scratch = slow();
        let (child, grandchild) = start(&scratch);
        assert!(scratch.command("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{signal}: {}", String::from_utf8_lossy(&output.stderr));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["data"]["exit"], 130, "{document}");
        wait_until(|| is_gone(&grandchild));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_runs_build_does_not_disturb_the_next() {
    let scratch = slow();
    let (mut child, grandchild) = start(&scratch);
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::write(scratch.path().join("quick"), "").unwrap();
    let run = crate::support::Run::of(scratch.command(env!("CARGO_BIN_EXE_xtask")).arg("release").env("SIDE", scratch.path())).exits(0);
    assert!(run.stderr.contains("it was ended"), "{}", run.stderr);
    wait_until(|| is_gone(&grandchild));
    assert_eq!(scratch.read("target/releases/v1.0.0/result"), "right\n");
    assert!(!scratch.project().join("target/releases/v1.0.0/more").exists());
}
