//! `build`: deterministic artifacts, SHA256SUMS, release.json and a bill of materials, into a folder.

use std::path::Path;

use serde_json::json;

use super::{
    Session,
    args::BuildArgs,
    forges,
    show::{self, Row},
};
use crate::{
    config::Project,
    effects::files,
    kernel::{Error, Finding, Result},
    release::{
        build::{self, Place},
        plan, preflight,
        subject::Choice,
        verify,
    },
    report::{Answer, View},
};

pub(super) fn run(session: &Session, args: &BuildArgs) -> Result<Answer> {
    let project = session.project()?;
    let choice = choice(args, &project)?;
    let ground = preflight::survey(&project, &choice)?;
    let mut findings = preflight::repository(&project.config, &ground, &[], args.allow_dirty);
    findings.extend(preflight::versions(&project.config, &ground));
    let targets = preflight::targets(&ground.subject, &args.target);
    let plan = plan::plan(&project.config, ground.subject, forges::kind(&project, None), &targets, &build::host_target)?;
    let out = args
        .out
        .clone()
        .map_or_else(|| Ok(project.state().join("dist").join(&plan.subject.tag.name)), |out| session.folder().map(|folder| folder.join(out)))?;
    if session.global.dry_run {
        return Ok(show::plan(&plan, &findings, &out.display().to_string()));
    }
    if findings.iter().any(Finding::is_error) {
        return Err(Error::findings("not ready to build: nothing was changed", findings));
    }
    let built = build::build(&project, &plan, &Place::usual(&project.root, &project.config.name)?, &out, &session.events)?;
    findings.extend(in_the_way(&project, &out)?);
    let files = built.files.clone();
    verify::built(built)?;
    let rows = files.iter().map(|file| Row { name: file.name.clone(), size: file.size, sha256: file.sha256 });
    let table = show::assets(&format!("{} built in {}", plan.subject.tag, out.display()), rows);
    let data = json!({ "tag": plan.subject.tag.name, "commit": plan.subject.commit, "out": out, "files": files });
    Ok(Answer::new(&data, View::Table(table)).found(findings).output("out", &out.display()))
}

/// What lies in the work tree and isn't ignored would make the next build find it dirty.
fn in_the_way(project: &Project, out: &Path) -> Result<Option<Finding>> {
    let git = project.git()?;
    let (Ok(root), Ok(out)) = (git.root().canonicalize(), out.canonicalize()) else { return Ok(None) };
    let Ok(inside) = out.strip_prefix(root) else { return Ok(None) };
    let inside = files::slashes(inside);
    let ignored = inside.is_empty() || !git.ignored(&[format!("{inside}/{}", plan::MANIFEST)])?.is_empty();
    let message = format!("{inside} is not ignored by git: the next build will find the work tree changed");
    Ok((!ignored).then(|| Finding::warning("out-not-ignored", message).hint(format!("add /{inside}/ to .gitignore, or choose a folder elsewhere"))))
}

/// A tag where one is named or at HEAD; else a snapshot: building is not releasing.
fn choice(args: &BuildArgs, project: &Project) -> Result<Choice> {
    if let Some(tag) = &args.tag {
        return Ok(Choice::Tag(tag.clone()));
    }
    let facts = crate::release::facts::Facts::gather(&project.git()?)?;
    let tagged = !args.snapshot && facts.tags_at_head(&project.config.tag).len() == 1;
    Ok(if tagged { Choice::TagAtHead } else { Choice::Snapshot })
}
