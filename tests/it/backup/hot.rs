//! Hot backups of a real server: with and without append-only file, under writes, with a password, killed at every effect.

use std::sync::atomic::{AtomicBool, Ordering};

use super::server::{Server, available};
use crate::support::{Run, Scratch};

pub const AOF: &[&str] = &["--appendonly", "yes", "--save", ""];

fn project(server: &Server, more: &str) -> Scratch {
    let scratch = Scratch::new();
    configure(&scratch, server, more);
    scratch
}

fn configure(scratch: &Scratch, server: &Server, more: &str) {
    let data = server_folder(scratch).display().to_string();
    scratch.write(
        "xtask.toml",
        format!(
            "schema = 1\n[project]\nname = \"t\"\n[version]\ntag = \"v{{version}}\"\n[[backup]]\nname = \"db\"\ndirectory = \"{data}\"\nengine = \"redis\"\naddress = \"{}\"\n{more}\n",
            server.address()
        ),
    );
}

pub fn server_folder(scratch: &Scratch) -> std::path::PathBuf {
    scratch.path().join("data")
}

pub fn served(options: &[&str], more: &str) -> (Scratch, Server) {
    let scratch = Scratch::new();
    let server = Server::start(&server_folder(&scratch), options);
    configure(&scratch, &server, more);
    (scratch, server)
}

/// Unpacks the newest archive with plain tar and starts a server on it.
fn restored_by_hand(scratch: &Scratch, options: &[&str]) -> Server {
    let folder = scratch.path().join("by-hand");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    let backups = scratch.project().join("backups/db");
    let mut names: Vec<_> =
        std::fs::read_dir(&backups).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "zst")).collect();
    names.sort();
    let run = Run::of(scratch.command("tar").args(["--zstd", "-xpf"]).arg(names.last().unwrap()).arg("-C").arg(&folder));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    Server::start(&folder, options)
}

#[test]
fn with_and_without_append_only_file() {
    if !available() {
        return;
    }
    for options in [AOF, &["--appendonly", "no", "--save", ""]] {
        let (scratch, server) = served(options, "");
        server.fill("a", 500);
        let backup = scratch.xtask(&["backup", "--json"]).exits(0).json();
        assert_eq!(backup["data"]["backups"][0]["probe"]["after"]["keys"], 500, "{backup}");
        assert_eq!(backup["data"]["backups"][0]["engine"]["rdb_version"], 10);
        assert_eq!(backup["data"]["backups"][0]["method"], "hot");
        assert_eq!(server.cli(&["CONFIG", "GET", "auto-aof-rewrite-percentage"]), "auto-aof-rewrite-percentage\n100");
        assert!(!server_folder(&scratch).join(".xtask-hot").exists());
        let copy = restored_by_hand(&scratch, options);
        assert_eq!(copy.digest(), server.digest());
    }
}

#[test]
fn a_writer_does_not_tear_it() {
    if !available() {
        return;
    }
    let (scratch, server) = served(AOF, "");
    server.fill("a", 20_000);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                server.fill(&format!("w{n}-"), 2000);
            }
        });
        for _ in 0..3 {
            scratch.xtask(&["backup", "-q"]).exits(0);
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    });
    let copy = restored_by_hand(&scratch, AOF);
    let check = Run::of(scratch.command("redis-check-aof").arg(scratch.path().join("by-hand/appendonlydir/appendonly.aof.manifest")));
    assert_eq!(check.code, Some(0), "{}", check.stdout);
    let keys: u64 = copy.cli(&["DBSIZE"]).parse().unwrap();
    assert!(keys >= 20_000 && keys <= server.cli(&["DBSIZE"]).parse().unwrap(), "{keys}");
    scratch.xtask(&["backup", "verify"]).exits(0);
}

#[test]
fn a_password_never_stands_on_a_command_line() {
    if !available() {
        return;
    }
    let (scratch, server) = served(&["--requirepass", "geheim", "--appendonly", "yes"], "password-env = \"DB_PASSWORD\"");
    server.fill("a", 10);
    let refused = scratch.xtask(&["backup"]).exits(3);
    assert!(refused.stderr.contains("wants a password") && refused.stderr.contains("password-env"), "{}", refused.stderr);
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let wrong = Run::of(command.args(["backup"]).env("DB_PASSWORD", "falsch")).exits(3);
    assert!(wrong.stderr.contains("doesn't take the password that password-env names") && !wrong.stderr.contains("falsch"), "{}", wrong.stderr);
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    let run = Run::of(command.args(["backup", "-vvv"]).env("DB_PASSWORD", "geheim")).exits(0);
    assert!(!run.stderr.contains("geheim") && !run.stdout.contains("geheim"));
    let files = std::fs::read_dir(scratch.project().join("backups/db")).unwrap().map(|entry| entry.unwrap().path());
    for manifest in files.filter(|path| path.extension().is_some_and(|e| e == "json")) {
        assert!(!std::fs::read_to_string(manifest).unwrap().contains("geheim"));
    }
}

