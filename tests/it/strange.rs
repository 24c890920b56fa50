//! Releases in repositories that nobody thought of: odd names, odd trees, odd folders. Each goes through, or says what to do.

use crate::support::{Run, Scratch};

fn files_only(globs: &str, formats: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.write(
        "xtask.toml",
        format!(
            "schema = 1\n[project]\nname = \"p\"\n[[version.source]]\nfile = \"VERSION\"\n[[artifact]]\nname = \"p\"\nfiles = {globs}\nformats = {formats}\n"
        ),
    );
    scratch.write("VERSION", "1.0.0\n");
    scratch
}

fn tagged(scratch: &Scratch) {
    scratch.commit_all("first");
    scratch.git(&["tag", "v1.0.0"]);
}

#[test]
fn installers_of_any_name_are_released_as_they_are() {
    let scratch = files_only("[\"out/*\"]", "[\"raw\", \"zip\"]");
    scratch.write(".gitignore", "out\n");
    let long = format!("{}.bin", "n".repeat(180));
    let names = ["App Setup 1.0.0.exe", "Größe.dmg", ".leading", "a+b.deb", "日本.AppImage", "-dash.exe", "a;b.exe", "q\"uote.exe", &long];
    names.iter().for_each(|name| scratch.write(&format!("out/{name}"), name));
    tagged(&scratch);
    scratch.xtask(&["release"]).exits(0);
    let folder = scratch.project().join("target/releases/v1.0.0");
    names.iter().for_each(|name| assert!(folder.join(name).is_file(), "{name}"));
    Run::of(scratch.command("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&folder)).exits(0);
    scratch.xtask(&["verify", "v1.0.0"]).exits(0);
    std::fs::write(folder.join(".leading"), "other").unwrap();
    scratch.xtask(&["verify", "v1.0.0"]).exits(6);
}

#[test]
fn a_folder_in_a_release_is_one_too_many() {
    let scratch = files_only("[\"VERSION\"]", "[\"zip\"]");
    tagged(&scratch);
    scratch.xtask(&["release"]).exits(0);
    scratch.write("target/releases/v1.0.0/sub/file", "x");
    let run = scratch.xtask(&["verify", "target/releases/v1.0.0", "--json"]).exits(6).json();
    assert_eq!((run["findings"][0]["code"].as_str(), run["findings"][0]["file"].as_str()), (Some("asset-extra"), Some("sub")));
}

#[test]
fn tags_with_slashes_are_tags_and_paths_are_paths() {
    let scratch = files_only("[\"VERSION\"]", "[\"zip\"]");
    scratch.write("xtask.toml", scratch.read("xtask.toml").replace("[[version.source]]", "[version]\ntag = \"app/v{version}\"\n[[version.source]]"));
    scratch.commit_all("first");
    scratch.git(&["tag", "--annotate", "--message", "x", "app/v1.0.0"]);
    scratch.xtask(&["release"]).exits(0);
    scratch.xtask(&["verify", "app/v1.0.0"]).exits(0);
    scratch.xtask(&["verify", "1.0.0"]).exits(0);
    let run = scratch.xtask(&["verify", "../nowhere/at/all"]).exits(2);
    assert!(run.stderr.contains("there is no folder ../nowhere/at/all"), "{}", run.stderr);
}

#[test]
fn somebody_elses_release_json_protects_its_folder() {
    let scratch = files_only("[\"VERSION\"]", "[\"zip\"]");
    tagged(&scratch);
    let foreign = r#"{"schema":1,"project":"x","version":"1.0.0","tag":"v1.0.0","commit":"c","SOURCE_DATE_EPOCH":0,"artifacts":[]}"#;
    for text in ["{}", foreign] {
        std::fs::create_dir_all(scratch.path().join("mine")).unwrap();
        std::fs::write(scratch.path().join("mine/release.json"), text).unwrap();
        std::fs::write(scratch.path().join("mine/precious"), "precious").unwrap();
        let run = scratch.xtask(&["build", "--out", "../mine"]).exits(3);
        assert!(run.stderr.contains("nothing in it was touched"), "{}", run.stderr);
        let names: Vec<_> = std::fs::read_dir(scratch.path().join("mine")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }
    std::fs::remove_dir_all(scratch.path().join("mine")).unwrap();
    scratch.xtask(&["build", "--out", "../mine"]).exits(0);
    scratch.xtask(&["build", "--out", "../mine"]).exits(0);
}

/// Files that became folders, folders that became files, a link that became a folder: what is packed is what lies there now.
#[cfg(unix)]
#[test]
fn uncommitted_changes_of_every_kind_go_in() {
    let scratch = files_only("[\"d/**\", \"VERSION\"]", "[\"tar.gz\"]");
    for name in ["d/gone", "d/old", "d/to-folder", "d/to-file/x", "aside/a"] {
        scratch.write(name, "committed");
    }
    std::os::unix::fs::symlink("../aside", scratch.project().join("d/link")).unwrap();
    tagged(&scratch);
    let at = |name: &str| scratch.project().join(name);
    std::fs::remove_file(at("d/gone")).unwrap();
    scratch.git(&["mv", "d/old", "d/new"]);
    std::fs::remove_file(at("d/to-folder")).unwrap();
    std::fs::remove_dir_all(at("d/to-file")).unwrap();
    std::fs::remove_file(at("d/link")).unwrap();
    for name in ["d/to-folder/y", "d/to-file", "d/link/a"] {
        scratch.write(name, "changed");
    }
    let config = scratch.read("xtask.toml");
    for run in ["", "run = [\"cat d/link/a > made\"]\n"] {
        scratch.write("xtask.toml", config.replace("files =", &format!("{run}files =")));
        scratch.xtask(&["build", "--allow-dirty", "--out", "../out"]).exits(0);
        let listing = Run::of(scratch.command("tar").args(["tzf", "../out/p-1.0.0.tar.gz"])).exits(0).stdout;
        let names: Vec<&str> = listing.lines().filter(|name| !name.ends_with('/')).filter_map(|name| name.strip_prefix("p-1.0.0/")).collect();
        assert_eq!(names, ["VERSION", "d/link/a", "d/new", "d/to-file", "d/to-folder/y"], "run: {run:?}");
    }
    assert_eq!(std::fs::read_to_string(at("aside/a")).unwrap(), "committed");
}

#[test]
fn a_repository_within_is_not_taken_in_half() {
    let scratch = files_only("[\"**\"]", "[\"zip\"]");
    tagged(&scratch);
    scratch.write("inner/file", "x");
    Run::of(scratch.command("git").args(["init", "--quiet", "inner"])).exits(0);
    Run::of(scratch.command("git").args(["-C", "inner", "add", "."])).exits(0);
    Run::of(scratch.command("git").args(["-C", "inner", "commit", "--quiet", "--message", "x"])).exits(0);
    let run = scratch.xtask(&["build", "--allow-dirty", "--out", "../out"]).exits(3);
    assert!(run.stderr.contains("a git repository of its own"), "{}", run.stderr);
}

#[test]
fn init_in_any_repository_gives_what_can_be_checked_and_released_at_once() {
    let workspace = "[workspace]\nmembers = [\"a\"]\nresolver = \"2\"\n[workspace.package]\nversion = \"0.3.0\"\n";
    let kinds: [(&str, &[(&str, &str)], &str); 9] = [
        (
            "pnpm's packages, versions of their own",
            &[
                ("package.json", "{\"private\":true}"),
                ("pnpm-workspace.yaml", "packages: [\"apps/*\"]\n"),
                ("apps/api/package.json", "{\"name\":\"api\",\"version\":\"0.3.1\"}"),
                ("apps/web/package.json", "{\"name\":\"web\",\"version\":\"9.0.0\",\"dependencies\":{\"api\":\"workspace:^\"}}"),
            ],
            "0.3.1-snapshot.1",
        ),
        ("setuptools of old", &[("setup.cfg", "[metadata]\nname = s\nversion = 1.1.0\n"), ("s/__init__.py", "")], "1.1.0-snapshot.1"),
        (
            "a Cargo workspace, versions of their own",
            &[
                ("Cargo.toml", "[workspace]\nmembers = [\"lib\", \"tool\"]\nresolver = \"2\"\n"),
                ("lib/Cargo.toml", "[package]\nname = \"lib\"\nversion = \"0.2.0\"\nedition = \"2021\"\n"),
                ("lib/src/lib.rs", ""),
                ("tool/Cargo.toml", "[package]\nname = \"tool\"\nversion = \"1.4.0\"\nedition = \"2021\"\n"),
                ("tool/src/main.rs", "fn main() {}\n"),
                ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"lib\"\nversion = \"0.2.0\"\n\n[[package]]\nname = \"tool\"\nversion = \"1.4.0\"\n"),
            ],
            "1.4.0-snapshot.1",
        ),
        ("only a README", &[("README.md", "hello\n")], "0.0.0-snapshot.1"),
        ("Go", &[("go.mod", "module x\n"), ("main.go", "package main\n")], "0.0.0-snapshot.1"),
        ("Node without a build", &[("package.json", "{\"name\":\"n\",\"version\":\"1.2.3\"}")], "1.2.3-snapshot.1"),
        ("Python", &[("pyproject.toml", "[project]\nname = \"x\"\nversion = \"2.0.0\"\n"), ("src/x.py", "")], "2.0.0-snapshot.1"),
        ("a VERSION", &[("VERSION", "4.5.6\n"), ("ü b/c", "d")], "4.5.6-snapshot.1"),
        (
            "a Cargo workspace",
            &[
                ("Cargo.toml", workspace),
                ("a/Cargo.toml", "[package]\nname = \"a\"\nversion.workspace = true\nedition = \"2021\"\n"),
                ("a/src/main.rs", "fn main() {}\n"),
                ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"0.3.0\"\n"),
            ],
            "0.3.0-snapshot.1",
        ),
    ];
    for (kind, files, version) in kinds {
        let scratch = Scratch::new();
        files.iter().for_each(|(name, text)| scratch.write(name, text));
        scratch.git(&["init", "--quiet", "--initial-branch=main"]);
        scratch.xtask(&["init"]).exits(0);
        scratch.commit_all("first");
        let run = scratch.xtask(&["check", "--only", "config,versions,tag,build,forge"]);
        assert_eq!(run.code, Some(0), "{kind}: {}", run.stderr);
        let run = scratch.xtask(&["release", "--snapshot", "--json"]);
        assert_eq!(run.code, Some(0), "{kind}: {}", run.stderr);
        assert!(run.json()["data"]["version"].as_str().unwrap().starts_with(version), "{kind}: {}", run.stdout);
    }
}

#[test]
fn what_a_build_lacks_is_told_with_the_remedy() {
    let scratch = Scratch::new();
    scratch.write("Cargo.toml", "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
    scratch.write("src/main.rs", "fn main() {}\n");
    scratch.write(".gitignore", "Cargo.lock\ntarget\n");
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.xtask(&["init"]).exits(0);
    scratch.commit_all("first");
    let run = scratch.xtask(&["check", "--json", "--only", "build"]).exits(3);
    assert_eq!(run.json()["findings"][0]["code"], "lock-missing", "{}", run.stdout);
    let run = scratch.xtask(&["release", "--snapshot"]).exits(3);
    assert!(run.stderr.contains("no Cargo.lock") && run.stderr.contains("cargo generate-lockfile"), "{}", run.stderr);
    scratch.write("xtask.toml", "schema = 1\n[project]\nname = \"a\"\n[[artifact]]\nname = \"a\"\nrun = [\"surely-not-there build\"]\nfiles = [\"*\"]\n");
    scratch.commit_all("second");
    let run = scratch.xtask(&["check", "--json", "--only", "build"]).exits(0);
    assert_eq!(run.json()["findings"][0]["code"], "tool-missing", "{}", run.stdout);
    let run = scratch.xtask(&["release", "--snapshot"]).exits(1);
    assert!(run.stderr.contains("try: install the program that was not found"), "{}", run.stderr);
}

/// What the checks themselves print is for people: standard output holds the document alone.
#[test]
fn ci_answers_with_one_document() {
    let scratch = Scratch::new();
    scratch.write("xtask.toml", "schema = 1\n[project]\nname = \"a\"\n");
    scratch.write("Cargo.toml", "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
    scratch.write("src/main.rs", "fn   main( ) {}\n");
    scratch.commit_all("first");
    let run = scratch.xtask(&["ci", "--only", "format", "--json"]).exits(3);
    assert_eq!(run.json()["outcome"], "findings");
    assert!(run.stderr.contains("Diff in"), "{}", run.stderr);
}

/// The submodule's address leads nowhere: what the work tree has is enough, for its files too, warm and cold.
#[test]
fn submodules_come_from_the_work_tree() {
    let scratch = files_only("[\"VERSION\", \"mod/**\"]", "[\"tar.gz\"]");
    let origin = scratch.path().join("origin");
    std::fs::create_dir_all(&origin).unwrap();
    std::fs::write(origin.join("inner.txt"), "inner").unwrap();
    for args in [&["init", "--quiet"][..], &["add", "."], &["commit", "--quiet", "--message", "inner"]] {
        Run::of(scratch.command("git").current_dir(&origin).args(args)).exits(0);
    }
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../origin", "mod"]);
    tagged(&scratch);
    std::fs::rename(&origin, scratch.path().join("gone")).unwrap();
    for _ in 0..2 {
        scratch.xtask(&["build", "--out", "../out"]).exits(0);
        let listing = Run::of(scratch.command("tar").args(["tzf", "../out/p-1.0.0.tar.gz"])).exits(0).stdout;
        assert!(listing.contains("p-1.0.0/mod/inner.txt"), "{listing}");
    }
    scratch.write("mod/more", "x");
    let run = scratch.xtask(&["build", "--allow-dirty", "--out", "../out"]).exits(3);
    assert!(run.stderr.contains("mod is a git repository of its own"), "{}", run.stderr);
}

/// A hook that the user's settings put into every clone would change what is built from.
#[cfg(unix)]
#[test]
fn the_users_own_hooks_stay_out() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = files_only("[\"VERSION\"]", "[\"raw\"]");
    tagged(&scratch);
    let home = scratch.path().join("home");
    for folder in ["hooks", "template/hooks"] {
        std::fs::create_dir_all(home.join(folder)).unwrap();
        let hook = home.join(folder).join("post-checkout");
        std::fs::write(&hook, "#!/bin/sh\necho hooked > VERSION\n").unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let home = home.display();
    std::fs::write(format!("{home}/.gitconfig"), format!("[core]\nhooksPath = {home}/hooks\n[init]\ntemplateDir = {home}/template\n")).unwrap();
    scratch.xtask(&["build", "--out", "../out"]).exits(0);
    assert_eq!(std::fs::read_to_string(scratch.path().join("out/VERSION")).unwrap(), "1.0.0\n");
}

#[test]
fn a_dry_run_leaves_nothing() {
    let scratch = files_only("[\"VERSION\"]", "[\"raw\"]");
    tagged(&scratch);
    for args in [&["release", "--dry-run"][..], &["build", "--dry-run"], &["prune", "--dry-run"], &["plan"], &["bump", "patch", "--dry-run"]] {
        scratch.xtask(args).exits(0);
        assert!(!scratch.project().join(".xtask").exists() && !scratch.project().join("target").exists(), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_can_t_be_written_is_no_success() {
    let scratch = files_only("[\"VERSION\"]", "[\"raw\"]");
    tagged(&scratch);
    for line in ["exec \"$XTASK\" schema > /dev/full", "exec \"$XTASK\" --json releases > /dev/full"] {
        let run = Run::of(scratch.command("sh").args(["-c", line]).env("XTASK", env!("CARGO_BIN_EXE_xtask"))).exits(1);
        assert!(run.stderr.contains("standard output"), "{}", run.stderr);
    }
    let line = "\"$XTASK\" man | head -n 1; exit 0";
    let run = Run::of(scratch.command("sh").args(["-c", line]).env("XTASK", env!("CARGO_BIN_EXE_xtask"))).exits(0);
    assert!(!run.stderr.contains("error"), "a closed pipe is the reader's choice: {}", run.stderr);
}

#[test]
fn a_damaged_repository_is_not_called_empty() {
    let scratch = files_only("[\"VERSION\"]", "[\"raw\"]");
    tagged(&scratch);
    std::fs::remove_dir_all(scratch.project().join(".git/objects")).unwrap();
    std::fs::create_dir_all(scratch.project().join(".git/objects")).unwrap();
    let run = scratch.xtask(&["release"]).exits(2);
    assert!(run.stderr.contains("git fsck"), "{}", run.stderr);
}

#[test]
fn an_out_folder_that_git_sees_is_told() {
    let scratch = files_only("[\"VERSION\"]", "[\"raw\"]");
    tagged(&scratch);
    let run = scratch.xtask(&["build", "--out", "out", "--json"]).exits(0).json();
    assert_eq!(run["findings"][0]["code"], "out-not-ignored");
    scratch.write(".git/info/exclude", "out\n");
    let run = scratch.xtask(&["build", "--out", "out", "--json"]).exits(0).json();
    assert_eq!(run["findings"].as_array().unwrap().len(), 0);
}
