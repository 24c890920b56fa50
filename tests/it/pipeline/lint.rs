//! What others say about the generated files: zizmor in its strictest persona, GitHub's own schemas, shellcheck; the composite action tried for real;
//! and this repository's own files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{CONFIG, project};
use crate::support::{Run, Scratch};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_path_buf()
}

/// A tool of somebody else; without it the test says so loudly, and fails where everything must run.
fn tool(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if !there {
        assert!(std::env::var("XTASK_CI_STRICT").as_deref() != Ok("1"), "{name} is missing: run .ci/setup");
        eprintln!("SKIPPED: {name} is not installed");
    }
    there
}

/// Projects that get different pipelines: scripts with variables for xtask; cargo with a pinned release, a backup and runners of its own; the alias.
fn variants() -> Vec<Scratch> {
    let pinned = format!(
        "{CONFIG}[[artifact]]\nname = \"tool\"\ncargo = {{ package = \"tool\" }}\ntargets = [\"x86_64-unknown-linux-musl\"]\n[[backup]]\nname = \"data\"\ndirectory = \"data\"\n[workflows]\nci = \"make test\"\nenvironment = \"live\"\nrunners = {{ rollback = \"ubuntu-24.04-arm\" }}\n[workflows.xtask]\nrepository = \"acme/tools\"\nversion = \"1.2.3\"\ndigest = \"{}\"\n",
        "ab".repeat(32)
    );
    [(CONFIG.to_owned(), None), (pinned, None), (CONFIG.to_owned(), Some("[alias]\nxtask = \"run --\"\n"))]
        .into_iter()
        .map(|(config, alias)| {
            let scratch = Scratch::new();
            scratch.write("xtask.toml", config);
            alias.into_iter().for_each(|alias| scratch.write(".cargo/config.toml", alias));
            scratch.git(&["init", "--quiet"]);
            scratch.xtask(&["workflows"]).exits(0);
            scratch
        })
        .collect()
}

/// With the user's own HOME: Python's tools live there.
fn judge(folder: &Path, program: &str, args: &[&str]) {
    let mut command = std::process::Command::new(program);
    let run = Run::of(command.args(args).current_dir(folder));
    assert_eq!(run.code, Some(0), "{program} {args:?} in {}:\n{}{}", folder.display(), run.stdout, run.stderr);
}

const FILES: [&str; 5] = [
    ".github/workflows/ci.yml",
    ".github/workflows/drill.yml",
    ".github/workflows/prune.yml",
    ".github/workflows/release.yml",
    ".github/workflows/rollback.yml",
];
const ACTION: &str = ".github/actions/xtask/action.yml";

#[test]
fn zizmor_finds_nothing_in_its_strictest_persona() {
    if tool("zizmor") {
        variants()
            .iter()
            .map(Scratch::project)
            .chain([root()])
            .for_each(|folder| judge(&folder, "zizmor", &["--persona", "auditor", "--offline", "--quiet", ".github"]));
    }
}

#[test]
fn githubs_own_schemas_accept_them() {
    if tool("check-jsonschema") {
        for folder in variants().iter().map(Scratch::project).chain([root()]) {
            judge(&folder, "check-jsonschema", &[["--builtin-schema", "vendor.github-workflows"].as_slice(), &FILES].concat());
            judge(&folder, "check-jsonschema", &["--builtin-schema", "vendor.github-actions", ACTION]);
        }
    }
}

fn scripts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("run").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| scripts(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| scripts(value, found)),
        _ => {}
    }
}

#[test]
fn shellcheck_accepts_every_run_line() {
    if !tool("shellcheck") {
        return;
    }
    for scratch in variants() {
        let mut found = Vec::new();
        for file in FILES.iter().chain([&ACTION]) {
            scripts(&yaml_serde::from_str(&scratch.read(file)).unwrap(), &mut found);
        }
        assert!(found.len() > 10, "{found:?}");
        for script in found {
            scratch.write("script.sh", format!("#!/bin/bash\nset -eo pipefail\n{script}\n"));
            judge(&scratch.project(), "shellcheck", &["--severity=style", "script.sh"]);
        }
    }
}

#[test]
fn this_repositorys_own_are_made_by_it() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"));
    Run::of(command.args(["workflows", "--check"]).current_dir(root())).exits(0);
}

