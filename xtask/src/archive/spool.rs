//! Bytes that have to wait: in memory up to a limit, beyond it in a nameless file, which goes with the process.

use std::{
    fs::File,
    io::{self, BufReader, Seek as _, Write},
    path::Path,
};

use crate::kernel::{Context as _, Result};

/// How much waits in memory.
const IN_MEMORY: usize = 64 << 20;

/// A queue of bytes, poured out once.
pub struct Spool<'a> {
    folder: &'a Path,
    held: Vec<Vec<u8>>,
    bytes: usize,
    file: Option<File>,
}

impl<'a> Spool<'a> {
    /// Empty; a file is only made in `folder` when memory doesn't do.
    pub fn new(folder: &'a Path) -> Self {
        Self { folder, held: Vec::new(), bytes: 0, file: None }
    }

    /// More bytes.
    pub fn push(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.bytes += bytes.len();
        self.held.push(bytes);
        if self.bytes > IN_MEMORY { self.spill().context(|| format!("write in {}", self.folder.display())) } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut file = self.file.take().map_or_else(|| tempfile::tempfile_in(self.folder), Ok)?;
        for bytes in self.held.drain(..) {
            file.write_all(&bytes)?;
        }
        self.bytes = 0;
        self.file = Some(file);
        Ok(())
    }

    /// All of them, in order.
    pub fn pour(self, out: &mut impl Write) -> Result<()> {
        let pour = || -> io::Result<()> {
            if let Some(mut file) = self.file {
                file.rewind()?;
                io::copy(&mut BufReader::with_capacity(1 << 18, file), out)?;
            }
            self.held.iter().try_for_each(|bytes| out.write_all(bytes))
        };
        pour().context(|| "write the archive".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for count in [0, 1, 3, 70] {
            let mut spool = Spool::new(folder.path());
            for n in 0..count {
                spool.push(vec![n; 2 << 20]).unwrap();
            }
            assert_eq!(spool.file.is_some(), count == 70);
            let mut out = Vec::new();
            spool.pour(&mut out).unwrap();
            assert_eq!(out.len(), usize::from(count) * (2 << 20));
            assert!(out.chunks(2 << 20).enumerate().all(|(n, bytes)| bytes.iter().all(|byte| usize::from(*byte) == n)));
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
