//! Tables by which codes are read: what begins with these bits is this symbol (RFC 1951, 3.2.2).
//!
//! A table is indexed by the next bits of the input, 11 of a literal or length and 9 of a distance, of which the code is the first few.
//! For longer codes a second table follows, in the same array, for the bits behind those.

use crate::InflateError;
use crate::symbols::Bits;

/// How many symbols a block may have codes for.
pub(crate) const LITERALS_AND_LENGTHS: usize = 286;
pub(crate) const DISTANCES: usize = 30;

pub(crate) const END_OF_BLOCK: usize = 256;

/// Codes have at most so many bits.
const LONGEST: usize = 15;

/// What a code stands for.
///
/// | bits | |
/// |---|---|
/// | 0 to 5 | how many bits there are in all, the extra bits of a length or distance among them |
/// | 8 to 11 | how many of them are the code; of a second table, how many bits are its index |
/// | 13 | the end of the block |
/// | 14 | a second table |
/// | 15 | one of these two, or no symbol at all |
/// | 16 to 30 | a literal; the least length or distance; where the second table begins |
/// | 31 | a literal |
///
/// (The shifts of 64-bit words look at the lower 6 bits alone: so nothing has to be cut off for them.)
#[derive(Clone, Copy)]
pub(crate) struct Entry(pub(crate) u32);

impl Entry {
    const LITERAL: u32 = 1 << 31;
    const SPECIAL: u32 = 1 << 15;
    const SECOND: u32 = 1 << 14;
    const END: u32 = 1 << 13;

    const fn literal(byte: u32) -> Self {
        Self(Self::LITERAL | byte << 16)
    }

    const fn number(least: u32, extra: u32) -> Self {
        Self(least << 16 | extra)
    }

    const fn nothing() -> Self {
        Self(Self::SPECIAL)
    }

    const fn end() -> Self {
        Self(Self::SPECIAL | Self::END)
    }

    fn second(start: usize, index: usize, first: usize) -> Self {
        Self((start as u32) << 16 | Self::SPECIAL | Self::SECOND | (index as u32) << 8 | first as u32)
    }

    /// With the length of its code.
    fn coded(self, bits: usize) -> Self {
        Self(self.0 + bits as u32 * 0x101)
    }

    #[inline(always)]
    pub(crate) fn is_literal(self) -> bool {
        self.0 & Self::LITERAL != 0
    }

    #[inline(always)]
    pub(crate) fn is_special(self) -> bool {
        self.0 & Self::SPECIAL != 0
    }

    #[inline(always)]
    pub(crate) fn is_second(self) -> bool {
        self.0 & Self::SECOND != 0
    }

    #[inline(always)]
    pub(crate) fn is_end(self) -> bool {
        self.0 & Self::END != 0
    }

    #[inline(always)]
    pub(crate) fn byte(self) -> u8 {
        (self.0 >> 16) as u8
    }

    /// The length or distance: the least one, and the extra bits. `bits` has the code in front.
    #[inline(always)]
    pub(crate) fn number_in(self, bits: u64) -> usize {
        let all = bits & !u64::MAX.wrapping_shl(self.0);
        (self.0 >> 16) as usize + all.wrapping_shr(self.0 >> 8) as usize
    }

    /// Where in the array the entry of the second table is. `bits` begins behind what led here.
    #[inline(always)]
    fn second_at(self, bits: u64) -> usize {
        let index = bits & !u64::MAX.wrapping_shl(self.0 >> 8 & 15);
        (self.0 >> 16 & 0x7fff) as usize + index as usize
    }
}

/// RFC 1951, 3.2.5.
const LITERALS: [Entry; 288] = {
    let mut entries = [Entry::nothing(); 288];
    let mut symbol = 0;
    while symbol < END_OF_BLOCK {
        entries[symbol] = Entry::literal(symbol as u32);
        symbol += 1;
    }
    entries[END_OF_BLOCK] = Entry::end();
    let (mut least, mut group) = (3, 0);
    while group < 28 {
        let extra = if group < 8 { 0 } else { group as u32 / 4 - 1 };
        entries[END_OF_BLOCK + 1 + group] = Entry::number(least, extra);
        least += 1 << extra;
        group += 1;
    }
    entries[LITERALS_AND_LENGTHS - 1] = Entry::number(258, 0);
    entries
};

/// RFC 1951, 3.2.5.
const DISTANCE_ENTRIES: [Entry; 32] = {
    let mut entries = [Entry::nothing(); 32];
    let (mut least, mut symbol) = (1, 0);
    while symbol < DISTANCES {
        let extra = if symbol < 4 { 0 } else { symbol as u32 / 2 - 1 };
        entries[symbol] = Entry::number(least, extra);
        least += 1 << extra;
        symbol += 1;
    }
    entries
};

