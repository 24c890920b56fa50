//! Any tree → archive → folder → equal; and what plain `tar` makes of it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::disallowed_methods, reason = "helpers of tests: these end the test that meets them")]

mod claims;

use std::{collections::BTreeMap, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use proptest::prelude::*;

use super::{
    check,
    entry::Entry,
    name,
    read::Names,
    shift::Shift,
    store::{Format, Store},
    tree::{self, Take, Walk},
    unpack,
};

fn walk(root: &Path) -> Walk {
    tree::walk(root, &|_, _| Take::Yes).unwrap()
}

fn pack(root: &Path, store: &Path, format: Format) -> (std::path::PathBuf, Vec<Entry>) {
    let store = Store::new(store.into(), "t");
    let mut writing = store.begin(format).unwrap();
    for meta in walk(root).metas {
        if meta.is_file() {
            let (mut file, meta) = tree::open(root, &meta).unwrap().unwrap();
            writing.add(&meta, &mut file).unwrap();
        } else {
            writing.add(&meta, &mut std::io::empty()).unwrap();
        }
    }
    let finished = writing.finish().unwrap();
    let (archive, entries) = store.name_archive(&store.id(chrono::DateTime::UNIX_EPOCH, &finished), finished).unwrap();
    check::archive(&store.folder().join(&archive.file), &archive, &entries).unwrap();
    (store.folder().join(archive.file), entries)
}

/// Everything that must come back: metadata with nanoseconds and attributes, and the bytes.
fn picture(root: &Path) -> BTreeMap<name::Name, (super::entry::Meta, Vec<u8>)> {
    let whole = |mut meta: super::entry::Meta| {
        let bytes = if meta.is_file() { std::fs::read(meta.name.below(root)).unwrap() } else { Vec::new() };
        meta.data = None;
        (meta.name.clone(), (meta, bytes))
    };
    walk(root).metas.into_iter().map(whole).collect()
}

fn odd_tree(root: &Path) {
    let write = |path: &str, bytes: &[u8]| std::fs::write(root.join(path), bytes).unwrap();
    for folder in ["empty", "deep/er/est", "with space", "日本", "line\nend"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    write("deep/er/est/file", b"x");
    write("line\nend/a\\b\n12 path=evil", b"newline and backslash");
    write("-rf", b"dash");
    write(&format!("with space/{}", "n".repeat(250)), b"long");
    std::fs::write(root.join(name::os(b"not-utf8-\xff\xfe")), b"odd").unwrap();
    std::fs::hard_link(root.join("-rf"), root.join("zz-hard")).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", root.join("dangling")).unwrap();
    std::os::unix::fs::symlink("l".repeat(300), root.join("long-target")).unwrap();
    let mut sparse = std::fs::File::create(root.join("sparse")).unwrap();
    for at in 0..30_u64 {
        std::io::Seek::seek(&mut sparse, std::io::SeekFrom::Start(at << 20)).unwrap();
        sparse.write_all(b"data").unwrap();
    }
    sparse.set_len(64 << 20).unwrap();
    write("secret", b"mode");
    std::fs::set_permissions(root.join("secret"), std::fs::Permissions::from_mode(0o4600)).unwrap();
    std::fs::set_permissions(root.join("empty"), std::fs::Permissions::from_mode(0o1777)).unwrap();
    std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o750)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::lchown(root, Some(999), Some(1000)).unwrap();
        std::os::unix::fs::lchown(root.join("dangling"), Some(3_000_000), Some(12)).unwrap();
    }
    // Not every file system has attributes; where it has, one holds a line end.
    let _ = xattr::set(root.join("secret"), "user.odd", b"a\n9 path=b\n");
}

