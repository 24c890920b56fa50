//! The same entries give the same bytes: whatever the threads, the order they come in, the files' times and the umask.

use std::{
    fs::{self, FileTimes},
    time::{Duration, SystemTime},
};

use proptest::prelude::*;

use super::*;

fn digests(entries: &[Entry], threads: usize) -> Vec<Digest> {
    let folder = tempfile::tempdir().unwrap();
    Format::ALL.iter().map(|format| packed(entries, *format, threads, &folder.path().join("a")).unwrap().digest).collect()
}

#[test]
fn any_number_of_threads_and_any_order() {
    // More than one zstd job, more than one chunk.
    let mut entries = awkward();
    entries.push(Entry::bytes("large", deflate::tests::mixed(9, 20_000_000)));
    let first = digests(&entries, 1);
    for threads in [2, 3, 7] {
        entries.rotate_left(threads * 11);
        entries.swap(0, threads);
        assert_eq!(digests(&entries, threads), first, "{threads} threads");
    }
}

#[cfg(unix)]
#[test]
fn files_on_disk_count_by_name_and_bytes_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let first = |time: u64, mode: u32| {
        let folder = tempfile::tempdir().unwrap();
        let mut entries = Vec::new();
        for (n, size) in [0, 1, 5000, 1_100_000].into_iter().enumerate() {
            let path = folder.path().join(format!("f{n}"));
            fs::write(&path, deflate::tests::mixed(n as u64, size)).unwrap();
            let file = fs::File::open(&path).unwrap();
            file.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(time))).unwrap();
            file.set_permissions(fs::Permissions::from_mode(mode)).unwrap();
            entries.push(Entry::file(format!("f{n}"), &path, size as u64, n == 1));
        }
        digests(&entries, 2)
    };
    assert_eq!(first(1_000_000_000, 0o600), first(4_000_000_000, 0o777));
}

/// Changing these is changing every archive that was ever made: a rebuild of an old release would differ.
#[test]
fn the_bytes_are_these() {
    let entries = [Entry::bytes("a/hello.txt", "hello\n"), Entry::new("a/run", Content::Bytes(vec![b'x'; 3_000_000]), true), Entry::link("b", "a/run")];
    let shown: Vec<String> = digests(&entries, 2).iter().map(|digest| digest.hex()[..12].to_owned()).collect();
    assert_eq!(shown, ["19cc02251cc9", "431a567574da", "22c85401c8c1", "5fe3efbc3aa2"]);
}

#[test]
fn times_are_clamped() {
    let folder = tempfile::tempdir().unwrap();
    let at = |mtime| Entry { mtime: Some(mtime), ..Entry::bytes(format!("t{mtime}"), "") };
    packed(&[at(-5), at(1_000_000_000), at(EPOCH + 10)], Format::Tar, 1, &folder.path().join("a.tar")).unwrap();
    let read = list(&folder.path().join("a.tar"), &Policy::stranger()).unwrap();
    assert_eq!(read.iter().map(|sealed| sealed.item.mtime).collect::<Vec<_>>(), [0, 1_000_000_000, EPOCH]);
}

fn any_entries() -> impl Strategy<Value = Vec<Entry>> {
    let part = "[a-zA-Zäß日 .\\-_]{1,30}".prop_filter("no dots alone", |part| part != "." && part != "..");
    let name = proptest::collection::vec(part, 1..5).prop_map(|parts| format!("d/{}", parts.join("/")));
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..2000),
        (0_u64..99, 0_usize..2_300_000).prop_map(|(seed, size)| deflate::tests::mixed(seed, size))
    ];
    proptest::collection::btree_map(name, (bytes, any::<bool>()), 0..12).prop_map(|map| {
        // A name that is a folder of another can't be a file.
        let names: Vec<String> = map.keys().cloned().collect();
        let file = |name: &String| !names.iter().any(|other| other.starts_with(&format!("{name}/")));
        map.into_iter().filter(|(name, _)| file(name)).map(|(name, (bytes, executable))| Entry::new(name, Content::Bytes(bytes), executable)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_is_packed_reads_back(entries in any_entries(), threads in 1_usize..4) {
        let folder = tempfile::tempdir().unwrap();
        for format in Format::ALL {
            let at = folder.path().join("a");
            packed(&entries, format, threads, &at).unwrap();
            let mut read = list(&at, &Policy { portable: false, ..Policy::own() }).unwrap();
            read.sort_by(|a, b| a.item.name.cmp(&b.item.name));
            prop_assert_eq!(read.len(), entries.len());
            for (sealed, entry) in read.iter().zip(&entries) {
                let Content::Bytes(bytes) = &entry.content else { unreachable!() };
                prop_assert_eq!((&sealed.item.name, sealed.item.mode, sealed.digest), (&entry.name, entry.mode, Digest::of(bytes)));
            }
        }
    }
}
