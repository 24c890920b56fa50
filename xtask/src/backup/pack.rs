//! Entries → tar: written as a stream, header by header, so that nothing a file has is lost and memory stays flat.
//!
//! GNU headers (sparse files) after PAX records (everything that doesn't fit them: long or odd names, large numbers, nanoseconds,
//! extended attributes): plain `tar` reads both. The library's `append_dir_all` loses root's mode, hard links and attributes.

use std::io::{self, Read, Write};

use tar::{EntryType, GnuExtSparseHeader, Header};

use super::{
    entry::{Entry, Kind, Meta},
    name,
};
use crate::kernel::{Context as _, Digest, Error, Hasher, Result};

const BLOCK: usize = 512;
const LARGEST_OCTAL_11: u64 = 0o777_7777_7777;
const LARGEST_OCTAL_7: u64 = 0o777_7777;

/// Writes entries as tar.
pub struct Packer<W> {
    out: W,
}

impl<W: Write> Packer<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// Adds an entry; a file's bytes are taken from `data`, exactly as many as `meta` says. Holes are read too, and skipped.
    pub fn add(&mut self, meta: &Meta, data: &mut dyn Read) -> Result<Entry> {
        let context = || format!("pack `{}`", meta.name);
        self.header(meta).context(context)?;
        let digest = match (&meta.kind, &meta.data) {
            (Kind::File, None) => Some(self.plain(meta, data).context(context)?),
            (Kind::File, Some(map)) => Some(self.sparse(meta, map, data).context(context)?),
            _ => None,
        };
        Ok(meta.entry(digest))
    }

    /// Ends the archive and gives the writer back.
    pub fn finish(mut self) -> Result<W> {
        self.out.write_all(&[0; 2 * BLOCK]).context(|| "write the archive".into())?;
        Ok(self.out)
    }

    fn header(&mut self, meta: &Meta) -> Result<()> {
        let (header, records) = describe(meta);
        if !records.is_empty() {
            let mut extended = Header::new_gnu();
            extended.set_entry_type(EntryType::XHeader);
            extended.set_mode(0o644);
            extended.set_size(records.len() as u64);
            short(&mut extended.as_old_mut().name, b"././@PaxHeader");
            extended.set_cksum();
            self.write(extended.as_bytes())?;
            self.write(&records)?;
            self.pad(records.len() as u64)?;
        }
        self.write(header.as_bytes())?;
        for extension in meta.data.iter().flat_map(|map| extensions(&segments(meta.size, map))) {
            self.write(extension.as_bytes())?;
        }
        Ok(())
    }

    fn plain(&mut self, meta: &Meta, data: &mut dyn Read) -> Result<Digest> {
        let mut hasher = Hasher::new(&mut self.out);
        let copied = copy(&mut data.take(meta.size), &mut hasher)?;
        if copied < meta.size {
            return Err(Error::mismatch(format!("it shrank from {} to {copied} bytes while it was read", meta.size)));
        }
        let (_, _, digest) = hasher.finish();
        self.pad(meta.size)?;
        Ok(digest)
    }

    fn sparse(&mut self, meta: &Meta, map: &[(u64, u64)], data: &mut dyn Read) -> Result<Digest> {
        let mut whole = Hasher::new(io::sink());
        let (mut at, mut written) = (0, 0);
        for (start, length) in segments(meta.size, map) {
            exactly(&mut data.take(start - at), &mut whole, start - at)?;
            let mut both = Tee { first: &mut whole, second: &mut self.out };
            exactly(&mut data.take(length), &mut both, length)?;
            at = start + length;
            written += length;
        }
        exactly(&mut data.take(meta.size - at), &mut whole, meta.size - at)?;
        self.pad(written)?;
        Ok(whole.finish().2)
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
        if over > 0 { self.write([0; BLOCK].get(over..).unwrap_or_default()) } else { Ok(()) }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).context(|| "write the archive".into())
    }
}

struct Tee<'a, A, B> {
    first: &'a mut A,
    second: &'a mut B,
}

impl<A: Write, B: Write> Write for Tee<'_, A, B> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.first.write_all(buf)?;
        self.second.write_all(buf)?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Copies in blocks that are large enough for the processor's digest instructions to matter.
pub fn copy(from: &mut dyn Read, to: &mut dyn Write) -> Result<u64> {
    let mut buffer = vec![0; 1 << 18];
    let mut copied = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).context(|| "read".into()),
        };
        to.write_all(buffer.get(..read).unwrap_or_default()).context(|| "write".into())?;
        copied += read as u64;
    }
}

fn exactly(from: &mut dyn Read, to: &mut dyn Write, length: u64) -> Result<()> {
    let copied = copy(from, to)?;
    if copied == length { Ok(()) } else { Err(Error::mismatch("it shrank while it was read")) }
}

/// The map as the format wants it: at least one segment, and the last one ends where the file ends.
fn segments(size: u64, map: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let end = map.last().map_or(0, |(start, length)| start + length);
    let mut all = map.to_vec();
    if end < size || all.is_empty() {
        all.push((size, 0));
    }
    all
}

