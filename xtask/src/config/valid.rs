//! [`Raw`] → [`Config`]: what can be checked without looking at the world is checked here, once, and then carried by types.

use toml_edit::Document;

use super::raw::*;
use crate::kernel::{Finding, TagTemplate};

/// A valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The project's name.
    pub name: String,
    /// `owner/name`, where it is written down.
    pub repository: Option<Repository>,
    /// How tags are written.
    pub tag: TagTemplate,
    /// What sources must say of a prerelease.
    pub prerelease: PrereleasePolicy,
    /// Where the version is written.
    pub sources: Vec<SourceSpec>,
    /// What is built.
    pub artifacts: Vec<Artifact>,
    /// Where releases go and how many are kept.
    pub release: ReleaseRules,
    /// The forges' own settings.
    pub forge: ForgeRules,
    /// The compose stack.
    pub services: Option<Services>,
    /// What is backed up.
    pub backups: Vec<BackupSource>,
    /// Env files and secrets.
    pub env: EnvRules,
    /// What an incident needs.
    pub incident: IncidentRules,
    /// Programs that the project needs.
    pub tools: Vec<Tool>,
    /// Where the application is installed.
    pub install: Option<InstallTarget>,
    /// The pipelines that `workflows` writes.
    pub workflows: WorkflowRules,
}

/// `owner/name`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The user or organisation.
    pub owner: String,
    /// The repository.
    pub name: String,
}

impl Repository {
    /// Reads `owner/name`.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let (owner, name) = text.split_once('/')?;
        (fits(owner) && fits(name)).then(|| Self { owner: owner.into(), name: name.into() })
    }

    /// Reads a git remote's address: `https://host/owner/name.git`, `git@host:owner/name.git`, `ssh://git@host/owner/name`.
    pub fn from_remote(address: &str) -> Option<Self> {
        let path = address.trim_end_matches('/').trim_end_matches(".git");
        let mut parts = path.rsplit(['/', ':']);
        let (name, owner) = (parts.next()?, parts.next()?);
        Self::parse(&format!("{owner}/{name}"))
    }
}

impl std::fmt::Display for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// One of `[[artifact]]`, valid.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The first part of its file names.
    pub name: String,
    /// What makes it.
    pub build: Build,
    /// Target triples; empty when it doesn't depend on one.
    pub targets: Vec<String>,
    /// Globs of files that go in.
    pub files: Vec<String>,
    /// Taken off the front of file paths inside archives.
    pub strip_prefix: Option<String>,
    /// How it is packed; at least one.
    pub formats: Vec<Format>,
    /// Environment variables that the build may see.
    pub env: Vec<String>,
    /// Asked after the build.
    pub version_check: Option<String>,
}

/// What makes an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Build {
    /// `cargo build`
    Cargo(CargoBuild),
    /// Command lines in a clean checkout.
    Run(Vec<String>),
    /// Nothing: its files are in the commit.
    Files,
}

/// Checks everything; the key's line comes from the text.
pub(super) fn validate(raw: Raw, text: &str) -> Result<Config, Vec<Finding>> {
    let mut check = Check { text, findings: Vec::new() };
    check.that(raw.schema == 1, "schema", || format!("schema {} is not known here", raw.schema), "write `schema = 1`");
    check.project(&raw.project);
    let tag = check.tag(&raw.version.tag);
    check.release(&raw.release);
    let artifacts = check.artifacts(&raw.artifact);
    check.backups(&raw.backup, raw.services.is_some());
    check.probes(raw.services.as_ref());
    let repository = raw.project.repository.as_deref().and_then(Repository::parse);
    match (check.findings.is_empty(), tag) {
        (true, Some(tag)) => Ok(Config {
            name: raw.project.name,
            repository,
            tag,
            prerelease: raw.version.prerelease,
            sources: raw.version.source,
            artifacts,
            release: raw.release,
            forge: raw.forge,
            services: raw.services,
            backups: raw.backup,
            env: raw.env,
            incident: raw.incident,
            tools: raw.tool,
            install: raw.install,
            workflows: raw.workflows,
        }),
        _ => Err(check.findings),
    }
}

struct Check<'a> {
    text: &'a str,
    findings: Vec<Finding>,
}

