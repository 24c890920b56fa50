//! The values in `Cookie:` and `Set-Cookie:` headers: each is hidden by itself, so that one session can be followed through a log.

use super::{
    span::{Span, Stage},
    tokens,
    values::Value,
    view::View,
};

const MOST: usize = 4096;
const ATTRIBUTES: [&str; 8] = ["path", "expires", "domain", "max-age", "samesite", "priority", "version", "comment"];

/// Whether a header of that name carries cookies.
pub fn carries_cookies(name: &[u8]) -> bool {
    [&b"cookie"[..], b"set-cookie", b"set_cookie", b"cookies"].iter().any(|header| name.eq_ignore_ascii_case(header))
}

/// Hides every value of the header's list; says where the list ends.
pub fn find(view: View<'_>, value: Value, label: u32, spans: &mut Vec<Span>) -> usize {
    let bytes = view.from(value.start);
    let bytes = bytes.get(..MOST).unwrap_or(bytes);
    let length = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r' | b'"' | b'\'')).unwrap_or(bytes.len());
    let mut start = value.start;
    for pair in bytes.get(..length).unwrap_or_default().split(|byte| *byte == b';') {
        let name_length = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let name = pair.get(..name_length).unwrap_or_default().trim_ascii();
        let text = pair.get(name_length + 1..).unwrap_or_default();
        let is_attribute = ATTRIBUTES.iter().any(|attribute| name.eq_ignore_ascii_case(attribute.as_bytes()));
        if !text.trim_ascii().is_empty() && !is_attribute && !text.starts_with(tokens::OPENING.as_bytes()) {
            let from = start + name_length + 1;
            let open = (length == MOST && from + text.len() == value.start + length).then_some(super::class::Class::NotSpace);
            spans.push(Span::new(Stage::Key, label, from, from + text.len()).open(open));
        }
        start += pair.len() + 1;
    }
    value.start + length
}
