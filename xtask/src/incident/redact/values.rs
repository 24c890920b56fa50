//! The value after a secret key's name: `password=x`, `"apiKey": "x"`, `\"token\":\"x\"`, `--password x`, `<password>x</password>`,
//! `{"name": "DB_PASSWORD", "value": "x"}`. Finds where it begins and ends, and whether it is worth hiding.

use super::{class::Class, names::Certainty, tokens, view::View};

/// Longer values are hidden by an open end.
const MOST: usize = 4096;

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// In quotes, so that its end is sure.
    pub quoted: bool,
    /// A blank stood between the separator and the value, as in prose.
    pub spaced: bool,
    /// It goes on beyond what was looked at.
    pub open: Option<Class>,
}

/// The value of the key that stands in `name_start..name_end`.
pub fn value_of(view: View<'_>, name_start: usize, name_end: usize) -> Option<Value> {
    let closed = skip_closers(view, name_end);
    let mut at = separator(view, name_start, closed).or_else(|| named_value(view, closed))?;
    let after = view.skip_blanks(at);
    let spaced = after > at;
    at = skip_wrapping(view, after);
    if matches!(view.from(at), [b'|' | b'>', b'\n', ..] | [b'|' | b'>', b'-', b'\n', ..]) {
        at = view.skip_blanks(at + view.from(at).iter().position(|byte| *byte == b'\n')? + 1);
    }
    if quote_less_structure(view, at) {
        return None;
    }
    let (start, quote) = opening(view, at);
    let start = skip_scheme(view, start);
    let end = match quote {
        Some(quote) => quoted_end(view, start, quote),
        None => bare_end(view, start, is_line_key(view, name_start) && !spaced_prose(view, name_start)),
    };
    let capped = end >= start + MOST;
    let open = capped.then_some(quote.map_or(Class::NotSpace, |quote| Class::Until(quote.sign)));
    Some(Value { start, end: end.min(start + MOST), quoted: quote.is_some(), spaced, open })
}

/// A value that follows its key's name in some looser way: `password is x`, `"x-api-key", "x"`, `TOKEN -> x`, `requirepass x`, `PASSWORD 'x'`. Only
/// where it looks drawn by a machine: the same words stand in sentences. `two`: a word may stand between.
pub fn told(view: View<'_>, name_end: usize, two: bool) -> Option<Value> {
    let closed = skip_closers(view, name_end);
    let mut at = view.skip_blanks(closed);
    at = match view.from(at) {
        [b'-', b'>', ..] => at + 2,
        [b',', ..] | [b'<', b'<', b'<', ..] if closed > name_end || view.get(at) == Some(b'<') => {
            at + view.from(at).iter().take_while(|byte| matches!(byte, b',' | b'<')).count()
        }
        _ if at == closed && view.get(at) != Some(b':') => return None,
        _ => said(view, at).unwrap_or(at),
    };
    let words = if two { 2 } else { 1 };
    for _ in 0..words {
        let (start, quote) = opening(view, skip_wrapping(view, view.skip_blanks(at)));
        let end = quote.map_or_else(
            || start + Class::NotSpace.run(view.from(start).get(..MOST.min(view.from(start).len())).unwrap_or_default()),
            |quote| quoted_end(view, start, quote),
        );
        let end = if quote.is_some() {
            end
        } else {
            end - view.slice(start, end).iter().rev().take_while(|byte| matches!(byte, b'.' | b',' | b';' | b')' | b'"' | b'\'' | b'!')).count()
        };
        if is_drawn(view.slice(start, end)) {
            return Some(Value { start, end, quoted: true, spaced: true, open: None });
        }
        at = end;
    }
    None
}

/// One past `is`, `for ann:`, `was set to` and the like on the same line.
fn said(view: View<'_>, at: usize) -> Option<usize> {
    const FAR: usize = 48;
    let text = view.from(at);
    let text = text.get(..FAR).unwrap_or(text);
    let text = text.split(|byte| matches!(byte, b'\n' | b'"' | b'{' | b'(')).next().unwrap_or_default();
    let ends = [&b": "[..], b" is ", b" to ", b"is "]
        .into_iter()
        .filter_map(|end| text.windows(end.len()).position(|window| window == end).map(|found| found + end.len()));
    ends.max().map(|end| at + end)
}

/// Whether a value looks as if a machine had drawn it: letters and digits mixed, no path, no name.
pub fn is_drawn(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let turns = value.iter().zip(value.iter().skip(1)).filter(|(a, b)| a.is_ascii_digit() != b.is_ascii_digit()).count();
    let plain = value.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'\\' | b'(' | b'<' | b'[' | b'{'));
    (8..=512).contains(&value.len()) && digits >= 1 && letters >= 3 && turns >= 2 && plain && !value.starts_with(tokens::OPENING.as_bytes())
}

