use serde_json::json;

use super::*;

fn case() -> FuzzCase {
    FuzzCase {
        value: json!({
            "registry": {"a": {"versions": {"1.0.0": {}, "1.1.0": {"bin": "a.js"}}, "tags": {"latest": "1.0.0"}}},
            "bundled": {"a@1.0.0/node_modules/b/package.json": {"name": "b"}},
            "files": {"package.json": {"dependencies": {"a": "1"}}},
            "first": ["--force"],
            "edits": [
                {"at": ["files", "package.json", "dependencies", "b"], "to": "2"},
                {"at": ["registry", "a", "versions", "1.0.0"]},
            ],
            "run": ["uninstall", "--package-lock-only", "a"],
        }),
    }
}

#[test]
fn the_first_command_sees_the_world_before_its_edits() {
    let first = case().first("x").unwrap();
    let fixtures = first.fixtures().unwrap();
    assert_eq!(fixtures.documents()["a"]["dist-tags"], json!({"latest": "1.0.0"}));
    assert_eq!(fixtures.documents()["a"]["versions"].as_object().unwrap().len(), 2);
    assert_eq!(first.run_lines().unwrap()[0].args, ["install", "--package-lock-only", "--force"]);
    assert!(first.section("package a@1.0.0/node_modules/b/package.json").is_some());
}

#[test]
fn the_second_sees_the_edits_and_the_lock() {
    let second = case().second("x", Some("{}\n"));
    let package: Value = serde_json::from_str(second.package_json().unwrap()).unwrap();
    assert_eq!(package, json!({"dependencies": {"a": "1", "b": "2"}}));
    assert_eq!(second.registry().unwrap()["a"]["versions"].as_object().unwrap().len(), 1);
    assert_eq!(second.lock_before(), Some("{}\n"));
    assert_eq!(second.run_lines().unwrap()[0].args, ["uninstall", "--package-lock-only", "a"]);
}
