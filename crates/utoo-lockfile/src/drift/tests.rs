use serde_json::{Value, json};

use super::*;

fn lock(packages: &Value) -> Lockfile {
    let text = json!({"lockfileVersion": 3, "packages": packages}).to_string();
    Lockfile::parse(&text, "package-lock.json").unwrap()
}

fn said(locked: &Value, ideal: &Value) -> Vec<String> {
    drift(&lock(locked), &lock(ideal)).iter().map(Drift::to_string).collect()
}

#[test]
fn what_is_missing_or_of_another_version_is_said_in_npms_words() {
    let locked = json!({
        "": {"name": "old"},
        "node_modules/a": {"version": "1.0.0"},
        "node_modules/gone": {"version": "1.0.0"},
    });
    let ideal = json!({
        "": {"name": "new"},
        "node_modules/a": {"version": "2.0.0"},
        "node_modules/a/node_modules/@s/b": {"version": "1.0.0"},
        "node_modules/w": {"resolved": "w", "link": true},
        "w": {"version": "3.0.0"},
        "lib": {"name": "l", "version": "4.0.0"},
    });
    assert_eq!(
        said(&locked, &ideal),
        [
            "Invalid: lock file's a@1.0.0 does not satisfy a@2.0.0",
            "Missing: @s/b@1.0.0 from lock file",
            "Missing: w@3.0.0 from lock file",
            "Missing: w@3.0.0 from lock file",
            "Missing: l@4.0.0 from lock file",
        ]
    );
}

#[test]
fn what_a_shrinkwrap_lists_is_no_drift() {
    let package = json!({"version": "1.0.0", "hasShrinkwrap": true});
    let locked = json!({"node_modules/s": package, "node_modules/s/node_modules/a": {"version": "1.0.0"}});
    let ideal = json!({
        "node_modules/s": package,
        "node_modules/s/node_modules/a": {"version": "2.0.0"},
        "node_modules/s/node_modules/a/node_modules/b": {"version": "1.0.0"},
    });
    assert_eq!(said(&locked, &ideal), Vec::<String>::new());
}

#[test]
fn fewer_packages_and_another_version_of_a_workspace_are_no_drift() {
    let locked = json!({
        "node_modules/a": {"version": "1.0.0"},
        "node_modules/w": {"resolved": "w", "link": true},
        "w": {"version": "1.0.0"},
    });
    let ideal = json!({"node_modules/w": {"resolved": "w", "link": true}, "w": {"version": "2.0.0"}});
    assert_eq!(said(&locked, &ideal), Vec::<String>::new());
}
