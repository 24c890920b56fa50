//! The append-only file: its manifest, and where a copy of a growing part may end. Pure but for the stream that it reads.

use std::io::{BufRead, BufReader, Read};

use crate::kernel::{Error, Result};

/// One line of the append-only file's own manifest: `file appendonly.aof.1.base.rdb seq 1 type b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The file's name in the append folder.
    pub file: String,
    /// Whether it is the base.
    pub base: bool,
}

/// The parts that a server would load. History files (type `h`) are about to be deleted and are none.
pub fn parts(text: &str) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words = crate::effects::process::words(line);
        let value = |key: &str| words.iter().zip(words.iter().skip(1)).step_by(2).find(|(word, _)| *word == key).map(|(_, value)| value.as_str());
        match (value("file"), value("type")) {
            (Some(file), Some("b" | "i")) if !file.contains('/') => parts.push(Part { file: file.into(), base: value("type") == Some("b") }),
            (Some(_), Some("h")) => {}
            _ => return Err(Error::mismatch(format!("the append-only file's manifest has a line that no server writes: `{line}`"))),
        }
    }
    Ok(parts)
}

/// How many bytes from the start are whole commands: a copy that ends there is what a server would have written, had it stopped there.
/// A transaction counts when its EXEC is there.
pub fn whole_commands(stream: impl Read) -> Result<u64> {
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let (mut at, mut whole, mut open) = (0, 0, false);
    while let Some((length, first)) = command(&mut reader)? {
        at += length;
        match first.to_ascii_uppercase().as_slice() {
            b"MULTI" => open = true,
            b"EXEC" => open = false,
            _ => {}
        }
        if !open {
            whole = at;
        }
    }
    Ok(whole)
}

/// One command's length and its first word; none when the stream ends before the command does, or holds something else.
fn command(reader: &mut impl BufRead) -> Result<Option<(u64, Vec<u8>)>> {
    let Some(line) = line(reader)? else { return Ok(None) };
    let mut length = line.len() as u64 + 2;
    if line.first() == Some(&b'#') {
        return Ok(Some((length, Vec::new())));
    }
    let Some(count) = number(&line, b'*') else { return Ok(None) };
    let mut first = Vec::new();
    for index in 0..count {
        let Some(head) = self::line(reader)? else { return Ok(None) };
        let Some(size) = number(&head, b'$') else { return Ok(None) };
        // A command's name is short; what claims another length is kept by nobody.
        let kept = if index == 0 && size <= 64 { Some(&mut first) } else { None };
        if !take(reader, size + 2, kept)? {
            return Ok(None);
        }
        length += head.len() as u64 + 2 + size + 2;
    }
    first.truncate(first.len().saturating_sub(2));
    Ok(Some((length, first)))
}

fn line(reader: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.take(1 << 16).read_until(b'\n', &mut line).map_err(unreadable)?;
    Ok(line.strip_suffix(b"\r\n").map(<[u8]>::to_vec))
}

fn number(line: &[u8], sign: u8) -> Option<u64> {
    std::str::from_utf8(line.strip_prefix(&[sign])?).ok()?.parse().ok()
}

fn take(reader: &mut impl BufRead, size: u64, kept: Option<&mut Vec<u8>>) -> Result<bool> {
    let mut part = reader.take(size);
    let taken = match kept {
        Some(kept) => part.read_to_end(kept).map_err(unreadable)? as u64,
        None => std::io::copy(&mut part, &mut std::io::sink()).map_err(unreadable)?,
    };
    Ok(taken == size)
}

fn unreadable(error: std::io::Error) -> Error {
    Error::unexpected("read the append-only file").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(words: &[&[u8]]) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    #[test]
    fn manifests_are_read() {
        let text = "file appendonly.aof.4.base.rdb seq 4 type b\nfile appendonly.aof.3.incr.aof seq 3 type h\nfile \"odd name.aof.5.incr.aof\" seq 5 type i\n";
        let names: Vec<_> = parts(text).unwrap().into_iter().map(|part| (part.file, part.base)).collect();
        assert_eq!(names, [("appendonly.aof.4.base.rdb".to_owned(), true), ("odd name.aof.5.incr.aof".into(), false)]);
        assert!(parts("file ../../etc/passwd seq 1 type b").is_err());
        assert!(parts("garbage").is_err());
    }

    #[test]
    fn a_transaction_is_whole_or_not_there() {
        let set = written(&[b"SET", b"a", b"1"]);
        let stream = [set.as_slice(), b"#TS:1700000000\r\n", &written(&[b"multi"]), &set].concat();
        assert_eq!(whole_commands(stream.as_slice()).unwrap(), set.len() as u64 + 16);
        let closed = [stream.as_slice(), &written(&[b"EXEC"])].concat();
        assert_eq!(whole_commands(closed.as_slice()).unwrap(), closed.len() as u64);
    }

    proptest! {
        #[test]
        fn any_cut_falls_back_to_a_whole_command(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 1..10), cut: prop::sample::Index) {
            let commands: Vec<Vec<u8>> = values.iter().map(|value| written(&[b"SET", b"*1\r\n", value])).collect();
            let all = commands.concat();
            let cut = cut.index(all.len() + 1);
            let whole = whole_commands(&all[..cut]).unwrap();
            let mut ends = vec![0];
            for command in &commands {
                ends.push(ends.last().unwrap() + command.len() as u64);
            }
            let expected = ends.into_iter().filter(|end| *end <= cut as u64).max().unwrap();
            prop_assert_eq!(whole, expected);
        }

        #[test]
        fn garbage_does_no_harm(bytes: Vec<u8>) {
            prop_assert!(whole_commands(bytes.as_slice()).unwrap() <= bytes.len() as u64);
        }
    }
}
