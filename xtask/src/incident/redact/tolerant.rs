//! A known value in any mixture of escapes: each character may stand as it is, percent-encoded, as `\u002f`, `\x2f`, `&#47;`, behind backslashes or as
//! shells and HTML write it. Encoders differ in which characters they escape; this doesn't ask. Pure.

use std::collections::BTreeSet;

use super::view::View;

/// How far into the value, in characters, its gram may lie.
const REACH: usize = 24;
/// Longer values are found by their exact forms only.
const LONGEST: usize = 512;

/// Whether a value is found whatever the mixture of its escapes: then it needs no forms for them.
pub fn covers(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_alphanumeric) || Tolerant::new(value).is_some()
}

/// A value, character by character, with the ways to write each.
pub struct Tolerant {
    units: Vec<Vec<Vec<u8>>>,
    gram: usize,
}

impl Tolerant {
    /// For values that hold something to escape, and three plain characters in a row to look for; with those.
    pub fn new(value: &[u8]) -> Option<(Self, [u8; 3])> {
        let text = std::str::from_utf8(value).ok()?;
        let characters: Vec<char> = text.chars().collect();
        if characters.iter().all(char::is_ascii_alphanumeric) || characters.len() > LONGEST {
            return None;
        }
        let plain = |window: &[char]| window.iter().all(char::is_ascii_alphanumeric);
        let places = characters.windows(3).take(REACH).enumerate().filter(|(_, window)| plain(window));
        let (gram, window) = places.min_by_key(|(_, window)| window.iter().filter(|c| c.is_ascii_lowercase()).count())?;
        let bytes: Vec<u8> = window.iter().filter_map(|c| u8::try_from(*c).ok()).collect();
        Some((Self { units: characters.iter().map(|c| ways(*c)).collect(), gram }, bytes.try_into().ok()?))
    }

    /// Where the value begins and ends whose gram stands at `at`.
    pub fn find(&self, view: View<'_>, at: usize) -> Option<(usize, usize)> {
        let (before, after) = self.units.split_at_checked(self.gram)?;
        let end = after.iter().try_fold(BTreeSet::from([at]), |places, ways| some(places.iter().flat_map(|place| forward(view, *place, ways)).collect()))?;
        let start =
            before.iter().rev().try_fold(BTreeSet::from([at]), |places, ways| some(places.iter().flat_map(|place| backward(view, *place, ways)).collect()))?;
        Some((*start.first()?, *end.last()?))
    }
}

fn some(places: BTreeSet<usize>) -> Option<BTreeSet<usize>> {
    (!places.is_empty()).then_some(places)
}

fn forward(view: View<'_>, place: usize, ways: &[Vec<u8>]) -> Vec<usize> {
    let text = view.from(place);
    let fits = ways.iter().filter(|way| text.get(..way.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(way)));
    fits.map(|way| place + way.len()).collect()
}

fn backward(view: View<'_>, place: usize, ways: &[Vec<u8>]) -> Vec<usize> {
    let text = view.until(place);
    let tail = |length: usize| text.len().checked_sub(length).and_then(|from| text.get(from..));
    let fits = ways.iter().filter(|way| tail(way.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(way)));
    fits.map(|way| place - way.len()).collect()
}

/// Every way to write a character.
fn ways(c: char) -> Vec<Vec<u8>> {
    let raw = c.to_string();
    if c.is_ascii_alphanumeric() {
        return vec![raw.into_bytes()];
    }
    let hexes = |before: &str| raw.bytes().map(|byte| format!("{before}{byte:02x}")).collect::<String>();
    let units = |before: &str| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("{before}u{unit:04x}")).collect::<String>();
    let code = u32::from(c);
    let mut ways =
        vec![raw.clone(), hexes("%"), hexes("%25"), format!("&#{code};"), format!("&#{code:03};"), format!("&#x{code:x};"), format!("\\u{{{code:x}}}")];
    for slashes in ["\\", "\\\\", "\\\\\\\\"] {
        ways.extend([units(slashes), hexes(&format!("{slashes}x"))]);
    }
    ways.extend((1..8).map(|count| format!("{}{raw}", "\\".repeat(count))));
    ways.extend(special(c).iter().map(|way| (*way).to_owned()));
    ways.into_iter().map(String::into_bytes).collect()
}

fn special(c: char) -> &'static [&'static str] {
    match c {
        ' ' => &["+", "&nbsp;", "\\040"],
        '&' => &["&amp;", "&amp;amp;"],
        '<' => &["&lt;", "&amp;lt;"],
        '>' => &["&gt;", "&amp;gt;"],
        '"' => &["&quot;", "&amp;quot;", "\"\""],
        '\'' => &["&apos;", "&amp;#39;", "&rsquo;", "''", "'\\''", "'\"'\"'"],
        '\n' => &["\\n", "\\\\n", "\r\n", "\\r\\n"],
        '\t' => &["\\t", "\\\\t"],
        '$' => &["$$"],
        '%' => &["%%"],
        '=' => &["=3D"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_mixture_is_recognised() {
        let value = "a/b&Kit47+'x\\ \"é";
        let (tolerant, gram) = Tolerant::new(value.as_bytes()).unwrap();
        let gram = std::str::from_utf8(&gram).unwrap();
        for text in [value, "a%2Fb\\u0026Kit47%2b&#39;x\\\\+\\\"\\u00e9", "a\\/b&amp;Kit47\\x2b'\\''x\\ &quot;%C3%A9", "A%2fB&kIT47+''X%5C%20\\\\\\\"&#xe9;"] {
            let padded = format!("..{text}..");
            let at = padded.to_lowercase().find(&gram.to_lowercase()).unwrap();
            assert_eq!(tolerant.find(View::around(padded.as_bytes(), at), at), Some((2, padded.len() - 2)), "{text}");
        }
        let other = "..a/b&Kit48+'x..";
        let at = other.find("Kit").unwrap();
        assert_eq!(tolerant.find(View::around(other.as_bytes(), at), at), None);
    }
}
