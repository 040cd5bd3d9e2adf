//! Conflicts with their ways out, and `utoo explain`, through the real binary.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;

use common::{document, done, utoo};
use serde_json::Value;
use utoo_testkit::{Scenario, TestProject};

fn project(scenario: &str) -> TestProject {
    TestProject::from_scenario(&Scenario::parse("explain", scenario)).unwrap()
}

const CONFLICT: &str = r#"# A plugin for an older framework.
-- registry --
react 17.0.2
react 18.2.0
plugin 1.0.0 {"peerDependencies": {"react": "^17.0.0"}}
plugin 2.3.0 {"peerDependencies": {"react": "^18.0.0"}}
-- package.json --
{
  "name": "app",
  "version": "1.0.0",
  "dependencies": {
    "plugin": "^1.0.0",
    "react": "^18.0.0"
  }
}
"#;

#[test]
fn a_conflict_says_who_what_where_and_which_edits_resolve_it() {
    let project = project(CONFLICT);
    let output = utoo(&project, "install");
    let expected = r#"error: peer dependencies conflict: plugin@1.0.0 needs react@^17.0.0 as a peer, but found react@18.2.0 (ERESOLVE)
  wanted: react@^17.0.0, a peer dependency of plugin@1.0.0
    plugin@^1.0.0, a dependency of app@1.0.0 (package.json:5:5)
  found: react@18.2.0
    react@^18.0.0, a dependency of app@1.0.0 (package.json:6:5)
  resolved by: one of these edits, each of which was tried
    1. package.json:5:5  "plugin": "^1.0.0" -> "^2.3.0"
    2. package.json:6:5  "react": "^18.0.0" -> "^17.0.2" (older)
"#;
    assert!(output.stderr.starts_with(expected), "{}", output.stderr);
    let end = output.stderr.lines().last().unwrap();
    assert!(end.starts_with("hint: the last resort: --legacy-peer-deps"), "{end}");
    assert_eq!(output.code, Some(7));
    assert!(project.lock().is_none() && project.tree().is_empty(), "nothing is written");
    // `explain` of a project that does not resolve says the same.
    assert!(utoo(&project, "explain react").stderr.starts_with(expected));
}

#[test]
fn an_edit_that_is_shown_does_resolve() {
    let project = project(CONFLICT);
    let error = document(&project, "install")["error"].take();
    let wanted = &error["details"]["conflict"]["wanted"];
    assert_eq!(wanted[0]["from"], "plugin@1.0.0");
    assert_eq!(wanted[1]["file"], "package.json");
    assert_eq!((wanted[1]["line"].as_u64(), wanted[1]["column"].as_u64()), (Some(5), Some(5)));
    assert_eq!(error["details"]["conflict"]["found"]["version"], "18.2.0");
    let edit = &error["details"]["fixes"][0]["edits"][0];
    let text = project.read("package.json").unwrap();
    let (from, to) = (edit["from"].as_str().unwrap(), edit["to"].as_str().unwrap());
    let line = format!("\"{}\": \"{from}\"", edit["name"].as_str().unwrap());
    assert!(text.lines().nth(4).unwrap().contains(&line));
    project.write("package.json", &text.replacen(from, to, 1)).unwrap();
    done(&project, "install");
    assert_eq!(project.tree()["node_modules/plugin"], edit["version"].as_str().unwrap());
}

#[test]
fn colours_follow_the_usual_rules() {
    let project = project(CONFLICT);
    assert!(!utoo(&project, "install").stderr.contains('\u{1b}'), "NO_COLOR is set");
    let coloured = utoo(&project, "install --color=always").stderr;
    assert!(coloured.contains("\u{1b}[1mresolved by:\u{1b}[0m"), "{coloured}");
}

#[test]
fn an_added_package_has_no_line_yet() {
    let project = project(CONFLICT);
    let text = project.read("package.json").unwrap().replace("    \"plugin\": \"^1.0.0\",\n", "");
    project.write("package.json", &text).unwrap();
    let output = utoo(&project, "add plugin@1");
    assert!(output.stderr.contains("plugin@1, a dependency of app@1.0.0\n"), "{}", output.stderr);
    assert!(output.stderr.contains("1. package.json  \"plugin\": \"1\" -> "), "{}", output.stderr);
    assert_eq!(project.read("package.json").unwrap(), text);
}

