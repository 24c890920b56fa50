//! Edits of every kind of source: the version changes, everything else stays byte for byte.

use super::*;
use crate::versions::{
    Tree as _,
    bump::{Plan, plan},
};

fn bumped(texts: &[(&str, &str)], specs: &[SourceSpec], new: &str) -> Plan {
    plan(&Texts::of(texts.iter().copied()), specs, &v(new), "2026-01-31").unwrap_or_else(|error| panic!("{error:?}: {:?}", error.found()))
}

#[test]
fn every_byte_but_the_version_stays() {
    let table = [
        ("Cargo.toml", "# top\r\n[package]\r\nname=\"a\"\r\nversion   = '1.2.0' # 1.2.0\r\n\r\n"),
        ("package.json", "\u{feff}{\r\n\t\"version\" : \"1.2.0\",\r\n   \"x\":\"1.2.0\" }"),
        ("package-lock.json", "{\"version\":\"1.2.0\",\n\"packages\":{\"\":{\"version\":\"1.2.0\"},\"node_modules/x\":{\"version\":\"7.0.0\"}}}"),
        ("pyproject.toml", "[project]\nversion = \"1.2.0\"\nrequires-python = \">=3.12.0\""),
        ("x.py", "__version__='1.2.0'\n"),
        ("VERSION", "v1.2.0"),
        ("Cargo.lock", "[[package]]\nname = \"a\"\nversion = \"1.2.0\"\n\n[[package]]\nname = \"z\"\nversion = \"7.0.0\"\nsource = \"registry\"\n"),
    ];
    for (path, text) in table {
        let plan = bumped(&[(path, text)], &[file(path)], "2.0.0");
        let expected = match path {
            "package.json" => text.replacen("1.2.0", "2.0.0", 1),
            "Cargo.toml" => text.replacen("1.2.0", "2.0.0", 1),
            _ => text.replace("1.2.0", "2.0.0"),
        };
        assert_eq!(String::from_utf8(plan.changes[0].bytes.clone()).unwrap(), expected, "{path}");
    }
}

#[test]
fn a_workspace_moves_as_a_whole_and_the_leader_comes_last() {
    let texts = [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"a\", \"b\"]\n[workspace.package]\nversion = \"1.2.0\"\n[workspace.dependencies]\na = { path = \"a\", version = \"=1.2.0\" }\n",
        ),
        ("a/Cargo.toml", "[package]\nname = \"a\"\nversion.workspace = true\n"),
        ("b/Cargo.toml", "[package]\nname = \"b\"\nversion = \"1.1.0\"\n[dependencies]\na = { path = \"../a\", version = \"1.2\" }\nserde = \"1.2.0\"\n"),
        ("Cargo.lock", "[[package]]\nname = \"a\"\nversion = \"1.2.0\"\n[[package]]\nname = \"b\"\nversion = \"1.1.0\"\n"),
    ];
    let specs = [file("Cargo.toml"), file("Cargo.lock")];
    let plan = bumped(&texts, &specs, "1.3.0");
    let edits: Vec<_> = plan.edits.iter().map(|edit| format!("{}:{} {}→{}", edit.file, edit.line, edit.from, edit.to)).collect();
    assert_eq!(
        edits,
        ["Cargo.toml:4 1.2.0→1.3.0", "b/Cargo.toml:3 1.1.0→1.3.0", "Cargo.lock:3 1.2.0→1.3.0", "Cargo.lock:6 1.1.0→1.3.0", "Cargo.toml:6 1.2.0→1.3.0"]
    );
    assert_eq!(plan.changes.iter().map(|change| change.file.as_str()).collect::<Vec<_>>(), ["Cargo.lock", "b/Cargo.toml", "Cargo.toml"]);
    let major = bumped(&texts, &specs, "2.0.0");
    assert!(major.edits.iter().any(|edit| edit.file == "b/Cargo.toml" && edit.line == 5 && edit.to == "2.0.0"), "{:?}", major.edits);
}

#[test]
fn prereleases_are_written_in_each_files_way() {
    let texts =
        [("pyproject.toml", "[project]\nversion = \"1.2.0\"\n"), ("package.json", "{\"version\":\"1.2.0\"}"), ("README.md", "badge/version-1.2.0-blue")];
    let specs = [file("pyproject.toml"), file("package.json"), pattern("README.md", "badge/version-{version}-")];
    let plan = bumped(&texts, &specs, "1.3.0-beta.1");
    assert_eq!(plan.edits.iter().map(|edit| edit.to.as_str()).collect::<Vec<_>>(), ["1.3.0b1", "1.3.0-beta.1", "1.3.0--beta.1"]);
    let refused = crate::versions::bump::plan(&Texts::of(texts), &specs, &v("1.3.0-hotfix.1"), "2026-01-31").unwrap_err();
    assert_eq!(told(refused.found()), ["version-unreadable pyproject.toml:2"]);
}

