//! Sets of bytes that secrets are made of. Pure look-ups; every answer depends on the byte alone.

/// A set of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Letters and digits.
    Alnum,
    /// Letters, digits, `_`.
    Word,
    /// Letters, digits, `_`, `-`.
    Slug,
    /// Letters, digits, `_`, `-`, `.`.
    Dotted,
    /// Letters, digits, `_`, `-`, `.`, `~`.
    Tilde,
    /// Upper-case letters and digits.
    Upper,
    /// Hexadecimal digits.
    Hex,
    /// Standard and URL-safe base64 with its padding.
    Base64,
    /// What a path in a URL holds.
    Path,
    /// The inside of a private key: base64 with line ends, blanks and the backslashes of escaped line ends.
    KeyBody,
    /// Anything up to white space.
    NotSpace,
    /// Anything up to this quote or the end of the line.
    Until(u8),
}

impl Class {
    /// Whether the byte belongs to the set.
    #[inline]
    pub fn holds(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Slug => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Tilde => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~'),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_'),
            Self::Path => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'+' | b'%' | b'@' | b'.'),
            Self::KeyBody => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\\') || byte.is_ascii_whitespace(),
            Self::NotSpace => !byte.is_ascii_whitespace(),
            Self::Until(quote) => byte != quote && byte != b'\n',
        }
    }

    /// How many bytes from the start belong to the set.
    pub fn run(self, bytes: &[u8]) -> usize {
        bytes.iter().position(|&byte| !self.holds(byte)).unwrap_or(bytes.len())
    }
}
