use proptest::prelude::*;

use super::*;

const KEY: Key<'static> =
    Key { registry: "https://registry.example/", name: "@scope/name", kind: &Kind::Abbreviated };

fn file(key: Key<'_>, validators: &Validators, body: &[u8]) -> Bytes {
    let lease = Lease { fetched_at: 1_700_000_000_000, max_age: 300 };
    let (mut bytes, _) = encode_header(key, lease, validators, body).unwrap();
    bytes.extend_from_slice(body);
    bytes.into()
}

fn sample() -> Bytes {
    let validators = Validators { etag: Some("W/\"abc\"".into()), last_modified: Some("yesterday".into()) };
    file(KEY, &validators, b"the packed body")
}

#[test]
fn what_is_written_is_read() {
    let entry = decode(&sample(), KEY).unwrap();
    assert_eq!(entry.lease, Lease { fetched_at: 1_700_000_000_000, max_age: 300 });
    assert_eq!(entry.validators.etag.as_deref(), Some("W/\"abc\""));
    assert_eq!(entry.validators.last_modified.as_deref(), Some("yesterday"));
    assert_eq!(&entry.body[..], b"the packed body");
}

#[test]
fn absent_validators_stay_absent() {
    let entry = decode(&file(KEY, &Validators::default(), b""), KEY).unwrap();
    assert_eq!(entry.validators, Validators::default());
    assert!(entry.body.is_empty());
}

#[test]
fn a_file_answers_only_the_question_it_was_written_for() {
    let sample = sample();
    for other in [
        Key { registry: "https://registry.example/b", ..KEY },
        Key { name: "@scope/nam", ..KEY },
        Key { kind: &Kind::Full, ..KEY },
        Key { kind: &Kind::Version("".into()), ..KEY },
    ] {
        assert!(decode(&sample, other).is_none(), "{other:?}");
    }
    let (one, two) = (Kind::Version("^1".into()), Kind::Version("^2".into()));
    let ranged = Key { kind: &one, ..KEY };
    let bytes = file(ranged, &Validators::default(), b"x");
    assert!(decode(&bytes, ranged).is_some());
    assert!(decode(&bytes, Key { kind: &two, ..KEY }).is_none());
}

#[test]
fn a_file_cut_anywhere_or_with_more_after_it_is_a_miss() {
    let file = sample();
    for end in 0..file.len() {
        assert!(decode(&file.slice(..end), KEY).is_none(), "cut at {end}");
    }
    let mut longer = file.to_vec();
    longer.push(0);
    assert!(decode(&longer.into(), KEY).is_none());
}

#[test]
fn every_flipped_bit_is_noticed() {
    let file = sample();
    for bit in 0..file.len() * 8 {
        let mut damaged = file.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&damaged.into(), KEY).is_none(), "bit {bit}");
    }
}

#[test]
fn a_lease_ends_and_one_from_the_future_does_not_count() {
    let lease = Lease { fetched_at: 1_000_000, max_age: 10 };
    assert!(lease.is_fresh(1_000_000));
    assert!(lease.is_fresh(1_009_999));
    assert!(!lease.is_fresh(1_010_000));
    assert!(!lease.is_fresh(999_999), "the clock was moved back");
    assert!(!Lease { max_age: 0, ..lease }.is_fresh(1_000_000));
    assert!(!Lease { fetched_at: u64::MAX, max_age: u32::MAX }.is_fresh(u64::MAX - 1));
}

#[test]
fn a_length_that_does_not_fit_is_not_written() {
    let validators = Validators { etag: Some("x".repeat(70_000)), last_modified: None };
    let lease = Lease { fetched_at: 0, max_age: 0 };
    assert!(encode_header(KEY, lease, &validators, b"").is_none());
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut with_magic = MAGIC.to_vec();
        with_magic.extend_from_slice(&bytes);
        prop_assert!(decode(&with_magic.into(), KEY).is_none());
        prop_assert!(decode(&bytes.into(), KEY).is_none());
    }
}