const LENGTH_ENTRIES: [Entry; 19] = {
    let mut entries = [Entry::nothing(); 19];
    let mut symbol = 0;
    while symbol < entries.len() {
        entries[symbol] = Entry::number(symbol as u32, 0);
        symbol += 1;
    }
    entries
};

/// What a code is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Literals,
    Distances,
    /// The lengths of the codes of the other two.
    Lengths,
}

/// The tables of the block at hand.
pub(crate) struct Codes {
    literals: Box<Table<4096>>,
    distances: Box<Table<1024>>,
    lengths: Box<Table<128>>,
}

impl Codes {
    const LITERAL_BITS: usize = 11;
    const DISTANCE_BITS: usize = 9;
    /// As many as these codes may have: there is no second table.
    const LENGTH_BITS: usize = 7;

    pub(crate) fn new() -> Self {
        Self { literals: Table::new(), distances: Table::new(), lengths: Table::new() }
    }

    /// Makes the tables of RFC 1951, 3.2.6.
    pub(crate) fn fix(&mut self) {
        let mut lengths = [8; LITERALS.len()];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        let sound = self.build(Kind::Literals, &lengths).and_then(|()| self.build(Kind::Distances, &[5; 32]));
        debug_assert_eq!(sound, Ok(()), "both codes are complete");
    }

    /// Makes the table of codes that have these lengths, by symbol; 0 for a symbol that has none.
    pub(crate) fn build(&mut self, kind: Kind, lengths: &[u8]) -> Result<(), InflateError> {
        match kind {
            Kind::Literals => self.literals.build(Self::LITERAL_BITS, lengths, &LITERALS, kind),
            Kind::Distances => self.distances.build(Self::DISTANCE_BITS, lengths, &DISTANCE_ENTRIES, kind),
            Kind::Lengths => self.lengths.build(Self::LENGTH_BITS, lengths, &LENGTH_ENTRIES, kind),
        }
    }

    #[inline(always)]
    pub(crate) fn literal(&self, bits: u64) -> Entry {
        self.literals.0[bits as usize % (1 << Self::LITERAL_BITS)]
    }

    #[inline(always)]
    pub(crate) fn second_literal(&self, first: Entry, bits: u64) -> Entry {
        self.literals.second(first, bits)
    }

    #[inline(always)]
    pub(crate) fn distance(&self, bits: u64) -> Entry {
        self.distances.0[bits as usize % (1 << Self::DISTANCE_BITS)]
    }

    #[inline(always)]
    pub(crate) fn second_distance(&self, first: Entry, bits: u64) -> Entry {
        self.distances.second(first, bits)
    }

    /// Reads the length of a code, or one of 16, 17 and 18.
    pub(crate) fn length(&self, bits: &mut Bits<'_>) -> Result<u8, InflateError> {
        bits.refill();
        let entry = self.lengths.0[bits.bits as usize % (1 << Self::LENGTH_BITS)];
        if entry.is_special() {
            return Err(InflateError::Codes);
        }
        bits.skip(entry);
        Ok(entry.byte())
    }
}

/// A table, and behind it the second ones. 2,342 entries are the most that 286 codes of up to 15 bits need with 11 bits for the
/// first, and 592 that 30 need with 9; as powers of two they need no check.
struct Table<const ENTRIES: usize>([Entry; ENTRIES]);

impl<const ENTRIES: usize> Table<ENTRIES> {
    fn new() -> Box<Self> {
        Box::new(Self([Entry::nothing(); ENTRIES]))
    }

    #[inline(always)]
    fn second(&self, first: Entry, bits: u64) -> Entry {
        self.0[first.second_at(bits) % ENTRIES]
    }

    fn build(
        &mut self,
        table_bits: usize,
        lengths: &[u8],
        entries: &[Entry],
        kind: Kind,
    ) -> Result<(), InflateError> {
        let sorted = Sorted::new(lengths)?;
        if sorted.left > 0 {
            return self.build_incomplete(table_bits, &sorted, entries, kind);
        }
        let mut code = Code::first();
        let mut symbols = sorted.symbols().map(|symbol| entries[symbol]);
        self.build_first(table_bits, &sorted, &mut code, &mut symbols);
        self.build_second(table_bits, &sorted, &mut code, &mut symbols);
        Ok(())
    }

