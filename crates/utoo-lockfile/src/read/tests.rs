use serde_json::json;

use super::*;

fn entry(value: &Value) -> Entry {
    serde_json::from_str(&value.to_string()).unwrap()
}

#[test]
fn values_of_the_wrong_type_never_fail_and_are_kept() {
    let odd = json!({
        "version": 1, "resolved": true, "bin": "x.js", "deprecated": {"a": 1}, "integrity": "md5-abc",
        "dependencies": ["a"], "optionalDependencies": {"a": 1, "b": "2"}, "peerDependenciesMeta": [],
        "bundleDependencies": false, "dev": "yes", "optional": null, "foo": [1.5, {"b": 1}]
    });
    let read = entry(&odd);
    assert_eq!((read.version, read.resolved, read.integrity), (None, None, None));
    assert!(read.bin.is_empty() && read.dependencies.is_empty() && !read.dev && !read.optional);
    assert_eq!(read.optional_dependencies.iter().count(), 1);
    let kept: Vec<_> = read.extra.keys().map(String::as_str).collect();
    let expected = [
        "version",
        "resolved",
        "bin",
        "deprecated",
        "integrity",
        "peerDependenciesMeta",
        "bundleDependencies",
        "foo",
    ];
    assert_eq!(kept, expected);
    assert_eq!(read.extra["foo"], json!([1.5, {"b": 1}]));
}

#[test]
fn what_npm_does_not_know_is_forgotten_on_request() {
    let mut read = entry(&json!({"bin": "x.js", "foo": 1, "version": "1.0.0"}));
    read.forget_unknown();
    assert_eq!(read.extra.keys().collect::<Vec<_>>(), ["bin"]);
}

#[test]
fn the_last_of_equal_keys_counts() {
    let read: Entry = serde_json::from_str(r#"{"version": "1.0.0", "version": "2.0.0"}"#).unwrap();
    assert_eq!(read.version.as_deref(), Some("2.0.0"));
}

#[test]
fn every_flag_has_its_field() {
    let names = [
        "link",
        "dev",
        "optional",
        "devOptional",
        "peer",
        "extraneous",
        "inBundle",
        "hasInstallScript",
        "hasShrinkwrap",
    ];
    for (index, name) in names.iter().enumerate() {
        let read = entry(&json!({ *name: true }));
        let flags = [
            read.link,
            read.dev,
            read.optional,
            read.dev_optional,
            read.peer,
            read.extraneous,
            read.in_bundle,
            read.has_install_script,
            read.has_shrinkwrap,
        ];
        let expected: Vec<bool> = (0..names.len()).map(|at| at == index).collect();
        assert_eq!(flags.to_vec(), expected, "{name}");
    }
}

#[test]
fn of_a_key_that_stands_twice_the_second_value_counts() {
    let read = |fields: &str| serde_json::from_str::<Entry>(&format!("{{{fields}}}")).unwrap();
    let sha = "\"integrity\": \"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=\"";
    for (key, text, other) in [
        ("name", "\"name\": \"a\"".to_owned(), "{\"a\":1}"),
        ("version", "\"version\": \"1.0.0\"".to_owned(), "7"),
        ("resolved", "\"resolved\": \"https://registry.example/a.tgz\"".to_owned(), "{}"),
        ("integrity", sha.to_owned(), "[]"),
        ("deprecated", "\"deprecated\": \"no\"".to_owned(), "true"),
        ("bin", "\"bin\": {\"a\": \"a.js\"}".to_owned(), "\"a.js\""),
        ("peerDependenciesMeta", "\"peerDependenciesMeta\": {\"a\": {\"optional\": true}}".to_owned(), "[1]"),
        ("bundleDependencies", "\"bundleDependencies\": [\"a\"]".to_owned(), "{\"a\":1}"),
    ] {
        let odd = format!("\"{key}\": {other}");
        assert_eq!(read(&format!("{text}, {odd}")), read(&odd), "{key}");
        assert_eq!(read(&format!("{odd}, {text}")), read(&text), "{key}");
    }
    // What npm forgets is forgotten with what stood before.
    assert_eq!(read(&format!("{sha}, \"integrity\": false")), Entry::default());
}
