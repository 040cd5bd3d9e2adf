//! `--install-strategy=linked`: what is on disk and what happens to it. Trees, keys and lockfiles are held to npm's by the
//! scenarios in `fixtures/scenarios/linked`.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use std::path::{Path, PathBuf};

use common::{document, done, json};
use serde_json::json;
use utoo_testkit::{FixtureRegistry, TestProject};

const LINKED: &str = "--install-strategy=linked";

fn project(package_json: &str) -> TestProject {
    let mut registry = FixtureRegistry::new();
    let log =
        r#"{"postinstall": "echo $npm_package_name >> \"$INIT_CWD/log\"; node-does-not-matter || true"}"#;
    for manifest in [
        r#"{"name": "a", "version": "1.0.0", "dependencies": {"b": "^1.0.0", "@s/c": "*"}, "devDependencies": {"nowhere": "*"}}"#
            .to_owned(),
        r#"{"name": "b", "version": "1.0.0"}"#.to_owned(),
        r#"{"name": "b", "version": "2.0.0"}"#.to_owned(),
        r#"{"name": "@s/c", "version": "1.0.0", "dependencies": {"b": "*"}}"#.to_owned(),
        format!(r#"{{"name": "scripted", "version": "1.0.0", "dependencies": {{"b": "1"}}, "scripts": {log}}}"#),
    ] {
        registry.publish_json(&manifest).unwrap();
    }
    let project = TestProject::new(registry).unwrap();
    project.write("package.json", package_json).unwrap();
    project
}

const APP: &str = r#"{"name": "app", "version": "1.0.0", "dependencies": {"a": "*", "b": "^2.0.0"}}"#;

fn installed() -> TestProject {
    let project = project(APP);
    done(&project, &format!("install {LINKED}"));
    project
}

/// Every file and link below a folder with what it holds or leads to, but for utoo's own notes.
fn listing(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if kind.is_symlink() {
                found.push((path.clone(), format!("-> {}", std::fs::read_link(&path).unwrap().display())));
            } else if kind.is_dir() {
                open.push(path);
            } else if !entry.file_name().to_string_lossy().starts_with(".utoo") {
                found.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn modules(project: &TestProject) -> Vec<(PathBuf, String)> {
    listing(&project.dir().join("node_modules"))
}

/// The folder of a package in the store.
fn in_store(project: &TestProject, name: &str) -> PathBuf {
    let store = project.dir().join("node_modules/.store");
    let folders = std::fs::read_dir(&store).unwrap().flatten();
    let mut folders =
        folders.filter(|entry| entry.file_name().to_string_lossy().starts_with(&format!("{name}@")));
    folders.next().unwrap().path()
}

#[test]
fn each_package_finds_its_own_dependencies_and_no_others() {
    let project = installed();
    let version =
        |path: &Path| json(&std::fs::read_to_string(path.join("package.json")).unwrap())["version"].clone();
    let modules = project.dir().join("node_modules");
    assert_eq!(version(&modules.join("b")), "2.0.0");
    assert!(!modules.join("@s").exists());
    let beside = in_store(&project, "a").join("node_modules");
    assert_eq!((version(&beside.join("b")), version(&beside.join("@s/c"))), (json!("1.0.0"), json!("1.0.0")));
    assert_eq!(modules.join("a").canonicalize().unwrap(), beside.join("a").canonicalize().unwrap());
}

#[test]
fn an_install_that_has_nothing_to_do_does_nothing() {
    let project = project(APP);
    // a, b twice and @s/c, however many links there are.
    let first = document(&project, &format!("install {LINKED}"));
    assert_eq!(first["result"]["added"], json!(4));
    let requests = project.server().requests().len();
    let before = modules(&project);
    let again = document(&project, &format!("install {LINKED}"));
    assert_eq!((&again["result"]["upToDate"], project.server().requests().len()), (&json!(true), requests));
    // A look at everything finds nothing to do either, and leaves what is there.
    let result = &document(&project, &format!("install {LINKED} --force"))["result"];
    assert_eq!((&result["added"], &result["changed"], &result["removed"]), (&json!(0), &json!(0), &json!(0)));
    let kinds = |listing: &[(PathBuf, String)]| {
        listing.iter().map(|(path, text)| (path.clone(), text.starts_with("->"))).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&modules(&project)), kinds(&before));
    assert!(project.dir().join("node_modules/.store").is_dir());
}

#[test]
fn hoisted_and_linked_take_turns() {
    let project = project(APP);
    done(&project, "install");
    let hoisted = modules(&project);
    done(&project, &format!("install {LINKED}"));
    let linked = modules(&project);
    assert_ne!(hoisted, linked);
    done(&project, "install");
    assert_eq!(modules(&project), hoisted);
    assert!(!project.dir().join("node_modules/.store").exists());
    done(&project, &format!("install {LINKED}"));
    assert_eq!(modules(&project), linked);
}

#[test]
fn what_a_killed_run_left_or_somebody_broke_is_repaired() {
    let project = installed();
    let whole = modules(&project);
    let damages: [fn(&TestProject); 6] = [
        |project| std::fs::remove_file(project.dir().join("node_modules/.package-lock.json")).unwrap(),
        |project| std::fs::remove_dir_all(in_store(project, "a")).unwrap(),
        |project| std::fs::remove_dir_all(in_store(project, "b").join("node_modules/b")).unwrap(),
        |project| std::fs::remove_file(project.dir().join("node_modules/a")).unwrap(),
        |project| {
            std::fs::remove_file(project.dir().join("node_modules/a")).unwrap();
            std::os::unix::fs::symlink(".store/elsewhere", project.dir().join("node_modules/a")).unwrap();
        },
        |project| {
            project
                .write("node_modules/.store/stray@1.0.0-hash/node_modules/stray/package.json", "{")
                .unwrap();
            project.write("node_modules/.store/@s/stray@1.0.0-hash/x", "x").unwrap();
            project.write("node_modules/.store/file", "x").unwrap();
            project.write("node_modules/.utoo-staging/0/package.json", "{").unwrap();
            std::fs::create_dir(project.dir().join("node_modules/.store/@empty")).unwrap();
        },
    ];
    for (number, damage) in damages.iter().enumerate() {
        damage(&project);
        project.write("node_modules/.utoo-state", "").unwrap();
        done(&project, &format!("install {LINKED}"));
        let without_list = |listing: Vec<(PathBuf, String)>| {
            listing.into_iter().filter(|(path, _)| !path.ends_with(".package-lock.json")).collect::<Vec<_>>()
        };
        assert_eq!(without_list(modules(&project)), without_list(whole.clone()), "damage {number}");
        assert!(!project.dir().join("node_modules/.store/@empty").exists());
    }
}

#[test]
fn nothing_is_written_through_links_in_the_store() {
    let project = installed();
    let whole = modules(&project);
    let victim = project.dir().join("../victim");
    std::fs::create_dir(&victim).unwrap();
    utoo_fs::write_atomic(victim.join("mine"), "mine").unwrap();
    let store = project.dir().join("node_modules/.store");
    let planted = [
        store.clone(),
        store.join("@s"),
        in_store(&project, "a"),
        in_store(&project, "a").join("node_modules"),
        in_store(&project, "a").join("node_modules/@s"),
        in_store(&project, "a").join("node_modules/a"),
    ];
    for place in planted {
        std::fs::remove_dir_all(&place).unwrap();
        std::os::unix::fs::symlink(&victim, &place).unwrap();
        project.write("node_modules/.utoo-state", "").unwrap();
        done(&project, &format!("install {LINKED}"));
        assert_eq!(listing(&victim), [(victim.join("mine"), "mine".to_owned())], "{}", place.display());
        assert_eq!(modules(&project).len(), whole.len(), "{}", place.display());
    }
}

#[test]
fn what_is_nobodys_stays() {
    let project = installed();
    let outside = project.dir().join("../outside");
    std::fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, project.dir().join("node_modules/outside")).unwrap();
    project.write("node_modules/notes/today.md", "mine").unwrap();
    project.write("node_modules/stale/package.json", "{}").unwrap();
    std::os::unix::fs::symlink("../packages", project.dir().join("node_modules/inside")).unwrap();
    done(&project, &format!("install {LINKED}"));
    let is_there = |name: &str| project.dir().join("node_modules").join(name).symlink_metadata().is_ok();
    assert_eq!(["outside", "notes", "stale", "inside"].map(is_there), [true, true, false, false]);
}

#[test]
fn ci_makes_the_same_tree_and_refuses_drift() {
    let project = installed();
    let whole = modules(&project);
    let lock = project.read("package-lock.json");
    done(&project, &format!("ci {LINKED}"));
    let names =
        |listing: &[(PathBuf, String)]| listing.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&modules(&project)), names(&whole));
    assert_eq!(project.read("package-lock.json"), lock);
    project.write("package.json", r#"{"name": "app", "dependencies": {"b": "1"}}"#).unwrap();
    assert_eq!(document(&project, &format!("ci {LINKED}"))["error"]["code"], "EUSAGE");
}

