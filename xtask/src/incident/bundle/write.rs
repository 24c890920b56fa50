//! One item after the other through the redactor into files of a private folder. Each is scanned again; what isn't clean after three passes stays out.

use std::{
    io::{self, BufReader, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;

use super::{
    super::{
        packed::{self, Sort},
        redact::{Counts, Redactor},
    },
    clean::Clean,
    item::{Item, LeftOut, Origin},
};
use crate::{
    effects::{files, tail::Tail, tree},
    kernel::{Context as _, Error, Result, human_bytes},
    services::Stack,
};

/// How much before the wanted end is read as well, so that a secret that begins there is recognised.
const BEFORE: u64 = 1 << 20;
/// How much of what comes first is dropped then: it may be the rest of a key that began before.
const UNSURE: u64 = 64 * 1024;
/// A packed log that grows beyond this is cut.
const UNPACKED: u64 = 1 << 30;
/// How long a service's log may take.
const PATIENCE: Duration = Duration::from_secs(60);
const PASSES: usize = 3;

/// An entry as it will be packed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Written {
    /// Its name in the bundle.
    pub name: String,
    /// What it is.
    pub what: String,
    /// How big it is.
    pub bytes: u64,
    /// When the original was written last, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
    /// What isn't there of the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
    /// What was hidden.
    pub redacted: Vec<Hidden>,
    /// How many lines speak of errors.
    pub errors: u64,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    #[serde(skip)]
    pub path: PathBuf,
    #[serde(skip)]
    pub epoch: Option<i64>,
}

/// How often a sort of secret was hidden.
#[derive(Debug, Serialize)]
pub struct Hidden {
    /// `github-token`
    pub kind: String,
    /// How often.
    pub count: u64,
}

/// As the index shows them.
pub fn hidden(counts: &Counts) -> Vec<Hidden> {
    counts.iter().map(|(kind, count)| Hidden { kind: kind.clone(), count: *count }).collect()
}

/// What asking the services takes.
pub struct Services<'a> {
    /// The stack.
    pub stack: Option<&'a Stack>,
    /// How many lines of each.
    pub tail: usize,
    /// Since when, as Compose reads it.
    pub since: Option<&'a str>,
}

/// Writes everything, in the order of names, so that tokens are given in the same order each time.
pub fn all(items: &mut [Item], services: &Services<'_>, folder: &Path, redactor: &mut Redactor) -> (Vec<Written>, Vec<LeftOut>) {
    items.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    let (mut written, mut left_out) = (Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let path = folder.join(index.to_string());
        match one(item, services, &path, redactor) {
            Ok(entry) => written.push(entry),
            Err(error) => {
                // On a full disk what was written of it would keep all that follows out as well; what can't be removed goes with the folder.
                let _ = files::remove_file(&path);
                left_out.push(LeftOut { name: item.name.clone(), why: redactor.text(&error.chain()) });
            }
        }
    }
    (written, left_out)
}

fn one(item: &Item, services: &Services<'_>, path: &Path, redactor: &mut Redactor) -> Result<Written> {
    let (bytes, counts, cut) = match &item.origin {
        Origin::Bytes(bytes) => store(bytes.as_slice(), item, path, redactor, 0)?,
        Origin::File(file) => from_file(file, item, path, redactor)?,
        Origin::Service(service) => from_service(service, services, item, path, redactor)?,
    };
    let (bytes, counts) = until_clean(path, bytes, counts, redactor)?;
    let (errors, last_error) = errors(path)?;
    Ok(Written {
        name: item.name.clone(),
        what: item.what.clone(),
        bytes,
        modified: item.modified.map(crate::effects::clock::stamp),
        cut,
        redacted: hidden(&counts),
        errors,
        last_error,
        path: path.to_owned(),
        epoch: item.modified.map(|time| time.timestamp()),
    })
}

type Stored = (u64, Counts, Option<String>);

fn store(reader: impl Read, item: &Item, path: &Path, redactor: &mut Redactor, unsure: u64) -> Result<Stored> {
    let context = || format!("redact {}", item.name);
    // Tokens may be longer than what they stand for: a log that fits must not lose its front to them.
    let room = item.limit.saturating_mul(2).saturating_add(UNSURE);
    let mut tail = Tail::create(path, room).context(context)?;
    let counts = redactor.copy(Clean::new(reader), &mut tail).context(context)?;
    let (size, dropped) = tail.finish(unsure).context(context)?;
    let cut = (dropped > 0).then(|| "the newest part; what is older didn't fit".to_owned());
    Ok((size, counts, cut))
}