#[test]
fn drift_is_shown_with_a_diff_and_strangers_files_are_kept() {
    let scratch = project();
    scratch.xtask(&["workflows", "--check"]).exits(0);
    let text = scratch.read(FILES[3]);
    scratch.write(FILES[3], text.replace("contents: read", "contents: write"));
    fs::remove_file(scratch.project().join(FILES[1])).unwrap();
    let run = scratch.xtask(&["workflows", "--check", "--json"]).exits(3);
    let json = run.json();
    assert_eq!(json["outcome"], "findings");
    let places: Vec<_> = json["findings"].as_array().unwrap().iter().map(|finding| (finding["file"].as_str().unwrap(), finding["line"].as_u64())).collect();
    let line = text.lines().position(|line| line.contains("contents: read")).unwrap() as u64 + 1;
    assert_eq!(places, [(FILES[1], None), (FILES[3], Some(line))]);
    assert!(scratch.xtask(&["workflows", "--check"]).exits(3).stdout.contains("-      contents: write"));
    scratch.xtask(&["workflows", "--dry-run"]).exits(0);
    assert!(!scratch.project().join(FILES[1]).exists(), "a dry run writes nothing");
    // Somebody else's file: kept while only the disk has it, replaced with a word once git can bring it back.
    scratch.write(FILES[0], "name: ours\n");
    scratch.xtask(&["workflows"]).exits(3);
    assert_eq!(scratch.read(FILES[0]), "name: ours\n");
    scratch.commit_all("ours");
    let run = scratch.xtask(&["workflows"]).exits(0);
    assert!(run.stderr.contains("made by something else"), "{}", run.stderr);
    assert_eq!(scratch.read(FILES[3]), text);
    scratch.xtask(&["workflows", "--check"]).exits(0);
}

#[test]
fn a_runner_that_no_release_is_for_is_told_so() {
    let scratch = project();
    let decide = |arch: &str, rev: &str| {
        let mut command = scratch.command("bash");
        command
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &action_script(&scratch, "Decide")])
            .env("GITHUB_OUTPUT", scratch.path().join("output"));
        command.env("RUNNER_OS", "Linux").env("RUNNER_ARCH", arch).env("REPOSITORY", "acme/tools").env("REV", rev);
        let (version, digest) = if rev.is_empty() { ("1.2.3", "ab") } else { ("", "") };
        Run::of(command.env("VERSION", version).env("DIGEST", digest))
    };
    decide("X64", "").exits(0);
    let run = decide("RISCV64", "").exits(2);
    assert!(run.stdout.contains("::error::no xtask is released for Linux RISCV64"), "{}", run.stdout);
    decide("RISCV64", "0123").exits(0);
}

/// The `run:` script of a step of the composite action.
fn action_script(scratch: &Scratch, step: &str) -> String {
    let action: Value = yaml_serde::from_str(&scratch.read(ACTION)).unwrap();
    let found = action["runs"]["steps"].as_array().unwrap().iter().find(|found| found["name"] == step).unwrap();
    found["run"].as_str().unwrap().to_owned()
}

#[test]
fn the_action_installs_what_its_digest_says_and_nothing_else() {
    let scratch = project();
    let release = scratch.path().join("server/acme/tools/releases/download/v1.2.3");
    let name = "xtask-1.2.3-x86_64-unknown-linux-gnu";
    fs::create_dir_all(release.join(name)).unwrap();
    fs::write(release.join(name).join("xtask"), "#!/bin/sh\necho xtask 1.2.3\n").unwrap();
    let sh = |line: &str| Run::of(scratch.command("sh").args(["-c", line]).current_dir(&release)).exits(0).stdout;
    sh(&format!("chmod +x {name}/xtask && tar -czf {name}.tar.gz {name} && rm -r {name} && sha256sum {name}.tar.gz > SHA256SUMS"));
    let digest = sh("sha256sum SHA256SUMS | cut -d ' ' -f 1").trim().to_owned();
    let install = |digest: &str| {
        let mut command = scratch.command("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &action_script(&scratch, "Install the release")]);
        command.env("REPOSITORY", "acme/tools").env("VERSION", "1.2.3").env("DIGEST", digest).env("TARGET", "x86_64-unknown-linux-gnu");
        Run::of(command.env("SERVER", format!("file://{}/server", scratch.path().display())))
    };
    let installed = scratch.path().join("home/.cargo/bin/xtask");
    install(&"0".repeat(64)).exits(6);
    assert!(!installed.exists());
    install(&digest).exits(0);
    assert_eq!(Run::of(&mut scratch.command(&installed)).exits(0).stdout, "xtask 1.2.3\n");
    // What a cache brought back is checked like what was downloaded.
    fs::remove_file(&installed).unwrap();
    scratch.write(&format!(".xtask/setup/{name}.tar.gz"), "poisoned");
    install(&digest).exits(6);
    assert!(!installed.exists() && !scratch.project().join(".xtask/setup").exists());
    fs::remove_dir_all(scratch.project().join(".xtask")).unwrap();
    install(&digest).exits(0);
    assert_eq!(scratch.git(&["status", "--porcelain"]), "", "what is checked out is released: nothing may have changed");
}
