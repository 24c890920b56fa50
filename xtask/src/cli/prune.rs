//! `prune`: removes releases beyond the last N; prints keep, remove and reasons.

use serde_json::json;

use super::{Session, args::PruneArgs, forges, session::Go, show};
use crate::{
    config::Project,
    effects::places,
    forge::{Forge, Release, Survey},
    kernel::{Error, Result},
    ledger::Ledger,
    release::{
        install::Folder,
        retention::{self, PrunePlan, Rules},
        rollback::{self, past},
    },
    report::Answer,
};

pub(super) fn run(session: &Session, args: &PruneArgs) -> Result<Answer> {
    let project = session.project()?;
    let forge = forges::open(session, &project, args.forge)?;
    let _lock = session.release_lock(&project, "prune")?;
    let releases = forge.survey_latest()?.releases;
    let rules = rules(&project, args.keep, args.keep_prereleases, None, &releases)?;
    let plan = retention::plan(&releases, &project.config.tag, &rules);
    let answer = Answer::new(&json!({ "plan": plan, "removed": [] }), show::prune(&plan));
    if plan.remove.is_empty() {
        return Ok(answer);
    }
    let count = plan.remove.len();
    if session.go_on(&format!("remove {count} release{} from {}?", if count == 1 { "" } else { "s" }, forge.place()), &answer)? == Go::OnlyThePlan {
        return Ok(answer);
    }
    let removed = execute(session, &project, forge.as_ref(), &releases, &plan)?;
    Ok(Answer::new(&json!({ "plan": plan, "removed": removed }), show::prune(&plan)))
}

/// After a release: the configured rules, without a question, since they were decided beforehand. What the forge held before, with the new
/// release, is what it holds now: no need to ask again.
pub(super) fn after_release(session: &Session, project: &Project, forge: &dyn Forge, before: &Survey, released: &Release) -> Result<Vec<String>> {
    let configured = &project.config.release;
    if configured.keep.is_none() && configured.keep_prereleases.is_none() {
        return Ok(Vec::new());
    }
    let mut now = before.clone();
    now.releases.retain(|release| release.tag != released.tag);
    now.releases.push(released.clone());
    let beyond =
        |now: &Survey| Ok::<_, Error>(retention::plan(&now.releases, &project.config.tag, &rules(project, None, None, Some(&released.tag), &now.releases)?));
    if beyond(&now)?.remove.is_empty() {
        return Ok(Vec::new());
    }
    // Something would go: the one that is offered as latest must not, wherever a rollback may have put that mark.
    now.mark(if released.latest { Some(released.tag.clone()) } else { forge.latest()? }.as_deref());
    execute(session, project, forge, &now.releases, &beyond(&now)?)
}

/// The configured rules, with what was typed before them.
pub(super) fn rules(project: &Project, keep: Option<usize>, keep_prereleases: Option<usize>, just: Option<&str>, releases: &[Release]) -> Result<Rules> {
    let release = &project.config.release;
    let mut protected: Vec<(String, String)> = release.pinned.iter().map(|tag| (tag.clone(), "pinned in xtask.toml".into())).collect();
    protected.extend(just.map(|tag| (tag.to_owned(), "just released".into())));
    protected.extend(live(project, releases)?);
    Ok(Rules { keep: keep.or(release.keep), keep_prereleases: keep_prereleases.or(release.keep_prereleases), protected })
}

/// What is live, what was live before it, where rollbacks lead and come from, and what is installed: the places to go back to.
pub(super) fn live(project: &Project, releases: &[Release]) -> Result<Vec<(String, String)>> {
    let latest = releases.iter().find(|release| release.latest).map(|release| release.tag.as_str());
    let pending = rollback::pending(&project.state())?.map(|(_, detail)| detail.plan);
    let entries = Ledger::new(&project.state()).entries()?;
    let mut live = past::protected(&entries, pending.as_ref(), releases, latest, &project.config.tag);
    if let Some(target) = &project.config.install {
        let folder = Folder::look(&project.path(&places::fill(&target.to)?));
        live.extend(folder.current()?.map(|tag| (tag, "installed here".into())));
        live.extend(folder.previous()?.map(|tag| (tag, "installed here before".into())));
    }
    Ok(live)
}

fn execute(session: &Session, project: &Project, forge: &dyn Forge, releases: &[Release], plan: &PrunePlan) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for verdict in &plan.remove {
        if let Some(release) = releases.iter().find(|release| release.id == verdict.id) {
            forge.remove(release)?;
            session.events.note(format!("removed {}: {}", verdict.tag, verdict.reasons.join("; ")));
            session.ledger(project).record(
                "prune",
                &verdict.tag,
                "ok",
                Some(&verdict.reasons.join("; ")),
                json!({ "reasons": verdict.reasons, "immutable": release.immutable }),
            )?;
            removed.push(verdict.tag.clone());
        }
    }
    Ok(removed)
}
