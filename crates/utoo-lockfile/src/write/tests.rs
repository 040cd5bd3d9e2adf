use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Format;

fn lock_of(entry: &Value) -> Lockfile {
    let text = json!({"lockfileVersion": 3, "packages": {"node_modules/x": entry}}).to_string();
    let mut lock = Lockfile::parse(&text, "").unwrap();
    lock.format = Format::default();
    lock
}

fn written(entry: &Value) -> Value {
    let text = lock_of(entry).to_text();
    serde_json::from_str::<Value>(&text).unwrap()["packages"]["node_modules/x"].clone()
}

#[test]
fn unknown_fields_and_odd_values_survive_in_their_place() {
    let entry = json!({"version": "1.0.0", "aaa": {"b": 1}, "bin": "x.js", "license": "MIT", "zzz": 1});
    let expected = r#"{
  "lockfileVersion": 3,
  "requires": true,
  "packages": {
    "node_modules/x": {
      "version": "1.0.0",
      "bin": "x.js",
      "license": "MIT",
      "zzz": 1,
      "aaa": {
        "b": 1
      }
    }
  }
}
"#;
    assert_eq!(lock_of(&entry).to_text(), expected);
}

#[test]
fn an_integrity_is_written_as_it_was_read_until_it_changes() {
    let odd = "md5-abc sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=";
    assert_eq!(written(&json!({"integrity": odd})), json!({"integrity": odd}));
    assert_eq!(written(&json!({"integrity": "md5-abc"})), json!({"integrity": "md5-abc"}));
    let mut lock = lock_of(&json!({"integrity": odd}));
    let other = Integrity::from_sha1_hex("0000000000000000000000000000000000000000").unwrap();
    lock.packages["node_modules/x"].integrity = Some(other.clone());
    assert!(lock.to_text().contains(&format!("\"integrity\": \"{other}\"")));
}

#[test]
fn empty_blocks_are_not_written() {
    let entry =
        json!({"version": "1", "dependencies": {}, "bin": {}, "bundleDependencies": [], "dev": false});
    assert_eq!(written(&entry), json!({"version": "1"}));
}

/// Recorded from npm 11.19.1: of those who want `c`, the first by location who gets it says what leads to it.
#[test]
fn in_older_versions_a_package_is_led_to_by_the_first_spec_that_it_meets() {
    let url = "https://registry.example/c/-/c-1.0.0.tgz";
    let led_to_by = |b: &str, z: &str| {
        let wanting = |spec: &str| json!({"version": "1.0.0", "dependencies": {"c": spec}});
        // Not in order.
        let packages = json!({
            "node_modules/z": wanting(z), "node_modules/b": wanting(b),
            "node_modules/c": {"version": "1.0.0", "resolved": url},
        });
        let text = json!({"lockfileVersion": 2, "requires": true, "packages": packages}).to_string();
        let written: Value = serde_json::from_str(&Lockfile::parse(&text, "x").unwrap().to_text()).unwrap();
        written["dependencies"]["c"]["version"].as_str().unwrap().to_owned()
    };
    assert_eq!(led_to_by("1", url), "1.0.0");
    assert_eq!(led_to_by(url, "1"), url);
    assert_eq!(led_to_by("2", url), url);
    assert_eq!(led_to_by("x/c.tgz", "1"), "1.0.0");
    assert_eq!(led_to_by("github:a/c", "1"), "1.0.0");
}

fn texts() -> impl Strategy<Value = Vec<(Arc<str>, Arc<str>)>> {
    let pair =
        ("[a-zA-Z0-9@/._é-]{1,8}", any::<String>()).prop_map(|(key, text)| (Arc::from(key), Arc::from(text)));
    prop::collection::vec(pair, 0..4)
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no infinities", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z0-9]{1,5}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn entries() -> impl Strategy<Value = Entry> {
    let flags = prop::array::uniform4(any::<bool>());
    let options = (any::<Option<String>>(), any::<Option<String>>(), prop::option::of(values()));
    (flags, options, texts(), texts(), prop::collection::vec(("x-[a-z]{1,6}", values()), 0..3)).prop_map(
        |([dev, link, peer, optional], (version, resolved, license), bin, dependencies, extra)| Entry {
            dev,
            link,
            peer,
            optional,
            version: version.map(Arc::from),
            resolved: resolved.map(Arc::from),
            license: license.map(Arc::new),
            bin,
            dependencies: dependencies
                .into_iter()
                .map(|(name, spec)| (PackageName::new_unchecked(name), spec))
                .collect(),
            extra: extra.into_iter().collect(),
            ..Entry::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_and_written_again(
        packages in prop::collection::vec(("(node_modules/[a-z]{1,4}|[a-z0-9]{1,4})", entries()), 0..6),
        head in "(\\{|\\{\n  \"|\\{\r\n\t\"|\\{\n\n   \")",
    ) {
        let mut lock = Lockfile { format: Format::detect(&head), ..Lockfile::default() };
        lock.packages.extend(packages.into_iter().map(|(location, entry)| (Arc::from(location), entry)));
        let text = lock.to_text();
        let again = Lockfile::parse(&text, "").unwrap();
        prop_assert_eq!(&again.format, &lock.format);
        prop_assert_eq!(again.to_text(), text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[{}\\[\\]\",:a-z0-9<=>|\n ]{0,60}") {
        let _ = Lockfile::parse(&text, "");
    }
}

#[test]
fn a_compact_document_is_one_line() {
    let mut lock = lock_of(&json!({"version": "1.0.0", "bin": {"a": "b"}}));
    lock.format = Format::compact();
    let expected = r#"{"lockfileVersion":3,"requires":true,"packages":{"node_modules/x":{"version":"1.0.0","bin":{"a":"b"}}}}"#;
    assert_eq!(lock.to_text(), expected);
}
