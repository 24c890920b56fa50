//! `check --only env`: env files against their examples, their protection, and secrets in tracked files. Reads files and asks git; changes nothing.

use rayon::prelude::*;

use super::{
    env_rules, judge,
    redact::Redactor,
    secrets::{self, is_env_name},
};
use crate::{
    config::{EnvFile, Project},
    effects::{files, git::Git, tree},
    kernel::{Context as _, Error, Finding, Result},
};

/// Bigger tracked files are data, not places where a person puts a secret.
const LARGEST: u64 = 5_000_000;
/// More findings of one sort in one file say nothing new.
const MOST_IN_FILE: usize = 5;

/// Every finding about configuration and secrets.
pub fn check(project: &Project) -> Result<Vec<Finding>> {
    let given = secrets::from_command(project);
    let mut found: Vec<Finding> = given.as_ref().err().map(|error| Finding::error("secret-command", error.chain())).into_iter().collect();
    let given = given.unwrap_or_default();
    let elsewhere = |key: &str| std::env::var_os(key).is_some_and(|value| !value.is_empty()) || given.iter().any(|(name, _)| name == key);
    for file in &project.config.env.files {
        found.extend(against_example(project, file, &elsewhere)?);
    }
    match project.git() {
        Ok(git) => {
            let tracked = tracked(&git)?;
            for file in &project.config.env.files {
                found.extend(protection(project, &git, &tracked, &file.path)?);
            }
            found.extend(stray_env_files(project, &tracked));
            found.extend(in_tracked_files(project, &tracked)?);
        }
        Err(error) => found.push(Finding::note("env-no-git", format!("tracked files were not scanned: {error}"))),
    }
    Ok(found)
}

fn against_example(project: &Project, file: &EnvFile, elsewhere: &dyn Fn(&str) -> bool) -> Result<Vec<Finding>> {
    let example = match &file.example {
        Some(path) => match read(project, path)? {
            Some(text) => Some((path.as_str(), text)),
            None => {
                return Ok(vec![Finding::error("env-no-example", format!("the example {path} is not there")).hint("write it, or take it out of [env] files")]);
            }
        },
        None => None,
    };
    let text = match read(project, &file.path) {
        Ok(text) => text,
        Err(error) => return Ok(vec![Finding::error("env-unreadable", error.chain()).file(&file.path)]),
    };
    match (text, &example) {
        (Some(text), _) => Ok(env_rules::check(&file.path, &text, example.as_ref().map(|(path, text)| (*path, text.as_str())), elsewhere)),
        (None, None) => Ok(Vec::new()),
        (None, Some((path, text))) => {
            let needed = super::envfile::parse(text).set().filter(|wanted| !elsewhere(&wanted.key)).count();
            let finding = Finding::warning("env-absent", format!("{} is not there, and {needed} variables of {path} are not in the environment", file.path));
            Ok((needed > 0)
                .then(|| finding.hint(format!("cp {path} {} and fill it in, or give the values by `xtask env -- CMD`", file.path)))
                .into_iter()
                .collect())
        }
    }
}

/// Variables that an example asks for and nobody gives: neither env file nor environment nor the secret command.
pub fn unset(project: &Project, given: &[String]) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for file in &project.config.env.files {
        let Some(example) = &file.example else { continue };
        let wanted = read(project, example)?.map(|text| super::envfile::parse(&text)).unwrap_or_default();
        let here = read(project, &file.path)?.map(|text| super::envfile::parse(&text)).unwrap_or_default();
        let is_set =
            |key: &str| given.iter().any(|name| name == key) || std::env::var_os(key).is_some_and(|value| !value.is_empty()) || here.get(key).is_some();
        let missing =
            wanted.set().filter(|wanted| wanted.value.is_empty() || super::envfile::is_placeholder(&wanted.value)).filter(|wanted| !is_set(&wanted.key));
        found.extend(missing.map(|wanted| Finding::warning("env-missing", format!("{} is not set ({example}:{} asks for it)", wanted.key, wanted.line))));
    }
    Ok(found)
}

fn read(project: &Project, path: &str) -> Result<Option<String>> {
    let full = project.path(path);
    if !files::exists(&full) {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&files::read(&full)?).into_owned()))
}

/// Whether git, or others on this machine, can see an env file.
fn protection(project: &Project, git: &Git, tracked: &[String], path: &str) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let rotate = "whoever has a clone has the values: replace them at their providers";
    if tracked.iter().any(|tracked| tracked == path) {
        let finding = Finding::error("env-tracked", "this env file is tracked by git").file(path);
        found.push(finding.hint(format!("git rm --cached {path}, and add it to .gitignore")).hint(rotate));
    } else if let Some(commit) = in_history(git, path)?.filter(|_| !allowed(project, path)) {
        let finding =
            Finding::error("env-in-history", format!("this env file was tracked once: commit {} holds it", commit.get(..10).unwrap_or(&commit))).file(path);
        found.push(finding.hint(rotate).hint(format!("then remove it from history with `git filter-repo`, or accept it: [env] allow = [\"{path}\"]")));
    }
    if git.ignored(&[path.to_owned()])?.is_empty() && !tracked.iter().any(|tracked| tracked == path) {
        found.push(
            Finding::error("env-not-ignored", "git doesn't ignore this env file: the next `git add` takes it in")
                .file(path)
                .hint(format!("add {path} to .gitignore")),
        );
    }
    if let Some(seen) = tree::look(&project.path(path)).filter(|seen| seen.kind == tree::Kind::File && seen.mode & 0o004 != 0) {
        let finding = Finding::warning("env-world-readable", format!("every user of this machine can read it (mode {:04o})", seen.mode)).file(path);
        found.push(finding.hint(format!("chmod 600 {path}")));
    }
    Ok(found)
}

