//! The file as written: every section, key by key. The JSON Schema comes from these types; so does the list of known keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The configuration of xtask: what is released, where to, and which services and data stand behind it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Raw {
    /// The format of this file: 1.
    pub schema: u32,
    /// What the project is called and where it lives.
    pub project: Project,
    /// Tags and the places where the version is written.
    #[serde(default)]
    pub version: VersionRules,
    /// What is built.
    #[serde(default)]
    pub artifact: Vec<RawArtifact>,
    /// Where releases go and how many are kept.
    #[serde(default)]
    pub release: ReleaseRules,
    /// The docker-compose stack.
    pub services: Option<Services>,
    /// The forges' own settings.
    #[serde(default)]
    pub forge: ForgeRules,
    /// What is backed up.
    #[serde(default)]
    pub backup: Vec<BackupSource>,
    /// Env files and secrets.
    #[serde(default)]
    pub env: EnvRules,
    /// What an incident needs.
    #[serde(default)]
    pub incident: IncidentRules,
    /// Programs that the project needs.
    #[serde(default)]
    pub tool: Vec<Tool>,
    /// Where `install` and `rollback` put the application.
    pub install: Option<InstallTarget>,
    /// The GitHub Actions pipelines that `workflows` writes.
    #[serde(default)]
    pub workflows: WorkflowRules,
}

/// `[project]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Project {
    /// Short name, used in file names.
    pub name: String,
    /// `owner/name` on GitHub; default: the origin remote.
    pub repository: Option<String>,
}

/// `[version]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct VersionRules {
    /// How tags are written; holds `{version}` once.
    pub tag: String,
    /// Whether sources must name a prerelease exactly, or only its base version.
    pub prerelease: PrereleasePolicy,
    /// The places where the version is written.
    pub source: Vec<SourceSpec>,
}

impl Default for VersionRules {
    fn default() -> Self {
        Self { tag: "v{version}".into(), prerelease: PrereleasePolicy::Strict, source: Vec::new() }
    }
}

/// What sources must say when a prerelease is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PrereleasePolicy {
    /// v1.2.0-beta.1 needs sources that say 1.2.0-beta.1.
    #[default]
    Strict,
    /// v1.2.0-beta.1 may be built from sources that say 1.2.0.
    Base,
}

/// `[[version.source]]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SourceSpec {
    /// Path or glob. Known files need no other key.
    pub file: String,
    /// Text around `{version}`, in any file.
    pub pattern: Option<String>,
    /// A heading that must exist, with `{version}`.
    pub heading: Option<String>,
}

/// `[[artifact]]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RawArtifact {
    /// The first part of its file names.
    pub name: String,
    /// Built by cargo.
    pub cargo: Option<CargoBuild>,
    /// Built by these command lines, in a clean checkout of the commit.
    #[serde(default)]
    pub run: Vec<String>,
    /// Target triples; none means that it doesn't depend on one.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Globs of files that go in, from the commit or from what `run` made.
    #[serde(default)]
    pub files: Vec<String>,
    /// Taken off the front of file paths inside archives, e.g. `dist`.
    pub strip_prefix: Option<String>,
    /// Archives to pack; `raw` makes each matched file an asset. Default: tar.gz; zip for Windows.
    #[serde(default)]
    pub formats: Vec<Format>,
    /// Environment variables that the build may see, by name or with `*` at the end. All others are taken out but the few that tools need.
    #[serde(default)]
    pub env: Vec<String>,
    /// Asked after the build, in the unpacked artifact; what it prints must hold the version. E.g. `rocket --version`.
    pub version_check: Option<String>,
}

/// What cargo builds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CargoBuild {
    /// The package; default: the artifact's name.
    pub package: Option<String>,
    /// Its binaries; default: all of the package's.
    #[serde(default)]
    pub bins: Vec<String>,
    /// Features to switch on.
    #[serde(default)]
    pub features: Vec<String>,
    /// Without the default features.
    #[serde(default)]
    pub no_default_features: bool,
    /// The build profile; default: release.
    pub profile: Option<String>,
}

