//! The generated pipelines, acted out without GitHub: the jobs' own `run:` lines, on machines that have nothing in common, against the double.

mod drill;
mod expression;
mod lint;
mod runner;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{github::Double, support::Scratch};
use runner::{Act, push_tag, shared_program};

const CONFIG: &str = r#"schema = 1
[project]
name = "rocket"
repository = "acme/rocket"
[[version.source]]
file = "VERSION"
[[artifact]]
name = "rocket"
run = ["sh build.sh"]
targets = ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"]
files = ["out/**", "README.md"]
formats = ["tar.gz", "zip"]
strip-prefix = "out"
env = ["FLAVOUR"]
[[artifact]]
name = "app"
run = ["sh app.sh"]
targets = ["x86_64-apple-darwin", "aarch64-apple-darwin"]
files = ["dist/*"]
formats = ["raw"]
[[artifact]]
name = "notes"
files = ["README.md"]
"#;
const BUILD: &str = "mkdir -p out\necho \"rocket for $XTASK_TARGET${FLAVOUR:+ }$FLAVOUR\" > out/rocket\nchmod +x out/rocket\n";
/// As electron-builder does it: a zip of the architecture, and metadata with a time and digests that signing made stale.
const APP: &str = r#"mkdir -p dist
name="Rocket-$XTASK_VERSION-${XTASK_TARGET%%-*}.zip"
echo "app for $XTASK_TARGET" > "dist/$name"
printf 'version: %s\nfiles:\n  - url: %s\n    sha512: stale\n    size: 1\npath: %s\nsha512: stale\nreleaseDate: "%s"\n' "$XTASK_VERSION" "$name" "$name" "$(date)" > dist/latest-mac.yml
"#;
const BUILT: [&str; 4] = ["aarch64-apple-darwin", "any", "x86_64-apple-darwin", "x86_64-unknown-linux-gnu"];

fn project() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("xtask.toml", CONFIG);
    // Nothing that only the pipeline leaves: repositories that it is made for don't know of that.
    scratch.write(".gitignore", "out/\ndist/\n");
    scratch.write("VERSION", "1.0.0\n");
    scratch.write("README.md", "# rocket\n");
    scratch.write("build.sh", BUILD);
    scratch.write("app.sh", APP);
    scratch.xtask(&["workflows"]).exits(0);
    scratch.commit_all("first");
    scratch.git(&["tag", "v1.0.0"]);
    scratch
}

fn double(scratch: &Scratch) -> Double {
    let double = Double::start();
    push_tag(scratch, &double, "v1.0.0");
    shared_program(scratch);
    double
}

fn release<'a>(scratch: &'a Scratch, double: &'a Double, tag: &str) -> Act<'a> {
    Act::new(scratch, double, "release", tag, json!({}))
}

const ALL: [&str; 7] = ["plan", "build", "rehearse", "draft", "attest", "publish", "verify"];

/// The assets that the public sees.
fn assets(double: &Double, tag: &str) -> BTreeMap<String, Vec<u8>> {
    let state = double.state();
    let release = state.releases.iter().find(|release| release.tag == tag && !release.draft);
    release.into_iter().flat_map(|release| &release.assets).map(|asset| (asset.name.clone(), asset.bytes.to_vec())).collect()
}

/// What one machine makes of the same tag.
fn one_machine(scratch: &Scratch, tag: &str) -> BTreeMap<String, Vec<u8>> {
    scratch.xtask(&["release", "--tag", tag, "--forge", "directory"]).exits(0);
    let folder = scratch.project().join("target/releases").join(tag);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let named = files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()));
    named.filter(|(name, _)| !name.starts_with('.')).collect()
}

#[test]
fn many_machines_publish_the_bytes_that_one_would() {
    let (scratch, runs) = (project(), [1, 2]);
    let double = double(&scratch);
    let mut act = release(&scratch, &double, "v1.0.0");
    assert!(act.jobs(&ALL), "{}", act.log);
    let published = assets(&double, "v1.0.0");
    let alone = one_machine(&scratch, "v1.0.0");
    let names: Vec<&String> = published.keys().collect();
    assert_eq!(names, alone.keys().collect::<Vec<_>>());
    let differ: Vec<&String> = published.iter().filter(|(name, bytes)| alone.get(*name) != Some(bytes)).map(|(name, _)| name).collect();
    assert!(differ.is_empty(), "{differ:?} differ: {}", String::from_utf8_lossy(&published["release.json"]));
    let metadata = String::from_utf8_lossy(&published["latest-mac.yml"]).into_owned();
    assert!(
        metadata.contains("url: Rocket-1.0.0-aarch64.zip") && metadata.contains("path: Rocket-1.0.0-x86_64.zip") && !metadata.contains("stale"),
        "{metadata}"
    );
    // Attested before anybody could see it; exactly one machine built what has no target; the token is in no log.
    assert!(act.log.contains("attested") && act.log.contains("published before: false"), "{}", act.log);
    assert_eq!(act.log.matches("artifact notes").count(), 1, "{}", act.log);
    assert!(!act.log.contains(crate::github::TOKEN));
    for _ in runs {
        assert!(act.jobs(&ALL), "a rerun of everything resumes: {}", act.log);
    }
    let releases = double.state().releases.len();
    assert_eq!((releases, assets(&double, "v1.0.0")), (1, published));
}

