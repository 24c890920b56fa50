//! `bump`: edits every version source, keeping its formatting; commits and tags where asked. Never pushes: prints the command.

use serde::Serialize;

use super::Session;
use crate::{
    config::Project,
    effects::{clock, lock},
    kernel::{Error, Finding, Result},
    report::{Answer, Table, View},
    versions::{
        Level, WorkTree,
        bump::{self, Done, Edit, Plan, Wanted},
        validate,
    },
};

/// What is typed after `bump`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// major, minor, patch, release, prerelease, alpha, beta, rc; or a version, e.g. 1.4.2
    #[arg(value_name = "LEVEL or VERSION")]
    to: String,
    /// Commit exactly the edited files
    #[arg(long)]
    commit: bool,
    /// Tag that commit (annotated)
    #[arg(long, requires = "commit")]
    tag: bool,
}

#[derive(Serialize)]
struct Data<'p> {
    from: String,
    to: String,
    edits: &'p [Edit],
    #[serde(flatten)]
    done: Done,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<Answer> {
    let level: Level = args.to.parse()?;
    let project = session.project()?;
    let specs = &project.config.sources;
    if specs.is_empty() {
        return Err(Error::usage("no version source is configured: there is nothing to edit").hint("add a [[version.source]] to xtask.toml"));
    }
    validate(specs)?;
    let held = if session.global.dry_run { None } else { Some(lock::acquire(&lock::path(&project.state(), "bump"), "bump")?) };
    let tree = WorkTree::new(&project.root)?;
    let to = bump::target(&tree, specs, &project.state(), (&args.to, &level))?;
    let plan = bump::plan(&tree, specs, &to, &clock::now().format("%Y-%m-%d").to_string())?;
    let wanted = Wanted { asked: args.to.clone(), commit: args.commit, tag: args.tag.then(|| project.config.tag.tag(&to)) };
    let notes = checked(&project, &plan, &wanted)?;
    if session.global.dry_run {
        return Ok(answer(&plan, Done::default(), &wanted, true).found(notes).found(plan.left));
    }
    let done = bump::apply(&project.root, &project.state(), &plan, &wanted)?;
    drop(held);
    Ok(answer(&plan, done, &wanted, false).found(notes).output("version", &plan.to).found(plan.left))
}

/// What would stop a commit or a tag stops it here, before anything is edited.
fn checked(project: &Project, plan: &Plan, wanted: &Wanted) -> Result<Vec<Finding>> {
    if !wanted.commit {
        return Ok(Vec::new());
    }
    let findings = bump::preflight(&project.git()?, &project.state(), plan, wanted, &project.config.tag)?;
    if findings.iter().any(Finding::is_error) {
        return Err(Error::findings(format!("{} can't be committed and tagged yet: nothing was changed", plan.to), findings));
    }
    Ok(findings)
}

fn answer(plan: &Plan, done: Done, wanted: &Wanted, planned: bool) -> Answer {
    let mut views = vec![View::Table(table(plan, planned))];
    if plan.edits.is_empty() {
        views = vec![View::Text(format!("every source says {} already", plan.to))];
    }
    let files = plan.changes.len();
    if planned && wanted.commit {
        views.push(View::Text(format!("then: commit {files} files{}", wanted.tag.as_ref().map(|tag| format!(", tag {tag}")).unwrap_or_default())));
    }
    if let Some(push) = &done.push {
        views.push(View::Text(format!(
            "committed{}; make it public with:\n  {push}",
            done.tag.as_ref().map(|tag| format!(" and tagged {tag}")).unwrap_or_default()
        )));
    }
    let data = Data { from: plan.from.to_string(), to: plan.to.to_string(), edits: &plan.edits, done };
    Answer::new(&data, View::All(views))
}

fn table(plan: &Plan, planned: bool) -> Table {
    let title = if planned { format!("would bump {} to {}", plan.from, plan.to) } else { format!("bumped {} to {}", plan.from, plan.to) };
    let mut table = Table::new(["where", "from", "to"]).titled(title);
    for edit in &plan.edits {
        let from = if edit.from.is_empty() { "(new line)" } else { &edit.from };
        table.row([format!("{}:{}", edit.file, edit.line), from.into(), edit.to.clone()]);
    }
    table
}
