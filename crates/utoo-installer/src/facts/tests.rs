use serde_json::json;

use super::*;

fn of(package_json: &str, paths: &[&str]) -> PackageFacts {
    PackageFacts::of(package_json.as_bytes(), paths)
}

#[test]
fn facts_are_those_of_the_whole_package_json() {
    let text = r#"{
        "scripts": {"install": "x", "name": "no"}, "dependencies": {"version": "9"},
        "name": "a", "version": "1.0.0", "license": {"type": "MIT"}, "bin": "./cli.js", "config": [1e5, "\ud83d\ude00", null]
    }"#;
    let facts = of(text, &["cli.js"]);
    assert_eq!((facts.name.as_str(), facts.version.as_str()), ("a", "1.0.0"));
    assert_eq!(facts.license.as_deref(), Some(&json!("MIT")));
    assert_eq!(facts.bin, [("a".into(), "cli.js".into())]);
    assert!(!facts.implied_install_script);
    // Of a key that stands twice the second counts.
    assert_eq!(of(r#"{"version": "1.0.0", "version": "2.0.0"}"#, &[]).version, "2.0.0");
    assert_eq!(of("\u{feff}{\"version\": \"1.0.0\"}", &[]).version, "1.0.0");
}

#[test]
fn commands_of_a_folder_and_a_binding_gyp_count() {
    let text = r#"{"name": "a", "directories": {"bin": "./bin/"}}"#;
    let facts = of(text, &["bin/.hidden", "bin/one", "binding.gyp", "other"]);
    assert_eq!(facts.bin, [("one".into(), "bin/one".into())]);
    assert!(facts.implied_install_script);
    assert!(!of(r#"{"gypfile": false}"#, &["binding.gyp"]).implied_install_script);
}

#[test]
fn what_is_no_object_or_no_json_says_nothing() {
    for text in ["", "[]", "null", "\"a\"", "{\"name\": \"a\"", "{\"name\": \"a\"} x"] {
        assert_eq!(of(text, &[]), PackageFacts::default(), "{text}");
    }
}
