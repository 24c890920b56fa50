//! `bump` in real repositories: what it edits, commits, tags; what stops it; and that a killed run is finished by the same command.

use crate::support::{Run, Scratch};

const CONFIG: &str = r###"schema = 1
[project]
name = "rocket"
[[version.source]]
file = "Cargo.toml"
[[version.source]]
file = "Cargo.lock"
[[version.source]]
file = "ui/package.json"
[[version.source]]
file = "pyproject.toml"
[[version.source]]
file = "README.md"
pattern = "badge/version-{version}-"
[[version.source]]
file = "CHANGELOG.md"
heading = "## {version}"
"###;

fn rocket() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("xtask.toml", CONFIG);
    scratch.write(".gitignore", ".xtask/\ntarget/\n");
    scratch.write("Cargo.toml", "[workspace]\nmembers = [\"core\", \"cli\"]\nresolver = \"3\"\n\n[workspace.package]\nversion = \"1.2.0\" # the version\n");
    scratch.write("core/Cargo.toml", "[package]\nname = \"core-of-rocket\"\nversion.workspace = true\nedition = \"2024\"\n");
    scratch.write("core/src/lib.rs", "");
    let cli = "[package]\nname = \"rocket\"\nversion = \"1.2.0\"\nedition = \"2024\"\n\n[dependencies]\ncore-of-rocket = { path = \"../core\", version = \"=1.2.0\" }\n";
    scratch.write("cli/Cargo.toml", cli);
    scratch.write("cli/src/main.rs", "fn main() {}\n");
    scratch.write("ui/package.json", "{\r\n\t\"name\": \"ui\",\r\n\t\"version\": \"1.2.0\"\r\n}");
    scratch.write("pyproject.toml", "[project]\nname = \"rocket\"\nversion = \"1.2.0\"\n");
    scratch.write("README.md", "![v](https://example.invalid/badge/version-1.2.0-blue)\n");
    scratch.write("CHANGELOG.md", "# Changes\n\n## Unreleased\n\n- faster\n\n## 1.2.0 - 2025-12-01\n");
    cargo(&scratch, &["generate-lockfile", "--offline"]).exits(0);
    scratch.commit_all("first");
    scratch
}

fn cargo(scratch: &Scratch, args: &[&str]) -> Run {
    Run::of(scratch.command("cargo").args(args))
}

fn versions(scratch: &Scratch) -> Vec<bool> {
    let says = |path: &str, text: &str| scratch.read(path).contains(text);
    vec![
        says("Cargo.toml", "version = \"1.3.0\" # the version"),
        says("cli/Cargo.toml", "version = \"1.3.0\"\nedition"),
        says("cli/Cargo.toml", "version = \"=1.3.0\""),
        scratch.read("Cargo.lock").matches("version = \"1.3.0\"").count() == 2,
        scratch.read("ui/package.json") == "{\r\n\t\"name\": \"ui\",\r\n\t\"version\": \"1.3.0\"\r\n}",
        says("pyproject.toml", "version = \"1.3.0\""),
        says("README.md", "badge/version-1.3.0-blue"),
        says("CHANGELOG.md", "## Unreleased\n\n## 1.3.0 - 2026-01-31\n\n- faster\n"),
    ]
}

#[test]
fn edits_commits_and_tags_but_never_pushes() {
    let scratch = rocket();
    scratch.write("notes.txt", "mine");
    let run = scratch.xtask(&["bump", "minor", "--commit", "--tag"]).exits(0);
    assert_eq!(versions(&scratch), [true; 8], "{}", run.stdout);
    assert!(run.stdout.contains("Cargo.toml:6") && run.stdout.contains("git push --atomic origin main v1.3.0"), "{}", run.stdout);
    assert_eq!(scratch.git(&["cat-file", "-t", "v1.3.0"]), "tag");
    assert_eq!(scratch.git(&["rev-parse", "v1.3.0^{commit}"]), scratch.git(&["rev-parse", "HEAD"]));
    let files = scratch.git(&["show", "--format=", "--name-only", "HEAD"]);
    assert_eq!(
        files.lines().collect::<Vec<_>>(),
        ["CHANGELOG.md", "Cargo.lock", "Cargo.toml", "README.md", "cli/Cargo.toml", "pyproject.toml", "ui/package.json"]
    );
    assert_eq!(scratch.git(&["status", "--porcelain"]), "?? notes.txt");
    // Cargo itself is the judge of what was written.
    cargo(&scratch, &["metadata", "--locked", "--offline", "--format-version=1"]).exits(0);
    let again = scratch.xtask(&["bump", "1.3.0", "--commit", "--tag"]).exits(0);
    assert!(again.stdout.contains("every source says 1.3.0 already"), "{}", again.stdout);
}

