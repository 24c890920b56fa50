//! A stream into one gzip member or one zstd frame, with all cores. Both give the same bytes for any number of threads.

use std::{io::Write, num::NonZeroUsize};

use zstd::zstd_safe::CParameter;

use super::{
    deflate::{CHUNK, Chunk, Deflater},
    format::Packing,
    pipeline,
    tar_stream::TarStream,
};
use crate::kernel::{Context as _, Result};

/// Magic, deflate, no flags, no time, nothing about the level, no system: nothing of this machine.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// An empty block marked as the last: all before it can be treated alike.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// zstd's level, as the tool's default.
const ZSTD_LEVEL: i32 = 3;
/// What one zstd job takes. Fixed: the bytes depend on it, and left open it might depend on the version.
const ZSTD_JOB: u32 = 8 << 20;
/// How much is handed to zstd at once.
const ZSTD_FEED: usize = 1 << 18;

/// One gzip member.
pub fn gzip(mut stream: TarStream<'_>, packing: &Packing, out: &mut impl Write) -> Result<()> {
    gzip_chunks(packing.threads, || stream.block(CHUNK), out)
}

/// The same of chunks that come from anywhere. The bytes follow from the chunks alone: give each [`CHUNK`] bytes but the last.
pub fn gzip_chunks(threads: NonZeroUsize, next: impl FnMut() -> Result<Option<Vec<u8>>> + Send, out: &mut impl Write) -> Result<()> {
    let write = || "write the archive".to_owned();
    out.write_all(&GZIP_HEADER).context(write)?;
    let mut crc = crc32fast::Hasher::new();
    let mut size = 0_u32;
    let work = |deflater: &mut Deflater, raw: Vec<u8>| Ok((deflater.chunk(&raw, false), raw.len()));
    pipeline::ordered(threads, next, Deflater::new, work, |(chunk, length): (Chunk, usize)| {
        crc.combine(&chunk.crc);
        // The format counts modulo 2^32.
        size = size.wrapping_add(length as u32);
        out.write_all(&chunk.bytes).context(write)
    })?;
    out.write_all(&LAST_BLOCK).context(write)?;
    out.write_all(&crc.finalize().to_le_bytes()).context(write)?;
    out.write_all(&size.to_le_bytes()).context(write)
}

/// One zstd frame, with its length and a checksum. At least one worker: without any, zstd cuts its blocks elsewhere.
pub fn zstd(mut stream: TarStream<'_>, length: u64, packing: &Packing, out: &mut impl Write) -> Result<()> {
    let write = || "write the archive".to_owned();
    let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL).context(write)?;
    let workers = u32::try_from(packing.threads.get()).unwrap_or(1);
    for parameter in [CParameter::ChecksumFlag(true), CParameter::NbWorkers(workers), CParameter::JobSize(ZSTD_JOB)] {
        encoder.set_parameter(parameter).context(write)?;
    }
    encoder.set_pledged_src_size(Some(length)).context(write)?;
    let mut buffer = vec![0; ZSTD_FEED];
    loop {
        let filled = stream.fill(&mut buffer)?;
        if filled == 0 {
            break;
        }
        encoder.write_all(buffer.get(..filled).unwrap_or_default()).context(write)?;
    }
    encoder.finish().context(write)?;
    Ok(())
}
