use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

use super::*;

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
}

#[test]
fn form_by_accept() {
    for (accept, expected) in [
        (ABBREVIATED, Form::Abbreviated),
        ("application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*", Form::Abbreviated),
        ("application/json", Form::Full),
        ("*/*", Form::Full),
        ("application/json, application/vnd.npm.install-v1+json;q=0.5", Form::Full),
        ("application/vnd.npm.install-v1+json;q=0", Form::Full),
    ] {
        assert_eq!(wanted_form(&headers(&[(ACCEPT, accept)])), expected, "{accept}");
    }
    assert_eq!(wanted_form(&HeaderMap::new()), Form::Full);
}

#[test]
fn gzip_by_accept_encoding() {
    for (accept, expected) in [
        ("gzip", true),
        ("gzip,deflate", true),
        ("br, gzip;q=0.5", true),
        ("*", true),
        ("gzip;q=0", false),
        ("identity", false),
    ] {
        assert_eq!(accepts_gzip(&headers(&[(ACCEPT_ENCODING, accept)])), expected, "{accept}");
    }
}

#[test]
fn validators_of_either_encoding() {
    let representation = Representation::new("application/json", b"{}");
    let plain = representation.etag.to_str().unwrap();
    let gzip = representation.gzip_etag.to_str().unwrap();
    assert_ne!(plain, gzip);
    for (given, expected) in [
        (plain.to_owned(), true),
        (gzip.to_owned(), true),
        (format!("\"x\", W/{gzip}"), true),
        ("*".to_owned(), true),
        ("\"x\"".to_owned(), false),
    ] {
        assert_eq!(matches_etag(&headers(&[(IF_NONE_MATCH, &given)]), &representation), expected, "{given}");
    }
}
