//! The whole command line, declared in one place. What is typed here is resolved in the command's own file.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    config::{ForgeKind, NotesSource},
    report::Colour,
};

/// Releases that can be taken back, data that can be brought back.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "xtask", version, about, long_about = None, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Global {
    /// The configuration file [default: the nearest xtask.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// Show what child processes print (-vv: what this program does, -vvv: every effect)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    pub(crate) verbose: u8,
    /// Only warnings and errors
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub(crate) quiet: bool,
    /// When to colour
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto", help_heading = "Everywhere")]
    pub(crate) color: Colour,
    /// Don't ask
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub(crate) yes: bool,
    /// The longest wait that a server may ask for: 30s, 10m, 2h [default: 10m]
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, help_heading = "Everywhere")]
    pub(crate) max_wait: Option<Duration>,
    /// Print the plan, touch nothing
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) dry_run: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write an xtask.toml from what the repository holds
    Init(InitArgs),
    /// Look at everything; show every finding at once
    Check(CheckArgs),
    /// What `release` would do
    Plan(PlanArgs),
    /// Edit every version source, keeping its formatting
    Bump(super::bump::Args),
    /// Deterministic artifacts, SHA256SUMS, release.json, SBOM
    Build(BuildArgs),
    /// Compare bytes with the manifest, of a folder or a release
    Verify(VerifyArgs),
    /// Check, build, verify, publish, prune
    Release(ReleaseArgs),
    /// What the forge holds; `sync` fills the cache
    Releases(super::releases::Args),
    /// Remove releases beyond the last N
    Prune(PruneArgs),
    /// Take the product back to a release; `--undo` goes back
    Rollback(super::rollback::Args),
    /// Download, verify and install an artifact
    Install(super::install::Args),
    /// The compose stack, with health gates
    #[command(subcommand)]
    Services(super::services::Services),
    /// Verified backups of volumes and folders
    Backup(super::backup::Args),
    /// Bring a backup back; never leaves a half-restored state
    Restore(super::restore::Args),
    /// Prove on a throw-away stand that backups can be restored
    #[command(visible_alias = "smoke")]
    Drill(super::drill::Args),
    /// Logs and state for support, isolation, the checklist of the first ten minutes
    Incident(super::incident::IncidentArgs),
    /// Run a command with the secrets of the environment or of `[env] secret-command`
    Env(super::env::EnvArgs),
    /// Copy standard input to standard output without its secrets
    Redact(super::redact::RedactArgs),
    /// What is live, what is pending
    Status(ForgeArgs),
    /// What was done here
    History(HistoryArgs),
    /// Write the GitHub Actions pipelines, or say that they drifted
    Workflows(super::workflows::Args),
    /// This repository's own checks
    Ci(CiArgs),
    /// Print the JSON Schema of xtask.toml
    Schema,
    /// Print a completion script
    Completions(CompletionsArgs),
    /// Print the manual pages
    Man,
}

impl Command {
    /// The command's name in the JSON document, in the ledger and in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Check(_) => "check",
            Self::Plan(_) => "plan",
            Self::Bump(_) => "bump",
            Self::Build(_) => "build",
            Self::Verify(_) => "verify",
            Self::Release(_) => "release",
            Self::Releases(_) => "releases",
            Self::Prune(_) => "prune",
            Self::Rollback(_) => "rollback",
            Self::Install(_) => "install",
            Self::Services(command) => command.name(),
            Self::Backup(args) => args.name(),
            Self::Restore(_) => "restore",
            Self::Drill(_) => "drill",
            Self::Incident(args) => args.name(),
            Self::Env(_) => "env",
            Self::Redact(_) => "redact",
            Self::Status(_) => "status",
            Self::History(_) => "history",
            Self::Workflows(_) => "workflows",
            Self::Ci(_) => "ci",
            Self::Schema => "schema",
            Self::Completions(_) => "completions",
            Self::Man => "man",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Replace an xtask.toml that is there
    #[arg(long)]
    pub(crate) force: bool,
}

/// Groups of checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// xtask.toml itself
    Config,
    /// Every place where the version is written
    Versions,
    /// The tag, the branch names, the work tree
    Tag,
    /// What building needs
    Build,
    /// Env files, their examples and protection, secrets in tracked files
    Env,
    /// Programs that the project needs
    Tools,
    /// Logs: rotation, who can read them, secrets in them
    Logs,
    /// Credentials, rights, burnt tags
    Forge,
    /// Image pins, port exposure, healthchecks, volumes
    Services,
    /// Whether a rollback to each kept release would work; only when named
    Rollback,
}

