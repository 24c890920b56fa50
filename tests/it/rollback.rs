//! `rollback` of the real binary on the directory forge: back, back again, undone, refused, killed after every effect, and against a model.

use std::{collections::BTreeMap, path::Path};

use crate::support::{Run, Scratch};

const CONFIG: &str = r#"
schema = 1
[project]
name = "rocket"
[[version.source]]
file = "VERSION"
[[artifact]]
name = "rocket"
files = ["VERSION", "bin/**"]
[install]
to = "{home}/apps/rocket"
"#;

/// A product with these releases, the last one installed.
pub fn product(versions: &[&str]) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("xtask.toml", CONFIG);
    scratch.write(".gitignore", "/.xtask/\n/target/\n");
    scratch.write("bin/rocket", "#!/bin/sh\ncat \"$(dirname \"$0\")/../VERSION\"\n");
    Run::of(scratch.command("chmod").args(["+x", "bin/rocket"])).exits(0);
    for version in versions {
        release(&scratch, version);
    }
    scratch.xtask(&["install"]).exits(0);
    scratch
}

/// Commits, tags and releases a version.
pub fn release(scratch: &Scratch, version: &str) {
    scratch.write("VERSION", format!("{version}\n"));
    scratch.commit_all(version);
    scratch.git(&["tag", &format!("v{version}")]);
    scratch.xtask(&["release", "--tag", &format!("v{version}")]).exits(0);
}

/// Every file and link below a folder.
pub fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder_now) = open.pop() {
        for entry in std::fs::read_dir(&folder_now).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            if path.is_symlink() {
                found.insert(name, format!("-> {}", std::fs::read_link(&path).unwrap().display()));
            } else if path.is_dir() {
                open.push(path);
            } else {
                found.insert(name, String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned());
            }
        }
    }
    found
}

/// What the public sees of the forge, and what is current in the install folder.
fn seen(scratch: &Scratch) -> (BTreeMap<String, String>, Option<String>) {
    let mut forge = tree(&scratch.project().join("target/releases"));
    // What a killed write leaves beside its file is hidden, and swept by the next write.
    forge.retain(|name, _| !name.ends_with(".lock") && !name.contains(".xtask-"));
    (forge, installed(scratch))
}

fn installed(scratch: &Scratch) -> Option<String> {
    std::fs::read_to_string(scratch.path().join("home/apps/rocket/current/VERSION")).ok().map(|text| text.trim().to_owned())
}

/// Compares without printing archives.
#[track_caller]
fn same(scratch: &Scratch, wanted: &(BTreeMap<String, String>, Option<String>), when: &str) {
    let now = seen(scratch);
    let of = |from: &BTreeMap<String, String>, to: &BTreeMap<String, String>| -> Vec<String> {
        from.iter()
            .filter(|(name, text)| to.get(*name) != Some(text))
            .map(|(name, text)| format!("{name}: {}", text.chars().take(600).collect::<String>()))
            .collect()
    };
    assert!(now == *wanted, "{when}: installed {:?}, not {:?}\nis: {:#?}\nnot: {:#?}", now.1, wanted.1, of(&now.0, &wanted.0), of(&wanted.0, &now.0));
}

fn latest(scratch: &Scratch) -> String {
    std::fs::read_to_string(scratch.project().join("target/releases/.latest")).unwrap().trim().to_owned()
}

fn meta(scratch: &Scratch, tag: &str) -> serde_json::Value {
    serde_json::from_str(&scratch.read(&format!("target/releases/.meta/{tag}.json"))).unwrap()
}

/// The same product again, without releasing it again.
fn copy(from: &Scratch) -> Scratch {
    let to = Scratch::new();
    for part in ["project", "home"] {
        std::fs::remove_dir_all(to.path().join(part)).unwrap();
        Run::of(to_command(&to, &["cp", "-a", &from.path().join(part).to_string_lossy(), &to.path().join(part).to_string_lossy()])).exits(0);
    }
    // The ledger names the install folder.
    let ledger = to.read(".xtask/ledger.jsonl").replace(&*from.path().to_string_lossy(), &to.path().to_string_lossy());
    to.write(".xtask/ledger.jsonl", ledger);
    to
}

fn to_command<'a>(scratch: &Scratch, words: &[&str]) -> &'a mut std::process::Command {
    let mut command = scratch.command(words[0]);
    command.current_dir(scratch.path()).args(&words[1..]);
    Box::leak(Box::new(command))
}

