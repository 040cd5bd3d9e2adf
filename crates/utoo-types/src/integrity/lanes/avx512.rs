//! Eight lanes, on the vectors of AVX-512, which rotate, and combine three words in any way.

use std::arch::x86_64::{
    __m512i as Vector, _mm256_extract_epi64, _mm512_add_epi64 as add, _mm512_castsi512_si256,
    _mm512_extracti64x4_epi64, _mm512_ror_epi64, _mm512_set_epi64, _mm512_srli_epi64,
    _mm512_ternarylogic_epi64,
};

use super::rounds::rounds;
use super::{Block, ROUNDS, State, portable};

#[multiversion::multiversion(targets("x86_64+avx512f"))]
pub(super) fn compress(state: &mut State<8>, lanes: &[&[Block]; 8]) {
    multiversion::target::match_target! {
        "x86_64+avx512f" => compress_vectors(state, lanes),
        _ => portable::compress(state, lanes),
    }
}

rounds!(8, target_feature(enable = "avx512f"));

#[inline]
#[target_feature(enable = "avx512f")]
fn of_lanes(lanes: [u64; 8]) -> Vector {
    let [a, b, c, d, e, f, g, h] = lanes.map(u64::cast_signed);
    _mm512_set_epi64(h, g, f, e, d, c, b, a)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn to_lanes(vector: Vector) -> [u64; 8] {
    let (low, high) = (_mm512_castsi512_si256(vector), _mm512_extracti64x4_epi64::<1>(vector));
    [
        _mm256_extract_epi64::<0>(low),
        _mm256_extract_epi64::<1>(low),
        _mm256_extract_epi64::<2>(low),
        _mm256_extract_epi64::<3>(low),
        _mm256_extract_epi64::<0>(high),
        _mm256_extract_epi64::<1>(high),
        _mm256_extract_epi64::<2>(high),
        _mm256_extract_epi64::<3>(high),
    ]
    .map(i64::cast_unsigned)
}

// Each of the eight bits is what three bits give together, by the number that they are.

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm512_ternarylogic_epi64::<0b1001_0110>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn choice(e: Vector, f: Vector, g: Vector) -> Vector {
    _mm512_ternarylogic_epi64::<0b1100_1010>(e, f, g)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn majority(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm512_ternarylogic_epi64::<0b1110_1000>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn shift<const RIGHT: u32>(words: Vector) -> Vector {
    _mm512_srli_epi64::<RIGHT>(words)
}

/// Rotates each word to the right; `LEFT` is what is missing to 64.
#[inline]
#[target_feature(enable = "avx512f")]
fn right<const RIGHT: i32, const LEFT: i32>(words: Vector) -> Vector {
    const { assert!(RIGHT + LEFT == 64) };
    _mm512_ror_epi64::<RIGHT>(words)
}
