#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

#[test]
fn lists_what_stands_below_the_package() {
    let text = br#"{"lockfileVersion": 3, "packages": {"": {}, "node_modules/a": {"version": "1.2.3"}}}"#;
    let lock = parse(Some(text), "s.tgz").unwrap();
    assert_eq!(lock.packages["node_modules/a"].version.as_deref(), Some("1.2.3"));
}

#[test]
fn what_cannot_be_read_lists_nothing() {
    for text in [None, Some(&b"{\"packages\": "[..]), Some(b"[]"), Some(b"\xff"), Some(b"")] {
        assert!(parse(text, "s.tgz").unwrap().packages.is_empty(), "{text:?}");
    }
}

#[test]
fn refuses_places_that_lead_elsewhere() {
    for location in ["node_modules/../x", "/x", "node_modules/.bin", "node_modules/a/../../../x", "a\\\\b"] {
        let text =
            format!(r#"{{"lockfileVersion": 3, "packages": {{"{location}": {{"version": "1.0.0"}}}}}}"#);
        let error = parse(Some(text.as_bytes()), "s.tgz").unwrap_err();
        assert_eq!(error.code, "EBADLOCATION", "{location}");
        assert!(error.message.contains("npm-shrinkwrap.json in s.tgz"), "{}", error.message);
    }
}

#[test]
fn refuses_what_is_too_long() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("17");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(MAX_LENGTH + 1).unwrap();
    let error = shrinkwrap_in_file(&path, "a@1.0.0").unwrap_err();
    assert_eq!(error.code, "ETOOLARGE");
    assert!(error.message.contains("npm-shrinkwrap.json in a@1.0.0"), "{}", error.message);
}
