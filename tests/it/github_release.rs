//! `release`, `releases`, `verify`, `prune`, `check` of the real binary against the double: what a user of GitHub sees.

use std::{path::Path, process::Command};

use crate::{
    github::{Act, COMMIT, Double, Fault, Role, TOKEN, routes, state::Ref},
    support::{Run, Scratch},
};

const CONFIG: &str = r#"
schema = 1
[project]
name = "rocket"
repository = "acme/rocket"
[[version.source]]
file = "VERSION"
[[artifact]]
name = "rocket"
files = ["assets/**", "README.md"]
formats = ["tar.gz", "zip"]
[[artifact]]
name = "raw"
files = ["raw/*"]
strip-prefix = "raw"
formats = ["raw"]
[release]
keep = 3
forge = "github"
"#;

/// A project at a version, tagged here and on the double.
pub struct Rocket {
    pub scratch: Scratch,
    pub double: Double,
}

impl Rocket {
    /// With `raw` as many raw files.
    pub fn new(raw: usize) -> Self {
        let (scratch, double) = (Scratch::new(), Double::start());
        scratch.write("xtask.toml", CONFIG);
        scratch.write(".gitignore", ".xtask/\n");
        scratch.write("README.md", "Rocket\n");
        scratch.write("assets/a.txt", "a\n");
        scratch.write("raw/rocket.yml", "latest: this\n");
        for number in 0..raw {
            scratch.write(&format!("raw/file-{number:02}.bin"), format!("raw {number}"));
        }
        let rocket = Self { scratch, double };
        rocket.version("1.0.0");
        rocket
    }

    /// Commits and tags a version, and pushes the tag to the double.
    pub fn version(&self, version: &str) {
        self.scratch.write("VERSION", format!("{version}\n"));
        self.scratch.write("CHANGELOG.md", format!("# Changelog\n\n## {version}\n- everything about {version}\n"));
        let commit = self.scratch.commit_all(version);
        self.scratch.git(&["tag", &format!("v{version}")]);
        self.double.state().tags.insert(format!("v{version}"), Ref::Commit(commit));
    }

    /// The program, with token and address.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.scratch.command(env!("CARGO_BIN_EXE_xtask"));
        command.env("GH_TOKEN", TOKEN).env("XTASK_GITHUB_API", &self.double.hosts.api).env("XTASK_TEST_HASTE", "1000").args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args))
    }

    /// Releases a tag; it must work.
    #[track_caller]
    pub fn release(&self, tag: &str) -> serde_json::Value {
        self.run(&["release", "--tag", tag, "--json"]).exits(0).json()
    }

    /// The requests that changed something or tried to.
    pub fn writes(&self) -> Vec<String> {
        let seen = self.double.seen().into_iter().filter(|seen| !["GET", "HEAD"].contains(&seen.method.as_str()));
        seen.map(|seen| format!("{} {}", seen.method, seen.target)).collect()
    }

    /// The picture of a release that nothing disturbed.
    pub fn undisturbed(raw: usize) -> Vec<String> {
        let rocket = Self::new(raw);
        rocket.release("v1.0.0");
        rocket.double.state().picture().clone()
    }
}

#[test]
fn a_release_is_published_whole_within_the_budget() {
    let rocket = Rocket::new(3);
    let said = rocket.release("v1.0.0");
    assert_eq!((said["outcome"].as_str(), said["data"]["state"].as_str()), (Some("ok"), Some("published")), "{said:#}");
    let seen = rocket.double.seen();
    let uploads = seen.iter().filter(|seen| seen.role == Role::Uploads).count();
    let others: Vec<_> = seen.iter().filter(|seen| seen.role == Role::Api).map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    let state = rocket.double.state();
    let release = state.release("v1.0.0").expect("it is published");
    assert_eq!(release.assets.len(), uploads);
    assert!(others.len() <= 8, "{others:#?}");
    // The two control files come through the public address, which costs no quota.
    assert_eq!(seen.iter().filter(|seen| seen.role == Role::Web).count(), 2);
    assert_eq!(release.body.as_deref(), Some("- everything about 1.0.0"));
    assert_eq!(release.name.as_deref(), Some("rocket 1.0.0"));
    let names: Vec<_> = release.assets.iter().map(|asset| asset.name.as_str()).collect();
    for name in ["SHA256SUMS", "release.json", "rocket-1.0.0.tar.gz", "rocket-1.0.0.zip", "file-00.bin"] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
}

