//! What is known beside the logs: versions, tools, ledger, journals, configuration, services. Each source may fail by itself; what fails is told.

use serde_json::json;

use super::{
    super::{envfile, tools},
    item::{Item, LeftOut},
    machine,
};
use crate::{
    config::Project,
    effects::{files, git::Git},
    kernel::{Finding, Result},
    services::{self, ServiceStatus, Stack},
};

/// What was found out, for the bundle and for the summary.
#[derive(Default)]
pub struct Facts {
    /// Entries.
    pub items: Vec<Item>,
    /// What couldn't be had.
    pub left_out: Vec<LeftOut>,
    /// Lines for the summary.
    pub lines: Vec<String>,
    /// Names of the services with a container.
    pub services: Vec<String>,
}

impl Facts {
    /// Adds an entry, or why there is none.
    pub fn add(&mut self, name: &str, what: &str, content: Result<Vec<u8>>) {
        match content {
            Ok(bytes) => self.items.push(Item::bytes(name, what, bytes)),
            Err(error) => self.left_out.push(LeftOut { name: name.into(), why: error.chain() }),
        }
    }

    fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }
}

/// Asks everything that can be asked. `stack` is the compose stack, or why there is none.
pub fn gather(project: &Project, stack: Option<&Result<Stack>>, compose: Option<&str>, findings: &[Finding]) -> Facts {
    let mut facts = Facts::default();
    facts.add("state/machine.txt", "system, memory, disk", Ok(machine::describe(&project.root).into_bytes()));
    let told = machine::describe(&project.root);
    facts.lines.extend(told.lines().filter(|line| line.starts_with("disk free") || line.starts_with("memory available")).map(str::to_owned));
    versions(project, &mut facts);
    own_files(project, &mut facts);
    checks(findings, &mut facts);
    env_keys(project, &mut facts);
    if let Some(text) = compose {
        facts.add("state/compose.yml", "the compose configuration, filled in", Ok(text.into()));
    }
    match stack {
        Some(Ok(stack)) => running(stack, &mut facts),
        Some(Err(error)) => {
            facts.line(format!("services: unknown, {}", error.chain()));
            facts.left_out.push(LeftOut { name: "state/services.json".into(), why: error.chain() });
        }
        None => {}
    }
    facts
}

fn running(stack: &Stack, facts: &mut Facts) {
    let status = services::status(stack);
    if let Ok(status) = &status {
        facts.services = status.iter().filter(|service| service.container.is_some()).map(|service| service.service.clone()).collect();
        facts.services.dedup();
        facts.lines.extend(status.iter().map(service_line));
    }
    facts.add("state/services.json", "each service: image, state, health, ports", status.and_then(|status| pretty(&status)));
}

fn service_line(service: &ServiceStatus) -> String {
    let health = service.health.as_deref().map(|health| format!(", {health}")).unwrap_or_default();
    let restarts = if service.restarts > 0 { format!(", restarted {} times", service.restarts) } else { String::new() };
    format!("service {}: {}{health}{restarts}", service.service, service.state)
}

fn versions(project: &Project, facts: &mut Facts) {
    let states: Vec<_> = tools::look(project).into_iter().map(|(state, _)| state).collect();
    for tool in &states {
        facts.line(format!("{}: {} ({})", tool.name, tool.found.as_deref().unwrap_or("no version"), tool.state));
    }
    facts.add("state/tools.json", "programs that the project needs, and their versions", pretty(&states));
    let text = project.git().and_then(|git| git_text(&git));
    if let Ok(text) = &text {
        facts.lines.extend(text.lines().take(2).map(str::to_owned));
    }
    facts.add("state/git.txt", "commit, branch, latest tags, changed files", text.map(String::into_bytes));
}

fn git_text(git: &Git) -> Result<String> {
    let head = git.commit("HEAD")?.unwrap_or_else(|| "none".into());
    let branch = git.branch()?.unwrap_or_else(|| "detached".into());
    let tags = git.program().args(["for-each-ref", "--sort=-creatordate", "--count=10", "--format=%(refname:strip=2)", "refs/tags"]).read()?;
    let dirty = git.dirty()?;
    let list = |lines: &[String]| lines.iter().map(|line| format!("  {line}\n")).collect::<String>();
    let tags: Vec<String> = tags.lines().map(str::to_owned).collect();
    Ok(format!("commit: {head}\nbranch: {branch}\nlatest tags:\n{}changed files: {}\n{}", list(&tags), dirty.len(), list(dirty.get(..200).unwrap_or(&dirty))))
}

/// The project's configuration, ledger and journals, as they lie on disk.
fn own_files(project: &Project, facts: &mut Facts) {
    facts.add("state/xtask.toml", "the configuration", files::read(&project.file));
    let state = project.state();
    if files::exists(&state.join("ledger.jsonl")) {
        facts.add("state/ledger.jsonl", "what was done here", files::read(&state.join("ledger.jsonl")));
    }
    for name in files::list(&state.join("journal")).unwrap_or_default() {
        facts.line(format!("under way: {name}"));
        facts.add(&format!("state/journal/{name}"), "what is under way", files::read(&state.join("journal").join(&name)));
    }
}

fn checks(findings: &[Finding], facts: &mut Facts) {
    for finding in findings.iter().filter(|finding| finding.is_error()).take(20) {
        let line = format!("{}: {}", finding.file.as_deref().unwrap_or("check"), finding.message);
        if !facts.lines.contains(&line) {
            facts.line(line);
        }
    }
    facts.add("state/check.json", "what the checks found", pretty(&findings));
}

/// Which variables are set, never what to.
fn env_keys(project: &Project, facts: &mut Facts) {
    let mut files_told = Vec::new();
    for file in &project.config.env.files {
        let Ok(Some(text)) = files::read_text_if_there(&project.path(&file.path)) else { continue };
        let keys = envfile::parse(&text)
            .set()
            .map(|given| if given.value.is_empty() { format!("{} (empty)", given.key) } else { given.key.clone() })
            .collect::<Vec<_>>();
        files_told.push(json!({ "file": file.path, "variables": keys }));
    }
    if !files_told.is_empty() {
        facts.add("state/env.json", "names of the variables in env files, without values", pretty(&files_told));
    }
}

/// As text that a person can read.
pub fn pretty(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    use crate::kernel::Context as _;
    let mut bytes = serde_json::to_vec_pretty(value).context(|| "write JSON".into())?;
    bytes.push(b'\n');
    Ok(bytes)
}
