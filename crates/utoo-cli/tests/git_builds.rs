//! `prepare` of packages from git repositories: built where that very source is allowed, else refused; never half-made.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use std::path::Path;

use common::{UTOO, document, done, package_json, utoo};
use serde_json::{Value, json};
use utoo_testkit::{Scenario, TestProject};

const SOURCE: &str = "git+ssh://git@git.example/dep.git";

/// A project that depends on `dep`, whose repository has this package.json beside a `source.txt`.
fn project(block: &str, dep: &Value) -> TestProject {
    let app = json!({"name": "app", "version": "1.0.0", block: {"dep": SOURCE}});
    let text = format!(
        "-- registry --\nleft 1.0.0\n-- package.json --\n{app}\n-- git git.example/dep.git --\ncommit one\n\
         -- git git.example/dep.git@one/package.json --\n{dep}\n\
         -- git git.example/dep.git@one/source.txt --\nas it is\n"
    );
    TestProject::from_scenario(&Scenario::parse("git builds", &text)).unwrap()
}

/// Needs its development dependency to be built; tells outside that it ran.
fn built_by(script: &str) -> Value {
    json!({
        "name": "dep", "version": "1.0.0", "devDependencies": {"left": "1.0.0"},
        "scripts": {"prepare": script, "prepack": "exit 9"},
    })
}

fn dep() -> Value {
    built_by("test -f node_modules/left/package.json && echo done > built.txt && echo ran >> \"$HOME/ran\"")
}

/// The rule by which exactly this commit may be built, out of the refusal's own hint.
fn rule_of(project: &TestProject) -> Value {
    let error = document(project, "install")["error"].clone();
    assert_eq!(error["code"], "EGITBUILD", "{error}");
    let hint = error["hint"].as_str().unwrap();
    let rules = hint.split_once("\"allowScripts\": ").unwrap().1;
    common::json(&rules[..=rules.find('}').unwrap()])
}

fn allow(project: &TestProject, rules: Value) {
    let mut json = package_json(project);
    json["allowScripts"] = rules;
    project.write("package.json", &json.to_string()).unwrap();
}

