//! A rollback's plan and outcome, for people and machines.

use serde_json::json;

use crate::{
    kernel::{Finding, Kind},
    release::rollback::{Detail, Direction, Outcome, Plan},
    report::{Answer, Table, View},
};

/// What is live now, what will be, what each step changes, what it can't do.
pub(super) fn plan(detail: &Detail, place: &str, begun: bool) -> Answer {
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
    if let Some(part) = plan.services.as_ref().filter(|_| detail.direction == Direction::Forward) {
        views.push(View::Text(format!("services: {}", part.text().replace('\n', "\n  "))));
    }
    if let Some(reason) = &plan.reason {
        views.push(View::Text(format!("because: {reason}")));
    }
    views.extend(plan.cannot.iter().map(|line| View::Text(format!("not done by this: {line}"))));
    views.push(View::Text("nothing is deleted, no tag is moved; `xtask rollback --undo` goes back".into()));
    let data = json!({ "state": "planned", "direction": detail.direction, "begun": begun, "place": place, "plan": plan });
    Answer::new(&data, View::All(views))
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
    let text = format!("{target} is live already: nothing was changed");
    let views = std::iter::once(text).chain(detail.plan.cannot.iter().map(|line| format!("not done by this: {line}")));
    Answer::new(&json!({ "state": "nothing", "live": target, "plan": detail.plan }), View::All(views.map(View::Text).collect()))
}

/// What is live now.
pub(super) fn outcome(outcome: &Outcome) -> Answer {
    let live = outcome.live.clone().unwrap_or_else(|| "nothing".into());
    let state = if outcome.waits.is_some() { "partial" } else { "done" };
    let data =
        json!({ "state": state, "live": outcome.live, "direction": outcome.direction, "done": outcome.done, "waits": outcome.waits, "plan": outcome.plan });
    let resume = match outcome.direction {
        Direction::Forward => format!("xtask rollback --to {} --yes", outcome.plan.target),
        Direction::Undo => "xtask rollback --undo --yes".into(),
    };
    let Some(why) = &outcome.waits else {
        let mut lines = vec![format!("{live} is live, read back and recorded")];
        lines.extend(outcome.plan.cannot.iter().map(|line| format!("not done by this: {line}")));
        return Answer::new(&data, View::All(lines.into_iter().map(View::Text).collect())).output("live", &live);
    };
    let finding =
        Finding::warning("releases-wait", format!("the forge's part waits: {why}")).hint(format!("give it again when the forge can be reached: {resume}"));
    let text = format!("what is here is {live}; the forge's part waits. Go on with: {resume}");
    Answer::new(&data, View::Text(text)).of_kind(Kind::Partial).found(vec![finding])
}
