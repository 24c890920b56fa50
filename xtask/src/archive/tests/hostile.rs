//! Archives from strangers: each trick of theirs, in tar and in zip, leaves nothing outside and is refused with its reason.

use ::tar::{EntryType, Header};
use proptest::prelude::*;

use super::*;
use crate::{
    archive::zip_records::{self, Method, Record},
    kernel::Events,
};

/// A tar archive of headers as they come: kind, name, link target, bytes.
fn raw_tar(entries: &[(EntryType, &str, &str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, name, target, content) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.as_old_mut().name.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
        header.as_old_mut().linkname.iter_mut().zip(target.bytes()).for_each(|(to, from)| *to = from);
        header.set_size(content.len() as u64);
        header.set_mode(0o4777);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// A zip archive of records as they come: mode with type, name, bytes.
pub fn raw_zip(entries: &[(u32, &str, &[u8])], large: bool) -> Vec<u8> {
    let (mut bytes, mut central) = (Vec::new(), Vec::new());
    for (mode, name, content) in entries {
        let size = content.len() as u64;
        let record = Record {
            name: (*name).into(),
            mode: *mode,
            time: zip_records::dos_time(EPOCH),
            method: Method::Stored,
            large,
            crc: crc32fast::hash(content),
            packed: size,
            size,
            offset: bytes.len() as u64,
        };
        bytes.extend(record.local());
        bytes.extend_from_slice(content);
        central.extend(record.central());
    }
    let end = zip_records::end(entries.len() as u64, bytes.len() as u64, central.len() as u64);
    bytes.extend(central);
    bytes.extend(end);
    bytes
}

/// Extracts into `sandbox/in`; whatever happens, `sandbox` holds nothing else afterwards.
#[track_caller]
fn extract_bytes(bytes: &[u8], policy: Policy) -> Result<Vec<Sealed>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = folder.path().join("sandbox");
    fs::create_dir(&sandbox).unwrap();
    fs::write(folder.path().join("archive"), bytes).unwrap();
    let done = extract(&folder.path().join("archive"), &sandbox.join("in"), &policy, &Events::none());
    let left: Vec<_> = fs::read_dir(&sandbox).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty() || (done.is_ok() && left == ["in"]), "left: {left:?}, {done:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "something lies beside the sandbox");
    done
}

#[track_caller]
fn refuses(bytes: &[u8], why: &str) {
    let error = extract_bytes(bytes, Policy { portable: false, ..Policy::stranger() }).unwrap_err();
    assert!(error.chain().contains(why), "{why:?} is not in {}", error.chain());
    assert!(!error.hints().is_empty(), "no hint: {}", error.chain());
}

#[test]
fn tar_tricks() {
    use EntryType::{Block, Char, Directory, Fifo, Link, Regular, Symlink};
    let file = |name| (Regular, name, "", b"evil".as_slice());
    let link = |name, target| (Symlink, name, target, b"".as_slice());
    refuses(&raw_tar(&[file("../evil")]), "leads out");
    refuses(&raw_tar(&[file("/tmp/evil")]), "absolute");
    refuses(&raw_tar(&[file("a/../../evil")]), "leads out");
    refuses(&raw_tar(&[file("./../evil")]), "leads out");
    refuses(&raw_tar(&[file("C:\\evil")]), "drive letter");
    refuses(&raw_tar(&[link("l", "/etc"), file("l/evil")]), "absolute");
    refuses(&raw_tar(&[link("l", ".."), file("l/evil")]), "leads out");
    refuses(&raw_tar(&[link("l", "d"), file("l/evil")]), "through the link");
    refuses(&raw_tar(&[link("a/l", "../b"), link("b", "a/l/../..")]), "`..` after another part");
    refuses(&raw_tar(&[file("l"), link("l", "x")]), "there already");
    refuses(&raw_tar(&[link("l", "x"), file("l")]), "there already");
    refuses(&raw_tar(&[(Link, "h", "../../etc/passwd", b"")]), "no earlier file");
    refuses(&raw_tar(&[link("l", "x"), (Link, "h", "l", b"")]), "no earlier file");
    refuses(&raw_tar(&[(Char, "null", "", b"")]), "a device");
    refuses(&raw_tar(&[(Block, "sda", "", b"")]), "a device");
    refuses(&raw_tar(&[(Fifo, "pipe", "", b"")]), "a FIFO");
    refuses(&raw_tar(&[(Directory, "d", "", b"bytes")]), "it has bytes");
    refuses(&raw_tar(&[file("")]), "no name");
}

#[test]
fn zip_tricks() {
    const FILE: u32 = 0o100_644;
    const LINK: u32 = 0o120_777;
    refuses(&raw_zip(&[(FILE, "../evil", b"x")], false), "leads out");
    refuses(&raw_zip(&[(FILE, "/evil", b"x")], false), "absolute");
    refuses(&raw_zip(&[(FILE, "a\\..\\..\\evil", b"x")], false), "backslash");
    refuses(&raw_zip(&[(FILE, "c:evil", b"x")], false), "drive letter");
    refuses(&raw_zip(&[(FILE, "a", b"x"), (FILE, "a", b"y")], false), "same name");
    refuses(&raw_zip(&[(LINK, "l", b"/etc"), (FILE, "l/x", b"y")], false), "absolute");
    refuses(&raw_zip(&[(LINK, "l", b"x"), (FILE, "l/x", b"y")], false), "through the link");
    refuses(&raw_zip(&[(0o010_644, "pipe", b"")], false), "neither file nor folder nor link");
    let mut two_faced = raw_zip(&[(FILE, "good", b"x")], false);
    two_faced[30..34].copy_from_slice(b"evil");
    refuses(&two_faced, "no zip archive that can be trusted");
    let mut wrong = raw_zip(&[(FILE, "a", b"xyz")], false);
    wrong[31] = b'X';
    refuses(&wrong, "a\": it is damaged");
}

#[test]
fn zip64_records_of_small_files_read_back() {
    let read = extract_bytes(&raw_zip(&[(0o100_644, "a", b"x"), (0o100_755, "b", b"yz")], true), Policy::own()).unwrap();
    assert_eq!(read.iter().map(|sealed| sealed.item.size).collect::<Vec<_>>(), [1, 2]);
}

#[cfg(unix)]
#[test]
fn modes_are_limited_and_hard_links_stay_within() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("a"),
        raw_tar(&[(EntryType::Regular, "./f", "", b"x"), (EntryType::Link, "./h", "./f", b""), (EntryType::Directory, "./", "", b"")]),
    )
    .unwrap();
    extract(&folder.path().join("a"), &folder.path().join("out"), &Policy::stranger(), &Events::none()).unwrap();
    let seen = folder.path().join("out/f").metadata().unwrap();
    assert_eq!((seen.permissions().mode() & 0o7777, seen.nlink(), seen.mtime()), (0o755, 2, 0));
    let error = extract(&folder.path().join("a"), &folder.path().join("out"), &Policy::stranger(), &Events::none()).unwrap_err();
    assert!(error.to_string().contains("not an empty folder"));
    assert!(folder.path().join("out/f").exists(), "a refused folder is left as it was");
}

