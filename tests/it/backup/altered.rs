//! Backups that were altered, renamed or packed by others, and restores that were killed before they changed anything.

use std::path::{Path, PathBuf};

use super::{
    hot::{AOF, served, server_folder},
    server::available,
};
use crate::support::{Run, Scratch};

const HEAD: &str = "schema = 1\n[project]\nname = \"t\"\n[version]\ntag = \"v{version}\"\n";

fn state(more: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("xtask.toml", format!("{HEAD}[[backup]]\nname = \"state\"\ndirectory = \"data\"\n{more}\n"));
    scratch
}

fn at(scratch: &Scratch, day: i64, args: &[&str]) -> Run {
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    Run::of(command.args(args).env("XTASK_CLOCK", (1_769_860_800 + day * 86_400).to_string()))
}

/// Backs up `one` and, a day later, `two`; gives the manifests, oldest first.
fn two(scratch: &Scratch) -> [PathBuf; 2] {
    for (day, text) in [(1, "one"), (2, "two")] {
        scratch.write("data/x", text);
        at(scratch, day, &["backup", "-q"]).exits(0);
    }
    let folder = scratch.project().join("backups/state");
    let mut all: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.extension().unwrap() == "json").collect();
    all.sort();
    all.try_into().unwrap()
}

fn id(manifest: &Path) -> &str {
    manifest.file_stem().unwrap().to_str().unwrap()
}

#[test]
fn a_manifest_under_another_name_gives_nobody_the_wrong_data() {
    let scratch = state("");
    let [one, two] = two(&scratch);
    let aside = one.with_extension("aside");
    for (from, to) in [(&one, &aside), (&two, &one), (&aside, &two)] {
        std::fs::rename(from, to).unwrap();
    }
    for from in [id(&one).to_owned(), one.with_extension("tar.zst").display().to_string(), one.display().to_string()] {
        let refused = scratch.xtask(&["restore", "state", "--yes", "--from", &from]).exits(6);
        assert!(refused.stderr.contains("renamed or swapped"), "{from}: {}", refused.stderr);
    }
    assert_eq!(scratch.read("data/x"), "two");
    let verdict = scratch.xtask(&["backup", "verify", "--json"]).exits(6).json();
    assert_eq!(verdict["findings"].as_array().unwrap().len(), 2, "{verdict}");
}

#[test]
fn a_damaged_manifest_is_no_success_of_verify() {
    let scratch = state("");
    let [_, two] = two(&scratch);
    let text = std::fs::read_to_string(&two).unwrap();
    let outside = text.replacen(
        "\"totals\"",
        "\"engine\": {\"version\": \"7\", \"append_only\": true, \"folder\": \"../..\", \"dump\": \"d\", \"append_file\": \"a\"}, \"totals\"",
        1,
    );
    for (content, why) in [(&text[..text.len() / 2], "is damaged"), ("", "is damaged"), ("[]", "is damaged"), (&outside, "outside the backup")] {
        std::fs::write(&two, content).unwrap();
        let verdict = scratch.xtask(&["backup", "verify"]).exits(6);
        assert!(verdict.stderr.contains("is damaged"), "{}", verdict.stderr);
        let refused = scratch.xtask(&["restore", "state", "--yes", "--from", id(&two)]).exits(6);
        assert!(refused.stderr.contains(why), "{why}: {}", refused.stderr);
    }
    std::fs::write(&two, text).unwrap();
    scratch.xtask(&["backup", "verify"]).exits(0);
}

