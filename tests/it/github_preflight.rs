//! What stands in the way of a release on GitHub is found before anything is built or sent; what a release costs in requests; bars on a terminal.

use crate::{
    github::{Act, COMMIT, Fault, Role, routes},
    github_release::Rocket,
    support::Run,
};

impl Rocket {
    /// Nothing was sent, and nothing was built.
    #[track_caller]
    fn is_untouched(&self) {
        assert!(self.writes().is_empty(), "{:?}", self.writes());
        assert!(!self.scratch.project().join(".xtask/dist").exists(), "it was built");
    }
}

#[test]
fn a_branch_there_that_nobody_fetched_is_found() {
    let rocket = Rocket::new(1);
    rocket.double.state().branches.insert("v1.0.0".into(), COMMIT.into());
    let run = rocket.run(&["release", "--tag", "v1.0.0"]).exits(3);
    assert!(run.stderr.contains("a branch on GitHub is named v1.0.0") && run.stderr.contains("git push origin --delete refs/heads/v1.0.0"), "{}", run.stderr);
    rocket.is_untouched();
}

#[test]
fn what_the_commit_tells_of_raw_files_is_found_all_at_once() {
    let rocket = Rocket::new(0);
    rocket.scratch.write("raw/empty.bin", "");
    rocket.scratch.write("raw/two words.bin", "x");
    rocket.scratch.write("raw/release.json", "{}");
    rocket.version("1.1.0");
    let found = rocket.run(&["release", "--tag", "v1.1.0", "--json"]).exits(3).json()["findings"].to_string();
    for (code, name) in [("asset-empty", "raw/empty.bin"), ("asset-name-rewritten", "two.words.bin"), ("asset-names-collide", "raw/release.json")] {
        assert!(found.contains(code) && found.contains(name), "{code}: {found}");
    }
    rocket.is_untouched();
}

/// 2 GiB in a commit take long to make; the work tree's files are told by a look, and a sparse one costs nothing.
#[test]
fn a_prebuilt_file_of_two_gib_is_found() {
    let rocket = Rocket::new(0);
    let config = rocket.scratch.read("xtask.toml").replace("\"raw/*\"", "\"raw/*\", \"out/*.iso\"");
    rocket.scratch.write("xtask.toml", config);
    rocket.scratch.write(".gitignore", ".xtask/\nout/\n");
    rocket.scratch.write("out/rocket.iso", "");
    let file = std::fs::File::options().write(true).open(rocket.scratch.project().join("out/rocket.iso")).unwrap();
    file.set_len(2 << 30).unwrap();
    rocket.version("1.1.0");
    let run = rocket.run(&["release", "--tag", "v1.1.0"]).exits(3);
    assert!(run.stderr.contains("out/rocket.iso has 2147483648 bytes"), "{}", run.stderr);
    rocket.is_untouched();
}

#[test]
fn where_releases_are_immutable_a_burnt_tag_is_found_before_the_build() {
    let rocket = Rocket::new(1);
    rocket.double.state().immutable = true;
    rocket.double.state().burnt.insert("v1.0.0".into());
    let run = rocket.run(&["release", "--tag", "v1.0.0"]).exits(3);
    assert!(run.stderr.contains("used by an immutable release") && run.stderr.contains("release the next version"), "{}", run.stderr);
    assert!(!rocket.scratch.project().join(".xtask/dist").exists(), "it was built");
    rocket.double.state().burnt.clear();
    rocket.double.forget();
    rocket.release("v1.0.0");
    // The draft that was opened early is the one that is filled.
    let api = rocket.double.seen().into_iter().filter(|seen| seen.role == Role::Api).count();
    assert!(api <= 8, "{api} requests");
    assert_eq!(rocket.double.state().releases.len(), 1);
}

#[test]
fn a_token_that_may_not_touch_workflows_is_found_before_the_build() {
    let rocket = Rocket::new(0);
    rocket.scratch.write(".github/workflows/ci.yml", "on: push\n");
    rocket.version("1.1.0");
    rocket.double.state().workflow_trap = true;
    let run = rocket.run(&["release", "--tag", "v1.1.0"]).exits(4);
    assert!(run.stderr.contains("workflows: write"), "{}", run.stderr);
    assert!(!rocket.scratch.project().join(".xtask/dist").exists(), "it was built");
}

