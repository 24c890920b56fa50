//! Restores end to end: folders and a real server's folder; wrong, torn, hostile and killed ones.

use std::path::{Path, PathBuf};

use super::{
    hot::{AOF, served, server_folder},
    server::available,
};
use crate::support::{Run, Scratch};

const HEAD: &str = "schema = 1\n[project]\nname = \"t\"\n[version]\ntag = \"v{version}\"\n";

fn state(more: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("xtask.toml", format!("{HEAD}[[backup]]\nname = \"state\"\ndirectory = \"{}\"\n{more}\n", scratch.path().join("App").display()));
    put(&scratch, "store/projects.json", "{\"v\": 1}");
    put(&scratch, "Cache/blob", "cache 1");
    scratch
}

fn put(scratch: &Scratch, path: &str, text: &str) {
    let path = scratch.path().join("App").join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn get(scratch: &Scratch, path: &str) -> Option<String> {
    std::fs::read_to_string(scratch.path().join("App").join(path)).ok()
}

#[test]
fn a_folder_comes_back_and_the_old_one_is_kept_until_confirmed() {
    let scratch = state("exclude = [\"Cache/**\"]\nvalidate = [\"store/projects.json\"]");
    scratch.xtask(&["backup"]).exits(0);
    put(&scratch, "store/projects.json", "{\"v\": 2}");
    put(&scratch, "store/new.json", "{}");
    put(&scratch, "Cache/blob", "cache 2");
    scratch.xtask(&["restore", "state"]).exits(2);
    assert_eq!(get(&scratch, "store/projects.json").unwrap(), "{\"v\": 2}", "without --yes and a terminal nothing happens");
    assert!(scratch.xtask(&["restore", "state", "--dry-run"]).exits(0).stdout.contains("replaces"));
    let done = scratch.xtask(&["restore", "state", "--yes", "--json"]).exits(0).json();
    assert_eq!(get(&scratch, "store/projects.json").unwrap(), "{\"v\": 1}");
    assert_eq!((get(&scratch, "store/new.json"), get(&scratch, "Cache/blob").unwrap().as_str()), (None, "cache 2"), "what is left out stays as it is");
    let kept = PathBuf::from(done["data"]["kept"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(kept.join("store/projects.json")).unwrap(), "{\"v\": 2}");
    let safety = done["data"]["safety"].as_str().unwrap().to_owned();
    scratch.xtask(&["restore", "state", "--confirm"]).exits(0);
    assert!(!kept.exists());
    scratch.xtask(&["restore", "state", "--yes", "--from", &safety]).exits(0);
    assert_eq!(get(&scratch, "store/projects.json").unwrap(), "{\"v\": 2}");
}

#[test]
fn only_what_the_globs_name_is_replaced() {
    let scratch = Scratch::new();
    scratch.write("xtask.toml", format!("{HEAD}[[backup]]\nname = \"logs\"\ndirectory = \".\"\ninclude = [\".auto-codex/specs/**/logs/**\"]\n"));
    scratch.write(".auto-codex/specs/1/logs/a.log", "one");
    scratch.write(".auto-codex/specs/1/plan.md", "plan");
    scratch.xtask(&["backup"]).exits(0);
    scratch.write(".auto-codex/specs/1/logs/a.log", "two");
    scratch.write(".auto-codex/specs/1/plan.md", "plan 2");
    scratch.write(".auto-codex/specs/2/plan.md", "other");
    scratch.xtask(&["restore", "logs", "--yes"]).exits(0);
    assert_eq!(scratch.read(".auto-codex/specs/1/logs/a.log"), "one");
    assert_eq!(scratch.read(".auto-codex/specs/1/plan.md"), "plan 2");
    assert_eq!(scratch.read(".auto-codex/specs/2/plan.md"), "other");
    assert!(scratch.read("xtask.toml").contains("schema"));
}

#[test]
fn what_does_not_parse_is_not_restored() {
    let scratch = state("validate = [\"store/projects.json\"]");
    put(&scratch, "store/projects.json", "{ half");
    // What a restore would refuse is no good backup: it is said now, and it doesn't count.
    let warned = scratch.xtask(&["backup", "--accept", "--json"]).exits(3).json();
    assert_eq!((&warned["findings"][0]["code"], &warned["data"]["backups"][0]["verified"]), (&"backup-invalid".into(), &serde_json::Value::Null), "{warned}");
    put(&scratch, "store/projects.json", "{}");
    assert!(scratch.xtask(&["restore", "state", "--yes"]).exits(3).stderr.contains("no verified backup"));
    let id = warned["data"]["backups"][0]["id"].as_str().unwrap();
    let refused = scratch.xtask(&["restore", "state", "--yes", "--from", id]).exits(6);
    assert!(refused.stderr.contains("no valid JSON"), "{}", refused.stderr);
    assert_eq!(get(&scratch, "store/projects.json").unwrap(), "{}");
}

#[test]
fn another_users_backup_comes_with_a_note() {
    let scratch = state("");
    scratch.xtask(&["backup"]).exits(0);
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let run = Run::of(command.args(["restore", "state", "--yes"]).env("USER", "bob")).exits(0);
    assert!(run.stderr.contains("safeStorage") && run.stderr.contains("sign in again"), "{}", run.stderr);
}

#[test]
fn each_wrong_backup_is_refused_in_its_own_words() {
    let scratch = state("");
    scratch.xtask(&["backup"]).exits(0);
    let folder = scratch.project().join("backups/state");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let archive = files.iter().find(|path| path.to_str().unwrap().ends_with(".tar.zst")).unwrap();
    let manifest = files.iter().find(|path| path.to_str().unwrap().ends_with(".json")).unwrap();
    let (bytes, text) = (std::fs::read(archive).unwrap(), std::fs::read_to_string(manifest).unwrap());
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 3] ^= 1;
    let refused = |why: &str, args: &[&str]| {
        let run = scratch.xtask(&[&["restore", "state", "--yes"], args].concat()).exits(6);
        assert!(run.stderr.contains(why), "{why}: {}", run.stderr);
    };
    for (content, why) in [(&bytes[..0], "is empty"), (&bytes[..bytes.len() - 3], "is cut short"), (&flipped, "was altered")] {
        std::fs::write(archive, content).unwrap();
        refused(why, &[]);
    }
    std::fs::write(archive, &bytes).unwrap();
    for (from, to, why) in [
        ("\"name\": \"state\"", "\"name\": \"other\"", "another source"),
        ("\"project\": \"t\"", "\"project\": \"u\"", "another source"),
        ("{", "", "is damaged"),
    ] {
        std::fs::write(manifest, text.replacen(from, to, 1)).unwrap();
        refused(why, &["--from", archive.to_str().unwrap()]);
    }
    assert_eq!(get(&scratch, "store/projects.json").unwrap(), "{\"v\": 1}");
    assert!(std::fs::read_dir(scratch.path()).unwrap().all(|entry| !entry.unwrap().file_name().to_str().unwrap().contains("xtask-new")));
}

#[test]
fn hostile_and_empty_tarballs_are_refused() {
    let scratch = state("");
    let tree = scratch.path().join("evil");
    std::fs::create_dir_all(tree.join("sub")).unwrap();
    std::fs::write(tree.join("sub/x"), "x").unwrap();
    let pack = |name: &str, args: &[&str]| {
        let path = scratch.path().join(name);
        let run = Run::of(scratch.command("tar").args(["-czf"]).arg(&path).arg("-C").arg(&tree).args(args));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        path.display().to_string()
    };
    let leads_out = pack("out.tar.gz", &["--transform", "s,^sub/x,../../escaped,", "-P", "sub/x"]);
    let empty = pack("empty.tar.gz", &["--exclude=x", "sub"]);
    for (file, why) in [(leads_out, "leads out"), (empty, "is empty")] {
        let run = scratch.xtask(&["restore", "state", "--yes", "--from", &file]).exits(6);
        assert!(run.stderr.contains(why), "{}", run.stderr);
    }
    assert!(!scratch.path().join("escaped").exists());
    assert_eq!(get(&scratch, "store/projects.json").unwrap(), "{\"v\": 1}");
}

#[test]
fn a_servers_folder_comes_back_and_a_running_one_is_left_alone() {
    if !available() {
        return;
    }
    let (scratch, mut server) = served(AOF, "");
    server.fill("a", 300);
    let before = server.digest();
    scratch.xtask(&["backup"]).exits(0);
    scratch.xtask(&["backup", "verify", "--deep"]).exits(0);
    server.fill("late", 50);
    let refused = scratch.xtask(&["restore", "db", "--yes"]).exits(3);
    assert!(refused.stderr.contains("runs: its data can't be replaced"), "{}", refused.stderr);
    server.kill();
    scratch.xtask(&["restore", "db", "--yes"]).exits(0);
    server.again();
    assert_eq!(server.digest(), before);
    server.fill("after", 5);
    server.kill();
    server.again();
    assert_eq!(server.cli(&["DBSIZE"]), "305");
}

/// The facts' table, each line: what the server would do with it, and what we say before it can.
#[test]
fn torn_copies_are_refused_before_a_server_sees_them() {
    if !available() {
        return;
    }
    let (scratch, mut server) = served(AOF, "");
    server.fill("a", 300);
    scratch.xtask(&["backup"]).exits(0);
    server.cli(&["BGREWRITEAOF"]);
    std::thread::sleep(std::time::Duration::from_secs(1));
    server.fill("b", 200);
    server.cli(&["SAVE"]);
    server.kill();
    let good = server_folder(&scratch);
    let incr = find(&good, ".incr.aof");
    let base = find(&good, ".base.rdb");
    let half = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() * 6 / 10]).unwrap();
    };
    let flip = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    type Tear<'a> = Box<dyn Fn(&Path) + 'a>;
    let cases: Vec<(&str, Tear<'_>)> = vec![
        ("only dump.rdb", Box::new(|copy| std::fs::remove_dir_all(copy.join("appendonlydir")).unwrap())),
        ("manifest is missing", Box::new(|copy| std::fs::remove_file(copy.join("appendonlydir/appendonly.aof.manifest")).unwrap())),
        ("is missing", Box::new(|copy| std::fs::remove_file(copy.join(&incr)).unwrap())),
        ("redis-check-aof rejects", Box::new(|copy| half(&copy.join(&incr)))),
        ("redis-check-aof rejects", Box::new(|copy| flip(&copy.join(&base)))),
    ];
    for (why, tear) in cases {
        let copy = scratch.path().join("torn");
        let _ = std::fs::remove_dir_all(&copy);
        assert_eq!(Run::of(scratch.command("cp").arg("-a").arg(&good).arg(&copy)).code, Some(0));
        tear(&copy);
        let file = scratch.path().join("falkordb_data_20260101_120000.tar.gz");
        assert_eq!(Run::of(scratch.command("tar").arg("-czf").arg(&file).arg("-C").arg(&copy).arg(".")).code, Some(0));
        let run = scratch.xtask(&["restore", "db", "--yes", "--from", file.to_str().unwrap()]);
        let run = run.exits(6);
        assert!(run.stderr.contains("torn") && run.stderr.contains(why), "{why}: {}", run.stderr);
    }
}

