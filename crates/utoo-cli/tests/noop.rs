//! An install that has nothing to do does nothing; and whatever gives it something to do is noticed.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::{document, done};
use utoo_testkit::TestProject;

const PROJECT: &str = r#"{"name": "app", "version": "1.0.0", "workspaces": ["packages/*"],
    "dependencies": {"right": "^1.0.0", "left": "^2.0.0"}, "devDependencies": {"@scope/tool": "*"}}"#;

/// An installed project, with its cache outside of it.
fn installed() -> TestProject {
    let project = common::project(PROJECT);
    project.write("packages/a/package.json", r#"{"name": "a", "version": "1.0.0"}"#).unwrap();
    done(&project, "install");
    assert_eq!(project.tree().len(), 5, "{:?}", project.tree());
    project.server().reset_requests();
    project
}

/// Inode, size, modification and change of everything below a folder, the folder included.
fn stats(folder: &Path) -> BTreeMap<PathBuf, (u64, u64, i64, i64, i64, i64)> {
    let mut stats = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        let stat = std::fs::symlink_metadata(&path).unwrap();
        if stat.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let times = (stat.mtime(), stat.mtime_nsec(), stat.ctime(), stat.ctime_nsec());
        stats.insert(path, (stat.ino(), stat.size(), times.0, times.1, times.2, times.3));
    }
    stats
}

#[track_caller]
fn is_up_to_date(project: &TestProject, words: &str) {
    let before = (stats(&project.dir()), stats(&project.home()));
    let document = document(project, words);
    assert_eq!(document["result"]["upToDate"], true, "{document}");
    assert_eq!(project.server().requests().len(), 0);
    let after = (stats(&project.dir()), stats(&project.home()));
    assert!(before == after, "something was written");
}

#[test]
fn nothing_to_do_asks_nothing_and_touches_nothing() {
    let project = installed();
    is_up_to_date(&project, "install");
    is_up_to_date(&project, "i");
    is_up_to_date(&project, "install --offline");
}

#[test]
fn a_newer_time_is_no_change() {
    let project = installed();
    let later = SystemTime::now() + Duration::from_secs(3600);
    for file in ["package.json", "package-lock.json", "packages/a/package.json"] {
        File::options().write(true).open(project.dir().join(file)).unwrap().set_modified(later).unwrap();
        is_up_to_date(&project, "install");
    }
    let text = project.read("package.json").unwrap();
    project.write("package.json", &text).unwrap();
    is_up_to_date(&project, "install");
}

/// Changes something in an installed project, and expects the next install to see it and the one after that to rest.
#[track_caller]
fn notices(words: &str, change: impl Fn(&TestProject), check: impl Fn(&TestProject)) {
    let project = installed();
    change(&project);
    done(&project, words);
    check(&project);
    project.server().reset_requests();
    is_up_to_date(&project, words);
}

fn edit(file: &'static str, from: &'static str, to: &'static str) -> impl Fn(&TestProject) {
    move |project| {
        let text = project.read(file).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        project.write(file, &text.replace(from, to)).unwrap();
    }
}

fn has(location: &'static str, version: Option<&'static str>) -> impl Fn(&TestProject) {
    move |project| {
        let tree = project.tree();
        assert_eq!(tree.get(location).map(String::as_str), version, "{tree:?}");
    }
}

