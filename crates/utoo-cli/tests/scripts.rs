//! The script gate: what runs, what doesn't and is told, and the commands around it.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use std::path::Path;

use common::{UTOO, document, done, package_json, utoo};
use serde_json::{Value, json};
use utoo_testkit::{FixtureRegistry, TestProject};

/// `scripted` in two versions, `failing`, and `plain`.
fn registry() -> FixtureRegistry {
    let mut registry = FixtureRegistry::new();
    let logs =
        r#"{"postinstall": "echo $npm_package_name@$npm_package_version >> \"$INIT_CWD/log\"; echo noise"}"#;
    for manifest in [
        format!(r#"{{"name": "scripted", "version": "1.0.0", "scripts": {logs}}}"#),
        format!(r#"{{"name": "scripted", "version": "2.0.0", "scripts": {logs}}}"#),
        r#"{"name": "failing", "version": "1.0.0", "scripts": {"install": "echo why it failed; exit 3"}}"#
            .to_owned(),
        r#"{"name": "plain", "version": "1.0.0"}"#.to_owned(),
    ] {
        registry.publish_json(&manifest).unwrap();
    }
    registry
}

fn project(package_json: &Value) -> TestProject {
    let project = TestProject::new(registry()).unwrap();
    project.write("package.json", &package_json.to_string()).unwrap();
    project
}

fn with_scripted() -> TestProject {
    project(&json!({"name": "app", "version": "1.0.0", "dependencies": {"scripted": "^1.0.0", "plain": "*"}}))
}

fn set(project: &TestProject, key: &str, value: Value) {
    let mut json = package_json(project);
    json[key] = value;
    project.write("package.json", &json.to_string()).unwrap();
}

#[test]
fn what_does_not_run_is_named_with_the_one_command_that_allows_it() {
    let project = with_scripted();
    let output = done(&project, "install");
    let said = &output.stderr;
    assert!(
        said.contains("install scripts of 1 package were not run:\n  scripted@1.0.0 (postinstall: echo "),
        "{said}"
    );
    assert!(said.contains(": not in allowScripts\nto allow them: utoo approve-scripts scripted"), "{said}");
    assert_eq!(project.read("log"), None);
    assert!(done(&project, "approve-scripts scripted").stderr.contains("`utoo install` runs"));
    assert_eq!(package_json(&project)["allowScripts"], json!({"scripted@1.0.0": true}));
    let document = document(&project, "install");
    assert_eq!((&document["result"]["scriptsRun"], &document["result"]["changed"]), (&json!(1), &json!(1)));
    assert_eq!(project.read("log").as_deref(), Some("scripted@1.0.0\n"));
    let document = common::document(&project, "install");
    assert_eq!(document["result"]["upToDate"], true);
    assert_eq!(project.read("log").as_deref(), Some("scripted@1.0.0\n"), "once");
}

#[test]
fn an_approval_is_of_one_version_and_of_the_package_behind_an_alias() {
    let project = with_scripted();
    set(&project, "allowScripts", json!({"scripted@1.0.0": true, "alias": true}));
    set(&project, "dependencies", json!({"alias": "npm:scripted@^2.0.0"}));
    let skipped = document(&project, "install")["result"]["skippedScripts"].clone();
    assert_eq!(skipped[0]["package"], "scripted@2.0.0");
    assert_eq!((&skipped[0]["reason"], skipped.as_array().unwrap().len()), (&json!("unreviewed"), 1));
    assert_eq!(project.read("log"), None);
    done(&project, "approve-scripts alias");
    let rules = json!({"alias": true, "scripted@2.0.0": true});
    assert_eq!(package_json(&project)["allowScripts"], rules, "the old version's approval is stale");
    done(&project, "install");
    assert_eq!(project.read("log").as_deref(), Some("scripted@2.0.0\n"));
}

#[test]
fn a_denial_holds_and_is_told_to_those_who_ask() {
    let project = with_scripted();
    done(&project, "install");
    let listed = document(&project, "ignored-scripts");
    assert_eq!(listed["result"]["packages"][0]["reason"], "unreviewed");
    assert_eq!(listed["result"]["packages"][0]["key"], "scripted");
    let denied = document(&project, "deny-scripts --all");
    let changes = json!([{"name": "scripted", "changes": [{"key": "scripted", "change": "added"}]}]);
    assert_eq!(denied["result"]["allowScripts"], changes);
    assert_eq!(package_json(&project)["allowScripts"], json!({"scripted": false}));
    assert_eq!(document(&project, "ignored-scripts")["result"]["packages"][0]["reason"], "denied");
    assert_eq!(
        document(&project, "approve-scripts --allow-scripts-pending")["result"]["packages"],
        json!([])
    );
    let refused = document(&project, "approve-scripts scripted");
    assert_eq!(refused["result"]["allowScripts"], json!([]));
    assert!(refused["warnings"][0].as_str().unwrap().contains("is denied"), "{refused}");
    assert!(!done(&project, "install").stderr.contains("were not run"));
    let unknown = document(&project, "approve-scripts plain");
    assert_eq!((&unknown["error"]["code"], &unknown["error"]["exitCode"]), (&json!("ENOMATCH"), &json!(4)));
    assert_eq!(
        document(&project, "approve-scripts")["error"]["code"],
        "EUSAGE",
        "nobody is there to be asked"
    );
}

#[test]
fn approvals_by_name_hold_for_every_version() {
    let project = with_scripted();
    done(&project, "install");
    done(&project, "approve-scripts --no-allow-scripts-pin --all");
    assert_eq!(package_json(&project)["allowScripts"], json!({"scripted": true}));
    done(&project, "add scripted@2");
    assert_eq!(project.read("log").as_deref(), Some("scripted@2.0.0\n"));
}

#[test]
fn npmrc_allows_too_where_package_json_says_nothing() {
    let project = with_scripted();
    project.write(".npmrc", "allow-scripts=scripted\n").unwrap();
    done(&project, "install");
    assert_eq!(project.read("log").as_deref(), Some("scripted@1.0.0\n"));
    let refused = document(&project, "install --allow-scripts=scripted");
    assert_eq!(refused["error"]["code"], "EALLOWSCRIPTS");
    set(&project, "allowScripts", json!({"other": true}));
    let document = document(&project, "ignored-scripts");
    assert_eq!(document["result"]["packages"][0]["package"], "scripted@1.0.0");
    assert!(document["warnings"][0].as_str().unwrap().contains("allow-scripts of .npmrc is ignored"));
}

#[test]
fn the_gate_can_be_strict_or_open() {
    let project = with_scripted();
    let refused = document(&project, "install --strict-allow-scripts");
    assert_eq!(refused["error"]["code"], "ESTRICTALLOWSCRIPTS");
    assert_eq!(refused["error"]["details"]["packages"], json!(["scripted@1.0.0"]));
    assert_eq!(project.lock(), None, "nothing was written");
    done(&project, "install --dangerously-allow-all-scripts");
    assert_eq!(project.read("log").as_deref(), Some("scripted@1.0.0\n"));
    // What has run need not run again, and what may not run is told.
    assert!(done(&project, "install").stderr.contains("not in allowScripts"));
}

#[test]
fn ignored_scripts_run_once_they_are_not_ignored_any_more() {
    let project = with_scripted();
    set(&project, "allowScripts", json!({"scripted": true}));
    let output = done(&project, "install --ignore-scripts");
    assert!(!output.stderr.contains("were not run"), "{}", output.stderr);
    assert_eq!(project.read("log"), None);
    done(&project, "install");
    assert_eq!(project.read("log").as_deref(), Some("scripted@1.0.0\n"));
}

#[test]
fn rebuild_runs_again_what_may_run() {
    let project = with_scripted();
    set(&project, "allowScripts", json!({"scripted": true}));
    done(&project, "install");
    let document = document(&project, "rebuild");
    assert_eq!((&document["result"]["rebuilt"], &document["result"]["scriptsRun"]), (&json!(1), &json!(1)));
    done(&project, "rebuild scripted@^1");
    assert_eq!(project.read("log").unwrap().lines().count(), 3);
    assert_eq!(common::document(&project, "rebuild scripted@2")["error"]["code"], "ENOTINSTALLED");
    let requests = project.server().requests().len();
    assert_eq!(common::document(&project, "install")["result"]["upToDate"], true);
    assert_eq!(project.server().requests().len(), requests);
    set(&project, "allowScripts", json!({}));
    let refused = common::document(&project, "rebuild scripted");
    assert_eq!(refused["result"]["skippedScripts"][0]["reason"], "unreviewed");
    assert_eq!(project.read("log").unwrap().lines().count(), 3);
}

#[test]
fn a_failing_script_ends_the_install_with_its_code_and_output() {
    let failing = json!({"name": "app", "dependencies": {"failing": "1"}, "allowScripts": {"failing": true}});
    let project = project(&failing);
    let output = utoo(&project, "install");
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    assert!(output.stderr.contains("failing failed (exit code 3)"), "{}", output.stderr);
    assert!(output.stderr.contains("| why it failed"), "{}", output.stderr);
    assert!(project.lock().is_some(), "what was resolved is not lost");
    let error = document(&project, "install")["error"].clone();
    assert_eq!(
        (&error["code"], &error["details"]["output"]),
        (&json!("ELIFECYCLE"), &json!("why it failed\n"))
    );
}

#[test]
fn an_optional_package_with_a_failing_script_is_left_out() {
    let project = project(&json!({
        "name": "app", "optionalDependencies": {"failing": "1"}, "dependencies": {"plain": "1"},
        "allowScripts": {"failing": true},
    }));
    let output = done(&project, "install");
    assert!(output.stderr.contains("failing@1.0.0 is optional and left out: "), "{}", output.stderr);
    assert_eq!(project.tree().into_keys().collect::<Vec<_>>(), ["node_modules/plain"]);
    assert!(project.lock().unwrap().contains("node_modules/failing"));
    assert!(!project.hidden_lock().unwrap().contains("node_modules/failing"));
    assert_eq!(document(&project, "install")["result"]["upToDate"], true);
}

#[test]
fn scripts_of_dependencies_are_heard_in_the_foreground_only() {
    let project = with_scripted();
    set(&project, "allowScripts", json!({"scripted": true}));
    assert!(!done(&project, "install").stdout.contains("noise"));
    assert!(done(&project, "rebuild --foreground-scripts").stdout.contains("noise"));
}

#[test]
fn a_script_that_takes_too_long_is_killed() {
    let mut registry = FixtureRegistry::new();
    let endless = r#"{"name": "endless", "version": "1.0.0", "scripts": {"install": "sleep 600"}}"#;
    registry.publish_json(endless).unwrap();
    let project = TestProject::new(registry).unwrap();
    let text = r#"{"name": "app", "dependencies": {"endless": "1"}, "allowScripts": {"endless": true}}"#;
    project.write("package.json", text).unwrap();
    let output = utoo(&project, "install --script-timeout=200");
    assert_eq!(output.code, Some(124), "{}", output.stderr);
    assert!(output.stderr.contains("killed after 0.2 s"), "{}", output.stderr);
}

/// npm 11.19's variables, as a postinstall of a dependency sees them with both.
#[test]
fn a_dependencys_script_sees_npms_environment() {
    let mut registry = FixtureRegistry::new();
    let dumps = r#"{"name": "dumps", "version": "1.0.0", "config": {"port": 80}, "engines": {"node": ">=1"},
        "bin": {"dump": "x.js"}, "scripts": {"postinstall": "env > \"$INIT_CWD/env\"; pwd > \"$INIT_CWD/pwd\""}}"#;
    registry.publish_json(dumps).unwrap();
    let project = TestProject::new(registry).unwrap();
    let text = r#"{"name": "app", "dependencies": {"dumps": "1"}, "allowScripts": {"dumps": true}}"#;
    project.write("package.json", text).unwrap();
    done(&project, "install");
    let folder = project.dir().canonicalize().unwrap().join("node_modules/dumps");
    assert_eq!(project.read("pwd").unwrap().trim(), folder.to_str().unwrap());
    let env = project.read("env").unwrap();
    let value =
        |key: &str| env.lines().find_map(|line| line.strip_prefix(&format!("{key}=")).map(str::to_owned));
    for (key, expected) in [
        ("npm_lifecycle_event", "postinstall"),
        ("npm_package_name", "dumps"),
        ("npm_package_version", "1.0.0"),
        ("npm_package_config_port", "80"),
        ("npm_package_engines_node", ">=1"),
        ("npm_package_bin_dump", "x.js"),
        ("npm_command", "install"),
        ("npm_package_optional", ""),
        ("npm_package_dev", ""),
    ] {
        assert_eq!(value(key).as_deref(), Some(expected), "{key}");
    }
    for key in
        ["npm_lifecycle_script", "npm_execpath", "npm_config_user_agent", "npm_config_registry", "INIT_CWD"]
    {
        assert!(value(key).is_some_and(|value| !value.is_empty()), "{key}");
    }
    let path = value("PATH").unwrap();
    let own = |folder: &Path| folder.join("node_modules/.bin").to_string_lossy().into_owned();
    let expected = [own(&folder), own(folder.ancestors().nth(2).unwrap())];
    assert_eq!(path.split(':').take(2).collect::<Vec<_>>(), expected);
}

#[test]
fn a_signal_ends_scripts_with_all_that_they_started() {
    let mut registry = FixtureRegistry::new();
    let hangs = r#"{"name": "hangs", "version": "1.0.0",
        "scripts": {"install": "sh -c 'exec 3> \"$INIT_CWD/fifo\"; sleep 600' & wait"}}"#;
    registry.publish_json(hangs).unwrap();
    let project = TestProject::new(registry).unwrap();
    let text = r#"{"name": "app", "dependencies": {"hangs": "1"}, "allowScripts": {"hangs": true}}"#;
    project.write("package.json", text).unwrap();
    assert_eq!(project.run(Path::new("mkfifo"), &["fifo"]).unwrap().code, Some(0));
    let utoo = project.start(project.command(Path::new(UTOO)).arg("install")).unwrap();
    // Opens when the script does.
    let mut fifo = std::fs::File::open(project.dir().join("fifo")).unwrap();
    let kill = format!("kill -TERM {}", utoo.id());
    assert_eq!(project.run(Path::new("sh"), &["-c", &kill]).unwrap().code, Some(0));
    assert_eq!(utoo.ended().unwrap().code, Some(143));
    // Ends when nobody is left who could write.
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut fifo, &mut rest).unwrap();
    let lock = project.lock().unwrap();
    assert!(lock.contains("node_modules/hangs"), "{lock}");
}

