//! Packing and reading back as one: what went in comes out, and the same bytes come from any machine.

mod hostile;
mod same;
mod trouble;

use std::{fs, num::NonZeroUsize, path::Path};

use super::*;
use crate::kernel::{Digest, Error, Events};

pub const EPOCH: i64 = 1_769_860_801;

/// Entries that have caused trouble in archives before.
pub fn awkward() -> Vec<Entry> {
    let mut entries = vec![
        Entry::bytes("README.md", "read me\n"),
        Entry::bytes("empty", ""),
        Entry::new("bin/rocket", Content::Bytes(deflate::tests::mixed(1, 2_500_000)), true),
        Entry::bytes("noise", deflate::tests::noise(1_200_000)),
        Entry::bytes(format!("deep/{}/leaf", vec!["folder"; 40].join("/")), "deep"),
        Entry::bytes("x".repeat(100), "100"),
        Entry::bytes("y".repeat(101), "101"),
        Entry::bytes("with space/-rf/..hidden", "odd"),
        Entry::bytes("größe/日本語/🚀 … \u{7}", "unicode"),
        Entry::new("nothing here", Content::Folder, false),
        Entry::link("lib/librocket.so", "librocket.so.1"),
        Entry::bytes("lib/librocket.so.1", "elf"),
        Entry::link("lib/up", "../README.md"),
        Entry::link("long link", "z".repeat(150)),
    ];
    entries.extend((0..200).map(|n| Entry::bytes(format!("many/{n}"), vec![b'a'; n * 13])));
    entries
}

pub fn packed(entries: &[Entry], format: Format, threads: usize, at: &Path) -> Result<Packed, Error> {
    let packing = Packing { threads: NonZeroUsize::new(threads).unwrap(), ..Packing::new(format, EPOCH) };
    pack(entries, &packing, at, &Events::none())
}

#[test]
fn what_goes_in_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let entries = awkward();
    for format in Format::ALL {
        let at = folder.path().join(format!("a.{format}"));
        let made = packed(&entries, format, 2, &at).unwrap();
        assert_eq!((made.size, made.digest), crate::effects::files::digest(&at).unwrap());
        let read = list(&at, &Policy::own()).unwrap();
        assert_eq!(read.len(), entries.len());
        assert!(read.is_sorted_by(|a, b| a.item.name < b.item.name));
        for entry in &entries {
            let sealed = read.iter().find(|sealed| sealed.item.name == entry.name).unwrap_or_else(|| panic!("{format}: {} is missing", entry.name));
            let kind = match &entry.content {
                Content::Link(target) => Kind::Link(target.clone()),
                Content::Folder => Kind::Folder,
                _ => Kind::File,
            };
            let bytes = if let Content::Bytes(bytes) = &entry.content { bytes.as_slice() } else { &[] };
            assert_eq!((&sealed.item.kind, sealed.item.mode, sealed.digest), (&kind, entry.mode, Digest::of(bytes)), "{format}: {}", entry.name);
            assert_eq!(sealed.item.mtime, if format == Format::Zip { EPOCH - 1 } else { EPOCH });
        }
        let into = folder.path().join(format!("out-{format}"));
        let policy = Policy { portable: false, ..Policy::own() };
        assert_eq!(extract(&at, &into, &policy, &Events::none()).unwrap(), read);
        assert_eq!(fs::read(into.join("lib/librocket.so")).unwrap(), b"elf");
        assert_eq!(fs::read_link(into.join("lib/up")).unwrap(), Path::new("../README.md"));
        assert!(into.join("nothing here").is_dir());
    }
}
