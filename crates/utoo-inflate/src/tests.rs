use std::io::{Read, Write};

use flate2::Compression;
use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::*;

/// Fed and read in pieces of so many bytes at most: what comes out, and how much of the input was used.
fn inflated(stream: &[u8], fed: usize, read: usize) -> Result<(Vec<u8>, usize), InflateError> {
    let (mut inflate, mut all, mut at) = (Inflate::new(), Vec::new(), 0);
    let mut there = 0;
    while !inflate.is_done() {
        there = (there + fed).min(stream.len());
        let used = inflate.feed(&stream[at..there], there == stream.len())?;
        at += used;
        all.extend_from_slice(inflate.read(read));
    }
    all.extend_from_slice(inflate.unread());
    Ok((all, at))
}

fn whole(stream: &[u8]) -> Result<(Vec<u8>, usize), InflateError> {
    inflated(stream, usize::MAX / 2, usize::MAX)
}

/// As zlib has it.
fn expected(stream: &[u8]) -> std::io::Result<(Vec<u8>, usize)> {
    let mut decoder = DeflateDecoder::new(stream);
    let mut all = Vec::new();
    decoder.read_to_end(&mut all)?;
    Ok((all, decoder.total_in() as usize))
}

fn deflated(text: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Text as it is in packages, bytes that do not repeat, and runs of every period.
fn texts() -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(11);
    let words: Vec<String> =
        (0..400).map(|_| (0..random.usize(1..9)).map(|_| random.lowercase()).collect()).collect();
    let prose =
        (0..90_000).flat_map(|_| [random.choice(&words).unwrap().as_bytes(), b" "].concat()).collect();
    let noise = (0..300_000).map(|_| random.u8(..)).collect();
    let rare = (0..200_000).map(|_| random.u8(..).min(random.u8(..)).min(random.u8(..))).collect();
    let mut runs = Vec::new();
    for period in (1..40).chain([255, 256, 257, 258, 259, 1_000, 32_767, 32_768, 32_769]) {
        let once: Vec<u8> = (0..period).map(|_| random.u8(..)).collect();
        let length = random.usize(1..3 * period + 2_000);
        runs.extend(once.iter().cycle().take(length));
    }
    vec![Vec::new(), b"x".to_vec(), b"package/".repeat(3), vec![0; 1 << 20], prose, noise, rare, runs]
}

#[test]
fn what_zlib_deflates_is_inflated_in_pieces_of_any_size() {
    for text in texts() {
        for level in [0, 1, 2, 6, 9] {
            let stream = deflated(&text, level);
            assert_eq!(whole(&stream), Ok((text.clone(), stream.len())));
            let mut random = fastrand::Rng::with_seed(level.into());
            for _ in 0..3 {
                let (fed, read) = (random.usize(1..5_000), random.usize(500..200_000));
                assert_eq!(inflated(&stream, fed, read), Ok((text.clone(), stream.len())), "{fed}, {read}");
            }
        }
    }
}

#[test]
fn what_follows_a_stream_is_not_used() {
    let stream = deflated(b"package/package.json", 6);
    let followed = [&stream[..], &[0xff; 2 * AHEAD]].concat();
    assert_eq!(whole(&followed), Ok((b"package/package.json".to_vec(), stream.len())));
}

#[test]
fn a_stream_that_is_cut_anywhere_says_so() {
    for text in texts() {
        let stream = deflated(&text[..text.len().min(40_000)], 6);
        for cut in (0..stream.len()).step_by(1 + stream.len() / 300) {
            assert_eq!(whole(&stream[..cut]), Err(InflateError::CutShort), "{cut} of {}", stream.len());
        }
    }
}

#[test]
fn a_part_is_inflated_before_the_rest_is_there_and_no_byte_twice() {
    let text = texts().swap_remove(4);
    let stream = deflated(&text, 6);
    let mut inflate = Inflate::new();
    let used = inflate.feed(&stream[..stream.len() / 2], false).unwrap();
    assert!(used > 0 && !inflate.unread().is_empty());
    assert!(text.starts_with(inflate.unread()));
    let unread = inflate.unread().to_vec();
    assert_eq!(inflate.feed(&stream[used..used + AHEAD - 1], false), Ok(0));
    assert_eq!(inflate.unread(), unread);
}

