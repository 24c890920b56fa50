//! Reading an archive back: ours, one of the old script's, or what the Docker engine streams. Nothing in it is trusted.
//!
//! Reads only. Guarantees: every header's checksum holds, names stay within, no entry lies below a link or a file, hard links lead to
//! files that came before, no name comes twice; an archive that was cut or has something behind its end is an error of its own.

mod header;
mod open;
mod order;

pub use open::{open, packing};

use std::io::{self, Read};

use super::{
    entry::{Entry, Kind, Meta},
    name::Name,
};
use crate::kernel::{Context as _, Error, Finding, Hasher, Result, human_bytes};
use header::{Header, Next};
use order::Order;

/// What is done with each entry. A file's bytes may be left unread.
pub type Visit<'a> = dyn FnMut(&Meta, &mut dyn Read) -> Result<()> + 'a;

/// Whose names an archive holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Ours: an absolute one was put there by somebody else.
    Ours,
    /// Anybody's: absolute ones (`tar -P`) are taken as `tar` itself takes them, without the slash before them.
    Foreign,
}

/// Visits every entry of a tar stream in order.
pub fn each(stream: &mut dyn Read, names: Names, visit: &mut Visit<'_>) -> Result<()> {
    noting(stream, names, visit, &mut |_| {})
}

/// The same, and tells what isn't taken as it stands: FIFOs and devices, absolute names.
pub fn noting(stream: &mut dyn Read, names: Names, visit: &mut Visit<'_>, tell: &mut dyn FnMut(Finding)) -> Result<()> {
    let (mut order, mut told) = (Order::default(), false);
    loop {
        match header::next(stream, names)? {
            Next::End => return drain(stream),
            Next::Left(name) => tell(left_out(&name)),
            Next::Entry(header) => {
                order.admit(&header.meta)?;
                if header.absolute && !std::mem::replace(&mut told, true) {
                    tell(without_slash(&header.meta.name));
                }
                one(stream, *header, visit)?;
            }
        }
    }
}

fn one(stream: &mut dyn Read, header: Header, visit: &mut Visit<'_>) -> Result<()> {
    let Header { meta, stored, .. } = header;
    let mut raw = stream.take(stored);
    match &meta.data {
        Some(map) => {
            let mut whole = Holes { raw: &mut raw, map: map.clone().into(), at: 0, size: meta.size };
            visit(&meta, &mut whole)?;
        }
        None => visit(&meta, &mut raw)?,
    }
    io::copy(&mut raw, &mut io::sink()).map_err(broken)?;
    if raw.limit() > 0 {
        return Err(cut().within(format!("the archive ends within `{}`", meta.name)));
    }
    skip(stream, padding(stored))
}

/// Entries only, with digests: what a verification compares.
pub fn entries(stream: &mut dyn Read, see: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()> {
    each(stream, Names::Ours, &mut |meta, data| see(digested(meta, data)?))
}

fn digested(meta: &Meta, data: &mut dyn Read) -> Result<Entry> {
    let digest = match meta.kind {
        Kind::File => {
            let mut hasher = Hasher::new(io::sink());
            super::pack::copy(data, &mut hasher)?;
            let (_, size, digest) = hasher.finish();
            complete(meta, size)?;
            Some(digest)
        }
        _ => None,
    };
    Ok(meta.entry(digest))
}

/// How much there is where an archive would be unpacked, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Free: what its bytes may take.
    pub free: u64,
    /// In all: what its files may claim, holes included.
    pub whole: u64,
}

/// An archive that nobody vouches for: its entries, and what is left out. One that unpacks to more than there is room for is given up before its end:
/// a small file can claim any size.
pub fn strangers(stream: &mut dyn Read, room: Option<Room>) -> Result<(Vec<Entry>, Vec<Finding>)> {
    let (mut entries, mut left) = (Vec::new(), Vec::new());
    let (mut stored, mut claimed) = (0_u64, 0_u64);
    noting(
        stream,
        Names::Foreign,
        &mut |meta, data| {
            let bytes = meta.data.as_ref().map_or(meta.size, |map| map.iter().map(|(_, length)| length).sum());
            (stored, claimed) = (stored.saturating_add(bytes), claimed.saturating_add(meta.size));
            if room.is_some_and(|room| stored > room.free || claimed > room.whole) {
                return Err(too_large(stored.max(claimed), room));
            }
            entries.push(digested(meta, data)?);
            Ok(())
        },
        &mut |finding| left.push(finding),
    )?;
    Ok((entries, left))
}

