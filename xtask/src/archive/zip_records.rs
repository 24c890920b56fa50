//! The records of a zip archive, as bytes (APPNOTE 6.3.3 with zip64). Pure.
//!
//! Made by "Unix" on every system, so that modes and links are kept and the bytes don't depend on where they were made.

use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _};

/// What 32 bits can't hold stands in a zip64 record; this value points there.
const IN_ZIP64: u32 = u32::MAX;
/// 1980-01-01 00:00:00 and 2107-12-31 23:59:58: all that DOS time can say.
const DOS_TIMES: (i64, i64) = (315_532_800, 4_354_819_198);
const UNIX: u16 = 3 << 8;

/// How an entry's bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As they are.
    Stored,
    /// Deflated.
    Deflated,
}

/// One entry: all that its two headers say.
#[derive(Clone, Debug)]
pub struct Record {
    /// Folders end in `/`.
    pub name: String,
    /// Type and permission bits.
    pub mode: u32,
    /// Date and time as DOS has them.
    pub time: u32,
    /// How its bytes are kept.
    pub method: Method,
    /// Has zip64 sizes.
    pub large: bool,
    /// Checksum of the bytes.
    pub crc: u32,
    /// Bytes as kept.
    pub packed: u64,
    /// Bytes as they were.
    pub size: u64,
    /// Where its local header begins.
    pub offset: u64,
}

impl Record {
    fn version(&self) -> u16 {
        match self.method {
            _ if self.large => 45,
            Method::Deflated => 20,
            Method::Stored => 10,
        }
    }

    /// What both headers have in common: flags, method, time, checksum, sizes.
    fn common(&self) -> Vec<u8> {
        // Bit 11: the name is UTF-8, said only where it matters.
        let flags = u16::from(!self.name.is_ascii()) << 11;
        let method = if self.method == Method::Deflated { 8_u16 } else { 0 };
        let [packed, size] = if self.large { [IN_ZIP64; 2] } else { [word(self.packed), word(self.size)] };
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&flags.to_le_bytes());
        bytes.extend_from_slice(&method.to_le_bytes());
        for word in [self.time, self.crc, packed, size] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&short(self.name.len()).to_le_bytes());
        bytes
    }

    /// The header before the bytes.
    pub fn local(&self) -> Vec<u8> {
        let extra = if self.large { zip64_extra(&[self.size, self.packed]) } else { Vec::new() };
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.extend_from_slice(&self.version().to_le_bytes());
        bytes.extend(self.common());
        bytes.extend_from_slice(&short(extra.len()).to_le_bytes());
        bytes.extend_from_slice(self.name.as_bytes());
        bytes.extend(extra);
        bytes
    }

    /// The header in the central directory.
    pub fn central(&self) -> Vec<u8> {
        let far = self.offset >= u64::from(IN_ZIP64);
        let mut wide = if self.large { vec![self.size, self.packed] } else { Vec::new() };
        if far {
            wide.push(self.offset);
        }
        let extra = if wide.is_empty() { Vec::new() } else { zip64_extra(&wide) };
        let needed = if far { 45 } else { self.version() };
        let mut bytes = b"PK\x01\x02".to_vec();
        bytes.extend_from_slice(&(UNIX | needed.max(20)).to_le_bytes());
        bytes.extend_from_slice(&needed.to_le_bytes());
        bytes.extend(self.common());
        bytes.extend_from_slice(&short(extra.len()).to_le_bytes());
        // No comment, disk 0, no internal attributes.
        bytes.extend_from_slice(&[0; 6]);
        let dos_folder = if self.name.ends_with('/') { 0x10 } else { 0 };
        bytes.extend_from_slice(&((self.mode << 16) | dos_folder).to_le_bytes());
        bytes.extend_from_slice(&if far { IN_ZIP64 } else { word(self.offset) }.to_le_bytes());
        bytes.extend_from_slice(self.name.as_bytes());
        bytes.extend(extra);
        bytes
    }
}

/// The end of an archive; with zip64 records where counts or places need them.
pub fn end(entries: u64, start: u64, length: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if entries >= u64::from(u16::MAX) || start >= u64::from(IN_ZIP64) || length >= u64::from(IN_ZIP64) {
        bytes.extend_from_slice(b"PK\x06\x06");
        bytes.extend_from_slice(&44_u64.to_le_bytes());
        bytes.extend_from_slice(&(UNIX | 45).to_le_bytes());
        bytes.extend_from_slice(&45_u16.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        for value in [entries, entries, length, start] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
        bytes.extend_from_slice(&(start + length).to_le_bytes());
        bytes.extend_from_slice(&1_u32.to_le_bytes());
    }
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    let count = u16::try_from(entries).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend_from_slice(&word(length).to_le_bytes());
    bytes.extend_from_slice(&word(start).to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes
}

fn zip64_extra(values: &[u64]) -> Vec<u8> {
    let mut bytes = vec![1, 0];
    bytes.extend_from_slice(&short(values.len() * 8).to_le_bytes());
    values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
    bytes
}

fn word(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(IN_ZIP64)
}

fn short(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

/// Unix seconds as DOS date and time in UTC: clamped to 1980 to 2107, in steps of two seconds.
pub fn dos_time(unix: i64) -> u32 {
    let time = DateTime::UNIX_EPOCH + TimeDelta::seconds(unix.clamp(DOS_TIMES.0, DOS_TIMES.1));
    let date = ((time.year().unsigned_abs() - 1980) << 9) | (time.month() << 5) | time.day();
    (date << 16) | (time.hour() << 11) | (time.minute() << 5) | (time.second() / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_clamped_and_even() {
        let shown = |unix| {
            let time = dos_time(unix);
            let (date, time) = (time >> 16, time & 0xffff);
            format!("{}-{:02}-{:02} {:02}:{:02}:{:02}", 1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2)
        };
        assert_eq!(shown(i64::MIN), "1980-01-01 00:00:00");
        assert_eq!(shown(0), "1980-01-01 00:00:00");
        assert_eq!(shown(1_769_860_801), "2026-01-31 12:00:00");
        assert_eq!(shown(i64::MAX), "2107-12-31 23:59:58");
    }
}