#[test]
fn published_and_identical_sends_nothing_and_different_is_exit_6() {
    let rocket = Rocket::new(1);
    rocket.release("v1.0.0");
    rocket.double.forget();
    let again = rocket.release("v1.0.0");
    assert_eq!(again["data"]["state"], "already");
    assert!(rocket.writes().is_empty(), "{:?}", rocket.writes());
    rocket.double.state().releases[0].assets.retain(|asset| asset.name != "rocket-1.0.0.zip");
    let other = rocket.run(&["release", "--tag", "v1.0.0", "--json"]).exits(6).json();
    assert_eq!(other["outcome"], "mismatch");
    assert!(other["findings"].to_string().contains("rocket-1.0.0.zip"), "{other:#}");
    assert!(rocket.writes().is_empty(), "a published release was touched: {:?}", rocket.writes());
}

#[test]
fn a_draft_stops_before_publishing_and_goes_on_later() {
    let rocket = Rocket::new(1);
    rocket.scratch.write("../notes.md", "By hand.");
    rocket.run(&["release", "--tag", "v1.0.0", "--draft", "--notes-file", "../notes.md"]).exits(0);
    {
        let state = rocket.double.state();
        assert!(state.releases.len() == 1 && state.releases[0].draft, "{:?}", state.picture());
        assert_eq!(state.releases[0].body.as_deref(), Some("By hand."));
    }
    rocket.double.forget();
    rocket.run(&["release", "--tag", "v1.0.0", "--notes", "none"]).exits(0);
    assert!(!rocket.writes().iter().any(|write| write.contains("/assets")), "sent again: {:?}", rocket.writes());
    let state = rocket.double.state();
    assert!(state.releases.len() == 1 && !state.releases[0].draft, "{:?}", state.picture());
    assert_eq!(state.releases[0].body.as_deref(), Some(""));
}

#[test]
fn notes_can_be_generated_and_prereleases_are_never_latest() {
    let rocket = Rocket::new(0);
    rocket.release("v1.0.0");
    rocket.version("1.1.0-rc.1");
    rocket.run(&["release", "--tag", "v1.1.0-rc.1", "--notes", "generated"]).exits(0);
    rocket.version("1.1.0");
    rocket.run(&["release", "--tag", "v1.1.0", "--prerelease"]).exits(0);
    let state = rocket.double.state();
    let candidate = state.release("v1.1.0-rc.1").unwrap();
    assert!(candidate.prerelease && candidate.body.as_deref().unwrap_or_default().contains("What's Changed"), "{candidate:?}");
    assert!(state.release("v1.1.0").unwrap().prerelease);
    assert_eq!(state.latest().unwrap().tag, "v1.0.0");
}

#[test]
fn a_backport_does_not_take_latest_and_prune_keeps_what_is_offered() {
    let rocket = Rocket::new(0);
    for version in ["2.0.0", "2.1.0", "2.2.0"] {
        rocket.double.state().put(&format!("v{version}"), false, false, &[]);
    }
    rocket.double.state().put("v0.9.0", false, false, &[]);
    let oldest = rocket.double.state().release("v0.9.0").unwrap().id;
    // A rollback offers the oldest one: it must survive the prune that the next release does.
    rocket.double.state().elected = Some(oldest);
    rocket.release("v1.0.0");
    {
        let state = rocket.double.state();
        assert_eq!(state.latest().unwrap().tag, "v0.9.0", "{:?}", state.picture());
        assert_eq!(state.releases.len(), 5, "keep = 3, the new one, and the one that is offered: {:?}", state.picture());
    }
    let listed = rocket.run(&["releases", "--json"]).exits(0).json();
    let latest: Vec<_> = listed["data"]["releases"].as_array().unwrap().iter().filter(|entry| entry["release"]["latest"] == true).collect();
    assert_eq!(latest.len(), 1, "{listed:#}");
    assert_eq!(latest[0]["release"]["tag"], "v0.9.0");
    rocket.run(&["prune", "--keep", "2", "--yes"]).exits(0);
    let mut left: Vec<_> = rocket.double.state().releases.iter().map(|release| release.tag.clone()).collect();
    left.sort();
    assert!(left.contains(&"v0.9.0".to_owned()) && left.contains(&"v2.2.0".to_owned()) && !left.contains(&"v2.0.0".to_owned()), "{left:?}");
    assert!(rocket.double.state().tags.contains_key("v2.0.0"), "a tag was deleted");
}

#[test]
fn verify_downloads_every_byte_with_and_without_a_token() {
    let rocket = Rocket::new(2);
    rocket.release("v1.0.0");
    rocket.run(&["verify", "v1.0.0"]).exits(0);
    rocket.double.forget();
    Run::of(rocket.command(&["verify", "v1.0.0"]).env_remove("GH_TOKEN")).exits(0);
    assert!(rocket.double.seen().iter().all(|seen| !seen.authorized));
    let altered = std::sync::Arc::new(b"altered".to_vec());
    rocket.double.state().releases[0].assets.iter_mut().find(|asset| asset.name == "file-01.bin").unwrap().bytes = altered;
    let run = rocket.run(&["verify", "v1.0.0", "--json"]).exits(6);
    assert!(run.json().to_string().contains("file-01.bin"), "{}", run.stdout);
}

