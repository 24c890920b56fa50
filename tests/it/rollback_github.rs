//! `rollback` on GitHub (the double): few requests, lost replies, kills, and a GitHub that is down while everything here goes back at once.

use crate::{
    github::{Act, Fault, Role},
    github_release::Rocket,
    support::Run,
};

/// Releases of these versions, all cached; the last one is installed.
pub fn rocket(versions: &[&str]) -> Rocket {
    let rocket = Rocket::new(0);
    let config = rocket.scratch.read("xtask.toml");
    rocket.scratch.write("xtask.toml", format!("{config}[install]\nto = \"{{home}}/apps\"\nartifact = \"rocket\"\n"));
    for version in versions {
        rocket.version(version);
        rocket.release(&format!("v{version}"));
    }
    rocket.run(&["install"]).exits(0);
    rocket.double.forget();
    rocket
}

pub fn installed(rocket: &Rocket) -> String {
    std::fs::read_link(rocket.scratch.path().join("home/apps/current")).unwrap().to_string_lossy().trim_start_matches("versions/").to_owned()
}

/// Latest, and every release's flag and text.
pub fn offered(rocket: &Rocket) -> (String, Vec<(String, bool, String)>) {
    let state = rocket.double.state();
    let latest = state.latest().map(|release| release.tag.clone()).unwrap_or_default();
    let mut all: Vec<_> = state.releases.iter().map(|release| (release.tag.clone(), release.prerelease, release.body.clone().unwrap_or_default())).collect();
    all.sort();
    (latest, all)
}

const BACK: [&str; 4] = ["rollback", "--to", "v1.1.0", "--yes"];
const UNDO: [&str; 3] = ["rollback", "--undo", "--yes"];

#[test]
fn the_release_part_takes_at_most_six_requests_after_verification() {
    let rocket = rocket(&["1.1.0", "1.2.0", "1.3.0"]);
    let before = offered(&rocket);
    rocket.run(&["rollback", "--to", "v1.1.0", "--yes", "--reason", "it crashes"]).exits(0);
    let seen = rocket.double.seen();
    let verified = seen.iter().rposition(|seen| matches!(seen.role, Role::Web | Role::Objects)).expect("checksums were downloaded");
    let after: Vec<_> = seen[verified + 1..].iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    assert!(after.len() <= 6, "{after:#?}");
    assert!(seen[..verified].iter().all(|seen| seen.method == "GET"), "nothing was changed before the target was verified");
    let (latest, all) = offered(&rocket);
    assert_eq!((latest.as_str(), installed(&rocket).as_str()), ("v1.1.0", "v1.1.0"));
    for (tag, prerelease, body) in &all[1..] {
        assert!(*prerelease && body.contains("Use v1.1.0 instead.**\n> it crashes\n") && body.contains("- everything about"), "{tag}: {body}");
    }
    assert!(rocket.double.seen().iter().all(|seen| seen.method != "DELETE" && seen.method != "POST"));
    rocket.run(&UNDO).exits(0);
    assert_eq!((offered(&rocket), installed(&rocket).as_str()), (before, "v1.3.0"), "notes and flags are exactly as they were");
}

#[test]
fn while_github_is_down_what_is_here_goes_back_at_once_and_the_rest_follows() {
    let rocket = rocket(&["1.1.0", "1.2.0"]);
    let before = offered(&rocket);
    rocket.double.fault(Fault::on("*", "", Act::page(503)).times(100_000));
    let run = rocket.run(&["rollback", "--to", "v1.1.0", "--yes", "--json"]).exits(5);
    let said = run.json();
    assert_eq!(
        (said["outcome"].as_str(), said["data"]["state"].as_str(), installed(&rocket).as_str()),
        (Some("partial"), Some("partial"), "v1.1.0"),
        "{said:#}"
    );
    assert_eq!(offered(&rocket), before);
    let status = rocket.run(&["status", "--json"]).exits(0).json();
    let pending = &status["data"]["pending"][0];
    assert!(pending["state"].as_str().unwrap().contains("the forge's part waits") && pending["resume"] == "xtask rollback --to v1.1.0 --yes", "{status:#}");
    rocket.run(&BACK).exits(5);
    rocket.double.heal();
    rocket.version("1.3.0");
    let between = rocket.run(&["release", "--tag", "v1.3.0"]).exits(3);
    assert!(between.stderr.contains("a rollback to v1.1.0 was begun and not ended") && offered(&rocket).1.len() == 2, "{}", between.stderr);
    rocket.run(&BACK).exits(0);
    assert_eq!(offered(&rocket).0, "v1.1.0");
    assert_eq!(rocket.run(&["status", "--json"]).exits(0).json()["data"]["pending"].as_array().map(Vec::len), Some(0));
    rocket.run(&UNDO).exits(0);
    assert_eq!((offered(&rocket), installed(&rocket).as_str()), (before, "v1.2.0"));
}

