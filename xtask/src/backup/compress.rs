//! Compresses an archive while it is written, on all cores: what goes in is a stream, what comes out has the same bytes for any number of cores.
//! Writes to the archive's file only.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    sync::mpsc::{SyncSender, sync_channel},
    thread::JoinHandle,
};

use crate::{
    archive::{CHUNK, cores, gzip_chunks},
    kernel::{Context as _, Hasher, Result},
};

/// How archives are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// tar.zst, all cores.
    #[default]
    Zstd,
    /// tar.gz, for machines without zstd.
    Gzip,
}

impl Format {
    /// What its files end with.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Zstd => "tar.zst",
            Self::Gzip => "tar.gz",
        }
    }
}

/// The file, counted and digested on the way.
pub type Sink = Hasher<BufWriter<File>>;

/// Compresses what goes through.
pub struct Compressor(Inner);

enum Inner {
    Zstd(zstd::Encoder<'static, Sink>),
    Gzip(Gzip),
}

impl Compressor {
    /// Compresses into `out`.
    pub fn new(out: Sink, format: Format) -> Result<Self> {
        let context = || "start compressing".to_owned();
        Ok(Self(match format {
            Format::Zstd => {
                let mut encoder = zstd::Encoder::new(out, 3).context(context)?;
                encoder.include_checksum(true).context(context)?;
                encoder.multithread(u32::try_from(cores().get()).unwrap_or(1)).context(context)?;
                Inner::Zstd(encoder)
            }
            Format::Gzip => Inner::Gzip(Gzip::new(out)),
        }))
    }

    /// Ends the stream and gives the file back.
    pub fn finish(self) -> io::Result<Sink> {
        match self.0 {
            Inner::Zstd(encoder) => encoder.finish(),
            Inner::Gzip(gzip) => gzip.finish(),
        }
    }
}

impl Write for Compressor {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Inner::Zstd(encoder) => encoder.write(buf),
            Inner::Gzip(gzip) => gzip.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // Nothing needs the bytes before the end.
        Ok(())
    }
}

/// One gzip member, its chunks compressed by threads of their own.
struct Gzip {
    chunk: Vec<u8>,
    give: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<Result<Sink>>>,
}

impl Gzip {
    fn new(mut out: Sink) -> Self {
        let (give, chunks) = sync_channel::<Vec<u8>>(2);
        let writer = std::thread::spawn(move || {
            gzip_chunks(cores(), move || Ok(chunks.recv().ok()), &mut out)?;
            Ok(out)
        });
        Self { chunk: Vec::with_capacity(CHUNK), give: Some(give), writer: Some(writer) }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        match &self.give {
            Some(give) if give.send(chunk).is_ok() => Ok(()),
            // The writer has ended early: it says why.
            _ => self.ended().map(drop),
        }
    }

    fn ended(&mut self) -> io::Result<Sink> {
        self.give = None;
        let ended = self.writer.take().and_then(|writer| writer.join().ok());
        ended.unwrap_or_else(|| Err(crate::kernel::Error::unexpected("the thread that compresses ended early"))).map_err(io::Error::other)
    }

    fn finish(mut self) -> io::Result<Sink> {
        if !self.chunk.is_empty() {
            self.pass_on()?;
        }
        self.ended()
    }
}

impl Write for Gzip {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let room = CHUNK - self.chunk.len();
        let part = buf.get(..room.min(buf.len())).unwrap_or(buf);
        self.chunk.extend_from_slice(part);
        if self.chunk.len() == CHUNK {
            self.pass_on()?;
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn packed(raw: &[u8], step: usize) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let sink = Hasher::new(BufWriter::new(file.reopen().unwrap()));
        let mut out = Compressor::new(sink, Format::Gzip).unwrap();
        raw.chunks(step).for_each(|part| out.write_all(part).unwrap());
        out.finish().unwrap().finish().0.into_inner().unwrap();
        std::fs::read(file.path()).unwrap()
    }

    #[test]
    fn gzip_in_any_steps_is_the_same_single_member() {
        let raw: Vec<u8> = (0..3 * CHUNK + 17).map(|n| (n * n / 7 % 251) as u8).collect();
        let packed_once = packed(&raw, raw.len());
        assert_eq!(packed_once, packed(&raw, 4097));
        let mut back = Vec::new();
        let mut decoder = flate2::bufread::GzDecoder::new(packed_once.as_slice());
        decoder.read_to_end(&mut back).unwrap();
        assert!(back == raw && decoder.into_inner().is_empty());
        assert!(packed(&[], 1).len() < 30);
    }
}