fn too_large(size: u64, room: Option<Room>) -> Error {
    let free = room.map_or(0, |room| room.free);
    Error::refused(format!("the archive unpacks to {} or more, and {} are free here", human_bytes(size), human_bytes(free)))
        .hint("make room, or look with `tar -tvf` whether it is what you think; nothing was written")
}

fn left_out(name: &Name) -> Finding {
    Finding::warning("backup-left-out", format!("`{name}` was left out: it is a FIFO or a device, which holds no data"))
}

fn without_slash(name: &Name) -> Finding {
    Finding::note("restore-absolute-names", format!("the archive's names are absolute (`/{name}`): they are taken without the slash, as tar does"))
}

/// Whether all of a file's bytes came.
pub fn complete(meta: &Meta, size: u64) -> Result<()> {
    if size == meta.size { Ok(()) } else { Err(cut().within(format!("the archive ends within `{}`", meta.name))) }
}

/// A file with holes, as the bytes that a reader of the file would see.
struct Holes<'a> {
    raw: &'a mut dyn Read,
    map: std::collections::VecDeque<(u64, u64)>,
    at: u64,
    size: u64,
}

impl Read for Holes<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.map.front().is_some_and(|(start, length)| self.at >= start + length) {
            self.map.pop_front();
        }
        let (data, end) = match self.map.front() {
            Some((start, length)) if self.at >= *start => (true, start + length),
            Some((start, _)) => (false, *start),
            None => (false, self.size),
        };
        let wanted = usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buf.len());
        let Some(part) = buf.get_mut(..wanted) else { return Ok(0) };
        let read = if data { self.raw.read(part)? } else { zero(part) };
        self.at += read as u64;
        Ok(read)
    }
}

fn zero(part: &mut [u8]) -> usize {
    part.fill(0);
    part.len()
}

fn padding(size: u64) -> u64 {
    size.next_multiple_of(512) - size
}

fn skip(stream: &mut dyn Read, size: u64) -> Result<()> {
    let skipped = io::copy(&mut stream.take(size), &mut io::sink()).map_err(broken)?;
    if skipped == size { Ok(()) } else { Err(cut()) }
}

/// Behind the end come only zeros; reading them also makes the decompressor check its checksum.
fn drain(stream: &mut dyn Read) -> Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stream.read(&mut buffer).map_err(broken)? {
            0 => return Ok(()),
            read if buffer.iter().take(read).all(|byte| *byte == 0) => {}
            _ => return Err(Error::mismatch("the archive has something behind its end").hint("it was altered after it was written")),
        }
    }
}

fn cut() -> Error {
    Error::mismatch("the archive is cut short").hint("take another backup: `xtask backup list` shows them")
}

/// What a decompressor complains about: an early end is a cut, everything else an alteration.
fn broken(error: io::Error) -> Error {
    let text = error.to_string().to_lowercase();
    let early = error.kind() == io::ErrorKind::UnexpectedEof || text.contains("incomplete") || text.contains("unexpected end");
    let what = if early { cut() } else { Error::mismatch("the archive is damaged: its own checksums don't hold") };
    what.caused_by(error)
}

/// Fills a buffer whole, or tells that the stream is at its end.
fn fill(stream: &mut dyn Read, buffer: &mut [u8]) -> Result<bool> {
    let mut at = 0;
    while let Some(rest) = buffer.get_mut(at..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) if at == 0 => return Ok(false),
            Ok(0) => return Err(cut()),
            Ok(read) => at += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(error)),
        }
    }
    Ok(true)
}

fn read_small(stream: &mut dyn Read, size: u64) -> Result<Vec<u8>> {
    const LIMIT: u64 = 1 << 20;
    if size > LIMIT {
        return Err(Error::mismatch(format!("the archive has a header of {size} bytes")).hint("this is no backup; nothing was written"));
    }
    let mut bytes = Vec::new();
    stream.take(size).read_to_end(&mut bytes).map_err(broken)?;
    if bytes.len() as u64 != size {
        return Err(cut());
    }
    skip(stream, padding(size)).context(|| "read the archive".into())?;
    Ok(bytes)
}
