//! Every kind of source, its places and its findings, with exact lines.

use super::*;
use crate::versions::validate;

#[test]
fn each_sort_of_file_gives_its_places() {
    let table: &[(&str, &str, &[&str])] = &[
        ("Cargo.toml", "[package]\nname = \"a\"\nversion = \"1.2.0\"\n", &["Cargo.toml:3:12 1.2.0"]),
        ("Cargo.toml", "package = { name = \"a\", version = '1.2.0' }\n", &["Cargo.toml:1:36 1.2.0"]),
        ("Cargo.toml", "[workspace.package]\nversion = \"1.2.0\"\n", &["Cargo.toml:2:12 1.2.0"]),
        ("package.json", "{\r\n\t\"name\": \"ü\", \"version\": \"1.2.0\"\r\n}", &["package.json:2:27 1.2.0"]),
        ("package.json", "{\"nested\": {\"version\": \"9.9.9\"},\n\"version\": \"1.2.0\"}", &["package.json:2:13 1.2.0"]),
        (
            "package-lock.json",
            "{\n \"version\": \"1.2.0\",\n \"lockfileVersion\": 1,\n \"dependencies\": {\"x\": {\"version\": \"9.0.0\"}}}",
            &["package-lock.json:2:14 1.2.0"],
        ),
        (
            "package-lock.json",
            "{\n\"version\": \"1.2.0\",\n\"lockfileVersion\": 3,\n\"packages\": {\n\"\": {\n\"version\": \"1.2.0\"},\n\"node_modules/x\": {\"version\": \"9.0.0\"}}}",
            &["package-lock.json:2:13 1.2.0", "package-lock.json:6:13 1.2.0"],
        ),
        ("npm-shrinkwrap.json", "{\"version\": \"1.2.0\"}", &["npm-shrinkwrap.json:1:14 1.2.0"]),
        ("pyproject.toml", "[project]\nversion = \"1.2.0\"\n[tool.poetry]\nversion = \"1.2\"\n", &["pyproject.toml:2:12 1.2.0", "pyproject.toml:4:12 1.2"]),
        ("a/__init__.py", "'''\n__version__ = '9'\n'''\n# __version__ = '9'\n__version__ = \"1.2.0\"  # x\n", &["a/__init__.py:5:16 1.2.0"]),
        ("m.py", "__version__: Final[str] = version = '1.2.0b1'\nx = \"\"\"it's\n__version__ = '9'\"\"\"\n", &["m.py:1:38 1.2.0b1"]),
        ("m.py", "def f():\n    __version__ = '9'\ns = 'a \\' \"\"\" b'\n__version__ = '1.2.0'\n", &["m.py:4:16 1.2.0"]),
        ("VERSION", "\n  v1.2.0\r\n", &["VERSION:2:4 1.2.0"]),
        ("sub/VERSION", "# the version\n1.2.0", &["sub/VERSION:2:1 1.2.0"]),
    ];
    for (path, text, places) in table {
        let survey = survey(&[(path, text)], &[file(path)]);
        assert_eq!(shown(&survey.places), *places, "{path}: {text}");
        assert!(survey.findings.is_empty(), "{path}: {:?}", survey.findings);
        assert!(survey.places.iter().all(|place| place.version.is_some()), "{path}");
    }
}

#[test]
fn a_byte_order_mark_moves_nothing() {
    let survey = survey(
        &[("package.json", "\u{feff}{\"version\": \"1.2.0\"}"), ("Cargo.toml", "\u{feff}[package]\nversion = \"1.2.0\"")],
        &[file("package.json"), file("Cargo.toml")],
    );
    assert_eq!(shown(&survey.places), ["package.json:1:14 1.2.0", "Cargo.toml:2:12 1.2.0"]);
    assert!(survey.findings.is_empty());
}