#[test]
fn package_json() {
    notices("install", edit("package.json", "^2.0.0", "1.0.0"), has("node_modules/left", Some("1.0.0")));
    // Of the same length.
    notices("install", edit("package.json", "^2.0.0", "^1.0.0"), has("node_modules/left", Some("1.2.0")));
    notices("install", edit("package.json", r#""right": "^1.0.0", "#, ""), has("node_modules/right", None));
}

#[test]
fn package_json_of_a_workspace() {
    let add = edit("packages/a/package.json", r#""1.0.0""#, r#""1.0.0", "dependencies": {"left": "1.0.0"}"#);
    notices("install", add, has("packages/a/node_modules/left", None));
    let new = |project: &TestProject| {
        project.write("packages/b/package.json", r#"{"name": "b", "version": "1.0.0"}"#).unwrap();
    };
    notices("install", new, has("node_modules/b", Some("link")));
    let gone = |project: &TestProject| std::fs::remove_dir_all(project.dir().join("packages/a")).unwrap();
    notices("install", gone, has("node_modules/a", None));
}

#[test]
fn the_lockfile() {
    let older = |project: &TestProject| {
        let other = common::project(&PROJECT.replace("^2.0.0", "2.0.0").replace("^1.0.0", "1.0.0"));
        other.write("packages/a/package.json", r#"{"name": "a", "version": "1.0.0"}"#).unwrap();
        done(&other, "deps");
        let lock = other.read("package-lock.json").unwrap();
        let lock = lock.replace(&other.server().url(), &project.server().url());
        let packages = &common::json(&lock)["packages"]["node_modules/left"];
        assert_eq!(packages["version"], "2.0.0");
        project.write("package-lock.json", &lock).unwrap();
    };
    notices("install", older, has("node_modules/left", Some("2.0.0")));
    let gone = |project: &TestProject| std::fs::remove_file(project.dir().join("package-lock.json")).unwrap();
    notices("install", gone, |project| assert!(project.lock().is_some()));
    let shorter = |project: &TestProject| {
        let mut lock = common::json(&project.read("package-lock.json").unwrap());
        lock["packages"].as_object_mut().unwrap().remove("node_modules/right/node_modules/left").unwrap();
        project.write("package-lock.json", &serde_json::to_string_pretty(&lock).unwrap()).unwrap();
    };
    notices("install", shorter, has("node_modules/right/node_modules/left", Some("1.2.0")));
}

#[test]
fn what_is_missing_or_too_many_in_node_modules() {
    for (location, version) in [
        ("node_modules/left", "2.0.0"),
        ("node_modules/@scope/tool", "0.3.1"),
        ("node_modules/right/node_modules/left", "1.2.0"),
        ("node_modules/right", "1.0.0"),
        ("node_modules", ""),
    ] {
        let remove = |project: &TestProject| std::fs::remove_dir_all(project.dir().join(location)).unwrap();
        notices("install", remove, |project| {
            assert_eq!(project.tree().len(), 5, "{location}");
            assert!(version.is_empty() || project.tree()[location] == version, "{location}");
        });
    }
    let link = |project: &TestProject| std::fs::remove_file(project.dir().join("node_modules/a")).unwrap();
    notices("install", link, has("node_modules/a", Some("link")));
    let stranger = |project: &TestProject| {
        let text = r#"{"name": "stranger", "version": "1.0.0"}"#;
        project.write("node_modules/stranger/package.json", text).unwrap();
    };
    notices("install", stranger, has("node_modules/stranger", None));
    let hidden = |project: &TestProject| project.write("node_modules/.package-lock.json", "{}").unwrap();
    notices("install", hidden, |project| assert!(project.hidden_lock().unwrap().contains("2.0.0")));
}

#[test]
fn settings_in_npmrc_and_in_words() {
    let npmrc = |text: &'static str| move |project: &TestProject| project.write(".npmrc", text).unwrap();
    notices("install", npmrc("omit[]=dev\n"), has("node_modules/@scope/tool", None));
    notices("install", npmrc("legacy-peer-deps=true\n"), has("node_modules/@scope/tool", Some("0.3.1")));
    let home = |project: &TestProject| {
        let path = project.home().join(".npmrc");
        let text = std::fs::read_to_string(&path).unwrap() + "omit[]=dev\n";
        utoo_fs::write_atomic(&path, text).unwrap();
    };
    notices("install", home, has("node_modules/@scope/tool", None));
    notices("install --omit=dev", |_| {}, has("node_modules/@scope/tool", None));
    notices(
        "install",
        |project| drop(done(project, "install --omit=dev")),
        |project| {
            has("node_modules/@scope/tool", Some("0.3.1"))(project);
        },
    );
}
