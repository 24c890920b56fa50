//! Restores where only the engine reaches the files, killed at many moments: the program, its docker client, and the container that does the work. In one
//! step where the image has perl; by moves inside the volume where it has no more than busybox.

use std::{fs, os::unix::fs::MetadataExt as _, os::unix::process::CommandExt as _, path::PathBuf, process::Command, time::Duration};

use crate::{
    backup::{BACKUP, all, content, seed, up},
    kit::{Compose, Stack, docker, until},
    support::Run,
};

const ENGINE: (&str, &str) = ("XTASK_VOLUME_ACCESS", "engine");
const PERL: &str = "4.16.3-perl";
const BUSYBOX: &str = "4.16.3";

/// A stack, a backup of it that holds the graph `new`, and what that graph holds.
struct Scene {
    stack: Stack,
    id: String,
    graph: String,
    root: (u32, u32, u32),
}

impl Scene {
    fn new(tag: &str) -> Option<Self> {
        let stack = Stack::hardened(Compose::V2)?;
        stack.pin(tag, "1.0.0");
        stack.configure(BACKUP);
        up(&stack);
        seed(&stack, "new");
        let folder = PathBuf::from(stack.inspect(&stack.volume(), "{{.Mountpoint}}"));
        fs::write(folder.join("which"), "new").unwrap();
        // More than the pipes between the engine and us hold.
        fs::write(folder.join("ballast"), vec![7; 4 << 20]).unwrap();
        // The folder itself comes with the backup, too.
        fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o2751)).unwrap();
        std::os::unix::fs::chown(&folder, Some(999), Some(998)).unwrap();
        stack.xtask_env(&["backup"], &[ENGINE]).exits(0);
        let id = all(&stack)[0]["id"].as_str().unwrap().to_owned();
        let graph = content(&stack, "new");
        let mut scene = Self { stack, id, graph, root: (0, 0, 0) };
        scene.root = scene.owner();
        assert_eq!(scene.root, (0o2751, 999, 998));
        Some(scene)
    }

    fn folder(&self) -> PathBuf {
        self.stack.inspect(&self.stack.volume(), "{{.Mountpoint}}").into()
    }

    fn owner(&self) -> (u32, u32, u32) {
        let meta = fs::metadata(self.folder()).unwrap();
        (meta.mode() & 0o7777, meta.uid(), meta.gid())
    }

    /// Something else is in force again.
    fn old(&self) {
        self.well();
        self.stack.redis(&["FLUSHALL"]);
        self.stack.redis(&["GRAPH.QUERY", "old", "UNWIND range(1, 50) AS i CREATE (:Old {id: i})"]);
        fs::write(self.folder().join("which"), "old").unwrap();
    }

    fn well(&self) {
        until(60, "falkordb", || self.stack.inspect(&self.stack.container("falkordb"), "{{.State.Health.Status}} {{.State.Running}}") == "healthy true");
    }

    fn args(&self) -> [&str; 6] {
        ["restore", "falkordb", "--yes", "-q", "--from", &self.id]
    }

    fn journal(&self) -> String {
        fs::read_to_string(self.stack.scratch.project().join(".xtask/journal/restore-falkordb.json")).unwrap_or_default()
    }

    fn at_work(&self) {
        until(30, "a container at work", || self.stack.inspect(&self.worker(), "{{.State.Running}}") == "true");
    }

    fn worker(&self) -> String {
        format!("xtask-move-{}", self.stack.volume())
    }

    /// What `status` says must be so; then on or back, and everything is whole.
    fn settle(&self, way: &str, story: &str) {
        if self.journal().is_empty() {
            return self.whole("new", story);
        }
        let status = self.stack.xtask_env(&["status", "--json"], &[ENGINE]).exits(0).json();
        let pending = &status["data"]["pending"][0];
        let state = pending["state"].as_str().unwrap();
        assert!(pending["resume"].as_str().unwrap().ends_with("restore falkordb --resume") && pending["undo"].as_str().unwrap().ends_with("--undo"), "{story}");
        if let Some(said) = ["old", "new"].iter().find(|which| state.starts_with(&format!("the {which} data is in force"))) {
            assert_eq!(fs::read_to_string(self.folder().join("which")).unwrap(), **said, "{story}: {state}");
        } else {
            assert!(state.contains("neither"), "{story}: {state}");
            assert_eq!(self.stack.inspect(&self.stack.container("falkordb"), "{{.State.Running}}"), "false", "{story}");
        }
        let settled = self.stack.xtask_env(&["restore", "falkordb", way, "--json"], &[ENGINE]);
        // A restore that came to its end can't be undone, and says so.
        let in_force = if settled.code == Some(3) && way == "--undo" { "new".into() } else { settled.exits(0).json()["data"]["in-force"].clone() };
        if way == "--undo" && state.contains("old") {
            assert_eq!(in_force, "old", "{story}");
        }
        self.whole(in_force.as_str().unwrap(), &format!("{story}, then {way}, when {state}"));
    }

    fn whole(&self, in_force: &str, story: &str) {
        self.well();
        assert_eq!(self.stack.redis(&["GRAPH.LIST"]), in_force, "{story}");
        if in_force == "new" {
            assert_eq!(content(&self.stack, "new"), self.graph, "{story}");
        } else {
            assert!(self.stack.redis(&["GRAPH.QUERY", "old", "MATCH (n) RETURN count(n)"]).contains("\n50\n"), "{story}");
        }
        assert_eq!((fs::read_to_string(self.folder().join("which")).unwrap().as_str(), self.owner()), (in_force, self.root), "{story}");
        let left: Vec<_> = fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".xtask-")), "{story}: {left:?}");
        assert!(Run::of(&mut docker(&["volume", "inspect", &format!("xtask-restore-{}", self.stack.volume())])).code != Some(0), "{story}");
        assert_eq!((self.stack.inspect(&self.worker(), "{{.Id}}"), self.journal()), (String::new(), String::new()), "{story}");
        assert_eq!(self.stack.inspect(&self.stack.container("falkordb"), "{{.RestartCount}}"), "0", "{story}");
    }

    /// Starts a restore that goes on beside the test, up to the moment when old and new change places.
    fn begun(&self, group: bool) -> std::process::Child {
        let mut command = self.stack.scratch.command(env!("CARGO_BIN_EXE_xtask"));
        let command = self.stack.adapt(&mut command).args(self.args()).envs([ENGINE]);
        let child = if group { command.process_group(0) } else { command }.spawn().unwrap();
        until(90, "the exchange", || self.journal().contains("\"step\": \"exchanging\""));
        child
    }
}