const WORKSPACE: &[(&str, &str)] = &[
    ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\", \"tool\"]\nexclude = [\"crates/old\"]\n[workspace.package]\nversion = \"1.2.0\"\n"),
    ("crates/a/Cargo.toml", "[package]\nname = \"a\"\nversion.workspace = true\n[dependencies]\nhidden = { path = \"../../hidden\", version = \"1.2.0\" }\n"),
    ("crates/b/Cargo.toml", "[package]\nname = \"b\"\nversion = \"1.1.0\"\n"),
    ("crates/none/Cargo.toml", "[package]\nname = \"none\"\n"),
    ("crates/old/Cargo.toml", "[package]\nname = \"old\"\nversion = \"0.0.9\"\n"),
    ("crates/a/deep/Cargo.toml", "[package]\nname = \"deep\"\nversion = \"0.0.8\"\n"),
    ("hidden/Cargo.toml", "[package]\nname = \"hidden\"\nversion = { workspace = true }\n"),
    ("tool/Cargo.toml", "[package]\nname = \"tool\"\nversion = \"1.2.0\"\n"),
    ("fixtures/x/Cargo.toml", "[package]\nname = \"x\"\nversion = \"7.0.0\"\n"),
];

#[test]
fn a_cargo_workspace_is_read_with_all_its_members() {
    assert_eq!(strict(WORKSPACE, &[file("Cargo.toml")], "1.2.0"), ["version-mismatch crates/b/Cargo.toml:3"]);
    let places = shown(&survey(WORKSPACE, &[file("Cargo.toml")]).places);
    assert_eq!(places, ["Cargo.toml:5:12 1.2.0", "crates/b/Cargo.toml:3:12 1.1.0", "tool/Cargo.toml:3:12 1.2.0", "crates/a/Cargo.toml:5:46 1.2.0"]);
}

#[test]
fn an_inherited_version_is_looked_up() {
    assert_eq!(shown(&survey(WORKSPACE, &[file("crates/a/Cargo.toml")]).places), ["Cargo.toml:5:12 1.2.0"]);
    assert_eq!(strict(WORKSPACE, &[file("hidden/Cargo.toml")], "1.3.0"), ["version-mismatch Cargo.toml:5"]);
    let lost = [("a/Cargo.toml", "[package]\nversion.workspace = true\n")];
    assert_eq!(strict(&lost, &[file("a/Cargo.toml")], "1.2.0"), ["version-missing a/Cargo.toml:2"]);
    let empty = [("a/Cargo.toml", "[package]\nversion.workspace = true\n"), ("Cargo.toml", "[workspace]\nmembers = ['a']\n")];
    assert_eq!(strict(&empty, &[file("a/Cargo.toml")], "1.2.0"), ["version-missing a/Cargo.toml:2"]);
}

const LOCK: &str = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.2.0\"\n\n[[package]]\nname = \"b\"\nversion = \"1.2.0\"\n\n\
    [[package]]\nname = \"hidden\"\nversion = \"1.1.0\"\n\n[[package]]\nname = \"none\"\nversion = \"0.0.0\"\n\n\
    [[package]]\nname = \"tool\"\nversion = \"9.0.0\"\nsource = \"registry+x\"\n\n[[package]]\nname = \"outside\"\nversion = \"5.0.0\"\n";

#[test]
fn a_cargo_lock_follows_the_manifests() {
    let mut texts = WORKSPACE.to_vec();
    texts.push(("Cargo.lock", LOCK));
    let all = strict(&texts, &[file("Cargo.toml"), file("Cargo.lock")], "1.2.0");
    let expected =
        ["lock-out-of-date Cargo.lock:1", "version-mismatch crates/b/Cargo.toml:3", "lock-out-of-date Cargo.lock:9", "lock-out-of-date Cargo.lock:13"];
    assert_eq!(all, expected);
}

#[test]
fn members_that_are_no_source_only_bind_their_lock_entry() {
    let texts = [
        ("Cargo.toml", "[workspace]\nmembers = [\"app\", \"lib\"]\n"),
        ("app/Cargo.toml", "[package]\nname = \"app\"\nversion = \"2.0.0\"\n"),
        ("lib/Cargo.toml", "[package]\nname = \"lib\"\nversion = \"0.3.0\"\n"),
        ("Cargo.lock", "[[package]]\nname = \"app\"\nversion = \"2.0.0\"\n[[package]]\nname = \"lib\"\nversion = \"0.3.0\"\n"),
    ];
    let specs = [file("app/Cargo.toml"), file("Cargo.lock")];
    assert!(strict(&texts, &specs, "2.0.0").is_empty());
    assert_eq!(strict(&texts, &specs, "2.1.0"), ["version-mismatch app/Cargo.toml:3", "version-mismatch Cargo.lock:3"]);
    // Alone, a lock file is compared as a whole.
    assert_eq!(strict(&texts, &[file("Cargo.lock")], "2.0.0"), ["version-mismatch Cargo.lock:6"]);
}