#[test]
fn a_change_log_gets_its_heading_below_unreleased() {
    let spec = [file("VERSION"), heading("CHANGELOG.md", "## {version}")];
    let cases = [
        ("# C\n\n## Unreleased\n\n- x\n\n## 1.2.0 - 2025-01-01\n", "# C\n\n## Unreleased\n\n## 1.3.0 - 2026-01-31\n\n- x\n\n## 1.2.0 - 2025-01-01\n"),
        ("## [Unreleased]\r\n- x\r\n", "## [Unreleased]\r\n\r\n## [1.3.0] - 2026-01-31\r\n- x\r\n"),
        ("## Unreleased\n## v1.2.0 (2025-01-01)\n", "## Unreleased\n\n## v1.3.0 (2026-01-31)\n## v1.2.0 (2025-01-01)\n"),
        (
            "## [Unreleased](https://x/compare)\n\n## [1.2.0](https://x)\n",
            "## [Unreleased](https://x/compare)\n\n## [1.3.0] - 2026-01-31\n\n## [1.2.0](https://x)\n",
        ),
    ];
    for (old, new) in cases {
        let plan = bumped(&[("VERSION", "1.2.0\n"), ("CHANGELOG.md", old)], &spec, "1.3.0");
        assert_eq!(String::from_utf8_lossy(&plan.changes[0].bytes), new, "{old}");
        assert_eq!(plan.changes[1].bytes, b"1.3.0\n");
    }
    let there = bumped(&[("VERSION", "1.2.0\n"), ("CHANGELOG.md", "## 1.3.0\n")], &spec, "1.3.0");
    assert_eq!(there.changes.len(), 1);
    let refused = plan(&Texts::of([("VERSION", "1.2.0"), ("CHANGELOG.md", "# C\n")]), &spec, &v("1.3.0"), "x").unwrap_err();
    assert_eq!(told(refused.found()), ["changelog-missing CHANGELOG.md:1"]);
}

#[test]
fn the_links_of_a_change_log_follow() {
    let spec = [file("VERSION"), heading("CHANGELOG.md", "## {version}")];
    let log = |links: &str| format!("## [Unreleased]\n\n## [1.2.0] - 2025-01-01\n\n{links}");
    let after = |links: &str| format!("## [Unreleased]\n\n## [1.3.0] - 2026-01-31\n\n## [1.2.0] - 2025-01-01\n\n{links}");
    let cases = [
        (
            "[Unreleased]: https://x/a/compare/v1.2.0...HEAD\n[1.2.0]: https://x/a/releases/tag/v1.2.0\n",
            "[Unreleased]: https://x/a/compare/v1.3.0...HEAD\n[1.3.0]: https://x/a/compare/v1.2.0...v1.3.0\n[1.2.0]: https://x/a/releases/tag/v1.2.0\n",
        ),
        (
            "[unreleased]: https://x/-/compare/app@1.2.0..main",
            "[unreleased]: https://x/-/compare/app@1.3.0..main\n[1.3.0]: https://x/-/compare/app@1.2.0..app@1.3.0",
        ),
        ("[Unreleased]: https://x/compare/develop...HEAD\n", "[Unreleased]: https://x/compare/develop...HEAD\n"),
        (
            "[Unreleased]: https://x/compare/v1.2.0...HEAD\n[1.3.0]: https://x/by-hand\n",
            "[Unreleased]: https://x/compare/v1.2.0...HEAD\n[1.3.0]: https://x/by-hand\n",
        ),
    ];
    for (old, new) in cases {
        let plan = bumped(&[("VERSION", "1.2.0\n"), ("CHANGELOG.md", &log(old))], &spec, "1.3.0");
        assert_eq!(String::from_utf8_lossy(&plan.changes[0].bytes), after(new), "{old}");
    }
    let text = after(cases[0].1);
    assert!(bumped(&[("VERSION", "1.3.0\n"), ("CHANGELOG.md", &text)], &spec, "1.3.0").edits.is_empty(), "a second time changes nothing");
    let windows = log("[Unreleased]: https://x/compare/v1.2.0...HEAD\r\n").replace("\r\n", "\n").replace('\n', "\r\n");
    let plan = bumped(&[("VERSION", "1.2.0\n"), ("CHANGELOG.md", &windows)], &spec, "1.3.0");
    assert!(String::from_utf8_lossy(&plan.changes[0].bytes).ends_with("...HEAD\r\n[1.3.0]: https://x/compare/v1.2.0...v1.3.0\r\n"));
}

/// A monorepo of npm's, with what members ask of each other; npm refuses to install where that and the lock file are left behind.
const ROOT: &str = r#"{"name":"root","private":true,"workspaces":["p/*"],"devDependencies":{"@x/a":"1.2.0"}}"#;
const A: &str = r#"{"name":"@x/a","version":"1.2.0","dependencies":{"left-pad":"1.2.0"}}"#;
const B: &str = r#"{"name":"@x/b","version":"1.2.0","dependencies":{"@x/a":"^1.2.0"},"peerDependencies":{"@x/a":"^1.0.0"}}"#;
const LOCK: &str = r#"{"name":"root","packages":{
"":{"name":"root","devDependencies":{"@x/a":"1.2.0"}},
"node_modules/@x/a":{"resolved":"p/a","link":true},
"p/a":{"name":"@x/a","version":"1.2.0","dependencies":{"left-pad":"1.2.0"}},
"p/b":{"name":"@x/b","version":"1.2.0","dependencies":{"@x/a":"^1.2.0"},"peerDependencies":{"@x/a":"^1.0.0"}}}}"#;