#[test]
fn back_undone_and_back_again() {
    let scratch = product(&["1.0.0", "1.1.0", "1.2.0", "1.3.0"]);
    let before = seen(&scratch);
    assert_eq!(before.1.as_deref(), Some("1.3.0"));

    let planned = scratch.xtask(&["rollback", "--to", "v1.2.0", "--dry-run"]).exits(0);
    for line in ["latest at", "v1.3.0", "AFTERWARDS", "clients don't downgrade by themselves", "--reissue v1.3.1", "nothing is deleted, no tag is moved"] {
        assert!(planned.stdout.contains(line), "{line} in {}", planned.stdout);
    }
    let unasked = scratch.xtask(&["rollback", "--to", "v1.2.0"]).exits(2);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    same(&scratch, &before, "neither changed anything");

    let done = scratch.xtask(&["rollback", "--to", "1.2.0", "--yes", "--reason", "it eats data", "--json"]).exits(0).json();
    assert_eq!((done["data"]["state"].as_str(), done["data"]["live"].as_str()), (Some("done"), Some("v1.2.0")), "{done:#}");
    assert_eq!((latest(&scratch).as_str(), installed(&scratch).as_deref()), ("v1.2.0", Some("1.2.0")));
    let bad = meta(&scratch, "v1.3.0");
    assert!(bad["prerelease"] == true && bad["notes"].as_str().unwrap().contains("Use v1.2.0 instead.**\n> it eats data"), "{bad:#}");
    let untouched =
        |tree: &BTreeMap<String, String>| tree.iter().filter(|(name, _)| !name.starts_with('.')).map(|(a, b)| (a.clone(), b.clone())).collect::<Vec<_>>();
    assert_eq!(untouched(&seen(&scratch).0), untouched(&before.0), "no asset was touched");
    assert_eq!(scratch.git(&["tag"]).lines().count(), 4);

    let live = seen(&scratch);
    let again = scratch.xtask(&["rollback", "--to", "v1.2.0", "--yes"]).exits(0);
    assert!(again.stdout.contains("v1.2.0 is live already: nothing was changed"), "{}", again.stdout);
    same(&scratch, &live, "then");

    scratch.xtask(&["rollback", "--undo", "--yes", "--reason", "false alarm"]).exits(0);
    same(&scratch, &before, "exactly as it was");
    let none = scratch.xtask(&["rollback", "--undo", "--yes"]).exits(3);
    assert!(none.stderr.contains("no rollback to undo"), "{}", none.stderr);

    scratch.xtask(&["rollback", "--to", "v1.1.0", "--yes"]).exits(0);
    assert_eq!((latest(&scratch).as_str(), installed(&scratch).as_deref()), ("v1.1.0", Some("1.1.0")));
    assert_eq!([meta(&scratch, "v1.2.0")["prerelease"].clone(), meta(&scratch, "v1.3.0")["prerelease"].clone()], [true, true]);
    let history = scratch.xtask(&["history"]).exits(0).stdout;
    for word in ["ann@", "it eats data", "false alarm", "2026-01-31T12:00:00Z"] {
        assert!(history.contains(word), "{word} in {history}");
    }
}

#[test]
fn rollbacks_are_undone_one_by_one_and_what_people_wrote_meanwhile_stays() {
    let scratch = product(&["1.0.0", "1.1.0", "1.2.0"]);
    let first = seen(&scratch);
    scratch.xtask(&["rollback", "--to", "v1.1.0", "--yes"]).exits(0);
    let second = seen(&scratch);
    scratch.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(0);
    scratch.xtask(&["rollback", "--undo", "--yes"]).exits(0);
    same(&scratch, &second, "then");
    let mut edited = meta(&scratch, "v1.2.0");
    edited["notes"] = format!("{}\nsee the post-mortem\n", edited["notes"].as_str().unwrap()).into();
    scratch.write("target/releases/.meta/v1.2.0.json", serde_json::to_string_pretty(&edited).unwrap());
    scratch.xtask(&["rollback", "--undo", "--yes"]).exits(0);
    let notes = meta(&scratch, "v1.2.0");
    assert!(notes["prerelease"] == false && notes["notes"].as_str().unwrap().trim() == "see the post-mortem", "{notes:#}");
    assert_eq!(seen(&scratch).1, first.1);
}

