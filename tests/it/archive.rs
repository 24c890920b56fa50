//! Archives before independent judges: unzip, GNU tar, Python, strip-nondeterminism, add-determinism.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use xtask::{
    archive::{self, Content, Entry, Format, Packing, Policy},
    kernel::Events,
};

use crate::support::{Run, Scratch};

const EPOCH: &str = "1769860800";

/// Odd names, an empty file, one of several chunks, one that doesn't shrink, links, an empty folder.
fn entries() -> Vec<Entry> {
    let text: Vec<u8> = (0..200_000_u32).flat_map(|n| format!("{n} bottles of beer\n").into_bytes()).collect();
    let noise: Vec<u8> = (0..40_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(n % 31).to_be_bytes()).collect();
    vec![
        Entry::bytes("README.md", "read me\n"),
        Entry::bytes("empty", ""),
        Entry::bytes("text", text),
        Entry::bytes("noise", noise),
        Entry::new("bin/rocket", Content::Bytes(b"#!/bin/sh\n".to_vec()), true),
        Entry::bytes("größe/日本語 🚀", "unicode\n"),
        Entry::bytes(format!("long/{}", "x".repeat(180)), "long\n"),
        Entry::bytes("with space/-rf", "dash\n"),
    ]
}

fn with_links() -> Vec<Entry> {
    let mut all = entries();
    all.push(Entry::link("lib/current", "../bin/rocket"));
    all.push(Entry::new("nothing", Content::Folder, false));
    all
}

fn pack(scratch: &Scratch, name: &str, entries: &[Entry]) -> String {
    let at = scratch.project().join(name);
    let packing = Packing::new(Format::of_name(name).expect("a name with a format"), EPOCH.parse().expect("a number"));
    archive::pack(entries, &packing, &at, &Events::none()).expect("pack");
    name.to_owned()
}

/// A judge's run in the project's folder, or none (loudly) where it isn't installed.
#[expect(clippy::print_stderr, reason = "a skipped judge is said aloud")]
fn judge(scratch: &Scratch, program: &str, args: &[&str]) -> Option<Run> {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join(program).is_file());
    if !found {
        assert!(std::env::var("XTASK_CI_STRICT").is_err(), "{program} is not installed: run .ci/setup");
        eprintln!("SKIPPED: {program} is not installed");
        return None;
    }
    Some(Run::of(scratch.command(program).args(args).env("SOURCE_DATE_EPOCH", EPOCH).env("TZ", "UTC")))
}

/// The tree that a judge extracted is what was packed.
fn assert_tree(folder: &Path, entries: &[Entry]) {
    for entry in entries {
        let path = folder.join(&entry.name);
        let seen = path.symlink_metadata().unwrap_or_else(|error| panic!("{}: {error}", entry.name));
        match &entry.content {
            Content::Link(target) => assert_eq!(fs::read_link(&path).expect("a link"), Path::new(target)),
            Content::Folder => assert!(seen.is_dir()),
            Content::Bytes(bytes) => {
                assert!(fs::read(&path).expect("a file") == *bytes, "{}", entry.name);
                assert_eq!(seen.permissions().mode() & 0o777, entry.mode, "{}", entry.name);
            }
            Content::File { size, .. } => assert_eq!(seen.len(), *size),
        }
    }
}

#[test]
fn unzip_finds_no_fault() {
    let scratch = Scratch::new();
    let name = pack(&scratch, "a.zip", &with_links());
    if let Some(run) = judge(&scratch, "unzip", &["-t", &name]) {
        assert!(run.exits(0).stdout.contains("No errors detected"));
        judge(&scratch, "unzip", &["-q", &name, "-d", "out"]).unwrap().exits(0);
        assert_tree(&scratch.project().join("out"), &with_links());
    }
}

#[test]
fn gnu_tar_finds_no_fault() {
    let scratch = Scratch::new();
    for (name, option) in [("a.tar", "--no-auto-compress"), ("a.tar.gz", "--gzip"), ("a.tar.zst", "--zstd")] {
        pack(&scratch, name, &with_links());
        let Some(run) = judge(&scratch, "tar", &["--list", "--verbose", "--numeric-owner", "--utc", "--quoting-style=literal", option, "--file", name]) else {
            return;
        };
        let run = run.exits(0);
        assert_eq!(run.stderr, "");
        assert_eq!(run.stdout.lines().count(), with_links().len());
        assert!(run.stdout.lines().all(|line| line.contains(" 0/0 ") && line.contains(" 2026-01-31 12:00 ")), "{}", run.stdout);
        assert!(run.stdout.contains("-rwxr-xr-x 0/0") && run.stdout.contains("lib/current -> ../bin/rocket"), "{}", run.stdout);
        let out = scratch.project().join(format!("out-{name}"));
        fs::create_dir(&out).unwrap();
        judge(&scratch, "tar", &["--extract", option, "--file", name, "--directory", out.to_str().unwrap()]).unwrap().exits(0);
        assert_tree(&out, &with_links());
    }
}

