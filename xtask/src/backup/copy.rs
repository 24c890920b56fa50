//! From where the data is into the archive. Reads the source, writes the archive.
//!
//! A small file that changes while it is read is read again; a large one that does is reported. Frozen files (see [`Frozen`]) are copied from their hard
//! links and exactly as long as they were.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Cursor, Read, Seek as _},
    path::{Path, PathBuf},
};

use super::{
    entry::{Kind, Meta},
    name::Name,
    pack,
    read::{self, Names},
    redis::{aof, rdb},
    store::Writing,
    tree::{self, Take},
};
use crate::kernel::{Bar, Context as _, Error, Finding, Result};

/// What a running server's data folder holds that must be copied in one exact state.
#[derive(Clone, Debug, Default)]
pub struct Frozen {
    /// The data folder inside the source.
    pub folder: Name,
    /// The append folder: nothing is taken from it but frozen files.
    pub append_folder: Option<Name>,
    /// Where to read each file, and how many of its bytes.
    pub files: BTreeMap<Name, (PathBuf, u64)>,
    /// Files that grow meanwhile, where only the engine can read them: they are cut behind their last whole command.
    pub growing: Vec<Name>,
    /// Files of the append folder that belong to it now, where only the engine can read them.
    pub listed: Vec<Name>,
}

impl Frozen {
    /// A server's own temporary files come and go; so do ours.
    pub fn leaves_out(&self, name: &Name) -> bool {
        let last = name.last();
        let temporary = name.parent().as_ref() == Some(&self.folder) && last.starts_with(b"temp-") && (last.ends_with(b".rdb") || last.ends_with(b".aof"));
        let foreign = self.append_folder.as_ref().is_some_and(|folder| name != folder && name.is_within(folder)) && !self.files.contains_key(name);
        temporary || (foreign && !self.listed.contains(name)) || name.as_bytes().starts_with(b".xtask-")
    }
}

/// Copies, counts, looks for formats.
pub struct Copier<'a> {
    writing: &'a mut Writing,
    bar: Bar,
    /// What was seen on the way.
    pub findings: Vec<Finding>,
    /// The newest format among the RDB files.
    pub format: rdb::Format,
}

/// Files up to this size are read whole before they are written.
const SMALL: u64 = 8 << 20;

impl<'a> Copier<'a> {
    /// Copies into `writing`.
    pub fn new(writing: &'a mut Writing, bar: Bar) -> Self {
        Self { writing, bar, findings: Vec::new(), format: rdb::Format::default() }
    }

    /// A folder of this machine.
    pub fn folder(&mut self, root: &Path, keep: &tree::Keep<'_>, frozen: &Frozen) -> Result<()> {
        let filter = |name: &Name, is_folder: bool| if frozen.leaves_out(name) { Take::No } else { keep(name, is_folder) };
        let walk = tree::walk(root, &filter)?;
        self.findings.extend(walk.findings);
        for meta in &walk.metas {
            match frozen.files.get(&meta.name) {
                Some((path, size)) => self.exactly(path, meta, *size)?,
                None if meta.is_file() => self.current(root, meta)?,
                None => self.add(meta, &mut std::io::empty())?,
            }
        }
        Ok(())
    }

    fn exactly(&mut self, path: &Path, meta: &Meta, size: u64) -> Result<()> {
        let (mut file, mut now) = tree::open_at(path, meta)?.context(|| format!("`{}` was replaced while it was copied", meta.name))?;
        if now.size < size {
            return Err(Error::mismatch(format!("`{}` shrank while it was copied", meta.name)));
        }
        // The link is a second name of ours; the file itself is no hard link.
        (now.size, now.data, now.kind) = (size, None, Kind::File);
        self.add(&now, &mut file)
    }

    fn current(&mut self, root: &Path, meta: &Meta) -> Result<()> {
        let opened = match tree::open(root, meta) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.findings.push(Finding::error("backup-unreadable", format!("`{}` could not be read: {}", meta.name, error.chain())));
                return Ok(());
            }
        };
        let (file, now) = opened;
        if now.size <= SMALL && now.data.is_none() { self.small(file, now) } else { self.large(file, &now) }
    }

    fn small(&mut self, mut file: File, mut meta: Meta) -> Result<()> {
        for _ in 0..5 {
            let bytes = tree::read_all(&mut file, meta.size)?;
            let after = now(&file)?;
            if after == stamp(&meta) && bytes.len() as u64 == meta.size {
                return self.add(&meta, &mut Cursor::new(bytes));
            }
            file.rewind().context(|| format!("read `{}`", meta.name))?;
            ((meta.size, meta.mtime), meta.data) = (after, None);
        }
        let bytes = tree::read_all(&mut file, meta.size)?;
        meta.size = bytes.len() as u64;
        self.changed(&meta);
        self.add(&meta, &mut Cursor::new(bytes))
    }

    fn large(&mut self, mut file: File, meta: &Meta) -> Result<()> {
        self.add(meta, &mut file).context(|| format!("copy `{}`", meta.name))?;
        if now(&file)? != stamp(meta) {
            self.changed(meta);
        }
        Ok(())
    }

    fn changed(&mut self, meta: &Meta) {
        let finding = Finding::warning("backup-changed", format!("`{}` changed while it was read: the copy may be torn", meta.name));
        self.findings.push(finding.hint("close what writes it, or set `closed` so that the backup refuses while it runs"));
    }

    /// A tar stream of the engine's.
    pub fn stream(&mut self, stream: &mut dyn Read, frozen: &Frozen) -> Result<()> {
        let spool = self.writing.folder();
        let mut left = Vec::new();
        let visit = &mut |meta: &Meta, data: &mut dyn Read| {
            if frozen.leaves_out(&meta.name) {
                return Ok(());
            }
            if !frozen.growing.contains(&meta.name) {
                return self.add(meta, data);
            }
            let mut file = tempfile::tempfile_in(&spool).context(|| "set a growing file aside".into())?;
            pack::copy(data, &mut file)?;
            file.rewind().context(|| "set a growing file aside".into())?;
            let size = aof::whole_commands(&file)?;
            file.rewind().context(|| "set a growing file aside".into())?;
            self.add(&Meta { size, ..meta.clone() }, &mut file)
        };
        read::noting(stream, Names::Ours, visit, &mut |finding| left.push(finding))?;
        self.findings.extend(left);
        Ok(())
    }

    fn add(&mut self, meta: &Meta, data: &mut dyn Read) -> Result<()> {
        let mut scanner = rdb::Scanner::default();
        if meta.is_file() && (meta.name.last().ends_with(b".rdb") || meta.name.last().ends_with(b".aof")) {
            self.writing.add(meta, &mut rdb::Sniffed::new(data, &mut scanner))?;
        } else {
            self.writing.add(meta, data)?;
        }
        self.format = self.format.max(scanner.format());
        self.bar.advance(meta.size);
        Ok(())
    }
}

type Stamp = (u64, (i64, u32));

fn stamp(meta: &Meta) -> Stamp {
    (meta.size, meta.mtime)
}

#[cfg(unix)]
fn now(file: &File) -> Result<Stamp> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = file.metadata().context(|| "look at a file again".into())?;
    Ok((meta.len(), (meta.mtime(), u32::try_from(meta.mtime_nsec()).unwrap_or(0))))
}

#[cfg(not(unix))]
fn now(file: &File) -> Result<Stamp> {
    let meta = file.metadata().context(|| "look at a file again".into())?;
    let since = meta.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok()).unwrap_or_default();
    Ok((meta.len(), (i64::try_from(since.as_secs()).unwrap_or(0), since.subsec_nanos())))
}