#[test]
fn a_dry_run_shows_the_plan_and_touches_nothing() {
    let scratch = rocket();
    let run = scratch.xtask(&["bump", "patch", "--commit", "--tag", "--dry-run", "--json"]).exits(0);
    let document = run.json();
    assert_eq!((&document["command"], &document["outcome"]), (&"bump".into(), &"ok".into()));
    assert_eq!((&document["data"]["from"], &document["data"]["to"]), (&"1.2.0".into(), &"1.2.1".into()));
    assert_eq!(document["data"]["edits"][0], serde_json::json!({"file": "Cargo.toml", "line": 6, "from": "1.2.0", "to": "1.2.1"}));
    assert_eq!(document["data"]["edits"].as_array().map(Vec::len), Some(9));
    assert_eq!(scratch.git(&["status", "--porcelain", "--ignored"]), "");
    assert_eq!(scratch.git(&["tag"]), "");
}

#[test]
fn what_stops_it_stops_it_before_anything_is_edited() {
    let scratch = rocket();
    let head = scratch.git(&["rev-parse", "HEAD"]);
    let stopped = |args: &[&str], code: i32, words: &str| {
        let run = scratch.xtask(args).exits(code);
        assert!(run.stderr.contains(words), "{args:?}: {}", run.stderr);
        assert!(scratch.read("Cargo.toml").contains("1.2.0"), "{args:?}");
        assert_eq!(scratch.git(&["rev-parse", "HEAD"]), head);
    };
    stopped(&["bump", "huge"], 2, "levels are major, minor, patch");
    stopped(&["bump", "1.1.0"], 3, "1.1.0 is lower than 1.2.0");
    stopped(&["bump", "minor", "--tag"], 2, "--commit");
    stopped(&["bump", "1.3.0-hotfix.1"], 3, "Python has no way to write 1.3.0-hotfix.1");
    scratch.git(&["branch", "v1.3.0"]);
    stopped(&["bump", "minor", "--commit", "--tag"], 3, "is a tag and a branch");
    scratch.git(&["tag", "v1.4.0"]);
    stopped(&["bump", "1.4.0", "--commit", "--tag"], 3, "the tag `v1.4.0` exists already");
    scratch.write("README.md", "badge/version-1.2.0-green");
    stopped(&["bump", "major", "--commit"], 3, "README.md: it has changes that are not committed");
    scratch.write("ui/package.json", "{\n<<<<<<< ours\n");
    stopped(&["bump", "major"], 3, "ui/package.json:2");
}

/// Kills it after each of its effects; the same command then ends with one commit, one tag, every source edited.
fn killed_everywhere(level: &str) {
    let reference = rocket();
    let log = reference.path().join("effects");
    let mut counted = reference.command(env!("CARGO_BIN_EXE_xtask"));
    Run::of(counted.args(["bump", level, "--commit", "--tag"]).env("XTASK_TEST_CRASH_LOG", &log)).exits(0);
    let effects: Vec<String> = std::fs::read_to_string(&log).expect("the log of effects").lines().map(str::to_owned).collect();
    assert!(effects.iter().filter(|line| line.ends_with(" write")).count() >= 8, "{effects:?}");
    let scratch = rocket();
    let first = scratch.git(&["rev-parse", "HEAD"]);
    for k in 1..=effects.len() {
        scratch.git(&["reset", "--quiet", "--hard", &first]);
        if k > 1 {
            scratch.git(&["tag", "--delete", "v1.3.0"]);
        }
        // A folder that is there already would be one effect less.
        let _ = std::fs::remove_dir_all(scratch.project().join(".xtask"));
        let mut killed = scratch.command(env!("CARGO_BIN_EXE_xtask"));
        let run = Run::of(killed.args(["bump", level, "--commit", "--tag"]).env("XTASK_TEST_CRASH_AFTER", k.to_string()));
        assert_eq!(run.code, None, "effect {k} didn't kill: {}", run.stderr);
        // Once the journal is gone, a level counts on from the new version, as it should.
        let ended = !scratch.project().join(".xtask/journal/bump.json").exists() && scratch.git(&["tag"]) == "v1.3.0";
        if !ended || level == "1.3.0" {
            scratch.xtask(&["bump", level, "--commit", "--tag"]).exits(0);
        }
        assert_eq!(versions(&scratch), [true; 8], "after {}", effects[k - 1]);
        assert_eq!(scratch.git(&["rev-list", "--count", &format!("{first}..v1.3.0")]), "1", "after {}", effects[k - 1]);
        assert_eq!(scratch.git(&["status", "--porcelain"]), "", "after {}", effects[k - 1]);
        assert!(!scratch.project().join(".xtask/journal/bump.json").exists());
    }
}

