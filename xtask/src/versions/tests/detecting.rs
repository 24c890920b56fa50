//! What `init` proposes for repositories of several kinds.

use super::*;
use crate::versions::detect;

fn detected(texts: &[(&str, &str)]) -> Vec<String> {
    let specs = detect(&Texts::of(texts.iter().copied())).unwrap();
    specs.into_iter().map(|spec| [Some(spec.file), spec.pattern, spec.heading].into_iter().flatten().collect::<Vec<_>>().join(" | ")).collect()
}

#[test]
fn a_rust_workspace_is_one_source_with_its_lock_file() {
    let found = detected(&[
        ("Cargo.toml", "[workspace]\nmembers = ['xtask']\n[workspace.package]\nversion = '0.1.0'\n"),
        ("xtask/Cargo.toml", "[package]\nname = 'xtask'\nversion.workspace = true\n"),
        ("Cargo.lock", "[[package]]\nname = 'xtask'\nversion = '0.1.0'\n"),
        ("tests/fixtures/package.json", "{\"version\":\"3.0.0\"}"),
        ("CHANGELOG.md", "## 0.1.0\n"),
        ("README.md", "img.shields.io/badge/version-0.1.0-blue"),
    ]);
    assert_eq!(found, ["Cargo.toml", "Cargo.lock", "README.md | badge/version-{version}-", "CHANGELOG.md | ## {version}"]);
}

#[test]
fn an_application_of_two_halves_is_found_even_where_they_disagree() {
    let found = detected(&[
        ("auto-codex-ui/package.json", "{\"version\":\"3.2.1\"}"),
        ("auto-codex-ui/package-lock.json", "{\"version\":\"3.0.0\"}"),
        ("auto-codex-ui/node_modules/x/package.json", "{\"version\":\"9.0.0\"}"),
        ("pyproject.toml", "[project]\nversion = '3.0.1'\n"),
        ("auto-codex/__init__.py", "__version__ = '3.0.1'\n"),
        ("auto-codex/other/__init__.py", "__version__ = '0.0.1'\n"),
    ]);
    assert_eq!(found, ["pyproject.toml", "auto-codex-ui/package.json", "auto-codex-ui/package-lock.json", "auto-codex/__init__.py"]);
}

#[test]
fn nothing_is_proposed_where_there_is_nothing() {
    assert!(detected(&[("README.md", "hello"), ("package.json", "{\"private\":true}")]).is_empty());
}

#[test]
fn packages_of_a_monorepo_are_found_where_they_lie() {
    let pnpm = ("pnpm-workspace.yaml", "packages:\n  - 'apps/*'\n");
    let root = ("package.json", "{\"private\":true}");
    let apps = [("apps/api/package.json", "{\"version\":\"0.3.1\"}"), ("apps/web/package.json", "{\"version\":\"0.3.1\"}")];
    assert_eq!(detected(&[root, pnpm, apps[0], apps[1]]), ["apps/api/package.json", "apps/web/package.json"]);
    let own = ("apps/web/package.json", "{\"version\":\"9.0.0\"}");
    assert_eq!(detected(&[root, pnpm, apps[0], own]), ["apps/api/package.json"], "versions of their own are no drift");
    let stranger = ("apps/a-copy/package.json", "{\"version\":\"7.0.0\"}");
    let without = ("pnpm-workspace.yaml", "packages:\n  - './apps/*/'\n  - '!apps/a-copy'\n");
    assert_eq!(detected(&[root, without, stranger, apps[1]]), ["apps/web/package.json"], "what the settings leave out is no member");
    let yarn = ("package.json", r#"{"private":true,"workspaces":{"packages":["apps/web"]}}"#);
    assert_eq!(detected(&[yarn, stranger, apps[1]]), ["apps/web/package.json"]);
}

#[test]
fn npms_members_are_taken_along_when_all_are_in_step() {
    let lock = r#"{"version":"1.0.0","packages":{"":{"version":"1.0.0"},"p/a":{"version":"1.0.0"},"p/b":{"version":"1.0.0"}}}"#;
    let root = r#"{"version":"1.0.0","workspaces":["p/*"]}"#;
    let member = r#"{"version":"1.0.0"}"#;
    let all = [("package.json", root), ("package-lock.json", lock), ("p/a/package.json", member), ("p/b/package.json", member)];
    assert_eq!(detected(&all), ["package.json", "p/a/package.json", "p/b/package.json", "package-lock.json"]);
    let apart = [all[0], all[1], all[2], ("p/b/package.json", r#"{"version":"3.0.0"}"#)];
    assert_eq!(detected(&apart), ["package.json", "package-lock.json"]);
}

#[test]
fn a_cargo_workspace_of_several_versions_is_released_by_its_program() {
    let found = detected(&[
        ("Cargo.toml", "[workspace]\nmembers = ['lib', 'tool']\n"),
        ("lib/Cargo.toml", "[package]\nname = 'lib'\nversion = '0.2.0'\n"),
        ("tool/Cargo.toml", "[package]\nname = 'tool'\nversion = '1.4.0'\n[dependencies]\nlib = { path = '../lib', version = '0.2.0' }\n"),
        ("tool/src/main.rs", "fn main() {}"),
        ("Cargo.lock", "[[package]]\nname = 'lib'\nversion = '0.2.0'\n[[package]]\nname = 'tool'\nversion = '1.4.0'\n"),
    ]);
    assert_eq!(found, ["tool/Cargo.toml", "Cargo.lock"]);
}

#[test]
fn setuptools_of_old_says_it_in_a_line() {
    let cfg = "[metadata]\nname = ss\nversion = 1.1.0\n";
    let py = "from setuptools import setup\nsetup(name=\"ss\", version=\"1.1.0\")\n";
    assert_eq!(detected(&[("setup.cfg", cfg), ("setup.py", py)]), ["setup.cfg | version = {version}", "setup.py | version=\"{version}\""]);
    assert_eq!(detected(&[("setup.py", "setup(version=read())\npython_requires = \">=3\"\n")]), Vec::<String>::new());
    let twice = "[metadata]\nversion = 1.1.0\n[x]\nmin_version = 3.0.0\n";
    assert_eq!(detected(&[("setup.cfg", twice)]), Vec::<String>::new(), "which of them is meant isn't known");
}

#[test]
fn uvs_lock_file_goes_along() {
    let lock = "version = 1\n\n[[package]]\nname = \"left\"\nversion = \"1.1.0\"\nsource = { registry = \"https://pypi.org/simple\" }\n\n[[package]]\nname = \"mine\"\nversion = \"1.1.0\"\nsource = { editable = \".\" }\n";
    let found = detected(&[("pyproject.toml", "[project]\nname = 'mine'\nversion = '1.1.0'\n"), ("uv.lock", lock)]);
    assert_eq!(found, ["pyproject.toml", "uv.lock | name = \"mine\"\nversion = \"{version}\""]);
}