#[test]
fn a_github_that_lists_and_hands_out_no_files_does_not_hold_it_up() {
    let rocket = rocket(&["1.1.0", "1.2.0"]);
    for path in ["/releases/assets/", "/releases/download/"] {
        rocket.double.fault(Fault::on("GET", path, Act::page(503)).times(100_000));
    }
    let run = rocket.run(&BACK).exits(0);
    assert!(run.stderr.contains("v1.1.0 can't be downloaded: the cached copy is used"), "{}", run.stderr);
    assert_eq!((offered(&rocket).0.as_str(), installed(&rocket).as_str()), ("v1.1.0", "v1.1.0"));
    rocket.run(&UNDO).exits(0);
    std::fs::remove_dir_all(rocket.scratch.project().join(".xtask/cache/v1.1.0")).unwrap();
    let before = (offered(&rocket), installed(&rocket));
    let run = rocket.run(&BACK);
    assert!(run.code != Some(0) && (offered(&rocket), installed(&rocket)) == before, "{:?} {}", run.code, run.stderr);
}

#[test]
fn a_github_that_takes_no_changes_is_not_said_to_have_changed() {
    let rocket = rocket(&["1.1.0", "1.2.0"]);
    let before = offered(&rocket);
    for (args, ends) in [(&BACK[..], "v1.1.0"), (&UNDO[..], "v1.2.0")] {
        let now = offered(&rocket);
        rocket.double.fault(Fault::on("PATCH", "", Act::page(502)).times(100_000));
        let run = rocket.run(args).exits(5);
        assert_eq!((offered(&rocket), installed(&rocket).as_str()), (now, ends));
        assert!(run.stdout.contains("the forge's part waits") && !run.stdout.contains("releases:"), "{}", run.stdout);
        rocket.double.heal();
        let done = rocket.run(args).exits(0);
        assert!(done.stdout.contains(&format!("releases: {ends} is offered as latest")), "{}", done.stdout);
    }
    assert_eq!(offered(&rocket), before);
}

#[test]
fn down_and_not_cached_or_altered_changes_nothing() {
    let rocket = rocket(&["1.1.0", "1.2.0"]);
    rocket.double.fault(Fault::on("*", "", Act::page(503)).times(100_000));
    let nowhere = rocket.run(&["rollback"]).exits(2);
    assert!(nowhere.stderr.contains("these would work: v1.2.0, v1.1.0"), "from the cache: {}", nowhere.stderr);
    let cached = rocket.scratch.project().join(".xtask/cache/v1.1.0/rocket-1.1.0.tar.gz");
    std::fs::write(&cached, "altered").unwrap();
    let run = rocket.run(&BACK).exits(3);
    assert!(run.stderr.contains("the cached v1.1.0 can't be used") && run.stderr.contains("these would work: v1.2.0"), "{}", run.stderr);
    std::fs::remove_dir_all(rocket.scratch.project().join(".xtask/cache/v1.1.0")).unwrap();
    let run = rocket.run(&BACK).exits(5);
    assert!(run.stderr.contains("v1.1.0 is not in the cache"), "{}", run.stderr);
    assert_eq!(installed(&rocket), "v1.2.0");
    assert!(!rocket.scratch.project().join(".xtask/journal/rollback.json").exists());
    rocket.double.heal();
    let nowhere = rocket.run(&["rollback"]).exits(2);
    assert!(nowhere.stderr.contains("these would work: v1.2.0 (live now), v1.1.0"), "{}", nowhere.stderr);
    let synced = rocket.run(&["releases", "sync", "--json"]).exits(0).json();
    assert_eq!(synced["data"]["cached"], serde_json::json!(["v1.2.0", "v1.1.0"]));
}

#[test]
fn lost_failed_and_doubled_requests_end_the_same() {
    let rocket = rocket(&["1.1.0", "1.2.0"]);
    let before = offered(&rocket);
    rocket.run(&BACK).exits(0);
    let after = offered(&rocket);
    rocket.run(&UNDO).exits(0);
    let acts = [Act::ResetAfter, Act::ResetBefore, Act::HalfBody, Act::page(502), Act::Twice, Act::truncated_json()];
    for (method, path, most) in [("PATCH", "/releases/", 2), ("GET", "/releases/latest", 2), ("GET", "/releases?per_page", 1)] {
        for (nth, act) in (1..=most).flat_map(|nth| acts.clone().map(|act| (nth, act))) {
            let what = format!("{method} {path} {nth}: {act:?}");
            rocket.double.fault(Fault::on(method, path, act).nth(nth));
            if rocket.run(&BACK).code != Some(0) {
                rocket.double.heal();
                rocket.run(&BACK).exits(0);
            }
            rocket.double.heal();
            assert_eq!((offered(&rocket), installed(&rocket).as_str()), (after.clone(), "v1.1.0"), "{what}");
            rocket.run(&UNDO).exits(0);
            assert_eq!((offered(&rocket), installed(&rocket).as_str()), (before.clone(), "v1.2.0"), "{what}");
        }
    }
}

