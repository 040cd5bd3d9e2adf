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
    assert!(shrinkwrap_in_folder(folder.path()).unwrap().packages.is_empty());
    let file = std::fs::File::create(folder.path().join(FILE)).unwrap();
    file.set_len(MAX_LENGTH + 1).unwrap();
    assert_eq!(shrinkwrap_in_folder(folder.path()).unwrap_err().code, "ETOOLARGE");
}
