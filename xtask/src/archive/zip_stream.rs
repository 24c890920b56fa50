//! A zip archive: small files are compressed one a job, large ones in chunks, on all cores, in order.
//!
//! A file of one chunk is stored when deflate doesn't shrink it; a larger one is always "deflated", of stored blocks where
//! they don't shrink. Headers say everything: a larger file's bytes wait in a [`Spool`] until its sizes are known. (Sizes
//! that follow the bytes would do, too, but other tools take them out, and so find something to normalise.)

use std::{io::Write, path::Path, slice};

use super::{
    content::Announced,
    deflate::{CHUNK, Deflater},
    entry::{Content, Entry, Sorted},
    format::Packing,
    spool::Spool,
    zip_records::{self, Method, Record},
};
use crate::kernel::{Bar, Context as _, Error, Result};

/// Writes the archive. What has to wait and is too much for memory waits in `scratch`.
pub fn write(entries: &Sorted<'_>, packing: &Packing, out: &mut impl Write, scratch: &Path, bar: &Bar) -> Result<()> {
    for entry in &entries.0 {
        check(entry)?;
    }
    let mut jobs = Jobs { entries: entries.0.iter(), open: None, epoch: packing.epoch, bar };
    let mut writer = Writer { out, scratch, offset: 0, open: None, central: Vec::new(), entries: 0 };
    super::pipeline::ordered(packing.threads, || jobs.next(), Deflater::new, compress, |piece| writer.piece(piece))?;
    writer.finish()
}

fn check(entry: &Entry) -> Result<()> {
    let refused = |why| Error::refused(format!("{:?} can't be in a zip archive: {why}", entry.name)).hint("rename it, or use tar.gz");
    if entry.name.contains('\\') {
        return Err(refused("its name has a backslash, which some programs take for a folder"));
    }
    if entry.name.len() >= usize::from(u16::MAX) {
        return Err(refused("its name is too long"));
    }
    Ok(())
}

/// A piece of an entry: all of it, or a chunk.
struct Job {
    /// The first piece brings the header.
    record: Option<Record>,
    raw: Vec<u8>,
    last: bool,
}

struct Jobs<'a> {
    entries: slice::Iter<'a, &'a Entry>,
    open: Option<Announced>,
    epoch: i64,
    bar: &'a Bar,
}

impl Jobs<'_> {
    fn next(&mut self) -> Result<Option<Job>> {
        if let Some(content) = self.open.take() {
            return self.read(content, None).map(Some);
        }
        let Some(entry) = self.entries.next() else { return Ok(None) };
        let record = record(entry, self.epoch);
        if let Content::Link(target) = &entry.content {
            return Ok(Some(Job { record: Some(record), raw: target.clone().into_bytes(), last: true }));
        }
        self.read(Announced::open(entry)?, Some(record)).map(Some)
    }

    fn read(&mut self, mut content: Announced, record: Option<Record>) -> Result<Job> {
        let mut raw = vec![0; CHUNK.min(usize::try_from(content.left()).unwrap_or(CHUNK))];
        content.fill(&mut raw)?;
        self.bar.advance(raw.len() as u64);
        let last = content.left() == 0;
        if last {
            content.close()?;
        } else {
            self.open = Some(content);
        }
        Ok(Job { record, raw, last })
    }
}

fn record(entry: &Entry, epoch: i64) -> Record {
    let (kind, slash) = match &entry.content {
        Content::Bytes(_) | Content::File { .. } => (0o100_000, ""),
        Content::Link(_) => (0o120_000, ""),
        Content::Folder => (0o040_000, "/"),
    };
    Record {
        name: format!("{}{slash}", entry.name),
        mode: kind | entry.mode,
        time: zip_records::dos_time(entry.mtime.unwrap_or(epoch).min(epoch)),
        method: Method::Deflated,
        large: false,
        crc: 0,
        packed: 0,
        size: 0,
        offset: 0,
    }
}

/// A piece, compressed.
struct Piece {
    record: Option<Record>,
    bytes: Vec<u8>,
    crc: crc32fast::Hasher,
    size: u64,
    last: bool,
}

fn compress(deflater: &mut Deflater, job: Job) -> Result<Piece> {
    let Job { record, raw, last } = job;
    match record {
        Some(record) if last => Ok(whole(deflater, record, raw)),
        record => {
            let chunk = deflater.chunk(&raw, last);
            Ok(Piece { record, bytes: chunk.bytes, crc: chunk.crc, size: raw.len() as u64, last })
        }
    }
}

/// An entry in one piece: its header can say everything.
fn whole(deflater: &mut Deflater, mut record: Record, raw: Vec<u8>) -> Piece {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&raw);
    let size = raw.len() as u64;
    let link = record.mode & 0o170_000 == 0o120_000;
    let shrunk = if link { None } else { deflater.whole(&raw) };
    record.method = if shrunk.is_some() { Method::Deflated } else { Method::Stored };
    let bytes = shrunk.unwrap_or(raw);
    (record.size, record.packed, record.crc) = (size, bytes.len() as u64, crc.clone().finalize());
    Piece { record: Some(record), bytes, crc, size, last: true }
}

struct Writer<'a, W> {
    out: &'a mut W,
    scratch: &'a Path,
    offset: u64,
    open: Option<(Record, crc32fast::Hasher, Spool<'a>)>,
    central: Vec<u8>,
    entries: u64,
}

impl<W: Write> Writer<'_, W> {
    fn piece(&mut self, piece: Piece) -> Result<()> {
        if piece.last && self.open.is_none() {
            let record = piece.record.context(|| "a piece came before its header".into())?;
            return self.entry(record, |out| out.write_all(&piece.bytes).context(write_failed));
        }
        let begun = || piece.record.map(|record| (record, crc32fast::Hasher::new(), Spool::new(self.scratch)));
        let (mut record, mut crc, mut spool) = self.open.take().or_else(begun).context(|| "a piece came before its header".into())?;
        record.packed += piece.bytes.len() as u64;
        record.size += piece.size;
        crc.combine(&piece.crc);
        spool.push(piece.bytes)?;
        if piece.last {
            record.crc = crc.finalize();
            return self.entry(record, |out| spool.pour(out));
        }
        self.open = Some((record, crc, spool));
        Ok(())
    }

    /// A header that says everything, then the bytes.
    fn entry(&mut self, mut record: Record, bytes: impl FnOnce(&mut W) -> Result<()>) -> Result<()> {
        record.offset = self.offset;
        record.large = record.size.max(record.packed) >= u64::from(u32::MAX);
        let header = record.local();
        self.out.write_all(&header).context(write_failed)?;
        bytes(self.out)?;
        self.offset += header.len() as u64 + record.packed;
        self.central.extend(record.central());
        self.entries += 1;
        Ok(())
    }

    fn finish(self) -> Result<()> {
        let end = zip_records::end(self.entries, self.offset, self.central.len() as u64);
        self.out.write_all(&self.central).and_then(|()| self.out.write_all(&end)).context(write_failed)
    }
}

fn write_failed() -> String {
    "write the archive".into()
}
