//! A tar archive as a stream, made while it is read: POSIX ustar headers, pax records where a name or a size needs them.
//!
//! Opens each file when its turn comes; holds no more than one block.

use std::{io, slice};

use ::tar::{EntryType, Header};

use super::{
    content::Announced,
    entry::{Content, Entry, Sorted},
    format::Packing,
};
use crate::kernel::{Bar, Result};

/// GNU tar fills its last record of 10240 bytes with zeros; so do we, at most.
const RECORD: u64 = 20 * 512;
/// The largest size that eleven octal digits hold.
const OCTAL_MAX: u64 = 0o777_7777_7777;

/// The stream. Sorted entries in, bytes out.
pub struct TarStream<'a> {
    entries: slice::Iter<'a, &'a Entry>,
    epoch: i64,
    bar: &'a Bar,
    header: io::Cursor<Vec<u8>>,
    content: Option<Announced>,
    zeros: u64,
    written: u64,
    ended: bool,
}

impl<'a> TarStream<'a> {
    /// Nothing is opened yet.
    pub fn new(entries: &'a Sorted<'a>, packing: &Packing, bar: &'a Bar) -> Self {
        Self { entries: entries.0.iter(), epoch: packing.epoch, bar, header: io::Cursor::default(), content: None, zeros: 0, written: 0, ended: false }
    }

    /// Fills the whole buffer unless the archive ends.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let read = self.step(buffer.get_mut(filled..).unwrap_or_default())?;
            filled += read;
            self.written += read as u64;
            if read == 0 && !self.advance()? {
                break;
            }
        }
        Ok(filled)
    }

    /// The next block of `size` bytes, a shorter one at the end, none after it.
    pub fn block(&mut self, size: usize) -> Result<Option<Vec<u8>>> {
        let mut block = vec![0; size];
        let filled = self.fill(&mut block)?;
        block.truncate(filled);
        Ok((filled > 0).then_some(block))
    }

    /// What can be had now: header first, then content, then padding.
    fn step(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let header = io::Read::read(&mut self.header, buffer).unwrap_or(0);
        if header > 0 {
            return Ok(header);
        }
        if let Some(content) = &mut self.content {
            let read = content.fill(buffer)?;
            self.bar.advance(read as u64);
            if read > 0 {
                return Ok(read);
            }
        }
        let zeros = buffer.len().min(usize::try_from(self.zeros).unwrap_or(usize::MAX));
        buffer.iter_mut().take(zeros).for_each(|byte| *byte = 0);
        self.zeros -= zeros as u64;
        Ok(zeros)
    }

    /// Goes to the next entry, or to the end; false when all is said.
    fn advance(&mut self) -> Result<bool> {
        if let Some(content) = self.content.take() {
            content.close()?;
            self.zeros = padding(self.written, 512);
            if self.zeros > 0 {
                return Ok(true);
            }
        }
        if let Some(entry) = self.entries.next() {
            self.header = io::Cursor::new(headers(entry, self.epoch));
            self.content = Some(Announced::open(entry)?);
            return Ok(true);
        }
        // Two empty blocks end an archive.
        self.zeros = if self.ended { 0 } else { 1024 + padding(self.written + 1024, RECORD) };
        Ok(!std::mem::replace(&mut self.ended, true))
    }
}

fn padding(written: u64, block: u64) -> u64 {
    written.next_multiple_of(block) - written
}

/// How long the archive will be.
pub fn length(entries: &Sorted<'_>, epoch: i64) -> u64 {
    let one = |entry: &Entry| headers(entry, epoch).len() as u64 + entry.content.size().next_multiple_of(512);
    (entries.0.iter().map(|entry| one(entry)).sum::<u64>() + 1024).next_multiple_of(RECORD)
}

/// The header, with a pax header before it where one is needed.
fn headers(entry: &Entry, epoch: i64) -> Vec<u8> {
    let mut records = Vec::new();
    let folder = if entry.content == Content::Folder { "/" } else { "" };
    let name = format!("{}{folder}", entry.name);
    let mut header = header(entry, &name, epoch, &mut records);
    header.set_cksum();
    let mut bytes = if records.is_empty() { Vec::new() } else { pax(&records) };
    bytes.extend_from_slice(header.as_bytes());
    bytes
}

fn header(entry: &Entry, name: &str, epoch: i64, records: &mut Vec<u8>) -> Header {
    let mut header = Header::new_ustar();
    let kind = match &entry.content {
        Content::Bytes(_) | Content::File { .. } => EntryType::Regular,
        Content::Link(_) => EntryType::Symlink,
        Content::Folder => EntryType::Directory,
    };
    header.set_entry_type(kind);
    put(&mut header.as_old_mut().name, name, "path", records);
    if let Content::Link(target) = &entry.content {
        put(&mut header.as_old_mut().linkname, target, "linkpath", records);
    }
    let size = entry.content.size();
    if size > OCTAL_MAX {
        record(records, "size", &size.to_string());
    }
    header.set_size(size);
    header.set_mode(entry.mode);
    header.set_uid(entry.owner.0);
    header.set_gid(entry.owner.1);
    header.set_mtime(u64::try_from(entry.mtime.unwrap_or(epoch).min(epoch)).unwrap_or(0));
    header
}

/// A text into its field; what doesn't fit goes into a pax record, and its beginning into the field.
fn put(field: &mut [u8; 100], text: &str, key: &str, records: &mut Vec<u8>) {
    field.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
    if text.len() > field.len() {
        record(records, key, text);
    }
}

/// `<length> <key>=<value>\n`, where the length counts itself.
fn record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length += 1;
    }
    records.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

fn pax(records: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::XHeader);
    // The name says nothing and never varies; readers use the record.
    put(&mut header.as_old_mut().name, "././@PaxHeader", "path", &mut Vec::new());
    header.set_size(records.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(records);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Events;

    #[test]
    fn record_lengths_count_themselves() {
        for length in [1, 85, 88, 89, 90, 91, 980, 989, 990, 991, 9_990] {
            let mut records = Vec::new();
            record(&mut records, "path", &"x".repeat(length));
            let text = String::from_utf8(records).unwrap();
            assert_eq!(text.split(' ').next().unwrap().parse::<usize>().unwrap(), text.len());
        }
    }

    #[test]
    fn the_stream_is_as_long_as_announced_and_the_same_in_any_pieces() {
        let names = ["a".to_owned(), "b/c".into(), "d".repeat(300)];
        let mut entries: Vec<Entry> = names.iter().enumerate().map(|(n, name)| Entry::bytes(name, vec![7; n * 511])).collect();
        entries.push(Entry::link("l", "a"));
        entries.push(Entry::new("z", Content::Folder, false));
        let sorted = Sorted::new(&entries).unwrap();
        let bar = Events::none().bar("", None);
        let packing = Packing::new(super::super::Format::Tar, 1_700_000_000);
        let whole = TarStream::new(&sorted, &packing, &bar).block(1 << 20).unwrap().unwrap();
        assert_eq!(whole.len() as u64, length(&sorted, packing.epoch));
        let mut pieces = Vec::new();
        let mut stream = TarStream::new(&sorted, &packing, &bar);
        while let Some(piece) = stream.block(97).unwrap() {
            pieces.extend(piece);
        }
        assert_eq!(pieces, whole);
    }
}
