//! Everything that is looked for, compiled once: known values, providers' shapes, grammars, secret keys. Pure, shared by redacting and scanning.

use super::{
    cookies,
    filter::Filter,
    known::{self, Secret},
    names::{self, Certainty},
    shapes::{Fit, SHAPES, Shape},
    span::{Identity, Span, Stage, identity},
    special::{self, Special},
    tokens,
    tolerant::Tolerant,
    values,
    view::{AHEAD, View},
    wrapped::{self, Match, Text},
};

/// How far into the text of a known value its gram may lie.
const REACH: usize = 320;
/// How far into a form its gram may lie.
const OFFSET: usize = 24;
/// Longest key name that is read.
const NAME: usize = 96;

enum Pattern {
    Known(Known),
    Tolerant(Tolerant, Identity, u32),
    Shape(&'static Shape, u32),
    Special(Special, u32),
    /// A part of a key's name.
    Name(&'static str),
}

struct Known {
    form: known::Form,
    /// Where in the form its gram stands.
    offset: usize,
    identity: Identity,
    label: u32,
}

/// What is looked for.
pub struct Matcher {
    filter: Filter,
    patterns: Vec<Pattern>,
    labels: Vec<String>,
    key_label: u32,
    cookie_label: u32,
}

impl Matcher {
    /// Looks for these secrets, and for everything that has the shape of one.
    pub fn new(secrets: &[Secret]) -> Self {
        let mut builder = Builder::default();
        for secret in secrets {
            builder.secret(secret);
        }
        for shape in SHAPES {
            let label = builder.label(shape.label);
            builder.pattern(shape.anchor.as_bytes(), 0, Pattern::Shape(shape, label));
        }
        for (special, label, anchor) in Special::ALL {
            let label = builder.label(label);
            builder.pattern(anchor.as_bytes(), 0, Pattern::Special(*special, label));
        }
        let label = builder.label("twilio-key");
        Special::twilio().for_each(|anchor| builder.pattern(anchor.as_bytes(), 0, Pattern::Special(Special::Twilio, label)));
        for anchor in names::ANCHORS {
            builder.pattern(anchor.as_bytes(), 0, Pattern::Name(anchor));
        }
        let (key_label, cookie_label) = (builder.label("secret"), builder.label("cookie"));
        Self { filter: Filter::new(builder.grams), patterns: builder.patterns, labels: builder.labels, key_label, cookie_label }
    }

    /// The names of the sorts of secrets; spans hold indexes into them.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Adds the spans that begin with a candidate in `from..limit`. `keys_done` says up to where keys were judged already. Gives back where a known
    /// secret begins that the buffer holds only a part of, if there is one.
    pub fn find(&self, buffer: &[u8], from: usize, limit: usize, spans: &mut Vec<Span>, keys_done: &mut usize) -> Option<usize> {
        let mut unfinished: Option<usize> = None;
        let mut wait = |start: usize| unfinished = Some(unfinished.map_or(start, |other| other.min(start)));
        let to = limit.saturating_add(REACH).min(buffer.len());
        self.filter.scan(buffer, from, to, |at, pattern| {
            let Some(pattern) = usize::try_from(pattern).ok().and_then(|index| self.patterns.get(index)) else { return };
            if let Pattern::Known(known) = pattern {
                match known.text().find(View::around(buffer, at), at, known.offset) {
                    Match::Pieces(pieces) if pieces.first().is_some_and(|(start, _)| (from..limit).contains(start)) => {
                        spans.extend(known.spans(View::around(buffer, at), &pieces));
                    }
                    Match::Unfinished(start) => wait(start),
                    Match::Pieces(_) | Match::No => {}
                }
            } else if let Pattern::Tolerant(tolerant, identity, label) = pattern {
                let found = tolerant.find(View::around(buffer, at), at).filter(|(start, _)| (from..limit).contains(start));
                spans.extend(found.map(|(start, end)| Span { identity: Some(*identity), ..Span::new(Stage::Known, *label, start, end) }));
            } else if at < limit {
                if matches!(pattern, Pattern::Special(Special::PrivateKey, _)) && special::is_open_key(View::around(buffer, at), at) {
                    wait(at);
                }
                self.judge(pattern, buffer, at, spans, keys_done);
            }
        });
        unfinished
    }

    fn judge(&self, pattern: &Pattern, buffer: &[u8], at: usize, spans: &mut Vec<Span>, keys_done: &mut usize) {
        match pattern {
            Pattern::Known(_) | Pattern::Tolerant(..) => {}
            Pattern::Shape(shape, label) => spans.extend(shape.find(View::around(buffer, at), at, *label)),
            Pattern::Special(special, label) => special.find(View::around(buffer, at), at, *label, spans),
            Pattern::Name(anchor) if at >= *keys_done => {
                let view = View::around(buffer, at);
                if view.reads(at, anchor) {
                    let length = anchor.trim_end_matches(['=', ':']).len();
                    *keys_done = self.key(view, at, length, spans).max(*keys_done);
                }
            }
            Pattern::Name(_) => {}
        }
    }

    /// Judges the key whose name holds an anchor; says up to where that settles it.
    fn key(&self, view: View<'_>, at: usize, anchor: usize, spans: &mut Vec<Span>) -> usize {
        let end = at + anchor + name_run(view.from(at + anchor).iter());
        let mut start = at - name_run(view.until(at).iter().rev());
        if start < at && view.before(start) == Some(b'\\') {
            // The letter of an escape, as in `\npassword`.
            start += 1;
        }
        let name = view.slice(start, end);
        if tokens::is_label(view.until(start), view.from(end)) {
            return end;
        }
        let spoken = names::is_spoken(view.until(start), name);
        let Some(certainty) = names::certainty(name).or(spoken.then_some(Certainty::Sure)) else { return end };
        let told = || values::told(view, end, name == b"AUTH").filter(|_| certainty == Certainty::Sure || name == b"AUTH");
        let Some(value) = values::value_of(view, start, end).or_else(told) else { return end };
        if cookies::carries_cookies(name) {
            return cookies::find(view, value, self.cookie_label, spans);
        }
        let prose = value.spaced && !value.quoted;
        let text = view.slice(value.start, value.end);
        if !values::is_worth_hiding(text, certainty, prose) || spoken && !values::is_drawn(text) {
            return end;
        }
        spans.push(Span::new(Stage::Key, self.key_label, value.start, value.end).open(value.open));
        value.end
    }
}

/// How far the characters of a name go on.
fn name_run<'a>(bytes: impl Iterator<Item = &'a u8>) -> usize {
    bytes.take(NAME).take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')).count()
}

impl Known {
    fn text(&self) -> Text<'_> {
        Text { bytes: &self.form.bytes, exact_case: self.form.exact_case }
    }