fn from_file(file: &Path, item: &Item, path: &Path, redactor: &mut Redactor) -> Result<Stored> {
    let context = || format!("read {}", file.display());
    let opened = tree::open_regular(file)?;
    let size = opened.metadata().context(context)?.len();
    let start = size.saturating_sub(item.limit.saturating_add(BEFORE));
    // It may grow while it is read: what was there at first is enough.
    let opened = match packed::open(opened.take(size)).context(context)? {
        Err(sort) => return Err(Error::unexpected(left_out(sort))),
        Ok(opened) if opened.packed => opened,
        Ok(_) => return newest(file, start, size, item, path, redactor),
    };
    let (bytes, counts, cut) = store(opened.text.take(UNPACKED), item, path, redactor, 0)?;
    let damaged = opened.broken.get().then(|| "it is damaged: what could be unpacked before that".to_owned());
    Ok((bytes, counts, damaged.or(cut)))
}

/// A log's end, from `start` on.
fn newest(file: &Path, start: u64, size: u64, item: &Item, path: &Path, redactor: &mut Redactor) -> Result<Stored> {
    let mut opened = tree::open_regular(file)?;
    opened.seek(SeekFrom::Start(start)).context(|| format!("read {}", file.display()))?;
    let (bytes, counts, cut) = store(opened.take(size - start), item, path, redactor, if start > 0 { UNSURE } else { 0 })?;
    let cut = if start > 0 { Some(format!("the newest {} of {}", human_bytes(bytes), human_bytes(size))) } else { cut };
    Ok((bytes, counts, cut))
}

/// Why something isn't in the bundle.
fn left_out(sort: Sort) -> String {
    match sort {
        Sort::Packed(what) => format!("{what}: what is secret in it can't be seen here; unpack it beside it"),
        Sort::Gzip | Sort::Zstd => "packed twice: unpack it beside it".into(),
        Sort::Other(what) => format!("not a log: {what}"),
        Sort::Text | Sort::Wide => "it changed while it was read".into(),
    }
}

fn from_service(service: &str, services: &Services<'_>, item: &Item, path: &Path, redactor: &mut Redactor) -> Result<Stored> {
    let stack = services.stack.context(|| "the services can't be asked".into())?;
    let tail = format!("--tail={}", services.tail);
    let mut words = vec!["logs", "--no-color", "--timestamps", &tail];
    let since = services.since.map(|since| format!("--since={since}"));
    match (&since, stack.is_v1()) {
        (Some(_), true) => return Err(Error::unexpected("docker-compose v1 has no --since for logs").hint("install Compose v2, or leave --since out")),
        (Some(since), false) => words.push(since),
        (None, _) => {}
    }
    words.push(service);
    stack.compose.program(&words).pipe(PATIENCE, |out| store(out, item, path, redactor, 0))
}

/// Hiding one thing can bring another to light; what still shows something after three passes stays out.
fn until_clean(path: &Path, mut size: u64, mut counts: Counts, redactor: &mut Redactor) -> Result<(u64, Counts)> {
    for pass in 0..PASSES {
        if is_clean(redactor, files::open(path)?)? {
            return Ok((size, counts));
        }
        let again = path.with_extension(format!("pass{pass}"));
        let mut out = Tail::create(&again, u64::MAX).context(|| "redact again".into())?;
        let more = redactor.copy(files::open(path)?, &mut out).context(|| "redact again".into())?;
        (size, _) = out.finish(0).context(|| "redact again".into())?;
        more.into_iter().for_each(|(kind, count)| *counts.entry(kind).or_default() += count);
        files::rename(&again, path)?;
    }
    if is_clean(redactor, files::open(path)?)? {
        Ok((size, counts))
    } else {
        Err(Error::mismatch("something that looks like a secret is left after redacting"))
    }
}

/// Whether a scan finds nothing.
pub fn is_clean(redactor: &Redactor, reader: impl Read) -> Result<bool> {
    let mut clean = true;
    redactor.scan(reader, |_| clean = false).context(|| "scan for secrets".into())?;
    Ok(clean)
}

/// How many lines speak of errors, and the last of them, shortened.
fn errors(path: &Path) -> Result<(u64, Option<String>)> {
    const LONGEST: u64 = 4096;
    let words = regex::bytes::Regex::new(r"(?i)\b(error|fatal|panic(ked)?|exception|traceback|critical)\b").context(|| "look for errors".into())?;
    let mut reader = BufReader::new(files::open(path)?);
    let (mut count, mut last) = (0, None);
    loop {
        let mut line = Vec::new();
        let n = io::BufRead::read_until(&mut Read::take(&mut reader, LONGEST), b'\n', &mut line).context(|| "look for errors".into())?;
        if n == 0 {
            return Ok((count, last));
        }
        if words.is_match(&line) {
            count += 1;
            last = Some(String::from_utf8_lossy(&line).trim().chars().take(300).collect());
        }
    }
}
