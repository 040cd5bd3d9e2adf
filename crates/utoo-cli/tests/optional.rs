//! Optional packages that cannot be had: left out by name, kept in the lockfile, and tried again.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use common::{document, done, package_json, utoo};
use serde_json::{Value, json};
use utoo_testkit::{Fault, FaultPlan, FixtureRegistry, Nth, TestProject};

/// `extra` is optional and needs `@its/own`; `plain` is required.
fn project() -> TestProject {
    let mut registry = FixtureRegistry::new();
    for manifest in [
        r#"{"name": "extra", "version": "1.0.0", "dependencies": {"@its/own": "1"}}"#,
        r#"{"name": "@its/own", "version": "1.0.0"}"#,
        r#"{"name": "plain", "version": "1.0.0"}"#,
    ] {
        registry.publish_json(manifest).unwrap();
    }
    let project = TestProject::new(registry).unwrap();
    let app = json!({"name": "app", "optionalDependencies": {"extra": "1"}, "dependencies": {"plain": "1"}});
    project.write("package.json", &app.to_string()).unwrap();
    project.write(".npmrc", "cache-dir=cache\nfetch-retries=0\n").unwrap();
    project
}

fn break_extra(project: &TestProject, fault: Fault) {
    project.server().set_faults(FaultPlan::new().on("/extra/-/*", Nth::Every, fault));
}

fn there(project: &TestProject) -> Vec<String> {
    project.tree().into_keys().collect()
}

/// What `--json` says of the package that was left out.
fn left_out(result: &Value) -> (&str, &str) {
    let [one] = result["failedOptional"].as_array().unwrap().as_slice() else { panic!("{result}") };
    (one["package"].as_str().unwrap(), one["code"].as_str().unwrap())
}

const ALL: [&str; 3] = ["node_modules/@its/own", "node_modules/extra", "node_modules/plain"];

#[test]
fn whatever_is_wrong_with_its_tarball_it_is_left_out_and_tried_again() {
    for (fault, code) in [
        (Fault::status(404), "E404"),
        (Fault::status(401), "E401"),
        (Fault::status(500), "E500"),
        (Fault::FlipByte { at: 40 }, "EINTEGRITY"),
        (Fault::Body("no tarball".into()), "EINTEGRITY"),
    ] {
        let project = project();
        break_extra(&project, fault);
        for words in ["install", "install", "ci"] {
            let result = document(&project, words)["result"].clone();
            assert_eq!(left_out(&result), ("extra@1.0.0", code), "{words}");
            assert_eq!(result["leftOut"], 2, "{words}: {result}");
            assert_eq!(there(&project), ["node_modules/plain"], "{words}");
            assert!(!project.dir().join("node_modules/@its").exists(), "{words}");
            let lock = common::json(&project.lock().unwrap());
            assert_eq!(lock["packages"]["node_modules/extra"]["optional"], true, "{words}");
            let hidden = common::json(&project.hidden_lock().unwrap());
            assert_eq!(hidden["packages"].as_object().unwrap().len(), 1, "{words}");
        }
        project.server().set_faults(FaultPlan::new());
        let result = document(&project, "install")["result"].clone();
        assert_eq!((&result["added"], &result["kept"]), (&json!(2), &json!(1)), "{result}");
        assert_eq!(there(&project), ALL);
        assert_eq!(document(&project, "install")["result"]["upToDate"], true);
    }
}

#[test]
fn a_line_names_it_with_the_reason() {
    let project = project();
    break_extra(&project, Fault::status(404));
    let output = done(&project, "install");
    let said = output.stderr.lines().find(|line| line.contains("extra@1.0.0 is optional and left out"));
    assert!(said.is_some_and(|line| line.contains("/extra/-/extra-1.0.0.tgz")), "{}", output.stderr);
}

#[test]
fn required_by_one_it_fails_all() {
    let project = project();
    let mut app = package_json(&project);
    app["devDependencies"] = json!({"needs-extra": "file:needs-extra"});
    project.write("package.json", &app.to_string()).unwrap();
    let needing = json!({"name": "needs-extra", "version": "1.0.0", "dependencies": {"extra": "1"}});
    project.write("needs-extra/package.json", &needing.to_string()).unwrap();
    break_extra(&project, Fault::status(404));
    assert_eq!(utoo(&project, "install").code, Some(4));
    assert_eq!(project.lock(), None);
}
