use proptest::prelude::*;

use super::*;

fn by_library(messages: &[&[u8]]) -> Vec<Digest> {
    messages.iter().map(|message| Sha512::digest(message).into()).collect()
}

/// The digests by all the code that there is, each held to the library's: for lanes that this processor has no vectors for,
/// by what stands in for them.
fn check(messages: &[&[u8]]) {
    let expected = by_library(messages);
    assert_eq!(digests(messages), expected);
    assert_eq!(digests_in_lanes::<8>(messages, 3, portable::compress_wide), expected, "eight lanes");
    assert_eq!(digests_in_lanes::<4>(messages, 2, portable::compress), expected, "four lanes, portable");
    #[cfg(target_arch = "x86_64")]
    assert_eq!(digests_in_lanes::<4>(messages, 2, avx2::compress), expected, "four lanes");
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

proptest! {
    #[test]
    fn messages_of_all_lengths(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..24)) {
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        check(&messages);
    }
}