#[test]
fn a_killed_job_runs_again_and_goes_on() {
    let scratch = project();
    let double = double(&scratch);
    let mut act = release(&scratch, &double, "v1.0.0");
    act.special = vec![("build", "XTASK_TEST_CRASH_AFTER", "9".into())];
    assert!(!act.jobs(&["plan", "build"]), "{}", act.log);
    act.special.clear();
    assert!(act.job("build"), "{}", act.log);
    for (job, after) in [("draft", "12"), ("draft", "25"), ("publish", "20")] {
        act.special = vec![(if job == "draft" { "draft" } else { "publish" }, "XTASK_TEST_CRASH_AFTER", after.into())];
        assert!(!act.job(job), "{job} was not killed: {}", act.log);
        assert!(assets(&double, "v1.0.0").is_empty(), "somebody could see a part of it");
        act.special.clear();
        assert!(act.job(job) && (job != "draft" || act.job("attest")), "{}", act.log);
        if job == "draft" {
            assert!(assets(&double, "v1.0.0").is_empty());
        }
    }
    assert!(act.job("verify"), "{}", act.log);
    assert_eq!(assets(&double, "v1.0.0"), one_machine(&scratch, "v1.0.0"));
}

#[test]
fn two_builds_that_differ_are_refused_by_the_entrys_name() {
    let scratch = project();
    let double = double(&scratch);
    let mut act = release(&scratch, &double, "v1.0.0");
    assert!(act.jobs(&["plan", "build"]), "{}", act.log);
    // Another machine builds the same target, and something of it gets into the bytes.
    let first = scratch.path().join("first");
    std::fs::rename(act.part(BUILT[3]), &first).unwrap();
    act.special = vec![("build", "FLAVOUR", "of another machine".into())];
    assert!(act.job("build"), "{}", act.log);
    std::fs::rename(act.part(BUILT[3]), act.part("of-the-other")).unwrap();
    std::fs::rename(&first, act.part(BUILT[3])).unwrap();
    assert!(!act.job("draft"), "{}", act.log);
    assert_eq!(act.failed, [6]);
    assert!(act.log.contains("bytes of rocket-1.0.0-x86_64-unknown-linux-gnu/rocket differs"), "{}", act.log);
    assert!(double.state().releases.is_empty(), "nothing was sent");
}

#[test]
fn a_missing_target_or_an_altered_part_publishes_nothing() {
    let scratch = project();
    let double = double(&scratch);
    let mut act = release(&scratch, &double, "v1.0.0");
    assert!(act.jobs(&["plan", "build"]), "{}", act.log);
    let away = scratch.path().join("away");
    std::fs::rename(act.part(BUILT[2]), &away).unwrap();
    assert!(!act.job("draft"));
    assert!(act.log.contains("no part holds `app` for x86_64-apple-darwin"), "{}", act.log);
    std::fs::rename(&away, act.part(BUILT[2])).unwrap();
    let file = act.part("any").join("notes-1.0.0.tar.gz");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert!(!act.job("draft"));
    assert!(act.log.contains("did not arrive as it was built"), "{}", act.log);
    assert_eq!((act.failed.clone(), double.state().releases.len()), (vec![6, 6], 0));
    assert!(act.jobs(&ALL), "built again, it goes on: {}", act.log);
}

#[test]
fn a_late_second_tag_stays_apart_and_becomes_the_latest() {
    let scratch = project();
    let double = double(&scratch);
    let mut first = release(&scratch, &double, "v1.0.0");
    assert!(first.jobs(&ALL[..4]), "{}", first.log);
    scratch.write("VERSION", "1.1.0\n");
    scratch.commit_all("second");
    scratch.git(&["tag", "v1.1.0"]);
    push_tag(&scratch, &double, "v1.1.0");
    let mut second = release(&scratch, &double, "v1.1.0");
    assert!(second.jobs(&ALL), "{}", second.log);
    // A part of the other release that strays in is noticed.
    let stray = first.part("stray");
    std::fs::rename(first.part("any"), scratch.path().join("kept")).unwrap();
    std::fs::create_dir(&stray).unwrap();
    for entry in std::fs::read_dir(second.part("any")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, stray.join(path.file_name().unwrap())).unwrap();
    }
    assert!(!first.jobs(&["attest", "publish"]));
    assert!(first.log.contains("is of another release: its tag is v1.1.0, not v1.0.0"), "{}", first.log);
    std::fs::remove_dir_all(&stray).unwrap();
    std::fs::rename(scratch.path().join("kept"), first.part("any")).unwrap();
    assert!(first.jobs(&ALL[4..]), "{}", first.log);
    assert_eq!((assets(&double, "v1.0.0").len(), assets(&double, "v1.1.0").len()), (13, 13));
    let latest = double.state().latest().map(|release| release.tag.clone());
    assert_eq!(latest.as_deref(), Some("v1.1.0"), "the older one came last and must not be offered");
}

