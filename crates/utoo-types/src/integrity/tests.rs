use proptest::prelude::*;

use super::*;

const SHA512: &str =
    "sha512-pKvURIxJVi2CgRXROh/M6pJ/UrTVRZKX+LQ+QtqJI4vBNibkPcs43bCCSIkn7JBPtCBXRDmD6IWFF51QVRr+Yg==";
const SHA384: &str = "sha384-11LCxR+6DimqGQVwqdQlPkQHegWNMpf6OlYw1b0BJiL5fCisrtMTtcg7uZDKp9qF";
const SHA256: &str = "sha256-LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=";
const SHA1: &str = "sha1-EfatjsUqKYSrqv18O1FlA3hcIHI=";

fn parse(text: &str) -> Integrity {
    Integrity::parse(text).unwrap()
}

fn other512() -> String {
    format!("sha512-{}==", "A".repeat(86))
}

/// Each text with what npm's ssri prints for it.
#[test]
fn reads_and_prints_as_ssri() {
    for (text, expected) in [
        (SHA512.to_owned(), Some(SHA512.to_owned())),
        (format!("{SHA1} {SHA512}"), Some(format!("{SHA1} {SHA512}"))),
        (format!("{SHA1}\n\t{SHA512} "), Some(format!("{SHA1} {SHA512}"))),
        (format!("{SHA512}?foo?bar"), Some(format!("{SHA512}?foo?bar"))),
        ("sha512-abc".into(), Some("sha512-abc".into())),
        ("sha512-ab$c".into(), Some("sha512-ab$c".into())),
        ("sha512-abc= sha1-x".into(), Some("sha512-abc= sha1-x".into())),
        ("sha512-abc?a b".into(), Some("sha512-abc?a".into())),
        ("sha512-abc??x".into(), Some("sha512-abc??x".into())),
        (format!("sha1-  {SHA1}"), Some(SHA1.into())),
        (format!("{SHA256} {SHA384} {SHA1}"), Some(format!("{SHA256} {SHA384} {SHA1}"))),
        (String::new(), None),
        (" ".into(), None),
        ("sha512-".into(), None),
        ("SHA512-abcd".into(), None),
        ("sha3-abcd".into(), None),
        ("junk".into(), None),
    ] {
        assert_eq!(Integrity::parse(&text).ok().map(|read| read.to_string()), expected, "{text:?}");
    }
}

#[test]
fn the_strongest_algorithm_decides() {
    let both = parse(&format!("{SHA1} {SHA512}"));
    assert_eq!(both.strongest().0, Algorithm::Sha512);
    assert!(both.verifies(b"x") && !both.verifies(b"y"));
    assert!(!parse(&format!("{SHA1} {}", other512())).verifies(b"x"));
    assert!(parse(&format!("{SHA512} sha1-AAAA")).verifies(b"x"));
    assert!(parse(&format!("{} {SHA512}", other512())).verifies(b"x"));
    assert!(!parse("sha512-abc").verifies(b"x"));
    for text in [SHA1, SHA256, SHA384, SHA512] {
        assert!(parse(text).verifies(b"x"), "{text}");
        assert_eq!(Integrity::of(parse(text).strongest().0, b"x"), parse(text));
    }
}

#[test]
fn several_messages_are_hashed_at_a_time() {
    let messages: Vec<Vec<u8>> = (0..40_u8).map(|at| vec![at; usize::from(at) * 37]).collect();
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let one_by_one: Vec<_> = messages.iter().map(|bytes| Integrity::of(Algorithm::Sha512, bytes)).collect();
    assert_eq!(Integrity::sha512_of_each(&messages), one_by_one);
}

#[test]
fn converts_shasums() {
    let shasum = "11f6ad8ec52a2984abaafd7c3b516503785c2072";
    let integrity = Integrity::from_sha1_hex(shasum).unwrap();
    assert_eq!((integrity.to_string().as_str(), integrity.hex().as_str()), (SHA1, shasum));
    for bad in ["", "zz", "11f6", &shasum.replace('1', "g"), &"é".repeat(20)] {
        assert!(Integrity::from_sha1_hex(bad).is_err(), "{bad}");
    }
}

#[test]
fn merges_and_matches_as_ssri() {
    let merge = |known: &str, offered: &str| {
        let mut known = parse(known);
        known.merge(&parse(offered)).map(|()| known.to_string())
    };
    assert_eq!(merge(SHA1, SHA512).unwrap(), format!("{SHA1} {SHA512}"));
    assert_eq!(merge(SHA512, SHA1).unwrap(), format!("{SHA512} {SHA1}"));
    assert_eq!(merge(SHA1, SHA1).unwrap(), SHA1);
    assert_eq!(merge(SHA512, &other512()).unwrap_err().code(), "EINTEGRITY");
    let both = format!("{SHA1} {SHA512}");
    for (wanted, actual, expected) in
        [(SHA1, SHA512, false), (&both, SHA512, true), (SHA512, &both, true), (&both, &other512(), false)]
    {
        assert_eq!(parse(wanted).matches(&parse(actual)), expected, "{wanted} {actual}");
    }
}

#[test]
fn a_malformed_hash_never_names_a_real_digest() {
    let odd = parse("sha512-abc");
    assert!(!odd.hashes()[0].is_well_formed());
    assert!(!odd.matches(&odd));
    assert!(!odd.hex().is_empty());
}

#[test]
fn is_a_string_in_json() {
    let json = serde_json::to_string(&parse(SHA512)).unwrap();
    assert_eq!(json, format!("\"{SHA512}\""));
    assert_eq!(serde_json::from_str::<Integrity>(&json).unwrap(), parse(SHA512));
    assert!(serde_json::from_str::<Integrity>("\"junk\"").is_err());
}

#[test]
fn several_digests_of_the_strongest_algorithm_are_ambiguous() {
    let of = |algorithm, bytes: &[u8]| Integrity::of(algorithm, bytes).to_string();
    let (a, b) = (of(Algorithm::Sha512, b"a"), of(Algorithm::Sha512, b"b"));
    let weak = of(Algorithm::Sha1, b"b");
    let ambiguous = |text: String| Integrity::parse(&text).unwrap().is_ambiguous();
    assert!(ambiguous(format!("{a} {b}")) && ambiguous(format!("{a} sha512-malformed")));
    assert!(!ambiguous(a.clone()) && !ambiguous(format!("{a} {a}")) && !ambiguous(format!("{weak} {a}")));
}

proptest! {
    /// What is decoded is what the general decoder takes, to the last unused bit.
    #[test]
    fn digests_are_canonical(
        length in prop_oneof![Just(20_usize), Just(32), Just(48), Just(64)],
        bytes in proptest::collection::vec(any::<u8>(), 64),
        flaws in proptest::collection::vec((0_usize..88, "[A-Za-z0-9+/=_ \n-]"), 0..3),
    ) {
        let mut text = STANDARD.encode(&bytes[..length]);
        for (at, flaw) in flaws {
            let at = at.min(text.len() - 1);
            text.replace_range(at..=at, &flaw);
        }
        let expected = STANDARD.decode(&text).ok().filter(|decoded| decoded.len() == length);
        let mut decoded = vec![0; length];
        let fits = decode_exact(&text, &mut decoded);
        prop_assert_eq!(fits.then_some(decoded), expected, "{}", text);
    }
}
