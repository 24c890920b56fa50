//! Folders: globs, `closed`, retention, and each way to be wrong with its own message.

use crate::support::{Run, Scratch};

const HEAD: &str = "schema = 1\n[project]\nname = \"t\"\n[version]\ntag = \"v{version}\"\n";

fn project(backup: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("xtask.toml", format!("{HEAD}[[backup]]\nname = \"state\"\n{backup}\n"));
    scratch
}

/// The archive of the newest backup.
fn archive(scratch: &Scratch) -> std::path::PathBuf {
    let listed = scratch.xtask(&["backup", "list", "--json"]).exits(0).json();
    scratch.project().join("backups/state").join(listed["data"]["backups"][0]["archive"]["file"].as_str().unwrap())
}

#[test]
fn globs_choose_and_the_backups_themselves_stay_out() {
    let scratch = project("directory = \".\"\ninclude = [\".auto-codex/specs/**/logs/**\"]");
    scratch.write(".auto-codex/specs/1/logs/task.log", "one");
    scratch.write(".auto-codex/specs/1/plan.md", "two");
    scratch.write("src/main.rs", "three");
    scratch.xtask(&["backup"]).exits(0);
    let tar = Run::of(scratch.command("tar").args(["--zstd", "-tf"]).arg(archive(&scratch)));
    assert_eq!(
        tar.stdout,
        "./\n./.auto-codex/\n./.auto-codex/specs/\n./.auto-codex/specs/1/\n./.auto-codex/specs/1/logs/\n./.auto-codex/specs/1/logs/task.log\n"
    );
}

#[test]
fn nothing_to_back_up_is_no_backup() {
    let scratch = project("directory = \"data\"");
    std::fs::create_dir(scratch.project().join("data")).unwrap();
    let refused = scratch.xtask(&["backup"]).exits(3);
    assert!(refused.stderr.contains("the backup is empty"), "{}", refused.stderr);
    assert_eq!(scratch.xtask(&["backup", "list", "--json"]).json()["data"]["backups"], serde_json::json!([]));
    std::os::unix::fs::symlink("/var/lib/falkordb/data", scratch.project().join("data/data")).unwrap();
    let refused = scratch.xtask(&["backup"]).exits(3);
    assert!(refused.stderr.contains("only links that lead elsewhere"), "{}", refused.stderr);
}

#[test]
fn it_refuses_while_the_program_runs() {
    let scratch = project("directory = \"data\"\nclosed = \"xtask-closed-test\"");
    scratch.write("data/x", "x");
    let program = scratch.path().join("xtask-closed-test");
    std::fs::copy("/bin/sleep", &program).unwrap();
    let mut child = std::process::Command::new(&program).arg("30").spawn().unwrap();
    let refused = scratch.xtask(&["backup"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(refused.exits(3).stderr.contains("`xtask-closed-test` runs"));
    scratch.xtask(&["backup"]).exits(0);
}

#[test]
fn damage_has_a_name_and_costs_the_verified_mark() {
    let scratch = project("directory = \"data\"\nkeep = 1");
    scratch.write("data/x", "content".repeat(1000));
    scratch.xtask(&["backup"]).exits(0);
    let archive = archive(&scratch);
    let whole = std::fs::read(&archive).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    for (bytes, why) in [(&whole[..0], "is empty"), (&whole[..whole.len() / 2], "is cut short"), (&flipped, "was altered")] {
        std::fs::write(&archive, bytes).unwrap();
        let verdict = scratch.xtask(&["backup", "verify", "--json"]).exits(6).json();
        assert!(verdict["findings"][0]["message"].as_str().unwrap().contains(why), "{verdict}");
        let listed = scratch.xtask(&["backup", "list", "--json"]).json();
        assert!(listed["data"]["backups"][0]["verified"].is_null());
    }
    std::fs::write(&archive, &whole).unwrap();
    scratch.xtask(&["backup", "verify"]).exits(0);
    std::fs::remove_file(&archive).unwrap();
    assert!(scratch.xtask(&["backup", "verify"]).exits(6).stdout.contains("is missing"));
}

#[test]
fn retention_spares_what_must_stay() {
    let scratch = project("directory = \"data\"\nkeep = 2");
    for day in 1..=4 {
        scratch.write("data/x", format!("day {day}"));
        let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
        Run::of(command.args(["backup"]).env("XTASK_CLOCK", (1_769_860_800 + day * 86_400).to_string())).exits(0);
    }
    let listed = scratch.xtask(&["backup", "list", "--json"]).json();
    assert_eq!(listed["data"]["backups"].as_array().unwrap().len(), 2);
    let mut prune = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let prune = Run::of(prune.args(["backup", "prune"]).env("XTASK_CLOCK", (1_769_860_800 + 5 * 86_400).to_string())).exits(0);
    assert!(prune.stdout.contains("the newest verified backup"), "{}", prune.stdout);
    let names: Vec<_> = std::fs::read_dir(scratch.project().join("backups/state")).unwrap().collect();
    assert_eq!(names.len(), 4, "two archives and two manifests: {names:?}");
}

#[test]
fn an_unknown_name_suggests_the_nearest() {
    let scratch = project("directory = \"data\"");
    let wrong = scratch.xtask(&["backup", "stat"]).exits(2);
    assert!(wrong.stderr.contains("did you mean `state`"), "{}", wrong.stderr);
}