#[test]
fn a_workspace_is_told_which_of_its_lines_to_change() {
    let project = project(
        r#"# The conflict is a workspace's.
-- registry --
react 17.0.2
react 18.2.0
plugin 1.0.0 {"peerDependencies": {"react": "^17.0.0"}}
-- package.json --
{"name": "app", "workspaces": ["packages/*"]}
-- packages/a/package.json --
{
  "name": "a",
  "version": "1.0.0",
  "devDependencies": { "react": "^18.0.0" },
  "dependencies": { "plugin": "^1.0.0" }
}
"#,
    );
    let stderr = utoo(&project, "install").stderr;
    let (path, edit) = (
        "    plugin@^1.0.0, a dependency of a@1.0.0 (packages/a/package.json:5:21)\n    a, a workspace of app\n",
        "    1. packages/a/package.json:4:24  \"react\": \"^18.0.0\" -> \"^17.0.2\" (older)\n",
    );
    assert!(stderr.contains(path) && stderr.contains(edit), "{stderr}");
}

const OVERRIDDEN: &str = r#"# A conflict below the project, which npm overrides with a warning.
-- registry --
y 1.0.0 {"dependencies": {"a": "*", "p": "^2.0.0"}}
a 1.0.0 {"peerDependencies": {"p": "^1.0.0"}}
p 1.0.0
p 2.0.0
-- package.json --
{"name": "app", "version": "1.0.0",
  "dependencies": {"y": "^1.0.0", "p": "^2.0.0"}}
"#;

#[test]
fn an_overridden_peer_is_a_warning_and_explain_has_the_way_out() {
    let project = project(OVERRIDDEN);
    let warning = "warning: overriding a peer dependency: a@1.0.0 needs p@^1.0.0 as a peer, but found p@2.0.0 (ERESOLVE)\n  \
                   wanted: p@^1.0.0, a peer dependency of a@1.0.0\n    \
                   a@*, a dependency of y@1.0.0\n    \
                   y@^1.0.0, a dependency of app@1.0.0 (package.json:2:20)\n";
    let output = done(&project, "install");
    assert!(output.stderr.contains(warning), "{}", output.stderr);
    let explained = done(&project, "explain").stdout;
    let edit = "1. package.json:2:35  \"p\": \"^2.0.0\" -> \"^1.0.0\" (older)\n";
    assert!(explained.contains(edit), "{explained}");
    let conflicts = document(&project, "explain")["result"]["conflicts"].take();
    assert_eq!(conflicts.as_array().unwrap().len(), 1);
    assert_eq!(conflicts[0]["fixes"][0]["edits"][0]["to"], "^1.0.0");
    assert_eq!(conflicts[0]["fixes"][0]["overridden"], 0);
}

const NESTED: &str = r#"# Three versions of one package.
-- registry --
left 1.0.0
left 1.2.0
left 2.0.0
left 3.0.0-beta.1
right 1.0.0 {"dependencies": {"left": "^1.0.0"}}
mid 1.0.0 {"dependencies": {"right": "^1.0.0", "left": "1.0.0"}}
left tags {"latest": "2.0.0"}
-- package.json --
{"name": "app", "version": "1.0.0", "dependencies": {"left": "^2.0.0"}, "workspaces": ["packages/*"]}
-- packages/w/package.json --
{"name": "w", "version": "1.0.0", "dependencies": {"right": "^1.0.0"}, "devDependencies": {"mid": "*"}}
"#;

#[test]
fn explain_says_who_where_why_and_which_versions_were_considered() {
    let project = project(NESTED);
    let expected = r#"left@1.2.0
node_modules/right/node_modules/left
  left@"^1.0.0" from right@1.0.0
  node_modules/right
    right@"^1.0.0" from w@1.0.0
    packages/w
      node_modules/w links here
        workspace "file:packages/w" from the root project
    right@"^1.0.0" from mid@1.0.0
    node_modules/mid
      dev mid@"*" from w@1.0.0 (see above)
  here because placed for left@^1.0.0 of right@1.0.0, and no place further up takes it
    not in node_modules: version 2.0.0 stands there, for left@"^2.0.0" from app@1.0.0
  versions considered for left@^1.0.0 of right@1.0.0
    3.0.0-beta.1, 2.0.0: out of range
    1.2.0: picked: the best for this spec
    1.0.0: in range, but lower
"#;
    for word in ["left@^1.1", "node_modules/right/node_modules/left"] {
        assert_eq!(done(&project, &format!("explain {word}")).stdout, expected);
    }
    assert!(project.lock().is_none(), "explaining writes nothing");
    done(&project, "deps");
    // From the lockfile, and without the network, the reasons are the same.
    let locked = done(&project, "why left@^1.1 --offline").stdout;
    assert_eq!(
        locked,
        expected.replace("placed for left@^1.0.0 of right@1.0.0", "the lockfile has it there")
    );
}