#[test]
fn requirements_count_where_their_target_is_a_source() {
    let texts = [
        ("Cargo.toml", "[workspace]\nmembers = [\"app\", \"lib\", \"free\"]\n[workspace.dependencies]\nlib = { path = \"lib\", version = \"1.0\" }\n"),
        ("app/Cargo.toml", "[package]\nname = \"app\"\nversion = \"2.0.0\"\n[dependencies]\nfree = { path = \"../free\", version = \"0.1.0\" }\n"),
        ("lib/Cargo.toml", "[package]\nname = \"lib\"\nversion = \"2.0.0\"\n"),
        ("free/Cargo.toml", "[package]\nname = \"free\"\nversion = \"0.1.0\"\n"),
    ];
    assert_eq!(strict(&texts, &[file("{app,lib}/Cargo.toml")], "2.0.0"), ["version-mismatch Cargo.toml:4"]);
    assert!(strict(&texts, &[file("app/Cargo.toml")], "2.0.0").is_empty());
}

#[test]
fn a_lock_file_beside_a_broken_manifest_is_not_judged() {
    let texts = [("Cargo.toml", "[package\n"), ("Cargo.lock", "[[package]]\nname = \"vendored\"\nversion = \"0.9.0\"\n")];
    assert_eq!(strict(&texts, &[file("Cargo.toml"), file("Cargo.lock")], "1.2.0"), ["version-unreadable Cargo.toml:1"]);
}

#[test]
fn npm_workspaces_bind_their_lock_entries_to_their_own_manifests() {
    let lock = r#"{
  "name": "root", "version": "1.1.0",
  "packages": {
    "": { "version": "1.2.0", "workspaces": ["packages/*"] },
    "packages/a": { "version": "0.5.0" },
    "packages/b": { "version": "0.1.0" },
    "packages/gone": { "version": "0.0.1" },
    "node_modules/a": { "resolved": "packages/a", "link": true },
    "packages/a/node_modules/x": { "version": "4.0.0" }
  }
}"#;
    let texts = [
        ("package.json", "{\"version\": \"1.2.0\", \"workspaces\": [\"packages/*\"]}"),
        ("packages/a/package.json", "{\"version\": \"0.5.0\"}"),
        ("packages/b/package.json", "{\n\"version\": \"0.2.0\"}"),
        ("packages/c/package.json", "{\"private\": true}"),
        ("node_modules/x/package.json", "{\"version\": \"4.0.0\"}"),
        ("packages/a/node_modules/x/package.json", "{\"version\": \"4.0.0\"}"),
        ("package-lock.json", lock),
    ];
    let specs = [file("package.json"), file("package-lock.json")];
    assert_eq!(strict(&texts, &specs, "1.2.0"), ["lock-out-of-date package-lock.json:2", "lock-out-of-date package-lock.json:6"]);
    let globs = [file("**/package.json")];
    assert_eq!(strict(&texts, &globs, "1.2.0"), ["version-mismatch packages/a/package.json:1", "version-mismatch packages/b/package.json:2"]);
    // Where a member is a source too, its entry must agree as well.
    let both = [file("packages/a/package.json"), file("package-lock.json")];
    let found = strict(&texts, &both, "1.2.0");
    assert_eq!(
        found,
        [
            "version-mismatch packages/a/package.json:1",
            "lock-out-of-date package-lock.json:2",
            "version-mismatch package-lock.json:5",
            "lock-out-of-date package-lock.json:6"
        ]
    );
}

#[test]
fn a_private_package_needs_no_version() {
    let texts = [("package.json", "{\"private\": true}"), ("package-lock.json", "{\"lockfileVersion\": 3, \"packages\": {\"\": {}}}"), ("VERSION", "1.2.0\n")];
    assert!(strict(&texts, &[file("package.json"), file("package-lock.json"), file("VERSION")], "1.2.0").is_empty());
    assert_eq!(strict(&texts, &[file("package.json")], "1.2.0"), ["version-missing -"]);
    assert_eq!(strict(&[("package.json", "\n{}")], &[file("package.json")], "1.2.0"), ["version-missing package.json:2"]);
}

