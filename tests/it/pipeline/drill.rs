//! The nightly drill as it is written: its own `run:` lines on a machine of their own, a night that goes well, nights that don't, one issue.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;

use super::{CONFIG, project, runner::Act};
use crate::{backup::server::available, github::Double, support::Scratch};

/// A stand-in for `gh` that keeps issues in a file.
const GH: &str = r#"#!/bin/sh
echo "$@" >> "$ISSUES.log"
case "$1 $2" in
  "issue list") [ ! -f "$ISSUES" ] || echo 7 ;;
  "issue create") echo created > "$ISSUES" ;;
esac
"#;

fn with_backup(engine: &str) -> Scratch {
    let scratch = project();
    scratch.write("xtask.toml", format!("{CONFIG}[[backup]]\nname = \"db\"\ndirectory = \"data\"\n{engine}"));
    scratch.xtask(&["workflows"]).exits(0);
    scratch.commit_all("a backup");
    scratch
}

fn nightly(scratch: &Scratch) -> bool {
    scratch.read(".github/workflows/drill.yml").contains("cron:")
}

/// A folder with the stand-in, put before everything else in PATH.
fn gh(scratch: &Scratch) -> String {
    let bin = scratch.path().join("gh-bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("gh"), GH).unwrap();
    fs::set_permissions(bin.join("gh"), fs::Permissions::from_mode(0o755)).unwrap();
    let issues = scratch.path().join("issues");
    fs::create_dir(&issues).unwrap();
    fs::write(issues.join("open.log"), "").unwrap();
    // Each machine has a user of its own.
    fs::set_permissions(&issues, fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(issues.join("open.log"), fs::Permissions::from_mode(0o666)).unwrap();
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

#[test]
fn a_good_night_is_silent() {
    if !available() {
        return;
    }
    let scratch = with_backup("engine = \"redis\"\naddress = \"127.0.0.1:1\"\n");
    assert!(nightly(&scratch));
    let double = Double::start();
    let mut act = Act::new(&scratch, &double, "drill", "main", json!({}));
    assert!(act.jobs(&["drill", "report"]), "{}", act.log);
    assert!(act.log.contains("$ xtask drill\n") && act.log.contains("proven:") && act.log.contains("== report: skipped"), "{}", act.log);
}

/// Nothing to drill is a failure of the night too: somebody believes in backups that nobody proves.
#[test]
fn bad_nights_have_one_issue() {
    let scratch = with_backup("");
    assert!(!nightly(&scratch), "plain files alone would fail every night");
    let double = Double::start();
    let path = gh(&scratch);
    for night in 0..3 {
        let mut act = Act::new(&scratch, &double, "drill", "main", json!({}));
        act.special = vec![("report", "PATH", path.clone()), ("report", "ISSUES", scratch.path().join("issues/open").display().to_string())];
        assert!(!act.job("drill") && act.failed == [2], "{}", act.log);
        assert_eq!(act.workflow["jobs"]["report"]["permissions"], json!({ "issues": "write" }));
        assert!(act.job("report"), "night {night}: {}", act.log);
    }
    let log = fs::read_to_string(scratch.path().join("issues/open.log")).unwrap();
    let count = |words: &str| log.lines().filter(|line| line.starts_with(words)).count();
    assert_eq!((count("issue create"), count("issue comment 7")), (1, 2), "{log}");
    assert!(log.contains("https://github.example/acme/rocket/actions/runs/7"), "{log}");
}
