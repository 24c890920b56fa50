//! `releases`: what the forge holds: tag, when, latest, complete, protected and why. `releases sync` fills the cache from it.

use serde_json::json;

use super::{Session, args::ForgeArgs, forges, prune, show};
use crate::{
    config::Project,
    effects::lock,
    forge::{Forge, Release},
    kernel::{Finding, Result},
    release::{
        cache::Cache,
        plan::{MANIFEST, SUMS},
        retention,
        rollback::judge,
    },
    report::{Answer, Table, View},
};

/// What is typed after `releases`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    forge: ForgeArgs,
    #[command(subcommand)]
    action: Option<Action>,
}

/// What to do with them.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Download the last releases into the cache, so that a rollback works while the forge is down
    Sync,
}

pub(super) fn run(session: &Session, args: &Args) -> Result<Answer> {
    let project = session.project()?;
    let forge = forges::open(session, &project, args.forge.forge)?;
    if matches!(args.action, Some(Action::Sync)) {
        return sync(session, &project, forge.as_ref());
    }
    let survey = forge.survey_latest()?;
    let plan = retention::plan(&survey.releases, &project.config.tag, &prune::rules(&project, None, None, None, &survey.releases)?);
    let mut rows: Vec<(Release, Vec<String>)> = survey.releases.into_iter().map(|release| (release.clone(), notes(&release, &plan))).collect();
    rows.sort_by_key(|(release, _)| std::cmp::Reverse((release.draft, project.config.tag.matches(&release.tag).map(|tag| tag.version))));
    let data = rows.iter().map(|(release, notes)| json!({ "release": release, "notes": notes, "complete": complete(release) })).collect::<Vec<_>>();
    let view = if rows.is_empty() { View::Text(format!("{} holds no release yet", forge.place())) } else { View::Table(show::releases(&rows, &forge.place())) };
    Ok(Answer::new(&json!({ "place": forge.place(), "releases": data }), view).found(survey.findings))
}

/// Whether all of it arrived, as far as the list tells; `verify TAG` compares every byte.
fn complete(release: &Release) -> bool {
    let has = |name: &str| release.assets.iter().any(|asset| asset.name == name);
    release.assets.iter().all(|asset| asset.complete) && has(MANIFEST) && has(SUMS)
}

fn notes(release: &Release, plan: &retention::PrunePlan) -> Vec<String> {
    let sort = [(release.prerelease, "prerelease"), (release.immutable, "immutable"), (!complete(release), "INCOMPLETE")];
    let mut notes: Vec<String> = sort.iter().filter(|(is, _)| *is).map(|(_, word)| (*word).to_owned()).collect();
    let kept = plan.keep.iter().find(|verdict| verdict.id == release.id).map(|verdict| format!("kept: {}", verdict.reasons.join(", ")));
    let gone = plan.remove.iter().find(|verdict| verdict.id == release.id).map(|verdict| format!("prune would remove it: {}", verdict.reasons.join(", ")));
    notes.extend(kept.or(gone));
    notes
}

/// The last releases, verified; what is cached and whole stays, what can't be verified is said.
fn sync(session: &Session, project: &Project, forge: &dyn Forge) -> Result<Answer> {
    let cache = Cache::open(project)?;
    let survey = forge.survey_latest()?;
    let wanted: Vec<&Release> = judge::kept(&survey, &project.config.tag).into_iter().take(cache.keep()).collect();
    if session.global.dry_run {
        let tags: Vec<&str> = wanted.iter().map(|release| release.tag.as_str()).collect();
        return Ok(Answer::new(&json!({ "would": tags }), View::Text(format!("would cache: {}", tags.join(", ")))));
    }
    let _lock = lock::acquire(&lock::path(&project.state(), "release"), "releases sync")?;
    let (mut table, mut cached, mut findings) = (Table::new(["release", "cache"]), Vec::new(), Vec::new());
    for release in wanted {
        let state = match cached_now(session, &cache, forge, release) {
            Ok(state) => {
                cached.push(release.tag.clone());
                state.to_owned()
            }
            Err(error) => {
                findings.push(Finding::warning("not-cached", format!("{} can't be cached: {}", release.tag, error.chain())));
                "not cached".to_owned()
            }
        };
        table.row([release.tag.clone(), state]);
    }
    let removed = cache.trim(&project.config.tag, &prune::live(project, &survey.releases)?)?;
    Ok(Answer::new(&json!({ "cached": cached, "removed": removed }), View::Table(table)).found(findings))
}

fn cached_now(session: &Session, cache: &Cache, forge: &dyn Forge, release: &Release) -> Result<&'static str> {
    if matches!(cache.verified(&release.tag), Ok(Some(_))) {
        return Ok("was cached, every byte as released");
    }
    cache.fetch(forge, release, &session.events)?;
    Ok("cached now")
}
