use serde_json::json;

use super::*;

fn merged(text: &str) -> Option<Value> {
    let sides = Sides::split(text)?;
    let ancestor: Option<Value> =
        if sides.has_ancestor { Some(serde_json::from_str(&sides.ancestor).ok()?) } else { None };
    let ours = serde_json::from_str(&sides.ours).ok()?;
    let theirs = serde_json::from_str(&sides.theirs).ok()?;
    merge(ancestor.as_ref(), Some(ours), Some(theirs))
}

fn two(ours: &str, theirs: &str) -> Option<Value> {
    merged(&format!("{{\n<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> branch\n\"z\": 0\n}}\n"))
}

fn three(ours: &str, ancestor: &str, theirs: &str) -> Option<Value> {
    let text = format!(
        "{{\n<<<<<<< HEAD\n{ours}||||||| base\n{ancestor}=======\n{theirs}>>>>>>> branch\n\"z\": 0\n}}\n"
    );
    merged(&text)
}

/// Each expectation is what parse-conflict-json 5.0 gave.
#[test]
fn without_an_ancestor_both_are_kept_and_ours_decides() {
    assert_eq!(two("\"a\": 1,\n", "\"a\": 2,\n"), Some(json!({"a": 1, "z": 0})));
    assert_eq!(two("\"a\": 1,\n", ""), Some(json!({"z": 0, "a": 1})));
    assert_eq!(two("", "\"b\": 1,\n"), Some(json!({"b": 1, "z": 0})));
    assert_eq!(two("\"o\": [1,2,3],\n", "\"o\": [1,4],\n"), Some(json!({"o": [1, 2, 3], "z": 0})));
    assert_eq!(two("\"o\": {\"a\":1},\n", "\"o\": [1],\n"), Some(json!({"o": {"a": 1}, "z": 0})));
    assert_eq!(two("\"o\": 1,\n", "\"o\": {\"a\":1},\n"), Some(json!({"o": 1, "z": 0})));
    let nested = "{\"o\": {\n<<<<<<< a\n\"a\": 1, \"c\": 1\n=======\n\"a\": 2, \"d\": 1\n>>>>>>> b\n}}";
    assert_eq!(merged(nested), Some(json!({"o": {"a": 1, "d": 1, "c": 1}})));
}

#[test]
fn with_an_ancestor_what_we_changed_stands() {
    assert_eq!(three("\"a\": 1,\n", "\"a\": 0,\n", "\"a\": 2,\n"), Some(json!({"a": 1, "z": 0})));
    let removed_by_them = three("\"a\": 1, \"k\": 1,\n", "\"a\": 0, \"k\": 1,\n", "\"a\": 0,\n");
    assert_eq!(removed_by_them, Some(json!({"a": 1, "z": 0})));
    let removed_by_us = three("\"a\": 1,\n", "\"o\": {\"k\":1},\n", "\"o\": {\"k\":2},\n");
    assert_eq!(removed_by_us, Some(json!({"z": 0, "a": 1})));
    let inside =
        three("\"o\": {\"k\":1,\"j\":3},\n", "\"o\": {\"k\":1,\"j\":1},\n", "\"o\": {\"k\":2,\"j\":1},\n");
    assert_eq!(inside, Some(json!({"o": {"k": 2, "j": 3}, "z": 0})));
    let lists = three("\"o\": [1,2,3],\n", "\"o\": [1,2],\n", "\"o\": [5,2],\n");
    assert_eq!(lists, Some(json!({"o": [5, 2, 3], "z": 0})));
}

#[test]
fn line_breaks_and_labels_do_not_matter() {
    let text = "{\n<<<<<<<\n\"a\": 1,\n=======\n\"b\": 2,\n>>>>>>>\n\"z\": 0\n}\n";
    assert_eq!(merged(text), Some(json!({"b": 2, "z": 0, "a": 1})));
    assert_eq!(merged(&text.replace('\n', "\r\n")), Some(json!({"b": 2, "z": 0, "a": 1})));
}

#[test]
fn of_a_conflict_in_a_conflict_both_of_our_sides_are_ours() {
    let text = "{\n<<<<<<< a\n<<<<<<< b\n\"a\": 1,\n=======\n\"a\": 2,\n>>>>>>> b\n=======\n\"a\": 3,\n>>>>>>> a\n\"z\": 0\n}\n";
    assert_eq!(merged(text), Some(json!({"a": 1, "z": 0})));
}

#[test]
fn what_is_no_conflict_stays_an_error() {
    assert!(resolve("{\"a\": 1,}").is_none());
    assert!(resolve("{\n<<<<<<< a\n\"a\": 1\n}").is_none());
    assert!(two("\"o\": 1,,\n", "\"o\": 2,\n").is_none());
}