#[test]
fn a_draft_that_was_opened_early_goes_when_the_build_fails() {
    let rocket = Rocket::new(0);
    rocket.double.state().immutable = true;
    let config = rocket.scratch.read("xtask.toml").replace("[release]", "[[artifact]]\nname = \"broken\"\nrun = [\"exit 7\"]\nfiles = [\"x\"]\n[release]");
    rocket.scratch.write("xtask.toml", config);
    rocket.version("1.1.0");
    let run = rocket.run(&["release", "--tag", "v1.1.0"]);
    assert!(run.code != Some(0) && run.stderr.contains("exit 7"), "{}", run.stderr);
    assert!(rocket.double.state().releases.is_empty(), "{:?}", rocket.double.state().picture());
}

#[test]
fn the_budget_holds_beside_releases_that_are_not_cached() {
    let rocket = Rocket::new(2);
    rocket.release("v1.0.0");
    std::fs::remove_dir_all(rocket.scratch.project().join(".xtask")).unwrap();
    rocket.version("1.1.0");
    rocket.double.forget();
    rocket.release("v1.1.0");
    let others: Vec<_> =
        rocket.double.seen().into_iter().filter(|seen| seen.role == Role::Api).map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    assert!(others.len() <= 8, "{others:#?}");
    let downloads = rocket.double.seen().into_iter().filter(|seen| seen.role == Role::Web).count();
    assert_eq!(downloads, 2, "only what was just released is read back");
}

/// What the builds are told holds no credential: a package's install script must not get the token that publishes.
#[test]
fn commands_of_a_build_never_see_the_token() {
    let rocket = Rocket::new(0);
    let artifact = "[[artifact]]\nname = \"seen\"\nrun = [\"env | grep -E 'TOKEN|ghp_|XTASK_TAG' > seen.txt; tr '\\\\0' ' ' < /proc/$PPID/cmdline | grep ghp_ >> seen.txt; true\"]\nfiles = [\"seen.txt\"]\nformats = [\"raw\"]\n[release]";
    let config = rocket.scratch.read("xtask.toml").replace("[release]", artifact);
    rocket.scratch.write("xtask.toml", config);
    rocket.version("1.1.0");
    Run::of(rocket.command(&["release", "--tag", "v1.1.0"]).env("GITHUB_TOKEN", "ghp_another").env("ACTIONS_RUNTIME_TOKEN", "runtime"));
    let seen = rocket.scratch.read(".xtask/dist/v1.1.0/seen.txt");
    assert!(seen.contains("XTASK_TAG=v1.1.0") && !seen.contains("TOKEN") && !seen.contains("ghp_"), "{seen}");
}

/// A terminal shows a bar for each file and one for all; `script` gives the program one.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_shows_a_bar_for_each_file_and_one_for_all() {
    let rocket = Rocket::new(2);
    rocket.double.fault(Fault::on("POST", "/assets", Act::Slow(700)).times(100));
    let line = format!("{} release --tag v1.0.0 --yes", env!("CARGO_BIN_EXE_xtask"));
    let mut command = rocket.scratch.command("script");
    command.args(["-qefc", &line, "/dev/null"]).env_remove("NO_COLOR").env("TERM", "xterm-256color").env("COLUMNS", "120");
    command.env("GH_TOKEN", crate::github::TOKEN).env("XTASK_GITHUB_API", &rocket.double.hosts.api).stdin(std::process::Stdio::null());
    let run = Run::of(&mut command).exits(0);
    // `uploading 7 files to v1.0.0`: raw files, archives, bill of materials, manifest, checksums.
    let whole = run.stdout.find("files to v1.0.0").unwrap_or_else(|| panic!("no bar for all of it: {}", run.stdout.escape_debug()));
    assert!(run.stdout[..whole].contains("uploading"), "{}", run.stdout.escape_debug());
    for name in ["file-00.bin", "file-01.bin", "SHA256SUMS"] {
        let (bar, table) = (run.stdout.find(name), run.stdout.rfind(name));
        assert!(bar < table, "{name} has no bar: {}", run.stdout.escape_debug());
    }
    assert!(run.stdout.contains('\u{1b}'), "bars are redrawn in place");
}

/// Nothing at all comes from the API, and git has its own complaint: that one is told at once.
#[test]
fn a_look_ahead_holds_up_nobody() {
    let rocket = Rocket::new(0);
    rocket.double.fault(Fault::on("*", "", Act::Answer(routes::message(503, "Service Unavailable"))).times(1000));
    let run = rocket.run(&["release", "--tag", "nonsense"]).exits(2);
    assert!(run.stderr.contains("nonsense"), "{}", run.stderr);
}

#[test]
fn assets_that_a_release_does_not_embed_are_asked_for() {
    let rocket = Rocket::new(40);
    rocket.double.state().embedded = 30;
    rocket.release("v1.0.0");
    assert_eq!(rocket.double.state().release("v1.0.0").map(|release| release.assets.len()), Some(46));
}
