//! The rounds on the vectors of AVX2, which the compiler does not make of arrays: they have no rotation, and its own estimate
//! says that scalars, which have one, are faster. They are not.

use std::arch::x86_64::{
    __m256i as Vector, _mm256_add_epi64, _mm256_and_si256, _mm256_extract_epi64, _mm256_or_si256,
    _mm256_set_epi64x, _mm256_set1_epi64x, _mm256_slli_epi64, _mm256_srli_epi64, _mm256_xor_si256,
};
use std::array::from_fn;

use super::{Block, ROUNDS, State, portable};

/// Four lanes.
#[multiversion::multiversion(targets("x86_64+avx2"))]
pub(super) fn compress(state: &mut State<4>, lanes: &[&[Block]; 4]) {
    multiversion::target::match_target! {
        "x86_64+avx2" => compress_vectors(state, lanes),
        _ => portable::compress(state, lanes),
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn compress_vectors(state: &mut State<4>, lanes: &[&[Block]; 4]) {
    let mut vectors: [Vector; 8] = from_fn(|word| vector(from_fn(|lane| state[word][lane])));
    for (at, _) in lanes[0].iter().enumerate() {
        let mut schedule: [Vector; 16] = from_fn(|word| {
            let load = |block: &Block| u64::from_be_bytes(from_fn(|byte| block[word * 8 + byte]));
            vector(from_fn(|lane| load(&lanes[lane][at])))
        });
        let mut mixed = vectors;
        for (turn, constants) in ROUNDS.as_chunks::<16>().0.iter().enumerate() {
            if turn > 0 {
                extend(&mut schedule);
            }
            for (constant, word) in constants.iter().zip(schedule) {
                mix(&mut mixed, _mm256_add_epi64(word, _mm256_set1_epi64x(constant.cast_signed())));
            }
        }
        for (vector, mixed) in vectors.iter_mut().zip(mixed) {
            *vector = _mm256_add_epi64(*vector, mixed);
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

#[inline]
#[target_feature(enable = "avx2")]
fn vector(lanes: [u64; 4]) -> Vector {
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

/// One round; `word` has its constant in it.
#[inline]
#[target_feature(enable = "avx2")]
fn mix(state: &mut [Vector; 8], word: Vector) {
    let [a, b, c, d, e, f, g, h] = *state;
    let choice = _mm256_xor_si256(_mm256_and_si256(_mm256_xor_si256(f, g), e), g);
    let majority = _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(c, _mm256_or_si256(a, b)));
    let first = _mm256_add_epi64(h, xor(right::<14, 50>(e), right::<18, 46>(e), right::<41, 23>(e)));
    let first = _mm256_add_epi64(first, _mm256_add_epi64(choice, word));
    let second = xor(right::<28, 36>(a), right::<34, 30>(a), right::<39, 25>(a));
    let second = _mm256_add_epi64(second, majority);
    *state = [_mm256_add_epi64(first, second), a, b, c, _mm256_add_epi64(d, first), e, f, g];
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
