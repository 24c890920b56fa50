//! Reads tar streams: ustar, GNU and pax headers. Own loop over blocks, because long names must not cost memory without
//! end, and because every header's checksum, the end and what follows it are looked at. Fields are read by the `tar` crate.

use std::io::{self, Read};

use ::tar::{EntryType, Header, PaxExtensions};

use super::{Item, Kind, Visit, guard::Guard, meter::hostile, ours};
use crate::kernel::{Error, Result};

const BLOCK: u64 = 512;
/// The longest pax header or GNU long name. Honest ones have a few hundred bytes.
const EXTENSION_MAX: u64 = 1 << 20;

/// Goes through a stream to its very end, so that the checksum of what wraps it is checked too.
pub fn walk(stream: &mut dyn Read, mut guard: Guard, visit: &mut Visit<'_>) -> Result<()> {
    let mut pending = Extensions::default();
    while let Some(header) = next_header(stream, &mut guard)? {
        let size = header.entry_size().map_err(damaged)?;
        if pending.absorb(&header, size, stream, &mut guard)? {
            continue;
        }
        let item = item(&header, std::mem::take(&mut pending))?;
        guard.admit(&item)?;
        let mut content = stream.take(item.size);
        visit(&item, &mut guard.meter.watch(&mut content))?;
        drain(&mut content, &mut guard)?;
        if content.limit() > 0 {
            return Err(Error::mismatch(format!("it ends within {:?}", item.name)).hint("it was cut: download or make it again"));
        }
        skip(stream, padding(item.size), &mut guard)?;
    }
    finish(stream, &mut guard)
}

/// The next header that isn't empty; none at the end mark.
fn next_header(stream: &mut dyn Read, guard: &mut Guard) -> Result<Option<Header>> {
    let mut header = Header::new_old();
    let mut read = 0;
    while read < header.as_bytes().len() {
        let more = guard.meter.watch(&mut *stream).read(header.as_mut_bytes().get_mut(read..).unwrap_or_default()).map_err(ours)?;
        if more == 0 {
            return Err(Error::mismatch("it ends without an end mark").hint("it was cut: download or make it again"));
        }
        read += more;
    }
    if header.as_bytes().iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let sum = |range: std::ops::Range<usize>| header.as_bytes().get(range).unwrap_or_default().iter().map(|byte| u32::from(*byte)).sum::<u32>();
    // The checksum counts its own eight bytes as blanks.
    let expected = sum(0..148) + 8 * u32::from(b' ') + sum(156..512);
    if header.cksum().map_err(damaged)? != expected {
        return Err(Error::mismatch("a header's checksum is wrong").hint("it is damaged: download or make it again"));
    }
    Ok(Some(header))
}

/// What came before an entry and speaks of it.
#[derive(Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    mtime: Option<i64>,
    owner: (Option<u64>, Option<u64>),
}

impl Extensions {
    /// True when the header was such an extension.
    fn absorb(&mut self, header: &Header, size: u64, stream: &mut dyn Read, guard: &mut Guard) -> Result<bool> {
        let kind = header.entry_type();
        if !(kind.is_gnu_longname() || kind.is_gnu_longlink() || kind.is_pax_local_extensions() || kind.is_pax_global_extensions()) {
            return Ok(false);
        }
        if size > EXTENSION_MAX {
            return Err(hostile(format!("one of its names or extended headers has {size} bytes")));
        }
        let mut bytes = Vec::new();
        guard.meter.watch((&mut *stream).take(size)).read_to_end(&mut bytes).map_err(ours)?;
        skip(stream, padding(size), guard)?;
        let text = || bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        if kind.is_gnu_longname() {
            self.name = Some(text());
        } else if kind.is_gnu_longlink() {
            self.target = Some(text());
        } else if kind.is_pax_local_extensions() {
            self.records(&bytes)?;
        }
        // Global headers carry comments, such as git's commit; nothing that makes an entry.
        Ok(true)
    }

