//! A project on an in-process registry, and the real binary.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use utoo_installer::{PackageIndex, Store, StoreEntry};
use utoo_testkit::{FixtureRegistry, RunOutput, TestProject};

/// The binary that these tests are about.
pub(crate) const UTOO: &str = env!("CARGO_BIN_EXE_utoo");

/// `left` in three versions, `right` that needs `left`, and `tool` with a command.
pub(crate) fn registry() -> FixtureRegistry {
    let mut registry = FixtureRegistry::new();
    for manifest in [
        r#"{"name": "left", "version": "1.0.0"}"#,
        r#"{"name": "left", "version": "1.2.0"}"#,
        r#"{"name": "left", "version": "2.0.0"}"#,
        r#"{"name": "right", "version": "1.0.0", "dependencies": {"left": "^1.0.0"}}"#,
        r#"{"name": "@scope/tool", "version": "0.3.1", "description": "a tool"}"#,
    ] {
        registry.publish_json(manifest).unwrap();
    }
    registry
}

/// A project with this package.json.
pub(crate) fn project(package_json: &str) -> TestProject {
    let project = TestProject::new(registry()).unwrap();
    project.write("package.json", package_json).unwrap();
    project
}

/// Runs utoo with words that hold no spaces.
pub(crate) fn utoo(project: &TestProject, words: &str) -> RunOutput {
    utoo_with(project, &words.split_whitespace().collect::<Vec<_>>())
}

pub(crate) fn utoo_with(project: &TestProject, words: &[&str]) -> RunOutput {
    project.run(Path::new(UTOO), words).unwrap()
}

/// The same, which has to succeed.
pub(crate) fn done(project: &TestProject, words: &str) -> RunOutput {
    let output = utoo(project, words);
    assert_eq!(output.code, Some(0), "utoo {words}: {}{}", output.stdout, output.stderr);
    output
}

/// The document that utoo prints with `--json`, held to the schema; stderr has to be empty.
pub(crate) fn document(project: &TestProject, words: &str) -> Value {
    let output = utoo(project, &format!("{words} --json"));
    assert_eq!(output.stderr, "", "utoo {words}");
    assert_eq!(output.stdout.lines().count(), 1, "utoo {words}: {}", output.stdout);
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../../schema/output.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(problems, [""; 0], "utoo {words}: {document}");
    let exit_code = document.pointer("/error/exitCode").and_then(Value::as_i64).unwrap_or(0);
    assert_eq!(output.code.map(i64::from), Some(exit_code), "utoo {words}");
    document
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Every package in the store of a cache.
pub(crate) fn stored_packages(cache: &Path) -> Vec<StoreEntry> {
    Store::open(cache).list().unwrap()
}

/// Where the store has this file of a package.
pub(crate) fn stored_file(package: &StoreEntry, file: &str) -> PathBuf {
    let index = PackageIndex::parse(&std::fs::read(package.entry.join("index")).unwrap()).unwrap();
    index.find(file).unwrap().path_in(&package.entry)
}

/// package.json as it is now.
pub(crate) fn package_json(project: &TestProject) -> Value {
    json(&project.read("package.json").unwrap())
}
