//! How a Docker volume's files are reached. Two ways, chosen once a volume:
//!
//! - **directly**, where the engine is on this machine and we are root: as fast as the disk, everything kept (attributes, holes), many cores;
//! - **through the engine's archive interface** everywhere else (Docker Desktop, rootless, remote): a container that is created but never started,
//!   of an empty image made on the spot. It needs no registry, no image of anybody's and nothing inside one, and no network. Seen with engine 20.10:
//!   attributes go in, but only `security.capability` comes out; holes go both ways as zeros.
//!
//! A helper that runs (`docker run … tar`) would need an image that may not be there. `XTASK_VOLUME_ACCESS=engine` forces the second way.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::Child,
};

use crate::{
    effects::{docker, lock},
    kernel::{Context as _, Error, Result},
};

/// Where a volume's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// Behind the engine: the volume's real name.
    Engine(String),
    /// In a container, outside every volume: its id and the path.
    Container(String, String),
}

/// Says where a volume's files are. A missing volume is an error: `docker run -v NAME:…` would create it and back up nothing.
pub fn place(name: &str) -> Result<Place> {
    let volume = docker::volume(name)?.ok_or_else(|| missing(name))?;
    let folder = PathBuf::from(&volume.mountpoint);
    let direct = volume.is_plain() && std::env::var("XTASK_VOLUME_ACCESS").as_deref() != Ok("engine") && is_root() && folder.is_dir() && engine_is_here()?;
    Ok(if direct { Place::Folder(folder) } else { Place::Engine(name.into()) })
}

fn missing(name: &str) -> Error {
    let error = Error::refused(format!("the Docker volume `{name}` does not exist"));
    let error = match similar(name).unwrap_or_default().as_slice() {
        [] => error,
        names => error.hint(format!("volumes that end alike: {}; is services.project the compose project's name?", names.join(", "))),
    };
    error.hint("if it is lost or was never there, `xtask services up` makes an empty one; then `xtask restore NAME` fills it")
}

fn similar(name: &str) -> Result<Vec<String>> {
    let end = name.split_once('_').map_or(name, |(_, end)| end);
    let ours = |other: &String| other.starts_with("xtask-restore-") || other.starts_with("xtask-verify-");
    Ok(docker::volumes(&[])?.into_iter().filter(|other| other.ends_with(end) && !ours(other)).collect())
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

/// A path of the engine's means something here only if the engine is here: a Unix socket, and a machine of this name.
fn engine_is_here() -> Result<bool> {
    let by_variable = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    let host = by_variable.map_or_else(|| docker::docker(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).read(), Ok)?;
    if !host.starts_with("unix://") {
        return Ok(false);
    }
    let name = docker::docker(["info", "--format", "{{.Name}}"]).read()?;
    Ok(lock::host_name().is_some_and(|here| here == name))
}

const EMPTY_IMAGE: &str = "xtask-empty:1";
/// Where the helper sees the volume. One folder below the root: the engine restores owner and mode of what it creates, not of where it unpacks.
const INSIDE: &str = "volume";

/// A container that is never started, through which a volume is read and written.
pub struct Helper {
    id: String,
}

impl Helper {
    /// Creates it.
    pub fn new(volume: &str) -> Result<Self> {
        if docker::describe(&["image", "inspect", EMPTY_IMAGE])?.is_none() {
            docker::docker(["import", "-", EMPTY_IMAGE]).stdin(vec![0; 1024]).read()?;
        }
        let mount = format!("{volume}:/{INSIDE}");
        let label = format!("{}={}", docker::LABEL, docker::HELPER);
        let id = docker::docker(["create", "--label", label.as_str(), "--network", "none", "--volume", mount.as_str(), EMPTY_IMAGE, "/none"]).read()?;
        Ok(Self { id })
    }

    /// The volume as a tar stream.
    pub fn read(&self) -> Result<Pipe> {
        Pipe::out_of(&docker::docker(["cp", &format!("{}:/{INSIDE}/.", self.id), "-"]))
    }

    /// One file of the volume, whole.
    pub fn read_file(&self, path: &str) -> Result<Vec<u8>> {
        single(&docker::docker(["cp", &format!("{}:/{INSIDE}/{path}", self.id), "-"]))
    }

    /// Unpacks a tar stream, whose names begin with [`Helper::prefix`], into the volume.
    pub fn write(&self) -> Result<Feed> {
        let mut child = docker::docker(["cp", "-", &format!("{}:/", self.id)]).spawn_writing()?;
        let pipe = child.stdin.take().context(|| "write to `docker cp`".into())?;
        Ok(Feed { child, pipe: Some(pipe) })
    }

    /// What names begin with.
    pub fn prefix() -> &'static Path {
        Path::new(INSIDE)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // One that stays holds no data and is removed with the next sweep.
        if let Err(error) = docker::remove(&self.id) {
            tracing::warn!(%error, "the helper container stays");
        }
    }
}