#[test]
fn a_dynamic_python_version_is_followed() {
    let hatch = "[project]\ndynamic = [\"version\"]\n[tool.hatch.version]\npath = \"src/x/__about__.py\"\n";
    let texts = [("py/pyproject.toml", hatch), ("py/src/x/__about__.py", "__version__ = '1.1.0'\n")];
    assert_eq!(strict(&texts, &[file("py/pyproject.toml")], "1.2.0"), ["version-mismatch py/src/x/__about__.py:1"]);
    let attr = "[project]\ndynamic = [\"version\"]\n[tool.setuptools.dynamic]\nversion = { attr = \"x.y.__version__\" }\n";
    let texts = [("pyproject.toml", attr), ("src/x/y.py", "\n__version__ = '1.1.0'\n")];
    assert_eq!(strict(&texts, &[file("pyproject.toml")], "1.2.0"), ["version-mismatch src/x/y.py:2"]);
    let text = "[project]\ndynamic = [\"version\"]\n[tool.setuptools.dynamic]\nversion = { file = [\"VERSION\"] }\n";
    assert!(strict(&[("pyproject.toml", text), ("VERSION", "1.2.0")], &[file("pyproject.toml")], "1.2.0").is_empty());
    let scm = [("pyproject.toml", "[project]\ndynamic = [\"version\"]\n[tool.setuptools_scm]\n"), ("VERSION", "1.2.0")];
    assert!(strict(&scm, &[file("pyproject.toml"), file("VERSION")], "1.2.0").is_empty());
    let none = [("pyproject.toml", "[tool.ruff]\nline-length = 100\n")];
    assert_eq!(strict(&none, &[file("pyproject.toml")], "1.2.0"), ["version-missing pyproject.toml:1"]);
}

#[test]
fn python_spellings_agree_by_meaning() {
    let texts = [
        ("pyproject.toml", "[project]\nversion = \"1.5.0b1\"\n"),
        ("a.py", "__version__ = '1.5.0-beta.1'\n"),
        ("package.json", "{\"version\": \"1.5.0-beta.1\"}"),
    ];
    let specs = [file("pyproject.toml"), file("a.py"), file("package.json")];
    assert!(strict(&texts, &specs, "1.5.0-beta.1").is_empty());
    assert_eq!(strict(&texts, &specs, "1.5.0-b.1"), ["version-mismatch package.json:1"]);
    assert_eq!(strict(&texts, &specs[..2], "1.5.0-beta.2"), ["version-mismatch pyproject.toml:2", "version-mismatch a.py:1"]);
}

#[test]
fn policies_and_snapshots() {
    use PrereleasePolicy::{Base, Strict};
    let cases = [
        ("1.2.0", "1.2.0-beta.1", Strict, false),
        ("1.2.0", "1.2.0-beta.1", Base, true),
        ("1.2.0-beta.1", "1.2.0-beta.1", Base, true),
        ("1.2.0-beta.2", "1.2.0-beta.1", Base, false),
        ("1.2.0-beta.1", "1.2.0", Base, false),
        ("1.1.0", "1.2.0-beta.1", Base, false),
        ("1.2.0", "1.2.0+build.5", Strict, true),
        ("1.2.0+build.4", "1.2.0+build.5", Strict, false),
        ("0.1.0", "0.1.0-snapshot.12+gabc1234", Strict, true),
        ("0.1.0-beta.1", "0.1.0-snapshot.12+gabc1234", Strict, true),
        ("0.1.1", "0.1.0-snapshot.12+gabc1234", Strict, false),
    ];
    for (source, wanted, policy, agrees) in cases {
        assert_eq!(findings(&[("VERSION", source)], &[file("VERSION")], wanted, policy).is_empty(), agrees, "{source} for {wanted} {policy:?}");
    }
    let hints = survey(&[("VERSION", "1.2.0")], &[file("VERSION")]).check(&v("1.2.0-beta.1"), Strict).remove(0).hints;
    assert!(hints.iter().any(|hint| hint.contains("prerelease = \"base\"")), "{hints:?}");
}