#[test]
fn a_user_of_an_acl_needs_no_more_than_is_said() {
    if !available() {
        return;
    }
    let (scratch, server) = served(AOF, "password-env = \"DB_PASSWORD\"\nuser = \"backup\"");
    server.fill("a", 10);
    server.cli(&["ACL", "SETUSER", "backup", "on", ">geheim2", "+info"]);
    let ask = || Run::of(scratch.command(env!("CARGO_BIN_EXE_xtask")).args(["backup"]).env("DB_PASSWORD", "geheim2"));
    let refused = ask().exits(3);
    let (_, needed) = refused.stderr.split_once("ACL SETUSER NAME ").unwrap_or_else(|| panic!("{}", refused.stderr));
    let (words, _) = needed.split_once(';').unwrap();
    server.cli(&[&["ACL", "SETUSER", "backup"], words.split(' ').collect::<Vec<_>>().as_slice()].concat());
    let run = ask().exits(0);
    assert!(run.stdout.contains("10 keys"), "{}", run.stdout);
}

#[test]
fn a_data_folder_elsewhere_is_refused_with_the_fix() {
    if !available() {
        return;
    }
    let (scratch, server) = served(AOF, "");
    let elsewhere = project(&server, "");
    std::fs::create_dir_all(server_folder(&elsewhere)).unwrap();
    let refused = elsewhere.xtask(&["backup"]).exits(3);
    assert!(refused.stderr.contains("is not in") && refused.stderr.contains("set directory ="), "{}", refused.stderr);
    drop(scratch);
}

#[test]
fn an_empty_or_shrunken_server_is_a_finding() {
    if !available() {
        return;
    }
    let (scratch, server) = served(AOF, "keep = 1");
    let empty = scratch.xtask(&["backup", "--json"]).exits(3).json();
    assert_eq!(empty["findings"][0]["code"], "backup-empty");
    server.fill("a", 1000);
    let good = scratch.xtask(&["backup", "--json"]).exits(0).json();
    server.cli(&["FLUSHALL"]);
    server.fill("a", 400);
    for _ in 0..2 {
        let shrunken = scratch.xtask(&["backup", "--json"]).exits(3).json();
        assert_eq!(shrunken["findings"][0]["code"], "backup-shrunken");
    }
    let listed = scratch.xtask(&["backup", "list", "--json"]).exits(0).json();
    let ids: Vec<_> = listed["data"]["backups"].as_array().unwrap().iter().map(|backup| backup["id"].clone()).collect();
    assert!(ids.contains(&good["data"]["backups"][0]["id"]), "the last verified one was pruned: {ids:?}");
    scratch.xtask(&["backup", "--accept"]).exits(0);
}

/// Servers with a `timeout` cut off who says nothing for a while: a copy that takes long is no reason to fail.
#[test]
#[cfg(unix)]
fn a_server_that_cuts_off_idle_clients_is_asked_anew() {
    if !available() {
        return;
    }
    let (scratch, server) = served(&[AOF, &["--timeout", "1"]].concat(), "");
    server.fill("a", 50);
    // The log of effects is a pipe: the backup waits at each of them until it is read.
    let log = scratch.path().join("effects");
    assert!(std::process::Command::new("mkfifo").arg(&log).status().unwrap().success());
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    command.args(["backup", "-q"]).env("XTASK_TEST_CRASH_LOG", &log);
    let end = log.clone();
    let backup = std::thread::spawn(move || {
        let run = Run::of(&mut command);
        std::fs::write(end, "end").unwrap();
        run
    });
    let mut asked = 0;
    loop {
        let text = std::fs::read_to_string(&log).unwrap();
        if text.ends_with("end") {
            break;
        }
        if text.contains("ask the server") {
            asked += 1;
            std::thread::sleep(std::time::Duration::from_millis(if asked % 5 == 0 { 2500 } else { 0 }));
        }
    }
    backup.join().unwrap().exits(0);
    assert!(asked >= 10, "asked {asked} times");
    settled(&scratch, &server);
}

/// Kill after each effect: what the server was changed for is put back by the next run, and no half backup counts.
#[test]
fn killed_anywhere_the_next_run_puts_everything_right() {
    if !available() {
        return;
    }
    let (scratch, server) = served(AOF, "");
    server.fill("a", 50);
    let mut k = 0;
    loop {
        k += 1;
        assert!(k < 200, "the backup never ended by itself");
        let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
        let run = Run::of(command.args(["backup", "-q"]).env("XTASK_TEST_CRASH_AFTER", k.to_string()));
        if run.code == Some(0) {
            break;
        }
        assert_eq!(run.code, None, "{}", run.stderr);
        let listed = scratch.xtask(&["backup", "list", "--json"]).exits(0).json();
        for backup in listed["data"]["backups"].as_array().unwrap() {
            assert!(scratch.project().join("backups/db").join(backup["archive"]["file"].as_str().unwrap()).exists());
        }
        if k % 6 == 0 {
            scratch.xtask(&["backup", "-q"]).exits(0);
            settled(&scratch, &server);
        }
    }
    assert!(k > 20, "only {k} effects");
    settled(&scratch, &server);
    scratch.xtask(&["backup", "verify"]).exits(0);
}

fn settled(scratch: &Scratch, server: &Server) {
    assert_eq!(server.cli(&["CONFIG", "GET", "auto-aof-rewrite-percentage"]), "auto-aof-rewrite-percentage\n100");
    assert!(!server_folder(scratch).join(".xtask-hot").exists());
    let names = std::fs::read_dir(scratch.project().join("backups/db")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let partial: Vec<_> = names.filter(|name| name.starts_with('.')).collect();
    assert!(partial.is_empty(), "{partial:?}");
    let journals = std::fs::read_dir(scratch.project().join(".xtask/journal")).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(journals.filter(|path| path.extension().is_some_and(|end| end == "json")).count(), 0);
}
