//! Files and folders. Whole files are written to a temporary neighbour, synced and renamed: a reader sees old or new, never half.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::crash;
use crate::kernel::{Context as _, Digest, Error, Hasher, Result};

/// How the temporary neighbours of [`write()`] begin.
const TEMPORARY: &str = ".xtask-";

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).context(|| format!("read {}", path.display()))
}

/// Reads a whole UTF-8 file.
pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).context(|| format!("read {}", path.display()))
}

/// Reads a whole UTF-8 file, if there is one.
pub fn read_text_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context(|| format!("read {}", path.display())),
    }
}

/// Opens for reading.
pub fn open(path: &Path) -> Result<File> {
    File::open(path).context(|| format!("open {}", path.display()))
}

/// Creates a file that must not exist yet.
pub fn create_new(path: &Path) -> Result<File> {
    let file = File::create_new(path).context(|| format!("create {}", path.display()))?;
    crash::point("create");
    Ok(file)
}

/// Size and digest of a file, read in blocks.
pub fn digest(path: &Path) -> Result<(u64, Digest)> {
    let mut reader = Hasher::new(open(path)?);
    io::copy(&mut reader, &mut io::sink()).context(|| format!("read {}", path.display()))?;
    let (_, size, digest) = reader.finish();
    Ok((size, digest))
}

/// Size in bytes.
pub fn size(path: &Path) -> Result<u64> {
    path.metadata().map(|meta| meta.len()).context(|| format!("look at {}", path.display()))
}

/// Whether something is there (a broken link counts).
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Replaces a file atomically and durably; makes its folder where it is missing.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = parent(path);
    create_dir(folder)?;
    let context = || format!("write {}", path.display());
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder).context(context)?;
    temporary.write_all(bytes).context(context)?;
    keep_mode(path, temporary.as_file())?;
    temporary.as_file().sync_all().context(context)?;
    crash::point("write temporary");
    temporary.persist(path).context(context)?;
    sync_dir(folder)?;
    crash::point("write");
    Ok(())
}

/// A large file on its way: written beside its place, put there by [`Self::commit`], gone when dropped before.
pub struct Replacement {
    temporary: tempfile::NamedTempFile,
    path: PathBuf,
}

impl Replacement {
    /// Begins; makes the folder where it is missing.
    pub fn create(path: &Path) -> Result<Self> {
        let folder = parent(path);
        create_dir(folder)?;
        let temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder).context(|| format!("write in {}", folder.display()))?;
        Ok(Self { temporary, path: path.to_owned() })
    }

    /// Where its bytes go.
    pub fn writer(&mut self) -> &mut File {
        self.temporary.as_file_mut()
    }

    /// Synced, then renamed: atomic and durable.
    pub fn commit(self) -> Result<()> {
        let context = || format!("write {}", self.path.display());
        keep_mode(&self.path, self.temporary.as_file())?;
        self.temporary.as_file().sync_all().context(context)?;
        crash::point("write temporary");
        self.temporary.persist(&self.path).context(context)?;
        sync_dir(parent(&self.path))?;
        crash::point("write");
        Ok(())
    }
}

