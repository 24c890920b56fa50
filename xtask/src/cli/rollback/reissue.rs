//! `rollback --reissue vX`: the exact source of the release that is live, released again under a higher version, so that installed clients take it.

use serde_json::json;

use super::Args;
use crate::{
    cli::{Session, args::ReleaseArgs, forges, release, session::Go},
    config::Project,
    effects::{clock, lock::Lock},
    kernel::{Error, Finding, Kind, Result},
    release::{reissue, rollback::judge},
    report::{Answer, View},
};

/// Prepares the commit and the tag on a branch of their own, then releases from there. What waits for a push says so; the same command goes on.
pub(super) fn run(session: &Session, project: &Project, _held: Option<Lock>, args: &Args, version: &str, rolled_back: Option<Answer>) -> Result<Answer> {
    let forge = forges::open(session, project, args.forge)?;
    let survey = forge.survey()?;
    let source = match &args.to {
        Some(to) => project.config.tag.read_loose(to)?.name,
        None => {
            forge.latest()?.ok_or_else(|| Error::refused("nothing is offered as latest: which release is to be issued again?").hint("name it: --to TAG"))?
        }
    };
    let manifest = judge::on_forge(forge.as_ref(), &survey, &source, &session.events)?;
    let plan = reissue::plan(project, &survey, &manifest, &project.config.tag.read_loose(version)?, &clock::now().format("%Y-%m-%d").to_string())?;
    let shown = shown(&plan);
    if session.go_on(&format!("issue {} again as {}?", plan.source, plan.tag), &shown)? == Go::OnlyThePlan {
        return Ok(shown);
    }
    let worktree = reissue::prepare(project, &plan, &session.events)?;
    let place = reissue::project(project, &worktree)?;
    let wanted = ReleaseArgs { tag: Some(plan.tag.name.clone()), forge: args.forge, ..ReleaseArgs::default() };
    let prepared = release::prepare(&place, forge.as_ref(), &wanted)?;
    if prepared.findings.iter().any(Finding::is_error) {
        let error = Error::new(Kind::Partial, format!("{} is committed and tagged here, but can't be released yet", plan.tag)).with_findings(prepared.findings);
        return Err(error.hint(format!("make it public: {}", plan.push())).hint("then give the same command again: it goes on from there"));
    }
    let released = release::go(session, &place, project, forge.as_ref(), &prepared, &wanted)?;
    reissue::clear(project, &plan)?;
    let push = plan.push();
    let text = View::Text(format!("{} is {} issued again; nothing was pushed. Make its commit public: {push}", plan.tag, plan.source));
    let data = json!({ "reissued": plan, "push": push, "release": released.data, "rollback": rolled_back.as_ref().map(|answer| &answer.data) });
    let before = rolled_back.map(|answer| answer.view);
    let views = before.into_iter().chain([released.view, text]).collect();
    Ok(Answer { data, view: View::All(views), ..released })
}

fn shown(plan: &reissue::Plan) -> Answer {
    let text = format!(
        "reissue: the tree of {} (commit {}) with its version sources at {}, committed on the branch {}, tagged {} here, built, verified and released; nothing is pushed",
        plan.source,
        plan.commit.get(..12).unwrap_or(&plan.commit),
        plan.tag.version,
        plan.branch,
        plan.tag
    );
    Answer::new(&json!({ "reissue": plan }), View::Text(text))
}
