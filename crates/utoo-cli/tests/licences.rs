//! `license`, which abbreviated metadata lacks and only a package's own package.json tells.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{done, json};
use serde_json::Value;
use utoo_testkit::{FixtureRegistry, TestProject};

fn project() -> TestProject {
    let mut registry = FixtureRegistry::new();
    for manifest in [
        r#"{"name": "a", "version": "1.0.0", "license": "MIT", "dependencies": {"b": "^1"}}"#,
        r#"{"name": "b", "version": "1.0.0", "license": "ISC", "funding": "https://example.com/b"}"#,
        r#"{"name": "c", "version": "1.0.0", "license": "Apache-2.0"}"#,
    ] {
        registry.publish_json(manifest).unwrap();
    }
    let project = TestProject::new(registry).unwrap();
    project
        .write("package.json", r#"{"name": "app", "version": "1.0.0", "dependencies": {"a": "1"}}"#)
        .unwrap();
    project
}

/// The licences in the lockfile, in its order; empty for none.
fn licences(project: &TestProject) -> Vec<String> {
    let lock = json(&project.lock().unwrap());
    let packages = lock["packages"].as_object().unwrap().iter().filter(|(location, _)| !location.is_empty());
    packages.map(|(_, entry)| entry["license"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn what_deps_leaves_out_the_next_install_fills_in() {
    let at_once = project();
    done(&at_once, "install");
    assert_eq!(licences(&at_once), ["MIT", "ISC"]);
    for first in ["deps", "install --package-lock-only"] {
        let project = project();
        done(&project, first);
        assert_eq!(licences(&project), ["", ""], "{first}");
        done(&project, "install");
        assert_eq!(project.lock(), at_once.lock(), "{first}");
        assert_eq!(project.hidden_lock(), at_once.hidden_lock(), "{first}");
    }
}

#[test]
fn it_is_remembered_through_several_runs() {
    let project = project();
    done(&project, "deps");
    done(&project, "deps");
    done(&project, "install --package-lock-only c");
    assert_eq!(licences(&project), ["", "", ""]);
    done(&project, "install");
    assert_eq!(licences(&project), ["MIT", "ISC", "Apache-2.0"]);
}

#[test]
fn what_was_installed_before_is_filled_in_too() {
    let project = project();
    done(&project, "install");
    done(&project, "install --package-lock-only c");
    assert_eq!(licences(&project), ["MIT", "ISC", ""]);
    done(&project, "install");
    assert_eq!(licences(&project), ["MIT", "ISC", "Apache-2.0"]);
}

#[test]
fn a_lockfile_without_licences_from_elsewhere_stays_as_it_is() {
    let project = project();
    done(&project, "install");
    let mut lock = json(&project.read("package-lock.json").unwrap());
    for entry in lock["packages"].as_object_mut().unwrap().values_mut() {
        entry.as_object_mut().unwrap().remove("license");
    }
    let write = |lock: &Value| {
        let text = format!("{}\n", serde_json::to_string_pretty(lock).unwrap());
        project.write("package-lock.json", &text).unwrap();
    };
    write(&lock);
    done(&project, "install");
    assert_eq!(licences(&project), ["", ""]);
    // One that deps wrote, and somebody else changed.
    std::fs::remove_file(project.dir().join("package-lock.json")).unwrap();
    std::fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    done(&project, "deps");
    lock["packages"]["node_modules/b"]["license"] = "BSD".into();
    write(&lock);
    done(&project, "install");
    assert_eq!(licences(&project), ["", "BSD"]);
}
