//! Deflate (RFC 1951), read piece by piece.
//!
//! What is inflated stands in a window of [`SPAN`] bytes, which stays in a core's cache, until it is read; what may still be
//! repeated stays behind it. So an archive of any size takes the same memory, and its bytes are never far away.
//!
//! Why it is not a library's: those that read piece by piece take a quarter more time (zlib-rs 519, fdeflate 544 MB/s of
//! output for an archive of 143 MB, this 670), and the fastest one (libdeflate, 739) needs the whole of its input and room
//! for the whole of its output, whose fresh pages cost more than it saves. It accepts what zlib accepts, and is held to zlib-rs
//! by its tests and by a fuzz target.
//!
//! Passes: a block's head says how symbols are coded; `codes` makes tables of that; `symbols` follows them, one of literals
//! and lengths, one of distances, until the block, the window or the input ends; `window` has what they make.
//!
//! What this never does: read gzip's or zlib's frames, check sums, allocate once it is made.

mod codes;
mod symbols;
mod window;

use codes::{Codes, DISTANCES, Kind, LITERALS_AND_LENGTHS};
use symbols::{Bits, decode};
use window::Window;

pub use window::SPAN;

/// Bytes of input that are held back until more come, or until it is said that none will: what any step may look at.
/// The longest is the head of a block with codes of its own: 14 bits, 19 lengths of 3 bits, and 316 symbols of 14.
pub const AHEAD: usize = 640;

/// Why a stream cannot be inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// The input ends before the stream does.
    #[error("it is cut short")]
    CutShort,
    /// A block of the fourth kind, of which there are three.
    #[error("a block is of no known kind")]
    Block,
    /// The length of a stored block, which stands there twice.
    #[error("the two lengths of a stored block differ")]
    Stored,
    /// The lengths of a block's codes, which fit no code.
    #[error("a block's codes are not sound")]
    Codes,
    /// A code that stands for nothing.
    #[error("a code stands for no symbol")]
    Symbol,
    /// A repetition of what comes before the stream.
    #[error("it repeats what was never there")]
    Distance,
}

/// One stream after the other, each inflated as far as its input is there and its output is read.
///
/// ```
/// # fn main() -> Result<(), utoo_inflate::InflateError> {
/// let stored = [1, 5, 0, 250, 255, b'h', b'e', b'l', b'l', b'o'];
/// let mut inflate = utoo_inflate::Inflate::new();
/// let mut text = Vec::new();
/// let mut at = 0;
/// while !inflate.is_done() {
///     at += inflate.feed(&stored[at..], true)?;
///     text.extend_from_slice(inflate.read(usize::MAX));
/// }
/// assert_eq!((&text[..], at), (&b"hello"[..], stored.len()));
/// # Ok(())
/// # }
/// ```
pub struct Inflate {
    window: Window,
    codes: Codes,
    /// Of the input, fewer than 8 bits that are consumed and not used.
    bits: u64,
    count: u32,
    state: State,
    /// Whether the block at hand is the last one.
    is_last: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// A block begins.
    Head,
    Symbols,
    /// So many bytes of a stored block are left.
    Stored(usize),
    Done,
}

impl Default for Inflate {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflate {
    /// At the beginning of a stream. Takes some 280 KB.
    #[must_use]
    pub fn new() -> Self {
        let (window, codes) = (Window::new(), Codes::new());
        Self { window, codes, bits: 0, count: 0, state: State::Head, is_last: false }
    }

    /// Begins another stream. What is unread stays so.
    pub fn restart(&mut self) {
        self.window.begin();
        (self.bits, self.count, self.state) = (0, 0, State::Head);
    }

    /// Whether the stream has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// What is inflated and not read, at most [`SPAN`] bytes.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.window.unread()
    }

    /// Reads the first of the unread bytes, at most so many: there is room for more then.
    pub fn read(&mut self, most: usize) -> &[u8] {
        self.window.read(most)
    }