/// Fields that contradict each other or the file's name: nobody believes any of them.
#[test]
fn an_edited_manifest_is_refused_and_an_older_backup_is_not_taken_in_silence() {
    let scratch = state("");
    let [one, two] = two(&scratch);
    let text = std::fs::read_to_string(&two).unwrap();
    let own = |key: &str| serde_json::from_str::<serde_json::Value>(&text).unwrap()[key].to_string();
    let edits = [
        ("\"files\": 1", "\"files\": 99", "not the sums of its entries"),
        ("\"schema\": 1", "\"schema\": 0", "no such format"),
        ("\"created\": \"2026", "\"created\": \"2999", "another time"),
        ("\"created\": \"2026", "\"created\": \"long ago", "a time in it is none"),
        (&format!("\"verified\": {}", own("verified")), "\"verified\": \"sure\"", "a time in it is none"),
        ("\"verified\"", "\"suspicion\": \"shrank\", \"verified\"", "verified and suspicious at once"),
        ("\"name\": \"state\"", "\"name\": \"other\"", "of another source"),
        ("\"id\": \"state-2026", "\"id\": \"state-2025", "another time"),
    ];
    for (from, to, why) in edits {
        assert!(text.contains(from), "{from}");
        std::fs::write(&two, text.replacen(from, to, 1)).unwrap();
        let refused = scratch.xtask(&["restore", "state", "--yes", "--from", id(&two)]).exits(6);
        assert!(refused.stderr.contains(why), "{why}: {}", refused.stderr);
        assert!(scratch.xtask(&["backup", "verify"]).exits(6).stderr.contains(why), "{why}");
        let older = scratch.xtask(&["restore", "state", "--dry-run"]).exits(0);
        assert!(older.stdout.contains(id(&one)) && older.stderr.contains("passed over") && older.stderr.contains(why), "{why}: {}", older.stderr);
    }
    // What can't be read as text, or isn't even a file.
    std::fs::write(&two, [0xff, 0xfe]).unwrap();
    scratch.xtask(&["restore", "state", "--yes", "--from", id(&two)]).exits(6);
    std::fs::remove_file(&two).unwrap();
    Run::of(scratch.command("mkfifo").arg(&two)).exits(0);
    scratch.xtask(&["backup", "list"]).exits(0);
    assert!(scratch.xtask(&["restore", "state", "--yes", "--from", id(&two)]).exits(6).stderr.contains("no file"));
}

/// Archive and manifest altered alike, with all sums corrected: the name still tells.
#[test]
fn the_digest_in_the_name_tells_what_both_files_hide() {
    let scratch = state("");
    let [one, two] = two(&scratch);
    let forged = std::fs::read_to_string(&one).unwrap().replace(id(&one), id(&two)).replace("\"created\": \"2026-02-01", "\"created\": \"2026-02-02");
    std::fs::write(&two, forged).unwrap();
    std::fs::copy(one.with_extension("tar.zst"), two.with_extension("tar.zst")).unwrap();
    let verdict = scratch.xtask(&["backup", "verify"]).exits(6);
    assert!(verdict.stderr.contains("not the one in its name"), "{}", verdict.stderr);
    scratch.xtask(&["restore", "state", "--yes", "--from", id(&two)]).exits(6);
}

/// A manifest that was lost must not cost the archive: the next run leaves it alone, and it can be restored as it is.
#[test]
fn an_archive_without_its_manifest_is_told_and_kept() {
    let scratch = state("");
    let [_, two] = two(&scratch);
    std::fs::remove_file(&two).unwrap();
    let archive = two.with_extension("tar.zst");
    scratch.write("data/x", "three");
    at(&scratch, 3, &["backup", "-q"]).exits(0);
    assert!(archive.is_file());
    let told = scratch.xtask(&["backup", "verify"]).exits(6);
    assert!(told.stderr.contains("has no manifest") && told.stderr.contains("--from"), "{}", told.stderr);
    scratch.xtask(&["restore", "state", "--yes", "--from", archive.to_str().unwrap()]).exits(0);
    assert_eq!(scratch.read("data/x"), "two");
    // One that a kill left on the way is known, and goes.
    for (at, what) in [("name the archive", "made"), ("remove file", "removed")] {
        let left = killed_after(&scratch, at);
        assert!(!left.is_empty(), "{what}: nothing was left");
        self::at(&scratch, 9, &["backup", "-q"]).exits(0);
        assert!(left.iter().all(|path| !path.exists()), "{what}: {left:?}");
    }
    assert!(archive.is_file());
}

/// Kills a backup, or a prune, right after that effect; gives the archives that lost or never got their manifest.
fn killed_after(scratch: &Scratch, effect: &str) -> Vec<PathBuf> {
    let log = scratch.path().join("effects");
    let _ = std::fs::remove_file(&log);
    let before = orphans(scratch);
    let run = |day: i64, env: (&str, &str)| {
        let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
        let config = scratch.read("xtask.toml").replace("\nkeep = 1\n", "\n");
        let args: &[&str] = if effect == "remove file" { &["backup", "prune", "--yes"] } else { &["backup", "-q"] };
        if args.len() == 3 {
            scratch.write("xtask.toml", format!("{config}keep = 1\n"));
        }
        let run = Run::of(command.args(args).env("XTASK_CLOCK", (1_769_860_800 + day * 86_400).to_string()).env(env.0, env.1));
        scratch.write("xtask.toml", config);
        run
    };
    run(7, ("XTASK_TEST_CRASH_LOG", log.to_str().unwrap())).exits(0);
    let effects = std::fs::read_to_string(&log).unwrap();
    let k = effects.lines().position(|line| line.ends_with(effect)).unwrap() + 1;
    for day in [7, 8] {
        scratch.write("data/x", format!("{effect} {day}"));
        at(scratch, day, &["backup", "-q"]).exits(0);
    }
    assert_eq!(run(8, ("XTASK_TEST_CRASH_AFTER", &k.to_string())).code, None, "{effects}");
    orphans(scratch).into_iter().filter(|path| !before.contains(path)).collect()
}