#[test]
fn through_the_engine_as_without_root() {
    let Some(scene) = Scene::new(PERL) else { return };
    scene.stack.xtask_env(&["backup", "verify", "--deep"], &[ENGINE]).exits(0);
    scene.old();
    let inode = fs::metadata(scene.folder()).unwrap().ino();
    scene.stack.xtask_env(&scene.args(), &[ENGINE]).exits(0);
    scene.whole("new", "a restore");
    assert_ne!(fs::metadata(scene.folder()).unwrap().ino(), inode, "not in one step");
    what_the_engine_keeps(&scene);
}

/// Out of a backup that was made directly.
fn what_the_engine_keeps(scene: &Scene) {
    let path = |name: &str| scene.folder().join(name);
    xattr::set(path("which"), "user.color", b"blue").unwrap();
    fs::File::create(path("hole")).unwrap().set_len(3 << 20).unwrap();
    scene.stack.xtask(&["backup"]).exits(0);
    let newest = all(&scene.stack).into_iter().find(|backup| backup["totals"]["files"] == 6 && backup["safety"] == false).unwrap();
    scene.old();
    xattr::remove(path("which"), "user.color").unwrap();
    let restored = scene.stack.xtask_env(&["restore", "falkordb", "--yes", "--from", newest["id"].as_str().unwrap(), "--json"], &[ENGINE]).exits(0).json();
    scene.whole("new", "a sparse file");
    let notes: Vec<_> = restored["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "restore-holes").collect();
    assert!(notes.len() == 1 && notes[0]["message"].as_str().unwrap().contains("3.1 MB of holes"), "{restored:#}");
    assert_eq!((xattr::get(path("which"), "user.color").unwrap().as_deref(), fs::metadata(path("hole")).unwrap().len()), (Some(b"blue".as_slice()), 3 << 20));
}

#[test]
fn killed_around_an_exchange_behind_the_engine() {
    Scene::new(PERL).iter().for_each(killed_around);
}

#[test]
fn killed_around_moves_behind_the_engine() {
    Scene::new(BUSYBOX).iter().for_each(killed_around);
}

/// The program alone, after an effect of its own.
fn killed_around(scene: &Scene) {
    let log = scene.stack.scratch.path().join("effects");
    scene.old();
    scene.stack.xtask_env(&scene.args(), &[ENGINE, ("XTASK_TEST_CRASH_LOG", log.to_str().unwrap())]).exits(0);
    scene.whole("new", "not killed");
    let effects = fs::read_to_string(&log).unwrap();
    let exchange = effects.lines().position(|line| line.ends_with(" exchange")).unwrap() + 1;
    for (k, way) in [(exchange - 3, "--resume"), (exchange - 1, "--undo"), (exchange, "--resume"), (exchange + 4, "--undo")] {
        scene.old();
        let killed = scene.stack.xtask_env(&scene.args(), &[ENGINE, ("XTASK_TEST_CRASH_AFTER", &k.to_string())]);
        assert_eq!(killed.code, None, "{}", killed.stderr);
        scene.settle(way, &format!("killed after effect {k} of\n{effects}"));
    }
}

/// Files enough for moves to take a while.
fn long(tag: &str) -> Option<Scene> {
    let scene = Scene::new(tag)?;
    (0..600).for_each(|i| fs::write(scene.folder().join(format!("pad-{i}")), "pad").unwrap());
    scene.stack.xtask_env(&["backup"], &[ENGINE]).exits(0);
    let newest = all(&scene.stack).into_iter().map(|backup| backup["id"].as_str().unwrap().to_owned()).find(|id| *id != scene.id).unwrap();
    Some(Scene { id: newest, ..scene })
}

#[test]
fn a_container_at_work_outlives_its_killed_client_and_does_no_harm() {
    for (tag, delays) in [(PERL, [0, 150]), (BUSYBOX, [300, 700])] {
        let Some(scene) = long(tag) else { return };
        for (delay, way) in delays.into_iter().zip(["--undo", "--resume"]) {
            scene.old();
            let mut child = scene.begun(true);
            scene.at_work();
            std::thread::sleep(Duration::from_millis(delay));
            Run::of(Command::new("sh").arg("-c").arg(format!("kill -9 -{}", child.id()))).exits(0);
            child.wait().unwrap();
            scene.settle(way, &format!("{tag} killed with all of its group after {delay} ms"));
        }
    }
}

/// Killed itself, the old data comes back, or what is left to do is done another way.
#[test]
fn a_container_that_is_killed_at_work_leaves_old_or_new() {
    for tag in [PERL, BUSYBOX] {
        let Some(scene) = long(tag) else { return };
        scene.old();
        let mut child = scene.begun(false);
        scene.at_work();
        std::thread::sleep(Duration::from_millis(if tag == BUSYBOX { 500 } else { 0 }));
        until(30, "a container at work", || Run::of(&mut docker(&["kill", &scene.worker()])).code == Some(0));
        let code = child.wait().unwrap().code();
        assert!(matches!(code, Some(0 | 7)), "{tag}: {code:?}");
        scene.whole(if code == Some(0) { "new" } else { "old" }, tag);
    }
}