    /// Inflates what there is room for. Gives how many bytes of the input were used: the next call's begins behind them.
    ///
    /// Nothing happens where the stream is done, where too much is unread, or where fewer than [`AHEAD`] bytes are given
    /// that are not the `last` ones.
    ///
    /// # Errors
    /// See [`InflateError`]. What is unread then may be anything.
    pub fn feed(&mut self, input: &[u8], last: bool) -> Result<usize, InflateError> {
        self.window.make_room();
        let length = input.len();
        if length >= AHEAD {
            let (used, ran) = self.run(input);
            return ran.map(|()| used);
        }
        if !last {
            return Ok(0);
        }
        // Zeros to look ahead at, and to have at hand at the very end. Whoever uses them finds no end of the stream.
        let mut padded = [0; AHEAD + 8 + AHEAD];
        padded[..length].copy_from_slice(input);
        let (used, ran) = self.run(&padded[..length + 8 + AHEAD]);
        if used > length {
            return Err(InflateError::CutShort);
        }
        ran.map(|()| used)
    }

    /// Inflates as long as there are [`AHEAD`] bytes, of which there are as many at first.
    fn run(&mut self, input: &[u8]) -> (usize, Result<(), InflateError>) {
        let mut bits = Bits { input, at: 0, bits: self.bits, count: self.count };
        let mut ran = Ok(());
        while ran.is_ok() && !self.is_done() && self.window.has_room() && bits.at <= input.len() - AHEAD {
            ran = self.step(&mut bits);
        }
        bits.give_back();
        (self.bits, self.count) = (bits.bits, bits.count);
        (bits.at, ran)
    }

    fn step(&mut self, bits: &mut Bits<'_>) -> Result<(), InflateError> {
        match self.state {
            State::Head => self.state = self.head(bits)?,
            State::Symbols => {
                if decode(bits, &self.codes, &mut self.window)? {
                    self.state = self.behind_block();
                }
            }
            State::Stored(left) => {
                let length = self.window.store(&bits.input[bits.at..], left);
                bits.at += length;
                self.state = if length < left { State::Stored(left - length) } else { self.behind_block() };
            }
            State::Done => {}
        }
        Ok(())
    }

    fn behind_block(&self) -> State {
        if self.is_last { State::Done } else { State::Head }
    }

    /// RFC 1951, 3.2.3.
    fn head(&mut self, bits: &mut Bits<'_>) -> Result<State, InflateError> {
        bits.refill();
        self.is_last = bits.take(1) == 1;
        match bits.take(2) {
            0 => {
                bits.align();
                let (length, inverse) = (bits.take_u16(), bits.take_u16());
                if length != !inverse {
                    return Err(InflateError::Stored);
                }
                return Ok(State::Stored(length.into()));
            }
            1 => self.codes.fix(),
            2 => self.read_codes(bits)?,
            _ => return Err(InflateError::Block),
        }
        Ok(State::Symbols)
    }

    /// RFC 1951, 3.2.7.
    fn read_codes(&mut self, bits: &mut Bits<'_>) -> Result<(), InflateError> {
        const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let literals = bits.take(5) as usize + 257;
        let distances = bits.take(5) as usize + 1;
        let coded = bits.take(4) as usize + 4;
        if literals > LITERALS_AND_LENGTHS || distances > DISTANCES {
            return Err(InflateError::Codes);
        }
        let mut lengths_of_codes = [0; ORDER.len()];
        for &code in &ORDER[..coded] {
            bits.refill();
            lengths_of_codes[code] = bits.take(3) as u8;
        }
        self.codes.build(Kind::Lengths, &lengths_of_codes)?;
        // The last run may be longer than what is left.
        let mut lengths = [0; LITERALS_AND_LENGTHS + DISTANCES + 138];
        let (mut at, all) = (0, literals + distances);
        while at < all {
            let (length, times) = match self.codes.length(bits)? {
                16 if at == 0 => return Err(InflateError::Codes),
                16 => (lengths[at - 1], 3 + bits.take(2)),
                17 => (0, 3 + bits.take(3)),
                18 => (0, 11 + bits.take(7)),
                length => (length, 1),
            };
            lengths[at..at + times as usize].fill(length);
            at += times as usize;
        }
        // A block has an end.
        if at > all || lengths[codes::END_OF_BLOCK] == 0 {
            return Err(InflateError::Codes);
        }
        self.codes.build(Kind::Literals, &lengths[..literals])?;
        self.codes.build(Kind::Distances, &lengths[literals..all])
    }
}

#[cfg(test)]
mod tests;
