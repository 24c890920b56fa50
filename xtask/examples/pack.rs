//! Packs a folder with the library's own packer, for benchmarks and for a look at its archives.
//!
//! `cargo run --release --example pack -- FOLDER ARCHIVE [THREADS]`; the format follows from the archive's name.

use std::{
    io::Write as _,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use xtask::{
    archive::{self, Content, Entry, Format, Packing},
    kernel::{Context as _, Error, Events, Result},
};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let wrong = || Error::usage("give a folder and the name of an archive");
    let (folder, out) = (PathBuf::from(args.next().ok_or_else(wrong)?), PathBuf::from(args.next().ok_or_else(wrong)?));
    let name = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut packing = Packing::new(Format::of_name(&name).ok_or_else(wrong)?, 1_769_860_800);
    if let Some(threads) = args.next() {
        packing.threads = threads.parse::<NonZeroUsize>().context(|| "read the number of threads".into())?;
    }
    let mut entries = Vec::new();
    collect(&folder, "", &mut entries)?;
    let packed = archive::pack(&entries, &packing, &out, &Events::none())?;
    let line = format!("{} entries, {} bytes in, {} bytes out, sha256 {}", packed.entries, packed.content, packed.size, packed.digest);
    writeln!(std::io::stdout(), "{line}").context(|| "print".into())
}

fn collect(folder: &Path, above: &str, entries: &mut Vec<Entry>) -> Result<()> {
    for found in folder.read_dir().context(|| format!("list {}", folder.display()))? {
        let path = found.context(|| format!("list {}", folder.display()))?.path();
        let name = format!("{above}{}", path.file_name().unwrap_or_default().to_string_lossy());
        let seen = path.symlink_metadata().context(|| format!("look at {}", path.display()))?;
        if seen.is_dir() {
            collect(&path, &format!("{name}/"), entries)?;
        } else if seen.is_symlink() {
            let target = path.read_link().context(|| format!("read {}", path.display()))?;
            entries.push(Entry::new(name, Content::Link(target.to_string_lossy().into_owned()), true));
        } else {
            entries.push(Entry::file(name, &path, seen.len(), executable(&seen)));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn executable(seen: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    seen.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn executable(_: &std::fs::Metadata) -> bool {
    false
}
