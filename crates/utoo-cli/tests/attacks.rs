//! Names, lockfiles and links that were made to lead somewhere else: each is refused, and nothing is written there.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use std::path::Path;

use common::{UTOO, document, done, utoo};
use serde_json::json;
use utoo_testkit::{Fault, FaultPlan, FixtureRegistry, Nth, Scenario, TestProject};

/// What stands in a folder, the cache and what npm and utoo leave in `node_modules` not counted.
fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A project that holds its package.json and nothing else, before as after.
#[track_caller]
fn assert_refused(project: &TestProject, words: &str, codes: &[&str]) {
    let before = (names_in(&project.dir()), names_in(project.dir().parent().unwrap()));
    let error = document(project, words)["error"].clone();
    assert!(codes.contains(&error["code"].as_str().unwrap()), "{words}: {error}");
    let after = (names_in(&project.dir()), names_in(project.dir().parent().unwrap()));
    assert_eq!(after, before, "{words}: {error}");
}

#[test]
fn an_alias_that_is_a_path_writes_nothing() {
    for alias in
        ["@x/../../.git/hooks", "../x", ".bin", "@x/..", "node_modules", "a/../../b", "/x", "a\\..\\b"]
    {
        let mut registry = common::registry();
        let evil = json!({"name": "evil", "version": "1.0.0", "dependencies": {alias: "npm:left@1.0.0"}});
        registry.publish_json(&evil.to_string()).unwrap();
        let project = TestProject::new(registry).unwrap();
        for dependencies in [json!({"evil": "1"}), json!({alias: "npm:left@1.0.0"})] {
            let text = json!({"name": "app", "dependencies": dependencies}).to_string();
            project.write("package.json", &text).unwrap();
            for words in ["install", "install --ignore-scripts", "deps"] {
                assert_refused(&project, words, &["EINVALIDPACKAGENAME", "EINVALIDPATH", "EUNSUPPORTED"]);
            }
        }
    }
}

#[test]
fn a_manifest_of_another_name_is_no_answer() {
    let project = common::project(r#"{"name": "app", "dependencies": {"left": "1.0.0"}}"#);
    for name in ["../../evil", "other", "@x/../../.git/hooks"] {
        let body = json!({"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {
            "1.0.0": {"name": name, "version": "1.0.0", "dist": {"tarball": "http://127.0.0.1:9/x.tgz"}}}});
        let answer = Fault::Body(body.to_string().into());
        project.server().set_faults(FaultPlan::new().on("/left", Nth::Every, answer));
        let output = utoo(&project, "install --fetch-retries=0");
        assert_ne!(output.code, Some(0), "{name}: {}", output.stderr);
        assert_eq!(names_in(&project.dir()), ["package.json"], "{name}");
        assert!(project.server().requests().iter().all(|request| !request.path.ends_with(".tgz")));
    }
}

