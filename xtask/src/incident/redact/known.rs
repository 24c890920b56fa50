//! Everything that a known secret may be written like: plain, base64 at each of the three alignments, percent-encoded, escaped for JSON, HTML, Python
//! and shells, hexadecimal, UTF-16. Pure.

use std::{collections::BTreeSet, fmt::Write as _};

/// Below this a value is hidden only where it stands alone as a word, and not in other encodings.
pub const SHORT: usize = 6;
/// Below this a value is no secret that could be told from ordinary text.
const LEAST: usize = 4;
/// A longer form is recognised by its beginning.
pub const LONGEST: usize = 8 * 1024;

/// A secret whose value is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// What it is called, e.g. the variable's name: goes into its token.
    pub name: String,
    /// Its plain value.
    pub value: Vec<u8>,
}

impl Secret {
    /// A secret by name and value.
    pub fn new(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// One way to write a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Form {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether the case of letters counts, as in base64.
    pub exact_case: bool,
    /// Whether it must stand alone as a word.
    pub whole_word: bool,
}

/// All forms of a value; none for one that is too short.
pub fn forms(value: &[u8]) -> Vec<Form> {
    let value = value.trim_ascii();
    if value.len() < LEAST {
        return Vec::new();
    }
    if value.len() < SHORT {
        return vec![Form { bytes: value.into(), exact_case: true, whole_word: true }];
    }
    let mut found = Forms::default();
    found.text(value);
    for line in value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| line.len() >= 16) {
        // Programs that put something before each line (compose does) tear a value of several lines apart.
        found.text(line);
    }
    found.0.into_iter().collect()
}

#[derive(Default)]
struct Forms(BTreeSet<Form>);

impl Forms {
    fn add(&mut self, mut bytes: Vec<u8>, exact_case: bool) {
        bytes.truncate(LONGEST);
        if bytes.len() >= SHORT {
            self.0.insert(Form { bytes, exact_case, whole_word: false });
        }
    }

    fn text(&mut self, value: &[u8]) {
        self.add(value.into(), false);
        let all = percent(value, b"");
        self.add(percent(&all, b"-._~"), false);
        self.add(all, false);
        if !super::tolerant::covers(value) {
            for bytes in [percent(value, b"-._~"), percent(value, b"-_.!~*'()"), percent(value, b"-_.!~*'();/?:@&=+$,#")] {
                self.add(percent(&bytes, b"-._~"), false);
                self.add(replace(&bytes, b"%20", b"+"), false);
                self.add(bytes, false);
            }
            self.escaped(value);
        }
        self.add(json(value, |_| true), false);
        self.encoded(value);
    }

