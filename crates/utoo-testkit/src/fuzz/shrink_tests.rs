use serde_json::json;

use super::*;

#[test]
fn leaves_what_makes_it_interesting() {
    let case = FuzzCase {
        value: json!({
            "registry": {"a": {"versions": {"1.0.0": {"dependencies": {"b": "^2.0.0", "c": "1"}}}}, "b": {}},
            "files": {"package.json": {"name": "root", "version": "1.0.0", "license": "MIT"}},
            "run": ["install", "--package-lock-only", "--force"],
        }),
    };
    let mut asked = 0;
    let small = shrink(&case, |case| {
        asked += 1;
        case.value.pointer("/registry/a/versions/1.0.0/dependencies/b").is_some()
    });
    let expected = json!({
        "registry": {"a": {"versions": {"1.0.0": {"dependencies": {"b": "*"}}}}},
        "files": {"package.json": {"name": "root", "version": "1.0.0"}},
        "run": ["install", "--package-lock-only"],
    });
    assert_eq!(small.value, expected);
    assert!(asked < 100, "asked {asked} times");
}