#[test]
fn a_target_that_would_not_work_is_refused_with_those_that_would() {
    let scratch = product(&["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"]);
    let releases = scratch.project().join("target/releases");
    std::fs::remove_file(releases.join("v1.2.0/release.json")).unwrap();
    std::fs::write(releases.join("v1.1.0/rocket-1.1.0.tar.gz"), "other").unwrap();
    std::fs::create_dir_all(releases.join(".drafts")).unwrap();
    std::fs::rename(releases.join("v1.3.0"), releases.join(".drafts/v1.3.0")).unwrap();
    let before = seen(&scratch);
    for (tag, why) in [
        ("v0.9.0", "never published"),
        ("v1.2.0", "incomplete"),
        ("v1.1.0", "not as it was released"),
        ("v1.3.0", "is a draft"),
        ("v1.4.0-beta.1", "never published"),
    ] {
        let run = scratch.xtask(&["rollback", "--to", tag, "--yes"]).exits(3);
        assert!(run.stderr.contains(why) && run.stderr.contains("these would work: v1.4.0 (live now), v1.0.0"), "{tag}: {}", run.stderr);
    }
    same(&scratch, &before, "then");
    let check = scratch.xtask(&["check", "--only", "rollback", "--json"]).exits(0).json();
    let said = check["findings"].to_string();
    for line in ["v1.0.0: complete", "a rollback to v1.2.0 would be refused", "rocket-1.1.0.tar.gz has 5 bytes"] {
        assert!(said.contains(line), "{line} in {check:#}");
    }
}

#[test]
fn without_a_target_those_that_would_work_are_named() {
    let scratch = product(&["1.0.0", "1.1.0", "1.2.0"]);
    let before = seen(&scratch);
    let run = scratch.xtask(&["rollback", "--json"]).exits(2);
    let said = run.json();
    assert!(said["command"] == "rollback" && said["data"]["hints"].to_string().contains("these would work: v1.2.0 (live now), v1.1.0, v1.0.0"), "{said:#}");
    same(&scratch, &before, "then");
    scratch.xtask(&["rollback", "--to", "v1.1.0", "--yes"]).exits(0);
    // Also while another run holds the lock: it only looks.
    let held = std::fs::File::options().read(true).write(true).open(scratch.project().join(".xtask/locks/release.lock")).unwrap();
    held.try_lock().unwrap();
    let run = scratch.xtask(&["rollback", "--yes"]).exits(2);
    assert!(
        run.stderr.contains("these would work: v1.2.0 (taken back), v1.1.0 (live now), v1.0.0") && run.stderr.contains("rollback --to TAG"),
        "{}",
        run.stderr
    );
}

#[test]
fn parts_and_bad_ones_can_be_named() {
    let scratch = product(&["1.0.0", "1.1.0", "1.2.0"]);
    scratch.xtask(&["rollback", "--to", "v1.1.0", "--only", "app", "--yes"]).exits(0);
    assert_eq!((latest(&scratch).as_str(), installed(&scratch).as_deref()), ("v1.2.0", Some("1.1.0")));
    scratch.xtask(&["rollback", "--to", "v1.0.0", "--only", "releases", "--bad", "v1.1.0", "--yes"]).exits(0);
    assert_eq!((latest(&scratch).as_str(), installed(&scratch).as_deref()), ("v1.0.0", Some("1.1.0")));
    assert_eq!([meta(&scratch, "v1.1.0")["prerelease"].clone(), meta(&scratch, "v1.2.0")["prerelease"].clone()], [true, false]);
    let run = scratch.xtask(&["rollback", "--to", "v1.0.0", "--only", "services", "--yes"]).exits(2);
    assert!(run.stderr.contains("no [services]"), "{}", run.stderr);
    scratch.xtask(&["rollback", "--to", "v1.1.0", "--bad", "v9.9.9", "--yes"]).exits(3);
}