/// Whether a value should be hidden, given how sure the name makes us.
pub fn is_worth_hiding(value: &[u8], certainty: Certainty, prose: bool) -> bool {
    let text = value.trim_ascii();
    if text.is_empty() || is_empty_word(text) || is_reference(text) || text.starts_with(tokens::OPENING.as_bytes()) {
        return false;
    }
    match certainty {
        Certainty::Sure if prose => text.len() >= 4 && !is_plain_word(text) || text.len() >= 20,
        Certainty::Sure => true,
        Certainty::Maybe => text.len() >= 8 && text.iter().any(u8::is_ascii_digit) && text.iter().any(u8::is_ascii_alphabetic) || text.len() >= 20 && !prose,
    }
}

fn is_plain_word(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_lowercase)
}

fn is_empty_word(text: &[u8]) -> bool {
    const EMPTY: [&str; 12] = ["null", "none", "nil", "undefined", "true", "false", "some", "yes", "no", "empty", "required", "optional"];
    EMPTY.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
        || text.iter().all(|byte| matches!(byte, b'*' | b'.' | b'-' | b'?' | b'x' | b'X' | b':'))
}

/// `${TOKEN}`, `$TOKEN`, `{{ token }}`, `<token>`, `%s`: where a value will be, not the value.
fn is_reference(text: &[u8]) -> bool {
    match text {
        [b'$', b'{', .., b'}'] | [b'{', .., b'}'] | [b'<', .., b'>'] | [b'%', _] | [b'$', b'(', .., b')'] => true,
        [b'$', rest @ ..] => rest.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_'),
        _ => false,
    }
}

const QUOTES: [&str; 7] = ["&quot;", "&#34;", "&#39;", "%22", "\\u0022", "\\x22", "\\u0027"];
const SEPARATORS: [&str; 8] = ["%3d", "%3a", "\\u003d", "\\u003a", "\\x3d", "\\x3a", "&#61;", "&#58;"];

/// One past an escaped sign that stands here.
fn escaped(view: View<'_>, at: usize, signs: &[&str]) -> Option<usize> {
    signs.iter().find(|sign| view.reads(at, sign)).map(|sign| at + sign.len())
}

/// What may close a name before the separator: `"`, `\"`, `']`, `&quot;`, `%22`.
fn skip_closers(view: View<'_>, mut at: usize) -> usize {
    for _ in 0..16 {
        at = view.skip_colours(at);
        if escaped(view, at, &SEPARATORS).is_some() {
            break;
        }
        if let Some(end) = escaped(view, at, &QUOTES) {
            at = end;
            continue;
        }
        match view.from(at) {
            [b'"' | b'\'' | b'`' | b'\\' | b']', ..] => at += 1,
            _ => break,
        }
    }
    at
}

/// One past the separator between a name and its value.
fn separator(view: View<'_>, name_start: usize, closed: usize) -> Option<usize> {
    let at = view.skip_blanks(closed);
    let flag = view.reads(name_start, "--");
    match view.from(at) {
        [b'=', b'=' | b'>', ..] | [b':', b'=', ..] => Some(at + 2),
        [b'=' | b':', ..] => Some(at + 1),
        [b'>', ..] if at == closed && view.before(name_start) == Some(b'<') => Some(at + 1),
        [b',', ..] if flag => Some(at + 1),
        _ if escaped(view, at, &SEPARATORS).is_some() => escaped(view, at, &SEPARATORS),
        [next, ..] if flag && at > closed && *next != b'-' && !next.is_ascii_whitespace() => Some(at),
        _ => None,
    }
}

/// `…DB_PASSWORD", "value": ` as in lists of names and values.
fn named_value(view: View<'_>, closed: usize) -> Option<usize> {
    let gap = view.from(closed).iter().take(80).position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | b'"' | b'\'' | b'\\'))?;
    let word = closed + gap;
    if gap == 0 || !view.reads(word, "value") {
        return None;
    }
    let closed = view.skip_blanks(skip_closers(view, word + 5));
    let value = matches!(view.get(closed), Some(b':' | b'=')).then_some(closed + 1)?;
    Some(typed_value(view, value).unwrap_or(value))
}

/// `{"stringValue": ` as OpenTelemetry and DynamoDB write it.
fn typed_value(view: View<'_>, at: usize) -> Option<usize> {
    let brace = view.skip_blanks(at);
    (view.get(brace) == Some(b'{')).then_some(())?;
    let kind = brace + 1 + view.from(brace + 1).iter().take(40).position(|byte| byte.is_ascii_alphabetic())?;
    let closed = view.skip_blanks(skip_closers(view, kind + Class::Word.run(view.from(kind).get(..24)?)));
    (view.get(closed) == Some(b':')).then_some(closed + 1)
}

