//! `plan`: what `release` would do, without doing it; `--matrix` prints what GitHub Actions fans out over.

use super::{
    Session,
    args::{PlanArgs, ReleaseArgs},
    forges, release, show,
};
use crate::{
    kernel::{Context as _, Result},
    release::{matrix, plan::ReleasePlan},
    report::{Answer, View},
};

pub(super) fn run(session: &Session, args: &PlanArgs) -> Result<Answer> {
    let project = session.project()?;
    let release_args =
        ReleaseArgs { tag: args.tag.clone(), snapshot: args.snapshot, forge: args.forge, allow_dirty: args.allow_dirty, ..ReleaseArgs::default() };
    let forge = forges::open(session, &project, args.forge)?;
    let prepared = release::prepare(&project, forge.as_ref(), &release_args)?;
    if args.matrix {
        let matrix = matrix::matrix(&prepared.plan, &project.config.workflows.runners);
        let text = serde_json::to_string(&matrix).context(|| "write the matrix".into())?;
        let answer = Answer::new(&matrix, View::Text(text.clone())).found(prepared.findings);
        return Ok(named(answer, &prepared.plan).output("matrix", &text));
    }
    Ok(named(show::plan(&prepared.plan, &prepared.findings, &forge.place()), &prepared.plan))
}

/// What later jobs of a pipeline ask for.
fn named(answer: Answer, plan: &ReleasePlan) -> Answer {
    answer.output("tag", &plan.subject.tag.name).output("version", plan.subject.version()).output("commit", &plan.subject.commit)
}