#[test]
fn an_engine_that_does_not_answer_leaves_the_services_for_later_and_says_so() {
    let scratch = product(&["1.0.0"]);
    let config = scratch.read("xtask.toml");
    scratch.write("xtask.toml", format!("{config}[services]\ncompose = \"docker-compose.yml\"\n"));
    scratch.write("docker-compose.yml", "services:\n  a:\n    image: x/a:1\n");
    for version in ["1.1.0", "1.2.0"] {
        release(&scratch, version);
    }
    let run = |args: &[&str]| Run::of(scratch.command(env!("CARGO_BIN_EXE_xtask")).args(args).env("DOCKER_HOST", "unix:///nowhere/docker.sock"));
    run(&["install"]).exits(0);
    let first = run(&["rollback", "--to", "v1.1.0", "--yes", "--json"]).exits(5);
    let said = first.json();
    assert!(said["outcome"] == "partial" && said["data"]["state"] == "partial" && said["findings"].to_string().contains("services-wait"), "{said:#}");
    assert_eq!((latest(&scratch).as_str(), installed(&scratch).as_deref()), ("v1.1.0", Some("1.1.0")));
    let again = run(&["rollback", "--to", "v1.1.0", "--yes"]).exits(5);
    assert!(again.stdout.starts_with("all that could be looked at is v1.1.0 already") && !again.stdout.contains("is live"), "{}", again.stdout);
    assert!(again.stderr.contains("xtask rollback --to v1.1.0 --yes") && again.stderr.contains("`--only releases,app`"), "{}", again.stderr);
    run(&["rollback", "--undo", "--yes"]).exits(0);
    assert_eq!((latest(&scratch).as_str(), installed(&scratch).as_deref()), ("v1.2.0", Some("1.2.0")));
    let without = run(&["rollback", "--to", "v1.1.0", "--only", "releases,app", "--yes"]).exits(0);
    assert!(without.stdout.starts_with("v1.1.0 is live"), "{}", without.stdout);
    run(&["rollback", "--undo", "--yes"]).exits(0);
    // One that hangs is waited for once, and not for ever.
    scratch.write("hangs/docker", "#!/bin/sh\nexec sleep 100\n");
    Run::of(scratch.command("chmod").args(["+x", "hangs/docker"])).exits(0);
    let path = format!("{}:{}", scratch.project().join("hangs").display(), std::env::var("PATH").unwrap());
    let mut hanging = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let hung = Run::of(hanging.args(["rollback", "--to", "v1.1.0", "--yes"]).env("PATH", path).env("XTASK_PATIENCE", "0.5")).exits(5);
    assert!(hung.stdout.contains("did not answer within 0.5 seconds") && installed(&scratch).as_deref() == Some("1.1.0"), "{}", hung.stdout);
    // v1.0.0 recorded no images: nothing waits, and the plan says what stays.
    let older = run(&["rollback", "--to", "v1.0.0", "--yes"]).exits(0);
    assert!(older.stdout.contains("release.json of v1.0.0 records no images"), "{}", older.stdout);
}

#[test]
fn two_at_once_are_kept_apart() {
    let scratch = product(&["1.0.0", "1.1.0"]);
    let lock = scratch.project().join(".xtask/locks/release.lock");
    let held = std::fs::File::options().read(true).write(true).open(lock).unwrap();
    held.try_lock().unwrap();
    let run = scratch.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(8);
    assert!(run.stderr.contains("ann@") && run.stderr.contains("since 2026-01-31"), "{}", run.stderr);
    let status = scratch.xtask(&["status", "--json"]).exits(0).json();
    assert!(status["data"]["running"].as_str().unwrap().starts_with("release: ann@") && status["data"]["installed"] == "v1.1.0", "{status:#}");
    let plan = scratch.xtask(&["rollback", "--to", "v1.0.0", "--dry-run"]).exits(0);
    assert!(plan.stdout.contains("rollback to v1.0.0"), "who only looks needs no lock: {}", plan.stdout);
}

#[test]
fn a_dry_run_touches_nothing_at_all() {
    let scratch = product(&["1.0.0", "1.1.0"]);
    let everything = || (tree(&scratch.project()), tree(&scratch.path().join("home")));
    let before = everything();
    for args in [&["rollback", "--to", "v1.0.0", "--dry-run"][..], &["rollback", "--to", "v1.0.0", "--reissue", "v1.1.1", "--dry-run"]] {
        scratch.xtask(args).exits(0);
        assert!(everything() == before, "{args:?} changed something");
    }
    scratch.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(0);
    let before = everything();
    let undo = scratch.xtask(&["rollback", "--undo", "--dry-run"]).exits(0).stdout;
    assert!(everything() == before, "the plan of an undo changed something");
    assert!(undo.contains("`xtask rollback --to v1.0.0` goes there again") && !undo.contains("--undo` goes back"), "{undo}");
}

