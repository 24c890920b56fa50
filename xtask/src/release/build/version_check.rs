//! Asks what was built for its version, as a user would: from the unpacked artifact. An old version inside is the mistake users report most.

use std::path::{Path, PathBuf};

use super::{BuiltFile, Job, collect::Collected, environment};
use crate::{
    archive,
    effects::{files, process, scratch::Scratch},
    kernel::{Context as _, Error, Finding, Result},
    release::plan,
};

/// Runs the line in the unpacked artifact; what it prints must hold the version (a snapshot's base version will do).
pub(super) fn ask(job: &Job<'_>, line: &str, built: &[BuiltFile], collected: &[Collected]) -> Result<()> {
    let host = environment::host_target();
    if let Some(target) = job.unit.target.as_deref().filter(|target| *target != host) {
        job.events.warn(Finding::note("version-not-asked", format!("`{line}` was not asked: {target} doesn't run on {host}")));
        return Ok(());
    }
    let scratch = Scratch::new("version-check")?;
    let folder = unpack(job, built, collected, scratch.path())?;
    let words = process::words(line);
    let (name, args) = words.split_first().context(|| format!("artifact `{}`: version-check is empty", job.artifact.name))?;
    let inside = folder.join(name);
    let program = if inside.is_file() { process::Program::new(inside) } else { process::Program::new(name) };
    let said = environment::fresh(program.args(args).folder(&folder), job).capture()?;
    let text = format!("{}\n{}", said.text(), said.error_text());
    judge(job, line, &text, said.status.success())
}

fn unpack(job: &Job<'_>, built: &[BuiltFile], collected: &[Collected], scratch: &Path) -> Result<PathBuf> {
    if let Some(file) = built.iter().find(|file| archive::Format::of_name(&file.name).is_some()) {
        let folder = scratch.join("unpacked");
        archive::extract(&file.path, &folder, &archive::Policy::own(), job.events)?;
        return Ok(folder.join(plan::stem(&job.artifact.name, job.plan.subject.version(), job.unit.target.as_deref())));
    }
    for file in collected {
        let to = scratch.join(&file.name);
        files::create_dir(files::parent(&to))?;
        files::clone_entry(&file.path, &to)?;
    }
    Ok(scratch.to_path_buf())
}

fn judge(job: &Job<'_>, line: &str, text: &str, success: bool) -> Result<()> {
    let version = job.plan.subject.version();
    let wanted = if job.plan.subject.snapshot { version.base().to_string() } else { version.to_string() };
    let holds =
        text.split(|c: char| c.is_whitespace() || "\"',;()".contains(c)).any(|word| word.trim_start_matches('v') == wanted || word == version.to_string());
    if success && holds {
        job.events.note(format!("`{line}` says {wanted}"));
        return Ok(());
    }
    let said = text.trim().lines().next().unwrap_or("nothing").to_owned();
    Err(Error::refused(format!("artifact `{}`: `{line}` says `{said}`, not {wanted}", job.artifact.name))
        .hint("the program's own version comes from another place than the tag: make it read the manifest's, or correct that place"))
}
