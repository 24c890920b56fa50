//! The redactor: one for every byte that leaves. Known values first, in every encoding that programs print; then the shapes of providers' secrets; then
//! the values of keys whose names say it. Pure but for the reader and writer it is given.
//!
//! It guarantees: the same outcome however the input is cut, memory that doesn't grow with a line, line ends in their places, bytes that are no
//! UTF-8 passed through, the same token for the same secret.

mod class;
mod commands;
mod cookies;
mod filter;
mod known;
mod matcher;
mod names;
mod shapes;
mod span;
mod special;
mod stream;
mod tokens;
mod tolerant;
mod values;
mod view;
mod wrapped;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    sync::Arc,
};

pub use known::Secret;
pub use names::{Certainty, certainty};
pub use special::decode_base64;
pub use stream::Source;

use matcher::Matcher;
use span::{Span, identity};
use stream::Whole;
use tokens::Tokens;

/// How many bytes are judged at once: big enough that looking back and ahead costs a few percent.
const BLOCK: usize = 1 << 20;

/// What was hidden, by sort of secret, and how often.
pub type Counts = BTreeMap<String, u64>;

/// Hides secrets in streams. Tokens stay the same over all streams of one redactor.
pub struct Redactor {
    matcher: Arc<Matcher>,
    tokens: Tokens,
    block: usize,
}

impl Redactor {
    /// A redactor that knows these secrets.
    pub fn new(secrets: &[Secret]) -> Self {
        Self::with(Arc::new(Matcher::new(secrets)))
    }

    fn with(matcher: Arc<Matcher>) -> Self {
        Self { matcher, tokens: Tokens::default(), block: BLOCK }
    }

    /// Copies everything, hiding what is secret.
    pub fn copy(&mut self, reader: impl Read, writer: impl Write) -> io::Result<Counts> {
        self.follow(Whole(reader), writer)
    }

    /// The same; whenever the source waits for more, the lines that are complete are written, as behind `tail -f`.
    pub fn follow(&mut self, reader: impl Source, writer: impl Write) -> io::Result<Counts> {
        let mut sink = Replace { labels: self.matcher.labels(), tokens: &mut self.tokens, writer, counts: Counts::new(), token: String::new(), due: false };
        stream::run(&self.matcher, reader, self.block, &mut sink)?;
        sink.writer.flush()?;
        Ok(sink.counts)
    }

    /// Bytes at hand without their secrets.
    pub fn bytes(&mut self, bytes: &[u8]) -> (Vec<u8>, Counts) {
        let mut out = Vec::with_capacity(bytes.len());
        // Neither reading a slice nor writing to a vector can fail; if it did, what was written so far holds no secret.
        let counts = self.copy(bytes, &mut out).unwrap_or_default();
        (out, counts)
    }

    /// Text at hand without its secrets.
    pub fn text(&mut self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes()).0).into_owned()
    }

    /// Calls back with every secret in a stream.
    pub fn scan(&self, reader: impl Read, found: impl FnMut(Hit<'_>)) -> io::Result<()> {
        let mut sink = Scan { labels: self.matcher.labels(), line: 1, found };
        stream::run(&self.matcher, Whole(reader), self.block, &mut sink)
    }
}

/// A secret that a scan saw.
#[derive(Debug)]
pub struct Hit<'a> {
    /// What sort: `github-token`.
    pub label: &'a str,
    /// In which line, from 1.
    pub line: usize,
    /// The bytes, never to be shown.
    pub value: &'a [u8],
    /// Only the name of its key gives it away, not what it looks like.
    pub by_name: bool,
    /// It is one of the values that are known to be secret.
    pub known: bool,
}

struct Replace<'a, W> {
    labels: &'a [String],
    tokens: &'a mut Tokens,
    writer: W,
    counts: Counts,
    token: String,
    /// The token must be written before the next hidden byte: the secret goes on in a new line.
    due: bool,
}

impl<W: Write> stream::Sink for Replace<'_, W> {
    fn plain(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    fn secret(&mut self, span: &Span, value: &[u8]) -> io::Result<()> {
        let whose = span.identity.unwrap_or_else(|| identity(value.trim_ascii()));
        self.token = self.tokens.of(whose, span.label, self.labels);
        self.due = true;
        let label = usize::try_from(span.label).ok().and_then(|index| self.labels.get(index));
        *self.counts.entry(label.cloned().unwrap_or_default()).or_default() += 1;
        Ok(())
    }

    fn hidden(&mut self, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunk_by(|a, b| is_line_end(*a) == is_line_end(*b)) {
            if part.first().copied().is_some_and(is_line_end) {
                self.writer.write_all(part)?;
                self.due = true;
            } else if std::mem::take(&mut self.due) {
                self.writer.write_all(self.token.as_bytes())?;
            }
        }
        Ok(())
    }

    fn pause(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

struct Scan<'a, F> {
    labels: &'a [String],
    line: usize,
    found: F,
}

impl<F> Scan<'_, F> {
    fn count(&mut self, bytes: &[u8]) {
        self.line += bytes.iter().filter(|byte| **byte == b'\n').count();
    }
}

impl<F: FnMut(Hit<'_>)> stream::Sink for Scan<'_, F> {
    fn plain(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.count(bytes);
        Ok(())
    }

    fn secret(&mut self, span: &Span, value: &[u8]) -> io::Result<()> {
        let label = usize::try_from(span.label).ok().and_then(|index| self.labels.get(index)).map_or("secret", String::as_str);
        (self.found)(Hit { label, line: self.line, value, by_name: span.stage == span::Stage::Key, known: span.stage == span::Stage::Known });
        Ok(())
    }

    fn hidden(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.count(bytes);
        Ok(())
    }

    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }
}
