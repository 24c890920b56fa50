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
