#![expect(clippy::needless_pass_by_value, reason = "cases are written in place")]

use super::*;
use serde_json::json;
use utoo_types::PackageName;

use crate::tree::{Blocks, Paths};

/// The rules of a project with these overrides, and an interner to ask them with.
fn read(overrides: Value, dependencies: Value) -> (Overrides, Interner) {
    let manifest = json!({"overrides": overrides, "dependencies": dependencies});
    let manifest = Arc::new(Manifest::from_value(&manifest));
    let mut interner = Interner::new(Blocks { peers: true }, Paths::default());
    let overrides = Overrides::read(&manifest, &mut interner).unwrap().unwrap();
    (overrides, interner)
}

fn error(overrides: Value) -> String {
    let manifest = Arc::new(Manifest::from_value(&json!({ "overrides": overrides })));
    let mut interner = Interner::new(Blocks { peers: true }, Paths::default());
    Overrides::read(&manifest, &mut interner).unwrap_err().to_string()
}

/// What `name@spec` becomes below packages on this path: the rule, and the spec in its place.
fn at(asked: &mut (Overrides, Interner), path: &[&str], spec: &str) -> (String, Option<String>) {
    let (overrides, interner) = asked;
    let mut scope = RuleId::WHOLE;
    let (mut rule, mut text) = (RuleId::WHOLE, None);
    for (index, name) in path.iter().enumerate() {
        let name = PackageName::new_unchecked(*name);
        let spec = if index + 1 == path.len() { spec } else { "*" };
        let want = interner.intern_want(&name, &Arc::from(spec), "");
        let name = interner.name(&name);
        rule = overrides.rule_for(scope, name, want, interner).unwrap();
        text =
            overrides.replacement(rule, name, (None, &Manifest::from_value(&json!({}))), interner).unwrap();
        scope = rule;
    }
    (overrides.path(rule).join(" > "), text.map(|text| text.to_string()))
}

fn found(rule: &str, spec: &str) -> (String, Option<String>) {
    (rule.to_owned(), Some(spec.to_owned()))
}

#[test]
fn the_innermost_scope_counts_first() {
    let mut asked = read(json!({"x": "1.0.0", "a": {"x": "2.0.0", "b": {"x@^1": "3.0.0"}}}), json!({}));
    assert_eq!(at(&mut asked, &["x"], "^1.0.0"), found("x", "1.0.0"));
    assert_eq!(at(&mut asked, &["b", "x"], "^1.0.0"), found("x", "1.0.0"));
    assert_eq!(at(&mut asked, &["a", "c", "x"], "^1.0.0"), found("a > x", "2.0.0"));
    assert_eq!(at(&mut asked, &["a", "b", "x"], "^1.0.0"), found("a > b > x@^1", "3.0.0"));
    assert_eq!(at(&mut asked, &["a", "b", "x"], "^2.0.0"), found("a > x", "2.0.0"));
}

#[test]
fn a_range_is_held_against_the_dependents_own() {
    let mut asked = read(json!({"x@^1 || 3": "9.0.0"}), json!({}));
    for spec in ["1.2.3", "^1.5.0", ">=2", "3", "npm:y@1", "latest", "file:x.tgz"] {
        assert_eq!(at(&mut asked, &["x"], spec), found("x@^1 || 3", "9.0.0"), "{spec}");
    }
    for spec in ["^2.0.0", "npm:y@2", "github:a/b"] {
        assert_eq!(at(&mut asked, &["x"], spec), (String::new(), None), "{spec}");
    }
}

#[test]
fn values_are_specs_references_or_nothing() {
    let rules = json!({"a": "", "b@^1": {"x": "1"}, "c": {".": "2"}, "d": "$e", "f": "$f"});
    let mut asked = read(rules, json!({"e": "^4.0.0"}));
    assert_eq!(at(&mut asked, &["a"], "1"), ("a".to_owned(), None));
    assert_eq!(at(&mut asked, &["b"], ">=1"), found("b@^1", "^1"));
    assert_eq!(at(&mut asked, &["c"], "1"), found("c", "2"));
    assert_eq!(at(&mut asked, &["d"], "1"), found("d", "^4.0.0"));
    assert_eq!(at(&mut asked, &["f"], "1"), ("f".to_owned(), None));
}

#[test]
fn scopes_combine_unless_they_contradict() {
    let (overrides, _) =
        read(json!({"a": {"x": "1", "y": "1"}, "b": {"x": "2"}, "c": {"z": "1"}}), json!({}));
    let rule = |text: &str| {
        (0..overrides.rules.len()).map(id).find(|&rule| overrides.path(rule).join(" > ") == text).unwrap()
    };
    let (a, b, c) = (rule("a"), rule("b"), rule("c"));
    assert_eq!(overrides.combine(RuleId::WHOLE, a), Some(a));
    assert_eq!(overrides.combine(rule("a > x"), a), Some(rule("a > x")));
    assert_eq!(overrides.combine(rule("a > x"), rule("a > y")), Some(a));
    assert_eq!(overrides.combine(a, c), Some(RuleId::WHOLE));
    assert_eq!(overrides.combine(a, b), None);
}

#[test]
fn what_cannot_be_read_is_refused() {
    assert_eq!(error(json!({"./x": "1"})), "the override \"./x\" names no package");
    assert!(error(json!({"a": {"x": null}})).contains("and is null"));
    let (overrides, mut interner) = read(json!({"a": {".": 1}, "b": "$nope"}), json!({}));
    for (name, reason) in [("a", "has to be a text"), ("b", "does not depend on")] {
        let name = interner.name(&PackageName::new_unchecked(name));
        let rule = (0..overrides.rules.len()).map(id).find(|&rule| overrides.rule(rule).name == Some(name));
        let fault = overrides
            .replacement(rule.unwrap(), name, (None, &Manifest::from_value(&json!({}))), &interner)
            .unwrap_err();
        assert!(fault.to_error().to_string().contains(reason));
    }
}

#[test]
fn without_rules_there_is_nothing() {
    for overrides in [json!({}), json!({".": "1"}), json!("x"), json!(["x"])] {
        let manifest = Arc::new(Manifest::from_value(&json!({ "overrides": overrides })));
        let mut interner = Interner::new(Blocks { peers: true }, Paths::default());
        assert!(Overrides::read(&manifest, &mut interner).unwrap().is_none());
    }
}
