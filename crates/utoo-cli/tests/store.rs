//! `utoo store` and `utoo cache`.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use std::path::PathBuf;

use common::{document, done};
use utoo_testkit::TestProject;

fn installed() -> TestProject {
    let project =
        common::project(r#"{"name": "app", "version": "1.0.0", "dependencies": {"right": "^1.0.0"}}"#);
    done(&project, "install");
    project
}

#[test]
fn a_whole_store_verifies_and_damage_is_removed_and_fetched_again() {
    let project = installed();
    let verified = document(&project, "store verify")["result"].clone();
    assert_eq!((&verified["packages"], verified["damaged"].as_array().unwrap().len()), (&2.into(), 0));
    let store = PathBuf::from(verified["path"].as_str().unwrap());
    assert_eq!(done(&project, "store path").stdout.trim(), store.to_str().unwrap());
    let cache = store.ancestors().nth(2).unwrap();
    let damaged = common::stored_file(&common::stored_packages(cache)[0], "package.json");
    utoo_fs::write_atomic(&damaged, "{}").unwrap();
    let output = done(&project, "cache verify");
    assert!(output.stderr.contains("1 damaged and removed"), "{}", output.stderr);
    assert!(output.stdout.contains("package.json was damaged"), "{}", output.stdout);
    std::fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    let again = document(&project, "install")["result"].clone();
    assert_eq!((&again["added"], &again["fromCache"]), (&2.into(), &1.into()));
}

#[test]
fn prune_takes_what_no_project_is_linked_to() {
    let project = installed();
    let listed = document(&project, "cache ls")["result"].clone();
    let names: Vec<&str> =
        listed["packages"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["left", "right"]);
    std::fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    let reckoned = document(&project, "store prune --dry-run")["result"].clone();
    assert_eq!(reckoned["packages"].as_array().unwrap().len(), 2);
    assert_eq!(document(&project, "cache ls")["result"]["packages"].as_array().unwrap().len(), 2);
    done(&project, "store prune");
    assert_eq!(document(&project, "cache ls")["result"]["packages"].as_array().unwrap().len(), 0);
    assert_eq!(document(&project, "install")["result"]["added"], 2);
}

#[test]
fn cache_clean_is_clean_and_path_says_where() {
    let project = installed();
    let cache = PathBuf::from(done(&project, "cache path").stdout.trim());
    assert!(cache.join("store").is_dir());
    done(&project, "cache clean --force");
    assert!(!cache.join("store").exists());
    assert_eq!(common::utoo(&project, "cache frobnicate").code, Some(2));
}