#[test]
fn patterns_find_every_occurrence() {
    let badge = "badge/version-{version}-";
    let cases: &[(&str, &str, &[&str])] = &[
        ("badge/version-1.2.0-blue.svg badge/version-1.1.0-red", badge, &["1.2.0", "1.1.0"]),
        ("badge/version-1.2.0--beta.1-blue", badge, &["1.2.0--beta.1"]),
        ("badge/version-1.2.0-beta.1-blue", badge, &["1.2.0-beta.1"]),
        ("badge/version-unknown-blue badge/version-1.2.0-007ec6-x", badge, &["1.2.0"]),
        ("badge/version-1.2-blue", badge, &["1.2"]),
        ("image: app:1.2.0\nimage: app:1.2.0-rc.1@sha", "app:{version}", &["1.2.0", "1.2.0-rc.1"]),
        ("get app-1.2.0.tar.gz, or app-1.2.0-x86_64.zip.", "app-{version}", &["1.2.0", "1.2.0"]),
        ("let v = \"1.2.0-foo.3\";", "v = \"{version}\"", &["1.2.0-foo.3"]),
        ("1.2.0 is out, 11.2.0 isn't", "{version} is out", &["1.2.0"]),
    ];
    for (text, around, places) in cases {
        let survey = survey(&[("x.md", text)], &[pattern("x.md", around)]);
        assert_eq!(survey.places.iter().map(|place| place.found.as_str()).collect::<Vec<_>>(), *places, "{text}");
    }
}

#[test]
fn a_pattern_that_is_nowhere_or_unreadable_says_so() {
    let spec = [pattern("x.md", "badge/version-{version}-")];
    assert_eq!(strict(&[("x.md", "\nnothing")], &spec, "1.2.0"), ["version-missing x.md:1"]);
    assert_eq!(strict(&[("x.md", "\nbadge/version-1.2-blue")], &spec, "1.2.0"), ["version-unreadable x.md:2"]);
    assert_eq!(strict(&[("x.md", "badge/version-1.2.0--beta.1-blue")], &spec, "1.2.0"), ["version-mismatch x.md:1"]);
    assert!(strict(&[("x.md", "badge/version-1.2.0--beta.1-blue")], &spec, "1.2.0-beta.1").is_empty());
    // Either reading may be meant: that is no disagreement.
    assert!(strict(&[("x.md", "v: 1.2.0-foo-x")], &[pattern("x.md", "v: {version}-")], "1.2.0-foo").is_empty());
    assert!(strict(&[("x.md", "v: 1.2.0-foo-x")], &[pattern("x.md", "v: {version}-")], "1.2.0").is_empty());
}

#[test]
fn a_change_log_needs_a_heading_for_the_version() {
    let log = "# Changes\n\n## Unreleased\n\n```\n## 9.9.9\n```\n\n## [1.2.0] - 2026-01-31\n\n## v1.1.0\n\n## 1.0.0 (2025-01-01)\n\n### 0.9.0\n## 0.8.0beta\n";
    let spec = [heading("CHANGELOG.md", "## {version}")];
    let texts = [("CHANGELOG.md", log)];
    assert_eq!(shown(&survey(&texts, &spec).places), ["CHANGELOG.md:9:5 1.2.0", "CHANGELOG.md:11:5 1.1.0", "CHANGELOG.md:13:4 1.0.0"]);
    for there in ["1.2.0", "1.1.0", "1.0.0"] {
        assert!(strict(&texts, &spec, there).is_empty(), "{there}");
    }
    for missing in ["9.9.9", "0.9.0", "0.8.0", "1.2.1"] {
        assert_eq!(strict(&texts, &spec, missing), ["changelog-missing CHANGELOG.md:9"], "{missing}");
    }
    assert_eq!(strict(&[("CHANGELOG.md", "")], &spec, "1.0.0"), ["changelog-missing CHANGELOG.md:1"]);
    assert!(strict(&texts, &spec, "2.0.0-snapshot.1+gabc").is_empty());
    assert!(strict(&texts, &[heading("CHANGELOG.md", "## [{version}]")], "1.2.0").is_empty());
}