/// A question needs the terminal without echo; whoever is asked must get it back with, however the question ends.
#[test]
fn a_signal_in_a_question_gives_the_terminal_back() {
    let project = with_scripted();
    done(&project, "install");
    let asks = format!(
        "sh -c 'echo $$ > pid; exec env --default-signal=INT,TERM {UTOO} approve-scripts'; echo $?; stty -a"
    );
    for (signal, code) in [("TERM", "143"), ("INT", "130"), ("HUP", "129")] {
        let mut command = project.command(Path::new("script"));
        command.args(["-qefc", &asks, "typescript"]).stdin(std::process::Stdio::piped());
        let Ok(terminal) = project.start(&mut command) else { return };
        let said = || project.read("typescript").unwrap_or_default();
        while !said().contains("scripted@1.0.0 (postinstall") {
            std::thread::yield_now();
        }
        let kill = format!("kill -{signal} $(cat pid)");
        assert_eq!(project.run(Path::new("sh"), &["-c", &kill]).unwrap().code, Some(0));
        let said = terminal.ended().unwrap().stdout;
        assert!(said.contains("nothing was changed") && said.lines().any(|line| line == code), "{said}");
        let settings = said.split_whitespace().map(|word| word.trim_end_matches(';'));
        let settings: Vec<&str> =
            settings.filter(|word| matches!(word.trim_start_matches('-'), "echo" | "icanon")).collect();
        assert!(settings.len() >= 2 && settings.iter().all(|word| !word.starts_with('-')), "{settings:?}");
        assert!(said.rfind("\u{1b}[?25h") >= said.rfind("\u{1b}[?25l"), "the cursor is hidden: {said:?}");
        std::fs::remove_file(project.dir().join("typescript")).unwrap();
    }
}
