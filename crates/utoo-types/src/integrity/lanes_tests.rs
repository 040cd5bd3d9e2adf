use proptest::prelude::*;

use super::*;

fn by_library(messages: &[&[u8]]) -> Vec<Digest> {
    messages.iter().map(|message| Sha512::digest(message).into()).collect()
}

/// The digests by all the code that there is, each held to the library's: for lanes that this processor has no vectors for,
/// by what stands in for them.
fn check(messages: &[&[u8]]) {
    let expected = by_library(messages);
    assert_eq!(digests(messages, None), expected);
    assert_eq!(digests_in_lanes::<8>(messages, None, 3, portable::compress_wide), expected, "eight lanes");
    assert_eq!(
        digests_in_lanes::<4>(messages, None, 2, portable::compress),
        expected,
        "four lanes, portable"
    );
    #[cfg(target_arch = "x86_64")]
    assert_eq!(digests_in_lanes::<4>(messages, None, 2, avx2::compress), expected, "four lanes");
}

#[test]
fn every_length_up_to_three_blocks() {
    let bytes: Vec<u8> = (0..400_u32).map(|at| u8::try_from(at * at % 251).unwrap()).collect();
    let messages: Vec<&[u8]> = (0..=bytes.len()).map(|length| &bytes[..length]).collect();
    check(&messages);
}

#[test]
fn any_number_of_messages() {
    let bytes = [7_u8; 1000];
    for count in 0..20 {
        let messages: Vec<&[u8]> = (0..count).map(|at| &bytes[..at * 40]).collect();
        check(&messages);
    }
}

type Way = fn(&[&[u8]], Option<Beside<'_>>) -> Vec<Digest>;

/// All the code that there is.
fn ways() -> Vec<Way> {
    vec![
        digests,
        |messages, beside| digests_in_lanes::<8>(messages, beside, 3, portable::compress_wide),
        |messages, beside| digests_in_lanes::<4>(messages, beside, 2, portable::compress),
        #[cfg(target_arch = "x86_64")]
        |messages, beside| digests_in_lanes::<4>(messages, beside, 2, avx2::compress),
    ]
}

/// Hashes a long message beside several lots of short ones, and then to its end. Gives how many blocks were left.
fn check_beside(long: &[u8], lots: &[Vec<&[u8]>]) -> Vec<usize> {
    let left = |way: Way| {
        let mut progress = Progress::new();
        for lot in lots {
            let beside = Beside { message: long, progress: &mut progress };
            assert_eq!(way(lot, Some(beside)), by_library(lot));
        }
        let left = long.len() / size_of::<Block>() - progress.blocks;
        assert_eq!(vec![progress.finish(long)], by_library(&[long]));
        left
    };
    ways().into_iter().map(left).collect()
}

#[test]
fn a_long_message_gets_on_beside_short_ones() {
    let bytes: Vec<u8> = (0..70_000_u32).flat_map(u32::to_le_bytes).collect();
    let short = vec![&bytes[..50_000]; 7];
    // Seven in three lanes take three times their length, and in the other seven lanes once.
    let left = check_beside(&bytes, std::slice::from_ref(&short));
    let all = bytes.len() / size_of::<Block>();
    let of_one = 50_000 / size_of::<Block>();
    assert!((all - 2 * of_one..all).contains(&left[1]), "eight lanes: {left:?} of {all}");
    assert!((all - 4 * of_one..all - 2 * of_one).contains(&left[2]), "four lanes: {left:?} of {all}");
    // It ends in the midst of others, and nothing of it is left.
    assert!(check_beside(&bytes, &vec![short; 6])[1..].iter().all(|left| *left == 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_long_message_beside_others_of_all_lengths(
        long in 0_usize..6_000,
        lots in prop::collection::vec(prop::collection::vec(0_usize..2_000, 0..12), 0..4),
    ) {
        let bytes: Vec<u8> = (0..1_500_u32).flat_map(u32::to_be_bytes).collect();
        let lots: Vec<Vec<&[u8]>> =
            lots.iter().map(|lot| lot.iter().map(|length| &bytes[*length / 2..][..*length]).collect()).collect();
        check_beside(&bytes[..long], &lots);
    }
}

proptest! {
    #[test]
    fn messages_of_all_lengths(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..24)) {
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        check(&messages);
    }
}