#[test]
fn bombs_are_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let zeros = [Entry::bytes("zeros", vec![0; 20 << 20])];
    for format in [Format::TarGz, Format::TarZst, Format::Zip] {
        let at = folder.path().join(format!("bomb.{format}"));
        packed(&zeros, format, 2, &at).unwrap();
        let bytes = fs::read(&at).unwrap();
        let policy = Policy { free_bytes: 1 << 20, ..Policy::stranger() };
        let error = extract_bytes(&bytes, policy).unwrap_err();
        assert!(error.chain().contains("its own size explains"), "{}", error.chain());
        let error = extract_bytes(&bytes, Policy { max_bytes: 10 << 20, ..policy }).unwrap_err();
        assert!(error.chain().contains("come out of it"), "{}", error.chain());
        extract_bytes(&bytes, Policy::stranger()).unwrap();
    }
    let many: Vec<Entry> = (0..20).map(|n| Entry::bytes(format!("{n}"), "")).collect();
    packed(&many, Format::Tar, 1, &folder.path().join("many")).unwrap();
    let error = list(&folder.path().join("many"), &Policy { max_entries: 19, ..Policy::stranger() }).unwrap_err();
    assert!(error.chain().contains("more than 19 entries"));
}

#[test]
fn a_name_of_gigabytes_costs_nothing() {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(5 << 30);
    header.set_cksum();
    let mut stream = std::io::Read::chain(header.as_bytes().as_slice(), std::io::repeat(b'a'));
    let error = for_each_in_tar(&mut stream, &Policy::backup(), &mut |_, _| Ok(())).unwrap_err();
    assert!(error.to_string().contains("extended headers"), "{error}");
}

#[test]
fn cut_and_appended_archives() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("a");
    for format in Format::ALL {
        packed(&awkward(), format, 2, &at).unwrap();
        let bytes = fs::read(&at).unwrap();
        for keep in [0, 1, 100, 511, 512, 1000, bytes.len() / 2, bytes.len() - 10_300.min(bytes.len() / 3)] {
            assert!(extract_bytes(&bytes[..keep], Policy::stranger()).is_err(), "{format} cut to {keep}");
        }
        let policy = Policy { portable: false, ..Policy::own() };
        assert!(extract_bytes(&[bytes.as_slice(), &[7; 600]].concat(), policy).is_err(), "{format} with something appended");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    /// Bytes flipped, cut out and doubled at random: an error or an archive, never a panic, never a file outside.
    #[test]
    fn mutated_archives_stay_inside(kind in 0_usize..4, changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..8), 1..8)) {
        let folder = tempfile::tempdir().unwrap();
        let entries = [Entry::bytes("a/b", "hello hello hello hello"), Entry::bytes("c".repeat(120), "x"), Entry::link("l", "a/b"), Entry::new("d", Content::Folder, false)];
        let at = folder.path().join("a");
        packed(&entries, Format::ALL[kind], 1, &at).unwrap();
        let mut bytes = fs::read(&at).unwrap();
        for (place, value, what) in changes {
            let place = place.index(bytes.len());
            match what {
                0 => { bytes.drain(place..(place + usize::from(value)).min(bytes.len())); }
                1 => { let copy = bytes[place..(place + usize::from(value)).min(bytes.len())].to_vec(); bytes.splice(place..place, copy); }
                2..5 => bytes[place] = value,
                _ => bytes[place] ^= 1 << (value % 8),
            }
            if bytes.is_empty() { break; }
        }
        let _ = extract_bytes(&bytes, Policy { portable: false, max_bytes: 1 << 24, ..Policy::stranger() });
    }
}
