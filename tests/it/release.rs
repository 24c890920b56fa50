//! `release` on the directory forge, in projects that aren't Rust: what a maintainer sees, and what a kill leaves.

use crate::support::{Run, Scratch};

/// A project of plain files, one of them executable, one name with a space.
pub fn plain_project() -> Scratch {
    let scratch = Scratch::new();
    scratch.write(
        "xtask.toml",
        "schema = 1\n[project]\nname = \"rocket\"\n[[version.source]]\nfile = \"VERSION\"\n[[artifact]]\nname = \"rocket\"\nfiles = [\"README.md\", \"bin/**\"]\nformats = [\"tar.gz\", \"zip\", \"tar.zst\"]\n[[artifact]]\nname = \"installers\"\nfiles = [\"installers/*\"]\nformats = [\"raw\"]\n[release]\nkeep = 2\n",
    );
    scratch.write("VERSION", "1.0.0\n");
    scratch.write("README.md", "# rocket\r\nwith a carriage return\n");
    scratch.write("bin/rocket", "#!/bin/sh\necho rocket 1.0.0\n");
    scratch.write("installers/Rocket Setup 1.0.0.exe", "MZ not really");
    scratch.write("installers/rocket_1.0.0_amd64.deb", "!<arch>");
    scratch.write(".gitattributes", "*.md text eol=crlf ident\n");
    scratch.commit_all("first");
    scratch.git(&["update-index", "--chmod=+x", "bin/rocket"]);
    scratch.git(&["checkout", "--quiet", "--", "bin/rocket"]);
    scratch.git(&["commit", "--quiet", "--amend", "--no-edit"]);
    scratch.git(&["checkout", "--quiet", "--force", "HEAD", "--", "."]);
    scratch
}

/// Sets the version, commits and tags it.
pub fn tag(scratch: &Scratch, version: &str) {
    scratch.write("VERSION", format!("{version}\n"));
    scratch.commit_all(version);
    scratch.git(&["tag", &format!("v{version}")]);
}

fn sums(scratch: &Scratch, tag: &str) -> Run {
    let mut command = scratch.command("sha256sum");
    Run::of(command.current_dir(scratch.project().join("target/releases").join(tag)).args(["--check", "--strict", "SHA256SUMS"]))
}

/// Every file below a folder with its bytes.
fn tree(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    names.sort();
    names.into_iter().map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())).collect()
}

#[test]
fn a_tag_becomes_a_release_that_sha256sum_accepts() {
    let scratch = plain_project();
    scratch.git(&["tag", "v1.0.0"]);
    let run = scratch.xtask(&["release", "--tag", "v1.0.0"]).exits(0);
    assert!(run.stdout.contains("v1.0.0 is published") && run.stdout.contains("Rocket Setup 1.0.0.exe"), "{}", run.stdout);
    let checked = sums(&scratch, "v1.0.0").exits(0);
    assert_eq!(checked.stdout.lines().count(), 7, "{}", checked.stdout);
    scratch.xtask(&["verify", "v1.0.0"]).exits(0);
    assert!(scratch.git(&["status", "--porcelain"]).is_empty(), "a release leaves the work tree clean");
    let status = scratch.xtask(&["status", "--json"]).exits(0).json();
    assert_eq!(status["data"]["latest"], "v1.0.0");
    let history = scratch.xtask(&["history", "--json"]).exits(0).json();
    assert_eq!(history["data"]["entries"][0]["subject"], "v1.0.0");
}

#[test]
fn the_same_command_again_changes_nothing() {
    let scratch = plain_project();
    scratch.git(&["tag", "v1.0.0"]);
    scratch.xtask(&["release"]).exits(0);
    let before = tree(&scratch.project().join("target/releases/v1.0.0"));
    let again = scratch.xtask(&["release", "--json"]).exits(0).json();
    assert_eq!((again["outcome"].as_str(), again["data"]["state"].as_str()), (Some("ok"), Some("already")));
    assert_eq!(tree(&scratch.project().join("target/releases/v1.0.0")), before);
}

