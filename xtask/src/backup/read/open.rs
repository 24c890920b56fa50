//! How an archive is packed, by its first bytes, and the stream inside. Reads only.

use std::{
    io::{BufReader, Read, Seek as _},
    path::Path,
};

use crate::{
    effects::files,
    kernel::{Context as _, Error, Result},
};

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// zstd.
    Zstd,
    /// gzip.
    Gzip,
    /// Not at all.
    Plain,
}

/// How the archive is packed; an empty file and one that is no archive are refused.
pub fn packing(path: &Path) -> Result<Packing> {
    let mut first = Vec::new();
    files::open(path)?.take(512).read_to_end(&mut first).context(|| format!("read {}", path.display()))?;
    match first.as_slice() {
        [] => Err(Error::mismatch(format!("{} is empty: 0 bytes", path.display())).hint("take another backup: `xtask backup list` shows them")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Packing::Zstd),
        [0x1f, 0x8b, ..] => Ok(Packing::Gzip),
        block if block.get(257..262) == Some(b"ustar") || (block.len() == 512 && block.iter().all(|byte| *byte == 0)) => Ok(Packing::Plain),
        _ => Err(Error::mismatch(format!("{} is not a tar.zst, tar.gz or tar archive", path.display()))),
    }
}

/// The tar stream inside. Decompression runs in a thread of its own, so that digests cost no time.
pub fn open(path: &Path) -> Result<Box<dyn Read + Send>> {
    let kind = packing(path)?;
    let mut file = files::open(path)?;
    file.rewind().context(|| format!("read {}", path.display()))?;
    let file = BufReader::with_capacity(1 << 18, file);
    let context = || format!("read {}", path.display());
    Ok(match kind {
        Packing::Zstd => Box::new(ahead(zstd::Decoder::with_buffer(file).context(context)?)),
        Packing::Gzip => Box::new(ahead(flate2::bufread::MultiGzDecoder::new(file))),
        Packing::Plain => Box::new(file),
    })
}

const CHUNK: usize = 1 << 18;

fn ahead(mut inner: impl Read + Send + 'static) -> Ahead {
    let (give, chunks) = std::sync::mpsc::sync_channel(16);
    std::thread::spawn(move || {
        loop {
            let mut chunk = vec![0; CHUNK];
            let read = inner.read(&mut chunk);
            let last = !matches!(read, Ok(1..));
            let message = read.map(|read| {
                chunk.truncate(read);
                chunk
            });
            if give.send(message).is_err() || last {
                return;
            }
        }
    });
    Ahead { chunks, current: std::io::Cursor::default(), ended: false }
}

/// Reads what another thread has decompressed already.
struct Ahead {
    chunks: std::sync::mpsc::Receiver<std::io::Result<Vec<u8>>>,
    current: std::io::Cursor<Vec<u8>>,
    ended: bool,
}

impl Read for Ahead {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.current.read(buf)?;
            if read > 0 || buf.is_empty() || self.ended {
                return Ok(read);
            }
            match self.chunks.recv() {
                Ok(Ok(chunk)) => {
                    self.ended = chunk.is_empty();
                    self.current = std::io::Cursor::new(chunk);
                }
                Ok(Err(error)) => {
                    self.ended = true;
                    return Err(error);
                }
                Err(_) => return Err(std::io::Error::other("the thread that decompresses ended early")),
            }
        }
    }
}
