use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const LIMIT: u64 = 1 << 20;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn document(versions: usize) -> Vec<u8> {
    let versions: Vec<String> = (0..versions)
        .map(|patch| format!(r#""1.0.{patch}":{{"name":"a","version":"1.0.{patch}"}}"#))
        .collect();
    format!(r#"{{"name":"a","versions":{{{}}}}}"#, versions.join(",")).into_bytes()
}

fn read(body: &[u8], encoding: Encoding) -> Result<Packument, Unreadable> {
    Scratch::default().packument(body, encoding, LIMIT)
}

fn is_damaged(result: &Result<Packument, Unreadable>) -> bool {
    matches!(result, Err(Unreadable::Damaged(_)))
}

#[test]
fn plain_and_compressed_documents_are_the_same() {
    let json = document(20);
    assert_eq!(read(&json, Encoding::Identity).unwrap().len(), 20);
    assert_eq!(read(&gzip(&json), Encoding::Gzip).unwrap().len(), 20);
}

#[test]
fn scratch_memory_serves_one_document_after_the_other() {
    let scratch = Scratch::default();
    for versions in [50, 1, 20] {
        let body = gzip(&document(versions));
        assert_eq!(scratch.packument(&body, Encoding::Gzip, LIMIT).unwrap().len(), versions);
        assert!(scratch.packument(b"[", Encoding::Identity, LIMIT).is_err());
    }
}

#[test]
fn several_gzip_members_are_one_document() {
    let json = document(30);
    // Members of one size, so that the trailer's size is that of the first as well.
    let (one, two) = json.split_at(json.len() / 2);
    let body = [gzip(one), gzip(two)].concat();
    assert_eq!(read(&body, Encoding::Gzip).unwrap().len(), 30);
}

#[test]
fn a_compressed_body_cut_anywhere_is_damaged_never_wrong() {
    let body = gzip(&document(3));
    for end in 0..body.len() {
        assert!(is_damaged(&read(&body[..end], Encoding::Gzip)), "cut at {end}");
    }
}

#[test]
fn a_flipped_byte_of_the_contents_is_damage() {
    let body = gzip(&document(3));
    for at in 10..body.len() - 8 {
        let mut flipped = body.clone();
        flipped[at] ^= 0x55;
        assert!(is_damaged(&read(&flipped, Encoding::Gzip)), "at {at}");
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let body = gzip(&vec![b' '; 3 << 20]);
    let error = Scratch::default().packument(&body, Encoding::Gzip, LIMIT).unwrap_err();
    assert!(matches!(error, Unreadable::Malformed { code: "ETOOLARGE", .. }), "{error:?}");
}

#[test]
fn what_is_no_document_is_told_apart() {
    let malformed = |body: &str| match read(body.as_bytes(), Encoding::Identity) {
        Err(Unreadable::Malformed { message, .. }) => message,
        other => panic!("{body:?}: {other:?}"),
    };
    assert!(malformed("<!DOCTYPE html><p>hello").contains("HTML"));
    malformed("[]");
    malformed("null");
    malformed("\"text\"");
    malformed("{\"name\": }");
    assert!(is_damaged(&read(b"", Encoding::Identity)));
    assert!(is_damaged(&read(b" \n", Encoding::Identity)));
    assert!(is_damaged(&read(b"{\"name\":\"a\",\"versions\":{", Encoding::Identity)));
}

#[test]
fn encodings_are_read_from_the_header() {
    let of = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, value.parse().unwrap());
        Encoding::of(&headers)
    };
    assert_eq!(Encoding::of(&HeaderMap::new()), Encoding::Identity);
    assert_eq!(of("GZIP"), Encoding::Gzip);
    assert_eq!(of("identity"), Encoding::Identity);
    assert_eq!(of("br"), Encoding::Other);
}