fn orphans(scratch: &Scratch) -> Vec<PathBuf> {
    let all = std::fs::read_dir(scratch.project().join("backups/state")).unwrap().map(|entry| entry.unwrap().path());
    let id = |path: &PathBuf| path.to_str().unwrap().strip_suffix(".tar.zst").map(|id| PathBuf::from(format!("{id}.json")));
    all.filter(|path| id(path).is_some_and(|manifest| !manifest.exists())).collect()
}

/// The clock was a year ahead for a while: what was made then is neither taken for the newest nor pushes out what is made now.
#[test]
fn a_clock_that_was_ahead_costs_no_backup() {
    let scratch = state("keep = 1");
    for (day, text) in [(400, "ahead"), (1, "one"), (2, "two")] {
        scratch.write("data/x", text);
        at(&scratch, day, &["backup", "-q"]).exits(0);
    }
    let listed = at(&scratch, 2, &["backup", "list"]).exits(0).stdout;
    assert_eq!(listed.matches("state-").count(), 2, "{listed}");
    assert!(listed.contains("a clock was wrong"), "{listed}");
    scratch.write("data/x", "bad");
    let done = at(&scratch, 3, &["restore", "state", "--yes"]).exits(0);
    assert_eq!(scratch.read("data/x"), "two");
    assert!(done.stderr.contains("is passed over: a clock was wrong"), "{}", done.stderr);
}

#[test]
fn what_restores_save_pushes_no_backup_out() {
    let scratch = state("keep = 2");
    let [one, two] = two(&scratch);
    for day in 3..7 {
        scratch.write("data/x", format!("bad day {day}"));
        at(&scratch, day, &["restore", "state", "--yes", "-q", "--from", id(&one)]).exits(0);
        scratch.xtask(&["restore", "state", "--confirm"]).exits(0);
    }
    at(&scratch, 8, &["backup", "prune", "--yes"]).exits(0);
    assert!(one.is_file() && two.is_file(), "a restore cost a backup");
}

/// The ledger on a full disk: what was done is told all the same.
#[test]
fn what_cannot_be_written_down_is_done_all_the_same() {
    let scratch = state("");
    let [one, _] = two(&scratch);
    let ledger = scratch.project().join(".xtask/ledger.jsonl");
    std::fs::remove_file(&ledger).unwrap();
    std::fs::create_dir(&ledger).unwrap();
    let made = at(&scratch, 3, &["backup"]).exits(0);
    assert!(made.stderr.contains("could not be written down") && made.stdout.contains("yes"), "{}{}", made.stdout, made.stderr);
    let done = at(&scratch, 4, &["restore", "state", "--yes", "--from", id(&one)]).exits(0);
    assert!(done.stderr.contains("could not be written down") && done.stdout.contains("state restored from"), "{}{}", done.stdout, done.stderr);
    assert_eq!(scratch.read("data/x"), "one");
}

#[test]
fn the_same_bytes_in_the_same_second_are_two_backups() {
    let scratch = state("");
    scratch.write("data/x", "one");
    for _ in 0..2 {
        at(&scratch, 1, &["backup", "-q"]).exits(0);
    }
    assert_eq!(scratch.xtask(&["backup", "list", "--json"]).json()["data"]["backups"].as_array().unwrap().len(), 2);
}

#[test]
fn a_restore_that_was_killed_before_it_changed_anything_needs_no_decision() {
    let scratch = state("");
    let [one, _] = two(&scratch);
    let args = ["restore", "state", "--yes", "-q", "--from", id(&one)];
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let killed = Run::of(command.args(args).env("XTASK_TEST_CRASH_AFTER", "6"));
    assert_eq!(killed.code, None, "{}", killed.stderr);
    assert!(scratch.xtask(&["status"]).stdout.contains("restore state"));
    scratch.xtask(&args).exits(0);
    assert_eq!(scratch.read("data/x"), "one");
}

