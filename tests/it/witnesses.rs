//! Clients that others wrote, on the double: if `gh` and PyGithub can create, upload, list and download there, it behaves like GitHub.

use std::process::Command;

use crate::{
    github::{Double, TOKEN},
    github_release::Rocket,
    support::{Run, Scratch},
};

/// Runs a program of the witness; none, loudly, where it isn't installed.
fn installed(probe: &mut Command, what: &str) -> bool {
    let there = probe.output().is_ok_and(|output| output.status.success());
    if !there {
        assert!(std::env::var_os("XTASK_CI_STRICT").is_none(), "{what} is not installed: run .ci/setup");
        eprintln!("SKIPPED: {what} is not installed (.ci/setup installs it)");
    }
    there
}

#[cfg(unix)]
#[test]
fn gh_creates_uploads_lists_and_downloads() {
    let scratch = Scratch::new();
    if !installed(scratch.command("gh").arg("--version"), "gh") {
        return;
    }
    let double = Double::start();
    double.state().tag("v1.0.0");
    let socket = scratch.path().join("socket");
    double.listen_on(&socket);
    let config = scratch.path().join("gh");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("config.yml"), format!("http_unix_socket: {}\nprompt: disabled\n", socket.display())).unwrap();
    scratch.write("rocket.zip", "bytes of a rocket");
    scratch.write("SHA256SUMS", "sums");
    let gh = |args: &[&str]| {
        let mut command = scratch.command("gh");
        command.env("GH_CONFIG_DIR", &config).env("GH_TOKEN", TOKEN).args(args);
        Run::of(&mut command).exits(0).stdout
    };
    gh(&["release", "create", "v1.0.0", "rocket.zip", "SHA256SUMS", "--repo", "acme/rocket", "--title", "Rocket", "--notes", "First."]);
    {
        let state = double.state();
        let release = state.release("v1.0.0").expect("gh published it");
        let mut assets: Vec<_> = release.assets.iter().map(|asset| (asset.name.as_str(), asset.bytes.as_slice())).collect();
        assets.sort();
        assert_eq!(assets, [("SHA256SUMS", &b"sums"[..]), ("rocket.zip", b"bytes of a rocket")]);
        assert!(!release.draft && release.name.as_deref() == Some("Rocket"));
    }
    assert!(gh(&["release", "list", "--repo", "acme/rocket"]).contains("v1.0.0"));
    assert!(gh(&["release", "view", "v1.0.0", "--repo", "acme/rocket"]).contains("rocket.zip"));
    gh(&["release", "download", "v1.0.0", "--repo", "acme/rocket", "--dir", "down"]);
    assert_eq!(scratch.read("down/rocket.zip"), "bytes of a rocket");
}

#[cfg(unix)]
#[test]
fn gh_reads_what_was_published() {
    let rocket = Rocket::new(2);
    let scratch = &rocket.scratch;
    if !installed(scratch.command("gh").arg("--version"), "gh") {
        return;
    }
    rocket.release("v1.0.0");
    let (socket, config) = (scratch.path().join("socket"), scratch.path().join("gh"));
    rocket.double.listen_on(&socket);
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("config.yml"), format!("http_unix_socket: {}\nprompt: disabled\n", socket.display())).unwrap();
    let gh = |args: &[&str]| Run::of(scratch.command("gh").env("GH_CONFIG_DIR", &config).env("GH_TOKEN", TOKEN).args(args)).exits(0).stdout;
    gh(&["release", "download", "v1.0.0", "--repo", "acme/rocket", "--dir", "down"]);
    let sums = Run::of(scratch.command("sh").args(["-c", "cd down && sha256sum -c SHA256SUMS"])).exits(0);
    assert!(sums.stdout.lines().count() >= 5, "{}", sums.stdout);
    assert!(gh(&["release", "view", "v1.0.0", "--repo", "acme/rocket"]).contains("everything about 1.0.0"));
    rocket.run(&["verify", "down"]).exits(0);
}

#[test]
fn pygithub_creates_uploads_lists_and_downloads() {
    let scratch = Scratch::new();
    if !installed(scratch.command("python3").args(["-c", "import github"]), "PyGithub") {
        return;
    }
    let double = Double::start();
    double.state().tag("v1.0.0");
    // This client insists on one host, as an Enterprise server has it.
    double.state().hosts.uploads = double.hosts.api.clone();
    double.state().inline = true;
    scratch.write("rocket.zip", "bytes of a rocket");
    scratch.write(
        "witness.py",
        r#"
import sys
from github import Auth, Github
repo = Github(base_url=sys.argv[1], auth=Auth.Token(sys.argv[2])).get_repo("acme/rocket")
draft = repo.create_git_release("v1.0.0", "Rocket", "First.", draft=True)
draft.upload_asset("rocket.zip", content_type="application/zip")
draft.update_release("Rocket", "First.", draft=False)
release = repo.get_release("v1.0.0")
assert [r.tag_name for r in repo.get_releases()] == ["v1.0.0"]
assert repo.get_latest_release().id == release.id
asset = release.get_assets()[0]
asset.download_asset("down.zip")
print(release.title, asset.name, asset.size, open("down.zip").read())
"#,
    );
    let run = Run::of(scratch.command("python3").args(["witness.py", &double.hosts.api, TOKEN])).exits(0);
    assert_eq!(run.stdout.trim(), "Rocket rocket.zip 17 bytes of a rocket");
}
