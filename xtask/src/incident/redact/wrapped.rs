//! A known text that was broken into lines: base64 at 64 or 76 columns, a token in a narrow terminal, with whatever a log puts before each line. Pure.

use super::view::View;

/// What a log may put before a line: a service's name, a time.
const PREFIX: usize = 64;
/// How much of a line must go on with the text, so that it counts as its next line.
const SURE: usize = 8;
/// Shorter texts aren't broken.
pub const LEAST: usize = 16;

/// Where a text stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Match {
    /// Not here.
    No,
    /// Its pieces, one a line.
    Pieces(Vec<(usize, usize)>),
    /// So far it fits, from here on; what comes next isn't there yet.
    Unfinished(usize),
}

/// A text to find by one of its grams.
pub struct Text<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Whether the case of letters counts.
    pub exact_case: bool,
}

impl Text<'_> {
    /// The text whose `offset`th byte stands at `at`.
    pub fn find(&self, view: View<'_>, at: usize, offset: usize) -> Match {
        if let Some(start) = at.checked_sub(offset)
            && self.same(view.slice(start, start + self.bytes.len()), self.bytes)
        {
            return Match::Pieces(vec![(start, start + self.bytes.len())]);
        }
        if self.bytes.len() < LEAST || !self.starts(view, at, offset) {
            return Match::No;
        }
        let Some(mut pieces) = self.before(view, at, offset) else { return Match::No };
        match self.after(view, at, offset, &mut pieces) {
            Some(true) => Match::Pieces(pieces),
            Some(false) => pieces.first().map_or(Match::No, |(start, _)| Match::Unfinished(*start)),
            None => Match::No,
        }
    }

    fn same(&self, a: &[u8], b: &[u8]) -> bool {
        if self.exact_case { a == b } else { a.eq_ignore_ascii_case(b) }
    }

    /// Whether the gram itself stands here.
    fn starts(&self, view: View<'_>, at: usize, offset: usize) -> bool {
        self.bytes.get(offset..offset + 3).is_some_and(|gram| self.same(view.slice(at, at + 3), gram))
    }

    fn byte(&self, view: View<'_>, at: usize, index: usize) -> bool {
        match (view.get(at), self.bytes.get(index)) {
            (Some(a), Some(b)) => a == *b || !self.exact_case && a.eq_ignore_ascii_case(b),
            _ => false,
        }
    }

    /// The pieces that end before `at`, and the beginning of the one that holds it (still without an end).
    fn before(&self, view: View<'_>, at: usize, offset: usize) -> Option<Vec<(usize, usize)>> {
        let (mut place, mut index, mut end) = (at, offset, at);
        let mut pieces = Vec::new();
        while index > 0 {
            if place.checked_sub(1).is_some_and(|before| self.byte(view, before, index - 1)) {
                (place, index) = (place - 1, index - 1);
            } else {
                pieces.push((place, end));
                end = line_before(view, place)?;
                place = end;
                self.byte(view, place.checked_sub(1)?, index - 1).then_some(())?;
            }
        }
        pieces.push((place, end));
        pieces.reverse();
        Some(pieces)
    }

    /// Goes on from `at`; says whether all of it is there, or nothing where it isn't this text.
    fn after(&self, view: View<'_>, at: usize, offset: usize, pieces: &mut Vec<(usize, usize)>) -> Option<bool> {
        let (mut place, mut index) = (at, offset);
        let mut start = pieces.pop()?.0;
        while index < self.bytes.len() {
            if self.byte(view, place, index) {
                (place, index) = (place + 1, index + 1);
                continue;
            }
            pieces.push((start, place));
            let Some(next) = self.next_line(view, place, index) else {
                return breaks(view, place).is_some_and(|line| !view.from(line).contains(&b'\n')).then_some(false);
            };
            (start, place) = (next, next);
        }
        pieces.push((start, place));
        Some(true)
    }

    /// Where the text goes on after a line's end.
    fn next_line(&self, view: View<'_>, place: usize, index: usize) -> Option<usize> {
        let line = breaks(view, place)?;
        let rest = self.bytes.get(index..)?;
        let wanted = rest.get(..SURE).unwrap_or(rest);
        let fits = |at: &usize| self.same(view.slice(*at, *at + wanted.len()), wanted);
        let words = view.from(line).iter().take(PREFIX).take_while(|byte| **byte != b'\n').enumerate();
        let after_blanks = words.filter(|(_, byte)| matches!(byte, b' ' | b'\t' | b'|')).map(|(offset, _)| line + offset + 1);
        std::iter::once(line).chain(after_blanks).find(fits)
    }
}

/// One past the line's end that stands here, real or escaped; at the end of what there is that place itself.
fn breaks(view: View<'_>, place: usize) -> Option<usize> {
    let length = match view.from(place) {
        [] => 0,
        [b'\n', ..] => 1,
        [b'\r' | b'\\' | b'=', b'\n', ..] => 2,
        [b'\\', b'n', ..] => 2,
        [b'\\', b'r', b'\\', b'n', ..] => 4,
        [b'\\', b'\\', b'n', ..] => 3,
        _ => return None,
    };
    Some(place + length)
}

/// One past what the line before this one says; what stands before `place` on its own line is what a log puts there.
fn line_before(view: View<'_>, place: usize) -> Option<usize> {
    let before = view.until(place);
    for escaped in [&b"\\r\\n"[..], b"\\\\n", b"\\n"] {
        if before.ends_with(escaped) {
            return place.checked_sub(escaped.len());
        }
    }
    let back = before.iter().rev().take(PREFIX).position(|byte| *byte == b'\n')?;
    let end = place.checked_sub(back + 1)?;
    let text = view.until(end);
    Some(end - usize::from(matches!(text.last(), Some(b'\r' | b'\\' | b'='))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ";

    fn find(text: &str, gram: &str, offset: usize) -> Match {
        let at = text.find(gram).unwrap();
        Text { bytes: TEXT, exact_case: true }.find(View::around(text.as_bytes(), at), at, offset)
    }

    #[test]
    fn lines_of_one_text_are_found_together() {
        let (a, b, c) = ("Y29ycmVjdC1o", "b3JzZS1iYXR0ZXJ5", "LXN0YXBsZQ");
        for between in ["\n", "\r\n", "\\n", "\\r\\n", "\n    ", "\nweb-1  | ", "\nJan 31 12:00:00 host app[12]: ", "\\\n"] {
            let text = format!("x={a}{between}{b}{between}{c} and more");
            for (gram, offset) in [("Y29", 0), ("JzZ", 14), ("XN0", 29)] {
                let Match::Pieces(pieces) = find(&text, gram, offset) else { panic!("{between:?} from {gram}") };
                assert_eq!(pieces.iter().map(|(from, to)| &text[*from..*to]).collect::<Vec<_>>(), [a, b, c], "{between:?} from {gram}");
            }
        }
    }

    #[test]
    fn what_only_begins_alike_is_not_it() {
        assert_eq!(find("Y29ycmVjdC1o\nsomething else\n", "Y29", 0), Match::No);
        assert_eq!(find("Y29ycmVjdC1o something else", "Y29", 0), Match::No);
        assert_eq!(find(" Y29ycmVjdC1o\n", "Y29", 0), Match::Unfinished(1));
    }
}
