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
    /// Nothing more comes for now: whoever reads should see what there is.
    fn pause(&mut self) -> io::Result<()>;
}

/// A reader that can tell whether more is at hand. While nothing is, lines that are complete are handed on.
pub trait Source: Read {
    /// Whether reading now would wait.
    fn waits(&mut self) -> bool;
}

/// A reader of which the whole is wanted, however long it takes.
pub struct Whole<R>(pub R);

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Source for Whole<R> {
    fn waits(&mut self) -> bool {
        false
    }
}

/// Reads to the end and hands everything to the sink. `block` is how many bytes are judged at once.
pub fn run(matcher: &Matcher, mut source: impl Source, block: usize, sink: &mut impl Sink) -> io::Result<()> {
    let mut stream = Stream { buffer: vec![0; BEHIND + block.max(1) + AHEAD], ..Stream::default() };
    loop {
        let filled = stream.fill(&mut source)?;
        if filled == Filled::Waits {
            stream.hand_on_lines(matcher, sink)?;
            continue;
        }
        let limit = if filled == Filled::Ended { stream.filled } else { stream.filled.saturating_sub(AHEAD).max(stream.judged) };
        stream.judge(matcher, limit);
        stream.pass_on(limit, sink)?;
        if filled == Filled::Ended {
            return Ok(());
        }
        stream.forget();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Filled {
    /// The buffer is full.
    Full,
    /// Nothing more comes for now.
    Waits,
    /// Nothing more comes.
    Ended,
}

#[derive(Default)]
struct Stream {
    buffer: Vec<u8>,
    filled: usize,
    /// Everything before this place was handed on.
    at: usize,
    /// What begins before this place was judged with all that a rule may see. Lines that couldn't wait are handed on earlier, but judged again.
    judged: usize,
    /// Found, not handed on yet.
    spans: Vec<Span>,
    /// Up to here keys were judged already.
    keys_done: usize,
    hidden_until: usize,
    open: Option<Class>,
}

impl Stream {
    /// Fills the buffer to its end, or until nothing is at hand.
    fn fill(&mut self, source: &mut impl Source) -> io::Result<Filled> {
        while let Some(room) = self.buffer.get_mut(self.filled..).filter(|room| !room.is_empty()) {
            match source.read(room) {
                Ok(0) => return Ok(Filled::Ended),
                Ok(n) => self.filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if source.waits() {
                return Ok(Filled::Waits);
            }
        }
        Ok(Filled::Full)
    }

    /// Judges what begins before `limit`, for good.
    fn judge(&mut self, matcher: &Matcher, limit: usize) {
        let buffer = self.buffer.get(..self.filled).unwrap_or_default();
        matcher.find(buffer, self.judged, limit, &mut self.spans, &mut self.keys_done);
        self.judged = limit;
    }

    /// Hands on the lines that are complete. What they hold may go on in lines to come (a key, a value below its name): it is judged again then,
    /// and where a known secret has begun, its first lines wait.
    fn hand_on_lines(&mut self, matcher: &Matcher, sink: &mut impl Sink) -> io::Result<()> {
        if self.filled > self.judged + 4 * AHEAD {
            self.judge(matcher, self.filled - AHEAD);
        }
        let buffer = self.buffer.get(..self.filled).unwrap_or_default();
        let (mut spans, mut keys_done) = (self.spans.clone(), self.keys_done);
        let unfinished = matcher.find(buffer, self.judged, self.filled, &mut spans, &mut keys_done).unwrap_or(self.filled);
        let sure = buffer.get(self.at..unfinished.max(self.at)).unwrap_or_default();
        let lines = sure.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let kept = std::mem::replace(&mut self.spans, spans);
        self.pass_on(self.at + lines, sink)?;
        self.spans = kept;
        sink.pause()
    }

    fn pass_on(&mut self, limit: usize, sink: &mut impl Sink) -> io::Result<()> {
        let mut spans = std::mem::take(&mut self.spans);
        spans.sort_by_cached_key(Span::order);
        let later = spans.split_off(spans.partition_point(|span| span.start < limit));
        self.spans = later;
        // What was handed on before is judged again only for what it says about the lines after it.
        let handed_on = self.at;
        for mut span in spans.into_iter().filter(|span| span.end > handed_on) {
            span.start = span.start.max(self.at);
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
        let gone = self.at.min(self.judged).saturating_sub(BEHIND);
        self.buffer.copy_within(gone..self.filled, 0);
        self.filled -= gone;
        self.at -= gone;
        self.judged -= gone;
        self.keys_done = self.keys_done.saturating_sub(gone);
        self.hidden_until = self.hidden_until.saturating_sub(gone);
        for span in &mut self.spans {
            span.start -= gone;
            span.end -= gone;
        }
    }
}
