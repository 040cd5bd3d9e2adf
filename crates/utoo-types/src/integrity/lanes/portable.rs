//! The rounds on arrays: what stands in for vectors where the processor has none. It is never called there, as nothing is hashed
//! together, but by tests.

use std::array::from_fn;

use super::{Block, ROUNDS, State};

/// The same word of every lane.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Word<const LANES: usize>([u64; LANES]);

impl<const LANES: usize> Word<LANES> {
    #[inline(always)]
    fn map(self, operation: impl Fn(u64) -> u64) -> Self {
        Self(self.0.map(operation))
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self(from_fn(|lane| self.0[lane].wrapping_add(other.0[lane])))
    }
}

#[inline(always)]
pub(super) fn compress<const LANES: usize>(state: &mut State<LANES>, lanes: &[&[Block]; LANES]) {
    for (at, _) in lanes[0].iter().enumerate() {
        let mut schedule: [Word<LANES>; 16] = from_fn(|word| {
            let load = |block: &Block| u64::from_be_bytes(from_fn(|byte| block[word * 8 + byte]));
            Word(from_fn(|lane| load(&lanes[lane][at])))
        });
        let mut mixed = state.map(Word);
        for (turn, constants) in ROUNDS.as_chunks::<16>().0.iter().enumerate() {
            if turn > 0 {
                extend(&mut schedule);
            }
            for (constant, word) in constants.iter().zip(schedule) {
                mix(&mut mixed, word.map(|word| word.wrapping_add(*constant)));
            }
        }
        for (word, mixed) in state.iter_mut().zip(mixed) {
            *word = Word(*word).plus(mixed).0;
        }
    }
}

/// The next sixteen words of the message schedule, from the last sixteen.
#[inline(always)]
fn extend<const LANES: usize>(schedule: &mut [Word<LANES>; 16]) {
    for at in 0..16 {
        let early = schedule[(at + 1) % 16].map(|x| x.rotate_right(1) ^ x.rotate_right(8) ^ (x >> 7));
        let late = schedule[(at + 14) % 16].map(|x| x.rotate_right(19) ^ x.rotate_right(61) ^ (x >> 6));
        schedule[at] = schedule[at].plus(early).plus(schedule[(at + 9) % 16]).plus(late);
    }
}

/// One round; `word` has its constant in it.
#[inline(always)]
fn mix<const LANES: usize>(state: &mut [Word<LANES>; 8], word: Word<LANES>) {
    let [a, b, c, d, e, f, g, h] = *state;
    let choice = Word(from_fn(|lane| (e.0[lane] & f.0[lane]) ^ (!e.0[lane] & g.0[lane])));
    let majority =
        Word(from_fn(|lane| (a.0[lane] & b.0[lane]) ^ (a.0[lane] & c.0[lane]) ^ (b.0[lane] & c.0[lane])));
    let first = h
        .plus(e.map(|x| x.rotate_right(14) ^ x.rotate_right(18) ^ x.rotate_right(41)))
        .plus(choice)
        .plus(word);
    let second = a.map(|x| x.rotate_right(28) ^ x.rotate_right(34) ^ x.rotate_right(39)).plus(majority);
    *state = [first.plus(second), a, b, c, d.plus(first), e, f, g];
}