impl Check<'_> {
    /// Records a finding at a key unless `holds`.
    fn that(&mut self, holds: bool, key: &str, message: impl FnOnce() -> String, hint: &str) {
        if !holds {
            let finding = Finding::error("config-value", format!("{key}: {}", message())).hint(hint);
            self.findings.push(match line_of(self.text, key) {
                Some(line) => finding.line(line),
                None => finding,
            });
        }
    }

    fn project(&mut self, project: &Project) {
        let fits = is_file_name(&project.name);
        self.that(fits, "project.name", || format!("`{}` can't be part of a file name", project.name), "use letters, digits, `-`, `_` and `.`");
        if let Some(repository) = &project.repository {
            let fits = Repository::parse(repository).is_some();
            self.that(fits, "project.repository", || format!("`{repository}` is not OWNER/NAME"), "write it as it stands on GitHub, e.g. acme/rocket");
        }
    }

    fn tag(&mut self, template: &str) -> Option<TagTemplate> {
        let tag = TagTemplate::parse(template);
        self.that(tag.is_ok(), "version.tag", || format!("`{template}` must hold `{{version}}` exactly once"), "the usual one is \"v{version}\"");
        tag.ok()
    }

    fn release(&mut self, release: &ReleaseRules) {
        let zero = [("release.keep", release.keep), ("release.keep-prereleases", release.keep_prereleases)];
        let (key, _) = zero.iter().find(|(_, keep)| *keep == Some(0)).copied().unwrap_or(("", None));
        self.that(
            key.is_empty() || key == "release.keep-prereleases",
            key,
            || "0 would keep no release".into(),
            "keep at least 1, or leave the key out to keep all",
        );
    }

    fn artifacts(&mut self, raws: &[RawArtifact]) -> Vec<Artifact> {
        let mut artifacts: Vec<Artifact> = Vec::new();
        for (index, raw) in raws.iter().enumerate() {
            let key = |name: &str| format!("artifact.{index}.{name}");
            let twice = artifacts.iter().any(|other| other.name == raw.name);
            self.that(!twice, &key("name"), || format!("`{}` is used twice", raw.name), "artifacts need names of their own");
            self.that(
                is_file_name(&raw.name),
                &key("name"),
                || format!("`{}` can't be part of a file name", raw.name),
                "use letters, digits, `-`, `_` and `.`",
            );
            let both = raw.cargo.is_some() && !raw.run.is_empty();
            self.that(!both, &key("run"), || "an artifact has either `cargo` or `run`".into(), "split it into two artifacts");
            let something = raw.cargo.is_some() || !raw.files.is_empty();
            self.that(something, &key("files"), || "this artifact holds nothing".into(), "name the files that go in, e.g. files = [\"dist/**\"]");
            self.globs(&key("files"), &raw.files);
            artifacts.push(artifact(raw));
        }
        artifacts
    }

    fn globs(&mut self, key: &str, globs: &[String]) {
        for glob in globs {
            let fits = globset::Glob::new(glob).is_ok() && !glob.starts_with('/') && !glob.split('/').any(|part| part == "..");
            self.that(fits, key, || format!("`{glob}` is not a glob inside the repository"), "write a relative path or glob with `/`, such as assets/**");
        }
    }

    fn backups(&mut self, sources: &[BackupSource], has_services: bool) {
        for (index, source) in sources.iter().enumerate() {
            let key = |name: &str| format!("backup.{index}.{name}");
            let name = &source.name;
            self.that(is_file_name(name), &key("name"), || format!("`{name}` can't be part of a file name"), "use letters, digits, `-`, `_` and `.`");
            let twice = sources.iter().take(index).any(|other| other.name == *name);
            self.that(!twice, &key("name"), || format!("`{name}` is used twice"), "backups need names of their own");
            let one = source.volume.is_some() != source.directory.is_some();
            self.that(one, &key("volume"), || format!("`{name}` needs either `volume` or `directory`"), "a Docker volume by its compose name, or a folder");
            let served = source.volume.is_none() || has_services;
            self.that(served, &key("volume"), || format!("`{name}` names a volume, but there is no [services]"), "add [services] with the compose file");
            self.that(source.keep != Some(0), &key("keep"), || "0 would keep no backup".into(), "keep at least 1, or leave the key out to keep all");
            let share = source.shrink.is_none_or(|share| (0.0..=1.0).contains(&share));
            self.that(share, &key("shrink"), || "not a share".into(), "write a number from 0 to 1");
            let packed = !matches!(source.format, Some(Format::Zip | Format::Raw));
            self.that(packed, &key("format"), || "a backup is `tar.zst` or `tar.gz`".into(), "zip loses owners and links");
        }
    }

    fn probes(&mut self, services: Option<&Services>) {
        for (index, probe) in services.into_iter().flat_map(|services| &services.probe).enumerate() {
            let one = probe.http.is_some() != probe.command.is_some();
            let key = format!("services.probe.{index}.service");
            self.that(one, &key, || format!("the probe of `{}` needs either `http` or `command`", probe.service), "an address, or the words of a command");
        }
    }
}

fn artifact(raw: &RawArtifact) -> Artifact {
    let build = match (&raw.cargo, raw.run.is_empty()) {
        (Some(cargo), _) => Build::Cargo(cargo.clone()),
        (None, false) => Build::Run(raw.run.clone()),
        (None, true) => Build::Files,
    };
    let mut formats = if raw.formats.is_empty() { vec![Format::TarGz] } else { raw.formats.clone() };
    formats.sort();
    formats.dedup();
    Artifact {
        name: raw.name.clone(),
        build,
        targets: raw.targets.clone(),
        files: raw.files.clone(),
        strip_prefix: raw.strip_prefix.clone(),
        formats,
        env: raw.env.clone(),
        version_check: raw.version_check.clone(),
    }
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// The line of `artifact.0.name` or the nearest table above it.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let document = Document::parse(text).ok()?;
    let mut item = document.as_item();
    let mut offset = None;
    for part in key.split('.') {
        let next = match part.parse::<usize>() {
            Ok(index) => item.get(index),
            Err(_) => item.get(part),
        };
        let Some(next) = next else { break };
        let key_span = item.as_table_like().and_then(|table| table.key(part)).and_then(|key| key.span());
        offset = key_span.or(next.span()).map(|span| span.start).or(offset);
        item = next;
    }
    offset.map(|offset| text.get(..offset).unwrap_or(text).matches('\n').count() + 1)
}