/// How an artifact is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
pub enum Format {
    /// A tar archive, gzip.
    #[serde(rename = "tar.gz")]
    TarGz,
    /// A tar archive, Zstandard.
    #[serde(rename = "tar.zst")]
    TarZst,
    /// A zip archive.
    #[serde(rename = "zip")]
    Zip,
    /// Each matched file as it is.
    #[serde(rename = "raw")]
    Raw,
}

impl Format {
    /// The ending of its files; none for `raw`.
    pub fn extension(self) -> Option<&'static str> {
        match self {
            Self::TarGz => Some("tar.gz"),
            Self::TarZst => Some("tar.zst"),
            Self::Zip => Some("zip"),
            Self::Raw => None,
        }
    }
}

/// `[release]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ReleaseRules {
    /// How many full releases are kept; none keeps all.
    pub keep: Option<usize>,
    /// How many prereleases are kept; none keeps all.
    pub keep_prereleases: Option<usize>,
    /// Tags that are never pruned.
    pub pinned: Vec<String>,
    /// Where releases are published.
    pub forge: ForgeKind,
    /// Where the text of a release comes from.
    pub notes: NotesSource,
    /// Where the last releases are cached for a rollback without the forge; default `.xtask/cache`.
    pub cache: Option<String>,
}

/// `[forge]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ForgeRules {
    /// A folder that holds releases.
    pub directory: DirectoryForge,
    /// GitHub or an Enterprise server.
    pub github: GithubForge,
}

/// Which forge `release` publishes to unless `--forge` says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ForgeKind {
    /// A folder.
    #[default]
    Directory,
    /// GitHub Releases.
    Github,
}

/// `[forge.directory]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct DirectoryForge {
    /// The folder, relative to the repository's root.
    pub path: String,
}

impl Default for DirectoryForge {
    fn default() -> Self {
        Self { path: "target/releases".into() }
    }
}

/// `[forge.github]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct GithubForge {
    /// The API's address; `XTASK_GITHUB_API` overrides it.
    pub api: String,
}

impl Default for GithubForge {
    fn default() -> Self {
        Self { api: "https://api.github.com".into() }
    }
}

/// Where the text of a release comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum NotesSource {
    /// The version's section of CHANGELOG.md where there is one, else written by the forge.
    #[default]
    Auto,
    /// The version's section of CHANGELOG.md; it must be there.
    Changelog,
    /// Written by the forge from what was merged.
    Generated,
    /// No text.
    None,
}

/// `[services]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Services {
    /// The compose file, relative to the repository's root.
    pub compose: String,
    /// The compose project's name; default: what Compose itself takes.
    pub project: Option<String>,
    /// How long `up` waits for health, in seconds; default 180.
    pub wait: Option<u64>,
    /// How long a service must stay healthy after its image was switched before the switch counts, in seconds; default 10.
    pub soak: Option<u64>,
    /// What must answer when a service is healthy.
    #[serde(default)]
    pub probe: Vec<Probe>,
}

/// `[[services.probe]]`: one of `http` and `command`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Probe {
    /// The compose service.
    pub service: String,
    /// An address that must answer with a 2xx status.
    pub http: Option<String>,
    /// Words of a command that must exit with 0 inside the service's container.
    pub command: Option<Vec<String>>,
}