#[test]
fn a_dry_run_judges_all_and_sends_nothing() {
    let scratch = project();
    let double = double(&scratch);
    let mut act = Act::new(&scratch, &double, "release", "main", json!({ "tag": "v1.0.0", "dry-run": true }));
    act.github["ref_name"] = Value::from("main");
    assert!(act.jobs(&["plan", "build", "rehearse", "draft"]), "{}", act.log);
    assert!(act.log.contains("== draft: skipped") && act.log.contains("files fit together"), "{}", act.log);
    assert!(double.state().releases.is_empty());
    assert!(double.seen().iter().all(|seen| seen.method == "GET"), "only looks");
}

#[test]
fn what_somebody_types_is_never_run() {
    let scratch = project();
    let double = double(&scratch);
    let marker = scratch.path().join("pwned");
    let evil = format!("v1.0.0\"; touch {}; $(touch {}) `touch {}`", marker.display(), marker.display(), marker.display());
    let mut act = release(&scratch, &double, "v1.0.0");
    act.inputs = json!({ "tag": evil });
    // The checkout would refuse such a name; what is tried here is the shell.
    act.workflow["jobs"]["plan"]["steps"][0]["with"]["ref"] = json!("v1.0.0");
    assert!(!act.job("plan"), "{}", act.log);
    assert!(!marker.exists() && act.failed == [2], "{:?} {}", act.failed, act.log);
}

#[test]
fn rollback_prune_and_checks_run_as_written() {
    let scratch = project();
    scratch.write("xtask.toml", scratch.read("xtask.toml") + "[release]\nkeep = 2\n[workflows]\nenvironment = \"live\"\n");
    scratch.xtask(&["workflows"]).exits(0);
    let double = Double::start();
    shared_program(&scratch);
    for version in ["1.0.1", "1.1.0", "1.2.0"] {
        let tag = format!("v{version}");
        scratch.write("VERSION", format!("{version}\n"));
        scratch.commit_all(version);
        scratch.git(&["tag", &tag]);
        push_tag(&scratch, &double, &tag);
        let mut act = release(&scratch, &double, &tag);
        assert!(act.jobs(&ALL), "{}", act.log);
    }
    let latest = || double.state().latest().map(|release| release.tag.clone());
    assert_eq!((latest().as_deref(), assets(&double, "v1.0.1").len()), (Some("v1.2.0"), 0), "the oldest is pruned by keep");
    let quiet = "it \"crashes\" $(touch pwned)";
    let mut back = Act::new(&scratch, &double, "rollback", "main", json!({ "version": "v1.1.0", "parts": "releases", "reason": quiet }));
    assert_eq!(back.workflow["jobs"]["rollback"]["environment"], "live");
    double.forget();
    assert!(back.job("plan"), "{}", back.log);
    assert!(double.seen().iter().all(|seen| seen.method == "GET") && latest().as_deref() == Some("v1.2.0"), "the plan only looks");
    assert!(back.job("rollback"), "{}", back.log);
    assert_eq!(latest().as_deref(), Some("v1.1.0"));
    assert!(double.state().releases.iter().any(|release| release.body.as_deref().unwrap_or_default().contains("$(touch pwned)")), "the reason is told");
    let mut prune = Act::new(&scratch, &double, "prune", "main", json!({}));
    assert!(prune.jobs(&["plan", "prune"]), "{}", prune.log);
    assert_eq!((latest().as_deref(), assets(&double, "v1.1.0").len()), (Some("v1.1.0"), 13), "what is offered is never pruned");
    let mut check = Act::new(&scratch, &double, "ci", "main", json!({}));
    assert!(check.job("check"), "{}", check.log);
}

#[test]
fn what_env_files_hold_is_hidden_and_logs_fold() {
    let scratch = project();
    scratch.write(".env", "API_TOKEN=abcdefghij0123456789\nDEBUG=true\n");
    let run = |actions: &str| {
        let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
        crate::support::Run::of(
            command.args(["build", "--allow-dirty", "--target", "any", "--out", "../out"]).env("GITHUB_ACTIONS", actions).env("GH_TOKEN", crate::github::TOKEN),
        )
    };
    let log = run("true").exits(0).stderr;
    assert!(log.starts_with("::add-mask::abcdefghij0123456789\n") && !log.contains(crate::github::TOKEN), "{log}");
    assert_eq!((log.matches("::group::").count() > 1, log.matches("::group::").count()), (true, log.matches("::endgroup::").count()), "{log}");
    let log = run("").exits(0).stderr;
    assert!(!log.contains("::") && !log.contains("abcdefghij"), "{log}");
}
