//! Which files of a running server are copied, and how many bytes of each. Makes hard links beside the data, which the caller's journal removes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    copy::Frozen,
    manifest::EngineFacts,
    name::Name,
    redis::aof::{self, Part},
    volume::{self, Helper},
};
use crate::{
    effects::{crash, docker::Container, files},
    kernel::{Context as _, Error, Result},
};

/// The folder of hard links at the root of what is copied.
pub const LINKS: &str = ".xtask-hot";

/// Freezes a folder of this machine. `root` is the source, `engine.folder` the data folder in it.
pub fn folder(root: &Path, engine: &EngineFacts) -> Result<Frozen> {
    let data = Name::from(engine.folder.as_str());
    let mut frozen = Frozen { folder: data.clone(), ..Frozen::default() };
    let links = root.join(LINKS);
    files::remove_dir(&links)?;
    files::create_dir(&links)?;
    let mut freeze = |name: Name, growing: bool| -> Result<()> {
        let link = links.join(frozen.files.len().to_string());
        let path = linked(&name.below(root), &link)?;
        let size = if growing { aof::whole_commands(files::open(&path)?)? } else { files::size(&path)? };
        frozen.files.insert(name, (path, size));
        Ok(())
    };
    match (&engine.append_folder, engine.append_only) {
        (Some(append), true) => {
            let append = data.child(append.as_bytes());
            let manifest = append.child(format!("{}.manifest", engine.append_file).as_bytes());
            let before = files::read_text(&manifest.below(root)).map_err(|error| error.within("the append-only file has no manifest"))?;
            freeze(manifest.clone(), false)?;
            for part in aof::parts(&before)? {
                freeze(append.child(part.file.as_bytes()), !part.base)?;
            }
            if files::read_text(&manifest.below(root))? != before {
                return Err(Error::refused("the server began another rewrite while its files were linked").hint("run this again"));
            }
            frozen.append_folder = Some(append);
        }
        (None, true) => freeze(data.child(engine.append_file.as_bytes()), false)?,
        (_, false) => freeze(data.child(engine.dump.as_bytes()), false)?,
    }
    crash::point("freeze");
    Ok(frozen)
}

/// The link, or the file itself where the file system has no links: nothing replaces it while rewrites are off.
fn linked(path: &Path, link: &PathBuf) -> Result<PathBuf> {
    match fs::hard_link(path, link) {
        Ok(()) => Ok(link.clone()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(error).context(|| format!("the server's file {} is missing", path.display())),
        Err(_) => Ok(path.to_path_buf()),
    }
}

/// Where files are read from when only the engine can.
pub enum Remote<'a> {
    /// A volume's helper.
    Volume(&'a Helper),
    /// The server's container and its data folder.
    Container(&'a Container, &'a str),
}

impl Remote<'_> {
    /// All of it, as a tar stream. Nothing else may be read from there before its end: the engine locks the container meanwhile.
    pub fn read(&self) -> Result<volume::Pipe> {
        match self {
            Self::Volume(helper) => helper.read(),
            Self::Container(container, folder) => volume::read_container(&container.id, folder),
        }
    }
}

/// Freezes what only the engine can read: names only, as nothing can be linked there. Rewrites are off, so no file goes away; [`unchanged`] looks again.
pub fn remote(from: &Remote<'_>, engine: &EngineFacts) -> Result<(Frozen, Vec<Part>)> {
    let data = Name::from(engine.folder.as_str());
    let mut frozen = Frozen { folder: data.clone(), ..Frozen::default() };
    let parts = append_parts(from, engine)?;
    if let Some(append) = engine.append_folder.as_ref().filter(|_| engine.append_only) {
        let append = data.child(append.as_bytes());
        frozen.listed = parts.iter().map(|part| append.child(part.file.as_bytes())).collect();
        frozen.listed.push(append.child(format!("{}.manifest", engine.append_file).as_bytes()));
        frozen.growing = parts.iter().filter(|part| !part.base).map(|part| append.child(part.file.as_bytes())).collect();
        frozen.append_folder = Some(append);
    }
    Ok((frozen, parts))
}

/// Whether the append-only file still consists of the same parts.
pub fn unchanged(from: &Remote<'_>, engine: &EngineFacts, parts: &[Part]) -> Result<()> {
    if append_parts(from, engine)? == parts {
        return Ok(());
    }
    Err(Error::refused("the server began another rewrite while it was copied").hint("run this again"))
}

fn append_parts(from: &Remote<'_>, engine: &EngineFacts) -> Result<Vec<Part>> {
    let Some(append) = engine.append_folder.as_ref().filter(|_| engine.append_only) else { return Ok(Vec::new()) };
    let name = format!("{append}/{}.manifest", engine.append_file);
    let bytes = match from {
        Remote::Volume(helper) => helper.read_file(&Name::from(engine.folder.as_str()).child(name.as_bytes()).to_string())?,
        Remote::Container(container, folder) => volume::read_container_file(&container.id, &format!("{folder}/{name}"))?,
    };
    aof::parts(&String::from_utf8_lossy(&bytes))
}
