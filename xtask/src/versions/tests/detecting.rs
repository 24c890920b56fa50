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
