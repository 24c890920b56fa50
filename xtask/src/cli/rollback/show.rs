//! A rollback's plan and outcome, for people and machines.

use serde_json::json;

use crate::{
    kernel::{Finding, Kind},
    release::rollback::{Detail, Direction, Outcome, Part, Plan},
    report::{Answer, Table, View},
    services::rollback as switch,
};

/// What is live now, what will be, what each step changes, what it can't do.
pub(super) fn plan(detail: &Detail, place: &str, begun: bool, switch: Option<&switch::Plan>) -> Answer {
    let plan = &detail.plan;
    let title = match (detail.direction, begun) {
        (Direction::Forward, false) => format!("rollback to {}", plan.target),
        (Direction::Forward, true) => format!("rollback to {} (begun before: goes on)", plan.target),
        (Direction::Undo, false) => format!("undo of the rollback to {}", plan.target),
        (Direction::Undo, true) => format!("undo of the rollback to {}, which was begun and not ended", plan.target),
    };
    let mut table = Table::new(["part", "what", "now", "afterwards"]).titled(title);
    for row in rows(plan, detail.direction, place) {
        table.row(row);
    }
    let mut views = vec![View::Table(table)];
    if let Some(switch) = switch {
        views.push(View::Text(format!("services: {}", switch.text().replace('\n', "\n  "))));
    }
    if let Some(reason) = &plan.reason {
        views.push(View::Text(format!("because: {reason}")));
    }
    views.extend(plan.cannot.iter().map(|line| View::Text(format!("not done by this: {line}"))));
    views.push(View::Text(format!("nothing is deleted, no tag is moved; {}", way_back(plan, detail.direction))));
    let data = json!({ "state": "planned", "direction": detail.direction, "begun": begun, "place": place, "plan": plan });
    Answer::new(&data, View::All(views))
}

/// An undo is no rollback that could be undone: the way there again is the rollback itself.
fn way_back(plan: &Plan, direction: Direction) -> String {
    match direction {
        Direction::Forward => "`xtask rollback --undo` goes back".to_owned(),
        Direction::Undo => format!("`xtask rollback --to {}` goes there again", plan.target),
    }
}

fn rows(plan: &Plan, direction: Direction, place: &str) -> Vec<[String; 4]> {
    let forward = direction == Direction::Forward;
    let pair = |before: String, after: String| if forward { (before, after) } else { (after, before) };
    let mut rows = Vec::new();
    let mut row = |part: &str, what: &str, (now, then): (String, String)| rows.push([part.to_owned(), what.to_owned(), now, then]);
    for change in plan.services.iter().flat_map(|part| &part.changes) {
        row("services", &change.service, pair(change.before.image.clone(), change.after.pinned()));
    }
    for restore in plan.data_back.iter().filter(|_| !forward) {
        row("services", &format!("data of {}", restore.service), ("as it is".into(), restore.id.clone()));
    }
    if let Some(app) = &plan.app {
        row("app", &app.to.display().to_string(), pair(app.before.clone().unwrap_or_else(|| "nothing".into()), app.after.clone()));
    }
    if plan.releases_later {
        row("releases", place, ("can't be reached".into(), format!("waits: {} is offered as latest when it can", plan.target)));
    }
    if let Some(releases) = &plan.releases {
        let name = |tag: &Option<String>| tag.clone().unwrap_or_else(|| "none".into());
        row("releases", &format!("latest at {place}"), pair(name(&releases.before), name(&releases.after)));
        for mark in &releases.marks {
            let offered = |prerelease: bool| if prerelease { "taken back: a notice in its notes, a prerelease" } else { "offered" };
            row("releases", &mark.tag, pair(offered(mark.before.prerelease).into(), offered(mark.after.prerelease).into()));
        }
    }
    rows
}

/// Nothing to do: that is no failure.
pub(super) fn nothing(detail: &Detail) -> Answer {
    let target = &detail.plan.target;
    let text = match detail.plan.services_later {
        true => format!("all that could be looked at is {target} already: nothing was changed"),
        false => format!("{target} is live already: nothing was changed"),
    };
    let views = std::iter::once(text).chain(detail.plan.cannot.iter().map(|line| format!("not done by this: {line}")));
    services_wait(
        Answer::new(&json!({ "state": "nothing", "live": target, "plan": detail.plan }), View::All(views.map(View::Text).collect())),
        &detail.plan,
        Direction::Forward,
    )
}