/// Removes helpers of a volume that killed runs left.
pub fn sweep_helpers(volume: &str) -> Result<()> {
    for helper in docker::containers(&[format!("label={}={}", docker::LABEL, docker::HELPER), format!("volume={volume}")])? {
        docker::remove(&helper.id)?;
    }
    Ok(())
}

/// The path of a container as a tar stream: for data that isn't in any volume.
pub fn read_container(id: &str, path: &str) -> Result<Pipe> {
    Pipe::out_of(&docker::docker(["cp", &format!("{id}:{}/.", path.trim_end_matches('/')), "-"]))
}

/// One small file of a container, whole.
pub fn read_container_file(id: &str, path: &str) -> Result<Vec<u8>> {
    single(&docker::docker(["cp", &format!("{id}:{path}"), "-"]))
}

fn single(program: &crate::effects::process::Program) -> Result<Vec<u8>> {
    let mut pipe = Pipe::out_of(program)?;
    let mut bytes = None;
    let read = super::read::each(&mut pipe, super::read::Names::Ours, &mut |_, data| {
        let mut all = Vec::new();
        data.take(1 << 20).read_to_end(&mut all).context(|| "read a file".into())?;
        bytes = Some(all);
        Ok(())
    });
    pipe.finish(read)?;
    bytes.context(|| format!("`{}` gave no file", program.line()))
}

/// What a child process prints, and whether it ended well.
pub struct Pipe {
    child: Child,
    out: std::process::ChildStdout,
    said: Option<std::thread::JoinHandle<String>>,
}

impl Pipe {
    fn out_of(program: &crate::effects::process::Program) -> Result<Self> {
        let mut child = program.spawn()?;
        let out = child.stdout.take().context(|| format!("read from `{}`", program.line()))?;
        let said = child.stderr.take().map(listen);
        Ok(Self { child, out, said })
    }

    /// Waits for it, and tells what came of reading: in its own words where it failed. What nobody read to its end ends by the closed pipe, which is
    /// no failure of its own.
    pub fn finish(self, read: Result<()>) -> Result<()> {
        let Self { mut child, out, said } = self;
        drop(out);
        let ended = ended(&mut child, said);
        if matches!(child.wait(), Ok(status) if status.code().is_some()) { ended.and(read) } else { read.and(ended) }
    }
}

impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.out.read(buf)
    }
}

fn listen(mut pipe: std::process::ChildStderr) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut said = Vec::new();
        // What it says is for a message only.
        let _ = pipe.read_to_end(&mut said);
        String::from_utf8_lossy(&said).trim().to_owned()
    })
}

fn ended(child: &mut Child, said: Option<std::thread::JoinHandle<String>>) -> Result<()> {
    let status = child.wait().context(|| "wait for `docker cp`".into())?;
    let said = said.and_then(|said| said.join().ok()).unwrap_or_default();
    if status.success() { Ok(()) } else { Err(Error::unexpected(format!("`docker cp` failed ({status})")).caused_by(said)) }
}

/// A tar stream into a volume.
pub struct Feed {
    child: Child,
    pipe: Option<std::process::ChildStdin>,
}

impl Feed {
    /// Closes the stream and waits until everything is unpacked.
    pub fn finish(mut self) -> Result<()> {
        drop(self.pipe.take());
        let said = self.child.stderr.take().map(listen);
        ended(&mut self.child, said)
    }
}

impl Write for Feed {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        match &mut self.pipe {
            Some(pipe) => pipe.write(buf),
            None => Err(std::io::Error::other("the stream is closed")),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::effects::process::Program;

    #[test]
    fn a_stream_that_is_given_up_ends_and_one_that_broke_says_why() {
        let end = |line: &str, read: Result<()>| Pipe::out_of(&Program::shell(line)).unwrap().finish(read).map_err(|error| error.chain());
        let full = || Err(Error::unexpected("the disk is full"));
        assert_eq!(end("exec yes", full()), Err("the disk is full".into()));
        assert!(end("echo no such container >&2; exit 1", full()).unwrap_err().contains("no such container"));
        assert_eq!(end("true", Ok(())), Ok(()));
    }
}
