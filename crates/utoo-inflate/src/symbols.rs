//! The loop in which nearly all of the time is spent: bits to symbols, symbols to bytes.

use multiversion::multiversion;

use crate::codes::{Codes, Entry};
use crate::window::{LITERALS, Window};
use crate::{AHEAD, InflateError};

/// The input, of which 56 to 63 bits are at hand after each refill.
///
/// All 64 are right by then: what is beyond `count` is what the next refill brings once more.
pub(crate) struct Bits<'i> {
    pub(crate) input: &'i [u8],
    pub(crate) at: usize,
    pub(crate) bits: u64,
    /// The lower 6 bits of it; what is above them is never looked at.
    pub(crate) count: u32,
}

impl Bits<'_> {
    /// Eight more bytes must be there.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.input[self.at..self.at + 8]);
        self.bits |= u64::from_le_bytes(bytes).wrapping_shl(self.count);
        self.count &= 63;
        self.at += (63 - self.count as usize) / 8;
        self.count |= 56;
    }

    #[inline(always)]
    pub(crate) fn skip(&mut self, entry: Entry) {
        self.bits = self.bits.wrapping_shr(entry.0);
        self.count = self.count.wrapping_sub(entry.0);
    }

    pub(crate) fn take(&mut self, count: u32) -> u32 {
        let taken = self.bits & ((1 << count) - 1);
        self.bits >>= count;
        self.count = self.count.wrapping_sub(count);
        taken as u32
    }

    /// Gives whole bytes back to the input.
    pub(crate) fn give_back(&mut self) {
        self.count &= 63;
        self.at -= self.count as usize / 8;
        self.count %= 8;
        self.bits &= (1 << self.count) - 1;
    }

    /// Goes to the next whole byte.
    pub(crate) fn align(&mut self) {
        self.give_back();
        (self.bits, self.count) = (0, 0);
    }

    /// Behind [`Bits::align`].
    pub(crate) fn take_u16(&mut self) -> u16 {
        let bytes = [self.input[self.at], self.input[self.at + 1]];
        self.at += 2;
        u16::from_le_bytes(bytes)
    }
}

/// A literal takes as many bits as index its table, or goes the long way.
const _: () = assert!(LITERALS * 11 <= 56);

/// Follows a block's codes, true at the end of the block, else until the input or the window is at its end.
///
/// The next entry is looked up before bytes are copied and bits refilled, neither of which it has to wait for: a refill
/// leaves 64 right bits, and between two of them at most 48 are used, 20 of a length and 28 of a distance, or 44 of literals.
#[multiversion(targets("x86_64+bmi1+bmi2"))]
pub(crate) fn decode(bits: &mut Bits<'_>, codes: &Codes, window: &mut Window) -> Result<bool, InflateError> {
    // In registers.
    let mut b = Bits { ..*bits };
    let stop = b.input.len() - AHEAD;
    let mut writer = window.writer();
    b.refill();
    let mut next = codes.literal(b.bits);
    let ended = loop {
        let mut entry = next;
        if entry.is_literal() {
            let mut literals = 0;
            while entry.is_literal() && literals < LITERALS {
                b.skip(entry);
                writer.literal(entry.byte());
                entry = codes.literal(b.bits);
                literals += 1;
            }
            b.refill();
            if literals == LITERALS {
                next = entry;
                if b.at > stop || !writer.has_room() {
                    break Ok(false);
                }
                continue;
            }
        }
        let mut before = b.bits;
        b.skip(entry);
        if entry.is_special() {
            if entry.is_second() {
                entry = codes.second_literal(entry, b.bits);
                before = b.bits;
                b.skip(entry);
            }
            if entry.is_literal() {
                writer.literal(entry.byte());
                next = codes.literal(b.bits);
                b.refill();
                if b.at > stop || !writer.has_room() {
                    break Ok(false);
                }
                continue;
            }
            if entry.is_special() {
                break if entry.is_end() { Ok(true) } else { Err(InflateError::Symbol) };
            }
        }
        let length = entry.number_in(before);
        let mut entry = codes.distance(b.bits);
        if entry.is_second() {
            b.skip(entry);
            entry = codes.second_distance(entry, b.bits);
        }
        if entry.is_special() {
            break Err(InflateError::Symbol);
        }
        let before = b.bits;
        b.skip(entry);
        next = codes.literal(b.bits);
        b.refill();
        if !writer.repeat(length, entry.number_in(before)) {
            break Err(InflateError::Distance);
        }
        if b.at > stop || !writer.has_room() {
            break Ok(false);
        }
    };
    let end = writer.at;
    window.written(end);
    *bits = b;
    ended
}
