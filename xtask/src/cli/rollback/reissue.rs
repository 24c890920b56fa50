//! `rollback --reissue vX`: the exact source of the release that is live, released again under a higher version, so that installed clients take it.

use serde_json::json;

use super::Args;
use crate::{
    cli::{Session, args::ReleaseArgs, forges, release, session::Go},
    config::{ForgeKind, Project},
    effects::clock,
    forge::{Forge, Survey},
    kernel::{Error, Events, Finding, Kind, Result},
    ledger::Journal,
    release::{
        reissue::{self, Plan},
        rollback::{Facts, Ground, judge, past},
    },
    report::{Answer, View},
};

/// What is to be issued again: all that can be refused is refused here, before a rollback has changed anything.
pub(super) struct Again {
    plan: Plan,
    survey: Survey,
    latest: Option<String>,
    begun: Option<Journal>,
}

impl Again {
    /// It is out already: going back to its source would take it back.
    pub(super) fn is_published(&self) -> bool {
        self.survey.published(&self.plan.tag.name).is_some()
    }
}

/// Looks. The source is the target of the rollback, else that of a reissue that was begun, else what is offered as latest.
pub(super) fn look(project: &Project, forge: &dyn Forge, (survey, latest): (&Survey, Option<&str>), args: &Args, events: &Events) -> Result<Again> {
    let typed = args.reissue.as_deref().unwrap_or_default();
    let tag = project.config.tag.read_loose(typed)?;
    let begun = reissue::waiting(&project.state())?.filter(|(_, detail)| detail.tag == tag.name);
    let source = match (&args.to, &begun) {
        (Some(to), _) => project.config.tag.read_loose(to)?.name,
        (None, Some((_, detail))) => detail.source.clone(),
        (None, None) => {
            latest.ok_or_else(|| Error::refused("nothing is offered as latest: which release is to be issued again?").hint("name it: --to TAG"))?.to_owned()
        }
    };
    let manifest = judge::on_forge(forge, survey, &source, events)?;
    let plan = reissue::plan(project, survey, &manifest, &tag, &clock::now().format("%Y-%m-%d").to_string())?;
    Ok(Again { plan, survey: survey.clone(), latest: latest.map(str::to_owned), begun: begun.map(|(journal, _)| journal) })
}

/// Prepares the commit and the tag on a branch of their own, then releases from there. What waits for a push says so; the same command goes on.
pub(super) fn run(session: &Session, project: &Project, forge: &dyn Forge, args: &Args, again: Again, before: Option<Answer>) -> Result<Answer> {
    let plan = &again.plan;
    if again.begun.is_none() && again.is_published() && again.latest.as_deref() == Some(&*plan.tag.name) {
        let text = format!("{} is {} issued again, and is offered as latest: nothing was changed", plan.tag, plan.source);
        return Ok(Answer::new(&json!({ "state": "nothing", "reissued": plan }), View::Text(text)));
    }
    let shown = shown(plan);
    if session.go_on(&format!("issue {} again as {}?", plan.source, plan.tag), &shown)? == Go::OnlyThePlan {
        return Ok(with(before, shown));
    }
    let journal = again.begun.map_or_else(|| reissue::begin(&project.state(), plan), Ok)?;
    let went_back = before.is_some();
    issue(session, project, forge, args, (plan, journal), before).map_err(|error| match went_back {
        true => error.hint(format!("the rollback to {} is done; only what comes after it failed", plan.source)),
        false => error,
    })
}

fn issue(
    session: &Session,
    project: &Project,
    forge: &dyn Forge,
    args: &Args,
    (plan, mut journal): (&Plan, Journal),
    before: Option<Answer>,
) -> Result<Answer> {
    let worktree = reissue::prepare(project, plan, &session.events)?;
    let place = reissue::project(project, &worktree)?;
    let wanted = ReleaseArgs { tag: Some(plan.tag.name.clone()), forge: args.forge, ..ReleaseArgs::default() };
    let prepared = release::prepare(&place, forge, &wanted)?;
    let stops: Vec<&Finding> = prepared.findings.iter().filter(|finding| finding.is_error()).collect();
    if !stops.is_empty() && stops.iter().all(|finding| finding.code == "tag-not-on-forge") {
        reissue::note(&mut journal, plan, &format!("committed and tagged here; it waits for its push: {}", plan.push()))?;
        return Ok(with(before, waits(plan, &journal)));
    }
    if !stops.is_empty() {
        reissue::note(&mut journal, plan, "committed and tagged here, not released")?;
        let error = Error::new(Kind::Partial, format!("{} is committed and tagged here, but can't be released yet", plan.tag)).with_findings(prepared.findings);
        return Err(error.hint(format!("then: {}", journal.pending().resume)));
    }
    let released = release::go(session, &place, project, forge, &prepared, &wanted)?;
    reissue::clear(project, &plan.tag.name, journal)?;
    Ok(with(before, done(plan, forges::kind(project, args.forge), released)))
}

