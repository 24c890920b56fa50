//! `rollback --reissue` on GitHub (the double): it waits until commit and tag are pushed, says so, and goes on from anywhere; given up by an undo.

use crate::{
    github::{Act, Fault, state::Ref},
    github_release::Rocket,
    rollback_github::{installed, offered, rocket},
    support::Run,
};

/// A product with a place to push to.
fn product() -> Rocket {
    let rocket = rocket(&["1.1.0", "1.2.0"]);
    let origin = rocket.scratch.path().join("origin.git");
    rocket.scratch.git(&["init", "--quiet", "--bare", &origin.to_string_lossy()]);
    rocket.scratch.git(&["remote", "add", "origin", &origin.to_string_lossy()]);
    rocket
}

/// Runs the printed command as it was printed; GitHub learns of the tag.
fn push(rocket: &Rocket, said: &str, tag: &str) {
    let printed = format!("git push --atomic origin reissue/{tag} {tag}");
    assert!(said.contains(&printed), "{said}");
    Run::of(rocket.scratch.command("sh").args(["-c", &printed])).exits(0);
    let commit = rocket.scratch.git(&["ls-remote", "origin", &format!("refs/tags/{tag}")]);
    rocket.double.state().tags.insert(tag.into(), Ref::Commit(commit.split_whitespace().next().unwrap().into()));
}

fn pending(rocket: &Rocket) -> Vec<serde_json::Value> {
    rocket.run(&["status", "--json"]).exits(0).json()["data"]["pending"].as_array().unwrap().clone()
}

/// The end: the reissue is latest, nobody calls it bad, nothing is left.
#[track_caller]
fn is_issued(rocket: &Rocket, tag: &str, when: &str) {
    let (latest, all) = offered(rocket);
    let (_, prerelease, notes) = all.iter().find(|(name, ..)| name == tag).unwrap_or_else(|| panic!("{when}: {tag} is not there: {all:#?}"));
    assert!(latest == tag && !prerelease && !notes.contains("xtask:rollback"), "{when}: {latest} {prerelease} {notes}");
    assert_eq!(installed(rocket), "v1.1.0", "{when}");
    assert!(pending(rocket).is_empty(), "{when}: {:#?}", pending(rocket));
    assert_eq!(rocket.scratch.git(&["diff", "--name-only", "v1.1.0", tag]), "VERSION", "{when}");
    assert_eq!(rocket.scratch.git(&["worktree", "list"]).lines().count(), 1, "{when}");
}

#[test]
fn it_waits_for_its_push_and_is_issued_once() {
    let rocket = product();
    let args = ["rollback", "--to", "v1.1.0", "--reissue", "v1.2.1", "--yes"];
    let plan = rocket.run(&["rollback", "--to", "v1.1.0", "--reissue", "v1.2.1", "--dry-run"]).exits(0).stdout;
    assert!(plan.contains("rollback to v1.1.0") && plan.contains("reissue: the tree of v1.1.0"), "{plan}");

    let waits = rocket.run(&args).exits(5);
    assert!(waits.stdout.starts_with("v1.1.0 is live, read back and recorded\n"), "what is done is told: {}", waits.stdout);
    assert!(waits.stdout.contains("It waits for its push") && waits.stdout.contains("then: xtask rollback --reissue v1.2.1 --yes"), "{}", waits.stdout);
    assert_eq!((offered(&rocket).0.as_str(), installed(&rocket).as_str()), ("v1.1.0", "v1.1.0"));
    let status = pending(&rocket);
    assert_eq!((status.len(), &status[0]["resume"]), (1, &"xtask rollback --reissue v1.2.1 --yes".into()), "{status:#?}");
    assert!(status[0]["state"].as_str().unwrap().contains("git push --atomic origin reissue/v1.2.1 v1.2.1"), "{status:#?}");
    rocket.run(&args).exits(5);

    push(&rocket, &waits.stdout, "v1.2.1");
    let done = rocket.run(&["rollback", "--reissue", "v1.2.1", "--yes"]).exits(0);
    assert!(done.stdout.contains("v1.2.1 is v1.1.0 issued again\n") && !done.stdout.contains("nothing was pushed"), "{}", done.stdout);
    is_issued(&rocket, "v1.2.1", "the whole way");
    let before = offered(&rocket);
    for again in [&args[..], &["rollback", "--reissue", "v1.2.1", "--yes", "--to", "1.1.0"]] {
        let again = rocket.run(again).exits(0);
        assert!(again.stdout.contains("v1.2.1 is v1.1.0 issued again, and is offered as latest: nothing was changed"), "{}", again.stdout);
        assert_eq!(offered(&rocket), before, "the reissue itself is never taken back");
    }
}

