//! `plan`: what `release` would do, without doing it; `--matrix` prints what GitHub Actions fans out over.

use super::{
    Session,
    args::{PlanArgs, ReleaseArgs},
    forges, release, show,
};
use crate::{
    kernel::Result,
    release::plan,
    report::{Answer, View},
};

pub(super) fn run(session: &Session, args: &PlanArgs) -> Result<Answer> {
    let project = session.project()?;
    let release_args =
        ReleaseArgs { tag: args.tag.clone(), snapshot: args.snapshot, forge: args.forge, allow_dirty: args.allow_dirty, ..ReleaseArgs::default() };
    let forge = forges::open(session, &project, args.forge)?;
    let prepared = release::prepare(&project, forge.as_ref(), &release_args)?;
    if args.matrix {
        let matrix = plan::matrix(&prepared.plan, &project.config.workflows.runners);
        let text = matrix.to_string();
        return Ok(Answer::new(&matrix, View::Text(text.clone())).found(prepared.findings).output("matrix", &text));
    }
    Ok(show::plan(&prepared.plan, &prepared.findings, &forge.place()))
}
