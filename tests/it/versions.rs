//! Version sources against tags, as a user meets them: a history of 33 tags of which exactly 22 disagree with the UI's package.json.

use std::collections::BTreeSet;

use crate::support::Scratch;

/// Tag, and what ui/package.json says there.
const HISTORY: [(&str, &str); 33] = [
    ("2.0.0", "2.0.0"),
    ("2.0.1", "2.0.1"),
    ("2.1.0", "2.0.1"),
    ("2.1.1", "2.0.1"),
    ("2.2.0", "2.2.0"),
    ("2.3.0-beta.1", "2.2.0"),
    ("2.3.0-beta.2", "2.2.0"),
    ("2.3.0-beta.11", "2.2.0"),
    ("2.3.0", "2.3.0"),
    ("2.3.1", "2.3.0"),
    ("2.3.2", "2.3.0"),
    ("2.4.0", "2.4.0"),
    ("2.5.0", "2.4.0"),
    ("2.5.1", "2.4.0"),
    ("2.5.2", "2.5.2"),
    ("2.5.3", "2.5.2"),
    ("2.5.4", "2.5.2"),
    ("2.5.5", "2.5.5"),
    ("2.6.0", "2.5.5"),
    ("2.6.1", "2.5.5"),
    ("2.6.2", "2.6.2"),
    ("2.6.5", "2.6.2"),
    ("2.7.0-alpha.1", "2.6.2"),
    ("2.7.0", "2.7.0"),
    ("2.7.1", "2.7.0"),
    ("2.7.2-beta.10", "2.7.0"),
    ("2.7.2-beta.12", "2.7.0"),
    ("2.7.2", "2.7.2"),
    ("2.7.3-beta.1", "2.7.2"),
    ("2.7.3", "2.7.2"),
    ("2.7.4", "2.7.3"),
    ("2.7.5", "2.7.3"),
    ("2.7.6", "2.7.6"),
];

const CONFIG: &str =
    "schema = 1\n[project]\nname = \"ui\"\n[[version.source]]\nfile = \"ui/package.json\"\n[[version.source]]\nfile = \"ui/package-lock.json\"\n";

fn history() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("xtask.toml", CONFIG);
    scratch.write(".gitignore", ".xtask/\n");
    // Decoys: none of them is the UI's version.
    scratch.write("package.json", "{\"private\": true, \"workspaces\": [\"ui\"]}\n");
    scratch.write("ui/packages/kit/package.json", "{\"name\": \"kit\", \"version\": \"0.4.0\"}\n");
    scratch.write("ui/node_modules/left-pad/package.json", "{\"version\": \"1.3.0\"}\n");
    scratch.write("tests/fixtures/package.json", "{\"version\": \"0.0.1\"}\n");
    for (tag, manifest) in HISTORY {
        scratch.write("ui/package.json", format!("{{\n  \"name\": \"ui\",\n  \"version\": \"{manifest}\"\n}}\n"));
        let packages = format!(
            "\"\": {{ \"version\": \"{manifest}\" }}, \"node_modules/x\": {{ \"version\": \"{tag}\" }}, \"packages/kit\": {{ \"version\": \"0.4.0\" }}"
        );
        scratch.write("ui/package-lock.json", format!("{{\n  \"version\": \"{manifest}\",\n  \"packages\": {{ {packages} }}\n}}\n"));
        scratch.commit_all(tag);
        scratch.git(&["tag", &format!("v{tag}")]);
    }
    scratch
}

#[test]
fn of_33_tags_the_22_that_disagree_are_found_and_no_other() {
    let scratch = history();
    let mut wrong = BTreeSet::new();
    for (tag, manifest) in HISTORY {
        scratch.git(&["checkout", "--quiet", "--detach", &format!("v{tag}")]);
        let run = scratch.xtask(&["check", "--only", "versions", "--json"]);
        let document = run.json();
        let found = document["findings"].as_array().expect("findings");
        if tag == manifest {
            assert!(run.code == Some(0) && found.is_empty(), "invented at v{tag}: {found:?}");
            continue;
        }
        assert_eq!(run.code, Some(3), "v{tag}");
        let places: Vec<_> = found.iter().map(|one| format!("{} {}:{}", one["code"], one["file"], one["line"]).replace('"', "")).collect();
        let lock = "version-mismatch ui/package-lock.json";
        assert_eq!(places, ["version-mismatch ui/package.json:3".to_owned(), format!("{lock}:2"), format!("{lock}:3")], "v{tag}");
        wrong.insert(tag);
    }
    assert_eq!(wrong.len(), 22);
}

#[test]
fn a_base_policy_lets_betas_pass_and_nothing_else() {
    let scratch = history();
    scratch.git(&["checkout", "--quiet", "--detach", "v2.2.0"]);
    let base = CONFIG.replacen("[[version.source]]", "[version]\nprerelease = \"base\"\n[[version.source]]", 1);
    for (tag, source, code) in [("2.8.0-beta.1", "2.8.0", 0), ("2.8.0-beta.2", "2.7.0", 3), ("2.8.0", "2.8.0-beta.2", 3)] {
        scratch.write("xtask.toml", &base);
        scratch.write("ui/package.json", format!("{{\"version\": \"{source}\"}}\n"));
        scratch.write("ui/package-lock.json", format!("{{\"version\": \"{source}\"}}\n"));
        scratch.commit_all(tag);
        scratch.git(&["tag", &format!("v{tag}")]);
        scratch.xtask(&["check", "--only", "versions"]).exits(code);
    }
}

#[test]
fn a_hotfix_suffix_is_told_why_nobody_would_get_it() {
    let scratch = Scratch::new();
    scratch.write("xtask.toml", "schema = 1\n[project]\nname = \"ui\"\n[[version.source]]\nfile = \"VERSION\"\n");
    scratch.write("VERSION", "3.2.1\n");
    scratch.commit_all("3.2.1");
    scratch.git(&["tag", "v3.2.1"]);
    scratch.write("VERSION", "3.2.1-hotfix.1\n");
    scratch.commit_all("hotfix");
    scratch.git(&["tag", "v3.2.1-hotfix.1"]);
    let run = scratch.xtask(&["check", "--only", "versions,tag"]).exits(3);
    assert!(run.stderr.contains("nobody on 3.2.1 would be offered it") && run.stderr.contains("name it `v3.2.2`"), "{}", run.stderr);
}
