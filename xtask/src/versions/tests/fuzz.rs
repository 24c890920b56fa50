//! Mutated files: never a panic, and a bump that goes through leaves the new version and touches nothing else.

use proptest::prelude::*;

use super::*;
use crate::versions::bump::plan;

const SEEDS: [(&str, &str); 9] = [
    (
        "Cargo.toml",
        "[package]\nname = \"a\"\nversion = \"1.2.0\"\n[workspace]\nmembers = [\"b/*\"]\n[dependencies]\nb = { path = \"b/c\", version = \"1.2.0\" }\n",
    ),
    ("Cargo.lock", "[[package]]\nname = \"a\"\nversion = \"1.2.0\"\n\n[[package]]\nname = \"z\"\nversion = \"1.2.0\"\nsource = \"r\"\n"),
    ("package.json", "{\r\n  \"name\": \"a\",\r\n  \"version\": \"1.2.0\",\r\n  \"workspaces\": [\"p/*\"]\r\n}"),
    ("package-lock.json", "{\"version\":\"1.2.0\",\"packages\":{\"\":{\"version\":\"1.2.0\"},\"p/x\":{\"version\":\"1.2.0\"}}}"),
    ("pyproject.toml", "[project]\nname = \"a\"\nversion = \"1.2.0\"\n[tool.poetry]\nversion = '1.2.0b1'\n"),
    ("a.py", "'''doc'''\n__version__: str = \"1.2.0\"\nx = '\\''\n"),
    ("VERSION", "v1.2.0\n"),
    ("README.md", "![v](badge/version-1.2.0--beta.1-blue) badge/version-1.2.0-x"),
    ("CHANGELOG.md", "# C\n\n## [Unreleased]\n\n## [1.2.0] - 2026-01-01\n"),
];

fn spec_of(path: &str) -> SourceSpec {
    match path {
        "README.md" => pattern(path, "badge/version-{version}-"),
        "CHANGELOG.md" => heading(path, "## {version}"),
        path => file(path),
    }
}

fn mutated() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let cut = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..4));
    (0..SEEDS.len(), prop::collection::vec(cut, 0..4)).prop_map(|(seed, cuts)| {
        let mut bytes = SEEDS[seed].1.as_bytes().to_vec();
        for (at, length, new) in cuts {
            let start = at.index(bytes.len() + 1);
            let end = start + length.index((bytes.len() - start).min(8) + 1);
            // Mostly text: bytes below 128 keep the file UTF-8.
            bytes.splice(start..end, new.into_iter().map(|byte| if byte > 250 { byte } else { byte & 0x7f }));
        }
        (seed, bytes)
    })
}

/// What is left when everything that looks like a version is taken out.
fn without_versions(text: &str) -> String {
    let run = regex::Regex::new("[0-9A-Za-z.+_!-]*[0-9][0-9A-Za-z.+_!-]*").unwrap();
    run.replace_all(text, "").into_owned()
}

fn is_insertion(old: &[u8], new: &[u8]) -> bool {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    new.len() > old.len() && head + tail >= old.len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_panic_and_bumps_touch_versions_only((seed, bytes) in mutated()) {
        let path = SEEDS[seed].0;
        let leader = ("zz/VERSION", b"1.2.0\n".to_vec());
        let tree = Texts::of([(path, bytes.clone()), (leader.0, leader.1)]);
        let specs = [file("zz/VERSION"), spec_of(path)];
        let survey = read(&tree, &specs).unwrap();
        let findings = survey.check(&v("1.2.0"), PrereleasePolicy::Strict);
        prop_assert!(findings.iter().all(|finding| !finding.hints.is_empty() && (finding.file.is_some() || finding.code == "version-missing")));
        let Ok(plan) = plan(&tree, &specs, &v("3.4.5"), "2026-01-31") else { return Ok(()) };
        for change in plan.changes.iter().filter(|change| change.file == path) {
            let (old, new) = (String::from_utf8_lossy(&bytes).into_owned(), String::from_utf8_lossy(&change.bytes).into_owned());
            if path == "CHANGELOG.md" {
                prop_assert!(is_insertion(old.as_bytes(), new.as_bytes()), "{}", new);
            } else {
                prop_assert_eq!(without_versions(&old), without_versions(&new));
            }
            let mut left = plan.edits.iter().filter(|edit| edit.file == path).filter(|edit| !new.contains(&edit.to));
            prop_assert!(left.next().is_none());
        }
    }
}