/// A forge of tags has seen the push; a directory has not.
fn done(plan: &Plan, forge: ForgeKind, released: Answer) -> Answer {
    let public = match forge {
        ForgeKind::Github => String::new(),
        ForgeKind::Directory => format!("; nothing was pushed. Make its commit public: {}", plan.push()),
    };
    let text = View::Text(format!("{} is {} issued again{public}", plan.tag, plan.source));
    let data = json!({ "state": "done", "reissued": plan, "push": plan.push(), "release": released.data });
    Answer { data, view: View::All(vec![released.view, text]), ..released }
}

fn waits(plan: &Plan, journal: &Journal) -> Answer {
    let resume = &journal.pending().resume;
    let text = format!("{} is {} with a higher version, committed and tagged here. It waits for its push: {}", plan.tag, plan.source, plan.push());
    let data = json!({ "state": "waits", "reissued": plan, "push": plan.push(), "resume": resume });
    let finding = Finding::warning("reissue-waits", format!("{} is not on the forge yet", plan.tag)).hint(plan.push()).hint(format!("then: {resume}"));
    Answer::new(&data, View::Text(format!("{text}\nthen: {resume}"))).of_kind(Kind::Partial).found(vec![finding])
}

/// What the rollback before it did comes first.
fn with(before: Option<Answer>, mut answer: Answer) -> Answer {
    if let Some(before) = before {
        if let Some(data) = answer.data.as_object_mut() {
            data.insert("rollback".into(), before.data);
        }
        answer.view = View::All(vec![before.view, answer.view]);
        answer.findings.splice(0..0, before.findings);
    }
    answer
}

/// An undo where no rollback is left to undo: what was begun of a reissue is given up.
pub(super) fn alone(session: &Session, ground: &Ground<'_>, facts: &Facts, args: &Args) -> Result<Option<Answer>> {
    let project = ground.project;
    if !args.undo || session.global.dry_run || !past::standing(&session.ledger(project).entries()?).is_empty() {
        return Ok(None);
    }
    Ok(give_up(project, facts)?.map(|text| Answer::new(&json!({ "state": "done" }), View::Text(text))))
}

/// What a rollback leaves of a reissue: an undo gives it up, and while the forge can't be reached it waits too.
pub(super) fn left(ground: &Ground<'_>, facts: &Facts, args: &Args, mut answer: Answer) -> Result<Answer> {
    if args.undo {
        let views = std::iter::once(answer.view).chain(give_up(ground.project, facts)?.map(View::Text));
        answer.view = View::All(views.collect());
        return Ok(answer);
    }
    let (Some(to), Some(version)) = (&args.to, &args.reissue) else { return Ok(answer) };
    let waits =
        Finding::warning("reissue-waits", format!("{version} is not issued yet")).hint(format!("then: xtask rollback --to {to} --reissue {version} --yes"));
    Ok(answer.found(vec![waits]))
}

fn give_up(project: &Project, facts: &Facts) -> Result<Option<String>> {
    let Some((journal, detail)) = reissue::waiting(&project.state())? else { return Ok(None) };
    let tag = &detail.tag;
    reissue::clear(project, tag, journal)?;
    let public = facts.forge.as_ref().is_none_or(|(survey, _)| survey.published(tag).is_some());
    let rid = format!("; to be rid of them: git tag -d {tag}; git branch -D reissue/{tag}");
    let rid = if public { "" } else { &rid };
    Ok(Some(format!("{} issued again as {tag}: not gone on with. Its tag and branch stay{rid}", detail.source)))
}

fn shown(plan: &Plan) -> Answer {
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
