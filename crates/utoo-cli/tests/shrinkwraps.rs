//! Packages that bring an npm-shrinkwrap.json, which is a lockfile of somebody else's.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{document, done, json, utoo};
use serde_json::{Value, json};
use utoo_testkit::{Scenario, TestProject};

/// A project that wants `s`, whose shrinkwrap has these entries.
fn listing(packages: &Value) -> TestProject {
    let shrinkwrap = json!({"name": "s", "version": "1.0.0", "lockfileVersion": 3, "packages": packages});
    let scenario = format!(
        "# A shrinkwrap.\n-- registry --\n\
         s 1.0.0 {{\"dependencies\": {{\"c\": \"^1\"}}, \"_hasShrinkwrap\": true}}\nc 1.0.0\nc 1.1.0\n\
         -- package s@1.0.0/npm-shrinkwrap.json --\n{shrinkwrap}\n\
         -- package.json --\n{{\"name\": \"app\", \"version\": \"1.0.0\", \"dependencies\": {{\"s\": \"1\"}}}}\n"
    );
    TestProject::from_scenario(&Scenario::parse("shrinkwraps", &scenario)).unwrap()
}

fn plain() -> TestProject {
    listing(&json!({"node_modules/c": {"version": "1.0.0"}}))
}

#[test]
fn what_it_lists_goes_below_the_package_and_is_kept_there() {
    let project = plain();
    done(&project, "install");
    assert_eq!(project.tree()["node_modules/s/node_modules/c"], "1.0.0");
    assert!(!project.tree().contains_key("node_modules/c"));
    let lock = project.lock();
    for words in ["install", "update c", "dedupe", "prune", "ci"] {
        done(&project, words);
        assert_eq!(project.tree()["node_modules/s/node_modules/c"], "1.0.0", "{words}");
        assert_eq!(project.lock(), lock, "{words}");
    }
    done(&project, "ls --all");
}

#[test]
fn it_is_read_from_the_tarball_that_is_installed_anyway() {
    let project = plain();
    done(&project, "install");
    let tarballs = || {
        let requests = project.server().requests();
        requests.iter().filter(|request| request.path.ends_with("/s-1.0.0.tgz")).count()
    };
    assert_eq!(tarballs(), 1);
    std::fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    done(&project, "ci");
    assert_eq!(tarballs(), 1);
}

#[test]
fn explain_says_that_it_comes_from_there() {
    let project = plain();
    done(&project, "install");
    std::fs::remove_file(project.dir().join("package-lock.json")).unwrap();
    std::fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    let text = done(&project, "explain c").stdout;
    assert!(text.contains("here because the shrinkwrap of a package around it lists it"), "{text}");
    let explained = document(&project, "explain c").to_string();
    assert!(explained.contains(r#""rule":"shrinkwrap""#), "{explained}");
}

#[test]
fn places_that_lead_out_of_the_package_are_refused() {
    for location in ["node_modules/../../x", "/node_modules/x", "node_modules/.bin", "node_modules/a/../../b"]
    {
        let project = listing(&json!({location: {"version": "1.0.0"}}));
        for words in ["install", "deps"] {
            let error = document(&project, words)["error"].clone();
            assert_eq!(error["code"], "EBADLOCATION", "{words}, {location}: {error}");
            assert!(project.lock().is_none() && project.tree().is_empty(), "{words}, {location}");
        }
    }
}

#[test]
fn folders_and_links_in_it_count_for_nothing() {
    let project = listing(&json!({
        "node_modules/c": {"version": "1.0.0"},
        "../out": {"version": "1.0.0"},
        "node_modules/l": {"resolved": "../../../lib", "link": true},
    }));
    project.write("lib/package.json", "{}").unwrap();
    done(&project, "install");
    let lock = json(&project.lock().unwrap());
    let places: Vec<&String> = lock["packages"].as_object().unwrap().keys().collect();
    assert_eq!(places, ["", "node_modules/s", "node_modules/s/node_modules/c"]);
}

#[test]
fn sources_that_are_no_registry_are_refused_before_anyone_goes_there() {
    for resolved in
        ["git+ssh://git@127.0.0.1:1/c.git#0123456789012345678901234567890123456789", "file:../c.tgz"]
    {
        for inner in [false, true] {
            let entry = json!({"version": "1.0.0", "resolved": resolved, "hasShrinkwrap": inner});
            let project = listing(&json!({"node_modules/c": entry}));
            let error = document(&project, "install")["error"].clone();
            assert_eq!(error["code"], "EEXOTICSUBDEP", "{resolved}, {inner}: {error}");
            assert!(project.lock().is_none() && project.tree().is_empty(), "{resolved}, {inner}");
        }
    }
}

#[test]
fn other_hosts_need_the_registrys_word_for_their_bytes() {
    let elsewhere = plain();
    let url = format!("{}c/-/c-1.0.0.tgz", elsewhere.server().url());
    for inner in [false, true] {
        let entry = json!({"version": "1.0.0", "resolved": url, "hasShrinkwrap": inner});
        let project = listing(&json!({"node_modules/c": entry}));
        // It is the registry's own file, wherever it comes from.
        done(&project, "install");
        let other = url.replace("c-1.0.0", "c-9.9.9");
        let entry = json!({"version": "9.9.9", "resolved": other, "hasShrinkwrap": inner});
        let project = listing(&json!({"node_modules/c": entry}));
        let error = document(&project, "install")["error"].clone();
        assert_eq!(error["code"], "EFOREIGNSOURCE", "{inner}: {error}");
    }
}

#[test]
fn one_that_lists_its_own_package_has_an_end() {
    let own = json!({"version": "1.0.0", "hasShrinkwrap": true});
    let project = listing(&json!({"node_modules/s": own}));
    done(&project, "install");
    let deepest = project.tree().into_keys().max_by_key(String::len).unwrap();
    assert!(deepest.matches("node_modules").count() <= 3, "{deepest}");
}

#[test]
fn other_bytes_than_the_lockfile_promises_are_not_read() {
    let project = plain();
    done(&project, "install");
    let lock = project.read("package-lock.json").unwrap();
    let integrity = json(&lock)["packages"]["node_modules/s"]["integrity"].as_str().unwrap().to_owned();
    let other = format!("sha512-{}==", "A".repeat(86));
    project.write("package-lock.json", &lock.replace(&integrity, &other)).unwrap();
    std::fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    let failed = utoo(&project, "ci");
    assert!(failed.stderr.contains("EINTEGRITY"), "{}", failed.stderr);
}