/// `(place, type, name, spec, dependent)` for every edge below a value of `npm explain --json`; the project is `.`.
fn edges(value: &Value, edges: &mut BTreeSet<[String; 5]>) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for dependent in value["dependents"].as_array().into_iter().flatten() {
        let from = &dependent["from"];
        let owner = if from["name"].is_null() { ".".to_owned() } else { text(&from["location"]) };
        let edge = [&value["location"], &dependent["type"], &dependent["name"], &dependent["spec"]].map(text);
        let [place, kind, name, spec] = edge;
        let spec =
            spec.rsplit_once("/packages/").map_or(spec.clone(), |(_, end)| format!("file:packages/{end}"));
        edges.insert([place, kind, name, spec, owner]);
        self::edges(from, edges);
    }
    for link in value["linksIn"].as_array().into_iter().flatten() {
        self::edges(link, edges);
    }
}

/// What npm 11.19.1 said of the same project (`npm explain left --json`), its repetitions taken out.
#[test]
fn the_edges_are_those_that_npm_tells() {
    let npm: BTreeSet<[String; 5]> = [
        ["node_modules/left", "prod", "left", "^2.0.0", "."],
        ["node_modules/mid/node_modules/left", "prod", "left", "1.0.0", "node_modules/mid"],
        ["node_modules/mid", "dev", "mid", "*", "packages/w"],
        ["node_modules/w", "workspace", "w", "file:packages/w", "."],
        ["node_modules/right/node_modules/left", "prod", "left", "^1.0.0", "node_modules/right"],
        ["node_modules/right", "prod", "right", "^1.0.0", "node_modules/mid"],
        ["node_modules/right", "prod", "right", "^1.0.0", "packages/w"],
    ]
    .map(|edge| edge.map(str::to_owned))
    .into();
    let project = project(NESTED);
    let explained = document(&project, "explain left");
    let mut ours = BTreeSet::new();
    for place in explained["result"]["places"].as_array().unwrap() {
        edges(place, &mut ours);
    }
    assert_eq!(ours, npm);
    let marks = &explained["result"]["places"][1];
    assert_eq!(marks["location"], "node_modules/mid/node_modules/left");
    assert_eq!((&marks["dev"], &marks["peer"]), (&Value::Bool(true), &Value::Bool(false)));
}

/// Version and rule of the first list of versions.
fn rules(document: &Value) -> Vec<(String, String)> {
    let versions = document["result"]["places"][0]["considered"][0]["versions"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    versions.iter().map(|judged| (text(&judged["version"]), text(&judged["rule"]))).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(version, rule)| ((*version).to_owned(), (*rule).to_owned())).collect()
}

#[test]
fn each_version_has_the_rule_that_decided_on_it() {
    let scenario = r#"# One of each.
-- registry --
left 1.0.0
left 1.1.0
left 1.2.0 {"deprecated": "broken"}
left 1.3.0
left 2.0.0
left tags {"latest": "1.1.0"}
left times {"1.0.0": "2020-01-01T00:00:00.000Z", "1.1.0": "2021-01-01T00:00:00.000Z", "1.2.0": "2022-01-01T00:00:00.000Z", "1.3.0": "2023-01-01T00:00:00.000Z", "2.0.0": "2024-01-01T00:00:00.000Z"}
-- package.json --
{"name": "app", "version": "1.0.0", "dependencies": {"left": "^1.0.0"}}
"#;
    let project = project(scenario);
    let tagged = pairs(&[
        ("2.0.0", "outOfRange"),
        ("1.3.0", "distTagPreferred"),
        ("1.2.0", "deprecated"),
        ("1.1.0", "picked"),
        ("1.0.0", "lower"),
    ]);
    let explained = document(&project, "explain left");
    assert_eq!(rules(&explained), tagged);
    assert_eq!(explained["result"]["places"][0]["considered"][0]["versions"][2]["detail"], "broken");
    let before = pairs(&[
        ("2.0.0", "outOfRange"),
        ("1.3.0", "publishedLater"),
        ("1.2.0", "publishedLater"),
        ("1.1.0", "publishedLater"),
        ("1.0.0", "picked"),
    ]);
    assert_eq!(rules(&document(&project, "explain left --before 2020-06-01")), before);
    // The lockfile keeps what is in range, whatever came later.
    done(&project, "deps --before 2020-06-01");
    let locked = rules(&document(&project, "explain left"));
    assert_eq!(locked[3], ("1.1.0".to_owned(), "lockfilePreferred".to_owned()));
    assert_eq!(locked[4], ("1.0.0".to_owned(), "locked".to_owned()));
}