fn installed(project: &TestProject) -> Vec<String> {
    names_in(&project.dir().join("node_modules/dep"))
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

fn runs(project: &TestProject) -> usize {
    std::fs::read_to_string(project.home().join("ran")).unwrap_or_default().lines().count()
}

/// No clone is left behind.
fn assert_tidy(project: &TestProject) {
    let temporary = names_in(&project.home().parent().unwrap().join("tmp"));
    assert!(!temporary.iter().any(|name| name.starts_with("utoo-git-")), "{temporary:?}");
}

const BUILT: [&str; 3] = ["built.txt", "package.json", "source.txt"];
const SOURCES: [&str; 2] = ["package.json", "source.txt"];

#[test]
fn what_is_not_allowed_is_refused_before_anything_runs_or_is_written() {
    let project = project("dependencies", &dep());
    // Its name is a registry's package's, which is somebody else.
    for rules in [json!({}), json!({"dep": true}), json!({"dep@1.0.0": true}), json!({SOURCE: false})] {
        allow(&project, rules.clone());
        for words in ["install", "deps"] {
            let error = document(&project, words)["error"].clone();
            assert_eq!((&error["code"], &error["exitCode"]), (&json!("EGITBUILD"), &json!(7)), "{error}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("dep from git+ssh://") && message.contains("`prepare`"), "{message}");
            assert!(error["hint"].as_str().unwrap().contains("--ignore-scripts"), "{error}");
        }
        assert_eq!((project.lock(), project.tree().len(), runs(&project)), (None, 0, 0), "{rules}");
    }
    assert_tidy(&project);
}

#[test]
fn what_is_allowed_is_built_with_its_development_dependencies() {
    let project = project("dependencies", &dep());
    let rules = rule_of(&project);
    assert!(rules.as_object().unwrap().keys().all(|key| key.starts_with(SOURCE)), "{rules}");
    allow(&project, rules);
    // What the project leaves out, the build does not.
    done(&project, "install --omit=dev");
    assert_eq!(installed(&project), BUILT);
    assert_eq!(runs(&project), 1);
    done(&project, "install");
    done(&project, "ci");
    assert_eq!((installed(&project), runs(&project)), (BUILT.map(str::to_owned).to_vec(), 1), "once");
    assert_tidy(&project);
}

#[test]
fn every_commit_is_allowed_by_its_repository_and_everything_by_the_open_gate() {
    let project = project("dependencies", &dep());
    allow(&project, json!({SOURCE: true}));
    done(&project, "install");
    assert_eq!(installed(&project), BUILT);
    let project = self::project("dependencies", &dep());
    done(&project, "install --dangerously-allow-all-scripts");
    assert_eq!(installed(&project), BUILT);
}

#[test]
fn the_store_mixes_up_neither_what_is_built_with_what_is_not_nor_leave_with_no_leave() {
    let project = project("dependencies", &dep());
    let rules = rule_of(&project);
    done(&project, "install --ignore-scripts");
    assert_eq!((installed(&project), runs(&project)), (SOURCES.map(str::to_owned).to_vec(), 0));
    // The same project, and then one that starts anew.
    allow(&project, rules);
    done(&project, "install");
    assert_eq!(installed(&project), BUILT);
    std::fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    done(&project, "install --ignore-scripts");
    assert_eq!(installed(&project), SOURCES);
    done(&project, "ci");
    assert_eq!(installed(&project), BUILT);
    // Both are in the store, and neither is a permission.
    allow(&project, json!({}));
    assert_eq!(document(&project, "ci")["error"]["code"], "EGITBUILD");
    assert_eq!((installed(&project).len(), runs(&project)), (0, 1));
}

#[test]
fn a_build_that_fails_is_named_with_its_output_and_leaves_nothing() {
    let project = project("dependencies", &built_by("echo why it failed; exit 3"));
    allow(&project, json!({SOURCE: true}));
    let output = utoo(&project, "install");
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    for part in ["dep", "\"prepare\"", "exit code 3", "| why it failed"] {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
    assert_eq!((project.lock(), project.tree().len()), (None, 0));
    let error = document(&project, "install")["error"].clone();
    assert_eq!(error["code"], "ELIFECYCLE");
    assert!(error["details"]["output"].as_str().unwrap().contains("why it failed"), "{error}");
    assert_tidy(&project);
}

#[test]
fn an_optional_package_whose_build_fails_is_left_out() {
    let project = project("optionalDependencies", &built_by("exit 3"));
    allow(&project, json!({SOURCE: true}));
    done(&project, "install");
    assert_eq!(project.tree().len(), 0);
    assert_tidy(&project);
}

/// What the lockfile lists was built where it was made; here nobody allows that.
#[test]
fn an_optional_package_of_the_lockfile_that_may_not_be_built_is_left_out() {
    let project = project("optionalDependencies", &dep());
    let source = json!({SOURCE: true});
    allow(&project, source.clone());
    done(&project, "install");
    let lock = project.lock();
    allow(&project, json!({}));
    let result = document(&project, "ci")["result"].clone();
    assert_eq!(result["failedOptional"][0]["code"], "EGITBUILD", "{result}");
    assert_eq!((project.lock(), project.tree().len(), runs(&project)), (lock, 0, 1));
    allow(&project, source);
    done(&project, "ci");
    assert_eq!(installed(&project), BUILT);
    assert_tidy(&project);
}

#[test]
fn a_package_that_needs_itself_to_be_built_gets_its_sources() {
    let mut dep = dep();
    dep["devDependencies"]["dep"] = SOURCE.into();
    dep["scripts"]["prepare"] =
        "test -f node_modules/dep/source.txt && ! test -f node_modules/dep/built.txt && echo done > built.txt".into();
    let project = project("dependencies", &dep);
    allow(&project, json!({SOURCE: true}));
    done(&project, "install");
    assert_eq!(installed(&project), BUILT);
}

#[test]
fn prepack_alone_is_no_reason_to_build() {
    let dep = json!({"name": "dep", "version": "1.0.0", "scripts": {"prepack": "exit 9"}});
    let project = project("dependencies", &dep);
    done(&project, "install");
    assert_eq!(installed(&project), SOURCES);
}

#[test]
fn a_signal_ends_a_build_with_all_that_it_started() {
    let script = "sh -c 'exec 3> \"$HOME/fifo\"; sleep 600' & wait";
    let project = project("dependencies", &built_by(script));
    allow(&project, json!({SOURCE: true}));
    let fifo = project.home().join("fifo");
    assert_eq!(project.run(Path::new("mkfifo"), &[&fifo]).unwrap().code, Some(0));
    let utoo = project.start(project.command(Path::new(UTOO)).arg("install")).unwrap();
    // Opens when the script does.
    let mut fifo = std::fs::File::open(fifo).unwrap();
    let kill = format!("kill -TERM {}", utoo.id());
    assert_eq!(project.run(Path::new("sh"), &["-c", &kill]).unwrap().code, Some(0));
    assert_eq!(utoo.ended().unwrap().code, Some(143));
    // Ends when nobody is left who could write.
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut fifo, &mut rest).unwrap();
    assert_eq!((project.lock(), project.tree().len()), (None, 0));
}
