//! Collected files → archives and raw assets in the output folder.

use std::path::Path;

use super::{BuiltFile, Job, collect::Collected, source::FileKind};
use crate::{
    archive::{self, Entry, Packing},
    config::Format,
    effects::files,
    kernel::{Error, Result},
    release::{
        manifest::Origin,
        plan,
        updater::{self, Channel},
    },
};

/// Packs one unit in each of its formats. Update metadata is put aside: units share its names, and it is written once for all of them.
pub(super) fn pack(job: &Job<'_>, collected: &[Collected], channels: &mut Vec<Channel>) -> Result<Vec<BuiltFile>> {
    let mut packed = Vec::new();
    for format in &job.artifact.formats {
        match archive_format(*format) {
            Some(format) => packed.push(archive(job, collected, format)?),
            None => {
                let (metadata, files): (Vec<_>, Vec<_>) = collected.iter().partition(|file| updater::is_metadata(base(file)));
                channels.extend(metadata.into_iter().map(|file| channel(job, file)).collect::<Result<Vec<_>>>()?);
                packed.extend(files.into_iter().map(|file| raw_file(job, file)).collect::<Result<Vec<_>>>()?);
            }
        }
    }
    Ok(packed)
}

fn archive_format(format: Format) -> Option<archive::Format> {
    match format {
        Format::TarGz => Some(archive::Format::TarGz),
        Format::TarZst => Some(archive::Format::TarZst),
        Format::Zip => Some(archive::Format::Zip),
        Format::Raw => None,
    }
}

/// Everything lies in one folder named like the archive, so that unpacking it by hand spills nothing.
fn archive(job: &Job<'_>, collected: &[Collected], format: archive::Format) -> Result<BuiltFile> {
    let stem = plan::stem(&job.artifact.name, job.plan.subject.version(), job.unit.target.as_deref());
    let entries = collected.iter().map(|file| entry(&stem, file)).collect::<Result<Vec<_>>>()?;
    let name = format!("{stem}.{}", format.extension());
    let path = job.out.join(&name);
    let packed = archive::pack(&entries, &Packing::new(format, job.plan.subject.epoch), &path, job.events)?;
    let origin = collected.iter().map(|file| file.origin).max().unwrap_or(Origin::Made);
    Ok(BuiltFile { name, path, size: packed.size, sha256: packed.digest, artifact: Some(job.artifact.name.clone()), target: job.unit.target.clone(), origin })
}

fn entry(stem: &str, file: &Collected) -> Result<Entry> {
    let name = format!("{stem}/{}", file.name);
    Ok(match file.kind {
        FileKind::Link => Entry::link(name, files::read_link(&file.path)?),
        kind => Entry::file(name, &file.path, files::size(&file.path)?, kind == FileKind::Executable),
    })
}

fn channel(job: &Job<'_>, file: &Collected) -> Result<Channel> {
    Channel::read(base(file), &files::read(&file.path)?, Some(job.artifact.name.clone()), file.origin)
}

fn base(file: &Collected) -> &str {
    file.name.rsplit('/').next().unwrap_or(&file.name)
}

fn raw_file(job: &Job<'_>, file: &Collected) -> Result<BuiltFile> {
    let name = raw_name(job, file);
    if file.kind == FileKind::Link {
        return Err(Error::refused(format!("artifact `{}`: {} is a symbolic link, which can't be an asset", job.artifact.name, file.name))
            .hint("match the file that it leads to"));
    }
    if name.contains(['\n', '\r', '\\', '\0']) {
        return Err(Error::refused(format!("artifact `{}`: the name {name:?} can't stand in {}", job.artifact.name, plan::SUMS)).hint("rename the file"));
    }
    let path = job.out.join(&name);
    if files::exists(&path) {
        return Err(Error::refused(format!("two files of the release would be called {name}"))
            .hint("an asset's name is the file's name without its folders: rename one"));
    }
    let (size, sha256) = files::copy_quickly(&file.path, &path)?;
    Ok(BuiltFile { name, path, size, sha256, artifact: Some(job.artifact.name.clone()), target: job.unit.target.clone(), origin: file.origin })
}

/// A program that cargo built gets version and target into its name, since every target has one; other files keep theirs.
fn raw_name(job: &Job<'_>, file: &Collected) -> String {
    let base = base(file);
    let is_program = matches!(job.artifact.build, crate::config::Build::Cargo(_)) && file.origin == Origin::Built;
    if !is_program {
        return base.to_owned();
    }
    let path = Path::new(base);
    let stem = path.file_stem().map_or_else(|| base.into(), |stem| stem.to_string_lossy().into_owned());
    let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    format!("{}{ending}", plan::stem(&stem, job.plan.subject.version(), job.unit.target.as_deref()))
}