#[test]
fn a_killed_bump_to_a_level_is_finished_by_the_same_command() {
    killed_everywhere("minor");
}

#[test]
fn a_killed_bump_to_a_version_is_finished_by_the_same_command() {
    killed_everywhere("1.3.0");
}

#[test]
fn a_begun_bump_is_not_mixed_with_another() {
    let scratch = rocket();
    let mut killed = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let log = scratch.path().join("effects");
    let _counted = Run::of(killed.args(["bump", "minor", "--dry-run"]).env("XTASK_TEST_CRASH_LOG", &log)).exits(0);
    let reads = std::fs::read_to_string(&log).expect("the log").lines().count();
    let mut after = reads;
    while scratch.read("CHANGELOG.md").contains("Unreleased\n\n- faster") {
        after += 1;
        let mut killed = scratch.command(env!("CARGO_BIN_EXE_xtask"));
        assert_eq!(Run::of(killed.args(["bump", "minor"]).env("XTASK_TEST_CRASH_AFTER", after.to_string())).code, None);
    }
    let run = scratch.xtask(&["bump", "major"]).exits(3);
    assert!(run.stderr.contains("a bump from 1.2.0 to 1.3.0 was begun"), "{}", run.stderr);
    scratch.git(&["restore", "."]);
    scratch.xtask(&["bump", "major"]).exits(0);
    assert!(scratch.read("Cargo.toml").contains("version = \"2.0.0\" # the version"));
}

#[test]
fn a_commit_that_fails_is_partly_done_and_goes_on() {
    let scratch = rocket();
    scratch.write(".git/hooks/pre-commit", "#!/bin/sh\necho 'the hook says no' >&2\nexit 1\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let hook = scratch.project().join(".git/hooks/pre-commit");
        std::fs::set_permissions(hook, std::fs::Permissions::from_mode(0o755)).expect("make the hook run");
    }
    let run = scratch.xtask(&["bump", "minor", "--commit", "--tag"]).exits(5);
    assert!(run.stderr.contains("the hook says no") && run.stderr.contains("goes on"), "{}", run.stderr);
    std::fs::remove_file(scratch.project().join(".git/hooks/pre-commit")).expect("remove the hook");
    scratch.xtask(&["bump", "minor", "--commit", "--tag"]).exits(0);
    assert_eq!(scratch.git(&["tag"]), "v1.3.0");
    assert_eq!(versions(&scratch), [true; 8]);
}

/// npm itself is the judge: after a bump it has nothing to change in its lock file, in any of the three versions.
#[test]
fn npm_has_nothing_to_add_to_a_bumped_lock_file() {
    if Run::of(Scratch::new().command("sh").args(["-c", "command -v npm"])).code != Some(0) {
        assert!(std::env::var_os("XTASK_CI_STRICT").is_none(), "npm is not installed");
        return eprintln!("SKIPPED: npm is not installed");
    }
    for version in ["1", "2", "3"] {
        let scratch = Scratch::new();
        let source = |file: &str| format!("[[version.source]]\nfile = \"{file}\"\n");
        let files = ["package.json", "packages/a/package.json", "package-lock.json"];
        scratch.write("xtask.toml", format!("schema = 1\n[project]\nname = \"x\"\n{}", files.map(source).concat()));
        scratch.write("package.json", "{\"name\":\"root\",\"version\":\"1.2.0\",\"workspaces\":[\"packages/*\"]}\n");
        scratch.write("packages/a/package.json", "{\"name\":\"a\",\"version\":\"1.2.0\"}\n");
        scratch.write("packages/b/package.json", "{\"name\":\"b\",\"version\":\"0.5.0\",\"dependencies\":{\"a\":\"^1.0.0\"}}\n");
        let lock_version = format!("--lockfile-version={version}");
        let npm = ["install", "--offline", "--package-lock-only", "--no-audit", "--no-fund", &lock_version];
        Run::of(scratch.command("npm").args(npm)).exits(0);
        scratch.commit_all("first");
        let before = scratch.read("package-lock.json");
        scratch.xtask(&["bump", "minor"]).exits(0);
        let bumped = scratch.read("package-lock.json");
        assert_eq!(bumped, before.replace("\"version\": \"1.2.0\"", "\"version\": \"1.3.0\""));
        Run::of(scratch.command("npm").args(npm)).exits(0);
        assert_eq!(scratch.read("package-lock.json"), bumped, "lock file version {version}");
    }
}