/// `[[backup]]`: a volume or a directory.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BackupSource {
    /// Names the backup.
    pub name: String,
    /// The compose service that writes the volume.
    pub service: Option<String>,
    /// The volume's name in the compose file.
    pub volume: Option<String>,
    /// How a consistent copy is made.
    pub engine: Option<Engine>,
    /// A folder to back up instead of a volume; `{config-dir}`, `{home}` and `{data-dir}` are filled in.
    pub directory: Option<String>,
    /// Globs below the folder; default: everything.
    #[serde(default)]
    pub include: Vec<String>,
    /// Globs below the folder that are left out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// A program that must not run while the folder is copied or restored.
    pub closed: Option<String>,
    /// JSON files below the folder that must parse after a restore.
    #[serde(default)]
    pub validate: Vec<String>,
    /// How many backups are kept; none keeps all.
    pub keep: Option<usize>,
    /// Backups younger than so many days are kept, whatever their number.
    pub keep_days: Option<u32>,
    /// A backup smaller than the last one by more than this share (0 to 1) is a finding; default 0.5.
    pub shrink: Option<f64>,
    /// How it is packed: `tar.zst` (default) or `tar.gz`.
    pub format: Option<Format>,
    /// Where backups lie; default `backups/<name>`.
    pub to: Option<String>,
    /// `HOST:PORT` of a server that runs without Docker and writes the folder.
    pub address: Option<String>,
    /// The environment variable that holds the engine's password.
    pub password_env: Option<String>,
    /// Whose password it is, where the engine has users (ACL); default: its default user.
    pub user: Option<String>,
}

/// How a volume's data is copied consistently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// A Redis or FalkorDB server: a hot, consistent copy.
    Redis,
    /// Plain files: whatever writes is stopped meanwhile.
    Files,
}

/// `[env]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EnvRules {
    /// Env files and their examples.
    pub files: Vec<EnvFile>,
    /// A command line that prints `NAME=value` lines: secrets that never lie on disk.
    pub secret_command: Option<String>,
    /// Globs of tracked files that are not scanned for secrets.
    pub allow: Vec<String>,
}

/// One of `[env] files`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EnvFile {
    /// The env file; never tracked by git.
    pub path: String,
    /// The example that tells its keys.
    pub example: Option<String>,
}

/// `[incident]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct IncidentRules {
    /// Globs of log files; `{config-dir}` and its kin are filled in.
    pub logs: Vec<String>,
    /// Environment variables of integrations, with `*` at the end; `incident isolate` takes them out.
    pub integrations: Vec<String>,
    /// Services that are no part of the memory layer and stay up while isolated.
    pub essential: Vec<String>,
    /// Bytes that a bundle may hold; the newest are kept. Default 50 MB.
    pub max_size: Option<u64>,
}

/// `[[tool]]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tool {
    /// The program.
    pub name: String,
    /// The versions that will do, e.g. `>=20`; none takes any.
    pub version: Option<String>,
    /// The words that make it print its version; default `NAME --version`.
    pub command: Option<Vec<String>>,
    /// How to get it.
    pub install: Option<String>,
}

/// `[install]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InstallTarget {
    /// The folder that holds `versions/` and `current`; `{home}` and its kin are filled in.
    pub to: String,
    /// The artifact; default: the only one.
    pub artifact: Option<String>,
    /// How many installed versions are kept; default 3.
    pub keep: Option<usize>,
}

/// `[workflows]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct WorkflowRules {
    /// The runner of a target triple, where the usual one doesn't do; `rollback` and `drill` name those jobs' runners.
    pub runners: std::collections::BTreeMap<String, String>,
    /// The environment that protects `rollback.yml`; default `production`.
    pub environment: Option<String>,
    /// The command that checks the project in `ci.yml`; default: `xtask check`.
    pub ci: Option<String>,
    /// Where pipelines get xtask from; default: `cargo xtask` where the repository has that alias, else the repository's variables
    /// `XTASK_REPOSITORY`, `XTASK_VERSION` with `XTASK_DIGEST`, or `XTASK_REV`.
    pub xtask: Option<XtaskSource>,
}

/// `[workflows.xtask]`: a release by its version and digest, or a commit that is built.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct XtaskSource {
    /// `OWNER/NAME` of the repository that releases xtask.
    pub repository: String,
    /// A released version.
    pub version: Option<String>,
    /// The SHA-256 of that release's `SHA256SUMS`, which in turn holds those of its files.
    pub digest: Option<String>,
    /// A commit to build instead.
    pub rev: Option<String>,
}