#[test]
fn lockfile_keys_that_lead_out_are_refused_before_anything_is_asked_for() {
    for key in [
        "node_modules/../../x",
        "node_modules/.bin",
        "node_modules/.package-lock.json",
        "/tmp/x",
        "node_modules/left/../../../x",
        "node_modules/@x/../../../y",
        "node_modules/a\\..\\..\\x",
        "node_modules//left",
    ] {
        for version in [2, 3] {
            let project = common::project(r#"{"name": "app", "dependencies": {"left": "1.0.0"}}"#);
            let resolved = format!("{}left/-/left-1.0.0.tgz", project.server().url());
            let lock = json!({"name": "app", "lockfileVersion": version, "requires": true, "packages": {
                "": {"name": "app", "dependencies": {"left": "1.0.0"}},
                "node_modules/left": {"version": "1.0.0", "resolved": resolved},
                key: {"version": "1.0.0", "resolved": resolved}}});
            project.write("package-lock.json", &lock.to_string()).unwrap();
            for words in ["ci", "install", "install --ignore-scripts"] {
                assert_refused(&project, words, &["EBADLOCATION", "EINVALIDLOCKFILE", "EBADLOCKFILE"]);
            }
            assert_eq!(project.server().requests().len(), 0, "{key}");
            assert_eq!(project.read("package-lock.json").unwrap(), lock.to_string(), "{key}");
        }
    }
}

#[test]
fn a_node_modules_that_is_a_link_leaves_its_victim_alone() {
    for words in ["install", "ci", "install left@2.0.0", "prune"] {
        let project = common::project(r#"{"name": "app", "dependencies": {"right": "1.0.0"}}"#);
        done(&project, "deps");
        let victim = project.home().join("victim");
        std::fs::create_dir_all(victim.join("left")).unwrap();
        std::fs::create_dir(victim.join("left/precious")).unwrap();
        std::os::unix::fs::symlink(&victim, project.dir().join("node_modules")).unwrap();
        utoo(&project, words);
        assert_eq!(names_in(&victim), ["left"], "{words}");
        assert_eq!(names_in(&victim.join("left")), ["precious"], "{words}");
        done(&project, "install");
        assert!(
            !project.dir().join("node_modules").is_symlink()
                && project.tree().contains_key("node_modules/left")
        );
        assert_eq!(names_in(&victim.join("left")), ["precious"], "{words}");
    }
}

#[test]
fn a_link_in_the_place_of_a_package_is_not_written_through() {
    let project = common::project(r#"{"name": "app", "dependencies": {"right": "1.0.0"}}"#);
    done(&project, "install");
    let victim = project.home().join("victim");
    std::fs::create_dir_all(&victim).unwrap();
    for (place, words) in [("left", "install"), (".bin", "install"), ("left", "ci"), ("left", "update")] {
        let place = project.dir().join("node_modules").join(place);
        if place.exists() {
            std::fs::remove_dir_all(&place).unwrap();
        }
        std::os::unix::fs::symlink(&victim, &place).unwrap();
        done(&project, words);
        assert_eq!(names_in(&victim), [""; 0], "{words}");
        assert_eq!(project.tree()["node_modules/left"], "1.2.0", "{words}");
        if place.is_symlink() {
            std::fs::remove_file(&place).unwrap();
        }
    }
}

#[test]
fn git_gets_no_option_and_no_protocol_but_those_of_networks() {
    for (spec, code) in [
        ("git+ssh://--upload-pack=touch%20pwned/x", "EINVALIDGITSPEC"),
        ("git+https://-oProxyCommand=touch/x.git#--upload-pack=y", "EINVALIDGITSPEC"),
        ("git+ssh://git@127.0.0.1:1/x.git#--upload-pack=touch pwned", "EINVALIDGITSPEC"),
        ("ext::sh -c touch% pwned", "EUNSUPPORTEDPROTOCOL"),
        ("git+ext::sh -c touch% pwned", "EUNSUPPORTEDPROTOCOL"),
        ("git+file:///tmp/x.git", "EGITPROTOCOL"),
    ] {
        let project = common::project(&json!({"name": "app", "dependencies": {"x": spec}}).to_string());
        assert_refused(&project, "install", &[code]);
    }
}

/// A command of a package of the project is never where another package's or the user's own stands.
#[test]
fn commands_stay_in_the_folder_of_commands() {
    let mut registry = FixtureRegistry::new();
    let evil = json!({"name": "evil", "version": "1.0.0",
        "bin": {"../../../escaped": "run.js", "@x/../../y": "run.js", ".": "run.js", "outside": "../../../package.json",
            "fine": "run.js"}});
    registry.publish(evil, &[utoo_testkit::TarballFile::new("run.js", "#!/bin/sh\n")]).unwrap();
    let project = TestProject::new(registry).unwrap();
    project.write("package.json", r#"{"name": "app", "dependencies": {"evil": "1"}}"#).unwrap();
    let output = project.run(Path::new(UTOO), &["install"]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(names_in(&project.dir()), ["node_modules", "package-lock.json", "package.json"]);
    assert_eq!(names_in(project.dir().parent().unwrap()), ["home", "project", "tmp"]);
    let bins = names_in(&project.dir().join("node_modules/.bin"));
    assert!(bins.contains(&"fine".to_owned()), "{bins:?}");
    for bin in bins {
        let target = project.dir().join("node_modules/.bin").join(&bin).canonicalize().unwrap();
        assert!(target.starts_with(project.dir().join("node_modules/evil").canonicalize().unwrap()), "{bin}");
    }
}

#[test]
fn links_in_a_repository_bring_nothing_along() {
    let scenario = Scenario::parse(
        "links",
        r#"-- package.json --
{"name": "app", "dependencies": {"dep": "git+ssh://git@git.example/dep.git"}}
-- git git.example/dep.git --
commit one
-- git git.example/dep.git@one/package.json --
{"name": "dep", "version": "1.0.0", "bin": {"dep": "command", "own": "index.js"}}
-- git git.example/dep.git@one/index.js --
here
-- git git.example/dep.git@one/file -> /etc/passwd --
-- git git.example/dep.git@one/command -> ../../../etc/passwd --
-- git git.example/dep.git@one/folder -> /etc --
-- git git.example/dep.git@one/inner -> index.js --
"#,
    );
    let project = TestProject::from_scenario(&scenario).unwrap();
    done(&project, "install");
    let here = project.dir().join("node_modules");
    assert_eq!(names_in(&here.join("dep")), ["index.js", "package.json"]);
    assert_eq!(names_in(&here.join(".bin")), ["own"]);
}

/// Files of a project can look like a repository, whose configuration says what git runs and whom it asks.
#[test]
fn git_takes_no_configuration_from_the_project() {
    let scenario = Scenario::parse(
        "posing",
        r#"-- package.json --
{"name": "app", "dependencies": {"dep": "git+ssh://git@git.example/dep.git#main"}}
-- HEAD --
ref: refs/heads/main
-- objects/keep --
-- refs/keep --
-- config --
[core]
	bare = true
	repositoryformatversion = 0
[url "ssh://git@git.example/git.example/evil.git"]
	insteadOf = ssh://git@git.example/git.example/dep.git
	insteadOf = ssh://git@git.example/dep.git
-- git git.example/dep.git --
commit one
-- git git.example/dep.git@one/package.json --
{"name": "dep", "version": "1.0.0"}
-- git git.example/evil.git --
commit bad
-- git git.example/evil.git@bad/package.json --
{"name": "dep", "version": "6.6.6"}
"#,
    );
    let project = TestProject::from_scenario(&scenario).unwrap();
    done(&project, "install");
    assert_eq!(project.tree()["node_modules/dep"], "1.0.0");
}
