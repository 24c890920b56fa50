//! `init`: an `xtask.toml` from what the repository holds: manifests, tags, a compose file, env examples. It is read back before it is written.

mod node;

use std::fmt::Write as _;

use serde_json::json;

use super::{Session, args::InitArgs};
use crate::{
    config::{self, SourceSpec},
    effects::{
        files,
        git::{Git, TagRef},
    },
    kernel::{Error, Kind, Result, TagTemplate},
    report::{Answer, View},
    versions::{self, Tree as _, WorkTree},
};

pub(super) fn run(session: &Session, args: &InitArgs) -> Result<Answer> {
    let git = Git::discover(&session.folder()?)?;
    let path = git.root().join(config::FILE);
    if files::exists(&path) && !args.force {
        return Err(Error::new(Kind::Refused, format!("{} is there already", path.display())).hint("edit it, or replace it with --force"));
    }
    let seen = look(&git)?;
    let text = write(&seen);
    config::parse(&text, &path)?;
    if session.global.dry_run {
        return Ok(Answer::new(&json!({ "file": path, "text": text }), View::Text(text)));
    }
    files::write(&path, text.as_bytes())?;
    session.events.note(format!("wrote {}", path.display()));
    session.events.note("next: xtask check");
    Ok(Answer::new(&json!({ "file": path, "text": text }), View::Text(text)))
}

/// What the repository shows.
struct Seen {
    name: String,
    template: String,
    sources: Vec<SourceSpec>,
    packages: Vec<String>,
    node: Option<node::Node>,
    compose: Option<String>,
    env: Vec<(String, String)>,
    extras: Vec<String>,
}

fn look(git: &Git) -> Result<Seen> {
    let tree = WorkTree::new(git.root())?;
    let has = |name: &str| tree.files().iter().any(|file| file == name);
    let first = |names: &[&str]| names.iter().copied().find(|name| has(name)).map(str::to_owned);
    let examples = tree.files().iter().filter(|file| file.ends_with(".env.example"));
    Ok(Seen {
        name: name(git),
        template: template(&git.refs()?.tags),
        sources: versions::detect(&tree)?,
        packages: packages(git),
        node: node(git, has)?,
        compose: first(&["docker-compose.yml", "docker-compose.yaml", "compose.yaml", "compose.yml"]),
        env: examples.map(|example| (example.trim_end_matches(".example").to_owned(), example.clone())).collect(),
        extras: ["README.md", "LICENSE", "LICENSE-MIT", "LICENSE-APACHE"].into_iter().filter(|name| has(name)).map(str::to_owned).collect(),
    })
}

fn node(git: &Git, has: impl Fn(&str) -> bool) -> Result<Option<node::Node>> {
    let text = |name: &str| files::read_text_if_there(&git.root().join(name));
    let ignored = text(".gitignore")?.unwrap_or_default();
    Ok(text("package.json")?.filter(|_| has("package.json")).map(|manifest| node::look(&manifest, &ignored, has)))
}

fn name(git: &Git) -> String {
    let folder = git.root().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let name = name.trim_matches(['.', '-']).to_owned();
    if name.is_empty() { "project".into() } else { name }
}

/// How tags are written so far: the template that fits most.
fn template(tags: &[TagRef]) -> String {
    let count = |text: &str| TagTemplate::parse(text).map_or(0, |template| tags.iter().filter(|tag| template.matches(&tag.name).is_some()).count());
    let candidates = ["v{version}", "{version}", "release-{version}", "release/{version}"];
    candidates.into_iter().rev().max_by_key(|text| count(text)).filter(|text| count(text) > 0).unwrap_or("v{version}").to_owned()
}

/// Packages with programs, as cargo tells; none where there is no cargo or no manifest.
fn packages(git: &Git) -> Vec<String> {
    let told = crate::effects::process::Program::new("cargo").args(["metadata", "--no-deps", "--offline", "--format-version=1"]).folder(git.root()).read();
    let metadata: serde_json::Value = told.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let packages = metadata.get("packages").and_then(|packages| packages.as_array()).cloned().unwrap_or_default();
    let is_bin =
        |target: &serde_json::Value| target.get("kind").is_some_and(|kind| kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "bin")));
    let has_bin =
        |package: &&serde_json::Value| package.get("targets").and_then(|targets| targets.as_array()).is_some_and(|targets| targets.iter().any(is_bin));
    packages.iter().filter(has_bin).filter(|package| !calls_xtask(package)).filter_map(|package| package.get("name")?.as_str().map(str::to_owned)).collect()
}

/// The three lines that call this program as a library: a tool of the house, nothing to ship.
fn calls_xtask(package: &serde_json::Value) -> bool {
    let dependencies = package.get("dependencies").and_then(|dependencies| dependencies.as_array());
    dependencies.is_some_and(|all| all.iter().any(|one| one.get("name").and_then(|name| name.as_str()) == Some(env!("CARGO_PKG_NAME"))))
}

fn write(seen: &Seen) -> String {
    let mut text = format!("schema = 1\n\n[project]\nname = {}\n\n[version]\ntag = {}\n", quote(&seen.name), quote(&seen.template));
    for source in &seen.sources {
        text += &format!("[[version.source]]\nfile = {}\n", quote(&source.file));
        for (key, value) in [("pattern", &source.pattern), ("heading", &source.heading)] {
            text += &value.iter().map(|value| format!("{key} = {}\n", quote(value))).collect::<String>();
        }
    }
    text += &artifacts(seen);
    text += "\n[release]\nkeep = 5\nforge = \"directory\"                    # or \"github\"\n";
    text += &services(seen);
    text
}

fn artifacts(seen: &Seen) -> String {
    let files = list(&seen.extras);
    let mut text = String::new();
    for package in &seen.packages {
        // Writing into a String can't fail.
        let _ = writeln!(text, "\n[[artifact]]\nname = {0}\ncargo = {{ package = {0} }}\nfiles = {files}\nformats = [\"tar.gz\"]", quote(package));
    }
    match &seen.node {
        Some(node) if seen.packages.is_empty() => text += &files_artifact(&seen.name, &node.run, &quote(&node.files)),
        None if seen.packages.is_empty() => {
            let files = if seen.extras.is_empty() { quote("**") } else { files.trim_matches(['[', ']']).to_owned() };
            text += &files_artifact(&seen.name, &[], &files);
        }
        _ => {}
    }
    text
}

fn files_artifact(name: &str, run: &[String], files: &str) -> String {
    let run = if run.is_empty() { String::new() } else { format!("run = {}\n", list(run)) };
    format!("\n[[artifact]]\nname = {}\n{run}files = [{files}]\nformats = [\"tar.gz\"]\n", quote(name))
}

fn services(seen: &Seen) -> String {
    let compose = seen.compose.iter().map(|file| format!("\n[services]\ncompose = {}\n", quote(file)));
    let env = seen.env.iter().map(|(path, example)| format!("{{ path = {}, example = {} }}", quote(path), quote(example))).collect::<Vec<_>>();
    let env = (!env.is_empty()).then(|| format!("\n[env]\nfiles = [{}]\n", env.join(", ")));
    compose.chain(env).collect()
}

fn list(items: &[String]) -> String {
    format!("[{}]", items.iter().map(|item| quote(item)).collect::<Vec<_>>().join(", "))
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}
