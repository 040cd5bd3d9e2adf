use serde_json::json;

use super::*;

const TEXT: &str = r#"# a case
-- registry --
# a comment
a 1.0.0 {"dependencies": {"b": "^1"}}

a 2.0.0
a tags {"latest": "1.0.0", "next": "2.0.0"}
-- package a@1.0.0/lib/x.js --
x
-- package.json --
{"dependencies": {"a": "^1"}}
-- packages/w/package.json --
{"name": "w"}
-- before/package-lock.json --
{}
-- run --
utoo install a@2 --save-dev
utoo deps
"#;

#[test]
fn reads_and_writes_the_same_text() {
    let scenario = Scenario::parse("area/a", TEXT);
    assert_eq!(scenario.to_text(), TEXT);
    let files = scenario.files();
    let names: Vec<_> = files.keys().copied().collect();
    assert_eq!(names, ["package-lock.json", "package.json", "packages/w/package.json"]);
    assert_eq!(files["package-lock.json"], "{}\n");
    let runs = scenario.run_lines().unwrap();
    assert_eq!(runs[0].args, ["install", "a@2", "--save-dev"]);
    assert_eq!(runs[0].for_npm(), runs[0]);
    assert_eq!(runs[1].for_npm().args, ["install", "--package-lock-only"]);
    assert_eq!(scenario.recorded(), None);
}

#[test]
fn the_registry_is_documents_and_tarballs() {
    let scenario = Scenario::parse("a", TEXT);
    let documents = scenario.registry().unwrap();
    assert_eq!(documents["a"]["dist-tags"], json!({"latest": "1.0.0", "next": "2.0.0"}));
    let manifest = &documents["a"]["versions"]["1.0.0"];
    assert_eq!(manifest["dependencies"], json!({"b": "^1"}));
    assert_eq!(manifest["dist"]["tarball"], "https://registry.example/a/-/a-1.0.0.tgz");
    assert!(manifest["dist"]["integrity"].as_str().unwrap().starts_with("sha512-"));
    let fixtures = scenario.fixtures().unwrap();
    assert!(fixtures.tarball("a", "a-1.0.0.tgz").is_some());
    // The same scenario gives the same bytes, or recorded integrities would never match.
    assert_eq!(
        fixtures.tarball("a", "a-1.0.0.tgz"),
        scenario.fixtures().unwrap().tarball("a", "a-1.0.0.tgz")
    );
}

#[test]
fn recording_replaces_what_was_recorded() {
    let lock =
        "{\n  \"name\": \"x\",\n  \"packages\": {\n    \"\": {},\n    \"node_modules/a\": {}\n  }\n}\n";
    let mut scenario = Scenario::parse("a", TEXT);
    let files = scenario.watched_files().into_iter();
    let unchanged: BTreeMap<_, _> = files.map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    let mut answer = Answer {
        outcome: Outcome::Done,
        lock: Some(lock.to_owned()),
        hidden: Answer::hidden_from_lock(lock),
        disk: None,
        files: unchanged,
    };
    scenario.record("11.0.0", &answer);
    assert_eq!(scenario.section("node_modules/.package-lock.json"), Some("as package-lock.json\n"));
    assert_eq!(scenario.section("package.json after"), None);
    assert_eq!(scenario.recorded().as_ref(), Some(&answer));
    assert_eq!(Scenario::parse("a", &scenario.to_text()), scenario);

    answer = Answer {
        outcome: Outcome::Error { code: "ERESOLVE".to_owned() },
        lock: None,
        hidden: None,
        disk: None,
        files: BTreeMap::from([("packages/w/package.json".to_owned(), "{}\n".to_owned())]),
    };
    scenario.record("11.0.1", &answer);
    assert_eq!(scenario.npm_version(), Some("11.0.1"));
    assert_eq!(scenario.expected_error(), Some("ERESOLVE"));
    assert_eq!(scenario.expected_lock(), None);
    assert_eq!(scenario.section("packages/w/package.json after"), Some("{}\n"));
    assert_eq!(scenario.section("package.json after"), None);
    assert!(scenario.to_text().starts_with(TEXT));
}

#[test]
fn says_what_is_wrong() {
    let error = |text: &str| Scenario::parse("s", text).fixtures().unwrap_err().to_string();
    assert_eq!(error("-- registry --\na\n"), "s: registry: no version: a");
    assert!(error("-- registry --\na 1.0.0 {\n").starts_with("s: registry: EOF while parsing"));
    let scenario = Scenario::parse("s", "-- run --\nnpm install\n");
    assert_eq!(
        scenario.run_lines().unwrap_err().to_string(),
        "s: run: a command starts with `utoo`: npm install"
    );
    assert_eq!(
        scenario.package_json().unwrap_err().to_string(),
        "s: there is no section `-- package.json --`"
    );
}

#[test]
fn commands_may_have_variables() {
    let scenario = Scenario::parse("s", "-- run --\nNODE_ENV=production A=b utoo ci\n");
    let runs = scenario.run_lines().unwrap();
    assert_eq!(runs[0].args, ["ci"]);
    let variables = [("NODE_ENV", "production"), ("A", "b")];
    assert_eq!(runs[0].env, variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn tarballs_and_repositories_are_no_files_of_the_project() {
    let text = "-- tarball vendor/a.tgz --\na 1.0.0\n-- git git.example/r.git --\ncommit one\ntag v1\n\
                -- git git.example/r.git@one/package.json --\n{}\n-- watch --\nnode_modules/a\n-- run --\nutoo i\n";
    let scenario = Scenario::parse("s", text);
    assert!(scenario.files().is_empty());
    assert_eq!(scenario.watched(), ["node_modules/a"]);
    assert_eq!(scenario.tarballs().unwrap()[0].0, "vendor/a.tgz");
    let repositories = scenario.repositories().unwrap();
    assert_eq!(repositories[0].0, "git.example/r.git");
    let commit = GitStep::Commit { label: "one", files: vec![("package.json", "{}\n")] };
    assert_eq!(repositories[0].1, [commit, GitStep::Tag("v1")]);
    let wrong = Scenario::parse("s", "-- git r --\npush\n").repositories().unwrap_err();
    assert_eq!(wrong.to_string(), "s: git r: commit, tag, annotate or branch, and a name: push");
}

#[test]
fn a_file_may_end_without_a_newline() {
    let text = "-- npm --\nversion 11.19.1\nexit 0\n-- package-lock.json --\n{}\n\\ no newline at the end\n";
    let scenario = Scenario::parse("s", text);
    assert_eq!(scenario.expected_lock(), Some("{}"));
    assert_eq!(scenario.to_text(), text);
}
