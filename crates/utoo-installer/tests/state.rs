//! Whether an install has anything to do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use serde_json::json;
use utoo_installer::{Freshness, StateInputs, is_up_to_date, record_state};

fn inputs(folders: Vec<std::path::PathBuf>) -> StateInputs {
    StateInputs {
        files: vec!["package.json".into(), "package-lock.json".into(), "ws/package.json".into()],
        folders,
        settings: "registry=x".into(),
    }
}

#[track_caller]
fn assert_stale(project: &Project, inputs: &StateInputs, about: &str) {
    match is_up_to_date(&project.root(), inputs) {
        Freshness::Stale(reason) => assert!(reason.contains(about), "{reason}"),
        Freshness::Fresh => panic!("fresh, though {about} changed"),
    }
}

async fn installed() -> (Project, StateInputs) {
    let project = Project::new();
    project.write("package.json", "{}");
    project.write("package-lock.json", "{}");
    let tree = json!({
        "node_modules/@s/a": project.registry.package("@s/a", "1.0.0", &[]),
        "node_modules/b/node_modules/c": project.registry.package("c", "1.0.0", &[]),
        "node_modules/b": project.registry.package("b", "1.0.0", &[]),
    });
    let inputs = inputs(project.install(tree).await.unwrap().folders);
    record_state(&project.root(), &inputs).unwrap();
    assert_eq!(is_up_to_date(&project.root(), &inputs), Freshness::Fresh);
    (project, inputs)
}

#[tokio::test]
async fn changed_inputs_are_seen() {
    let (project, inputs) = installed().await;
    assert_stale(&project, &StateInputs { settings: "registry=y".into(), ..inputs.clone() }, "settings");
    let mut more = inputs.clone();
    more.files.push(".npmrc".into());
    assert_stale(&project, &more, "files");
    // As long as before, and within the same tick of the clock.
    project.write("package.json", "[]");
    assert_stale(&project, &inputs, "package.json");
    project.write("package.json", "{}");
    assert_eq!(
        is_up_to_date(&project.root(), &inputs),
        Freshness::Fresh,
        "the same content in another writing"
    );
    project.write("ws/package.json", "{}");
    assert_stale(&project, &inputs, "ws/package.json");
}

#[tokio::test]
async fn packages_that_came_or_went_are_seen() {
    for folder in ["node_modules/b", "node_modules/@s/a", "node_modules/b/node_modules/c"] {
        let (project, inputs) = installed().await;
        std::fs::remove_dir_all(project.root().join(folder)).unwrap();
        assert_stale(&project, &inputs, "entries of");
    }
    let (project, inputs) = installed().await;
    project.write("node_modules/new/package.json", "{}");
    assert_stale(&project, &inputs, "entries of node_modules");
    let (project, inputs) = installed().await;
    project.write("node_modules/.package-lock.json", "{}");
    assert_stale(&project, &inputs, ".package-lock.json");
}

#[tokio::test]
async fn a_missing_or_damaged_record_is_stale_and_so_is_one_of_an_interrupted_install() {
    let (project, inputs) = installed().await;
    let path = project.modules().join(".utoo-state");
    let text = read(&path);
    for damaged in ["", "{}", &text[..text.len() - 1], &text.replace("\"version\":1", "\"version\":2")] {
        write(&path, damaged);
        assert_stale(&project, &inputs, "no record");
    }
    std::fs::remove_file(&path).unwrap();
    assert_stale(&project, &inputs, "no record");
    // A record made afresh leaves the hidden lockfile newer than node_modules, as npm wants it.
    record_state(&project.root(), &inputs).unwrap();
    assert_eq!(is_up_to_date(&project.root(), &inputs), Freshness::Fresh);
    let modified = |path: &std::path::Path| std::fs::metadata(path).unwrap().modified().unwrap();
    assert!(modified(&project.modules().join(".package-lock.json")) >= modified(&project.modules()));
    let failing =
        json!({"node_modules/nope": {"version": "1.0.0", "resolved": "https://registry.example/nope.tgz"}});
    assert_eq!(project.install(failing).await.map(|_| ()).unwrap_err().code(), "E404");
    assert_stale(&project, &inputs, "no record");
}
