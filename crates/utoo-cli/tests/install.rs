//! `install`, `uninstall`, `deps` and `ci` end to end.

mod common;

use common::{document, done, package_json, project, utoo};
use serde_json::json;

#[test]
fn an_install_makes_tree_lockfile_and_summary() {
    let project = project(r#"{"name": "app", "version": "1.0.0", "dependencies": {"right": "^1.0.0"}}"#);
    let output = done(&project, "install");
    assert!(output.stderr.contains("added 2 packages"), "{}", output.stderr);
    assert_eq!(output.stdout, "");
    let tree: Vec<(String, String)> = project.tree().into_iter().collect();
    let expected = [("node_modules/left", "1.2.0"), ("node_modules/right", "1.0.0")];
    assert_eq!(tree, expected.map(|(at, version)| (at.to_owned(), version.to_owned())));
    let lock = common::json(&project.lock().unwrap());
    assert_eq!(lock["packages"]["node_modules/left"]["version"], "1.2.0");
    assert_eq!(lock["lockfileVersion"], 3);
}

#[test]
fn a_second_install_asks_and_writes_nothing() {
    let project = project(r#"{"name": "app", "version": "1.0.0", "dependencies": {"right": "^1.0.0"}}"#);
    done(&project, "install");
    let requests = project.server().requests().len();
    let lock = project.read("package-lock.json");
    let document = document(&project, "install");
    assert_eq!(document["result"]["upToDate"], true);
    assert_eq!(project.server().requests().len(), requests);
    assert_eq!(project.read("package-lock.json"), lock);
    // Something that is gone is seen, and comes from the store.
    std::fs::remove_dir_all(project.dir().join("node_modules/left")).unwrap();
    let document = common::document(&project, "install");
    assert_eq!(document["result"]["added"], 1, "{document}");
    assert_eq!(document["result"]["downloadedBytes"], 0);
    assert_eq!(project.server().requests().len(), requests);
}

/// npm 11.19's answers for the same words, with `left` at 2.0.0, 1.2.0 and 1.0.0.
#[test]
fn what_is_saved_is_what_npm_saves() {
    for (words, block, expected) in [
        ("add left", "dependencies", "^2.0.0"),
        ("add left@1.0.0", "dependencies", "^1.0.0"),
        ("add left@^1.0.0", "dependencies", "^1.2.0"),
        ("add left@1.x", "dependencies", "^1.2.0"),
        ("add left@1.0.x", "dependencies", "1.0.x"),
        ("add left@>=1", "dependencies", "^2.0.0"),
        ("add left@latest", "dependencies", "^2.0.0"),
        ("add left@*", "dependencies", "^2.0.0"),
        ("add -E left", "dependencies", "2.0.0"),
        ("add -E left@1.0.x", "dependencies", "1.0.0"),
        ("add -D left", "devDependencies", "^2.0.0"),
        ("add -O left", "optionalDependencies", "^2.0.0"),
        ("add --save-peer left", "peerDependencies", "^2.0.0"),
        ("add --save-prefix=~ left@1.0.0", "dependencies", "~1.0.0"),
        ("add left@npm:right", "dependencies", "npm:right@^1.0.0"),
        ("add left@npm:right@1.0.x", "dependencies", "npm:right@1.0.x"),
    ] {
        let project = project(r#"{"name": "app", "version": "1.0.0"}"#);
        done(&project, words);
        assert_eq!(package_json(&project)[block], json!({"left": expected}), "utoo {words}");
        let lock = common::json(&project.lock().unwrap());
        assert_eq!(lock["packages"][""][block], json!({"left": expected}), "utoo {words}");
    }
}

#[test]
fn a_name_alone_stays_where_it_is() {
    for (words, block, expected) in [
        ("add left", "devDependencies", "^1.0.0"),
        ("add left@1.2.0", "devDependencies", "^1.2.0"),
        ("add -P left", "dependencies", "^2.0.0"),
    ] {
        let project = project(r#"{"name": "app", "devDependencies": {"left": "1.0.0"}}"#);
        done(&project, words);
        assert_eq!(package_json(&project)[block], json!({"left": expected}), "utoo {words}");
    }
}

#[test]
fn no_save_leaves_both_files_alone() {
    let project = project(r#"{"name": "app"}"#);
    done(&project, "add --no-save left");
    assert_eq!(package_json(&project), json!({"name": "app"}));
    assert_eq!(project.lock(), None);
    assert_eq!(project.tree().len(), 1);
}

#[test]
fn a_failed_add_changes_nothing() {
    let project = project(r#"{"name": "app"}"#);
    let document = document(&project, "add nowhere");
    assert_eq!(document["error"]["code"], "E404");
    assert_eq!(document["error"]["exitCode"], 4);
    assert_eq!(document["error"]["category"], "notFound");
    assert_eq!(document["error"]["details"]["requiredBy"].as_array().unwrap().len(), 1);
    assert_eq!(package_json(&project), json!({"name": "app"}));
    assert_eq!((project.lock(), project.tree().len()), (None, 0));
    let document = common::document(&project, "add left@^9");
    assert_eq!(document["error"]["code"], "ETARGET");
}

#[test]
fn uninstall_takes_out_everything_it_brought() {
    let project = project(r#"{"name": "app", "dependencies": {"right": "^1.0.0", "@scope/tool": "*"}}"#);
    done(&project, "install");
    let document = document(&project, "rm right");
    assert_eq!(document["result"]["removed"], 2);
    assert_eq!(package_json(&project)["dependencies"], json!({"@scope/tool": "*"}));
    assert_eq!(project.tree().len(), 1);
}

#[test]
fn deps_writes_the_lockfile_and_no_package() {
    let project = project(r#"{"name": "app", "dependencies": {"right": "^1.0.0"}}"#);
    let document = document(&project, "deps");
    assert_eq!(document["result"]["packages"], 2);
    assert_eq!(document["result"]["lockfileWritten"], true);
    assert!(project.lock().is_some() && project.tree().is_empty());
    assert_eq!(common::document(&project, "deps")["result"]["lockfileWritten"], false);
}

#[test]
fn ci_takes_the_lockfile_or_refuses() {
    let project = project(r#"{"name": "app", "dependencies": {"right": "^1.0.0"}}"#);
    assert_eq!(document(&project, "ci")["error"]["exitCode"], 7);
    done(&project, "deps");
    let lock = project.lock();
    assert_eq!(document(&project, "ci")["result"]["added"], 2);
    assert_eq!(project.lock(), lock);
    project
        .write("package.json", r#"{"name": "app", "dependencies": {"right": "^1.0.0", "left": "^2.0.0"}}"#)
        .unwrap();
    let refused = document(&project, "ci");
    assert_eq!(refused["error"]["code"], "EUSAGE");
    assert_eq!(
        refused["error"]["details"]["mismatches"],
        json!([
            "Invalid: lock file's left@1.2.0 does not satisfy left@2.0.0",
            "Missing: left@1.2.0 from lock file",
        ])
    );
    assert_eq!(project.tree().len(), 2, "a refusal removes nothing");
}

#[test]
fn workspaces_are_linked_and_get_what_is_added_in_them() {
    let project = project(r#"{"name": "app", "workspaces": ["packages/*"]}"#);
    project.write("packages/a/package.json", r#"{"name": "a", "version": "1.0.0"}"#).unwrap();
    done(&project, "install");
    assert_eq!(project.tree().get("node_modules/a").map(String::as_str), Some("link"));
    done(&project, "add left -w a");
    let member = common::json(&project.read("packages/a/package.json").unwrap());
    assert_eq!(member["dependencies"], json!({"left": "^2.0.0"}));
    assert_eq!(package_json(&project).get("dependencies"), None);
    assert!(done(&project, "ls -w a").stdout.contains("left@2.0.0"));
}

#[test]
fn scripts_of_the_project_run_and_their_failure_is_ours() {
    let project = project(r#"{"name": "app", "scripts": {"postinstall": "echo ran > ran.txt"}}"#);
    done(&project, "install");
    assert_eq!(project.read("ran.txt").as_deref(), Some("ran\n"));
    let failing = r#"{"name": "app", "scripts": {"postinstall": "exit 9"}, "dependencies": {"left": "*"}}"#;
    project.write("package.json", failing).unwrap();
    let document = document(&project, "install");
    assert_eq!(document["error"]["code"], "ELIFECYCLE");
    assert_eq!(document["error"]["exitCode"], 9);
    // What was resolved is written before a script gets the chance to fail.
    assert!(project.lock().unwrap().contains("node_modules/left"));
    done(&project, "install --ignore-scripts");
}

#[test]
fn broken_files_are_named_with_line_and_column() {
    let project = project("{\n  \"name\": \"app\",\n  oops\n}");
    let document = document(&project, "install");
    assert_eq!(document["error"]["code"], "EJSONPARSE");
    assert_eq!(
        (&document["error"]["details"]["line"], &document["error"]["details"]["column"]),
        (&json!(3), &json!(3))
    );
    project.write("package.json", "{}").unwrap();
    project.write("package-lock.json", "{").unwrap();
    assert_eq!(common::document(&project, "ci")["error"]["code"], "EUSAGE");
    let output = done(&project, "install");
    assert!(output.stderr.contains("package-lock.json:1:1"), "{}", output.stderr);
    assert!(project.lock().unwrap().starts_with("{\n  \"name\""), "made anew, as npm does");
}

#[test]
fn what_is_not_done_yet_is_refused_by_name() {
    let project = project(r#"{"name": "app"}"#);
    assert_eq!(document(&project, "install -g")["error"]["code"], "EUNSUPPORTED");
}

#[test]
fn quiet_says_nothing_and_timing_says_more() {
    let project = project(r#"{"name": "app", "dependencies": {"left": "1.0.0"}}"#);
    let output = done(&project, "install --quiet");
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    let timed = document(&project, "deps --timing");
    assert!(timed["timings"].as_array().is_some_and(|stages| stages.len() >= 2), "{timed}");
    assert!(timed["spans"].as_array().is_some_and(|spans| !spans.is_empty()), "{timed}");
    let text = done(&project, "install --force --timing").stderr;
    assert!(text.contains("resolve") && text.contains("waiting"), "{text}");
    assert!(!project.dir().join("utoo-trace.json").exists());
    let failed = utoo(&project, "add nowhere --quiet");
    assert!(failed.stderr.starts_with("error: "), "{}", failed.stderr);
}

#[test]
fn clean_removes_the_cache_and_nothing_else_in_its_folder() {
    let project = project(r#"{"name": "app", "dependencies": {"left": "1.0.0"}}"#);
    done(&project, "install --cache-dir cache");
    project.write("cache/mine.txt", "kept").unwrap();
    let document = document(&project, "clean --cache-dir cache");
    assert!(document["result"]["files"].as_u64().unwrap() > 0);
    let left: Vec<_> = std::fs::read_dir(project.dir().join("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["mine.txt"]);
    assert_eq!(project.tree().len(), 1);
}
