//! Reads zip archives through the `zip` crate, which checks each entry's checksum. Local headers must say the same as the
//! central directory, so that no two programs can see two different archives in one file.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
};

use ::zip::{ZipArchive, read::ZipFile, result::ZipError};

use super::{Item, Kind, Visit, guard::Guard, meter::hostile, ours};
use crate::kernel::{Error, Result};

/// The longest target of a link.
const TARGET_MAX: u64 = 1 << 16;

/// Goes through the central directory in its order.
pub fn walk(mut file: File, mut guard: Guard, visit: &mut Visit<'_>) -> Result<()> {
    if guard.policy().strict && !ends_with_record(&mut file).map_err(ours)? {
        return Err(hostile("something follows its end"));
    }
    let mut archive = ZipArchive::new(BufReader::with_capacity(1 << 16, file)).map_err(foreign)?;
    if archive.has_duplicate_names() {
        return Err(hostile("two of its entries have the same name"));
    }
    archive.validate_header_consistency().map_err(foreign)?;
    if guard.policy().strict && archive.offset() != 0 {
        return Err(hostile("something stands before its beginning"));
    }
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(foreign)?;
        let item = item(&mut entry)?;
        guard.admit(&item)?;
        if item.kind != Kind::File {
            visit(&item, &mut io::empty())?;
            continue;
        }
        visit(&item, &mut guard.meter.watch(&mut entry))?;
        let read = io::copy(&mut guard.meter.watch(&mut entry), &mut io::sink());
        read.map_err(ours).map_err(|error| error.within(format!("{:?}", item.name)))?;
    }
    Ok(())
}

/// Whether the end record, without a comment, is the last thing. The crate looks for it further up, too.
fn ends_with_record(file: &mut File) -> io::Result<bool> {
    const LENGTH: i64 = 22;
    if file.metadata()?.len() < LENGTH.unsigned_abs() {
        return Ok(false);
    }
    file.seek(io::SeekFrom::End(-LENGTH))?;
    let mut magic = [0; 4];
    file.read_exact(&mut magic)?;
    file.rewind()?;
    Ok(magic == *b"PK\x05\x06")
}

fn item<R: Read + Seek>(entry: &mut ZipFile<'_, R>) -> Result<Item> {
    let name = entry.name().map_err(foreign)?.into_owned();
    if name.contains('\\') {
        return Err(hostile(format!("the entry {name:?} is refused: a backslash in a zip archive's name means two things")));
    }
    if entry.encrypted() {
        return Err(hostile(format!("the entry {name:?} is refused: it is encrypted")));
    }
    let kind = kind(entry, &name)?;
    let mode = entry.unix_mode().unwrap_or(if kind == Kind::Folder { 0o755 } else { 0o644 }) & 0o7777;
    let size = if kind == Kind::File { entry.size() } else { 0 };
    let mtime = entry.last_modified().map_or(0, unix_time);
    Ok(Item { name: name.strip_suffix('/').unwrap_or(&name).to_owned(), kind, mode, size, mtime, owner: (0, 0) })
}

fn kind<R: Read + Seek>(entry: &mut ZipFile<'_, R>, name: &str) -> Result<Kind> {
    match entry.unix_mode().unwrap_or(0) & 0o170_000 {
        _ if name.ends_with('/') => Ok(Kind::Folder),
        0 | 0o100_000 => Ok(Kind::File),
        0o120_000 if entry.size() > TARGET_MAX => Err(hostile(format!("the entry {name:?} is refused: it links to a name of {} bytes", entry.size()))),
        0o120_000 => {
            let mut target = String::new();
            entry.take(TARGET_MAX).read_to_string(&mut target).map_err(ours)?;
            Ok(Kind::Link(target))
        }
        _ => Err(hostile(format!("the entry {name:?} is refused: it is neither file nor folder nor link"))),
    }
}

fn unix_time(time: ::zip::DateTime) -> i64 {
    let date = chrono::NaiveDate::from_ymd_opt(time.year().into(), time.month().into(), time.day().into());
    let time = date.and_then(|date| date.and_hms_opt(time.hour().into(), time.minute().into(), time.second().into()));
    time.map_or(0, |time| time.and_utc().timestamp())
}

fn foreign(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => ours(error),
        other => Error::mismatch("it is damaged, or no zip archive that can be trusted").caused_by(other).hint("download or make it again"),
    }
}