#[test]
fn killed_after_every_effect_it_goes_on_forth_and_back() {
    let rocket = rocket(&["1.1.0", "1.2.0"]);
    let before = offered(&rocket);
    rocket.run(&BACK).exits(0);
    let after = offered(&rocket);
    rocket.run(&UNDO).exits(0);
    for args in [&BACK[..], &UNDO[..]] {
        for k in 1..200 {
            if args == UNDO {
                rocket.run(&BACK).exits(0);
            }
            let killed = Run::of(rocket.command(args).env("XTASK_TEST_CRASH_AFTER", k.to_string()));
            if killed.code.is_some() {
                assert!(k > 8, "{k}: {}", killed.stderr);
                break;
            }
            let again = rocket.run(args);
            // Killed between the ledger's line and the journal's end there is nothing left to undo.
            assert!(again.code == Some(0) || args == UNDO && again.stderr.contains("no rollback to undo"), "{k}: {}", again.stderr);
            if args == BACK {
                assert_eq!((offered(&rocket), installed(&rocket).as_str()), (after.clone(), "v1.1.0"), "{k}");
                rocket.run(&UNDO).exits(0);
            }
            assert_eq!((offered(&rocket), installed(&rocket).as_str()), (before.clone(), "v1.2.0"), "{k}");
        }
        if args == BACK {
            rocket.run(&UNDO).exits(0);
        }
    }
}

#[test]
fn immutable_releases_go_back_too_and_missing_rights_are_exit_4() {
    let rocket = rocket(&["1.1.0", "1.2.0"]);
    for release in &mut rocket.double.state().releases {
        release.immutable = true;
    }
    rocket.run(&BACK).exits(0);
    assert_eq!(offered(&rocket).0, "v1.1.0");
    rocket.run(&UNDO).exits(0);
    let before = offered(&rocket);
    let mut command = rocket.command(&BACK);
    let run = Run::of(command.env_remove("GH_TOKEN")).exits(4);
    assert!(run.stderr.contains("GH_TOKEN"), "{}", run.stderr);
    assert_eq!((offered(&rocket), installed(&rocket).as_str()), (before, "v1.2.0"), "found out before anything was changed");
}

#[test]
fn credentials_that_ran_out_do_not_keep_what_is_here_from_going_back() {
    let rocket = rocket(&["1.1.0", "1.2.0"]);
    let expired = |args: &[&str]| Run::of(rocket.command(args).env("GH_TOKEN", "ghp_ran_out"));
    let before = (offered(&rocket), installed(&rocket));
    let run = expired(&BACK).exits(4);
    assert!(run.stderr.contains("has expired") && run.stderr.contains("`--only services,app`"), "{}", run.stderr);
    assert_eq!((offered(&rocket), installed(&rocket)), before);
    let here = expired(&["rollback", "--to", "v1.1.0", "--only", "app", "--yes"]).exits(0);
    assert!(here.stderr.contains("set GH_TOKEN to a valid one") && installed(&rocket) == "v1.1.0", "the reason is told all the same: {}", here.stderr);
    expired(&UNDO).exits(0);
    assert_eq!((offered(&rocket), installed(&rocket)), before);
    let nowhere = expired(&["rollback"]).exits(2);
    assert!(nowhere.stderr.contains("these would work: v1.2.0, v1.1.0"), "{}", nowhere.stderr);

    // Begun with good ones, and killed: what is here ends in one state with bad ones too, and the forge's part waits.
    for (go_on, ends) in [(&BACK[..], "v1.1.0"), (&UNDO[..], "v1.2.0")] {
        for k in 1.. {
            let killed = Run::of(rocket.command(&BACK).env("XTASK_TEST_CRASH_AFTER", k.to_string()));
            let journal = std::fs::read_to_string(rocket.scratch.project().join(".xtask/journal/rollback.json"));
            if killed.code.is_some() || journal.is_ok_and(|text| text.contains("the forge comes next")) {
                assert!(killed.code.is_none() && k > 3, "{k}");
                break;
            }
            if rocket.scratch.project().join(".xtask/journal/rollback.json").exists() {
                rocket.run(&UNDO).exits(0);
            }
        }
        let waits = expired(go_on).exits(5);
        assert_eq!(installed(&rocket), ends, "{}", waits.stderr);
        rocket.run(go_on).exits(0);
        assert_eq!((offered(&rocket).0.as_str(), installed(&rocket).as_str()), (ends, ends));
        if ends == "v1.1.0" {
            rocket.run(&UNDO).exits(0);
        }
    }
}