    fn spans(&self, view: View<'_>, pieces: &[(usize, usize)]) -> Vec<Span> {
        let alone = |start, end| view.starts_word(start) && view.get(end).is_none_or(|next| !next.is_ascii_alphanumeric());
        let hides = |(start, end): &(usize, usize)| !self.form.whole_word || alone(*start, *end);
        let long = self.form.bytes.len() >= known::LONGEST;
        let open = long.then_some(super::class::Class::NotSpace);
        let span = |(start, end): &(usize, usize)| Span { identity: Some(self.identity), ..Span::new(Stage::Known, self.label, *start, *end).open(open) };
        pieces.iter().filter(|piece| hides(piece)).map(span).collect()
    }
}

impl Shape {
    fn find(&self, view: View<'_>, at: usize, label: u32) -> Option<Span> {
        let from = at + self.anchor.len();
        if view.slice(at, from) != self.anchor.as_bytes() {
            return None;
        }
        let end = view.run(from, self.class, AHEAD);
        let body = view.slice(from, end);
        let enough = body.len() >= self.min && body.iter().any(|byte| body.first() != Some(byte));
        let fits = match self.fit {
            Fit::Anywhere => true,
            Fit::Digit => view.starts_word(at) && body.iter().any(u8::is_ascii_digit),
            // A picture in base64 holds every beginning somewhere.
            Fit::Mixed if view.before(at).is_some_and(in_base64) || view.get(end).is_some_and(in_base64) => false,
            Fit::Mixed => view.starts_word(at) && body.iter().any(u8::is_ascii_lowercase) && body.iter().any(u8::is_ascii_uppercase),
        };
        (enough && fits).then(|| Span::new(Stage::Shape, label, at, end).open((end == view.end()).then_some(self.class)))
    }
}

fn in_base64(byte: u8) -> bool {
    matches!(byte, b'+' | b'/')
}

#[derive(Default)]
struct Builder {
    labels: Vec<String>,
    patterns: Vec<Pattern>,
    grams: Vec<([u8; 3], u32)>,
}

impl Builder {
    fn label(&mut self, label: &str) -> u32 {
        let index = self.labels.iter().position(|known| known == label).unwrap_or_else(|| {
            self.labels.push(label.into());
            self.labels.len() - 1
        });
        u32::try_from(index).unwrap_or(0)
    }

    fn pattern(&mut self, bytes: &[u8], offset: usize, pattern: Pattern) {
        let Some(&[a, b, c]) = bytes.get(offset..offset + 3).and_then(|gram| <&[u8; 3]>::try_from(gram).ok()) else { return };
        if let Ok(index) = u32::try_from(self.patterns.len()) {
            self.grams.push(([a, b, c], index));
            self.patterns.push(pattern);
        }
    }

    fn secret(&mut self, secret: &Secret) {
        let label = self.label(&kebab(&secret.name));
        let identity = identity(secret.value.trim_ascii());
        let usable = secret.value.trim_ascii();
        if let Some((tolerant, gram)) = Tolerant::new(usable).filter(|_| usable.len() >= known::SHORT) {
            self.pattern(&gram, 0, Pattern::Tolerant(tolerant, identity, label));
        }
        for form in known::forms(&secret.value) {
            let offset = rarest_gram(&form.bytes, |_| true);
            // A line's end may cut a gram in two, but not another one as well. Only what is written without escapes is broken so.
            let plain = form.bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_'));
            let breaks = plain && form.bytes.len() >= wrapped::LEAST;
            let other = breaks.then(|| rarest_gram(&form.bytes, |other| other.abs_diff(offset) >= 3));
            for offset in std::iter::once(offset).chain(other) {
                self.pattern(&form.bytes.clone(), offset, Pattern::Known(Known { form: form.clone(), offset, identity, label }));
            }
        }
    }
}

/// Where in the first bytes the gram stands that ordinary text holds least: mixed before letters before what is no letter at all.
fn rarest_gram(bytes: &[u8], fits: impl Fn(usize) -> bool) -> usize {
    let commonness = |gram: &[u8]| match gram {
        gram if !gram.iter().any(u8::is_ascii_alphabetic) => 3,
        gram if gram.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_whitespace()) => 2,
        gram if gram.iter().all(u8::is_ascii_alphabetic) => 1,
        _ => 0,
    };
    let places = bytes.windows(3).take(OFFSET).enumerate().filter(|(offset, _)| fits(*offset));
    places.min_by_key(|(_, gram)| commonness(gram)).map_or(0, |(offset, _)| offset)
}

/// `LINEAR_API_KEY` as a label: `linear-api-key`.
fn kebab(name: &str) -> String {
    let label: String = name.chars().take(64).map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    if label.trim_matches('-').is_empty() { "secret".into() } else { label }
}
