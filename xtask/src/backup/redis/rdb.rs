//! RDB files: which format they have, and which servers can read it. Pure but for the stream that it reads.
//!
//! Facts: Redis 7.0 writes RDB 10, 7.2 writes 11, 7.4 and 8 write 12 and later. FalkorDB images 4.4 to 4.8 write graph encoding 16, 4.10 writes 17,
//! 4.12 to 4.16 write 18, 4.18.10 and later 19. Older loaders reject newer data.

use std::io::Read;

/// What a file says of its format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// The number in its first nine bytes, `REDIS0010`; none for something else.
    pub rdb: Option<u32>,
    /// The encoding of the graphs in it, where it holds some.
    pub graph: Option<u32>,
}

impl Format {
    /// The newer of both.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { rdb: self.rdb.max(other.rdb), graph: self.graph.max(other.graph) }
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A module type's id: nine characters of six bits, then ten bits of encoding version.
fn module_id(name: &[u8; 9]) -> u64 {
    let digit = |c: &u8| ALPHABET.iter().position(|letter| letter == c).unwrap_or(0) as u64;
    name.iter().fold(0, |id, c| id << 6 | digit(c)) << 10
}

/// Looks for formats in bytes that flow by. A module's id is written as a 64-bit length: 0x81, then eight bytes, high ones first.
#[derive(Default)]
pub struct Scanner {
    window: Vec<u8>,
    started: bool,
    found: Format,
}

impl Scanner {
    /// The next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.window.extend_from_slice(bytes);
        if !self.started && self.window.len() >= 9 {
            self.started = true;
            self.found.rdb = self.window.strip_prefix(b"REDIS").and_then(|rest| std::str::from_utf8(rest.get(..4)?).ok()?.parse().ok());
        }
        if self.found.rdb.is_some() {
            self.graphs();
        }
        let rest = self.window.len().saturating_sub(8);
        self.window.drain(..rest);
    }

    fn graphs(&mut self) {
        let graph = module_id(b"graphdata");
        let ends = self.window.len().saturating_sub(8);
        for (at, _) in self.window.iter().take(ends).enumerate().filter(|(_, byte)| **byte == 0x81) {
            let id = self.window.get(at + 1..at + 9).and_then(|id| <[u8; 8]>::try_from(id).ok()).map(u64::from_be_bytes);
            if let Some(id) = id.filter(|id| id & !0x3ff == graph) {
                self.found.graph = self.found.graph.max(u32::try_from(id & 0x3ff).ok());
            }
        }
    }

    /// What was found.
    pub fn format(&self) -> Format {
        self.found
    }
}

/// Passes bytes on while looking at them.
pub struct Sniffed<'a, R> {
    inner: R,
    scanner: &'a mut Scanner,
}

impl<'a, R> Sniffed<'a, R> {
    /// Looks at what is read from `inner`.
    pub fn new(inner: R, scanner: &'a mut Scanner) -> Self {
        Self { inner, scanner }
    }
}

impl<R: Read> Read for Sniffed<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buf)?;
        self.scanner.feed(buf.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// The newest RDB format that a server of this version reads.
pub fn readable_by(redis: &str) -> Option<u32> {
    let mut parts = redis.split('.').filter_map(|part| part.parse::<u32>().ok());
    let version = (parts.next()?, parts.next().unwrap_or(0));
    Some(match version {
        (..=4, _) => 8,
        (5..=6, _) => 9,
        (7, 0..=1) => 10,
        (7, 2..=3) => 11,
        (7, _) | (8, 0..=1) => 12,
        (8, 2..=3) => 13,
        // Newer than what is known here: the scratch server decides.
        _ => return None,
    })
}

/// The newest graph encoding that a FalkorDB module of this version (41603 is 4.16.3) reads.
pub fn graphs_readable_by(module: u64) -> Option<u32> {
    Some(match module {
        ..40400 => return None,
        40400..41000 => 16,
        41000..41200 => 17,
        41200..41810 => 18,
        _ => 19,
    })
}

/// Which servers read a format, for a person.
pub fn readers_of(format: Format) -> String {
    match (format.graph, format.rdb) {
        (Some(..=16), _) => "a FalkorDB image 4.4 or later".into(),
        (Some(17), _) => "a FalkorDB image 4.10 or later".into(),
        (Some(18), _) => "a FalkorDB image 4.12 or later".into(),
        (Some(_), _) => "a FalkorDB image 4.18.10 or later".into(),
        (None, Some(..=9)) => "Redis 5 or later".into(),
        (None, Some(10)) => "Redis 7.0 or later".into(),
        (None, Some(11)) => "Redis 7.2 or later".into(),
        (None, Some(12)) => "Redis 7.4 or later".into(),
        (None, Some(_)) => "Redis 8.2 or later".into(),
        (None, None) => "a newer image".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_and_the_graphs_tell() {
        let id = module_id(b"graphdata") | 18;
        let mut file = b"REDIS0012".to_vec();
        file.extend(std::iter::repeat_n(0x81, 70_000));
        file.extend_from_slice(&id.to_be_bytes());
        let look = |bytes: &[u8], step: usize| {
            let mut scanner = Scanner::default();
            bytes.chunks(step).for_each(|chunk| scanner.feed(chunk));
            scanner.format()
        };
        for step in [1, 3, 4096, 1 << 20] {
            assert_eq!(look(&file, step), Format { rdb: Some(12), graph: Some(18) }, "in steps of {step}");
        }
        assert_eq!(look(b"*1\r\n$4\r\nPING\r\n", 5), Format::default());
    }

    #[test]
    fn the_table_of_the_facts() {
        assert_eq!(["6.2.7", "7.0.15", "7.2.4", "7.4.0", "8.2.3", "99.1"].map(readable_by), [Some(9), Some(10), Some(11), Some(12), Some(13), None]);
        assert_eq!([40400, 40801, 41001, 41200, 41603, 41810].map(graphs_readable_by), [Some(16), Some(16), Some(17), Some(18), Some(18), Some(19)]);
    }
}
