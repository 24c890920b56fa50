//! The stretch of bytes around a candidate that a rule may look at. Its borders depend on the candidate's place only, never on how
//! the input was cut into blocks: that is what makes the outcome the same for any split.

use super::class::Class;

/// How many bytes before a candidate a rule may see.
pub const BEHIND: usize = 512;
/// How many bytes from a candidate on a rule may see. Longer secrets are hidden by an open end, see [`super::span::Span::open`].
pub const AHEAD: usize = 32 * 1024;

/// Bytes around a candidate, addressed by their place in the buffer.
#[derive(Clone, Copy)]
pub struct View<'a> {
    bytes: &'a [u8],
    base: usize,
}

impl<'a> View<'a> {
    /// What a rule may see around `at`.
    pub fn around(buffer: &'a [u8], at: usize) -> Self {
        let base = at.saturating_sub(BEHIND);
        let end = at.saturating_add(AHEAD).min(buffer.len());
        Self { bytes: buffer.get(base..end).unwrap_or_default(), base }
    }

    /// One past the last byte that may be seen.
    pub fn end(&self) -> usize {
        self.base + self.bytes.len()
    }

    /// The byte at a place.
    pub fn get(&self, at: usize) -> Option<u8> {
        self.bytes.get(at.checked_sub(self.base)?).copied()
    }

    /// The byte just before a place.
    pub fn before(&self, at: usize) -> Option<u8> {
        self.get(at.checked_sub(1)?)
    }

    /// The bytes from a place on.
    pub fn from(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at.saturating_sub(self.base)..).unwrap_or_default()
    }

    /// The bytes between two places.
    pub fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        self.bytes.get(from.saturating_sub(self.base)..to.saturating_sub(self.base)).unwrap_or_default()
    }

    /// The bytes up to a place.
    pub fn until(&self, at: usize) -> &'a [u8] {
        self.bytes.get(..at.saturating_sub(self.base)).unwrap_or_default()
    }

    /// Where the run of a class that begins at `at` ends, after at most `most` bytes.
    pub fn run(&self, at: usize, class: Class, most: usize) -> usize {
        let bytes = self.from(at);
        at + class.run(bytes.get(..most).unwrap_or(bytes))
    }

    /// Whether the text at a place reads so, whatever the case.
    pub fn reads(&self, at: usize, text: &str) -> bool {
        self.from(at).get(..text.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(text.as_bytes()))
    }

    /// Whether a word can begin here. The letter of an escape (`\n`), a percent escape (`%20`) and the end of a terminal's colour code don't
    /// belong to the word that follows them.
    pub fn starts_word(&self, at: usize) -> bool {
        let before = self.until(at);
        let Some(&last) = before.last() else { return true };
        if !last.is_ascii_alphanumeric() && last != b'_' && last != b'-' {
            return true;
        }
        matches!(before, [.., b'\\', b'n' | b't' | b'r' | b'b' | b'f' | b'v' | b'0'])
            || matches!(before, [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
            || matches!(before, [.., b'\\', b'x', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
            || matches!(before, [.., b'\\', b'u', a, b, c, d] if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()))
            || ends_colour(before)
    }

    /// Steps over terminal colour codes.
    pub fn skip_colours(&self, mut at: usize) -> usize {
        while self.get(at) == Some(0x1b) && self.get(at + 1) == Some(b'[') {
            let end = self.from(at + 2).iter().take(24).position(|byte| !matches!(byte, b'0'..=b'9' | b';' | b':'));
            match end.map(|end| at + 2 + end) {
                Some(end) if self.get(end) == Some(b'm') => at = end + 1,
                _ => break,
            }
        }
        at
    }

    /// Steps over blanks and colour codes.
    pub fn skip_blanks(&self, mut at: usize) -> usize {
        for _ in 0..64 {
            let next = self.skip_colours(at);
            match self.get(next) {
                Some(b' ' | b'\t') => at = next + 1,
                _ => return next,
            }
        }
        at
    }
}

fn ends_colour(before: &[u8]) -> bool {
    let Some(rest) = before.strip_suffix(b"m") else { return false };
    let start = rest.iter().rposition(|byte| !matches!(byte, b'0'..=b'9' | b';' | b':'));
    start.is_some_and(|start| rest.get(..=start).is_some_and(|head| head.ends_with(b"\x1b[")))
}