fn find(root: &Path, end: &str) -> PathBuf {
    let folder = root.join("appendonlydir");
    let name = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).find(|name| name.ends_with(end)).unwrap();
    Path::new("appendonlydir").join(name)
}

#[test]
fn the_old_scripts_tarball_is_accepted() {
    if !available() {
        return;
    }
    let (scratch, mut server) = served(AOF, "");
    server.fill("a", 300);
    let before = server.digest();
    server.kill();
    let file = scratch.path().join("falkordb_data_20260101_120000.tar.gz");
    assert_eq!(Run::of(scratch.command("tar").arg("-czf").arg(&file).arg("-C").arg(server_folder(&scratch)).arg(".")).code, Some(0));
    server.again();
    server.cli(&["FLUSHALL"]);
    server.kill();
    scratch.xtask(&["restore", "db", "--yes", "--from", file.to_str().unwrap()]).exits(0);
    server.again();
    assert_eq!(server.digest(), before);
}

/// Kill after each effect: the folder is the old one or the new one, never a mixture, and both ways out work.
#[test]
fn killed_anywhere_it_is_old_or_new() {
    let scratch = state("");
    put(&scratch, "a", "old");
    put(&scratch, "b", "old");
    scratch.xtask(&["backup"]).exits(0);
    let id = scratch.xtask(&["backup", "list", "--json"]).json()["data"]["backups"][0]["id"].as_str().unwrap().to_owned();
    let mut k = 0;
    let mut seen = std::collections::BTreeSet::new();
    loop {
        k += 1;
        assert!(k < 200);
        for file in ["a", "b"] {
            put(&scratch, file, "current");
        }
        let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
        let run = Run::of(command.args(["restore", "state", "--yes", "-q", "--from", &id]).env("XTASK_TEST_CRASH_AFTER", k.to_string()));
        let which = whole(&scratch, k);
        seen.insert(which.clone());
        if run.code == Some(0) {
            assert_eq!(which, "old");
            break;
        }
        assert_eq!(run.code, None, "{}", run.stderr);
        let status = scratch.xtask(&["status", "--json"]);
        let pending = status.json()["data"]["pending"].as_array().map_or(0, Vec::len) > 0;
        let way = if k % 2 == 0 { "--resume" } else { "--undo" };
        let settled = scratch.xtask(&["restore", "state", way, "--json"]);
        if settled.code == Some(3) {
            assert!(way == "--undo" && settled.stdout.contains("was complete"), "{}", settled.stdout);
            assert_eq!(whole(&scratch, k), "old");
            scratch.xtask(&["restore", "state", "--confirm"]).exits(0);
            continue;
        }
        let settled = settled.exits(0).json();
        if pending && settled["data"].get("in-force").is_some() {
            let expected = if settled["data"]["in-force"] == "old" { "current" } else { "old" };
            assert_eq!(whole(&scratch, k), expected, "after effect {k}, {way}");
        }
        if way == "--undo" && pending {
            assert_eq!(whole(&scratch, k), "current");
        }
        scratch.xtask(&["restore", "state", "--confirm"]).exits(0);
    }
    assert!(k > 15 && seen.len() == 2, "{k} effects, seen {seen:?}");
    let leftovers: Vec<_> = std::fs::read_dir(scratch.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_str().unwrap().contains("xtask-new"))
        .collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
}

fn whole(scratch: &Scratch, k: u32) -> String {
    let (a, b) = (get(scratch, "a"), get(scratch, "b"));
    assert!(a.is_some() && a == b, "half restored after effect {k}: {a:?} and {b:?}");
    a.unwrap()
}
