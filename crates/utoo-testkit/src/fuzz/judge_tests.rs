use std::collections::BTreeMap;

use serde_json::json;

use super::*;

fn pruned(packages: &Value) -> Vec<String> {
    let lock = Some(json!({"lockfileVersion": 3, "packages": packages}).to_string());
    let answer = Answer { outcome: Outcome::Done, lock, hidden: None, disk: None, files: BTreeMap::new() };
    let lock = without_extraneous(answer).lock.unwrap();
    let lock: Value = serde_json::from_str(&lock).unwrap();
    lock["packages"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn what_is_extraneous_goes_with_what_is_in_it() {
    let packages = json!({
        "": {},
        "node_modules/a": {"extraneous": true},
        "node_modules/a/node_modules/b": {"resolved": "lib", "link": true},
        "node_modules/ab": {},
    });
    assert_eq!(pruned(&packages), ["", "node_modules/ab"]);
}

#[test]
fn a_link_that_closes_a_loop_stays_for_whoever_requires_it() {
    let of = |block: &str| {
        pruned(&json!({
            "node_modules/d": {"version": "2.0.0"},
            "node_modules/d/node_modules/e": {"version": "1.0.0"},
            "node_modules/d/node_modules/e/node_modules/d": {"resolved": "node_modules/d", "link": true},
            "node_modules/d/node_modules/e/node_modules/g": {block: {"d": "2"}},
            "node_modules/f": {"dependencies": {"d": "2"}},
        }))
        .len()
    };
    assert_eq!(of("dependencies"), 5);
    assert_eq!(of("peerDependencies"), 5);
    assert_eq!(of("none"), 4);
    let optional = json!({
        "node_modules/d": {"version": "2.0.0"},
        "node_modules/d/node_modules/d": {"resolved": "node_modules/d", "link": true},
        "node_modules/d/node_modules/g":
            {"peerDependencies": {"d": "2"}, "peerDependenciesMeta": {"d": {"optional": true}}},
    });
    assert_eq!(pruned(&optional).len(), 2);
}