#[test]
fn an_undo_leaves_alone_what_came_after_the_rollback() {
    let scratch = product(&["1.0.0", "1.1.0"]);
    scratch.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(0);
    release(&scratch, "1.2.0");
    scratch.xtask(&["install"]).exits(0);
    let plan = scratch.xtask(&["rollback", "--undo", "--dry-run"]).exits(0).stdout;
    for line in ["v1.2.0 is offered as latest since: it stays so", "v1.2.0 was installed in"] {
        assert!(plan.contains(line), "{line} in {plan}");
    }
    scratch.xtask(&["rollback", "--undo", "--yes"]).exits(0);
    assert_eq!((latest(&scratch).as_str(), installed(&scratch).as_deref()), ("v1.2.0", Some("1.2.0")));
    assert_eq!(meta(&scratch, "v1.1.0")["prerelease"], false, "it is offered again, to who asks for it");
    scratch.xtask(&["rollback", "--undo", "--yes"]).exits(3);
}

#[test]
fn an_undo_never_takes_latest_from_what_was_released_since() {
    let scratch = product(&["1.0.0", "1.1.0"]);
    scratch.xtask(&["install", "v1.0.0"]).exits(0);
    // Latest already: only the application moves.
    scratch.xtask(&["rollback", "--to", "v1.1.0", "--yes"]).exits(0);
    release(&scratch, "1.2.0");
    scratch.xtask(&["rollback", "--undo", "--yes"]).exits(0);
    assert_eq!((latest(&scratch).as_str(), installed(&scratch).as_deref()), ("v1.2.0", Some("1.0.0")));
}

#[test]
fn an_undo_to_what_is_gone_is_refused_before_anything_changes() {
    let scratch = product(&["1.0.0", "1.1.0"]);
    scratch.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(0);
    for folder in ["target/releases/v1.1.0", "target/releases/.meta/v1.1.0.json"] {
        std::fs::rename(scratch.project().join(folder), scratch.path().join(folder.replace('/', "-"))).unwrap();
    }
    let before = seen(&scratch);
    let run = scratch.xtask(&["rollback", "--undo", "--yes"]).exits(3);
    assert!(run.stderr.contains("v1.1.0, which was latest before the rollback, is not published any more: nothing was changed"), "{}", run.stderr);
    same(&scratch, &before, "then");
    assert!(!scratch.project().join(".xtask/journal/rollback.json").exists());
}

#[test]
fn each_end_says_what_is_live_part_by_part() {
    let scratch = product(&["1.0.0", "1.1.0"]);
    let said = |args: &[&str]| scratch.xtask(args).exits(0).stdout;
    let app = said(&["rollback", "--to", "v1.0.0", "--only", "app", "--yes"]);
    assert!(app.starts_with("what was to go back is v1.0.0 now\n") && app.contains("apps/rocket/current is v1.0.0\n") && !app.contains("latest"), "{app}");
    let undone = said(&["rollback", "--undo", "--yes"]);
    assert!(undone.starts_with("the rollback to v1.0.0 is undone: it is v1.1.0 again\n") && undone.contains("current is v1.1.0\n"), "{undone}");
    let all = said(&["rollback", "--to", "v1.0.0", "--yes"]);
    for line in
        ["v1.0.0 is live, read back and recorded\n", "releases: v1.0.0 is offered as latest\n", "v1.1.0 is taken back", "`xtask rollback --undo` goes back\n"]
    {
        assert!(all.contains(line), "{line} in {all}");
    }
}

fn effects(scratch: &Scratch, args: &[&str]) -> Vec<String> {
    let log = scratch.path().join("effects");
    Run::of(scratch.command(env!("CARGO_BIN_EXE_xtask")).args(args).env("XTASK_TEST_CRASH_LOG", &log)).exits(0);
    std::fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect()
}

fn kill(scratch: &Scratch, args: &[&str], k: usize) {
    let run = Run::of(scratch.command(env!("CARGO_BIN_EXE_xtask")).args(args).env("XTASK_TEST_CRASH_AFTER", k.to_string()));
    assert_eq!(run.code, None, "effect {k} didn't kill: {}", run.stderr);
}