#[test]
fn nothing_is_lost_where_nobody_reads() {
    let text = vec![b'x'; 4 * SPAN];
    let stream = deflated(&text, 6);
    let mut inflate = Inflate::new();
    let mut at = 0;
    for _ in 0..10 {
        at += inflate.feed(&stream[at..], true).unwrap();
    }
    let there = inflate.unread().len();
    assert!(!inflate.is_done() && there <= SPAN && there > SPAN / 2, "{there}");
    assert!(text.starts_with(inflate.unread()));
}

#[test]
fn another_stream_cannot_repeat_what_stands_before_it() {
    let first = deflated(b"0123456789", 6);
    let mut inflate = Inflate::new();
    inflate.feed(&first, true).unwrap();
    assert!(inflate.is_done());
    inflate.restart();
    assert!(!inflate.is_done());
    assert_eq!(inflate.unread(), b"0123456789");
    // The fixed codes: a length of 3 (0000001) and a distance of 1 (00000).
    let reaching = [0b0000_0011, 0b0000_0010, 0, 0];
    assert_eq!(inflate.feed(&reaching, true), Err(InflateError::Distance));
    inflate.restart();
    inflate.feed(&first, true).unwrap();
    assert!(inflate.is_done() && inflate.unread().ends_with(b"01234567890123456789"));
}

#[test]
fn each_kind_of_damage_has_its_error() {
    let of = |bits: &str| {
        let bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').collect();
        let bytes: Vec<u8> =
            bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |all, bit| all << 1 | bit)).collect();
        let result = whole(&bytes);
        assert_eq!(result.is_err(), expected(&bytes).is_err());
        result.map(|(text, _)| text)
    };
    assert_eq!(of("1 11"), Err(InflateError::Block));
    assert_eq!(of("1 00 00000 1000000000000000 1111111111111111"), Err(InflateError::Stored));
    // A literal, then a length of 3 from two back.
    assert_eq!(of("1 10 01010001 0000001 00001 0000000"), Err(InflateError::Distance));
    assert_eq!(of("1 10 01010001 0000001 00000 0000000"), Ok(b"!!!!".to_vec()));
    // Symbol 286 has a code, and no meaning; nor has distance 30.
    assert_eq!(of("1 10 11000110 0000000"), Err(InflateError::Symbol));
    assert_eq!(of("1 10 01010001 0000001 11110 0000000"), Err(InflateError::Symbol));
    // 287 literals and lengths; 31 distances.
    assert_eq!(of("1 01 01111 00000 0000"), Err(InflateError::Codes));
    assert_eq!(of("1 01 00000 01111 0000"), Err(InflateError::Codes));
    // The first length repeats the one before it, where the codes of lengths are 16 and 17, of one bit each.
    assert_eq!(of("1 01 00000 00000 0000 100 100 000 000 0"), Err(InflateError::Codes));
    // Three codes of one bit; one code of one bit, which only distances may have; none at all.
    assert_eq!(of("1 01 00000 00000 0000 100 100 100 000 0"), Err(InflateError::Codes));
    assert_eq!(of("1 01 00000 00000 0000 100 000 000 000 0"), Err(InflateError::Codes));
    assert_eq!(of("1 01 00000 00000 0000 000 000 000 000 0"), Err(InflateError::Codes));
}

/// Whatever is done to a stream, zlib's answer is the answer.
#[test]
fn damaged_streams_are_accepted_or_refused_as_zlib_does() {
    let mut random = fastrand::Rng::with_seed(3);
    let streams: Vec<Vec<u8>> = texts()
        .iter()
        .flat_map(|text| [0, 1, 6].map(|level| deflated(&text[..text.len().min(3_000)], level)))
        .collect();
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut stream = random.choice(&streams).unwrap().clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..stream.len().min(120));
            stream[at] ^= 1 << random.u8(..8);
        }
        let result = whole(&stream).ok();
        refused += usize::from(result.is_none());
        assert!(result == expected(&stream).ok(), "{stream:?}");
    }
    assert!((5_000..20_000).contains(&refused), "{refused}");
}

#[test]
fn bytes_at_random_are_accepted_or_refused_as_zlib_does() {
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..50_000 {
        // A head with codes of its own, more often than not.
        let mut stream: Vec<u8> = (0..random.usize(1..200)).map(|_| random.u8(..)).collect();
        stream[0] = stream[0] & !7 | random.choice([5, 5, 3, 1, 4]).unwrap();
        assert!(whole(&stream).ok() == expected(&stream).ok(), "{stream:?}");
    }
}
