//! Pointers from one name to a folder, swapped atomically; the executable bit; and which programs run from below a folder.
//!
//! On Unix a pointer is a symbolic link, on Windows (where those need rights) a file that holds the path.

use std::path::{Path, PathBuf};

use super::{crash, files};
use crate::kernel::{Context as _, Result};

/// Points `pointer` at `target`, a path relative to the pointer's folder, in one step: a reader sees the old target or the new one.
#[cfg(unix)]
pub fn point(pointer: &Path, target: &str) -> Result<()> {
    let name = pointer.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let fresh = files::parent(pointer).join(format!(".{name}.new"));
    // A run that was killed between the two steps left it.
    files::remove_file(&fresh)?;
    std::os::unix::fs::symlink(target, &fresh).context(|| format!("make the link {}", fresh.display()))?;
    crash::point("make link");
    files::rename(&fresh, pointer)
}

/// Points `pointer` at `target` in one step.
#[cfg(not(unix))]
pub fn point(pointer: &Path, target: &str) -> Result<()> {
    files::write(pointer, target.as_bytes())
}

/// Where a pointer leads, as it was given; none where there is none.
#[cfg(unix)]
pub fn pointed(pointer: &Path) -> Result<Option<String>> {
    if pointer.is_symlink() { files::read_link(pointer).map(Some) } else { Ok(None) }
}

/// Where a pointer leads, as it was given; none where there is none.
#[cfg(not(unix))]
pub fn pointed(pointer: &Path) -> Result<Option<String>> {
    if pointer.is_dir() { Ok(None) } else { Ok(files::read_text_if_there(pointer)?.map(|text| text.trim().replace('\\', "/"))) }
}

/// Lets everybody execute a file; its owner may write it.
#[cfg(unix)]
pub fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).context(|| format!("make {} executable", path.display()))?;
    crash::point("set mode");
    Ok(())
}

/// Windows executes by name.
#[cfg(not(unix))]
pub fn make_executable(_: &Path) -> Result<()> {
    Ok(())
}

/// The programs that run from below a folder, as far as this system tells: their process ids and files. An interpreter lies elsewhere: it is known by
/// its working folder, or by the script that it holds open.
pub fn running_below(folder: &Path) -> Vec<(u32, PathBuf)> {
    let Ok(folder) = folder.canonicalize() else { return Vec::new() };
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let of = |entry: std::fs::DirEntry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok().filter(|id| *id != std::process::id())?;
        let held = std::fs::read_dir(entry.path().join("fd")).into_iter().flatten().filter_map(|file| Some(file.ok()?.path()));
        let mut files = ["exe", "cwd"].map(|name| entry.path().join(name)).into_iter().chain(held);
        files.find_map(|link| std::fs::read_link(link).ok().filter(|file| file.starts_with(&folder))).map(|file| (id, file))
    };
    processes.filter_map(|entry| of(entry.ok()?)).collect()
}
