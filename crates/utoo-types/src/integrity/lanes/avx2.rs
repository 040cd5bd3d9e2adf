//! Four lanes, on the vectors of AVX2. The compiler does not make them of arrays: they have no rotation, and its own estimate
//! says that scalars, which have one, are faster. They are not.

use std::arch::x86_64::{
    __m256i as Vector, _mm256_add_epi64 as add, _mm256_and_si256, _mm256_extract_epi64, _mm256_or_si256,
    _mm256_set_epi64x, _mm256_slli_epi64, _mm256_srli_epi64 as shift, _mm256_xor_si256,
};

use super::rounds::rounds;
use super::{Block, ROUNDS, State, portable};

#[multiversion::multiversion(targets("x86_64+avx2"))]
pub(super) fn compress(state: &mut State<4>, lanes: &[&[Block]; 4]) {
    multiversion::target::match_target! {
        "x86_64+avx2" => compress_vectors(state, lanes),
        _ => portable::compress(state, lanes),
    }
}

rounds!(4, target_feature(enable = "avx2"));

#[inline]
#[target_feature(enable = "avx2")]
fn of_lanes(lanes: [u64; 4]) -> Vector {
    let [a, b, c, d] = lanes.map(u64::cast_signed);
    _mm256_set_epi64x(d, c, b, a)
}

#[inline]
#[target_feature(enable = "avx2")]
fn to_lanes(vector: Vector) -> [u64; 4] {
    [
        _mm256_extract_epi64::<0>(vector),
        _mm256_extract_epi64::<1>(vector),
        _mm256_extract_epi64::<2>(vector),
        _mm256_extract_epi64::<3>(vector),
    ]
    .map(i64::cast_unsigned)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm256_xor_si256(_mm256_xor_si256(a, b), c)
}

#[inline]
#[target_feature(enable = "avx2")]
fn choice(e: Vector, f: Vector, g: Vector) -> Vector {
    _mm256_xor_si256(_mm256_and_si256(_mm256_xor_si256(f, g), e), g)
}

/// The next round has the first of the two sums as its second.
#[inline]
#[target_feature(enable = "avx2")]
fn majority(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm256_xor_si256(_mm256_and_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(b, c)), b)
}

/// Rotates each word to the right; `LEFT` is what is missing to 64.
#[inline]
#[target_feature(enable = "avx2")]
fn right<const RIGHT: i32, const LEFT: i32>(words: Vector) -> Vector {
    const { assert!(RIGHT + LEFT == 64) };
    _mm256_or_si256(shift::<RIGHT>(words), _mm256_slli_epi64::<LEFT>(words))
}
