//! `SHA256SUMS`, as `sha256sum -c` reads it: digest, two spaces, name, line feed; sorted by name.

use crate::kernel::{Digest, Error, Result};

/// Writes the lines.
pub fn write<'a>(files: impl Iterator<Item = (&'a str, Digest)>) -> String {
    let mut lines: Vec<_> = files.collect();
    lines.sort_unstable();
    lines.into_iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect()
}

/// Reads them; a line that is none names its number. Only what [`write()`] would write is taken: every altered byte shows.
pub fn read(text: &str) -> Result<Vec<(String, Digest)>> {
    let lines = read_lines(text)?;
    if write(lines.iter().map(|(name, digest)| (name.as_str(), *digest))) != text {
        return Err(Error::mismatch("SHA256SUMS is not as it was written: order, spacing or letter case differ"));
    }
    Ok(lines)
}

fn read_lines(text: &str) -> Result<Vec<(String, Digest)>> {
    text.lines()
        .enumerate()
        .map(|(index, line)| read_line(line).ok_or_else(|| Error::mismatch(format!("SHA256SUMS line {}: not `<digest>  <name>`: {line:?}", index + 1))))
        .collect()
}

fn read_line(line: &str) -> Option<(String, Digest)> {
    let (digest, name) = line.split_at_checked(64)?;
    let name = name.strip_prefix("  ")?;
    (!name.is_empty()).then_some(())?;
    Some((name.into(), digest.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_sorted() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let text = write([("two words.exe", b), ("a.zip", a)].into_iter());
        assert_eq!(text, format!("{a}  a.zip\n{b}  two words.exe\n"));
        assert_eq!(read(&text).unwrap(), [("a.zip".to_owned(), a), ("two words.exe".to_owned(), b)]);
    }

    #[test]
    fn a_bad_line_names_its_number() {
        let text = format!("{}  a\nnonsense\n", Digest::of(b"a"));
        assert!(read(&text).unwrap_err().to_string().contains("line 2"));
    }
}