/// Whether a name is one that [`write()`] gives to a temporary file.
pub fn is_temporary(name: &str) -> bool {
    const RANDOM: usize = 6;
    name.strip_prefix(TEMPORARY).is_some_and(|rest| rest.len() == RANDOM && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Removes what killed writes left in a folder. Only under a lock: another run's temporary file looks the same.
pub fn sweep(folder: &Path) -> Result<()> {
    list(folder)?.iter().filter(|name| is_temporary(name)).try_for_each(|name| remove_file(&folder.join(name)))
}

/// A replaced file keeps its mode; a new one gets what the umask leaves of 0644.
#[cfg(unix)]
fn keep_mode(path: &Path, temporary: &File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = match path.metadata() {
        Ok(old) => old.permissions().mode(),
        Err(_) => 0o644,
    };
    temporary.set_permissions(fs::Permissions::from_mode(mode & 0o7777)).context(|| format!("set the mode of {}", path.display()))
}

#[cfg(not(unix))]
fn keep_mode(_: &Path, _: &File) -> Result<()> {
    Ok(())
}

/// Appends a line and syncs it.
pub fn append_line(path: &Path, line: &str) -> Result<()> {
    let context = || format!("append to {}", path.display());
    create_dir(parent(path))?;
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path).context(context)?;
    file.write_all(format!("{line}\n").as_bytes()).context(context)?;
    file.sync_all().context(context)?;
    crash::point("append");
    Ok(())
}

/// The name of the folder that holds this program's state in a repository.
pub const STATE: &str = ".xtask";

/// Makes a folder and those above it. The state folder ignores itself in git, so that no run makes the work tree dirty.
pub fn create_dir(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(state) = path.ancestors().find(|folder| folder.ends_with(STATE)) {
        ignore_itself(state)?;
    }
    fs::create_dir_all(path).context(|| format!("create the folder {}", path.display()))?;
    crash::point("create folder");
    Ok(())
}

/// Makes a folder whose content git ignores, whatever the repository's own rules say.
pub fn ignore_itself(folder: &Path) -> Result<()> {
    let file = folder.join(".gitignore");
    if exists(&file) {
        return Ok(());
    }
    fs::create_dir_all(folder).and_then(|()| File::create(&file)?.write_all(b"*\n")).context(|| format!("create the folder {}", folder.display()))?;
    crash::point("create state folder");
    Ok(())
}

/// Copies a file's bytes durably, hashing on the way.
pub fn copy(from: &Path, to: &Path) -> Result<(u64, Digest)> {
    let copied = copy_quickly(from, to)?;
    File::open(to).and_then(|file| file.sync_all()).context(|| format!("sync {}", to.display()))?;
    Ok(copied)
}

/// Copies a file's bytes, hashing on the way; durable only after [`sync_files`], which many files need once instead of one after the other.
pub fn copy_quickly(from: &Path, to: &Path) -> Result<(u64, Digest)> {
    let context = || format!("copy {} to {}", from.display(), to.display());
    let mut reader = Hasher::new(open(from)?);
    let mut file = File::create(to).context(context)?;
    io::copy(&mut reader, &mut file).context(context)?;
    crash::point("copy");
    let (_, size, digest) = reader.finish();
    Ok((size, digest))
}

/// Makes the bytes of these files durable, side by side: the disk takes them in few writes instead of one for each.
pub fn sync_files(paths: &[PathBuf]) -> Result<()> {
    const AT_ONCE: usize = 16;
    let sync = |path: &PathBuf| File::open(path).and_then(|file| file.sync_all()).context(|| format!("sync {}", path.display()));
    std::thread::scope(|scope| {
        let share = paths.len().div_ceil(AT_ONCE).max(1);
        let threads: Vec<_> = paths.chunks(share).map(|share| scope.spawn(move || share.iter().try_for_each(sync))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(Error::unexpected("syncing files broke off"))))
    })
}

/// Renames within one file system and syncs the folder.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).context(|| format!("rename {} to {}", from.display(), to.display()))?;
    sync_dir(parent(to))?;
    crash::point("rename");
    Ok(())
}

/// A second name for a file's bytes: costs no room, and stays when the first name gets other bytes by [`write()`].
pub fn second_name(path: &Path, name: &Path) -> Result<()> {
    create_dir(parent(name))?;
    remove_file(name)?;
    fs::hard_link(path, name).context(|| format!("link {} to {}", name.display(), path.display()))?;
    crash::point("link");
    Ok(())
}

/// Removes a file; one that is gone already is fine.
pub fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context(|| format!("remove {}", path.display())),
        _ => {
            crash::point("remove file");
            Ok(())
        }
    }
}

/// Removes a folder with all that is in it; one that is gone already is fine.
pub fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context(|| format!("remove the folder {}", path.display())),
        _ => {
            crash::point("remove folder");
            Ok(())
        }
    }
}

/// Removes whatever is there, a folder with all that is in it; a link goes, not what it leads to.
pub fn remove(path: &Path) -> Result<()> {
    if is_folder(path) { remove_dir(path) } else { remove_file(path) }
}

/// Whether a folder is there, and no link to one.
pub fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