#[test]
fn malformed_files_are_findings_with_their_line() {
    let cases = [
        ("package.json", "{\n  \"name\": \"x\",\n<<<<<<< HEAD\n  \"version\": \"1.2.0\"\n}", 3),
        ("package.json", "{\n  \"version\": \"1.2.0\",\n}", 2),
        ("package.json", "{\n  \"version\": 1.2\n}", 2),
        ("package.json", "", 1),
        ("package.json", "[]", 1),
        ("package-lock.json", "{\n\n", 1),
        ("Cargo.toml", "[package]\nname = \"x\"\nversion = 1.2.0\n", 3),
        ("Cargo.toml", "[package]\nversion = 12\n", 2),
        ("Cargo.toml", "[package]\nversion = \"1.2\"\n", 2),
        ("Cargo.lock", "[[package]]\nname = \"x\"\n<<<<<<<\n", 3),
        ("pyproject.toml", "[project]\n\nversion = 3\n", 3),
        ("x.py", "\n__version__ = (1, 2, 0)\n", 2),
        ("VERSION", "1.2.0\n1.3.0\n", 2),
        ("VERSION", "\nlatest\n", 2),
    ];
    for (path, text, line) in cases {
        let found = strict(&[(path, text)], &[file(path)], "1.2.0");
        assert_eq!(found, [format!("version-unreadable {path}:{line}")], "{path}: {text}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(strict(&[("package.json", &deep)], &[file("package.json")], "1.2.0").len(), 1);
}

#[test]
fn bytes_that_are_no_text_are_a_finding() {
    let tree = Texts::of([("package.json", b"{\n\"version\": \"\xff\"}".as_slice())]);
    let survey = read(&tree, &[file("package.json")]).unwrap();
    assert_eq!(told(&survey.check(&v("1.2.0"), PrereleasePolicy::Strict)), ["version-unreadable package.json:2"]);
}

#[test]
fn what_is_not_there_is_missing() {
    let texts = [("a/package.json", "{\"private\":true}"), ("VERSION", "1.2.0")];
    assert_eq!(strict(&texts, &[file("package.json"), file("VERSION")], "1.2.0"), ["version-missing package.json"]);
    assert_eq!(strict(&texts, &[file("b/**/package.json"), file("VERSION")], "1.2.0"), ["version-missing -"]);
    assert_eq!(strict(&texts, &[file("./VERSION")], "1.2.1"), ["version-mismatch VERSION:1"]);
    assert!(strict(&texts, &[], "1.2.0").is_empty());
}

#[test]
fn a_source_without_a_rule_is_a_wrong_configuration() {
    let refused = |spec: SourceSpec| {
        let error = validate(std::slice::from_ref(&spec)).unwrap_err();
        assert_eq!(error.kind().exit_code(), 2, "{spec:?}");
        error.hints().join(" ")
    };
    assert!(refused(file("README.md")).contains("pattern"));
    assert!(refused(file("CHANGELOG.md")).contains("heading"));
    assert!(refused(file("yarn.lock")).contains("remove the source"));
    assert!(refused(pattern("x.md", "no placeholder")).contains("badge/version-"));
    assert!(refused(heading("x.md", "## ")).contains("## {version}"));
    assert!(refused(SourceSpec { heading: Some("## {version}".into()), ..pattern("x", "{version} ") }).contains("one of them"));
    assert!(refused(file("a[/package.json")).contains("**"));
    assert!(validate(&[file("src/**/*.py"), file("VERSION"), pattern("x.md", "v{version}")]).is_ok());
}

#[test]
fn setuptools_attribute_may_have_any_name() {
    let pyproject = "[project]\nname = 'a'\ndynamic = ['version']\n[tool.setuptools.dynamic]\nversion = { attr = 'a.VERSION' }\n";
    let texts = [("pyproject.toml", pyproject), ("a/__init__.py", "OTHER = '9.9.9'\nVERSION = '3.3.3'\n__version__ = VERSION\n")];
    assert_eq!(shown(&survey(&texts, &[file("pyproject.toml")]).places), ["a/__init__.py:2:12 3.3.3"]);
}
