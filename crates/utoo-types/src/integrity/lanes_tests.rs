use proptest::prelude::*;
use sha2::{Digest as _, Sha512};

use super::*;

fn by_library(messages: &[&[u8]]) -> Vec<Digest> {
    messages.iter().map(|message| Sha512::digest(message).into()).collect()
}

type Advance = fn(&mut [(&[u8], &mut Progress)]);

/// All the code that there is: for lanes that this processor has no vectors for, what stands in for them.
fn ways() -> Vec<Advance> {
    vec![
        advance,
        |messages| advance_in_lanes::<8>(messages, 3, portable::compress),
        |messages| advance_in_lanes::<4>(messages, 2, portable::compress),
        #[cfg(target_arch = "x86_64")]
        |messages| advance_in_lanes::<4>(messages, 2, avx2::compress),
        #[cfg(target_arch = "x86_64")]
        |messages| advance_in_lanes::<8>(messages, 3, avx512::compress),
    ]
}

/// Hashes each lot together with what the ones before left, in all ways, and holds the digests to the library's. Gives how
/// many messages each lot left, for each way.
fn check_lots(lots: &[Vec<&[u8]>]) -> Vec<Vec<usize>> {
    let by_way = |advance: Advance| {
        let mut under_way: Vec<(&[u8], Progress)> = Vec::new();
        let mut left = Vec::new();
        let mut done = Vec::new();
        for lot in lots {
            under_way.extend(lot.iter().map(|message| (*message, Progress::new())));
            let mut messages: Vec<_> = under_way.iter_mut().map(|(message, at)| (*message, at)).collect();
            advance(&mut messages);
            done.extend(under_way.extract_if(.., |(message, at)| at.left(message) == 0));
            left.push(under_way.len());
        }
        for (message, progress) in done.into_iter().chain(under_way) {
            assert_eq!(progress.finish(message), by_library(&[message])[0], "{} bytes", message.len());
        }
        left
    };
    ways().into_iter().map(by_way).collect()
}

fn check(messages: &[&[u8]]) {
    assert_eq!(digests(messages), by_library(messages));
    check_lots(&[messages.to_vec()]);
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

#[test]
fn what_a_lot_leaves_gets_on_with_the_next() {
    let bytes: Vec<u8> = (0..70_000_u32).flat_map(u32::to_le_bytes).collect();
    let short = vec![&bytes[..50_000]; 7];
    let mut first = short.clone();
    first.push(&bytes);
    let mut lots = vec![short; 7];
    lots[0] = first;
    let left = check_lots(&lots);
    // Beside seven others a lane is the long one's for as long as one of them takes, or two.
    assert_eq!(left[1], [1, 1, 1, 1, 1, 0, 0], "eight lanes");
    // And in four lanes for three times that; what is left last is what was short.
    assert_eq!(left[2], [2, 1, 0, 0, 0, 0, 0], "four lanes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lots_of_all_lengths(lots in prop::collection::vec(prop::collection::vec(0_usize..3_000, 0..12), 0..5)) {
        let bytes: Vec<u8> = (0..1_500_u32).flat_map(u32::to_be_bytes).collect();
        let lots: Vec<Vec<&[u8]>> =
            lots.iter().map(|lot| lot.iter().map(|length| &bytes[*length / 2..][..*length]).collect()).collect();
        check_lots(&lots);
    }

    #[test]
    fn messages_of_all_lengths(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..24)) {
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        check(&messages);
    }
}