#[test]
fn python_finds_no_fault() {
    const SCRIPT: &str = r#"
import sys, tarfile, zipfile, zlib, gzip
for name in sys.argv[1:]:
    if name.endswith("zip"):
        archive = zipfile.ZipFile(name)
        assert archive.testzip() is None
        names = [one.filename for one in archive.infolist()]
        assert all(one.create_system == 3 and one.date_time == (2026, 1, 31, 12, 0, 0) and one.flag_bits in (0, 0x800) and not one.extra for one in archive.infolist())
        sizes = [one.file_size for one in archive.infolist()]
    else:
        archive = tarfile.open(name)
        names = [one.name + ("/" if one.isdir() else "") for one in archive]
        assert all((one.uid, one.gid, one.uname, one.gname, one.mtime) == (0, 0, "", "", 1769860800) for one in archive)
        sizes = [len(archive.extractfile(one).read()) if one.isfile() else 0 for one in archive]
    assert [one.rstrip("/").encode() for one in names] == sorted(one.rstrip("/").encode() for one in names), names
    if name.endswith("gz"):
        bytes = open(name, "rb").read()
        member = zlib.decompressobj(31)
        member.decompress(bytes)
        assert member.eof and member.unused_data == b"", "more than one gzip member"
    print(len(names), sum(sizes) if not name.endswith("zip") else "")
"#;
    let scratch = Scratch::new();
    let names = ["a.zip", "a.tar", "a.tar.gz"].map(|name| pack(&scratch, name, &with_links()));
    let mut args = vec!["-c", SCRIPT];
    args.extend(names.iter().map(String::as_str));
    if let Some(run) = judge(&scratch, "python3", &args) {
        let total: u64 = with_links().iter().map(|entry| entry.content.size()).sum();
        assert_eq!(run.exits(0).stdout, format!("10 \n10 {total}\n10 {total}\n"));
    }
}

/// Without links: strip-nondeterminism sets every entry of a zip archive to be a regular file.
#[test]
fn normalisers_find_nothing_to_do() {
    let scratch = Scratch::new();
    for name in ["a.zip", "a.tar.gz"] {
        pack(&scratch, name, &entries());
        let before = scratch_bytes(&scratch, name);
        if let Some(run) = judge(&scratch, "strip-nondeterminism", &["--timestamp", EPOCH, name]) {
            run.exits(0);
            assert!(scratch_bytes(&scratch, name) == before, "strip-nondeterminism changed {name}");
        }
    }
    for name in ["b.zip", "b.tar.gz"] {
        pack(&scratch, name, &with_links());
        if let Some(run) = judge(&scratch, "add-det", &["--check", "-v", name]) {
            let run = run.exits(0);
            assert!(format!("{}{}", run.stdout, run.stderr).contains("0 modified"), "{run:?}");
        }
    }
}

fn scratch_bytes(scratch: &Scratch, name: &str) -> Vec<u8> {
    fs::read(scratch.project().join(name)).expect("read the archive")
}

/// What the usual tools pack is read, too: their headers, orders, hard links and long names.
#[test]
fn archives_of_other_tools_are_read() {
    let scratch = Scratch::new();
    let long = format!("tree/{}/{}", "d".repeat(90), "f".repeat(120));
    for (name, text) in [("tree/b", "bee"), ("tree/a/x", "ex"), ("tree/größe", "unicode"), (long.as_str(), "long")] {
        scratch.write(name, text);
    }
    fs::hard_link(scratch.project().join("tree/b"), scratch.project().join("tree/c")).unwrap();
    std::os::unix::fs::symlink("b", scratch.project().join("tree/l")).unwrap();
    let packers: [(&str, &[&str], &str, usize); 6] = [
        ("tar", &["--create", "--format=gnu", "--file", "gnu.tar", "tree"], "gnu.tar", 9),
        ("tar", &["--create", "--format=pax", "--file", "pax.tar", "tree"], "pax.tar", 9),
        ("tar", &["--create", "--gzip", "--directory", "tree", "--file", "dot.tar.gz", "."], "dot.tar.gz", 9),
        ("tar", &["--create", "--zstd", "--file", "a.tar.zst", "tree"], "a.tar.zst", 9),
        ("zip", &["-q", "-r", "-y", "info.zip", "tree"], "info.zip", 9),
        ("python3", &["-m", "zipfile", "-c", "py.zip", "tree/a/x", "tree/b"], "py.zip", 2),
    ];
    let policy = Policy { portable: false, ..Policy::stranger() };
    for (program, args, name, count) in packers {
        let Some(run) = judge(&scratch, program, args) else { continue };
        run.exits(0);
        let out = scratch.project().join(format!("out-{name}"));
        let read = archive::extract(&scratch.project().join(name), &out, &policy, &Events::none()).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(read.len(), count, "{name}: {read:#?}");
        let at = if name.starts_with("dot") { out.clone() } else { out.join("tree") };
        if count == 9 {
            assert_eq!(fs::read_to_string(at.join("l")).unwrap(), "bee", "{name}");
            assert_eq!(fs::read_to_string(at.join("c")).unwrap(), "bee", "{name}");
            assert_eq!(fs::read_to_string(at.join(long.strip_prefix("tree/").unwrap())).unwrap(), "long", "{name}");
        }
    }
}