#[test]
fn another_release_under_a_published_tag_is_refused_and_nothing_is_touched() {
    let scratch = plain_project();
    scratch.git(&["tag", "v1.0.0"]);
    scratch.xtask(&["release"]).exits(0);
    let before = tree(&scratch.project().join("target/releases/v1.0.0"));
    scratch.write("README.md", "other\n");
    scratch.commit_all("other");
    scratch.git(&["tag", "--force", "v1.0.0"]);
    let refused = scratch.xtask(&["release", "--json"]).exits(6).json();
    assert_eq!(refused["outcome"], "mismatch");
    assert_eq!(tree(&scratch.project().join("target/releases/v1.0.0")), before);
}

#[test]
fn all_that_is_wrong_comes_at_once_and_nothing_is_built() {
    let scratch = plain_project();
    scratch.git(&["tag", "v1.1.0"]);
    scratch.git(&["branch", "v1.1.0"]);
    scratch.write("untracked.txt", "x");
    let run = scratch.xtask(&["release", "--tag", "v1.1.0", "--json"]).exits(3);
    let document = run.json();
    let codes: Vec<_> = document["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    for wanted in ["dirty-tree", "version-mismatch", "tag-branch-collision"] {
        assert!(codes.contains(&wanted), "{wanted} in {codes:?}");
    }
    assert!(!scratch.project().join("target/releases").exists() && !scratch.project().join(".xtask/dist").exists());
}