    /// zlib lets a block have one code of one bit, or none: where it has no distances, for one.
    fn build_incomplete(
        &mut self,
        table_bits: usize,
        sorted: &Sorted,
        entries: &[Entry],
        kind: Kind,
    ) -> Result<(), InflateError> {
        let only = sorted.symbols().next();
        if only.is_some() && (kind == Kind::Lengths || (sorted.used, sorted.counts[1]) != (1, 1)) {
            return Err(InflateError::Codes);
        }
        let table = &mut self.0[..1 << table_bits];
        table.fill(Entry::nothing());
        if let Some(symbol) = only {
            table.iter_mut().step_by(2).for_each(|entry| *entry = entries[symbol].coded(1));
        }
        Ok(())
    }

    /// For each length in turn, the table is doubled, and what has a code of that length put over what that makes of shorter ones.
    fn build_first(
        &mut self,
        table_bits: usize,
        sorted: &Sorted,
        code: &mut Code,
        symbols: &mut impl Iterator<Item = Entry>,
    ) {
        for bits in 1..=table_bits {
            self.0.copy_within(..1 << (bits - 1), 1 << (bits - 1));
            for symbol in symbols.take(sorted.counts[bits].into()) {
                self.0[code.reversed % ENTRIES] = symbol.coded(bits);
                code.advance(bits);
            }
        }
    }

    fn build_second(
        &mut self,
        table_bits: usize,
        sorted: &Sorted,
        code: &mut Code,
        symbols: &mut impl Iterator<Item = Entry>,
    ) {
        let mut first = usize::MAX;
        let (mut start, mut end) = (0, 1 << table_bits);
        for bits in table_bits + 1..=LONGEST {
            for number in 0..sorted.counts[bits] {
                let Some(symbol) = symbols.next() else { return };
                let prefix = code.reversed % (1 << table_bits);
                if prefix != first {
                    let index = sorted.index_bits(table_bits, bits, number);
                    (first, start, end) = (prefix, end, end + (1 << index));
                    self.0[prefix] = Entry::second(start, index, table_bits);
                }
                let behind = bits - table_bits;
                let places = (start + (code.reversed >> table_bits)..end).step_by(1 << behind);
                places.for_each(|place| self.0[place % ENTRIES] = symbol.coded(behind));
                code.advance(bits);
            }
        }
    }
}

/// A code, its first bit the lowest, as the input has it.
struct Code {
    reversed: usize,
}

impl Code {
    fn first() -> Self {
        Self { reversed: 0 }
    }

    /// The next code of so many bits. Behind the last one there is none, and nobody asks for it.
    fn advance(&mut self, bits: usize) {
        let zeros = self.reversed ^ ((1 << bits) - 1);
        // Counting up sets the last bit that is not set, and clears those behind it: read from the other side, those above it.
        let bit: usize = zeros.checked_ilog2().map_or(0, |highest| 1 << highest);
        self.reversed = self.reversed & bit.wrapping_sub(1) | bit;
    }
}

/// Symbols by the length of their code.
struct Sorted {
    /// How many have a code of so many bits.
    counts: [u16; LONGEST + 1],
    symbols: [u16; 288],
    used: usize,
    /// How much of the codes is free, in codes of the greatest length.
    left: i32,
}

impl Sorted {
    fn new(lengths: &[u8]) -> Result<Self, InflateError> {
        let mut counts = [0_u16; LONGEST + 1];
        lengths.iter().for_each(|length| counts[usize::from(*length) % 16] += 1);
        let mut places = [0_u16; LONGEST + 2];
        let mut left = 1;
        for bits in 1..=LONGEST {
            left = 2 * left - i32::from(counts[bits]);
            if left < 0 {
                return Err(InflateError::Codes);
            }
            places[bits + 1] = places[bits] + counts[bits];
        }
        let used = places[LONGEST + 1].into();
        let mut symbols = [0; 288];
        for (symbol, length) in (0..).zip(lengths).filter(|(_, length)| **length != 0) {
            let place = &mut places[usize::from(*length) % 16];
            symbols[usize::from(*place)] = symbol;
            *place += 1;
        }
        Ok(Self { counts, symbols, used, left })
    }

    fn symbols(&self) -> impl Iterator<Item = usize> {
        self.symbols[..self.used].iter().map(|symbol| usize::from(*symbol))
    }

    /// How many bits the index of a second table has whose first code is number `done` of those with so many bits: longer codes
    /// fill it until it is full.
    fn index_bits(&self, table_bits: usize, bits: usize, done: u16) -> usize {
        let mut index = bits - table_bits;
        let mut free = (1 << index) - i32::from(self.counts[bits] - done);
        while free > 0 && index + table_bits < LONGEST {
            index += 1;
            free = 2 * free - i32::from(self.counts[index + table_bits]);
        }
        index
    }
}
