//! Cuts a stream into blocks without letting the cuts show. Bounded memory, whatever the length of a line.
//!
//! A candidate is judged once the buffer holds all that a rule may see around it (`BEHIND` and `AHEAD`), so the outcome depends on the bytes only.

use std::io::{self, Read};

use super::{
    class::Class,
    matcher::Matcher,
    span::Span,
    view::{AHEAD, BEHIND},
};

/// What happens to the bytes of a stream, in order.
pub trait Sink {
    /// Bytes that may leave.
    fn plain(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// A secret begins; its bytes follow as `hidden`.
    fn secret(&mut self, span: &Span, value: &[u8]) -> io::Result<()>;
    /// Bytes that must not leave.
    fn hidden(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// Reads to the end and hands everything to the sink. `block` is how many bytes are judged at once.
pub fn run(matcher: &Matcher, mut reader: impl Read, block: usize, sink: &mut impl Sink) -> io::Result<()> {
    let mut stream = Stream { buffer: vec![0; BEHIND + block.max(1) + AHEAD], ..Stream::default() };
    loop {
        let ended = stream.fill(&mut reader)?;
        let limit = if ended { stream.filled } else { stream.filled.saturating_sub(AHEAD).max(stream.at) };
        let buffer = stream.buffer.get(..stream.filled).unwrap_or_default();
        matcher.find(buffer, stream.at, limit, &mut stream.spans, &mut stream.keys_done);
        stream.pass_on(limit, sink)?;
        if ended {
            return Ok(());
        }
        stream.forget();
    }
}

#[derive(Default)]
struct Stream {
    buffer: Vec<u8>,
    filled: usize,
    /// Everything before this place was handed on.
    at: usize,
    /// Found, not handed on yet.
    spans: Vec<Span>,
    /// Up to here keys were judged already.
    keys_done: usize,
    hidden_until: usize,
    open: Option<Class>,
}

impl Stream {
    /// Fills the buffer to its end; says whether the stream ended.
    fn fill(&mut self, reader: &mut impl Read) -> io::Result<bool> {
        while let Some(room) = self.buffer.get_mut(self.filled..).filter(|room| !room.is_empty()) {
            match reader.read(room) {
                Ok(0) => return Ok(true),
                Ok(n) => self.filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    fn pass_on(&mut self, limit: usize, sink: &mut impl Sink) -> io::Result<()> {
        let mut spans = std::mem::take(&mut self.spans);
        spans.sort_by_cached_key(Span::order);
        let later = spans.split_off(spans.partition_point(|span| span.start < limit));
        self.spans = later;
        for span in spans {
            self.advance(span.start, sink)?;
            if !self.is_hidden(span.start) {
                self.open = None;
                sink.secret(&span, self.buffer.get(span.start..span.end).unwrap_or_default())?;
            }
            if span.end >= self.hidden_until {
                self.hidden_until = span.end;
                self.open = span.open.or(self.open);
            }
        }
        self.advance(limit, sink)
    }

    fn is_hidden(&self, at: usize) -> bool {
        at < self.hidden_until || self.open.is_some_and(|class| self.buffer.get(at).is_some_and(|&byte| class.holds(byte)))
    }

    /// Hands everything before `to` on, hidden or plain.
    fn advance(&mut self, to: usize, sink: &mut impl Sink) -> io::Result<()> {
        let hidden = self.hidden_until.min(to);
        if self.at < hidden {
            sink.hidden(self.buffer.get(self.at..hidden).unwrap_or_default())?;
            self.at = hidden;
        }
        if let Some(class) = self.open.filter(|_| self.at < to) {
            let bytes = self.buffer.get(self.at..to).unwrap_or_default();
            let run = class.run(bytes);
            sink.hidden(bytes.get(..run).unwrap_or_default())?;
            self.at += run;
            if self.at < to {
                self.open = None;
            }
        }
        if self.at < to {
            sink.plain(self.buffer.get(self.at..to).unwrap_or_default())?;
            self.at = to;
        }
        Ok(())
    }

    /// Makes room: only what a rule may still look back at stays.
    fn forget(&mut self) {
        let gone = self.at.saturating_sub(BEHIND);
        self.buffer.copy_within(gone..self.filled, 0);
        self.filled -= gone;
        self.at -= gone;
        self.keys_done = self.keys_done.saturating_sub(gone);
        self.hidden_until = self.hidden_until.saturating_sub(gone);
        for span in &mut self.spans {
            span.start -= gone;
            span.end -= gone;
        }
    }
}