#[test]
fn a_kill_after_any_effect_leaves_nothing_half_and_the_same_command_goes_on() {
    let scratch = plain_project();
    scratch.git(&["tag", "v1.0.0"]);
    let log = scratch.path().join("effects");
    let pristine = scratch.path().join("pristine");
    copy(&scratch.project(), &pristine);
    Run::of(scratch.command(env!("CARGO_BIN_EXE_xtask")).arg("release").env("XTASK_TEST_CRASH_LOG", &log)).exits(0);
    let effects = std::fs::read_to_string(&log).unwrap().lines().count();
    let wanted = tree(&scratch.project().join("target/releases/v1.0.0"));
    assert!(effects > 30, "too few crash points: {effects}");
    for k in 1..=effects {
        std::fs::remove_dir_all(scratch.project()).unwrap();
        std::fs::remove_dir_all(scratch.path().join("home")).unwrap();
        copy(&pristine, &scratch.project());
        std::fs::create_dir_all(scratch.path().join("home")).unwrap();
        let killed = Run::of(scratch.command(env!("CARGO_BIN_EXE_xtask")).arg("release").env("XTASK_TEST_CRASH_AFTER", k.to_string()));
        assert_eq!(killed.code, None, "effect {k} was not reached: {}", killed.stderr);
        let visible = scratch.project().join("target/releases/v1.0.0");
        if visible.exists() {
            assert_eq!(tree(&visible), wanted, "killed after effect {k}: what is visible is whole");
        }
        scratch.xtask(&["release"]).exits(0);
        assert_eq!(tree(&visible), wanted, "killed after effect {k}: the same release");
        let releases = scratch.xtask(&["releases", "--json"]).exits(0).json();
        assert_eq!(releases["data"]["releases"].as_array().unwrap().len(), 1, "killed after effect {k}: exactly one, no draft left");
        assert_eq!(releases["data"]["releases"][0]["release"]["latest"], true, "killed after effect {k}");
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let copied = std::process::Command::new("cp").arg("--archive").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

#[test]
fn retention_keeps_the_newest_by_semver_and_says_why() {
    let scratch = plain_project();
    for version in ["1.9.0", "1.10.0", "1.2.0"] {
        tag(&scratch, version);
        scratch.xtask(&["release"]).exits(0);
    }
    // 1.2.0 was released last, as a backport: it is kept for now, and never offered as latest.
    let releases = scratch.xtask(&["releases", "--json"]).exits(0).json();
    let tags: Vec<_> = releases["data"]["releases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["release"]["tag"].as_str().unwrap().to_owned(), one["release"]["latest"] == true))
        .collect();
    assert_eq!(tags, [("v1.10.0".to_owned(), true), ("v1.9.0".to_owned(), false), ("v1.2.0".to_owned(), false)]);
    let refused = scratch.xtask(&["prune", "--keep", "1", "--json"]).exits(2).json();
    assert_eq!(refused["outcome"], "refused", "without a terminal it takes --yes");
    let dry = scratch.xtask(&["prune", "--keep", "1", "--dry-run"]).exits(0);
    assert!(dry.stdout.contains("remove") && dry.stdout.contains("v1.2.0") && dry.stdout.contains("the one before the latest"), "{}", dry.stdout);
    let there = |tag: &str| scratch.project().join("target/releases").join(tag).exists();
    assert!(there("v1.2.0"));
    scratch.xtask(&["prune", "--keep", "1", "--yes"]).exits(0);
    assert_eq!([there("v1.10.0"), there("v1.9.0"), there("v1.2.0")], [true, true, false], "the one to go back to is never removed");
}

#[test]
fn every_flipped_byte_is_found() {
    let scratch = plain_project();
    scratch.git(&["tag", "v1.0.0"]);
    scratch.xtask(&["release"]).exits(0);
    let folder = scratch.project().join("target/releases/v1.0.0");
    for (name, bytes) in tree(&folder) {
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut altered = bytes.clone();
            altered[at] ^= 0x20;
            std::fs::write(folder.join(&name), &altered).unwrap();
            scratch.xtask(&["verify", "v1.0.0", "--quiet"]).exits(6);
        }
        std::fs::write(folder.join(&name), &bytes).unwrap();
    }
    std::fs::write(folder.join("extra"), "x").unwrap();
    let extra = scratch.xtask(&["verify", "v1.0.0", "--json"]).exits(6).json();
    assert_eq!(extra["findings"][0]["code"], "asset-extra");
    std::fs::remove_file(folder.join("extra")).unwrap();
    scratch.xtask(&["verify", "v1.0.0"]).exits(0);
}

#[test]
fn two_at_once_and_the_second_says_who() {
    let scratch = plain_project();
    scratch.git(&["tag", "v1.0.0"]);
    let locks = scratch.project().join(".xtask/locks");
    std::fs::create_dir_all(&locks).unwrap();
    std::fs::write(scratch.project().join(".xtask/.gitignore"), "*\n").unwrap();
    let held = std::fs::File::create(locks.join("release.lock")).unwrap();
    held.lock().unwrap();
    std::fs::write(locks.join("release.lock"), "ben@laptop (process 7) since 2026-01-31T11:00:00Z: release").unwrap();
    let refused = scratch.xtask(&["release", "--json"]).exits(8).json();
    assert!(refused["data"]["error"].as_str().unwrap().contains("ben@laptop"), "{refused}");
    drop(held);
    scratch.xtask(&["release"]).exits(0);
}

#[test]
fn snapshots_need_no_tag() {
    let scratch = plain_project();
    let head = scratch.git(&["rev-parse", "--short=7", "HEAD"]);
    let run = scratch.xtask(&["release", "--snapshot", "--json"]).exits(0).json();
    assert_eq!(run["data"]["version"], format!("1.0.0-snapshot.1+g{head}"));
    assert_eq!(run["data"]["latest"], false);
}

#[test]
fn a_dirty_tree_needs_a_word_and_is_told() {
    let scratch = plain_project();
    scratch.write("bin/new file", "new");
    scratch.write("README.md", "changed\n");
    scratch.xtask(&["release", "--snapshot"]).exits(3);
    let run = scratch.xtask(&["release", "--snapshot", "--allow-dirty", "--json"]).exits(0).json();
    let tag = run["data"]["tag"].as_str().unwrap().to_owned();
    assert!(tag.ends_with(".dirty"), "{tag}");
    let manifest: serde_json::Value = serde_json::from_str(&scratch.read(&format!("target/releases/{tag}/release.json"))).unwrap();
    assert_eq!(manifest["dirty"], true);
    let listing = Run::of(scratch.command("tar").args(["tzf", &format!("target/releases/{tag}/rocket-{}.tar.gz", &tag[1..])])).exits(0);
    assert!(listing.stdout.contains("bin/new file"), "{}", listing.stdout);
}

#[test]
fn places_without_history_each_have_their_message() {
    let scratch = Scratch::new();
    scratch.write("xtask.toml", "schema = 1\n[project]\nname = \"a\"\n[[artifact]]\nname = \"a\"\nfiles = [\"xtask.toml\"]\n");
    let run = scratch.xtask(&["release"]).exits(2);
    assert!(run.stderr.contains("is not in a git repository"), "{}", run.stderr);
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    let run = scratch.xtask(&["release"]).exits(2);
    assert!(run.stderr.contains("no commit yet"), "{}", run.stderr);
    scratch.commit_all("first");
    let run = scratch.xtask(&["release"]).exits(2);
    assert!(run.stderr.contains("no tag yet") && run.stderr.contains("--snapshot"), "{}", run.stderr);
    scratch.git(&["tag", "v1.0.0"]);
    scratch.write("b", "b");
    scratch.commit_all("second");
    let run = scratch.xtask(&["release", "--tag", "v1.0.0"]).exits(3);
    assert!(run.stderr.contains("git checkout v1.0.0"), "{}", run.stderr);
    scratch.git(&["checkout", "--quiet", "v1.0.0"]);
    scratch.xtask(&["release"]).exits(0);
    let none = Run::of(scratch.command(env!("CARGO_BIN_EXE_xtask")).arg("release").current_dir(scratch.path())).exits(2);
    assert!(none.stderr.contains("xtask init"), "{}", none.stderr);
}

#[test]
fn artifacts_that_can_t_be_are_refused_with_a_remedy() {
    let scratch = plain_project();
    let config = scratch.read("xtask.toml");
    let cases = [
        ("nothing matches", config.replace("\"bin/**\"", "\"nowhere/**\"")),
        (
            "would be called",
            config.replace("formats = [\"raw\"]", "formats = [\"raw\"]\n[[artifact]]\nname = \"again\"\nfiles = [\"installers/*.deb\"]\nformats = [\"raw\"]"),
        ),
    ];
    for (wanted, text) in cases {
        scratch.write("xtask.toml", text);
        scratch.commit_all(wanted);
        let run = scratch.xtask(&["release", "--snapshot"]);
        assert!(run.code == Some(3) && run.stderr.contains(wanted), "{wanted}: {:?} {}", run.code, run.stderr);
        assert!(!scratch.project().join("target/releases").exists());
    }
}

#[test]
fn a_full_disk_or_a_closed_folder_says_so_and_leaves_nothing() {
    let scratch = plain_project();
    scratch.git(&["tag", "v1.0.0"]);
    scratch.write(".git/info/exclude", "target\n");
    std::fs::create_dir_all(scratch.project().join("target")).unwrap();
    std::fs::write(scratch.project().join("target/releases"), "a file is in the way").unwrap();
    let run = scratch.xtask(&["release", "--json"]);
    assert_ne!(run.code, Some(0));
    assert!(run.json()["data"]["error"].as_str().unwrap().contains("target/releases"));
    std::fs::remove_file(scratch.project().join("target/releases")).unwrap();
    scratch.xtask(&["release"]).exits(0);
}

/// What other machines built lies in the work tree, where no .gitignore expects it; what an installer of this program left lies there too.
#[test]
fn parts_that_are_given_are_no_change_of_the_project() {
    let scratch = plain_project();
    scratch.git(&["tag", "v1.0.0"]);
    scratch.write(".xtask/setup/SHA256SUMS", "of another tool");
    scratch.xtask(&["build", "--out", "parts/one"]).exits(0);
    scratch.xtask(&["plan"]).exits(3);
    scratch.write("stray.txt", "not committed");
    let run = scratch.xtask(&["release", "--from", "parts"]).exits(3);
    assert!(run.stderr.contains("stray.txt") && !run.stderr.contains("parts/"), "{}", run.stderr);
    let run = scratch.xtask(&["release", "--from", "."]).exits(3);
    assert!(run.stderr.contains("parts/one/SHA256SUMS"), "a folder with tracked files is judged as ever: {}", run.stderr);
    std::fs::remove_file(scratch.project().join("stray.txt")).unwrap();
    scratch.xtask(&["release", "--from", "parts"]).exits(0);
    assert!(!scratch.read("target/releases/v1.0.0/release.json").contains("\"dirty\": true"));
}