impl Group {
    pub(crate) const ALL: [Self; 9] = [Self::Config, Self::Versions, Self::Tag, Self::Build, Self::Env, Self::Tools, Self::Services, Self::Logs, Self::Forge];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Versions => "versions",
            Self::Tag => "tag",
            Self::Build => "build",
            Self::Env => "env",
            Self::Tools => "tools",
            Self::Logs => "logs",
            Self::Services => "services",
            Self::Forge => "forge",
            Self::Rollback => "rollback",
        }
    }
}

#[derive(Debug, Default, Args)]
pub(crate) struct CheckArgs {
    /// Only these groups
    #[arg(long, value_enum, value_delimiter = ',', value_name = "GROUPS")]
    pub(crate) only: Vec<Group>,
    /// Check against this tag [default: the tag at HEAD]
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// The forge to look at [default: release.forge]
    #[arg(long, value_enum)]
    pub(crate) forge: Option<ForgeKind>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The tag [default: the tag at HEAD]
    #[arg(long, conflicts_with = "snapshot")]
    pub(crate) tag: Option<String>,
    /// Plan a snapshot of HEAD
    #[arg(long)]
    pub(crate) snapshot: bool,
    /// Print the GitHub Actions matrix
    #[arg(long)]
    pub(crate) matrix: bool,
    /// Let changes in that aren't committed
    #[arg(long)]
    pub(crate) allow_dirty: bool,
    /// Where to [default: release.forge]
    #[arg(long, value_enum)]
    pub(crate) forge: Option<ForgeKind>,
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// The tag [default: the tag at HEAD, else a snapshot]
    #[arg(long, conflicts_with = "snapshot")]
    pub(crate) tag: Option<String>,
    /// Build a snapshot of HEAD
    #[arg(long)]
    pub(crate) snapshot: bool,
    /// Only these targets; `any` stands for artifacts that need none
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Vec<String>,
    /// The folder to fill [default: .xtask/dist/TAG]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Let changes in that aren't committed; release.json says so
    #[arg(long)]
    pub(crate) allow_dirty: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A folder or a tag [default: this folder if it is a release, else the latest]
    #[arg(value_name = "DIR or TAG")]
    pub(crate) what: Option<String>,
    /// Build again in a fresh clone elsewhere, and compare
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// The forge to download from [default: release.forge]
    #[arg(long, value_enum)]
    pub(crate) forge: Option<ForgeKind>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct ReleaseArgs {
    /// The tag [default: the tag at HEAD]
    #[arg(long, conflicts_with = "snapshot")]
    pub(crate) tag: Option<String>,
    /// Release a snapshot of HEAD for this machine: no tag needed
    #[arg(long)]
    pub(crate) snapshot: bool,
    /// Only these targets
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Vec<String>,
    /// Take what `build` made elsewhere: a folder that it filled, or one that holds several
    #[arg(long, value_name = "DIR", conflicts_with = "allow_dirty")]
    pub(crate) from: Vec<PathBuf>,
    /// Where to [default: release.forge]
    #[arg(long, value_enum)]
    pub(crate) forge: Option<ForgeKind>,
    /// Stop before publishing
    #[arg(long)]
    pub(crate) draft: bool,
    /// The text of the release
    #[arg(long, value_name = "FILE", conflicts_with = "notes")]
    pub(crate) notes_file: Option<PathBuf>,
    /// Where the text comes from [default: release.notes]
    #[arg(long, value_enum, value_name = "SOURCE")]
    pub(crate) notes: Option<NotesSource>,
    /// Publish as a prerelease, whatever the version says
    #[arg(long)]
    pub(crate) prerelease: bool,
    /// Let changes in that aren't committed; release.json says so
    #[arg(long)]
    pub(crate) allow_dirty: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ForgeArgs {
    /// The forge to look at [default: release.forge]
    #[arg(long, value_enum)]
    pub(crate) forge: Option<ForgeKind>,
}

#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Full releases to keep [default: release.keep]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) keep: Option<usize>,
    /// Prereleases to keep [default: release.keep-prereleases]
    #[arg(long, value_name = "N")]
    pub(crate) keep_prereleases: Option<usize>,
    /// The forge [default: release.forge]
    #[arg(long, value_enum)]
    pub(crate) forge: Option<ForgeKind>,
}

/// `30s`, `10m`, `2h`; a bare number counts minutes.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "s" => 1,
        "" | "m" | "min" => 60,
        "h" => 3600,
        _ => return Err("write it as 30s, 10m or 2h".into()),
    };
    let number: u64 = number.parse().map_err(|_| "write it as 30s, 10m or 2h".to_owned())?;
    number.checked_mul(factor).map(Duration::from_secs).ok_or_else(|| "that is too long".into())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("0 would keep no release: keep at least 1".into()),
        Ok(count) => Ok(count),
        Err(_) => Err("not a number".into()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Only the last N
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct CiArgs {
    /// Only these steps
    #[arg(long, value_delimiter = ',', value_name = "STEPS")]
    pub(crate) only: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
