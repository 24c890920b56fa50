//! Logs as plain text: UTF-16 decoded, terminal control sequences and other control bytes taken out, line ends as `\n`. Comes before the redactor,
//! so that a secret with colour codes inside is in one piece again, and nothing in a bundle can speak to a reader's terminal.

use std::io::{self, Read};

/// A control sequence longer than this is none.
const LONGEST: usize = 4096;

/// Reads text cleaned.
pub struct Clean<R> {
    reader: R,
    ready: Vec<u8>,
    taken: usize,
    state: State,
    encoding: Option<Encoding>,
    /// Half a UTF-16 unit, or the start of a surrogate pair.
    odd: Vec<u8>,
    high: Option<u16>,
    ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Bytes,
    Little,
    Big,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// After `\r`.
    Return,
    /// After ESC.
    Escape,
    /// In `ESC [ …`.
    Sequence(usize),
    /// In `ESC ] …`, ended by BEL or ESC \.
    Title(usize),
    TitleEscape,
    /// After 0xC2, which may begin a control character in UTF-8.
    Latin,
}

impl<R: Read> Clean<R> {
    /// Cleans what the reader gives.
    pub fn new(reader: R) -> Self {
        Self { reader, ready: Vec::new(), taken: 0, state: State::Text, encoding: None, odd: Vec::new(), high: None, ended: false }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.taken = 0;
        let mut block = vec![0; 64 * 1024];
        while self.ready.is_empty() && !self.ended {
            let n = match self.reader.read(&mut block) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let bytes = block.get(..n).unwrap_or_default();
            if n == 0 {
                self.ended = true;
                self.flush();
            } else {
                self.feed(bytes);
            }
        }
        Ok(())
    }

    fn feed(&mut self, bytes: &[u8]) {
        match self.encoding {
            Some(Encoding::Bytes) => bytes.iter().for_each(|byte| self.push(*byte)),
            Some(_) => self.wide(bytes),
            None => self.detect(bytes),
        }
    }

    /// A byte order mark decides; it may come byte by byte.
    fn detect(&mut self, bytes: &[u8]) {
        self.odd.extend_from_slice(bytes);
        let (encoding, mark) = match self.odd.as_slice() {
            [0xff, 0xfe, ..] => (Encoding::Little, 2),
            [0xfe, 0xff, ..] => (Encoding::Big, 2),
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Bytes, 3),
            [0xff | 0xfe] | [0xef] | [0xef, 0xbb] => return,
            _ => (Encoding::Bytes, 0),
        };
        self.encoding = Some(encoding);
        let held = std::mem::take(&mut self.odd);
        self.feed(held.get(mark..).unwrap_or_default());
    }

    fn wide(&mut self, bytes: &[u8]) {
        let mut bytes: Vec<u8> = self.odd.drain(..).chain(bytes.iter().copied()).collect();
        if bytes.len() % 2 == 1 {
            self.odd.extend(bytes.pop());
        }
        for pair in bytes.as_chunks::<2>().0 {
            let unit = if self.encoding == Some(Encoding::Big) { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
            let units = self.high.take().into_iter().chain([unit]).collect::<Vec<_>>();
            if units.len() == 1 && (0xd800..0xdc00).contains(&unit) {
                self.high = Some(unit);
                continue;
            }
            String::from_utf16_lossy(&units).bytes().for_each(|byte| self.push(byte));
        }
    }

    fn flush(&mut self) {
        if self.encoding.is_none() {
            self.encoding = Some(Encoding::Bytes);
            let held = std::mem::take(&mut self.odd);
            self.feed(&held);
        }
        if self.state == State::Latin {
            self.ready.push(0xc2);
        }
    }

    fn push(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            (State::Return, b'\n') => State::Text,
            (State::Text | State::Return, _) => self.text(byte),
            (State::Latin, 0x9b) => State::Sequence(0),
            (State::Latin, 0x80..=0x9f) => State::Text,
            (State::Latin, _) => {
                self.ready.push(0xc2);
                self.text(byte)
            }
            (State::Escape, b'[') => State::Sequence(0),
            (State::Escape, b']' | b'P' | b'X' | b'^' | b'_') => State::Title(0),
            (State::Escape, b'(' | b')' | b'#' | b' ') => State::Escape,
            (State::Escape, b'\n') | (State::Sequence(LONGEST) | State::Title(LONGEST), _) => self.text(byte),
            (State::Escape, _) => State::Text,
            (State::Sequence(_), 0x40..=0x7e) => State::Text,
            (State::Sequence(_) | State::Title(_), b'\n') => self.text(byte),
            (State::Sequence(n), _) => State::Sequence(n + 1),
            (State::Title(_), 0x07) | (State::TitleEscape, b'\\') => State::Text,
            (State::Title(_), 0x1b) => State::TitleEscape,
            (State::Title(n), _) => State::Title(n + 1),
            (State::TitleEscape, _) => State::Title(0),
        };
    }

    fn text(&mut self, byte: u8) -> State {
        match byte {
            0x1b => return State::Escape,
            0xc2 => return State::Latin,
            b'\r' => {
                self.ready.push(b'\n');
                return State::Return;
            }
            b'\n' | b'\t' | 0x20..=0x7e | 0x80..=0xff => self.ready.push(byte),
            0x00..=0x1f | 0x7f => {}
        }
        State::Text
    }
}

impl<R: Read> Read for Clean<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.ready.len() {
            self.refill()?;
        }
        let left = self.ready.get(self.taken..).unwrap_or_default();
        let n = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..n), left.get(..n)) {
            to.copy_from_slice(from);
        }
        self.taken += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        Clean::new(bytes).read_to_end(&mut out).unwrap();
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn what_speaks_to_terminals_goes() {
        assert_eq!(
            cleaned(b"a\x1b[31mred\x1b[0m b\x1b]0;title\x07c\x1b]8;;x\x1b\\d\x1b(Be\0f\x08g\r\nh\ri\xc2\x9b31mj\xc3\xa9\xc2\xa0k"),
            "ared bcdefg\nh\nij\u{e9}\u{a0}k"
        );
    }

    #[test]
    fn utf16_becomes_readable() {
        let little: Vec<u8> = [0xff, 0xfe].into_iter().chain("tokén 🦀\r\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let big: Vec<u8> = [0xfe, 0xff].into_iter().chain("tokén 🦀".encode_utf16().flat_map(u16::to_be_bytes)).collect();
        assert_eq!((cleaned(&little).as_str(), cleaned(&big).as_str()), ("tokén 🦀\n", "tokén 🦀"));
        assert_eq!(cleaned(b"\xef\xbb\xbfplain \xff\xfe"), "plain \u{fffd}\u{fffd}");
        assert_eq!(cleaned(b"p\0a\0s\0s\0"), "pass");
    }

    #[test]
    fn an_open_sequence_swallows_no_line() {
        assert_eq!(cleaned(b"a\x1b]0;never ended\nnext\x1b[31\nlast"), "a\nnext\nlast");
    }
}
