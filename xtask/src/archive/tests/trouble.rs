//! What goes wrong while packing: each has its message and its remedy, and leaves nothing behind.

use super::*;
use crate::kernel::Kind as Failure;

#[track_caller]
fn refused(entries: &[Entry], format: Format, why: &str) {
    let folder = tempfile::tempdir().unwrap();
    let error = packed(entries, format, 2, &folder.path().join("a")).unwrap_err();
    assert!(error.chain().contains(why), "{why:?} is not in {}", error.chain());
    assert!(!error.hints().is_empty(), "no hint: {}", error.chain());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was left");
}

#[test]
fn what_cant_be_packed_says_why() {
    let file = |name: &str| Entry::bytes(name, "x");
    refused(&[file("a"), file("b"), file("a")], Format::Zip, "two entries are named \"a\"");
    refused(&[file("../a")], Format::Tar, "leads out");
    refused(&[Entry::link("lib/x", "../../etc/passwd")], Format::TarGz, "\"lib/x\" can't be packed: it links to \"../../etc/passwd\": that leads out");
    refused(&[Entry::link("x", "/etc/passwd")], Format::Zip, "absolute");
    refused(&[Entry::link("x", "y"), file("x/z")], Format::Tar, "packed as a file or a link");
    refused(&[file("a\\b")], Format::Zip, "backslash");
    refused(&[file("a").expect(Digest::of(b"y"))], Format::Zip, "another digest");
}

#[test]
fn files_that_change_or_go_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    fs::write(&path, "four").unwrap();
    for format in Format::ALL {
        refused(&[Entry::file("f", &path, 3, false)], format, "\"f\" changed while it was being packed: it had 3 bytes, now it has 4");
        refused(&[Entry::file("f", &path, 4, false).expect(Digest::of(b"five"))], format, "another digest");
    }
    let gone = packed(&[Entry::file("g", &folder.path().join("g"), 4, false)], Format::Zip, 2, &folder.path().join("a")).unwrap_err();
    assert!(gone.chain().contains("g: No such file"), "{}", gone.chain());
    refused(&[Entry::file("f", folder.path(), 4, false)], Format::Tar, "not a regular file");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&path, folder.path().join("link")).unwrap();
        refused(&[Entry::file("f", &folder.path().join("link"), 4, false)], Format::Tar, "not a regular file");
    }
}

