//! `services switch SERVICE=IMAGE…`: plan, question, switch, proof. `--undo` goes back. The same command again goes on after a kill.

use serde_json::json;

use super::{Session, Switch};
use crate::{
    cli::session::Go,
    config::Project,
    kernel::{Error, Result},
    report::{Answer, View},
    services::{
        ImageRef, Stack,
        rollback::{self, Done, Facts, Plan, Safety, Ways},
    },
};

pub(super) fn run(session: &Session, args: &Switch) -> Result<Answer> {
    let project = session.project()?;
    if args.undo {
        return undo(session, &project, args);
    }
    let wanted = args.images.iter().map(|text| image(text)).collect::<Result<Vec<_>>>()?;
    let label = args.images.join(" ");
    if !session.global.dry_run
        && rollback::pending(&project)?.is_some_and(|pending| pending == label)
        && let Some(done) = rollback::resume(&project, &session.events)?
    {
        return Ok(answer(&done));
    }
    act(session, &project, &wanted, &label, args)
}

fn undo(session: &Session, project: &Project, args: &Switch) -> Result<Answer> {
    if rollback::pending(project)?.is_some() {
        let note = Answer::new(&json!({ "plan": "back" }), View::Text("goes back from the switch that was interrupted".into()));
        if session.go_on("Go back?", &note)? == Go::OnlyThePlan {
            return Ok(note);
        }
        if let Some(plan) = rollback::undo(project, &session.events)? {
            session.ledger(project).record("services switch", &plan.label, "reverted", args.reason.as_deref(), json!(null))?;
            return Ok(Answer::new(&json!({ "undone": plan }), View::Text(format!("back from {}", plan.label))));
        }
    }
    let last = rollback::last(project)?.ok_or_else(|| Error::refused("no switch of services was done here: there is nothing to go back from"))?;
    act(session, project, &last.before, &format!("what was before {}", last.label), args)
}

fn act(session: &Session, project: &Project, wanted: &[ImageRef], label: &str, args: &Switch) -> Result<Answer> {
    let stack = Stack::open(project)?;
    stack.select(&wanted.iter().map(|image| image.service.clone()).collect::<Vec<_>>())?;
    let facts = Facts::gather(project, &stack, wanted)?;
    let restores = if args.with_data { rollback::choose(project, &facts, None)? } else { Vec::new() };
    let plan = rollback::plan(&facts, label, restores)?;
    let shown = Answer::new(&json!({ "plan": plan }), View::Text(text(&plan)));
    if plan.is_empty() || session.go_on("Switch?", &shown)? == Go::OnlyThePlan {
        return Ok(shown);
    }
    let safety = if args.no_backup { Safety::Skip } else { Safety::Backup };
    let resume = if args.undo {
        "xtask services switch --undo".to_owned()
    } else {
        format!("xtask services switch {label}{}", if args.with_data { " --with-data" } else { "" })
    };
    let ways = Ways { resume: &resume, undo: "xtask services switch --undo" };
    let done = rollback::execute(project, &plan, safety, ways, args.reason.as_deref(), &session.events)?;
    Ok(answer(&done))
}

fn image(text: &str) -> Result<ImageRef> {
    let (service, image) = text
        .split_once('=')
        .filter(|(service, image)| !service.is_empty() && !image.is_empty())
        .ok_or_else(|| Error::usage(format!("`{text}` is not SERVICE=IMAGE")))?;
    Ok(ImageRef { service: service.into(), image: image.into(), digest: None, id: None })
}

fn text(plan: &Plan) -> String {
    if plan.is_empty() { format!("nothing to do\n{}", plan.text()) } else { plan.text() }
}

fn answer(done: &Done) -> Answer {
    let lines: Vec<_> = done.after.iter().map(|image| format!("{} runs {}", image.service, image.pinned())).collect();
    Answer::new(&json!(done), View::Text(format!("{}\nhealthy after {} s; back with `xtask services switch --undo`", lines.join("\n"), done.seconds)))
}
