//! One tar header: ustar, GNU (long names, sparse files) and PAX records. Own code, as the library's PAX reader splits records at line
//! ends, which names and attribute values may hold. Pure but for the stream that it reads.

use std::io::Read;

use tar::{EntryType, GnuExtSparseHeader, Header as Raw};

use super::{
    super::{
        entry::{Kind, Meta},
        name::{self, Name},
    },
    Names, cut, fill, read_small,
};
use crate::kernel::{Error, Result};

/// What comes next in the stream.
pub enum Next {
    /// An entry.
    Entry(Box<Header>),
    /// Something that a backup leaves out: a FIFO, a device.
    Left(Name),
    /// The end.
    End,
}

/// An entry's description and how many bytes follow it.
pub struct Header {
    /// What it is.
    pub meta: Meta,
    /// Bytes in the stream, without padding.
    pub stored: u64,
    /// Whether its name was absolute.
    pub absolute: bool,
}

#[derive(Default)]
struct Extra {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<(i64, u32)>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Reads the next header with everything that belongs to it.
pub fn next(stream: &mut dyn Read, names: Names) -> Result<Next> {
    let mut extra = Extra::default();
    let mut ahead = 0;
    loop {
        let mut block = [0; 512];
        // An archive ends with two empty blocks; one that just stops has lost its end.
        if !fill(stream, &mut block)? {
            return Err(cut());
        }
        if block.iter().all(|byte| *byte == 0) {
            return if fill(stream, &mut block)? && block.iter().all(|byte| *byte == 0) { Ok(Next::End) } else { Err(cut()) };
        }
        let raw = Raw::from_byte_slice(&block);
        checksum(raw)?;
        if ahead > LONGEST_HEADERS {
            return Err(damaged("headers without an end"));
        }
        ahead += 512 + size(raw)?.min(LONGEST_HEADERS);
        match raw.entry_type() {
            EntryType::XHeader => records(&read_small(stream, size(raw)?)?, &mut extra)?,
            EntryType::XGlobalHeader => drop(read_small(stream, size(raw)?)?),
            EntryType::GNULongName => extra.path = Some(until_nul(read_small(stream, size(raw)?)?)),
            EntryType::GNULongLink => extra.target = Some(until_nul(read_small(stream, size(raw)?)?)),
            _ => return entry(stream, names, raw, extra),
        }
    }
}

/// ext4's limit.
const LARGEST_FILE: u64 = 16 << 40;
/// Pieces of a sparse file: 64 MB of map.
const LONGEST_MAP: usize = 1 << 22;
/// Bytes of names and attributes before one entry.
const LONGEST_HEADERS: u64 = 8 << 20;

fn damaged(what: impl Into<String>) -> Error {
    Error::mismatch(format!("the archive is damaged: {}", what.into())).hint("take another backup: `xtask backup list` shows them")
}

fn checksum(raw: &Raw) -> Result<()> {
    let bytes = raw.as_bytes().iter().enumerate();
    let sum: u32 = bytes.map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
    if raw.cksum().is_ok_and(|written| written == sum) { Ok(()) } else { Err(damaged("a header's checksum doesn't hold")) }
}

fn size(raw: &Raw) -> Result<u64> {
    raw.entry_size().map_err(|_| damaged("a header's size is no number"))
}

/// What a hard link leads to must be in the archive too.
fn linked(name: &Name, target: &[u8], absolute: bool) -> Result<Name> {
    let target = if absolute { without_slash(target) } else { target };
    Name::from_archive(target).map_err(|error| error.within(format!("the archive's hard link `{name}` leads elsewhere")))
}

fn without_slash(mut name: &[u8]) -> &[u8] {
    while let Some(rest) = name.strip_prefix(b"/") {
        name = rest;
    }
    name
}

fn owner(id: u64) -> Result<u64> {
    if u32::try_from(id).is_ok() { Ok(id) } else { Err(damaged(format!("an owner {id}, which no system has"))) }
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    bytes
}

fn entry(stream: &mut dyn Read, names: Names, raw: &Raw, extra: Extra) -> Result<Next> {
    let number = |value: std::io::Result<u64>| value.map_err(|_| damaged("a header holds something that is no number"));
    let path = extra.path.unwrap_or_else(|| raw.path_bytes().into_owned());
    let absolute = names == Names::Foreign && path.starts_with(b"/");
    let name = Name::from_archive(if absolute { without_slash(&path) } else { &path })?;
    let stored = extra.size.map_or_else(|| size(raw), Ok)?;
    let mut data = None;
    let mut whole = stored;
    let kind = match raw.entry_type() {
        EntryType::Directory => Kind::Folder,
        EntryType::Symlink => Kind::Link { target: name::escaped(&target(raw, extra.target)?) },
        EntryType::Link => Kind::Hard { to: linked(&name, &target(raw, extra.target)?, absolute)? },
        EntryType::GNUSparse => {
            let (map, real) = sparse(stream, raw, stored)?;
            (data, whole) = (Some(map), real);
            Kind::File
        }
        EntryType::Regular | EntryType::Continuous if path.ends_with(b"/") => Kind::Folder,
        EntryType::Regular | EntryType::Continuous => Kind::File,
        EntryType::Fifo | EntryType::Char | EntryType::Block => return Ok(Next::Left(name)),
        other => return Err(damaged(format!("an entry of type {:?}", char::from(other.as_byte())))),
    };
    let is_file = kind == Kind::File;
    let mtime = extra.mtime.map_or_else(|| number(raw.mtime()).map(|seconds| (i64::try_from(seconds).unwrap_or(i64::MAX), 0)), Ok)?;
    let mut meta = Meta { mtime, data, ..Meta::plain(name, kind) };
    meta.mode = raw.mode().map_err(|_| damaged("a header's mode is no number"))? & 0o7777;
    meta.uid = owner(extra.uid.map_or_else(|| number(raw.uid()), Ok)?)?;
    meta.gid = owner(extra.gid.map_or_else(|| number(raw.gid()), Ok)?)?;
    meta.size = if is_file { whole } else { 0 };
    meta.xattrs = extra.xattrs;
    meta.xattrs.sort();
    Ok(Next::Entry(Box::new(Header { meta, stored: if is_file { stored } else { 0 }, absolute })))
}

fn target(raw: &Raw, extra: Option<Vec<u8>>) -> Result<Vec<u8>> {
    extra.or_else(|| raw.link_name_bytes().map(|bytes| bytes.into_owned())).filter(|bytes| !bytes.is_empty()).ok_or_else(|| damaged("a link without a target"))
}

type Map = Vec<(u64, u64)>;

fn sparse(stream: &mut dyn Read, raw: &Raw, stored: u64) -> Result<(Map, u64)> {
    let gnu = raw.as_gnu().ok_or_else(|| damaged("a sparse file without a map"))?;
    let real = gnu.real_size().map_err(|_| damaged("a sparse file without a size"))?;
    let mut map = Vec::new();
    segments(&gnu.sparse, &mut map)?;
    let mut more = gnu.is_extended();
    while more {
        let mut extension = GnuExtSparseHeader::new();
        if !fill(stream, extension.as_mut_bytes())? {
            return Err(cut());
        }
        segments(extension.sparse(), &mut map)?;
        more = extension.is_extended();
    }
    sound(&map, real, stored)?;
    map.retain(|(_, length)| *length > 0);
    Ok((map, real))
}

fn segments(slots: &[tar::GnuSparseHeader], map: &mut Map) -> Result<()> {
    for slot in slots.iter().filter(|slot| !slot.is_empty()) {
        let (offset, length) = (slot.offset(), slot.length());
        map.push((offset.map_err(|_| damaged("a sparse file's map"))?, length.map_err(|_| damaged("a sparse file's map"))?));
    }
    if map.len() > LONGEST_MAP { Err(damaged("a sparse file's map without an end")) } else { Ok(()) }
}

fn sound(map: &Map, real: u64, stored: u64) -> Result<()> {
    // Holes are read as zeros: a header of 512 bytes must not make anybody read them for years.
    if real > LARGEST_FILE {
        return Err(damaged(format!("a sparse file of {}, more than file systems hold", crate::kernel::human_bytes(real))));
    }
    let mut at = 0_u64;
    let mut sum = 0_u64;
    for (start, length) in map {
        let end = start.checked_add(*length).filter(|end| *start >= at && *end <= real).ok_or_else(|| damaged("a sparse file's map"))?;
        (at, sum) = (end, sum + length);
    }
    if sum == stored { Ok(()) } else { Err(damaged("a sparse file's map and its size disagree")) }
}

fn records(mut bytes: &[u8], extra: &mut Extra) -> Result<()> {
    let wrong = || damaged("a PAX record");
    while !bytes.is_empty() {
        let blank = bytes.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
        let length: usize = text(bytes.get(..blank)).and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
        let record = bytes.get(blank + 1..length).and_then(|record| record.strip_suffix(b"\n")).ok_or_else(wrong)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
        let (key, value) = record.split_at(equals);
        record_of(key, value.get(1..).unwrap_or_default(), extra)?;
        bytes = bytes.get(length..).unwrap_or_default();
    }
    Ok(())
}

fn record_of(key: &[u8], value: &[u8], extra: &mut Extra) -> Result<()> {
    let number = || text(Some(value)).and_then(|text| text.parse().ok()).ok_or_else(|| damaged("a PAX number"));
    match key {
        b"path" => extra.path = Some(value.to_vec()),
        b"linkpath" => extra.target = Some(value.to_vec()),
        b"size" => extra.size = Some(number()?),
        b"uid" => extra.uid = Some(number()?),
        b"gid" => extra.gid = Some(number()?),
        b"mtime" => extra.mtime = Some(text(Some(value)).and_then(time).ok_or_else(|| damaged("a PAX time"))?),
        key if key.starts_with(b"GNU.sparse.") => {
            return Err(
                Error::mismatch("the archive holds a sparse file in PAX form, which is not read here").hint("unpack and pack it with `tar --format=gnu`")
            );
        }
        key => {
            if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                extra.xattrs.push((name.to_vec(), value.to_vec()));
            }
        }
    }
    Ok(())
}

fn text(bytes: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(bytes?).ok()
}

/// `1700000000.123456789`, `-1.5`: seconds are rounded down, so that nanoseconds always count up.
fn time(text: &str) -> Option<(i64, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    let before = whole.starts_with('-');
    if before && nanoseconds > 0 { Some((seconds.checked_sub(1)?, 1_000_000_000 - nanoseconds)) } else { Some((seconds, nanoseconds)) }
}
