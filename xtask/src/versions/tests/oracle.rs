//! A history of 33 tags, made on the spot, of which exactly 22 disagree with the UI's package.json: all are found, none is invented.

use std::collections::BTreeSet;

use super::*;
use crate::{
    effects::git::Git,
    kernel::TagTemplate,
    versions::{CommitTree, Tree as _, WorkTree},
};

/// Tag, what ui/package.json says, what its lock file says.
const HISTORY: [(&str, &str, &str); 33] = [
    ("2.0.0", "2.0.0", "2.0.0"),
    ("2.0.1", "2.0.1", "2.0.1"),
    ("2.1.0", "2.0.1", "2.0.1"),
    ("2.1.1", "2.0.1", "2.0.1"),
    ("2.2.0", "2.2.0", "2.2.0"),
    ("2.3.0-beta.1", "2.2.0", "2.2.0"),
    ("2.3.0-beta.2", "2.2.0", "2.2.0"),
    ("2.3.0-beta.11", "2.2.0", "2.2.0"),
    ("2.3.0", "2.3.0", "2.2.0"),
    ("2.3.1", "2.3.0", "2.2.0"),
    ("2.3.2", "2.3.0", "2.3.0"),
    ("2.4.0", "2.4.0", "2.4.0"),
    ("2.5.0", "2.4.0", "2.4.0"),
    ("2.5.1", "2.4.0", "2.4.0"),
    ("2.5.2", "2.5.2", "2.5.2"),
    ("2.5.3", "2.5.2", "2.5.2"),
    ("2.5.4", "2.5.2", "2.5.2"),
    ("2.5.5", "2.5.5", "2.5.4"),
    ("2.6.0", "2.5.5", "2.5.5"),
    ("2.6.1", "2.5.5", "2.5.5"),
    ("2.6.2", "2.6.2", "2.6.2"),
    ("2.6.5", "2.6.2", "2.6.2"),
    ("2.7.0-alpha.1", "2.6.2", "2.6.2"),
    ("2.7.0", "2.7.0", "2.7.0"),
    ("2.7.1", "2.7.0", "2.7.0"),
    ("2.7.2-beta.10", "2.7.0", "2.7.0"),
    ("2.7.2-beta.12", "2.7.0", "2.7.0"),
    ("2.7.2", "2.7.2", "2.7.2"),
    ("2.7.3-beta.1", "2.7.2", "2.7.2"),
    ("2.7.3", "2.7.2", "2.7.2"),
    ("2.7.4", "2.7.3", "2.7.3"),
    ("2.7.5", "2.7.3", "2.7.3"),
    ("2.7.6", "2.7.6", "2.7.6"),
];

fn git(root: &std::path::Path, args: &[&str]) {
    let git = Git::at(root).program().env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    git.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.invalid"]).args(args).read().unwrap();
}

fn write(root: &std::path::Path, path: &str, text: &str) {
    crate::effects::files::write(&root.join(path), text.as_bytes()).unwrap();
}