/// Services that could not be looked at are left: that is not the end.
fn services_wait(answer: Answer, plan: &Plan, direction: Direction) -> Answer {
    if !plan.services_later || direction == Direction::Undo {
        return answer;
    }
    let finding = Finding::warning("services-wait", "the services were not taken back: the Docker engine doesn't answer")
        .hint(format!("when it does: xtask rollback --to {} --yes", plan.target))
        .hint("where no services run: `--only releases,app`");
    answer.of_kind(Kind::Partial).found(vec![finding])
}

/// What is live now, part by part.
pub(super) fn outcome(outcome: &Outcome) -> Answer {
    let (plan, direction) = (&outcome.plan, outcome.direction);
    let state = if outcome.waits.is_some() || plan.services_later { "partial" } else { "done" };
    let data = json!({ "state": state, "live": outcome.live, "direction": direction, "done": outcome.done, "waits": outcome.waits, "plan": plan });
    let mut lines = vec![title(outcome)];
    lines.extend(parts(plan, direction, outcome.waits.is_none()));
    lines.extend(plan.services.iter().filter(|_| direction == Direction::Forward).flat_map(|part| &part.notes).map(|note| format!("note: {note}")));
    lines.extend(plan.cannot.iter().map(|line| format!("not done by this: {line}")));
    let Some(why) = &outcome.waits else {
        lines.push(format!("recorded; {}", way_back(plan, direction)));
        let live = outcome.live.clone().unwrap_or_else(|| plan.target.clone());
        return services_wait(Answer::new(&data, text(lines)).output("live", &live), plan, direction);
    };
    let resume = match direction {
        Direction::Forward => format!("xtask rollback --to {} --yes", plan.target),
        Direction::Undo => "xtask rollback --undo --yes".into(),
    };
    lines.push(format!("the forge's part waits; when the forge can be reached: {resume}"));
    let finding = Finding::warning("releases-wait", format!("the forge's part waits: {why}")).hint(format!("give it when the forge can be reached: {resume}"));
    services_wait(Answer::new(&data, text(lines)).of_kind(Kind::Partial).found(vec![finding]), plan, direction)
}

fn text(lines: Vec<String>) -> View {
    View::All(lines.into_iter().map(View::Text).collect())
}

fn title(outcome: &Outcome) -> String {
    let target = &outcome.plan.target;
    let here = if outcome.waits.is_some() { "here " } else { "" };
    match (outcome.direction, &outcome.live) {
        (Direction::Forward, _) if plan_is_whole(outcome) && outcome.done.contains(&Part::Releases) => format!("{target} is live, read back and recorded"),
        (Direction::Forward, _) => format!("what was to go back {here}is {target} now"),
        (Direction::Undo, Some(live)) => format!("the rollback to {target} is undone: {here}it is {live} again"),
        (Direction::Undo, None) => format!("the rollback to {target} is undone"),
    }
}

fn plan_is_whole(outcome: &Outcome) -> bool {
    outcome.waits.is_none() && !outcome.plan.services_later
}

/// What each part is now; the forge's only where it is done.
fn parts(plan: &Plan, direction: Direction, forge: bool) -> Vec<String> {
    let forward = direction == Direction::Forward;
    let mut lines = Vec::new();
    for change in plan.services.iter().flat_map(|part| &part.changes) {
        let image = if forward { change.after.pinned() } else { change.before.image.clone() };
        let how = if change.runs { "runs" } else { "doesn't run, and will start with" };
        lines.push(format!("  services: {} {how} {image}", change.service));
    }
    if let Some(app) = &plan.app {
        let tag = if forward { Some(&app.after) } else { app.before.as_ref() };
        lines.push(format!("  app: {} is {}", app.to.join("current").display(), tag.map_or("nothing", String::as_str)));
    }
    let Some(releases) = plan.releases.as_ref().filter(|_| forge) else { return lines };
    if let Some(latest) = if forward { &releases.after } else { &releases.before } {
        lines.push(format!("  releases: {latest} is offered as latest"));
    }
    for mark in &releases.marks {
        let bad = if forward { mark.after.prerelease } else { mark.before.prerelease };
        lines.push(format!("  releases: {} is {}", mark.tag, if bad { "taken back, with a notice in its notes" } else { "offered" }));
    }
    lines
}
