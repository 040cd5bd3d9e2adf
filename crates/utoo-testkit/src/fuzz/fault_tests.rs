use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::answer::Outcome;

fn fault(run: &str, packages: &Value) -> Option<Fault> {
    let text = format!(
        "-- package.json --\n{{\"workspaces\": [\"packages/*\"]}}\n-- packages/w/package.json --\n{{}}\n-- run --\n{run}\n"
    );
    let lock = json!({"lockfileVersion": 3, "requires": true, "packages": packages}).to_string();
    let answer =
        Answer { outcome: Outcome::Done, lock: Some(lock), hidden: None, disk: None, files: BTreeMap::new() };
    fault_of(&Scenario::parse("case", &text), &answer)
}

fn with(own: &Value) -> Value {
    json!({
        "": {"dependencies": {"a": "*"}},
        "node_modules/a": own,
        "node_modules/w": {"resolved": "packages/w", "link": true},
        "packages/w": {},
    })
}

#[test]
fn a_required_package_has_to_be_somewhere() {
    assert_eq!(fault("utoo install", &with(&json!({"version": "1.0.0"}))), None);
    for block in ["dependencies", "peerDependencies"] {
        let lacks = json!({"version": "1.0.0", block: {"b": "*"}});
        assert_eq!(fault("utoo install", &with(&lacks)), Some(Fault::LeavesOut), "{block}");
    }
    let peers = json!({"version": "1.0.0", "peerDependencies": {"b": "*"}});
    assert_eq!(fault("utoo install --legacy-peer-deps", &with(&peers)), None);
}

#[test]
fn what_may_be_missing_is_no_fault() {
    for own in [
        json!({"version": "1.0.0", "optional": true, "dependencies": {"b": "*"}}),
        json!({"version": "1.0.0", "extraneous": true, "dependencies": {"b": "*"}}),
        json!({"version": "1.0.0", "inBundle": true, "dependencies": {"b": "*"}}),
        json!({"version": "1.0.0", "optionalDependencies": {"b": "*"}}),
        json!({"version": "1.0.0", "peerDependencies": {"b": "*"}, "peerDependenciesMeta": {"b": {"optional": true}}}),
        json!({"version": "1.0.0", "dependencies": {"a": "*"}}),
    ] {
        assert_eq!(fault("utoo install", &with(&own)), None, "{own}");
    }
}

#[test]
fn an_override_by_a_folder_counts_for_all() {
    let of = |key: &str, packages: &Value| {
        let manifest = json!({"dependencies": {"lib": "file:lib"}, "overrides": {key: "$lib"}});
        let text = format!("-- package.json --\n{manifest}\n-- run --\nutoo install\n");
        let lock = json!({"lockfileVersion": 3, "requires": true, "packages": packages}).to_string();
        let lock = Lockfile::parse(&lock, "package-lock.json").unwrap();
        passes_folder_by(&Scenario::parse("case", &text), &lock)
    };
    let linked =
        json!({"node_modules/d": {"resolved": "lib", "link": true}, "node_modules/ad": {"version": "1.0.0"}});
    let below = json!({"node_modules/a": {}, "node_modules/a/node_modules/d": {"version": "1.0.0"}});
    assert!(!of("d", &linked));
    assert!(of("d", &below));
    assert!(of("d@*", &below));
    // What is of another version may stay.
    assert!(!of("d@2", &below));
}

#[test]
fn what_an_override_refers_to_counts_at_once() {
    let of = |key: &str, spec: &str| {
        let before = json!({"dependencies": {"d": "latest"}, "overrides": {key: "$d"}});
        let text = format!("-- package.json --\n{before}\n-- run --\nutoo install d@{spec}\n");
        let after = json!({"dependencies": {"d": spec}, "overrides": {key: "$d"}}).to_string();
        let packages = json!({"node_modules/a": {}, "node_modules/a/node_modules/g": {"version": "2.0.0"}});
        let lock = json!({"lockfileVersion": 3, "requires": true, "packages": packages}).to_string();
        let files = BTreeMap::from([("package.json".to_owned(), after)]);
        let answer =
            Answer { outcome: Outcome::Done, lock: Some(lock.clone()), hidden: None, disk: None, files };
        let lock = Lockfile::parse(&lock, "package-lock.json").unwrap();
        keeps_referenced(&Scenario::parse("case", &text), &answer, &lock)
    };
    assert!(of("g", "^1.0.0"));
    assert!(!of("g", "^2.0.0"));
    assert!(!of("g", "latest"));
    assert!(!of("h", "^1.0.0"));
}

#[test]
fn a_link_has_to_lead_somewhere() {
    let mut packages = with(&json!({"version": "1.0.0"}));
    packages["node_modules/b"] = json!({"resolved": "node_modules/a/local", "link": true});
    packages["node_modules/a/local"] = json!({});
    assert_eq!(fault("utoo install", &packages), Some(Fault::LinksToNothing));
}

#[test]
fn a_workspace_has_to_be_linked() {
    let packages = json!({"": {}, "packages/w": {}});
    assert_eq!(fault("utoo install", &packages), Some(Fault::LosesWorkspace));
}

#[test]
fn the_project_keeps_its_name() {
    let fault = |name: &str| {
        let lock = json!({"name": name, "lockfileVersion": 3, "requires": true, "packages": {}}).to_string();
        let answer = Answer {
            outcome: Outcome::Done,
            lock: Some(lock),
            hidden: None,
            disk: None,
            files: BTreeMap::new(),
        };
        fault_of(&Scenario::parse("case", "-- package.json --\n{\"name\": \"root\"}\n"), &answer)
    };
    assert_eq!(fault("project"), Some(Fault::ForgetsProject));
    assert_eq!(fault("root"), None);
}

#[test]
fn what_a_link_leads_to_goes_with_it() {
    let lock =
        |packages: &Value| json!({"lockfileVersion": 3, "requires": true, "packages": packages}).to_string();
    let fault = |after: &Value| {
        let inner = "node_modules/b/node_modules/b";
        let before = json!({
            "": {"dependencies": {"c": "*"}},
            "node_modules/b": {"version": "1.0.0"},
            inner: {"version": "2.0.0"},
            format!("{inner}/node_modules/b"): {"resolved": "node_modules/b", "link": true},
        });
        let text = format!("-- package.json --\n{{}}\n-- before/package-lock.json --\n{}\n", lock(&before));
        let (outcome, lock) = (Outcome::Done, Some(lock(after)));
        let answer = Answer { outcome, lock, hidden: None, disk: None, files: BTreeMap::new() };
        fault_of(&Scenario::parse("case", &text), &answer)
    };
    assert_eq!(fault(&json!({"": {}})), Some(Fault::TakesAlong));
    assert_eq!(fault(&json!({"": {}, "node_modules/b": {"version": "2.0.0"}})), Some(Fault::TakesAlong));
    assert_eq!(fault(&json!({"": {}, "node_modules/b": {"version": "1.0.0"}})), None);
}