/// What programs print around a value: `Some("x")`, `b'x'`, `[x`.
fn skip_wrapping(view: View<'_>, mut at: usize) -> usize {
    for _ in 0..3 {
        if view.reads(at, "Some(") {
            at += 5;
        } else if view.get(at) == Some(b'[') && matches!(view.get(view.skip_blanks(at + 1)), Some(b'"' | b'\'')) {
            at = view.skip_blanks(at + 1);
        } else if matches!(view.from(at), [b'b' | b'r' | b'u' | b'f', b'"' | b'\'', ..] | [b'[' | b'(', b'"' | b'\'', ..]) {
            at += 1;
        }
    }
    at
}

/// `{"a":…`, `[`: more keys and values begin here, no value.
fn quote_less_structure(view: View<'_>, at: usize) -> bool {
    let inner = || view.from(at + 1).first().is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\' | b'{' | b'}' | b'[' | b']'));
    matches!(view.get(at), Some(b'{' | b'[')) && inner()
}

#[derive(Clone, Copy)]
struct Quote {
    sign: u8,
    escapes: usize,
}

/// The quote that opens a value, with the backslashes before it, and where the value begins.
fn opening(view: View<'_>, at: usize) -> (usize, Option<Quote>) {
    if let Some(start) = escaped(view, at, &QUOTES) {
        // Its own first sign ends the value again: `&`, `%`, `\`.
        return (start, view.get(at).map(|sign| Quote { sign, escapes: 0 }));
    }
    let escapes = view.from(at).iter().take(8).take_while(|byte| **byte == b'\\').count();
    match view.get(at + escapes) {
        Some(sign @ (b'"' | b'\'' | b'`')) => (at + escapes + 1, Some(Quote { sign, escapes })),
        _ => (at, None),
    }
}

/// `Bearer`, `Basic` and the like before the credential itself.
fn skip_scheme(view: View<'_>, at: usize) -> usize {
    const SCHEMES: [&str; 8] = ["bearer ", "basic ", "token ", "apikey ", "negotiate ", "bearer%20", "basic%20", "bot "];
    SCHEMES.iter().find(|scheme| view.reads(at, scheme)).map_or(at, |scheme| view.skip_blanks(at + scheme.len()))
}

fn quoted_end(view: View<'_>, start: usize, quote: Quote) -> usize {
    let mut backslashes = 0;
    for (offset, &byte) in view.from(start).iter().take(MOST).enumerate() {
        let closes = byte == quote.sign && if quote.escapes == 0 { backslashes % 2 == 0 } else { backslashes <= quote.escapes };
        if closes || byte == b'\n' {
            return start + offset - if closes { quote.escapes.min(backslashes) } else { 0 };
        }
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
    }
    view.end().min(start + MOST)
}

/// `NAME=value` or `name: value` alone on its line, as in env files and YAML: the value may hold blanks.
fn is_line_key(view: View<'_>, name_start: usize) -> bool {
    let before = view.until(name_start);
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.trim_ascii_start();
    line.is_empty() || line == b"-" || line == b"- " || line == b"export " || line == b"set "
}

fn spaced_prose(view: View<'_>, name_start: usize) -> bool {
    view.get(name_start).is_some_and(|byte| byte.is_ascii_uppercase()) && view.get(name_start + 1).is_some_and(|byte| byte.is_ascii_lowercase())
}

fn bare_end(view: View<'_>, start: usize, whole_line: bool) -> usize {
    let bytes = view.from(start);
    let bytes = bytes.get(..MOST).unwrap_or(bytes);
    for (offset, &byte) in bytes.iter().enumerate() {
        let rest = bytes.get(offset + 1..).unwrap_or_default();
        let ends = match byte {
            b'\n' | b'\r' | 0x1b | b'"' => true,
            b' ' | b'\t' => !whole_line || rest.trim_ascii_start().starts_with(b"#"),
            b'\'' | b'<' | b'>' | b'`' => !whole_line,
            b'\\' => !whole_line && matches!(rest, [b'"' | b'\'' | b'n' | b'r' | b't', ..]),
            b',' | b';' | b'&' | b')' | b']' | b'}' | b'|' => !whole_line && is_end_of_item(rest),
            _ => false,
        };
        if ends {
            return start + offset;
        }
    }
    start + bytes.len()
}

/// Whether a value that isn't quoted ends at a separator: the next item begins, or nothing more follows.
fn is_end_of_item(rest: &[u8]) -> bool {
    let name = Class::Slug.run(rest.get(..64).unwrap_or(rest));
    match rest.first() {
        None => true,
        Some(byte) if byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\' | b'}' | b')' | b']' | b',' | b'<' | 0x1b) => true,
        _ => name > 0 && matches!(rest.get(name), Some(b'=' | b':')),
    }
}