/// Only the engine knows which data is in force, and it hangs: `status` tells what the journal says, and how to go on.
#[cfg(unix)]
#[test]
fn an_engine_that_hangs_does_not_keep_status_from_telling() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = state("");
    let program = scratch.path().join("programs/docker");
    std::fs::create_dir(program.parent().unwrap()).unwrap();
    std::fs::write(&program, "#!/bin/sh\nexec sleep 86395\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    scratch.write(
        ".xtask/journal/restore-state.json",
        r#"{"schema":1,"name":"restore-state","what":"restore state from x","state":"what the journal says","resume":"xtask restore state --resume","undo":null,"who":"me",
            "since":"2026-01-01T00:00:00Z","detail":{"step":"exchanging","label":"x","stage":{"engine":{"volume":"a","live":"b","image":"c","new":7}}}}"#,
    );
    let path = std::env::join_paths([program.parent().unwrap().into()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap()))).unwrap();
    let status = Run::of(scratch.command(env!("CARGO_BIN_EXE_xtask")).env("PATH", path).env("XTASK_PATIENCE", "0.3").arg("status")).exits(0);
    assert!(status.stdout.contains("what the journal says") && status.stdout.contains("go on: xtask restore state --resume"), "{}", status.stdout);
}

/// A server's folder as tarballs of other shapes: each goes where the server reads it.
#[test]
fn a_tarballs_own_root_folder_is_not_restored_beside_the_data() {
    if !available() {
        return;
    }
    let (scratch, mut server) = served(AOF, "");
    server.fill("a", 300);
    let before = server.digest();
    server.kill();
    let folder = server_folder(&scratch);
    let pack = |name: &str, args: &[&str]| {
        let file = scratch.path().join(name);
        let run = Run::of(scratch.command("tar").arg("-czf").arg(&file).args(args));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        file.display().to_string()
    };
    let (above, root) = (folder.parent().unwrap().to_str().unwrap(), folder.to_str().unwrap().trim_start_matches('/'));
    let archives = [
        pack("data.tar.gz", &["-C", above, "data"]),
        pack("deep.tar.gz", &["-C", "/", root]),
        pack("star.tar.gz", &["-C", folder.to_str().unwrap(), "appendonlydir"]),
    ];
    for archive in archives {
        server.again();
        server.cli(&["FLUSHALL"]);
        server.kill();
        scratch.xtask(&["restore", "db", "--yes", "--from", &archive]).exits(0);
        server.again();
        assert_eq!(server.digest(), before, "{archive}");
        server.kill();
        scratch.xtask(&["restore", "db", "--confirm"]).exits(0);
    }
    std::fs::write(folder.parent().unwrap().join("beside"), "x").unwrap();
    let beside = pack("beside.tar.gz", &["-C", above, "data", "beside"]);
    let refused = scratch.xtask(&["restore", "db", "--yes", "--from", &beside]).exits(6);
    assert!(refused.stderr.contains("holds `beside` beside it"), "{}", refused.stderr);
}

/// `tar czPf`, as old scripts have it, and a folder that was packed from the one above it: both mean the folder itself.
#[test]
fn an_archive_with_absolute_names_is_taken_as_tar_takes_it() {
    let scratch = state("");
    let data = scratch.project().join("data");
    let pack = |name: &str, args: &[&str]| {
        let file = scratch.path().join(name);
        assert_eq!(Run::of(scratch.command("tar").arg("-czf").arg(&file).args(args)).code, Some(0));
        file.display().to_string()
    };
    scratch.write("data/x", "old");
    scratch.write("data/deep/y", "old too");
    std::fs::hard_link(data.join("x"), data.join("z")).unwrap();
    let above = scratch.project().display().to_string();
    for (name, args) in [
        ("absolute.tar.gz", ["-P", data.to_str().unwrap()].as_slice()),
        ("above.tar.gz", &["-C", &above, "data"]),
        ("inside.tar.gz", &["-C", data.to_str().unwrap(), "."]),
    ] {
        scratch.write("data/x", "old");
        let archive = pack(name, args);
        scratch.write("data/x", "new");
        let done = scratch.xtask(&["restore", "state", "--yes", "--from", &archive]).exits(0);
        assert_eq!((scratch.read("data/x"), scratch.read("data/z"), scratch.read("data/deep/y")), ("old".into(), "old".into(), "old too".into()), "{name}");
        assert_eq!(done.stderr.contains("taken without the slash, as tar does"), name.starts_with("absolute"), "{}", done.stderr);
        assert!(std::fs::read_dir(&data).unwrap().count() == 3, "{name}: nothing but the data");
        scratch.xtask(&["restore", "state", "--confirm"]).exits(0);
    }
    let out = pack("out.tar.gz", &["-P", "--transform", "s,x$,/../../evil,", data.join("x").to_str().unwrap()]);
    assert!(scratch.xtask(&["restore", "state", "--yes", "--from", &out]).exits(6).stderr.contains("leads out"));
}