#[test]
fn what_members_ask_of_each_other_follows() {
    let texts = [("package.json", ROOT), ("p/a/package.json", A), ("p/b/package.json", B), ("package-lock.json", LOCK)];
    let specs = [file("package.json"), file("p/*/package.json"), file("package-lock.json")];
    let text = |plan: &Plan, path: &str| plan.changes.iter().find(|change| change.file == path).map(|change| String::from_utf8(change.bytes.clone()).unwrap());
    let minor = bumped(&texts, &specs, "1.3.0");
    assert!(minor.left.is_empty(), "{:?}", minor.left);
    assert_eq!(text(&minor, "package.json").unwrap(), ROOT.replace("1.2.0", "1.3.0"));
    assert_eq!(text(&minor, "p/b/package.json").unwrap(), B.replace("1.2.0", "1.3.0"), "what users bring stays as wide as it was");
    assert_eq!(text(&minor, "p/a/package.json").unwrap(), A.replacen("1.2.0", "1.3.0", 1), "other packages are left alone");
    assert_eq!(text(&minor, "package-lock.json").unwrap(), LOCK.replace("1.2.0", "1.3.0").replace(r#""left-pad":"1.3.0""#, r#""left-pad":"1.2.0""#));
    let major = bumped(&texts, &specs, "2.0.0");
    assert_eq!(text(&major, "p/b/package.json").unwrap(), B.replace("1.2.0", "2.0.0").replace("1.0.0", "2.0.0"));
    // Members that are no sources keep what they say, in the lock file too.
    let alone = bumped(&texts[..], &[file("p/a/package.json"), file("package-lock.json")], "2.0.0");
    assert_eq!(alone.changes.iter().map(|change| change.file.as_str()).collect::<Vec<_>>(), ["package-lock.json", "p/a/package.json"]);
    assert!(text(&alone, "package-lock.json").unwrap().contains(r#""@x/a":"^1.2.0""#));
}

#[test]
fn a_range_that_no_edit_can_mend_is_told() {
    let member = r#"{"name":"b","version":"1.2.0","dependencies":{"a":">=1.0.0 <2"},"devDependencies":{"a":"workspace:^1.2.0"}}"#;
    let texts = [("a/package.json", r#"{"name":"a","version":"1.2.0"}"#), ("b/package.json", member), ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n")];
    let specs = [file("*/package.json")];
    let plan = bumped(&texts, &specs, "2.0.0");
    assert_eq!(told(&plan.left), ["range-mismatch b/package.json:1", "lock-out-of-date pnpm-lock.yaml"]);
    assert!(plan.edits.iter().any(|edit| edit.file == "b/package.json" && edit.to == "2.0.0"), "{:?}", plan.edits);
    let lock = r#"{"packages":{"":{},"b":{"name":"b","version":"1.2.0","dependencies":{"a":">=1.0.0 <2"}}}}"#;
    let npm = [texts[0], texts[1], ("package-lock.json", lock)];
    let plan = bumped(&npm, &[file("*/package.json"), file("package-lock.json")], "2.0.0");
    assert_eq!(told(&plan.left), ["range-mismatch b/package.json:1"], "once, where it is mended");
    assert_eq!(told(&survey(&texts, &specs).check(&v("1.2.0"), PrereleasePolicy::Strict)), Vec::<String>::new());
}

#[test]
fn nothing_is_planned_where_something_cant_be_read() {
    let texts = [("VERSION", "1.2.0"), ("package.json", "{\n<<<<"), ("Cargo.toml", "[package]\nversion = \"one\"\n")];
    let refused = plan(&Texts::of(texts), &[file("VERSION"), file("package.json"), file("Cargo.toml")], &v("1.3.0"), "x").unwrap_err();
    assert_eq!(refused.kind().exit_code(), 3);
    assert_eq!(told(refused.found()), ["version-unreadable package.json:2", "version-unreadable Cargo.toml:2"]);
}

#[test]
fn a_second_time_changes_nothing() {
    let texts = [("VERSION", "1.3.0"), ("package.json", "{\"version\":\"1.2.0\"}")];
    let specs = [file("VERSION"), file("package.json")];
    let first = bumped(&texts, &specs, "1.3.0");
    assert_eq!(first.edits.len(), 1);
    let tree = Texts::of(texts);
    let after = crate::versions::Overlay::new(&tree);
    for change in first.changes {
        after.set(&change.file, change.bytes);
    }
    assert_eq!(after.read("package.json").unwrap().unwrap(), b"{\"version\":\"1.3.0\"}");
    assert!(plan(&after, &specs, &v("1.3.0"), "x").unwrap().edits.is_empty());
}