const EVERY_RULE: &str = r#"# A package for each rule.
-- registry --
left 1.0.0
left 1.1.0 {"deprecated": "broken"}
left 1.2.0 {"engines": {"node": "<1"}}
left 1.3.0
left 2.0.0
left times {"1.0.0": "2020-01-01T00:00:00.000Z", "1.1.0": "2021-01-01T00:00:00.000Z", "1.2.0": "2022-01-01T00:00:00.000Z", "1.3.0": "2023-01-01T00:00:00.000Z", "2.0.0": "2020-02-01T00:00:00.000Z"}
other 1.0.0
other 1.5.0
other 2.0.0
mid 1.0.0 {"dependencies": {"other": "^1.0.0"}}
pin 1.0.0
pin 1.4.0
uses 1.0.0 {"dependencies": {"pin": "^1.0.0"}}
aix 1.0.0 {"os": ["aix"], "dependencies": {"below": "*"}}
below 1.0.0
old 1.0.0 {"engines": {"node": "<1"}}
-- package.json --
{
  "name": "app",
  "version": "1.0.0",
  "dependencies": {"left": "^1.0.0", "mid": "*", "pin": "1.0.0", "uses": "*"},
  "optionalDependencies": {"aix": "*", "old": "*"},
  "overrides": {
    "mid": {
      "other": "1.0.0"
    }
  }
}
"#;

#[test]
fn every_rule_is_said_in_words_and_in_json() {
    let project = project(EVERY_RULE);
    let machine = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    for (word, version, rule, text) in [
        ("left", "2.0.0", "outOfRange", "    2.0.0: out of range\n"),
        (
            "left",
            "1.3.0",
            "publishedLater",
            "    1.3.0: published later than --before or min-release-age allow\n",
        ),
        ("left", "1.2.0", "engines", "    1.2.0: made for another engine: node <1\n"),
        ("left", "1.1.0", "deprecated", "    1.1.0: deprecated: broken\n"),
        ("left", "1.0.0", "picked", "    1.0.0: picked: the best for this spec\n"),
        ("other", "2.0.0", "outOfRange", "    2.0.0: out of range\n"),
        (
            "other",
            "1.5.0",
            "override",
            "    1.5.0: in the dependent's own range, out of that of overrides > mid > other\n",
        ),
        ("other", "1.0.0", "picked", "    1.0.0: picked: the best for this spec\n"),
        (
            "pin",
            "1.4.0",
            "alreadyPlaced",
            "    1.4.0: best in range, but the version at node_modules/pin was there already and does\n",
        ),
        ("pin", "1.0.0", "shared", "    1.0.0: used: it was there already, and one copy serves all\n"),
        (
            "aix",
            "1.0.0",
            "platform",
            "    1.0.0: in the lockfile, but not installed here: made for {\"os\":[\"aix\"]}, ",
        ),
        ("below", "1.0.0", "leftOut", "not installed here: of no use without aix@1.0.0\n"),
        ("old", "1.0.0", "engines", "    1.0.0: made for another engine: node <1\n"),
    ] {
        let before = if word == "left" { " --before 2022-06-01" } else { "" };
        let words = format!("explain {word}{before}");
        let said = done(&project, &words).stdout;
        assert!(said.contains(text), "{word}@{version}: {said}");
        let explained = document(&project, &words);
        let considered = explained["result"]["places"][0]["considered"].as_array().unwrap();
        let judged = considered.iter().flat_map(|list| list["versions"].as_array().unwrap());
        let found = judged.clone().find(|judged| judged["version"] == version && judged["rule"] == rule);
        assert!(found.is_some(), "{word}@{version}: {explained}");
        if rule == "platform" {
            assert!(found.unwrap()["detail"].as_str().unwrap().contains(machine), "{explained}");
            assert_eq!(explained["result"]["places"][0]["installable"], false);
        }
    }
}