#[test]
fn a_file_that_grows_shrinks_or_is_rewritten_meanwhile() {
    use content::Announced;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    let trouble = |change: &dyn Fn()| {
        fs::write(&path, vec![1; 100_000]).unwrap();
        let entry = Entry::file("f", &path, 100_000, false);
        let mut open = Announced::open(&entry).unwrap();
        let mut buffer = vec![0; 60_000];
        open.fill(&mut buffer)?;
        change();
        open.fill(&mut buffer)?;
        open.close()
    };
    trouble(&|| {}).unwrap();
    let append = || std::io::Write::write_all(&mut fs::OpenOptions::new().append(true).open(&path).unwrap(), b"x").unwrap();
    let rewrite = || fs::write(&path, vec![2; 100_000]).unwrap();
    let cut = || fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(70_000).unwrap();
    for (change, why) in [(&append as &dyn Fn(), "it became longer"), (&rewrite, "somebody wrote to it"), (&cut, "it became shorter")] {
        let error = trouble(change).unwrap_err();
        assert_eq!(error.kind(), Failure::Mismatch);
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn an_older_archive_outlives_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("a.zip");
    packed(&[Entry::bytes("a", "old")], Format::Zip, 1, &at).unwrap();
    let old = fs::read(&at).unwrap();
    packed(&[Entry::bytes("a", "new"), Entry::file("b", &folder.path().join("gone"), 1, false)], Format::Zip, 1, &at).unwrap_err();
    assert_eq!(fs::read(&at).unwrap(), old);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn ten_thousand_small_files_and_zip64_counts() {
    let folder = tempfile::tempdir().unwrap();
    let entries: Vec<Entry> = (0..70_000).map(|n| Entry::bytes(format!("f/{n:05}"), if n < 10_000 { format!("{n}") } else { String::new() })).collect();
    for format in [Format::Zip, Format::TarZst] {
        let at = folder.path().join("a");
        assert_eq!(packed(&entries, format, 2, &at).unwrap().entries, 70_000);
        assert_eq!(list(&at, &Policy::own()).unwrap().len(), 70_000);
    }
}

#[test]
fn differences_have_names() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let one = [Entry::bytes("bytes", "1"), Entry::bytes("mode", ""), Entry::bytes("only here", ""), Entry::bytes("time", ""), Entry::bytes("kind", "")];
    let two = [
        Entry::bytes("bytes", "2"),
        Entry::new("mode", Content::Bytes(Vec::new()), true),
        Entry::bytes("only there", ""),
        Entry { mtime: Some(5), ..Entry::bytes("time", "") },
        Entry::link("kind", "mode"),
    ];
    packed(&one, Format::TarGz, 1, &a).unwrap();
    packed(&two, Format::TarZst, 1, &b).unwrap();
    let found = compare(&a, &b, &Policy::own()).unwrap();
    let shown: Vec<String> = found.iter().map(|difference| format!("{} {}", difference.entry, difference.aspect)).collect();
    assert_eq!(shown, ["bytes bytes", "kind kind", "kind mode", "mode mode", "only here missing", "time time", "only there extra"]);
    packed(&one, Format::TarZst, 1, &b).unwrap();
    assert_eq!(compare(&a, &b, &Policy::own()).unwrap()[0].aspect, Aspect::Container);
    packed(&one, Format::TarGz, 2, &b).unwrap();
    assert_eq!(compare(&a, &b, &Policy::own()).unwrap(), []);
    fs::write(&a, hostile::raw_zip(&[(0o100_644, "a", b"1"), (0o100_644, "b", b"2")], false)).unwrap();
    fs::write(&b, hostile::raw_zip(&[(0o100_644, "b", b"2"), (0o100_644, "a", b"1")], false)).unwrap();
    let found = compare(&a, &b, &Policy::own()).unwrap();
    assert_eq!(found.iter().map(|difference| difference.aspect).collect::<Vec<_>>(), [Aspect::Order]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_and_a_closed_folder_say_so() {
    let entries = [Entry::bytes("noise", deflate::tests::noise(3_000_000))];
    let nowhere = packed(&entries, Format::Zip, 2, Path::new("/proc/a.zip")).unwrap_err();
    assert!(nowhere.chain().contains("/proc"), "{}", nowhere.chain());
    // What /dev/full gives to every writer is what a full disk gives.
    let full = pack::tests_write(&entries, Format::Zip, &mut fs::OpenOptions::new().write(true).open("/dev/full").unwrap()).unwrap_err();
    assert!(full.chain().contains("No space left"), "{}", full.chain());
}

/// A file that waits for its sizes on disk, not in memory.
#[test]
fn a_file_larger_than_the_spool() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("noise");
    let noise = deflate::tests::noise(1 << 20);
    let mut file = fs::File::create(&path).unwrap();
    (0..80).for_each(|_| std::io::Write::write_all(&mut file, &noise).unwrap());
    drop(file);
    let entries = [Entry::bytes("a", "before"), Entry::file("noise", &path, 80 << 20, false), Entry::bytes("z", "behind it")];
    packed(&entries, Format::Zip, 2, &folder.path().join("a")).unwrap();
    let read = list(&folder.path().join("a"), &Policy::own()).unwrap();
    assert_eq!(
        read.iter().map(|sealed| sealed.digest).collect::<Vec<_>>(),
        [Digest::of(b"before"), crate::effects::files::digest(&path).unwrap().1, Digest::of(b"behind it")]
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// Zip alone has a limit there: its sizes have 32 bits, and zip64 records beyond. The slowest test of all.
#[test]
fn more_than_four_gibibytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse");
    let size = (4 << 30) + 12_345;
    fs::File::create(&path).unwrap().set_len(size).unwrap();
    let entries = [Entry::bytes("after", "x"), Entry::file("sparse", &path, size, false), Entry::bytes("z", "behind it")];
    let at = folder.path().join("a");
    packed(&entries, Format::Zip, 2, &at).unwrap();
    let read = list(&at, &Policy { free_bytes: u64::MAX, ..Policy::own() }).unwrap();
    assert_eq!(read.iter().map(|sealed| sealed.item.size).collect::<Vec<_>>(), [1, size, 9]);
    assert_eq!(read[2].digest, Digest::of(b"behind it"));
}
