//! Where packages may come from: registries, what the project itself names, and nowhere else.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use std::path::Path;

use common::{document, done, json};
use serde_json::json;
use utoo_testkit::{FixtureRegistry, TestProject};

/// `reaching` depends on what this spec says.
fn reaching(spec: &str) -> TestProject {
    let mut registry = common::registry();
    let manifest = json!({"name": "reaching", "version": "1.0.0", "dependencies": {"x": spec}});
    registry.publish_json(&manifest.to_string()).unwrap();
    let project = TestProject::new(registry).unwrap();
    project.write("package.json", r#"{"name": "app", "dependencies": {"reaching": "1"}}"#).unwrap();
    project.write("lib/package.json", r#"{"name": "x", "version": "1.0.0"}"#).unwrap();
    project
}

#[test]
fn a_dependency_that_asks_for_what_is_in_no_registry_is_refused_before_anyone_goes_there() {
    for spec in
        ["http://127.0.0.1:1/x.tgz", "github:u/x", "git+ssh://git@127.0.0.1:1/x.git", "file:../../lib"]
    {
        let project = reaching(spec);
        for words in ["install", "deps", "explain x"] {
            let error = document(&project, words)["error"].clone();
            assert_eq!(error["code"], "EEXOTICSUBDEP", "{words}, {spec}: {error}");
            assert_eq!(error["exitCode"], 7, "{words}, {spec}");
            assert!(error["hint"].as_str().unwrap().contains("block-exotic-subdeps=false"), "{error}");
        }
        assert_eq!(project.lock(), None);
        assert!(!project.dir().join("node_modules/reaching").exists(), "{spec}");
    }
}

#[test]
fn one_setting_opens_them_and_so_does_the_projects_own_word() {
    let elsewhere = TestProject::new(common::registry()).unwrap();
    let project = reaching(&format!("{}left/-/left-1.0.0.tgz", elsewhere.server().url()));
    done(&project, "install --no-block-exotic-subdeps");
    assert_eq!(project.tree()["node_modules/x"], "1.0.0");
    let error = document(&project, "ci")["error"].clone();
    assert_eq!(error["code"], "EEXOTICSUBDEP", "a lockfile is no permission: {error}");
    assert_eq!(error["details"]["requiredBy"], json!(["node_modules/reaching"]), "{error}");
    project.write(".npmrc", "block-exotic-subdeps=false\n").unwrap();
    done(&project, "ci");

    let project = reaching("^1.0.0");
    let own = r#"{"name": "app", "dependencies": {"reaching": "1", "x": "file:lib"}}"#;
    project.write("package.json", own).unwrap();
    done(&project, "install");
    assert_eq!(project.tree()["node_modules/x"], "link");
}

/// A project whose lockfile says that `left` is at another server, with this integrity.
fn locked_elsewhere(elsewhere: &TestProject, integrity: Option<&str>) -> TestProject {
    let project =
        common::project(r#"{"name": "app", "version": "1.0.0", "dependencies": {"left": "1.0.0"}}"#);
    let url = elsewhere.server().url();
    let resolved = format!("{}/left/-/left-1.0.0.tgz", url.as_str().trim_end_matches('/'));
    let mut entry = json!({"version": "1.0.0", "resolved": resolved});
    if let Some(integrity) = integrity {
        entry["integrity"] = integrity.into();
    }
    let lock = json!({
        "name": "app", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
        "packages": {
            "": {"name": "app", "version": "1.0.0", "dependencies": {"left": "1.0.0"}},
            "node_modules/left": entry,
        },
    });
    project.write("package-lock.json", &lock.to_string()).unwrap();
    project
}

/// The integrity of `left@1.0.0` at a server.
fn integrity_at(project: &TestProject) -> String {
    project.write("package.json", r#"{"name": "app", "dependencies": {"left": "1.0.0"}}"#).unwrap();
    done(project, "install");
    let lock = json(&project.lock().unwrap());
    lock["packages"]["node_modules/left"]["integrity"].as_str().unwrap().to_owned()
}

#[test]
fn what_a_lockfile_has_from_an_unknown_host_needs_a_registry_that_vouches_for_it() {
    let mirror = TestProject::new(common::registry()).unwrap();
    let mut evil = FixtureRegistry::new();
    evil.publish_json(r#"{"name": "left", "version": "1.0.0", "description": "not what it seems"}"#).unwrap();
    let evil = TestProject::new(evil).unwrap();
    let (good, bad) = (integrity_at(&mirror), integrity_at(&evil));
    assert_ne!(good, bad);
    // The same bytes from another host are the same bytes.
    done(&locked_elsewhere(&mirror, Some(&good)), "ci");
    done(&locked_elsewhere(&mirror, None), "ci");
    for integrity in [Some(&*bad), None] {
        let project = locked_elsewhere(&evil, integrity);
        let error = document(&project, "ci")["error"].clone();
        assert_eq!(error["code"], "EINTEGRITY", "{error}");
        assert_eq!(project.tree().len(), 0);
        assert_eq!(document(&project, "install")["error"]["code"], "EINTEGRITY");
    }
}

#[test]
fn what_no_registry_knows_comes_from_no_unknown_host() {
    let mut evil = FixtureRegistry::new();
    evil.publish_json(r#"{"name": "unheard", "version": "1.0.0"}"#).unwrap();
    let evil = TestProject::new(evil).unwrap();
    evil.write("package.json", r#"{"name": "app", "dependencies": {"unheard": "1.0.0"}}"#).unwrap();
    done(&evil, "install");
    let project = common::project(r#"{"name": "app", "dependencies": {"unheard": "1.0.0"}}"#);
    project.write("package-lock.json", &evil.read("package-lock.json").unwrap()).unwrap();
    let error = document(&project, "ci")["error"].clone();
    assert_eq!(error["code"], "EFOREIGNSOURCE", "{error}");
    assert!(error["hint"].as_str().unwrap().contains("trusted-registries"), "{error}");
    // The user's own word.
    let host = evil.server().url();
    let npmrc = project.home().join(".npmrc");
    let before = std::fs::read_to_string(&npmrc).unwrap();
    utoo_fs::write_atomic(&npmrc, format!("{before}trusted-registries={host}\n")).unwrap();
    done(&project, "ci");
}

#[test]
fn a_weak_integrity_does_not_stand_where_a_strong_one_is_known() {
    let evil_bytes = TestProject::new(common::registry()).unwrap();
    let good = integrity_at(&evil_bytes);
    let project =
        common::project(r#"{"name": "app", "version": "1.0.0", "dependencies": {"left": "1.0.0"}}"#);
    done(&project, "install");
    let mut lock = json(&project.read("package-lock.json").unwrap());
    let shasum = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=";
    lock["packages"]["node_modules/left"]["integrity"] = shasum.into();
    project.write("package-lock.json", &lock.to_string()).unwrap();
    done(&project, "clean");
    // Neither is it right nor does it replace what the registry says.
    assert_eq!(document(&project, "ci")["error"]["code"], "EINTEGRITY");
    assert!(good.starts_with("sha512-"));
}

#[test]
fn paths_start_at_the_project_wherever_utoo_is_run() {
    let project = TestProject::new(common::registry()).unwrap();
    project.write("lib/package.json", r#"{"name": "lib", "version": "1.0.0"}"#).unwrap();
    project.write("sub/deeper/file", "").unwrap();
    let lib = project.dir().join("lib");
    let manifest = json!({"name": "app", "dependencies": {"lib": "file:lib", "same": lib.to_str().map(|lib| format!("file:{lib}"))}});
    project.write("package.json", &manifest.to_string()).unwrap();
    for flag in ["", "--install-links"] {
        let words = format!("install {flag}");
        let words: Vec<&str> = words.split_whitespace().collect();
        let mut command = project.command(Path::new(common::UTOO));
        let run = command.args(&words).current_dir(project.dir().join("sub/deeper")).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let lock: serde_json::Value = serde_json::from_str(&project.lock().unwrap()).unwrap();
        let resolved = |name: &str| lock["packages"][format!("node_modules/{name}")]["resolved"].clone();
        let expected = if flag.is_empty() { "lib" } else { "file:lib" };
        assert_eq!((resolved("lib"), resolved("same")), (expected.into(), expected.into()), "{lock:#}");
        let installed = project.dir().join("node_modules/same");
        assert_eq!(installed.is_symlink(), flag.is_empty());
        assert!(installed.join("package.json").is_file());
    }
}
