//! Headers that claim what isn't so: enormous sizes, times, owners, maps without an end. Each is given up at once, in its own words.

use std::io::Read;

use super::super::{
    name::Name,
    read::{self, Names, Room},
    shift::Shift,
    unpack,
};
use crate::kernel::{Error, Kind};

/// A header as GNU tar writes it, changed before its checksum is made.
fn header(name: &str, kind: tar::EntryType, size: u64, change: impl FnOnce(&mut tar::Header)) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    change(&mut header);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn plain(name: &str, kind: tar::EntryType, size: u64) -> Vec<u8> {
    header(name, kind, size, |_| {})
}

fn pax(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (rest + 1..rest + 9).find(|length| rest + length.to_string().len() == *length).unwrap();
    let mut record = format!("{length} {key}={value}\n").into_bytes();
    let mut bytes = plain("pax", tar::EntryType::XHeader, record.len() as u64);
    record.resize(record.len().next_multiple_of(512), 0);
    bytes.extend(record);
    bytes
}

fn sparse(real: u64) -> Vec<u8> {
    extended(real, false)
}

fn extended(real: u64, more: bool) -> Vec<u8> {
    header("sparse", tar::EntryType::GNUSparse, 0, |header| {
        let gnu = header.as_gnu_mut().unwrap();
        let mut size = [0; 12];
        size[0] = 0x80;
        size[4..].copy_from_slice(&real.to_be_bytes());
        (gnu.realsize, gnu.sparse[0].offset) = (size, size);
        gnu.sparse[0].numbytes.copy_from_slice(b"00000000000\0");
        gnu.set_is_extended(more);
    })
}

fn end(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend([0; 1024]);
    bytes
}

fn refusal(bytes: &[u8]) -> Error {
    read::strangers(&mut { bytes }, Some(Room { free: 1 << 30, whole: 1 << 40 })).unwrap_err()
}

#[test]
fn each_has_its_own_words() {
    let file = || plain("a", tar::EntryType::Regular, 0);
    let cases = [
        ("more than file systems hold", end(sparse(1 << 62))),
        ("unpacks to", end(sparse(3 << 40))),
        ("unpacks to", plain("a", tar::EntryType::Regular, 2 << 30)),
        ("ends within", plain("a", tar::EntryType::Regular, 1 << 20)),
        ("PAX time", end([pax("mtime", "-9223372036854775808.5"), file()].concat())),
        ("no system has", end([pax("uid", "18446744073709551615"), file()].concat())),
        ("header of", plain("x", tar::EntryType::GNULongName, 1 << 33)),
        ("headers without an end", [pax("comment", &"x".repeat(900_000))].concat().repeat(12)),
    ];
    for (why, bytes) in cases {
        let error = refusal(&bytes);
        assert!(error.chain().contains(why), "{why}: {}", error.chain());
        assert!(matches!(error.kind(), Kind::Mismatch | Kind::Refused), "{why}: {:?}", error.kind());
    }
}

#[test]
fn a_map_without_an_end_is_given_up() {
    let mut block = [b'0'; 512];
    block[504] = 1;
    let endless = std::io::Cursor::new(extended(1 << 40, true)).chain(Again { block, at: 0 });
    let error = read::strangers(&mut { endless }, None).unwrap_err();
    assert!(error.chain().contains("map without an end"), "{}", error.chain());
}

/// The same block for ever.
struct Again {
    block: [u8; 512],
    at: usize,
}

impl Read for Again {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let part = &self.block[self.at..];
        let read = part.len().min(buf.len());
        buf[..read].copy_from_slice(&part[..read]);
        self.at = (self.at + read) % 512;
        Ok(read)
    }
}

#[test]
fn a_hard_link_out_of_the_archive_is_named() {
    let link = |target: &str| {
        let target = target.to_owned();
        end(header("h", tar::EntryType::Link, 0, move |header| header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes())))
    };
    for target in ["/etc/passwd", "../../etc/passwd"] {
        assert!(refusal(&link(target)).to_string().contains("hard link `h` leads elsewhere"), "{target}");
    }
}

#[test]
fn devices_and_fifos_are_left_out_with_a_word() {
    let bytes = end([plain("sda", tar::EntryType::Block, 0), plain("fifo", tar::EntryType::Fifo, 0), plain("a", tar::EntryType::Regular, 0)].concat());
    let (entries, findings) = read::strangers(&mut bytes.as_slice(), None).unwrap();
    assert_eq!((entries.len(), findings.len()), (1, 2));
    assert!(findings[0].message.contains("`sda` was left out"), "{findings:?}");
}

#[test]
fn attributes_that_can_t_be_set_don_t_cost_the_data() {
    let file = plain("a", tar::EntryType::Regular, 0);
    let target = tempfile::tempdir().unwrap();
    let bytes = end([pax("SCHILY.xattr.strange.name", "1"), file].concat());
    let unpacked = unpack::unpack(&mut bytes.as_slice(), Names::Foreign, &Shift::default(), target.path()).unwrap();
    assert_eq!(unpacked.entries.len(), 1);
    assert!(unpacked.findings[0].message.contains("`strange.name` of `a`"), "{:?}", unpacked.findings);
    assert!(target.path().join("a").is_file());
}

#[test]
fn a_data_folder_moves_to_where_it_is_read() {
    let folder = |name: &str| plain(name, tar::EntryType::Directory, 0);
    let bytes = end([folder("x/"), folder("x/data/"), plain("x/data/f", tar::EntryType::Regular, 0)].concat());
    for (to, path) in [("", "f"), ("deep/er", "deep/er/f")] {
        let target = tempfile::tempdir().unwrap();
        let shift = Shift { from: Name::from("x/data"), to: Name::from(to) };
        unpack::unpack(&mut bytes.as_slice(), Names::Foreign, &shift, target.path()).unwrap();
        assert!(target.path().join(path).is_file() && !target.path().join("x").exists(), "{to}");
    }
}
