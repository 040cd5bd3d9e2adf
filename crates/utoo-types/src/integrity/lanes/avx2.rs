//! The rounds on the vectors of AVX2, which the compiler does not make of arrays: they have no rotation, and its own estimate
//! says that scalars, which have one, are faster. They are not.

use std::arch::x86_64::{
    __m256i as Vector, _mm256_add_epi64, _mm256_and_si256, _mm256_extract_epi64, _mm256_or_si256,
    _mm256_set_epi64x, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_slli_epi64, _mm256_srli_epi64,
    _mm256_xor_si256,
};

use super::{Block, ROUNDS, State, portable};

/// Four lanes.
#[multiversion::multiversion(targets("x86_64+avx2"))]
pub(super) fn compress(state: &mut State<4>, lanes: &[&[Block]; 4]) {
    multiversion::target::match_target! {
        "x86_64+avx2" => compress_vectors(state, lanes),
        _ => portable::compress(state, lanes),
    }
}

// Closures that `from_fn` and `zip` call are none of AVX2's functions, and what they hand on is copied through memory: hence
// the plain loops.
#[inline]
#[target_feature(enable = "avx2")]
fn compress_vectors(state: &mut State<4>, lanes: &[&[Block]; 4]) {
    let mut vectors = [_mm256_setzero_si256(); 8];
    for (vector, word) in vectors.iter_mut().zip(state.iter()) {
        *vector = of_lanes(*word);
    }
    let mut schedule = [_mm256_setzero_si256(); 16];
    for at in 0..lanes[0].len() {
        load(&mut schedule, lanes.map(|lane| &lane[at]));
        let mut mixed = vectors;
        for (turn, constants) in ROUNDS.as_chunks::<16>().0.iter().enumerate() {
            if turn > 0 {
                extend(&mut schedule);
            }
            for (words, constants) in schedule.as_chunks::<8>().0.iter().zip(constants.as_chunks::<8>().0) {
                let word =
                    |at: usize| _mm256_add_epi64(words[at], _mm256_set1_epi64x(constants[at].cast_signed()));
                mix::<0>(&mut mixed, word(0));
                mix::<1>(&mut mixed, word(1));
                mix::<2>(&mut mixed, word(2));
                mix::<3>(&mut mixed, word(3));
                mix::<4>(&mut mixed, word(4));
                mix::<5>(&mut mixed, word(5));
                mix::<6>(&mut mixed, word(6));
                mix::<7>(&mut mixed, word(7));
            }
        }
        for word in 0..8 {
            vectors[word] = _mm256_add_epi64(vectors[word], mixed[word]);
        }
    }
    for (word, vector) in state.iter_mut().zip(vectors) {
        *word = [
            _mm256_extract_epi64::<0>(vector),
            _mm256_extract_epi64::<1>(vector),
            _mm256_extract_epi64::<2>(vector),
            _mm256_extract_epi64::<3>(vector),
        ]
        .map(i64::cast_unsigned);
    }
}

/// The words of a block of each lane.
#[inline]
#[target_feature(enable = "avx2")]
fn load(schedule: &mut [Vector; 16], blocks: [&Block; 4]) {
    let [a, b, c, d] = blocks.map(|block| block.as_chunks::<8>().0);
    for (word, vector) in schedule.iter_mut().enumerate() {
        *vector = of_lanes([a[word], b[word], c[word], d[word]].map(u64::from_be_bytes));
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn of_lanes(lanes: [u64; 4]) -> Vector {
    let [a, b, c, d] = lanes.map(u64::cast_signed);
    _mm256_set_epi64x(d, c, b, a)
}

/// The next sixteen words of the message schedule, from the last sixteen.
#[inline]
#[target_feature(enable = "avx2")]
fn extend(schedule: &mut [Vector; 16]) {
    for at in 0..16 {
        let (early, late) = (schedule[(at + 1) % 16], schedule[(at + 14) % 16]);
        let early = xor(right::<1, 63>(early), right::<8, 56>(early), _mm256_srli_epi64::<7>(early));
        let late = xor(right::<19, 45>(late), right::<61, 3>(late), _mm256_srli_epi64::<6>(late));
        let sum = _mm256_add_epi64(schedule[at], early);
        schedule[at] = _mm256_add_epi64(sum, _mm256_add_epi64(schedule[(at + 9) % 16], late));
    }
}

/// One round; `word` has its constant in it. The eight variables do not move from round to round, their names do: the loop
/// around this is unrolled, so that each is a register.
#[inline]
#[target_feature(enable = "avx2")]
fn mix<const ROUND: usize>(state: &mut [Vector; 8], word: Vector) {
    let place = |name: usize| (name + 8 - ROUND) % 8;
    let [a, b, c, d] = [state[place(0)], state[place(1)], state[place(2)], state[place(3)]];
    let [e, f, g, h] = [state[place(4)], state[place(5)], state[place(6)], state[place(7)]];
    let choice = _mm256_xor_si256(_mm256_and_si256(_mm256_xor_si256(f, g), e), g);
    // The next round has the first of the two sums as its second.
    let majority = _mm256_xor_si256(_mm256_and_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(b, c)), b);
    let first = _mm256_add_epi64(h, xor(right::<14, 50>(e), right::<18, 46>(e), right::<41, 23>(e)));
    let first = _mm256_add_epi64(first, _mm256_add_epi64(choice, word));
    let second = xor(right::<28, 36>(a), right::<34, 30>(a), right::<39, 25>(a));
    state[place(3)] = _mm256_add_epi64(d, first);
    state[place(7)] = _mm256_add_epi64(first, _mm256_add_epi64(second, majority));
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm256_xor_si256(_mm256_xor_si256(a, b), c)
}

/// Rotates each word to the right; `LEFT` is what is missing to 64.
#[inline]
#[target_feature(enable = "avx2")]
fn right<const RIGHT: i32, const LEFT: i32>(words: Vector) -> Vector {
    const { assert!(RIGHT + LEFT == 64) };
    _mm256_or_si256(_mm256_srli_epi64::<RIGHT>(words), _mm256_slli_epi64::<LEFT>(words))
}