fn history() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    git(root, &["init", "--quiet", "--initial-branch=main"]);
    // Decoys: none of them is the UI's version.
    write(root, "package.json", "{\"private\": true, \"workspaces\": [\"ui\", \"ui/packages/*\"]}\n");
    write(root, "ui/packages/kit/package.json", "{\"name\": \"kit\", \"version\": \"0.4.0\"}\n");
    write(root, "ui/node_modules/left-pad/package.json", "{\"version\": \"1.3.0\"}\n");
    write(root, "tests/fixtures/package.json", "{\"version\": \"0.0.1\"}\n");
    write(root, "pnpm-workspace.yaml", "packages:\n  - ui\n");
    for (at, (tag, manifest, lock)) in HISTORY.iter().enumerate() {
        write(root, "ui/package.json", &format!("{{\n  \"name\": \"ui\",\n  \"dependencies\": {{ \"x\": \"{tag}\" }},\n  \"version\": \"{manifest}\"\n}}\n"));
        let entry = format!(
            "{{\n  \"version\": \"{lock}\",\n  \"lockfileVersion\": 3,\n  \"packages\": {{\n    \"\": {{ \"version\": \"{lock}\" }},\n    \"node_modules/x\": {{ \"version\": \"{tag}\" }},\n    \"packages/kit\": {{ \"version\": \"0.4.0\" }}\n  }}\n}}\n"
        );
        write(root, "ui/package-lock.json", &entry);
        git(root, &["add", "--all", "--force"]);
        git(root, &["commit", "--quiet", "--allow-empty", "--message", tag]);
        let annotated = ["tag", "--annotate", "--message", "x", &format!("v{tag}")].map(str::to_owned);
        let light = ["tag".to_owned(), format!("v{tag}")];
        let words: Vec<&str> = if at % 2 == 0 { annotated.iter().map(String::as_str).collect() } else { light.iter().map(String::as_str).collect() };
        git(root, &words);
    }
    folder
}

#[test]
fn of_33_tags_the_22_that_disagree_are_found_and_no_other() {
    let folder = history();
    let git = Git::at(folder.path());
    let template = TagTemplate::parse("v{version}").unwrap();
    let specs = [file("ui/package.json"), file("ui/package-lock.json")];
    let (mut mismatched, mut lagging) = (BTreeSet::new(), BTreeSet::new());
    let tags = git.refs().unwrap().tags;
    assert_eq!(tags.len(), 33);
    for tag in tags {
        let tag = (template.read(&tag.name).unwrap(), tag.commit);
        let tree = CommitTree::new(&git, &tag.1).unwrap();
        for finding in read(&tree, &specs).unwrap().check(&tag.0.version, PrereleasePolicy::Strict) {
            match (finding.code.as_str(), finding.file.as_deref(), finding.line) {
                ("version-mismatch", Some("ui/package.json"), Some(4)) => drop(mismatched.insert(tag.0.version.to_string())),
                ("version-mismatch", Some("ui/package-lock.json"), Some(2 | 5)) => {}
                ("lock-out-of-date", Some("ui/package-lock.json"), Some(2 | 5)) => drop(lagging.insert(tag.0.version.to_string())),
                _ => panic!("invented: {finding:?}"),
            }
        }
    }
    let wrong: BTreeSet<String> = HISTORY.iter().filter(|(tag, manifest, _)| tag != manifest).map(|(tag, ..)| (*tag).into()).collect();
    let late: BTreeSet<String> = HISTORY.iter().filter(|(_, manifest, lock)| manifest != lock).map(|(tag, ..)| (*tag).into()).collect();
    assert_eq!((mismatched.len(), &mismatched), (22, &wrong));
    assert_eq!((lagging.len(), lagging), (3, late));
}

#[test]
fn the_work_tree_and_its_commit_read_alike() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    git(root, &["init", "--quiet", "--initial-branch=main"]);
    write(root, ".gitignore", "ignored/\n");
    write(root, "ignored/package.json", "{\"version\":\"9.0.0\"}");
    write(root, "a b/ü/package.json", "{\"version\":\"1.2.0\"}");
    std::os::unix::fs::symlink("a b/ü/package.json", root.join("package.json")).unwrap();
    git(root, &["add", "--all"]);
    git(root, &["commit", "--quiet", "--message", "x"]);
    let git = Git::at(root);
    let (work, commit) = (WorkTree::new(root).unwrap(), CommitTree::new(&git, "HEAD").unwrap());
    assert_eq!(work.files(), [".gitignore", "a b/ü/package.json"]);
    assert_eq!(work.files(), commit.files());
    let specs = [file("**/package.json")];
    assert_eq!(shown(&read(&work, &specs).unwrap().places), ["a b/ü/package.json:1:13 1.2.0"]);
    assert_eq!(read(&work, &specs).unwrap().places, read(&commit, &specs).unwrap().places);
}