#[test]
fn what_stands_in_the_way_is_found_before_anything_is_built_or_sent() {
    let rocket = Rocket::new(0);
    let refused = |code: i32, what: &str| {
        let run = rocket.run(&["release", "--tag", "v1.0.0", "--json"]).exits(code);
        assert!(run.json()["findings"].to_string().contains(what), "{what}: {}", run.stdout);
        assert!(rocket.writes().is_empty(), "{:?}", rocket.writes());
        assert!(!rocket.scratch.project().join(".xtask/dist").exists(), "{what}: something was built");
        run
    };
    let tag = rocket.double.state().tags.remove("v1.0.0").unwrap();
    assert!(refused(3, "tag-not-on-forge").stdout.contains("git push origin refs/tags/v1.0.0"));
    rocket.double.state().tags.insert("v1.0.0".into(), Ref::Commit(COMMIT.into()));
    refused(3, "tag-points-elsewhere");
    rocket.double.state().tags.insert("v1.0.0".into(), tag);
    rocket.double.state().archived = true;
    refused(3, "repository-archived");
    rocket.double.state().archived = false;
    rocket.double.state().can_push = false;
    refused(4, "missing-push-permission");
    rocket.double.state().can_push = true;
    for _ in 0..2 {
        rocket.double.state().put("v1.0.0", true, false, &[]);
    }
    refused(3, "several-drafts");
    rocket.double.state().releases.clear();
    let stranger = Run::of(rocket.command(&["release", "--tag", "v1.0.0", "--json"]).env_remove("GH_TOKEN")).exits(4);
    assert!(stranger.stdout.contains("missing-token"), "{}", stranger.stdout);
    rocket.double.state().branches.insert("v1.0.0".into(), COMMIT.into());
    let check = rocket.run(&["check", "--only", "forge", "--json"]).exits(3);
    assert!(check.stdout.contains("branch-tag-collision"), "{}", check.stdout);
}

#[test]
fn burnt_tags_and_workflow_rights_are_refused_with_the_way_out() {
    let rocket = Rocket::new(0);
    rocket.double.state().burnt.insert("v1.0.0".into());
    let run = rocket.run(&["release", "--tag", "v1.0.0"]).exits(3);
    assert!(run.stderr.contains("next version"), "{}", run.stderr);
    rocket.double.state().burnt.clear();
    rocket.double.state().workflow_trap = true;
    let run = rocket.run(&["release", "--tag", "v1.0.0"]).exits(4);
    assert!(run.stderr.contains("workflows: write"), "{}", run.stderr);
    assert!(rocket.double.state().releases.is_empty());
}

#[test]
fn a_tag_that_prune_burnt_is_known_before_anything_is_built() {
    let rocket = Rocket::new(0);
    rocket.double.state().immutable = true;
    rocket.release("v1.0.0");
    for version in ["1.1.0", "1.2.0"] {
        rocket.version(version);
        rocket.release(&format!("v{version}"));
    }
    // The one before the latest stays whatever is typed, so that a rollback has somewhere to go.
    rocket.run(&["prune", "--keep", "1", "--yes"]).exits(0);
    assert!(rocket.double.state().burnt.contains("v1.0.0"), "prune left it: {:?}", rocket.double.state().picture());
    rocket.scratch.git(&["checkout", "--quiet", "v1.0.0"]);
    rocket.double.forget();
    let run = rocket.run(&["release", "--tag", "v1.0.0", "--json"]).exits(3);
    assert!(run.stdout.contains("burnt-tag"), "{}", run.stdout);
    assert!(rocket.writes().is_empty());
}

#[test]
fn an_empty_file_is_refused_before_anything_is_sent() {
    let rocket = Rocket::new(0);
    rocket.scratch.write("raw/empty.txt", "");
    rocket.version("1.0.1");
    let run = rocket.run(&["release", "--tag", "v1.0.1", "--json"]).exits(3);
    assert!(run.stdout.contains("empty.txt"), "{}", run.stdout);
    assert!(rocket.writes().is_empty());
}

