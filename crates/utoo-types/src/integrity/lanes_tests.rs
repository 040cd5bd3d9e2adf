use proptest::prelude::*;

use super::*;

fn by_library(messages: &[&[u8]]) -> Vec<Digest> {
    messages.iter().map(|message| Sha512::digest(message).into()).collect()
}

#[test]
fn every_length_up_to_three_blocks() {
    let bytes: Vec<u8> = (0..400_u32).map(|at| u8::try_from(at * at % 251).unwrap()).collect();
    let messages: Vec<&[u8]> = (0..=bytes.len()).map(|length| &bytes[..length]).collect();
    assert_eq!(digests_in_lanes(&messages), by_library(&messages));
}

#[test]
fn any_number_of_messages() {
    let bytes = [7_u8; 1000];
    for count in 0..20 {
        let messages: Vec<&[u8]> = (0..count).map(|at| &bytes[..at * 40]).collect();
        assert_eq!(digests_in_lanes(&messages), by_library(&messages), "{count}");
        assert_eq!(digests(&messages), by_library(&messages), "{count}");
    }
}

proptest! {
    #[test]
    fn messages_of_all_lengths(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..24)) {
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(digests_in_lanes(&messages), by_library(&messages));
    }
}