#[test]
fn scripts_run_once_in_their_place_and_again_with_rebuild() {
    let project =
        project(r#"{"name": "app", "dependencies": {"scripted": "1"}, "allowScripts": {"scripted": true}}"#);
    let lines = |project: &TestProject| project.read("log").unwrap_or_default().lines().count();
    done(&project, &format!("install {LINKED}"));
    assert_eq!(lines(&project), 1);
    let whole = modules(&project);
    done(&project, &format!("install {LINKED}"));
    assert_eq!(lines(&project), 1);
    for words in ["rebuild", "rebuild scripted"] {
        std::fs::remove_file(project.dir().join("log")).unwrap();
        let result = document(&project, words)["result"].clone();
        assert_eq!((&result["scriptsRun"], lines(&project)), (&json!(1), 1), "{words}");
        let paths =
            |listing: &[(PathBuf, String)]| listing.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        assert_eq!(paths(&modules(&project)), paths(&whole), "{words}");
    }
    let again = document(&project, &format!("install {LINKED}"));
    assert_eq!(again["result"]["scriptsRun"], json!(0), "{again}");
}

#[test]
fn scripts_that_do_not_run_are_told_and_can_be_allowed() {
    let project = project(r#"{"name": "app", "dependencies": {"scripted": "1"}}"#);
    let said = done(&project, &format!("install {LINKED}")).stderr;
    assert!(said.contains("to allow them: utoo approve-scripts scripted"), "{said}");
    assert!(done(&project, "ignored-scripts").stdout.contains("scripted@1.0.0"));
    done(&project, "approve-scripts scripted");
    done(&project, &format!("install {LINKED}"));
    assert_eq!(project.read("log").as_deref(), Some("scripted\n"));
}

#[test]
fn ls_shows_the_tree_behind_the_links() {
    let project = project(
        r#"{"name": "app", "version": "1.0.0", "workspaces": ["one"], "dependencies": {"a": "*", "b": "^2.0.0"}}"#,
    );
    project
        .write("one/package.json", r#"{"name": "one", "version": "1.0.0", "dependencies": {"b": "1"}}"#)
        .unwrap();
    done(&project, &format!("install {LINKED}"));
    let text = done(&project, &format!("ls --all {LINKED}")).stdout;
    let lines: Vec<&str> = text.lines().skip(1).map(|line| line.split(" -> ").next().unwrap()).collect();
    let expected = [
        "├─┬ a@1.0.0",
        "│ ├─┬ @s/c@1.0.0",
        "│ │ └── b@2.0.0",
        "│ └── b@1.0.0",
        "├── b@2.0.0",
        "└─┬ one@1.0.0",
        "  └── b@1.0.0",
    ];
    assert_eq!(lines, expected, "{text}");
    let tree = document(&project, &format!("ls --all {LINKED}"))["result"].clone();
    let resolved =
        |path: &str| tree.pointer(path).and_then(|text| text.as_str()).unwrap_or_default().to_owned();
    assert!(resolved("/dependencies/a/resolved").starts_with("file:.store/a@1.0.0-"), "{tree}");
    assert!(
        resolved("/dependencies/a/dependencies/@s~1c/resolved").starts_with("file:../../../@s/c@1.0.0-"),
        "{tree}"
    );
}