#[test]
fn an_odd_tree_comes_back_whole() {
    let (source, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    odd_tree(source.path());
    for format in [Format::Zstd, Format::Gzip] {
        let (archive, entries) = pack(source.path(), store.path(), format);
        let target = tempfile::tempdir().unwrap();
        let written = unpack::unpack(&mut super::read::open(&archive).unwrap(), Names::Ours, &Shift::default(), target.path()).unwrap();
        assert_eq!((written.entries, written.findings.len()), (entries, 0));
        assert_eq!(picture(source.path()), picture(target.path()));
        let blocks = std::os::unix::fs::MetadataExt::blocks(&target.path().join("sparse").metadata().unwrap());
        assert!(blocks * 512 < 8 << 20, "the sparse file came back full: {blocks} blocks");
        assert!(archive.metadata().unwrap().len() < 100_000);
    }
}

#[test]
fn plain_tar_reads_it() {
    let (source, store, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    odd_tree(source.path());
    for (format, flag) in [(Format::Zstd, "--zstd"), (Format::Gzip, "-z")] {
        let (archive, _) = pack(source.path(), store.path(), format);
        let target = target.path().join(flag);
        std::fs::create_dir(&target).unwrap();
        let tar = Command::new("tar").args(["--xattrs", "--xattrs-include=*", "-xp", flag, "-f"]).arg(&archive).arg("-C").arg(&target).output().unwrap();
        assert!(tar.status.success(), "{}", String::from_utf8_lossy(&tar.stderr));
        assert_eq!(picture(source.path()), picture(&target));
    }
}

#[test]
fn what_plain_tar_writes_is_read() {
    let (source, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    odd_tree(source.path());
    for format in ["gnu", "posix"] {
        let archive = store.path().join(format!("{format}.tar.gz"));
        let sparse: &[&str] = if format == "gnu" { &["--sparse"] } else { &["--xattrs"] };
        let tar = Command::new("tar").args(["--format", format, "-czf"]).arg(&archive).args(sparse).arg("-C").arg(source.path()).arg(".").output().unwrap();
        assert!(tar.status.success(), "{}", String::from_utf8_lossy(&tar.stderr));
        let target = tempfile::tempdir().unwrap();
        unpack::unpack(&mut super::read::open(&archive).unwrap(), Names::Ours, &Shift::default(), target.path()).unwrap();
        let bytes = |root: &Path| picture(root).into_iter().map(|(name, (_, bytes))| (name, bytes)).collect::<Vec<_>>();
        assert_eq!(bytes(source.path()), bytes(target.path()), "{format}");
    }
}

#[test]
fn fifos_and_sockets_are_left_out_with_a_warning() {
    let source = tempfile::tempdir().unwrap();
    std::fs::write(source.path().join("file"), "x").unwrap();
    assert!(Command::new("mkfifo").arg(source.path().join("fifo")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(source.path().join("socket")).unwrap();
    let walk = walk(source.path());
    assert_eq!(walk.metas.len(), 2, "root and file");
    let messages: Vec<_> = walk.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(messages.len() == 2 && messages.iter().all(|message| message.contains("left out")), "{messages:?}");
}

#[test]
fn every_cut_and_every_flip_is_noticed() {
    let (source, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(source.path().join("a"), "hello ".repeat(100)).unwrap();
    std::fs::write(source.path().join("b"), "world").unwrap();
    let (archive, entries) = pack(source.path(), store.path(), Format::Zstd);
    let whole = std::fs::read(&archive).unwrap();
    let wanted = super::manifest::Archive { file: "x".into(), size: whole.len() as u64, sha256: crate::kernel::Digest::of(&whole) };
    let say = |bytes: &[u8]| {
        std::fs::write(&archive, bytes).unwrap();
        check::archive(&archive, &wanted, &entries).unwrap_err().to_string()
    };
    assert!(say(b"").contains("is empty"));
    for cut in [1, 10, whole.len() / 2, whole.len() - 1] {
        assert!(say(&whole[..cut]).contains("cut short"), "cut at {cut}");
    }
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        assert!(say(&flipped).contains("was altered"), "flip at {at}");
    }
    let longer = [whole.as_slice(), b"x"].concat();
    assert!(say(&longer).contains("was altered"));
    std::fs::write(&archive, &whole).unwrap();
    check::archive(&archive, &wanted, &entries).unwrap();
}

#[test]
fn a_tar_that_was_cut_is_noticed_without_a_manifest() {
    let (source, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(source.path().join("a"), vec![7; 3000]).unwrap();
    let archive = store.path().join("x.tar");
    assert!(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(source.path()).arg(".").status().unwrap().success());
    let whole = std::fs::read(&archive).unwrap();
    for cut in [512, 700, 1024, 2048, 4096, 4608] {
        std::fs::write(&archive, &whole[..cut]).unwrap();
        let error = super::read::entries(&mut super::read::open(&archive).unwrap(), &mut |_| Ok(())).unwrap_err();
        assert!(error.chain().contains("cut short"), "cut at {cut}: {}", error.chain());
    }
}

/// Archives that no honest tool writes.
fn hostile(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, target) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(0);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
    }
    bytes.extend_from_slice(&[0; 1024]);
    bytes
}

#[test]
fn archives_from_strangers_stay_within() {
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    type Case<'a> = (&'a str, &'a [(&'a str, tar::EntryType, &'a str)]);
    let cases: &[Case<'_>] = &[
        ("leads out", &[("../x", Regular, "")]),
        ("absolute", &[("/etc/x", Regular, "")]),
        ("through the link", &[("d", Symlink, "/tmp"), ("d/x", Regular, "")]),
        ("through the link", &[("d", Symlink, "/tmp"), ("d/e/x", Regular, "")]),
        ("is a file", &[("f", Regular, ""), ("f/x", Regular, "")]),
        ("hard link", &[("h", Link, "/etc/passwd")]),
        ("hard link", &[("h", Link, "later"), ("later", Regular, "")]),
        ("hard link", &[("s", Symlink, "/etc/passwd"), ("h", Link, "s")]),
        ("twice", &[("f", Regular, ""), ("./f", Regular, "")]),
        ("twice", &[("d", Directory, ""), ("d", Symlink, "/")]),
        ("twice", &[("d", Symlink, "/"), ("d", Directory, "")]),
        ("root is no folder", &[("./", Symlink, "/")]),
    ];
    for (why, entries) in cases {
        let target = tempfile::tempdir().unwrap();
        let error = unpack::unpack(&mut hostile(entries).as_slice(), Names::Ours, &Shift::default(), target.path()).err();
        let text = error.map(|error| error.chain()).unwrap_or_default();
        assert!(text.contains(why) || text.contains("absolute"), "{why}: {text:?} for {entries:?}");
    }
}

fn names() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no separator", |byte| *byte != 0 && *byte != b'/');
    prop::collection::vec(byte, 1..40).prop_filter("no dots", |name| name != b"." && name != b"..")
}

#[derive(Clone, Debug)]
enum Thing {
    Folder,
    File(Vec<u8>),
    Link(Vec<u8>),
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_comes_back(things in prop::collection::vec((prop::collection::vec(names(), 1..4), prop_oneof![
        Just(Thing::Folder),
        prop::collection::vec(any::<u8>(), 0..2000).prop_map(Thing::File),
        names().prop_map(Thing::Link),
    ], 0_u32..0o10000, -5_i64..1 << 34, 0_u32..1_000_000_000), 0..12)) {
        let (source, store, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(source.path().join("always"), "x").unwrap();
        for (path, thing, mode, seconds, nanoseconds) in things {
            let path = name::Name::from_archive(&path.join(&b'/')).unwrap().below(source.path());
            // Names may collide: what can't be made isn't part of the tree.
            let made = std::fs::create_dir_all(path.parent().unwrap()).and_then(|()| match thing {
                Thing::Folder => std::fs::create_dir(&path),
                Thing::File(bytes) => std::fs::write(&path, bytes),
                Thing::Link(target) => std::os::unix::fs::symlink(name::os(&target), &path),
            });
            if made.is_ok() && !path.is_symlink() {
                let meta = super::entry::Meta { mtime: (seconds, nanoseconds), mode: mode | 0o700, ..tree::look(&path, name::Name::root()).unwrap().unwrap() };
                tree::restore_meta(&path, &meta).unwrap();
            }
        }
        let (archive, _) = pack(source.path(), store.path(), Format::Zstd);
        unpack::unpack(&mut super::read::open(&archive).unwrap(), Names::Ours, &Shift::default(), target.path()).unwrap();
        prop_assert_eq!(picture(source.path()), picture(target.path()));
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes: Vec<u8>, flips in prop::collection::vec((0_usize..4096, any::<u8>()), 0..8)) {
        let _ = super::read::entries(&mut bytes.as_slice(), &mut |_| Ok(()));
        let mut valid = hostile(&[("a", tar::EntryType::Regular, ""), ("b", tar::EntryType::Symlink, "c"), ("d", tar::EntryType::GNUSparse, "")]);
        for (at, value) in flips {
            let length = valid.len();
            valid[at % length] = value;
        }
        let _ = super::read::entries(&mut valid.as_slice(), &mut |_| Ok(()));
    }
}
