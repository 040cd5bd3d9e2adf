use serde_json::{Value, json};

use super::*;

fn said(lock: &Value, package: &Value) -> Vec<String> {
    let lock = json!({"lockfileVersion": 3, "packages": lock}).to_string();
    let lock = Lockfile::parse(&lock, "").unwrap();
    let root = Manifest::from_value(package);
    let project = Project { root: &root, workspaces: &[], peers: Peers::Required };
    validate(&lock, &project).iter().map(Mismatch::to_string).collect()
}

#[test]
fn each_kind_of_spec_is_compared_with_its_kind_of_entry() {
    let lock = json!({
        "node_modules/range": {"version": "1.5.0"},
        "node_modules/tag": {"version": "1.0.0", "resolved": "https://registry.example/tag/-/tag-1.0.0.tgz"},
        "node_modules/alias": {"name": "other", "version": "1.0.0"},
        "node_modules/url": {"version": "1.0.0", "resolved": "https://example.com/x.tgz"},
        "node_modules/git": {"version": "1.0.0", "resolved": "git+ssh://git@github.com/u/r.git#abc"},
        "node_modules/tgz": {"version": "1.0.0", "resolved": "file:vendor/x.tgz"},
        "node_modules/folder": {"resolved": "libs/x", "link": true},
        "libs/x": {"version": "3.0.0"},
    });
    let fitting = json!({"dependencies": {
        "range": "^1.0.0", "tag": "latest", "alias": "npm:other@^1.0.0", "url": "https://example.com/x.tgz",
        "git": "github:u/r", "tgz": "file:./vendor/x.tgz", "folder": "file:libs/x"
    }});
    assert_eq!(said(&lock, &fitting), Vec::<String>::new());
    let other = json!({"dependencies": {
        "range": "^2.0.0", "alias": "npm:another@^1.0.0", "url": "https://example.com/y.tgz", "git": "^1.0.0 || 2",
        "tgz": "file:vendor/y.tgz", "folder": "file:libs/y"
    }});
    let expected = [
        "Invalid: lock file's range@1.5.0 does not satisfy range@^2.0.0",
        "Invalid: lock file's alias@1.0.0 does not satisfy alias@npm:another@^1.0.0",
        "Invalid: lock file's url@1.0.0 does not satisfy url@https://example.com/y.tgz",
        "Invalid: lock file's tgz@1.0.0 does not satisfy tgz@file:vendor/y.tgz",
        "Invalid: lock file's folder@3.0.0 does not satisfy folder@file:libs/y",
    ];
    assert_eq!(said(&lock, &other), expected);
}

#[test]
fn optional_dependencies_may_be_absent_but_not_wrong() {
    let package = json!({
        "optionalDependencies": {"o": "^1.0.0"},
        "peerDependencies": {"p": "*"},
        "peerDependenciesMeta": {"p": {"optional": true}}
    });
    let recorded = json!({"": {"optionalDependencies": {"o": "^1.0.0"}}});
    assert_eq!(said(&recorded, &package), Vec::<String>::new());
    assert_eq!(said(&json!({}), &package), ["Missing: o@^1.0.0 from lock file"]);
    let lock = json!({"node_modules/o": {"version": "2.0.0"}});
    assert_eq!(said(&lock, &package), ["Invalid: lock file's o@2.0.0 does not satisfy o@^1.0.0"]);
}

#[test]
fn legacy_peers_are_ignored() {
    let lock = Lockfile::default();
    let root = Manifest::from_value(&json!({"peerDependencies": {"p": "1"}}));
    let project = |peers| Project { root: &root, workspaces: &[], peers };
    assert_eq!(validate(&lock, &project(Peers::Ignored)), []);
    assert_eq!(validate(&lock, &project(Peers::Required)).len(), 1);
}
