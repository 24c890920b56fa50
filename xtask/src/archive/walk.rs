//! Finds where the last block of a deflate stream begins and ends, to the bit (RFC 1951). Reads symbols, copies nothing.
//!
//! Needed because libdeflate compresses fast but only whole streams: to lay chunks end to end, each one's last block must
//! be found and opened. Gives none for anything that is not one complete stream; never panics.

/// Where the last block stands, in bits from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastBlock {
    /// The bit that marks the block as the last.
    pub block: usize,
    /// The first bit after it.
    pub end: usize,
}

/// The order in which the lengths of the code-length code are sent.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// Extra bits of the length symbols 257 to 285.
const LENGTH_EXTRA: [u8; 29] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
/// Extra bits of the distance symbols 0 to 29.
const DISTANCE_EXTRA: [u8; 30] = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
/// The longest code.
const MAX_BITS: usize = 15;
const END_OF_BLOCK: u16 = 256;

/// Walks a complete stream.
pub fn last_block(bytes: &[u8]) -> Option<LastBlock> {
    let mut bits = Bits { bytes, next: 0, held: 0, count: 0 };
    loop {
        let block = bits.position();
        let last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => bits.skip_stored()?,
            1 => skip_symbols(&mut bits, &Code::new(&fixed_lengths())?, &Code::new(&[5; 30])?)?,
            2 => {
                let (literals, distances) = read_codes(&mut bits)?;
                skip_symbols(&mut bits, &literals, &distances)?;
            }
            _ => return None,
        }
        if last {
            return Some(LastBlock { block, end: bits.position() });
        }
    }
}

/// Bits, least significant first.
struct Bits<'a> {
    bytes: &'a [u8],
    next: usize,
    held: u64,
    count: usize,
}

impl Bits<'_> {
    fn position(&self) -> usize {
        self.next * 8 - self.count
    }

    /// Holds at least 48 bits, or all that are left.
    fn refill(&mut self) {
        if let Some(eight) = self.bytes.get(self.next..).and_then(<[u8]>::first_chunk::<8>) {
            self.held |= u64::from_le_bytes(*eight) << self.count;
            let whole = (63 - self.count) / 8;
            self.next += whole;
            self.count += whole * 8;
            // What was taken beyond whole bytes is taken again, the same, next time.
            return;
        }
        while self.count <= 56
            && let Some(byte) = self.bytes.get(self.next)
        {
            self.held |= u64::from(*byte) << self.count;
            self.next += 1;
            self.count += 8;
        }
    }

    fn drop(&mut self, bits: usize) -> Option<()> {
        self.count = self.count.checked_sub(bits)?;
        self.held >>= bits;
        Some(())
    }

    fn take(&mut self, bits: usize) -> Option<usize> {
        self.refill();
        let value = self.held & ((1 << bits) - 1);
        self.drop(bits)?;
        usize::try_from(value).ok()
    }

    fn skip_stored(&mut self) -> Option<()> {
        let start = self.position().div_ceil(8);
        let length = u16::from_le_bytes(*self.bytes.get(start..)?.first_chunk()?);
        self.next = start + 4 + usize::from(length);
        (self.held, self.count) = (0, 0);
        (self.next <= self.bytes.len()).then_some(())
    }
}

/// A prefix code as one table: the next 15 bits give the symbol and how many of them it used.
struct Code(Vec<(u16, u8)>);

impl Code {
    fn new(lengths: &[u8]) -> Option<Self> {
        let longest = usize::from(lengths.iter().copied().max()?).max(1);
        let mut table = vec![(0, 0); 1 << MAX_BITS];
        let mut code = 0_usize;
        for length in 1..=longest {
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, used)| usize::from(**used) == length) {
                let first = code.reverse_bits() >> (usize::BITS as usize - length);
                let value = (u16::try_from(symbol).ok()?, u8::try_from(length).ok()?);
                table.iter_mut().skip(first).step_by(1 << length).for_each(|slot| *slot = value);
                code += 1;
            }
            // More codes than there are bits for.
            if code > 1 << length {
                return None;
            }
            code <<= 1;
        }
        Some(Self(table))
    }

    /// The next symbol; the caller has refilled.
    fn read(&self, bits: &mut Bits<'_>) -> Option<u16> {
        let (symbol, length) = *self.0.get(bits.held as usize & ((1 << MAX_BITS) - 1))?;
        if length == 0 {
            return None;
        }
        bits.drop(usize::from(length))?;
        Some(symbol)
    }
}

fn fixed_lengths() -> Vec<u8> {
    (0..288)
        .map(|symbol| {
            if symbol < 144 {
                8
            } else if symbol < 256 {
                9
            } else if symbol < 280 {
                7
            } else {
                8
            }
        })
        .collect()
}

fn read_codes(bits: &mut Bits<'_>) -> Option<(Code, Code)> {
    let (literals, distances, sent) = (bits.take(5)? + 257, bits.take(5)? + 1, bits.take(4)? + 4);
    let mut lengths = [0; 19];
    for place in ORDER.iter().take(sent) {
        *lengths.get_mut(*place)? = u8::try_from(bits.take(3)?).ok()?;
    }
    let code = Code::new(&lengths)?;
    let mut lengths: Vec<u8> = Vec::with_capacity(literals + distances);
    while lengths.len() < literals + distances {
        bits.refill();
        let (value, times) = match code.read(bits)? {
            16 => (*lengths.last()?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (u8::try_from(length).ok()?, 1),
        };
        lengths.extend(std::iter::repeat_n(value, times));
    }
    let (first, second) = lengths.get(..literals + distances)?.split_at_checked(literals)?;
    Some((Code::new(first)?, Code::new(second)?))
}

/// Reads symbols up to the end of the block. A refill holds enough for a length and its distance (15+5+15+13 bits).
fn skip_symbols(bits: &mut Bits<'_>, literals: &Code, distances: &Code) -> Option<()> {
    loop {
        bits.refill();
        let symbol = literals.read(bits)?;
        if symbol < END_OF_BLOCK {
            continue;
        }
        if symbol == END_OF_BLOCK {
            return Some(());
        }
        bits.drop(usize::from(*LENGTH_EXTRA.get(usize::from(symbol) - 257)?))?;
        let distance = distances.read(bits)?;
        bits.drop(usize::from(*DISTANCE_EXTRA.get(usize::from(distance))?))?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_streams() {
        // Fixed block with `a`: 1 bit last, 2 bits kind, 8 bits `a`, 7 bits end.
        assert_eq!(last_block(&[0x4b, 0x04, 0x00]), Some(LastBlock { block: 0, end: 18 }));
        // A stored block of three, then an empty fixed one.
        assert_eq!(last_block(&[0, 3, 0, 0xfc, 0xff, 1, 2, 3, 3, 0]), Some(LastBlock { block: 64, end: 74 }));
        assert_eq!(last_block(&[]), None);
        assert_eq!(last_block(&[7]), None);
    }

    #[test]
    fn a_cut_stream_has_no_last_block() {
        let raw: Vec<u8> = (0..20_000_u32).flat_map(|n| (n / 7 * 31).to_le_bytes()).collect();
        let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
        let mut bytes = vec![0; raw.len()];
        let length = compressor.deflate_compress(&raw, &mut bytes).unwrap();
        let end = last_block(&bytes[..length]).unwrap().end;
        assert_eq!(end.div_ceil(8), length);
        for cut in (0..length).step_by(97).chain(length - 9..length) {
            assert_eq!(last_block(&bytes[..cut]), None, "cut at {cut} of {length}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = last_block(&bytes);
        }
    }
}
