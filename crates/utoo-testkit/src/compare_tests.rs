use std::collections::BTreeMap;

use super::*;

fn answer(lock: &str) -> Answer {
    Answer {
        outcome: Outcome::Done,
        lock: Some(lock.to_owned()),
        hidden: None,
        disk: None,
        files: BTreeMap::new(),
    }
}

fn details(expected: &str, actual: &str) -> Vec<(Aspect, String)> {
    let found = compare(&answer(expected), &answer(actual));
    found.into_iter().map(|difference| (difference.aspect, difference.detail)).collect()
}

#[test]
fn the_first_differing_key_of_each_aspect() {
    let left = r#"{"packages": {"": {}, "node_modules/a": {"version": "1.0.0", "dev": true}}}"#;
    let right = r#"{"packages": {"": {}, "node_modules/a": {"version": "1.1.0"}}}"#;
    assert_eq!(details(left, left), []);
    assert_eq!(
        details(left, right),
        [
            (Aspect::Tree, "node_modules/a: expected nothing 1.0.0, got nothing 1.1.0".to_owned()),
            (Aspect::Document, "/packages/node_modules/a/dev: expected true, got nothing".to_owned()),
            (Aspect::Bytes, format!("line 1: expected `{left}`, got `{right}`")),
        ]
    );
}

#[test]
fn order_is_bytes_only() {
    let found = details("{\n\"a\": 1,\n\"b\": 2\n}", "{\n\"b\": 2,\n\"a\": 1\n}");
    assert_eq!(found, [(Aspect::Bytes, "line 2: expected `\"a\": 1,`, got `\"b\": 2,`".to_owned())]);
    assert_eq!(details("{}\n", "{}"), [(Aspect::Bytes, "the line ends differ".to_owned())]);
}

#[test]
fn errors_are_compared_by_code_alone() {
    let error = |code: &str| Answer {
        outcome: Outcome::Error { code: code.to_owned() },
        lock: Some(code.to_owned()),
        hidden: None,
        disk: None,
        files: BTreeMap::new(),
    };
    assert_eq!(compare(&error("E404"), &Answer { lock: None, ..error("E404") }), []);
    let found = compare(&error("E404"), &answer("{}"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].detail, "expected E404, got success");
    // A refusal without a code is agreed with by any.
    assert_eq!(compare(&error("EUNKNOWN"), &error("E404")), []);
    assert_eq!(compare(&error("E404"), &error("EUNKNOWN")).len(), 1);
}

#[test]
fn files_are_compared_by_path() {
    let with = |text: &str| {
        let files = [("w/package.json".to_owned(), text.to_owned())];
        Answer { files: files.into(), ..answer("{}") }
    };
    assert_eq!(compare(&with("{}"), &with("{}\n")), []);
    let found = compare(&with("{}"), &with("{ }"));
    assert_eq!(found[0].aspect, Aspect::Files);
    assert_eq!(found[0].detail, "w/package.json: line 1: expected `{}`, got `{ }`");
}
