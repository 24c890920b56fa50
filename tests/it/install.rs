//! `install` of the real binary: unpacked beside the others, swapped in one step, back again; killed after every effect; never what runs.

use std::path::PathBuf;

use crate::{
    rollback::{product, release, tree},
    support::{Run, Scratch},
};

fn apps(scratch: &Scratch) -> PathBuf {
    scratch.path().join("home/apps/rocket")
}

fn current(scratch: &Scratch) -> String {
    std::fs::read_link(apps(scratch).join("current")).unwrap().to_string_lossy().into_owned()
}

#[cfg(unix)]
fn runs(scratch: &Scratch) -> String {
    Run::of(&mut scratch.command(apps(scratch).join("current/bin/rocket"))).exits(0).stdout
}

#[test]
fn installs_swaps_goes_back_and_keeps_the_last() {
    let scratch = product(&["1.0.0", "1.1.0", "1.2.0", "1.3.0"]);
    assert_eq!(current(&scratch), "versions/v1.3.0");
    for version in ["v1.0.0", "v1.1.0", "1.2.0"] {
        scratch.xtask(&["install", version]).exits(0);
    }
    assert_eq!(current(&scratch), "versions/v1.2.0");
    let mut kept: Vec<_> = std::fs::read_dir(apps(&scratch).join("versions")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    kept.retain(|name| !name.starts_with('.'));
    kept.sort();
    assert_eq!(kept, ["v1.0.0", "v1.1.0", "v1.2.0"], "the last three");
    let list = scratch.xtask(&["install", "--list"]).exits(0).stdout;
    assert!(list.contains("v1.2.0") && list.contains("current") && list.contains("previous") && list.contains("rocket-1.1.0.tar.gz"), "{list}");
    let back = scratch.xtask(&["install", "--previous", "--json"]).exits(0).json();
    assert_eq!((current(&scratch).as_str(), back["data"]["outcome"]["before"].as_str()), ("versions/v1.1.0", Some("v1.2.0")));
    scratch.xtask(&["install", "--previous"]).exits(0);
    assert_eq!(current(&scratch), "versions/v1.2.0", "and forth again");
    let same = scratch.xtask(&["install", "v1.2.0"]).exits(0).stdout;
    assert!(same.contains("is current already"), "{same}");
    let elsewhere = scratch.path().join("elsewhere");
    scratch.xtask(&["install", "v1.0.0", "--to", &elsewhere.to_string_lossy()]).exits(0);
    assert_eq!(std::fs::read_to_string(elsewhere.join("current/VERSION")).unwrap(), "1.0.0\n");
    scratch.xtask(&["install", "v9.9.9"]).exits(3);
}

#[test]
fn bytes_that_are_not_the_releases_are_never_installed() {
    let scratch = product(&["1.0.0", "1.1.0"]);
    let [forge, cache] = ["target/releases/v1.0.0/rocket-1.0.0.tar.gz", ".xtask/cache/v1.0.0/rocket-1.0.0.tar.gz"];
    let good = std::fs::read(scratch.project().join(forge)).unwrap();
    scratch.write(cache, "altered");
    let run = scratch.xtask(&["install", "v1.0.0"]).exits(0);
    assert!(run.stderr.contains("cache-altered"), "the forge steps in: {}", run.stderr);
    scratch.xtask(&["install", "v1.1.0"]).exits(0);
    let folder = apps(&scratch).join("versions/v1.0.0/VERSION");
    std::fs::write(&folder, "altered\n").unwrap();
    scratch.write(forge, "altered too");
    scratch.xtask(&["install", "v1.0.0"]).exits(6);
    assert_eq!(current(&scratch), "versions/v1.1.0");
    scratch.write(forge, good);
    scratch.xtask(&["install", "v1.0.0"]).exits(0);
    assert_eq!(std::fs::read_to_string(folder).unwrap(), "1.0.0\n", "an altered version is installed again");
    let synced = scratch.xtask(&["releases", "sync", "--json"]).exits(0).json();
    assert_eq!(synced["data"]["cached"], serde_json::json!(["v1.1.0", "v1.0.0"]), "{synced:#}");
    std::fs::remove_dir_all(scratch.project().join("target/releases/v1.0.0")).unwrap();
    let elsewhere = scratch.path().join("elsewhere");
    let cached = scratch.xtask(&["install", "v1.0.0", "--to", &elsewhere.to_string_lossy()]).exits(0);
    assert!(cached.stderr.contains("from the cache"), "{}", cached.stderr);
}

#[test]
fn killed_after_every_effect_current_is_old_or_new_and_whole() {
    let scratch = product(&["1.0.0", "1.1.0"]);
    let versions = |scratch: &Scratch| {
        let mut all = tree(&apps(scratch));
        all.retain(|name, _| !name.ends_with(".lock"));
        all
    };
    let log = scratch.path().join("effects");
    let install = |key: &str, value: &str| {
        let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
        Run::of(command.args(["install", "v1.0.0"]).env(key, value))
    };
    let ready = |scratch: &Scratch| {
        std::fs::remove_dir_all(apps(scratch)).unwrap();
        scratch.xtask(&["install", "v1.1.0"]).exits(0);
    };
    ready(&scratch);
    install("XTASK_TEST_CRASH_LOG", &log.to_string_lossy()).exits(0);
    let wanted = versions(&scratch);
    let effects = std::fs::read_to_string(&log).unwrap().lines().count();
    assert!(effects > 8, "{effects}");
    for k in 1..=effects {
        ready(&scratch);
        assert_eq!(install("XTASK_TEST_CRASH_AFTER", &k.to_string()).code, None, "effect {k}");
        let now = std::fs::read_to_string(apps(&scratch).join("current/VERSION")).unwrap();
        assert!(current(&scratch) == format!("versions/v{}", now.trim()), "effect {k}: {now}");
        assert!(apps(&scratch).join("current/bin/rocket").is_file(), "effect {k}: half a version is current");
        scratch.xtask(&["install", "v1.0.0"]).exits(0);
        assert_eq!(versions(&scratch), wanted, "effect {k}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn programs_are_executable_and_what_runs_is_not_touched() {
    let scratch = product(&["1.0.0"]);
    assert_eq!(runs(&scratch), "1.0.0\n");
    let config = scratch.read("xtask.toml").replace("files = [\"VERSION\", \"bin/**\"]", "files = [\"dist/*\"]\nstrip-prefix = \"dist\"\nformats = [\"raw\"]");
    scratch.write("xtask.toml", format!("{config}keep = 2\n"));
    let sleep = std::fs::read(Run::of(scratch.command("sh").args(["-c", "command -v sleep"])).stdout.trim()).unwrap();
    for version in ["1.1.0", "1.2.0", "1.3.0", "1.4.0"] {
        let _ = std::fs::remove_dir_all(scratch.project().join("dist"));
        scratch.write(&format!("dist/Rocket-{version}.AppImage"), &sleep);
        let file = format!("Rocket-{version}.AppImage");
        let metadata = format!(
            "version: {version}\nfiles:\n  - url: {file}\n    sha512: recomputed\n    size: 1\npath: {file}\nsha512: recomputed\nreleaseDate: '2026-01-02T03:04:05.000Z'\n"
        );
        scratch.write("dist/latest-linux.yml", metadata);
        release(&scratch, version);
    }
    scratch.xtask(&["install", "v1.1.0"]).exits(0);
    assert_eq!(std::fs::read_link(apps(&scratch).join("current/rocket")).unwrap().to_string_lossy(), "Rocket-1.1.0.AppImage");
    let mut running = scratch.command(apps(&scratch).join("current/rocket")).arg("600").spawn().unwrap();
    for version in ["v1.2.0", "v1.3.0", "v1.4.0"] {
        scratch.xtask(&["install", version]).exits(0);
    }
    let there = |version: &str| apps(&scratch).join("versions").join(version).is_dir();
    let state = [there("v1.1.0"), there("v1.2.0"), there("v1.3.0"), there("v1.4.0")];
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(state, [true, false, true, true], "v1.1.0 ran, so it stayed; v1.2.0 was beyond the last two");
    let planned = scratch.xtask(&["rollback", "--to", "v1.3.0", "--dry-run"]).exits(0);
    assert!(planned.stdout.contains("latest*.yml"), "{}", planned.stdout);
}

/// Fills `dist/` of the product for a version.
#[cfg(target_os = "linux")]
type Make<'a> = &'a dyn Fn(&Scratch, &str);

/// The product with this as its one artifact, and its two versions; `make` fills `dist/`.
#[cfg(target_os = "linux")]
fn of_form(artifact: &str, make: impl Fn(&Scratch, &str)) -> Scratch {
    let scratch = product(&["1.0.0"]);
    let config = scratch.read("xtask.toml").replace("files = [\"VERSION\", \"bin/**\"]", artifact);
    scratch.write("xtask.toml", config);
    for version in ["1.1.0", "1.2.0"] {
        let _ = std::fs::remove_dir_all(scratch.project().join("dist"));
        std::fs::create_dir_all(scratch.project().join("dist")).unwrap();
        make(&scratch, version);
        release(&scratch, version);
    }
    scratch
}

#[cfg(target_os = "linux")]
#[test]
fn every_form_is_installed_runs_and_goes_back() {
    let raw = "files = [\"dist/*\"]\nstrip-prefix = \"dist\"\nformats = [\"raw\"]";
    let program = |version: &str| format!("#!/bin/sh\necho {version}\n");
    let shell = |scratch: &Scratch, line: &str| Run::of(scratch.command("sh").args(["-ec", line])).exits(0);
    let zip = "files = [\"VERSION\", \"bin/**\"]\nformats = [\"zip\"]";
    let forms: [(&str, &str, Make<'_>); 4] = [
        ("bin/rocket", zip, &|_, _| {}),
        // As another program packs it: its own order, times, owners.
        ("bin/rocket", raw, &|scratch, version| {
            scratch.write("dist/in/top/bin/rocket", program(version));
            shell(scratch, &format!("chmod +x dist/in/top/bin/rocket; tar -C dist/in -czf dist/Rocket-{version}-linux.tar.gz top; rm -r dist/in"));
        }),
        ("rocket", raw, &|scratch, version| scratch.write(&format!("dist/rocket-{version}-linux-x86_64"), program(version))),
        ("rocket", raw, &|scratch, version| scratch.write(&format!("dist/Rocket-{version}.AppImage"), program(version))),
    ];
    for (path, artifact, make) in forms {
        let scratch = of_form(artifact, make);
        let says = |version: &str| {
            let said = Run::of(&mut scratch.command(apps(&scratch).join("current").join(path))).exits(0).stdout;
            assert_eq!(said.trim(), version, "{artifact}");
        };
        for version in ["1.1.0", "1.2.0"] {
            scratch.xtask(&["install", version]).exits(0);
            says(version);
        }
        scratch.xtask(&["install", "--previous"]).exits(0);
        says("1.1.0");
        scratch.xtask(&["rollback", "--to", "v1.1.0", "--yes"]).exits(0);
        scratch.xtask(&["rollback", "--undo", "--yes"]).exits(0);
        says("1.1.0");
        let list = scratch.xtask(&["install", "--list", "--json"]).exits(0).json();
        let names: Vec<_> = list["data"]["installed"].as_array().unwrap().iter().map(|one| one["tag"].as_str().unwrap()).collect();
        assert_eq!(names, ["v1.0.0", "v1.1.0", "v1.2.0"], "{list:#}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_script_that_runs_is_not_touched_either() {
    let artifact = "files = [\"VERSION\", \"bin/**\"]";
    let scratch = of_form(artifact, |scratch, _| scratch.write("bin/rocket", "#!/bin/sh\necho runs\nread line\n"));
    scratch.xtask(&["install", "v1.1.0"]).exits(0);
    let mut running = scratch.command(apps(&scratch).join("current/bin/rocket"));
    let mut running = running.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut first = [0; 5];
    std::io::Read::read_exact(running.stdout.as_mut().unwrap(), &mut first).unwrap();
    for version in ["v1.2.0", "v1.0.0"] {
        scratch.xtask(&["install", version, "--keep", "2"]).exits(0);
    }
    let kept = apps(&scratch).join("versions/v1.1.0/bin/rocket").is_file();
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(kept, "v1.1.0 ran, so it stayed");
    let removed = scratch.xtask(&["install", "v1.2.0", "--keep", "2", "--json"]).exits(0).json();
    assert_eq!(removed["data"]["outcome"]["removed"], serde_json::json!(["v1.1.0"]), "{removed:#}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_takes_no_changes_is_found_out_before_anything_changes() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = product(&["1.0.0", "1.1.0"]);
    scratch.xtask(&["install", "v1.0.0"]).exits(0);
    scratch.xtask(&["install", "v1.1.0"]).exits(0);
    let latest = || scratch.read("target/releases/.latest");
    let before = latest();
    // A folder in the pointer's way, and one that can't be written: the latter holds back everybody but root.
    let order = apps(&scratch).join(".order.json");
    std::fs::remove_file(&order).unwrap();
    std::fs::create_dir_all(order.join("in the way")).unwrap();
    std::fs::set_permissions(apps(&scratch), std::fs::Permissions::from_mode(0o555)).unwrap();
    let run = scratch.xtask(&["rollback", "--to", "v1.0.0", "--yes"]);
    std::fs::set_permissions(apps(&scratch), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(run.code != Some(0) && latest() == before && current(&scratch) == "versions/v1.1.0", "{:?} {}", run.code, run.stderr);
    assert!(!scratch.project().join(".xtask/journal/rollback.json").exists(), "{}", run.stderr);
    std::fs::remove_dir_all(&order).unwrap();
    scratch.xtask(&["rollback", "--to", "v1.0.0", "--yes"]).exits(0);
    assert_eq!(current(&scratch), "versions/v1.0.0");
}