fn in_history(git: &Git, path: &str) -> Result<Option<String>> {
    let captured = git
        .program()
        .args(["log", "--all", "--full-history", "--max-count=1", "--diff-filter=AMD", "--format=%H", "--", &format!(":(literal){path}")])
        .capture()?;
    let commit = captured.text();
    Ok((captured.status.success() && !commit.is_empty()).then_some(commit))
}

/// Tracked env files that the configuration doesn't name.
fn stray_env_files(project: &Project, tracked: &[String]) -> Vec<Finding> {
    let configured = |path: &str| project.config.env.files.iter().any(|file| file.path == path);
    let stray = tracked.iter().filter(|path| is_env_name(path.rsplit('/').next().unwrap_or(path)) && !configured(path) && !allowed(project, path));
    stray
        .map(|path| {
            Finding::error("env-tracked", format!("{path} is tracked by git"))
                .file(path)
                .hint(format!("git rm --cached {path}; if it holds no secrets: [env] allow = [\"{path}\"]"))
        })
        .collect()
}

fn tracked(git: &Git) -> Result<Vec<String>> {
    let captured = git.program().args(["ls-files", "-z"]).capture()?;
    if !captured.status.success() {
        return Err(Error::unexpected("list the tracked files").caused_by(captured.error_text()));
    }
    let text = String::from_utf8_lossy(&captured.stdout).into_owned();
    Ok(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

fn allowed(project: &Project, path: &str) -> bool {
    project.config.env.allow.iter().filter_map(|glob| globset::Glob::new(glob).ok()).any(|glob| glob.compile_matcher().is_match(path))
}

/// Secrets in tracked files, by file, line and sort.
fn in_tracked_files(project: &Project, tracked: &[String]) -> Result<Vec<Finding>> {
    let (known, _) = secrets::known(project, None);
    // A value that every example holds as well (`postgres`) is no secret any more; short ones stand in code by chance.
    let known: Vec<_> = known.into_iter().filter(|secret| secret.value.len() >= 12).collect();
    let redactor = Redactor::new(&known);
    let paths: Vec<&String> = tracked.iter().filter(|path| !allowed(project, path)).collect();
    let found: Result<Vec<Vec<Finding>>> = paths.par_iter().map(|path| in_file(project, &redactor, path)).collect();
    Ok(found?.concat())
}

fn in_file(project: &Project, redactor: &Redactor, path: &str) -> Result<Vec<Finding>> {
    let full = project.path(path);
    let Some(seen) = tree::look(&full).filter(|seen| seen.kind == tree::Kind::File && seen.size <= LARGEST) else { return Ok(Vec::new()) };
    let Ok(bytes) = files::read(&seen.path) else {
        return Ok(vec![Finding::warning("secret-unscanned", "this file can't be read").file(path)]);
    };
    if bytes.get(..8000).unwrap_or(&bytes).contains(&0) {
        return Ok(Vec::new());
    }
    let places = places(redactor, &bytes, path).context(|| format!("scan {path}"))?;
    let shown = places.iter().take(MOST_IN_FILE).map(|place| describe(path, place));
    let more = places.len().saturating_sub(MOST_IN_FILE);
    let rest = (more > 0).then(|| Finding::warning("secret-in-file", format!("{more} more secrets are in this file")).file(path));
    Ok(shown.chain(rest).collect())
}

/// One secret in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What sort: `github-token`.
    pub label: String,
    /// From 1.
    pub line: usize,
    /// It is a value that is in use here.
    pub known: bool,
}

/// Where secrets stand in a text; a private key's lines count once.
pub fn places(redactor: &Redactor, bytes: &[u8], path: &str) -> Result<Vec<Place>> {
    let mut starts = vec![0];
    starts.extend(bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1));
    let line_of = |line: usize| {
        starts.get(line.saturating_sub(1)).and_then(|start| bytes.get(*start..)).and_then(|rest| rest.split(|byte| *byte == b'\n').next()).unwrap_or_default()
    };
    let mut found: Vec<Place> = Vec::new();
    let mut key_line = 0;
    redactor
        .scan(bytes, |hit| {
            let goes_on = hit.label == "private-key" && hit.line == key_line + 1;
            key_line = if hit.label == "private-key" { hit.line } else { key_line };
            if !goes_on && judge::is_secret(&hit, line_of(hit.line), path) {
                found.push(Place { label: hit.label.to_owned(), line: hit.line, known: hit.known });
            }
        })
        .context(|| format!("scan {path}"))?;
    Ok(found)
}

fn describe(path: &str, place: &Place) -> Finding {
    let message = match place.known {
        true => format!("the value of {} that is in use here stands in a tracked file", place.label.to_ascii_uppercase().replace('-', "_")),
        false => format!("this looks like a secret ({})", place.label),
    };
    let finding =
        if judge::is_test_path(path) && !place.known { Finding::warning("secret-in-file", message) } else { Finding::error("secret-in-file", message) };
    finding
        .file(path)
        .line(place.line)
        .hint("take it out and replace it at its provider")
        .hint("if it is none: end the line with `xtask:allow-secret`, or add the file to [env] allow")
}
