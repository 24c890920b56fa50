//! What a file holds, by its first bytes and never by its name: text, text that is packed (read unpacked), or something in which nobody can see what
//! is secret. Touches nothing but the reader it is given.

use std::{
    cell::Cell,
    io::{self, BufReader, Cursor, Read},
    rc::Rc,
};

/// How much of the beginning is looked at.
const HEAD: u64 = 8 * 1024;

/// What a beginning says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Text, as far as that can be told.
    Text,
    /// UTF-16 text with its mark.
    Wide,
    /// Packed by gzip.
    Gzip,
    /// Packed by zstd.
    Zstd,
    /// Packed by something that isn't read here: its name.
    Packed(&'static str),
    /// No text: what it is.
    Other(&'static str),
}

/// Beginnings of what isn't text.
const MARKS: &[(&[u8], Sort)] = &[
    (b"\x1f\x8b\x08", Sort::Gzip),
    (b"\x28\xb5\x2f\xfd", Sort::Zstd),
    (b"\xfd7zXZ\0", Sort::Packed("an xz file")),
    (b"BZh", Sort::Packed("a bzip2 file")),
    (b"PK\x03\x04", Sort::Packed("a zip archive")),
    (b"PK\x05\x06", Sort::Packed("a zip archive")),
    (b"7z\xbc\xaf\x27\x1c", Sort::Packed("a 7z archive")),
    (b"\x04\x22\x4d\x18", Sort::Packed("an lz4 file")),
    (b"Rar!\x1a\x07", Sort::Packed("a rar archive")),
    (b"\x1f\x9d", Sort::Packed("a compress file")),
    (b"LPKSHHRH", Sort::Other("a journal of systemd: `journalctl --file` shows it as text")),
    (b"SQLite format 3\0", Sort::Other("an SQLite database")),
    (b"\x7fELF", Sort::Other("a program or a core dump")),
    (b"MDMP", Sort::Other("a crash dump of a process's memory")),
    (b"\x89PNG", Sort::Other("a picture")),
    (b"\xff\xd8\xff", Sort::Other("a picture")),
    (b"%PDF-", Sort::Other("a PDF document")),
    (b"\xff\xfe", Sort::Wide),
    (b"\xfe\xff", Sort::Wide),
];

/// What these first bytes belong to.
pub fn sort(head: &[u8]) -> Sort {
    let bzip = |mark: &[u8]| mark != b"BZh" || head.get(4..7) == Some(b"1AY");
    if let Some((_, sort)) = MARKS.iter().find(|(mark, _)| head.starts_with(mark) && bzip(mark)) {
        return *sort;
    }
    if head.get(257..262) == Some(b"ustar") {
        return Sort::Packed("a tar archive");
    }
    if is_text(head) { Sort::Text } else { Sort::Other("no text in it") }
}

/// Few control characters. Zeros don't count: a log that was cut while its writer went on begins with them, and UTF-16 is full of them.
fn is_text(head: &[u8]) -> bool {
    let known = |byte: u8| byte >= b' ' || byte == 0 || matches!(byte, 0x07..=0x0d | 0x1b);
    let controls = head.iter().filter(|byte| !known(**byte)).count();
    let high = String::from_utf8_lossy(head).chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count();
    let bytes = head.iter().filter(|byte| **byte != 0).count();
    controls * 20 <= bytes && (controls * 200 <= bytes || high * 5 <= bytes)
}

/// Something opened as text.
pub struct Opened {
    /// Its text.
    pub text: Box<dyn Read>,
    /// It was packed: how big it is, and where a place in it is, can't be told.
    pub packed: bool,
    /// Whether what was packed ended before its time.
    pub broken: Rc<Cell<bool>>,
}

/// Opens a file as text, unpacking what is packed; says what it is where that can't be.
pub fn open(mut reader: impl Read + 'static) -> io::Result<Result<Opened, Sort>> {
    let head = head_of(&mut reader)?;
    let sort = sort(&head);
    let whole = BufReader::new(Cursor::new(head).chain(reader));
    let broken = Rc::new(Cell::new(false));
    let unpacked: Box<dyn Read> = match sort {
        Sort::Text | Sort::Wide => return Ok(Ok(Opened { text: Box::new(whole), packed: false, broken })),
        Sort::Gzip => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        Sort::Zstd => Box::new(zstd::Decoder::with_buffer(whole)?),
        Sort::Packed(_) | Sort::Other(_) => return Ok(Err(sort)),
    };
    let mut lenient = Lenient { reader: unpacked, read: 0, broken: broken.clone() };
    let head = head_of(&mut lenient)?;
    Ok(match self::sort(&head) {
        Sort::Text | Sort::Wide => Ok(Opened { text: Box::new(Cursor::new(head).chain(lenient)), packed: true, broken }),
        inner => Err(inner),
    })
}

fn head_of(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

/// What could be unpacked before the damage is worth having.
struct Lenient<R> {
    reader: R,
    read: u64,
    broken: Rc<Cell<bool>>,
}

impl<R: Read> Read for Lenient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Err(error) if self.read > 0 && error.kind() != io::ErrorKind::Interrupted => {
                self.broken.set(true);
                Ok(0)
            }
            read => {
                self.read += read.as_ref().map_or(0, |n| *n as u64);
                read
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn content_says_what_it_is() {
        for (bytes, wanted) in [
            (b"plain\n".to_vec(), Sort::Text),
            (vec![0; 8192], Sort::Text),
            (b"\x1b[31mred\x1b[0m\x07\n".to_vec(), Sort::Text),
            ("Straße, été\n".repeat(9).chars().map(|c| c as u8).collect(), Sort::Text),
            (b"\xff\xfea\0".to_vec(), Sort::Wide),
            (gzip(b"x"), Sort::Gzip),
            (b"BZh91AY&SY".to_vec(), Sort::Packed("a bzip2 file")),
            (b"BZhang logged in".to_vec(), Sort::Text),
            ((0..8192_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect(), Sort::Other("no text in it")),
        ] {
            assert_eq!(sort(&bytes), wanted, "{:?}", bytes.get(..20));
        }
    }

    #[test]
    fn what_is_packed_is_read_as_far_as_it_goes() {
        let text: Vec<u8> = (0..40_000_u32).flat_map(|n| format!("line {}\n", n.wrapping_mul(2_654_435_761)).into_bytes()).collect();
        let packed = gzip(&text);
        let read = |bytes: Vec<u8>| {
            let mut opened = open(Cursor::new(bytes)).unwrap().unwrap_or_else(|sort| panic!("{sort:?}"));
            let mut all = Vec::new();
            opened.text.read_to_end(&mut all).unwrap();
            (all, opened.packed, opened.broken.get())
        };
        assert_eq!(read(packed.clone()), (text.clone(), true, false));
        let (all, _, broken) = read(packed[..packed.len() / 2].to_vec());
        assert!(broken && text.starts_with(&all) && all.len() > 10_000);
        assert_eq!(open(Cursor::new(gzip(&gzip(b"x")))).unwrap().err(), Some(Sort::Gzip), "packed twice is not looked into");
    }
}