fn extensions(segments: &[(u64, u64)]) -> Vec<GnuExtSparseHeader> {
    let rest = segments.get(4..).unwrap_or_default();
    let count = rest.chunks(21).len();
    let extension = |(index, chunk): (usize, &[(u64, u64)])| {
        let mut header = GnuExtSparseHeader::new();
        for (slot, (offset, length)) in header.sparse_mut().iter_mut().zip(chunk) {
            set_segment(slot, *offset, *length);
        }
        header.set_is_extended(index + 1 < count);
        header
    };
    rest.chunks(21).enumerate().map(extension).collect()
}

fn set_segment(slot: &mut tar::GnuSparseHeader, offset: u64, length: u64) {
    octal(&mut slot.offset, offset);
    octal(&mut slot.numbytes, length);
}

/// Eleven octal digits, else GNU's binary form.
fn octal(field: &mut [u8; 12], value: u64) {
    if value <= LARGEST_OCTAL_11 {
        let text = format!("{value:011o}\0");
        field.copy_from_slice(text.as_bytes());
    } else {
        *field = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        if let Some(tail) = field.get_mut(4..) {
            tail.copy_from_slice(&value.to_be_bytes());
        }
    }
}

fn short<const N: usize>(field: &mut [u8; N], text: &[u8]) -> bool {
    let fits = text.len() <= N;
    for (slot, byte) in field.iter_mut().zip(text) {
        *slot = *byte;
    }
    fits
}

/// The header, and the PAX records that go before it.
fn describe(meta: &Meta) -> (Header, Vec<u8>) {
    let mut header = Header::new_gnu();
    let mut records = Records::default();
    let mut path = b"./".to_vec();
    path.extend_from_slice(meta.name.as_bytes());
    if meta.kind == Kind::Folder && !meta.name.is_root() {
        path.push(b'/');
    }
    if !short(&mut header.as_old_mut().name, &path) {
        records.add(b"path", &path);
    }
    if let Some(target) = target(meta)
        && !short(&mut header.as_old_mut().linkname, &target)
    {
        records.add(b"linkpath", &target);
    }
    header.set_entry_type(entry_type(meta));
    header.set_mode(meta.mode);
    numbers(&mut header, &mut records, meta);
    for (name, value) in &meta.xattrs {
        records.add(&[b"SCHILY.xattr.", name.as_slice()].concat(), value);
    }
    header.set_cksum();
    (header, records.0)
}

fn target(meta: &Meta) -> Option<Vec<u8>> {
    match &meta.kind {
        Kind::Link { target } => name::unescaped(target).ok(),
        Kind::Hard { to } => Some([b"./", to.as_bytes()].concat()),
        Kind::File | Kind::Folder => None,
    }
}

fn entry_type(meta: &Meta) -> EntryType {
    match (&meta.kind, &meta.data) {
        (Kind::Folder, _) => EntryType::Directory,
        (Kind::Link { .. }, _) => EntryType::Symlink,
        (Kind::Hard { .. }, _) => EntryType::Link,
        (Kind::File, None) => EntryType::Regular,
        (Kind::File, Some(_)) => EntryType::GNUSparse,
    }
}

fn numbers(header: &mut Header, records: &mut Records, meta: &Meta) {
    let (seconds, nanoseconds) = meta.mtime;
    header.set_mtime(u64::try_from(seconds).unwrap_or(0).min(LARGEST_OCTAL_11));
    if nanoseconds > 0 || seconds < 0 || u64::try_from(seconds).is_ok_and(|seconds| seconds > LARGEST_OCTAL_11) {
        records.add(b"mtime", time(seconds, nanoseconds).as_bytes());
    }
    header.set_uid(meta.uid.min(LARGEST_OCTAL_7));
    header.set_gid(meta.gid.min(LARGEST_OCTAL_7));
    for (key, id) in [("uid", meta.uid), ("gid", meta.gid)] {
        if id > LARGEST_OCTAL_7 {
            records.add(key.as_bytes(), id.to_string().as_bytes());
        }
    }
    let stored = meta.data.as_ref().map_or(meta.size, |map| map.iter().map(|(_, length)| length).sum());
    header.set_size(stored);
    if let (Some(map), Some(gnu)) = (&meta.data, header.as_gnu_mut()) {
        let all = segments(meta.size, map);
        for (slot, (offset, length)) in gnu.sparse.iter_mut().zip(&all) {
            set_segment(slot, *offset, *length);
        }
        gnu.set_is_extended(all.len() > 4);
        octal(&mut gnu.realsize, meta.size);
    }
}

/// Before 1970 the nanoseconds count backwards, as a decimal number does.
fn time(seconds: i64, nanoseconds: u32) -> String {
    match (seconds, nanoseconds) {
        (seconds, 0) => seconds.to_string(),
        (seconds, nanoseconds) if seconds < 0 => format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanoseconds),
        (seconds, nanoseconds) => format!("{seconds}.{nanoseconds:09}"),
    }
}

#[derive(Default)]
struct Records(Vec<u8>);

impl Records {
    /// `LENGTH key=value\n`, where the length counts itself.
    fn add(&mut self, key: &[u8], value: &[u8]) {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while rest + length.to_string().len() != length {
            length = rest + length.to_string().len();
        }
        self.0.extend_from_slice(format!("{length} ").as_bytes());
        self.0.extend_from_slice(key);
        self.0.push(b'=');
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }
}