    fn escaped(&mut self, value: &[u8]) {
        let json = json(value, |_| false);
        self.add(replace(&json, b"/", b"\\/"), false);
        self.add(json_again(&json), false);
        self.add(json_again(&json_again(&json)), false);
        self.add(json, false);
        self.add(self::json(value, |c| !c.is_ascii()), false);
        self.add(self::json(value, |c| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}')), false);
        self.add(self::json(value, |c| matches!(c, '<' | '>' | '&' | '\'' | '"' | '+') || !c.is_ascii()), false);
        self.add(replace(&replace(value, b"\\", b"\\\\"), b"'", b"\\'"), false);
        self.add(replace(value, b"'", b"'\\''"), false);
        self.add(replace(value, b"'", b"''"), false);
        self.add(replace(value, b"$", b"$$"), false);
        for quotes in [["&quot;", "&#39;"], ["&#34;", "&#39;"], ["&quot;", "&#x27;"], ["&quot;", "&apos;"], ["\"", "'"]] {
            self.add(html(value, quotes), false);
        }
    }

    fn encoded(&mut self, value: &[u8]) {
        self.numbered(value);
        // What is packed into base64 was often escaped before: a JSON document, a query.
        for before in [json(value, |_| false), percent(value, b"-._~")].into_iter().filter(|bytes| bytes != value) {
            (0..3).for_each(|shift| self.add(base64(&before, shift, false), true));
        }
        let hexes: Vec<String> = value.iter().map(|byte| format!("{byte:02x}")).collect();
        for (before, between) in [("", ""), ("", " "), ("", ":"), ("\\x", "\\x"), ("0x", ", 0x"), ("", "-")] {
            self.add(format!("{before}{}", hexes.join(between)).into_bytes(), false);
        }
        let little = utf16(value, u16::to_le_bytes);
        self.add(utf16(value, u16::to_be_bytes), false);
        for bytes in [value, &little] {
            for url_safe in [false, true] {
                for shift in 0..3 {
                    let once = base64(bytes, shift, url_safe);
                    (0..3).for_each(|shift| self.add(base64(&once, shift, url_safe), true));
                    self.add(percent(&once, b"-._~"), true);
                    self.add(replace(&once, b"/", b"\\/"), true);
                    self.add(once, true);
                }
            }
        }
        self.add(little, false);
        self.add(base32(value), false);
    }
}

impl Forms {
    /// Byte by byte, as numbers: `Vec<u8>` in Rust, `Buffer` in JSON, entities in HTML, octal escapes in shells.
    fn numbered(&mut self, value: &[u8]) {
        let decimals: Vec<String> = value.iter().map(u8::to_string).collect();
        for between in [", ", ","] {
            self.add(decimals.join(between).into_bytes(), false);
        }
        self.add(value.iter().map(|byte| format!("&#{byte};")).collect::<String>().into_bytes(), false);
        self.add(value.iter().map(|byte| format!("&#x{byte:x};")).collect::<String>().into_bytes(), false);
        self.add(value.iter().map(|byte| format!("\\{byte:03o}")).collect::<String>().into_bytes(), false);
    }
}

/// Base64 of the value as it looks inside of a longer text, `shift` bytes after a multiple of three: only the characters that the value alone decides.
fn base64(value: &[u8], shift: usize, url_safe: bool) -> Vec<u8> {
    let alphabet: &[u8; 64] = if url_safe {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    } else {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    };
    let shifted: Vec<u8> = std::iter::repeat_n(0, shift).chain(value.iter().copied()).collect();
    let characters = sextets(&shifted, 6).filter_map(|sextet| alphabet.get(usize::from(sextet)).copied());
    // The first characters hold bits of what stands before, the rest that doesn't fill one holds bits of what follows.
    characters.skip((shift * 8).div_ceil(6)).collect()
}

fn base32(value: &[u8]) -> Vec<u8> {
    sextets(value, 5).filter_map(|index| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".get(usize::from(index)).copied()).collect()
}

/// The bytes as groups of `width` bits; bits that don't fill a group are left out.
fn sextets(bytes: &[u8], width: usize) -> impl Iterator<Item = u8> {
    let groups = bytes.len() * 8 / width;
    (0..groups).map(move |group| {
        (group * width..(group + 1) * width).fold(0, |value, bit| {
            let byte = bytes.get(bit / 8).copied().unwrap_or(0);
            value << 1 | byte >> (7 - bit % 8) & 1
        })
    })
}

fn percent(value: &[u8], kept: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    for &byte in value {
        if (byte.is_ascii_alphanumeric() && !kept.is_empty()) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing into a String can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out.into_bytes()
}

/// A JSON string's inside; `also` names what is written as `\u` beside what must be.
fn json(value: &[u8], also: impl Fn(char) -> bool) -> Vec<u8> {
    let mut out = String::new();
    for c in String::from_utf8_lossy(value).chars() {
        match c {
            c if also(c) || c < ' ' && !matches!(c, '\n' | '\r' | '\t') => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing into a String can't fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '"' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.into_bytes()
}

fn json_again(json: &[u8]) -> Vec<u8> {
    replace(&replace(json, b"\\", b"\\\\"), b"\"", b"\\\"")
}

fn html(value: &[u8], [double, single]: [&str; 2]) -> Vec<u8> {
    let text = replace(&replace(&replace(value, b"&", b"&amp;"), b"<", b"&lt;"), b">", b"&gt;");
    let text = if double == "\"" { text } else { replace(&text, b"\"", double.as_bytes()) };
    if single == "'" { text } else { replace(&text, b"'", single.as_bytes()) }
}

fn utf16(value: &[u8], bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    String::from_utf8_lossy(value).encode_utf16().flat_map(bytes).collect()
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        match rest.strip_prefix(from) {
            Some(after) => {
                out.extend_from_slice(to);
                rest = after;
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_found_at_each_alignment() {
        let cores: Vec<String> = (0..3).map(|shift| String::from_utf8(base64(b"hunter2!", shift, false)).unwrap()).collect();
        for (text, core) in [("aHVudGVyMiEgYW5k", &cores[0]), ("eGh1bnRlcjIhIGFuZA==", &cores[1]), ("eHhodW50ZXIyISBhbmQ=", &cores[2])] {
            assert!(text.contains(core.as_str()), "{text} holds {core}");
        }
    }

    #[test]
    fn a_value_without_letters_in_a_row_is_found_by_its_forms() {
        let forms: Vec<String> = forms(b"p\"a/s&s+\xc3\xb6r'1").into_iter().map(|form| String::from_utf8_lossy(&form.bytes).into_owned()).collect();
        for wanted in
            ["p%22a%2Fs%26s%2B%C3%B6r%271", "p\\\"a/s&s+ör'1", "p\\\"a\\/s&s+ör'1", "p\\\"a/s\\u0026s+ör'1", "p&quot;a/s&amp;s+ör&#39;1", "7022612f7326732b"]
        {
            assert!(forms.iter().any(|form| form.starts_with(wanted)), "{wanted} in {forms:#?}");
        }
    }

    #[test]
    fn short_values_are_words_or_nothing() {
        assert!(forms(b"abc").is_empty());
        assert_eq!(forms(b"admin").len(), 1);
    }
}