/// Lines of the facts' table.
#[test]
fn a_manifest_from_before_a_rewrite_is_refused() {
    if !available() {
        return;
    }
    let (scratch, mut server) = served(AOF, "");
    server.fill("a", 300);
    let append = server_folder(&scratch).join("appendonlydir");
    let older = std::fs::read(append.join("appendonly.aof.manifest")).unwrap();
    scratch.xtask(&["backup", "-q"]).exits(0);
    server.kill();
    std::fs::write(append.join("appendonly.aof.manifest"), older).unwrap();
    let file = scratch.path().join("older.tar.gz");
    assert_eq!(Run::of(scratch.command("tar").arg("-czf").arg(&file).arg("-C").arg(server_folder(&scratch)).arg(".")).code, Some(0));
    let refused = scratch.xtask(&["restore", "db", "--yes", "--from", file.to_str().unwrap()]).exits(6);
    assert!(refused.stderr.contains("torn") && refused.stderr.contains("is missing: the server would refuse to start"), "{}", refused.stderr);
}

#[test]
fn a_flip_that_the_engines_checker_accepts_is_found_by_the_digest_of_the_file() {
    if !available() {
        return;
    }
    let (scratch, mut server) = served(AOF, "");
    server.cli(&["SET", "k", "valuevalue"]);
    server.kill();
    let config = scratch.read("xtask.toml");
    scratch.write("xtask.toml", config.replace("engine = \"redis\"", "engine = \"files\""));
    scratch.xtask(&["backup", "-q"]).exits(0);
    let backup = scratch.xtask(&["backup", "list", "--json"]).exits(0).json()["data"]["backups"][0].clone();
    let archive = scratch.project().join("backups/db").join(backup["archive"]["file"].as_str().unwrap());
    let manifest = archive.with_file_name(format!("{}.json", backup["id"].as_str().unwrap()));

    let tar = scratch.path().join("plain.tar");
    assert_eq!(Run::of(scratch.command("zstd").args(["-q", "-d", "-f", "-o"]).arg(&tar).arg(&archive)).code, Some(0));
    let mut bytes = std::fs::read(&tar).unwrap();
    let at = bytes.windows(10).position(|window| window == b"valuevalue").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&tar, &bytes).unwrap();
    assert_eq!(Run::of(scratch.command("zstd").args(["-q", "-f", "-o"]).arg(&archive).arg(&tar)).code, Some(0));
    // Whoever altered it corrected the sums over the whole file too.
    let sum = Run::of(scratch.command("sha256sum").arg(&archive)).stdout;
    let text = std::fs::read_to_string(&manifest).unwrap().replace(backup["archive"]["sha256"].as_str().unwrap(), sum.split(' ').next().unwrap());
    let size = std::fs::metadata(&archive).unwrap().len();
    std::fs::write(&manifest, text.replace(&format!("\"size\": {}", backup["archive"]["size"]), &format!("\"size\": {size}"))).unwrap();

    let by_hand = scratch.path().join("by-hand");
    std::fs::create_dir(&by_hand).unwrap();
    assert_eq!(Run::of(scratch.command("tar").arg("-xf").arg(&tar).arg("-C").arg(&by_hand)).code, Some(0));
    let checker = Run::of(scratch.command("redis-check-aof").arg(by_hand.join("appendonlydir/appendonly.aof.manifest")));
    assert_eq!(checker.code, Some(0), "the engine's own checker sees nothing: {}", checker.stdout);
    let verdict = scratch.xtask(&["backup", "verify"]).exits(6);
    assert!(verdict.stderr.contains(".incr.aof` in the archive: its bytes differ"), "{}", verdict.stderr);
}