#[test]
fn what_cannot_be_issued_is_refused_before_the_rollback() {
    let rocket = product();
    let before = (offered(&rocket), installed(&rocket));
    for (version, why) in
        [("v1.1.5", "not above 1.2.0"), ("v1.2.0", "exists already, and is not v1.1.0 with a new version"), ("v1.3.0-beta.1", "is a prerelease")]
    {
        let run = rocket.run(&["rollback", "--to", "v1.1.0", "--reissue", version, "--yes"]);
        assert!(run.code != Some(0) && run.stderr.contains(why) && run.stderr.contains("or leave out --reissue"), "{version}: {}", run.stderr);
        assert_eq!((offered(&rocket), installed(&rocket)), before, "{version}");
    }
    rocket.double.fault(Fault::on("*", "", Act::page(503)).times(100_000));
    let alone = rocket.run(&["rollback", "--reissue", "v1.2.1", "--yes"]).exits(5);
    assert!(alone.stderr.contains("the forge can't be reached: nothing can be issued again now"), "{}", alone.stderr);
    let both = rocket.run(&["rollback", "--to", "v1.1.0", "--reissue", "v1.2.1", "--yes"]).exits(5);
    assert!(both.stderr.contains("then: xtask rollback --to v1.1.0 --reissue v1.2.1 --yes"), "{}", both.stderr);
    assert_eq!((offered(&rocket), installed(&rocket).as_str()), (before.0, "v1.1.0"));
    let other = rocket.run(&["rollback", "--reissue", "v1.2.1", "--yes"]).exits(3);
    assert!(other.stderr.contains("a rollback to v1.1.0 was begun and not ended"), "{}", other.stderr);
}

#[test]
fn an_undo_gives_up_what_waits() {
    let rocket = product();
    let before = (offered(&rocket), installed(&rocket));
    let args = ["rollback", "--to", "v1.1.0", "--reissue", "v1.2.1", "--yes"];
    rocket.run(&args).exits(5);
    let undone = rocket.run(&["rollback", "--undo", "--yes"]).exits(0).stdout;
    assert!(undone.contains("not gone on with") && undone.contains("git tag -d v1.2.1; git branch -D reissue/v1.2.1"), "{undone}");
    assert_eq!((offered(&rocket), installed(&rocket), pending(&rocket).len()), (before.0.clone(), before.1.clone(), 0));
    Run::of(rocket.scratch.command("sh").args(["-c", "git tag -d v1.2.1; git branch -D reissue/v1.2.1"])).exits(0);
    // What is latest, issued again without a rollback: the undo gives up that alone.
    let run = rocket.run(&["rollback", "--reissue", "v1.2.1", "--yes"]).exits(5);
    assert!(run.stdout.starts_with("v1.2.1 is v1.2.0 with a higher version"), "{}", run.stdout);
    let alone = rocket.run(&["rollback", "--undo", "--yes"]).exits(0).stdout;
    assert!(alone.starts_with("v1.2.0 issued again as v1.2.1: not gone on with"), "{alone}");
    assert_eq!((offered(&rocket), installed(&rocket), pending(&rocket).len()), (before.0, before.1, 0));
    rocket.run(&["rollback", "--undo", "--yes"]).exits(3);
}

#[test]
fn killed_after_effects_it_goes_on_before_its_push_and_after() {
    let rocket = product();
    let (mut next, mut kills) = (1, [0, 0]);
    for after_push in [false, true] {
        for k in (2..).step_by(if after_push { 8 } else { 5 }) {
            let tag = format!("v1.2.{next}");
            next += 1;
            let args = ["rollback", "--to", "v1.1.0", "--reissue", &tag, "--yes"];
            let killed = |rocket: &Rocket| Run::of(rocket.command(&args).env("XTASK_TEST_CRASH_AFTER", k.to_string())).code.is_none();
            let when = format!("{tag}, after the push: {after_push}, effect {k}");
            let ended = !after_push && !killed(&rocket);
            let waits = rocket.run(&args);
            assert_eq!(waits.code, Some(5), "{when}: {}{}", waits.stdout, waits.stderr);
            push(&rocket, &waits.stdout, &tag);
            let ended = ended || after_push && !killed(&rocket);
            let resume = match pending(&rocket).first() {
                Some(one) if k % 2 == 0 => one["resume"].as_str().unwrap().trim_start_matches("xtask ").to_owned(),
                _ => args.join(" "),
            };
            rocket.run(&resume.split(' ').collect::<Vec<_>>()).exits(0);
            is_issued(&rocket, &tag, &when);
            if ended {
                break;
            }
            kills[usize::from(after_push)] += 1;
        }
    }
    assert!(kills[0] > 4 && kills[1] > 4, "{kills:?}");
}
