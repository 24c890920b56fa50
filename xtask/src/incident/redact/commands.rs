//! Passwords in command lines and statements that a log shows: `curl -u ann:x`, `redis-cli -a x`, `mysql -px`, `IDENTIFIED BY 'x'`. Pure.

use super::{
    class::Class,
    span::{Span, Stage},
    tokens,
    view::View,
};

/// How far a command line is read.
const FAR: usize = 1024;

/// Where a word of a command line stands, without its quotes.
type Place = (usize, usize);

/// The passwords of a command line that begins here.
pub fn find(view: View<'_>, at: usize, program: &str, label: u32) -> Vec<Span> {
    if !view.reads(at, program) || !view.starts_word(at) {
        return Vec::new();
    }
    let words = words(view, at);
    let secrets = words.iter().enumerate().filter_map(|(index, word)| secret(view, program, *word, words.get(index + 1).copied()));
    let secrets = secrets.filter(|(start, end)| end > start && !view.from(*start).starts_with(tokens::OPENING.as_bytes()));
    secrets.map(|(start, end)| Span::new(Stage::Shape, label, start, end)).collect()
}

fn secret(view: View<'_>, program: &str, (start, end): Place, next: Option<Place>) -> Option<Place> {
    let flag = view.slice(start, end);
    match (program, flag) {
        ("curl", b"-u" | b"--user" | b"-U" | b"--proxy-user") => after_colon(view, next?),
        ("redis-cli", b"-a" | b"--pass") | ("sshpass", b"-p") => next,
        ("sshpass" | "mysql", [b'-', b'p', _, ..]) => Some((start + 2, end)),
        _ => None,
    }
}

/// What follows `ann:`.
fn after_colon(view: View<'_>, (start, end): Place) -> Option<Place> {
    let colon = view.slice(start, end).iter().position(|byte| *byte == b':')?;
    Some((start + colon + 1, end))
}

/// The words of the line from here on.
fn words(view: View<'_>, at: usize) -> Vec<Place> {
    let line = view.from(at);
    let line = line.get(..FAR).unwrap_or(line);
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let (mut words, mut place) = (Vec::new(), 0);
    while let Some(start) = line.get(place..).and_then(|rest| rest.iter().position(|byte| !is_between(*byte))).map(|skip| place + skip) {
        let (start, end) = match line.get(start) {
            Some(quote @ (b'\'' | b'"')) => (start + 1, start + 1 + Class::Until(*quote).run(line.get(start + 1..).unwrap_or_default())),
            _ => (start, start + line.get(start..).unwrap_or_default().iter().take_while(|byte| !is_between(**byte)).count()),
        };
        words.push((at + start, at + end));
        place = end + 1;
    }
    words
}

/// Blanks, and what stands between the words of a list: `["curl", "-u", "x"]`.
fn is_between(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'[')
}

/// `IDENTIFIED BY 'x'`, with `WITH plugin` or `PASSWORD` in between or not.
pub fn identified(view: View<'_>, at: usize, label: u32) -> Option<Span> {
    if !view.reads(at, "identified by") {
        return None;
    }
    let from = view.skip_blanks(at + 13);
    let from = if view.reads(from, "password ") { view.skip_blanks(from + 9) } else { from };
    let quote = view.get(from).filter(|byte| matches!(byte, b'\'' | b'"'))?;
    let end = view.run(from + 1, Class::Until(quote), FAR);
    (end > from + 1 && !view.from(from + 1).starts_with(tokens::OPENING.as_bytes())).then(|| Span::new(Stage::Shape, label, from + 1, end))
}

/// `jdbc:oracle:thin:ann/x@host`
pub fn oracle(view: View<'_>, at: usize, label: u32) -> Option<Span> {
    let user = at + 6;
    let slash = view.run(user, Class::Word, 64);
    let end = view.run(slash + 1, Class::NotSpace, 256);
    let password = view.slice(slash + 1, end).iter().position(|byte| *byte == b'@')?;
    let is = view.reads(at, ":thin:") && slash > user && view.get(slash) == Some(b'/') && password > 0;
    (is && !view.from(slash + 1).starts_with(tokens::OPENING.as_bytes())).then(|| Span::new(Stage::Shape, label, slash + 1, slash + 1 + password))
}
