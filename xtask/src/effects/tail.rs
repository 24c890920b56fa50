//! Keeps the newest part of what is written, in a file of its own, within bounds: at most twice the limit lies on disk meanwhile.

use std::{
    fs::File,
    io::{self, Read, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// A line longer than this is cut in its middle when the front goes.
const LINE: u64 = 64 * 1024;

/// A file that keeps its end.
pub struct Tail {
    path: PathBuf,
    file: File,
    size: u64,
    limit: u64,
    /// How much of the front went.
    dropped: u64,
}

impl Tail {
    /// A new file that keeps the last `limit` bytes, from a line's beginning.
    pub fn create(path: &Path, limit: u64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        Ok(Self { path: path.to_owned(), file, size: 0, limit, dropped: 0 })
    }

    /// Ends it: how big it is, and how much of the front went. `unsure` bytes at the front must go in any case.
    pub fn finish(mut self, unsure: u64) -> io::Result<(u64, u64)> {
        let unsure = unsure.saturating_sub(self.dropped).min(self.size);
        let over = self.size.saturating_sub(self.limit).max(unsure);
        if over > 0 {
            self.drop_front(over)?;
        }
        Ok((self.size, self.dropped))
    }

    fn drop_front(&mut self, over: u64) -> io::Result<()> {
        let start = self.line_start(over)?;
        let shorter = self.path.with_extension("shorter");
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&shorter)?;
        self.file.seek(SeekFrom::Start(start))?;
        io::copy(&mut self.file, &mut file)?;
        std::fs::rename(&shorter, &self.path)?;
        (self.file, self.size, self.dropped) = (file, self.size - start, self.dropped + start);
        Ok(())
    }

    /// The first beginning of a line at or after a place.
    fn line_start(&mut self, from: u64) -> io::Result<u64> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(from.saturating_sub(1)))?;
        Read::take(&mut self.file, LINE).read_to_end(&mut bytes)?;
        let offset = bytes.iter().position(|byte| *byte == b'\n').map_or(1, |at| at as u64 + 1);
        Ok((from.saturating_sub(1) + offset).clamp(from, self.size.max(from)))
    }
}

impl Write for Tail {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        if self.size > self.limit.saturating_mul(2).max(4 << 20) {
            self.drop_front(self.size.saturating_sub(self.limit))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut tail = Tail::create(&path, 25).unwrap();
        for n in 0..400_000 {
            writeln!(tail, "line {n:06}").unwrap();
        }
        let (size, dropped) = tail.finish(0).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "line 399998\nline 399999\n");
        assert_eq!((size, dropped), (24, 400_000 * 12 - 24));
    }

    #[test]
    fn an_unsure_front_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut tail = Tail::create(&path, 100).unwrap();
        tail.write_all(b"half of a key\nsure\n").unwrap();
        assert_eq!(tail.finish(5).unwrap(), (5, 14));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "sure\n");
    }
}