/// What updaters of users' machines read: a wrong word in it sends all of them astray, so nothing is sent before it is right.
#[test]
fn metadata_that_would_send_users_the_wrong_file_is_not_published() {
    let rocket = Rocket::new(1);
    let metadata = |version: &str, file: &str| {
        format!("version: {version}\nfiles:\n  - url: {file}\n    sha512: stale\n    size: 1\npath: {file}\nsha512: stale\nreleaseDate: '2020-01-01'\n")
    };
    let cases = [
        ("1.0.1", metadata("1.0.1", "file-99.bin"), "sends users to `file-99.bin`"),
        ("1.0.2", metadata("1.0.1", "file-00.bin"), "says version 1.0.1, but 1.0.2 is released"),
        ("1.0.3", metadata("1.0.3", "https://elsewhere.example/file-00.bin"), "sends users to `https://elsewhere.example/file-00.bin`"),
        ("1.0.4", metadata("1.0.4", "../file-00.bin"), "sends users to `../file-00.bin`"),
        ("1.0.5", "version: [\n".into(), "is not update metadata"),
        ("1.0.6", "version: 1.0.6\nfiles: []\n".into(), "points at nothing"),
    ];
    for (version, text, words) in cases {
        rocket.scratch.write("raw/latest.yml", text);
        rocket.version(version);
        let run = rocket.run(&["release", "--tag", &format!("v{version}"), "--json"]).exits(6);
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
        assert!(rocket.writes().is_empty(), "{version}: {:?}", rocket.writes());
    }
    rocket.scratch.write("raw/latest.yml", metadata("1.1.0", "file-00.bin"));
    rocket.version("1.1.0");
    rocket.release("v1.1.0");
    let state = rocket.double.state();
    let stored = state.release("v1.1.0").unwrap().assets.iter().find(|asset| asset.name == "latest.yml").unwrap().bytes.to_vec();
    let stored = String::from_utf8(stored).unwrap();
    assert!(stored.contains("url: file-00.bin") && stored.contains("size: 5") && !stored.contains("stale"), "{stored}");
}

#[test]
fn a_wait_that_is_too_long_is_exit_5_with_the_time_to_come_again() {
    let rocket = Rocket::new(0);
    rocket.double.fault(Fault::on("POST", "/assets", Act::limited(403, &[("retry-after", "7200")])));
    let run = rocket.run(&["release", "--tag", "v1.0.0", "--max-wait", "1h"]).exits(5);
    assert!(run.stderr.contains("2026-01-31T14:00:00Z"), "{}", run.stderr);
    rocket.release("v1.0.0");
    assert_eq!(rocket.double.state().picture(), Rocket::undisturbed(0));
}

#[test]
fn enterprise_addresses_work() {
    let rocket = Rocket::new(0);
    {
        let mut state = rocket.double.state();
        state.hosts.api = format!("{}/api/v3", rocket.double.hosts.api);
        state.hosts.uploads = format!("{}/api/uploads", rocket.double.hosts.api);
    }
    let api = format!("{}/api/v3/", rocket.double.hosts.api);
    Run::of(rocket.command(&["release", "--tag", "v1.0.0"]).env("XTASK_GITHUB_API", api)).exits(0);
    assert!(rocket.double.seen().iter().any(|seen| seen.target.starts_with("/api/uploads/repos/acme/rocket/releases/")));
    assert!(!rocket.double.state().releases[0].draft);
}

#[test]
fn the_token_is_nowhere() {
    let rocket = Rocket::new(1);
    let shown = |run: &Run, what: &str| {
        for part in [TOKEN, &TOKEN[4..]] {
            assert!(!run.stdout.contains(part) && !run.stderr.contains(part), "{what} shows the token");
        }
    };
    rocket.double.fault(Fault::on("GET", "/releases", Act::page(502)));
    rocket.double.fault(Fault::on("POST", "/assets", Act::ResetAfter));
    let run = Run::of(rocket.command(&["release", "--tag", "v1.0.0", "-vvv"]).env("RUST_LOG", "trace")).exits(0);
    shown(&run, "-vvv");
    rocket.double.fault(Fault::on("*", "", Act::Answer(routes::message(401, "Bad credentials"))).times(100));
    for args in [&["releases", "-vvv"][..], &["releases", "--json"], &["verify", "v1.0.0"]] {
        shown(&rocket.run(args), &args.join(" "));
    }
    rocket.double.heal();
    let odd = Run::of(rocket.command(&["releases", "-vvv"]).env("GH_TOKEN", format!("{TOKEN}\u{1b}x"))).exits(4);
    shown(&odd, "an odd token");
    let written = files_below(rocket.scratch.path())
        .into_iter()
        .filter(|file| std::fs::read(file).unwrap_or_default().windows(20).any(|part| part == &TOKEN.as_bytes()[..20]));
    assert_eq!(written.count(), 0, "the token was written to a file");
    assert!(rocket.double.seen().iter().filter(|seen| seen.authorized).all(|seen| matches!(seen.role, Role::Api | Role::Uploads)));
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().map(|entry| entry.path()).partition(|path| path.is_dir());
    files.into_iter().chain(folders.iter().flat_map(|folder| files_below(folder))).collect()
}