/// The text without the rule and its place, and the JSON without `override`, are npm 11.19.1's.
#[test]
fn an_override_is_named_with_its_place_in_package_json() {
    let project = project(EVERY_RULE);
    let said = done(&project, "explain other").stdout;
    let expected = r#"other@1.0.0 overridden
node_modules/other
  overridden other@"1.0.0" (was "^1.0.0", overrides > mid > other at package.json:8:7) from mid@1.0.0
  node_modules/mid
    mid@"*" from the root project
  here because placed for other@1.0.0 of mid@1.0.0, as far up as it goes
  versions considered for other@1.0.0 of mid@1.0.0, by overrides > mid > other
"#;
    assert!(said.starts_with(expected), "{said}");
    let place = document(&project, "explain other")["result"]["places"][0].take();
    assert_eq!(place["overridden"], true);
    let edge = &place["dependents"][0];
    assert_eq!((&edge["spec"], &edge["rawSpec"]), (&"1.0.0".into(), &"^1.0.0".into()));
    let expected =
        serde_json::json!({ "path": ["mid", "other"], "file": "package.json", "line": 8, "column": 7 });
    assert_eq!((&edge["overridden"], &edge["override"]), (&Value::Bool(true), &expected));
    assert_eq!(place["considered"][0]["override"], expected);
}

#[test]
fn one_copy_that_serves_two_is_named_as_such() {
    let project = project(
        r#"# The second dependent is content with what is there.
-- registry --
left 1.0.0
left 1.2.0
right 1.0.0 {"dependencies": {"left": "^1.0.0"}}
-- package.json --
{"name": "app", "version": "1.0.0", "dependencies": {"left": "1.0.0", "right": "1.0.0"}}
"#,
    );
    let explained = document(&project, "explain left");
    let considered = &explained["result"]["places"][0]["considered"][1];
    assert_eq!(considered["from"][0], "node_modules/right");
    assert_eq!(considered["versions"][0]["rule"], "alreadyPlaced");
    assert_eq!(considered["versions"][0]["detail"], "node_modules/left");
    assert_eq!(considered["versions"][1]["rule"], "shared");
}

#[test]
fn offline_the_places_are_known_and_the_versions_as_far_as_the_cache_goes() {
    let project = project(NESTED);
    done(&project, "deps --cache-dir cache");
    let requests = project.server().requests().len();
    document(&project, "explain left --offline --cache-dir cache");
    let explained = document(&project, "explain left --offline --cache-dir empty");
    assert_eq!(project.server().requests().len(), requests);
    let places = explained["result"]["places"].as_array().unwrap();
    assert_eq!(places.len(), 3);
    assert_eq!(places[0]["considered"][0]["unknown"]["code"], "ENOTCACHED");
}

#[test]
fn what_stands_nowhere_is_said_so() {
    let project = project(
        r#"# An optional peer that nobody brings.
-- registry --
right 1.0.0 {"peerDependencies": {"left": "^1.0.0"}, "peerDependenciesMeta": {"left": {"optional": true}}}
-- package.json --
{"name": "app", "version": "1.0.0", "dependencies": {"right": "1.0.0"}}
"#,
    );
    let text = done(&project, "explain left").stdout;
    assert_eq!(
        text,
        "left is nowhere in the tree\n  peerOptional left@\"^1.0.0\" from right@1.0.0, which does without\n"
    );
    let error = document(&project, "why nothing")["error"].take();
    assert_eq!((error["code"].as_str(), error["exitCode"].as_u64()), (Some("ENOTINSTALLED"), Some(4)));
}

#[test]
fn help_has_examples() {
    let help = done(&project(CONFLICT), "explain --help").stdout;
    assert!(help.contains("  utoo why left@1  "), "{help}");
    assert!(done(&project(CONFLICT), "").stdout.contains("  explain  "));
}