/// The names in a folder, sorted by bytes; a folder that isn't there is empty.
pub fn list(path: &Path) -> Result<Vec<String>> {
    let context = || format!("list {}", path.display());
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.context(context)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.context(context)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Every regular file and link below a folder, as sorted relative paths with `/`; links are not followed.
pub fn walk(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        for name in list(&root.join(&folder))? {
            let path = folder.join(name);
            let kind = root.join(&path).symlink_metadata().context(|| format!("look at {}", path.display()))?;
            if kind.is_dir() {
                open.push(path);
            } else {
                found.push(slashes(&path));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A relative path with `/` on every system.
pub fn slashes(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Only this user may read it, where the system knows such things.
pub fn make_private(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).context(|| format!("set the mode of {}", path.display()))?;
        crash::point("set mode");
    }
    Ok(())
}

/// Makes a rename or a new name durable. Windows has no such call and needs none.
pub fn sync_dir(path: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(path).and_then(|folder| folder.sync_all()).context(|| format!("sync the folder {}", path.display()))?;
    }
    Ok(())
}

/// Makes a whole tree durable: one call for its file system instead of one for each file. Only Linux has it.
pub fn sync_tree(path: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    File::open(path).and_then(|folder| Ok(rustix::fs::syncfs(&folder)?)).context(|| format!("sync {}", path.display()))?;
    sync_dir(path)
}

/// Bytes that are free, for those who aren't root too, and in all, on a folder's file system; none where the system doesn't tell.
#[cfg(unix)]
pub fn room(folder: &Path) -> Option<(u64, u64)> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some((stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize)))
}

/// Not asked for here.
#[cfg(not(unix))]
pub fn room(_: &Path) -> Option<(u64, u64)> {
    None
}

/// The folder that holds a path; `.` for a bare name.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// What a file is, for those who copy it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// A symbolic link.
    pub link: bool,
    /// Its owner may execute it.
    pub executable: bool,
}

/// Looks at a file without following links.
pub fn look(path: &Path) -> Result<Look> {
    let meta = path.symlink_metadata().context(|| format!("look at {}", path.display()))?;
    Ok(Look { link: meta.is_symlink(), executable: is_executable(&meta) })
}

#[cfg(unix)]
fn is_executable(meta: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    meta.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}

/// Where a symbolic link leads, with `/`.
pub fn read_link(path: &Path) -> Result<String> {
    let target = fs::read_link(path).context(|| format!("read the link {}", path.display()))?;
    Ok(target.to_string_lossy().replace('\\', "/"))
}

/// Copies a file or a link as what it is, with its mode.
pub fn clone_entry(from: &Path, to: &Path) -> Result<Look> {
    let look = look(from)?;
    if look.link {
        make_link(&read_link(from)?, to)?;
    } else {
        fs::copy(from, to).context(|| format!("copy {} to {}", from.display(), to.display()))?;
    }
    crash::point("copy");
    Ok(look)
}

/// Makes a symbolic link that leads to `target`.
pub fn link(target: &Path, to: &Path) -> Result<()> {
    make_link(&target.to_string_lossy(), to)?;
    crash::point("link");
    Ok(())
}

#[cfg(unix)]
fn make_link(target: &str, to: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, to).context(|| format!("make the link {}", to.display()))
}

#[cfg(windows)]
fn make_link(target: &str, to: &Path) -> Result<()> {
    std::os::windows::fs::symlink_file(target, to).context(|| format!("make the link {}", to.display()))
}

/// A folder for what can be made again: the user's cache folder, or one of their own among the system's temporary ones where that can't be
/// written to.
pub fn cache_folder() -> Result<PathBuf> {
    let usual = directories::BaseDirs::new().map(|dirs| dirs.cache_dir().join("xtask"));
    let wanted = std::env::var_os("XTASK_BUILD_DIR").map(PathBuf::from).or(usual);
    let writable = |folder: &PathBuf| create_dir(folder).is_ok() && tempfile::tempfile_in(folder).is_ok();
    if let Some(folder) = wanted.filter(writable) {
        // A relative one is meant from here, but the build runs elsewhere.
        return std::path::absolute(&folder).context(|| format!("find {}", folder.display()));
    }
    let temporary = std::env::temp_dir().join(own_name());
    create_dir(&temporary)?;
    only_mine(&temporary)?;
    Ok(temporary)
}

/// Other users share the temporary folder: each has a name of their own there.
#[cfg(unix)]
fn own_name() -> String {
    format!("xtask-{}", rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn own_name() -> String {
    "xtask".into()
}

/// A folder that another user put there could put their programs into what is built.
#[cfg(unix)]
fn only_mine(folder: &Path) -> Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let meta = folder.symlink_metadata().context(|| format!("look at {}", folder.display()))?;
    if !meta.is_dir() || meta.uid() != rustix::process::getuid().as_raw() {
        let error = Error::refused(format!("{} belongs to another user: nothing is built there", folder.display()));
        return Err(error.hint("name a folder of your own: XTASK_BUILD_DIR=…"));
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).context(|| format!("set the mode of {}", folder.display()))
}

#[cfg(not(unix))]
fn only_mine(_: &Path) -> Result<()> {
    Ok(())
}