/// Rollbacks in the ledger that ended well.
fn recorded(scratch: &Scratch) -> usize {
    scratch.read(".xtask/ledger.jsonl").lines().filter(|line| line.contains("\"command\":\"rollback\"") && line.contains("\"outcome\":\"ok\"")).count()
}

#[test]
fn killed_after_every_effect_the_same_command_goes_on_and_undo_goes_back() {
    let ready = product(&["1.0.0", "1.1.0", "1.2.0"]);
    let before = seen(&ready);
    let args = ["rollback", "--to", "v1.0.0", "--yes"];
    let undisturbed = copy(&ready);
    let effects = effects(&undisturbed, &args);
    let after = seen(&undisturbed);
    assert!(effects.len() > 12 && after != before, "{effects:?}");
    for k in 1..=effects.len() {
        let scratch = copy(&ready);
        kill(&scratch, &args, k);
        let status = scratch.xtask(&["status", "--json"]).exits(0).json();
        let pending = status["data"]["pending"].as_array().unwrap().iter().find(|pending| pending["name"] == "rollback").cloned();
        if let Some(pending) = &pending {
            assert_eq!((pending["resume"].as_str(), pending["undo"].as_str()), (Some("xtask rollback --to v1.0.0 --yes"), Some("xtask rollback --undo --yes")));
            let other = scratch.xtask(&["rollback", "--to", "v1.1.0", "--yes"]).exits(3);
            assert!(other.stderr.contains("was begun and not ended"), "{}", other.stderr);
        } else {
            let now = seen(&scratch);
            assert!(now == before || now == after, "after {}: changed, and nothing says so", effects[k - 1]);
        }
        if k % 2 == 0 || pending.is_none() {
            scratch.xtask(&args).exits(0);
            same(&scratch, &after, &format!("after {}", effects[k - 1]));
            assert_eq!(recorded(&scratch), 1, "after {}", effects[k - 1]);
        } else {
            scratch.xtask(&["rollback", "--undo", "--yes"]).exits(0);
            same(&scratch, &before, &format!("after {}", effects[k - 1]));
        }
        assert!(!scratch.project().join(".xtask/journal/rollback.json").exists());
    }
}

#[test]
fn a_killed_undo_goes_on() {
    let ready = product(&["1.0.0", "1.1.0"]);
    let before = seen(&ready);
    ready.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(0);
    let args = ["rollback", "--undo", "--yes"];
    let effects = effects(&copy(&ready), &args);
    for k in (1..=effects.len()).step_by(2) {
        let scratch = copy(&ready);
        kill(&scratch, &args, k);
        if scratch.project().join(".xtask/journal/rollback.json").exists() || recorded(&scratch) == 1 {
            scratch.xtask(&args).exits(0);
        }
        same(&scratch, &before, &format!("after {}", effects[k - 1]));
        assert_eq!(recorded(&scratch), 2);
    }
}

#[test]
fn the_old_source_is_issued_again_under_a_higher_version() {
    let scratch = product(&["1.0.0", "1.1.0"]);
    let head = scratch.git(&["rev-parse", "HEAD"]);
    let low = scratch.xtask(&["rollback", "--to", "v1.0.0", "--reissue", "v1.0.1", "--yes"]).exits(3);
    assert!(low.stderr.contains("not above 1.1.0") && low.stderr.contains("--reissue v1.1.1"), "{}", low.stderr);
    assert_eq!((latest(&scratch).as_str(), installed(&scratch).as_deref()), ("v1.1.0", Some("1.1.0")), "nothing was changed");
    let done = scratch.xtask(&["rollback", "--to", "v1.0.0", "--reissue", "v1.1.1", "--yes"]).exits(0);
    assert!(done.stdout.contains("git push --atomic origin reissue/v1.1.1 v1.1.1"), "{}", done.stdout);
    assert_eq!(latest(&scratch), "v1.1.1");
    assert_eq!(scratch.git(&["rev-parse", "HEAD"]), head, "the project's own branch stays where it was");
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
    assert_eq!(scratch.git(&["diff", "--name-only", "v1.0.0", "v1.1.1"]), "VERSION", "the exact source but for its version");
    assert_eq!(scratch.git(&["worktree", "list"]).lines().count(), 1);
    scratch.xtask(&["verify", "v1.1.1"]).exits(0);
    scratch.xtask(&["install", "v1.1.1"]).exits(0);
    assert_eq!(installed(&scratch).as_deref(), Some("1.1.1"));
}
