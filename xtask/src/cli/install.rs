//! `install`: downloads, verifies and installs an artifact; `--previous` goes back; `--list` shows what is installed.

use std::path::PathBuf;

use serde_json::json;

use super::{Session, forges};
use crate::{
    config::{ForgeKind, Project},
    effects::places,
    forge::Forge,
    kernel::{Error, Finding, Result},
    release::{
        build,
        cache::Cache,
        install::{self, Folder, Outcome, Platform, Source},
    },
    report::{Answer, Table, View},
};

/// What is typed after `install`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The release [default: the latest]
    #[arg(value_name = "TAG", conflicts_with_all = ["previous", "list"])]
    tag: Option<String>,
    /// The folder that holds versions/ and current [default: install.to]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// The artifact, or the file [default: install.artifact, else the only one that fits]
    #[arg(long, value_name = "NAME")]
    artifact: Option<String>,
    /// Go back to the version that was current before
    #[arg(long, conflicts_with = "list")]
    previous: bool,
    /// Show what is installed
    #[arg(long)]
    list: bool,
    /// Installed versions to keep, at least 2 [default: install.keep, else 3]
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// The forge to download from [default: release.forge]
    #[arg(long, value_enum)]
    forge: Option<ForgeKind>,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<Answer> {
    let project = session.project()?;
    let root = place(session, &project, args.to.as_ref())?;
    if args.list {
        return list(&Folder::look(&root));
    }
    let wanted = wanted(session, &project, args, &Folder::look(&root))?;
    if session.global.dry_run {
        return planned(&Folder::look(&root), &wanted);
    }
    let folder = Folder::open(&root)?;
    let forge = forges::open(session, &project, args.forge);
    stage(session, &project, args, &folder, forge.as_deref().ok(), &wanted)?;
    let configured = project.config.install.as_ref().and_then(|target| target.keep);
    let outcome = install::switch(&folder, &wanted, args.keep.or(configured).unwrap_or(install::KEEP), &session.events)?;
    let data = json!({ "to": root, "outcome": outcome });
    if outcome.changed {
        session.ledger(&project).record("install", &wanted, "ok", None, data.clone())?;
    }
    Ok(Answer::new(&data, View::Text(said(&folder, &outcome))))
}

/// The folder: as typed, else as configured.
pub(super) fn place(session: &Session, project: &Project, typed: Option<&PathBuf>) -> Result<PathBuf> {
    match (typed, &project.config.install) {
        (Some(typed), _) => Ok(session.folder()?.join(typed)),
        (None, Some(target)) => Ok(project.path(&places::fill(&target.to)?)),
        (None, None) => Err(Error::usage("where to? no folder was named").hint("--to DIR, or `install.to` in xtask.toml")),
    }
}

fn wanted(session: &Session, project: &Project, args: &Args, folder: &Folder) -> Result<String> {
    if args.previous {
        let previous = folder.previous()?;
        return previous.ok_or_else(|| Error::refused("no other version is installed to go back to").hint("`xtask install --list` shows what is"));
    }
    if let Some(typed) = &args.tag {
        return Ok(project.config.tag.read_loose(typed)?.name);
    }
    let latest = forges::open(session, project, args.forge)?.latest()?;
    latest.ok_or_else(|| Error::refused("there is no release yet").hint("name a tag, or release first: `xtask release`"))
}

/// The old version is complete where it lies: going back needs neither forge nor cache.
fn stage(session: &Session, project: &Project, args: &Args, folder: &Folder, forge: Option<&dyn Forge>, tag: &str) -> Result<()> {
    let configured = project.config.install.as_ref().and_then(|target| target.artifact.clone());
    let artifact = args.artifact.clone().or(configured);
    let source = Source { cache: &Cache::open(project)?, forge, platform: Platform::of(&build::host_target()) };
    install::stage(folder, tag, &source, artifact.as_deref(), &session.events)
}

fn planned(folder: &Folder, tag: &str) -> Result<Answer> {
    let current = folder.current()?;
    let text = match &current {
        Some(current) if current == tag => format!("{tag} is current already"),
        Some(current) => format!("would install {tag} into {} and make it current; {current} stays installed", folder.place(tag).display()),
        None => format!("would install {tag} into {} and make it current", folder.place(tag).display()),
    };
    Ok(Answer::new(&json!({ "to": folder.root(), "tag": tag, "current": current }), View::Text(text)))
}

fn said(folder: &Folder, outcome: &Outcome) -> String {
    if !outcome.changed {
        return format!("{} is current already: {}", outcome.current, folder.pointer().display());
    }
    let before = outcome.before.as_ref().map(|before| format!(" (it was {before}; `--previous` goes back)")).unwrap_or_default();
    format!("{} is current: {}{before}", outcome.current, folder.pointer().display())
}

fn list(folder: &Folder) -> Result<Answer> {
    let all = folder.list()?;
    let mut table = Table::new(["version", "state", "installed", "file"]).titled(folder.root().display().to_string());
    for installed in &all {
        let state = [(installed.current, "current"), (installed.previous, "previous")].into_iter().find(|(is, _)| *is).map_or("", |(_, word)| word);
        table.row([installed.tag.clone(), state.into(), installed.at.clone().unwrap_or_default(), installed.file.clone().unwrap_or_default()]);
    }
    let view = if all.is_empty() { View::Text(format!("nothing is installed in {}", folder.root().display())) } else { View::Table(table) };
    let unrecorded = all.iter().filter(|installed| installed.file.is_none());
    let findings = unrecorded.map(|installed| {
        Finding::warning("install-half", format!("{} was left half-installed", installed.tag))
            .hint(format!("`xtask install {}` installs it again", installed.tag))
    });
    let findings = findings.collect();
    Ok(Answer::new(&json!({ "to": folder.root(), "installed": all }), view).found(findings))
}