    fn records(&mut self, bytes: &[u8]) -> Result<()> {
        for record in PaxExtensions::new(bytes) {
            let record = record.map_err(damaged)?;
            let value = record.value_bytes().to_vec();
            let number = || record.value().ok().and_then(|value| value.parse().ok());
            match record.key().unwrap_or_default() {
                "path" => self.name = Some(value),
                "linkpath" => self.target = Some(value),
                "size" => self.size = Some(number().ok_or_else(|| hostile("a size in it is no number"))?),
                "uid" => self.owner.0 = number(),
                "gid" => self.owner.1 = number(),
                "mtime" => self.mtime = record.value().ok().and_then(|value| value.split('.').next()?.parse().ok()),
                sparse if sparse.starts_with("GNU.sparse") => return Err(hostile("it has sparse files").hint("make it again without --sparse")),
                _ => {}
            }
        }
        Ok(())
    }
}

fn item(header: &Header, extensions: Extensions) -> Result<Item> {
    let raw = extensions.name.unwrap_or_else(|| header.path_bytes().into_owned());
    let name = text(raw, "a name")?;
    let target = || text(extensions.target.clone().unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().into_owned()), "a link's target");
    let kind = match header.entry_type() {
        // Before ustar a folder was a file whose name ended in a slash.
        EntryType::Regular | EntryType::Continuous if name.ends_with('/') => Kind::Folder,
        EntryType::Regular | EntryType::Continuous => Kind::File,
        EntryType::Directory => Kind::Folder,
        EntryType::Symlink => Kind::Link(target()?),
        EntryType::Link => Kind::HardLink(plain(&target()?).to_owned()),
        other => return Err(hostile(format!("the entry {name:?} is refused: it is {}", special(other)))),
    };
    let size = extensions.size.map_or_else(|| header.entry_size().map_err(damaged), Ok)?;
    if kind != Kind::File && size != 0 {
        return Err(hostile(format!("the entry {name:?} is refused: it has bytes but is a {kind}")));
    }
    let owner = (extensions.owner.0.or(header.uid().ok()).unwrap_or(0), extensions.owner.1.or(header.gid().ok()).unwrap_or(0));
    let mtime = extensions.mtime.or_else(|| header.mtime().ok()?.try_into().ok()).unwrap_or(0);
    let mode = header.mode().map_err(damaged)? & 0o7777;
    Ok(Item { name: plain(&name).to_owned(), kind, mode, size, mtime, owner })
}

fn text(bytes: Vec<u8>, what: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| hostile(format!("{what} in it is not UTF-8: {}", String::from_utf8_lossy(error.as_bytes()))))
}

/// Without the `./` that tar puts before names, and without the `/` behind those of folders.
fn plain(name: &str) -> &str {
    let mut plain = name;
    while let Some(rest) = plain.strip_prefix("./") {
        plain = rest;
    }
    let plain = plain.strip_suffix('/').unwrap_or(plain);
    if plain.is_empty() && name.starts_with('.') { "." } else { plain }
}

fn special(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a FIFO",
        EntryType::GNUSparse => "a sparse file",
        _ => "of an unknown kind",
    }
}

/// After the end mark only zeros may follow in our own archives; others may be padded with anything.
fn finish(stream: &mut dyn Read, guard: &mut Guard) -> Result<()> {
    let strict = guard.policy().strict;
    let mut buffer = [0; 4096];
    loop {
        let read = guard.meter.watch(&mut *stream).read(&mut buffer).map_err(ours)?;
        if read == 0 {
            return Ok(());
        }
        if strict && buffer.iter().take(read).any(|byte| *byte != 0) {
            return Err(hostile("something follows its end"));
        }
    }
}

fn drain(content: &mut impl Read, guard: &mut Guard) -> Result<()> {
    io::copy(&mut guard.meter.watch(content), &mut io::sink()).map_err(ours)?;
    Ok(())
}

fn skip(stream: &mut dyn Read, bytes: u64, guard: &mut Guard) -> Result<()> {
    drain(&mut stream.take(bytes), guard)
}

fn padding(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}

fn damaged(error: io::Error) -> Error {
    Error::mismatch("one of its headers is damaged").caused_by(error).hint("download or make it again")
}
