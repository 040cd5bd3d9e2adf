//! `run`, `ls`, completions, and what is wrong with words and configuration.

mod common;

use common::{document, done, project, utoo, utoo_with};
use serde_json::json;

const SCRIPTS: &str = r#"{"name": "app", "version": "1.2.3", "config": {"port": 8080}, "scripts": {
    "prebuild": "echo before", "build": "echo building", "postbuild": "echo after",
    "fail": "exit 3", "show": "echo $npm_package_name $npm_package_version $npm_package_config_port $npm_lifecycle_event",
    "args": "printf '<%s>'", "where": "echo $PATH; echo $INIT_CWD", "secret": "env | grep -v ^NPM_TOKEN="
}}"#;

#[test]
fn a_script_runs_between_its_pre_and_post() {
    let project = project(SCRIPTS);
    let output = done(&project, "run build --quiet");
    assert_eq!(output.stdout, "before\nbuilding\nafter\n");
    assert_eq!(done(&project, "build --quiet").stdout, output.stdout);
    assert_eq!(done(&project, "build --quiet --ignore-scripts").stdout, "building\n");
    assert!(done(&project, "build").stdout.contains("\n> app@1.2.3 build\n> echo building\n"));
}

#[test]
fn arguments_reach_the_script_whole() {
    let project = project(SCRIPTS);
    let output = utoo_with(&project, &["run", "args", "-q", "--", "a b", "--flag", "it's", "$HOME", ""]);
    assert_eq!(output.stdout, "<a b><--flag><it's><$HOME><>");
    let output = utoo_with(&project, &["args", "-q", "one"]);
    assert_eq!(output.stdout, "<one>");
}

#[test]
fn a_script_knows_its_package_and_its_path() {
    let project = project(SCRIPTS);
    assert_eq!(done(&project, "show -q").stdout, "app 1.2.3 8080 show\n");
    let output = done(&project, "where -q").stdout;
    let bin = project.dir().join("node_modules/.bin");
    assert!(output.starts_with(&*bin.to_string_lossy()), "{output}");
    assert!(output.trim_end().ends_with(&*project.dir().to_string_lossy()), "{output}");
}

#[test]
fn no_credential_reaches_a_script() {
    let project = project(SCRIPTS);
    project.write(".npmrc", "//registry.example/:_authToken=hunter2\ncustom-key=seen\n").unwrap();
    let output = done(&project, "secret -q").stdout;
    assert!(!output.contains("hunter2"), "{output}");
    assert!(output.contains("npm_config_custom_key=seen"), "{output}");
}

#[test]
fn a_scripts_exit_code_is_passed_on() {
    let project = project(SCRIPTS);
    assert_eq!(utoo(&project, "fail").code, Some(3));
    let document = document(&project, "run fail");
    assert_eq!(
        (&document["error"]["code"], &document["error"]["category"]),
        (&json!("ELIFECYCLE"), &json!("script"))
    );
}

#[test]
fn json_holds_what_a_script_wrote() {
    let project = project(SCRIPTS);
    let document = document(&project, "run build");
    let ran = &document["result"]["ran"];
    assert_eq!(ran.as_array().map(Vec::len), Some(3));
    assert_eq!(ran[1], json!({"package": "app@1.2.3", "script": "build", "output": "building\n"}));
}

#[test]
fn a_script_that_is_not_there() {
    let project = project(SCRIPTS);
    let missing = document(&project, "biuld");
    assert_eq!((&missing["error"]["code"], &missing["error"]["exitCode"]), (&json!("ENOSCRIPT"), &json!(4)));
    assert_eq!(missing["error"]["hint"], "did you mean build?");
    done(&project, "run nothing --if-present");
    assert_eq!(document(&project, "test")["error"]["code"], "ENOSCRIPT");
    let listed = document(&project, "run");
    assert_eq!(listed["result"]["scripts"]["app@1.2.3"]["fail"], "exit 3");
    assert!(done(&project, "run").stdout.contains("  fail\n    exit 3\n"));
}

#[test]
fn scripts_of_workspaces() {
    let project = project(r#"{"name": "app", "workspaces": ["w/*"], "scripts": {"x": "echo root"}}"#);
    project.write("w/a/package.json", r#"{"name": "a", "scripts": {"x": "echo in a"}}"#).unwrap();
    project.write("w/b/package.json", r#"{"name": "b", "scripts": {"x": "exit 5"}}"#).unwrap();
    assert_eq!(done(&project, "run x -q").stdout, "root\n");
    assert_eq!(done(&project, "run x -q -w a").stdout, "in a\n");
    assert_eq!(done(&project, "run x -q -w w/a --include-workspace-root").stdout, "root\nin a\n");
    let both = utoo(&project, "run x -q -ws");
    assert_eq!((both.code, both.stdout.as_str()), (Some(5), "in a\n"));
    assert_eq!(document(&project, "run x -w none")["error"]["code"], "ENOWORKSPACES");
}

#[test]
fn start_and_restart_have_npms_defaults() {
    let project = project(r#"{"name": "app", "scripts": {"stop": "echo stop", "start": "echo start"}}"#);
    assert_eq!(done(&project, "restart -q").stdout, "stop\nstart\n");
    assert_eq!(done(&project, "start -q").stdout, "start\n");
}

#[test]
fn a_project_is_held_to_its_dev_engines() {
    let held = |demands: &str| {
        let text = format!(r#"{{"name": "app", "scripts": {{"x": "echo ran"}}, "devEngines": {demands}}}"#);
        project(&text)
    };
    let refused = held(r#"{"packageManager": [{"name": "pnpm"}, {"name": "npm", "version": "<1"}]}"#);
    for words in ["install", "ci", "run x", "ls", "explain a", "rebuild", "dedupe"] {
        let error = &document(&refused, words)["error"];
        assert_eq!((&error["code"], &error["exitCode"]), (&json!("EBADDEVENGINES"), &json!(7)), "{words}");
        let message = "this project's devEngines.packageManager asks for pnpm; this is npm 11.19.1, or npm <1; this is npm 11.19.1";
        assert_eq!(error["message"], message);
    }
    assert_eq!(utoo(&refused, "run x --force -q").stdout, "ran\n");
    let warned =
        held(r#"{"runtime": {"name": "deno", "onFail": "warn"}, "os": {"name": "aix", "onFail": "ignore"}}"#);
    let warning = document(&warned, "run x")["warnings"].take();
    assert!(warning[0].as_str().is_some_and(|text| text.contains("asks for deno")), "{warning}");
    for fine in [
        r#"{"packageManager": {"name": "utoo"}}"#,
        r#"{"packageManager": [{"name": "x"}, {"name": "npm", "version": "^11"}]}"#,
    ] {
        done(&held(fine), "run x");
    }
    for unreadable in
        ["[]", r#"{"runtime": "node"}"#, r#"{"shell": {"name": "sh"}}"#, r#"{"os": {"version": "1"}}"#]
    {
        assert_eq!(document(&held(unreadable), "run x")["error"]["code"], "EBADDEVENGINES", "{unreadable}");
    }
}

/// npm 11.19's own output for this very folder, but for the project's path.
#[test]
fn ls_prints_npms_tree() {
    let project = project(
        r#"{"name": "l", "version": "1.0.0", "workspaces": ["w/*"],
            "dependencies": {"is-odd": "^3.0.0", "ms": "2.0.0", "gone": "1", "al": "npm:ms@2.1.2"},
            "devDependencies": {"debug": "2.6.9"}, "optionalDependencies": {"optgone": "1"},
            "peerDependencies": {"pg": "1"}}"#,
    );
    for (path, text) in [
        ("w/a", r#"{"name":"a","version":"2.0.0","dependencies":{"ms":"2.1.2","debug":"^4.0.0"}}"#),
        (
            "node_modules/is-odd",
            r#"{"name":"is-odd","version":"3.0.1","dependencies":{"is-number":"^6.0.0"}}"#,
        ),
        ("node_modules/is-number", r#"{"name":"is-number","version":"6.0.0"}"#),
        ("node_modules/ms", r#"{"name":"ms","version":"2.1.3"}"#),
        ("node_modules/al", r#"{"name":"ms","version":"2.1.2"}"#),
        ("node_modules/debug", r#"{"name":"debug","version":"2.6.9","dependencies":{"ms":"2.0.0"}}"#),
        ("node_modules/debug/node_modules/ms", r#"{"name":"ms","version":"2.0.0"}"#),
        ("node_modules/extra", r#"{"name":"extra","version":"9.9.9","dependencies":{"ms":"*"}}"#),
        ("w/a/node_modules/debug", r#"{"name":"debug","version":"4.4.0","dependencies":{"ms":"^2.1.3"}}"#),
    ] {
        project.write(&format!("{path}/package.json"), text).unwrap();
    }
    std::os::unix::fs::symlink("../w/a", project.dir().join("node_modules/a")).unwrap();
    let shown = |words: &str| {
        let output = utoo(&project, words);
        let text = output.stdout.replace(&format!(" {}", project.dir().display()), "");
        (output.code, text)
    };
    let (code, text) = shown("ls --all");
    assert_eq!(code, Some(7));
    assert_eq!(text, include_str!("data/ls-all.txt"));
    assert_eq!(shown("ls").1, include_str!("data/ls.txt"));
    let path = "l@1.0.0\n└─┬ debug@2.6.9\n  └── ms@2.0.0\n";
    assert_eq!(shown("ls ms@2.0.x"), (Some(0), path.to_owned()));
    assert_eq!(shown("ls nothere"), (Some(4), "l@1.0.0\n└── (empty)\n".to_owned()));
    let tree = &document(&project, "ls")["error"]["details"]["tree"];
    assert_eq!(tree["dependencies"]["ms"]["invalid"], "\"2.0.0\" from the root project, \"2.1.2\" from w/a");
    assert_eq!(tree["dependencies"]["gone"]["missing"], true);
    assert_eq!(tree["problems"].as_array().map(Vec::len), Some(4));
}

/// The text and the document are npm 11.19's for the same project, but for the project's path and `resolved`.
#[test]
fn ls_goes_by_overrides() {
    let project = project(
        r#"{"name": "app", "version": "1.0.0", "dependencies": {"left": "^2.0.0", "right": "*", "mid": "*"},
            "overrides": {"right": {"left": "$left"}, "mid": {"left": "1.0.0"}}}"#,
    );
    for (path, text) in [
        ("left", r#"{"name": "left", "version": "2.0.0"}"#),
        ("right", r#"{"name": "right", "version": "1.0.0", "dependencies": {"left": "^1.0.0"}}"#),
        ("mid", r#"{"name": "mid", "version": "1.0.0", "dependencies": {"left": "^1.0.0", "deep": "*"}}"#),
        ("deep", r#"{"name": "deep", "version": "1.0.0", "dependencies": {"left": "^1.0.0"}}"#),
        ("mid/node_modules/left", r#"{"name": "left", "version": "1.0.0"}"#),
        ("deep/node_modules/left", r#"{"name": "left", "version": "1.2.0"}"#),
    ] {
        project.write(&format!("node_modules/{path}/package.json"), text).unwrap();
    }
    let output = utoo(&project, "ls --all");
    let text = output.stdout.replace(&format!(" {}", project.dir().display()), "");
    let expected = r#"app@1.0.0
├── left@2.0.0
├─┬ mid@1.0.0
│ ├─┬ deep@1.0.0
│ │ └── left@1.2.0 invalid: "1.0.0" from node_modules/deep
│ └── left@1.0.0 overridden
└─┬ right@1.0.0
  └── left@2.0.0 deduped
"#;
    assert_eq!((output.code, text.as_str()), (Some(7), expected));
    let tree = &document(&project, "ls --all")["error"]["details"]["tree"];
    let mid = &tree["dependencies"]["mid"]["dependencies"];
    assert_eq!(mid["left"], json!({ "version": "1.0.0", "overridden": true }));
    let wrong = &mid["deep"]["dependencies"]["left"];
    assert_eq!(
        (&wrong["overridden"], &wrong["invalid"]),
        (&json!(false), &json!("\"1.0.0\" from node_modules/deep"))
    );
    assert_eq!(tree["dependencies"]["right"]["dependencies"]["left"], json!({ "version": "2.0.0" }));
    let refused = r#"{"name": "app", "dependencies": {"left": "^2.0.0"}, "overrides": {"left": "1.0.0"}}"#;
    project.write("package.json", refused).unwrap();
    assert_eq!(document(&project, "ls")["error"]["code"], "EOVERRIDE");
}

/// As npm 11.19 shows it: an optional peer that is not there, and `required` of the first that is missing alone.
#[test]
fn ls_shows_what_is_missing() {
    let project = project(
        r#"{"name": "app", "version": "1.0.0", "dependencies": {"a": "1", "miss": "^1.0.0", "gone": "2"},
            "peerDependencies": {"guest": "1"}, "peerDependenciesMeta": {"guest": {"optional": true}}}"#,
    );
    let manifest = r#"{"name": "a", "version": "1.0.0", "dependencies": {"deep": "3"}}"#;
    project.write("node_modules/a/package.json", manifest).unwrap();
    let text = utoo(&project, "ls --all").stdout.replace(&format!(" {}", project.dir().display()), "");
    let expected = "app@1.0.0
├─┬ a@1.0.0
│ └── UNMET DEPENDENCY deep@3
├── UNMET DEPENDENCY gone@2
├── UNMET OPTIONAL DEPENDENCY guest@1
└── UNMET DEPENDENCY miss@^1.0.0
";
    assert_eq!(text, expected);
    let without = utoo(&project, "ls --omit=optional").stdout;
    assert!(!without.contains("guest"), "{without}");
    let tree = &document(&project, "ls --all")["error"]["details"]["tree"]["dependencies"];
    let required = |entry: &serde_json::Value| (entry["required"].clone(), entry["missing"].clone());
    assert_eq!(required(&tree["gone"]), (json!("2"), json!(true)));
    assert_eq!(required(&tree["miss"]), (json!(null), json!(true)));
    assert_eq!(required(&tree["a"]["dependencies"]["deep"]), (json!(null), json!(true)));
    assert_eq!(tree["guest"], json!({}));
}

#[test]
fn ls_follows_links_out_of_the_project() {
    let project = project(r#"{"name": "app", "version": "1.0.0", "dependencies": {"global": "^3.0.0"}}"#);
    let global = project.home().join("lib/node_modules/global");
    std::fs::create_dir_all(global.join("node_modules/left")).unwrap();
    let write = |path: &std::path::Path, text: &str| utoo_fs::write_atomic(path, text.as_bytes()).unwrap();
    write(
        &global.join("package.json"),
        r#"{"name": "global", "version": "3.0.0", "dependencies": {"left": "2"}}"#,
    );
    write(&global.join("node_modules/left/package.json"), r#"{"name": "left", "version": "2.0.0"}"#);
    std::fs::create_dir_all(project.dir().join("node_modules")).unwrap();
    std::os::unix::fs::symlink(&global, project.dir().join("node_modules/global")).unwrap();
    let tree = &document(&project, "ls --all")["result"];
    assert_eq!(tree["dependencies"]["global"]["version"], "3.0.0", "{tree}");
    assert_eq!(tree["dependencies"]["global"]["dependencies"]["left"]["version"], "2.0.0", "{tree}");
}

#[test]
fn ls_finds_nothing_wrong_with_an_install() {
    let project = project(r#"{"name": "app", "dependencies": {"right": "^1.0.0"}}"#);
    done(&project, "install");
    let document = document(&project, "ls --all");
    let right = &document["result"]["dependencies"]["right"];
    assert_eq!(right["dependencies"]["left"]["version"], "1.2.0");
    assert!(right["resolved"].as_str().is_some_and(|url| url.ends_with("/right-1.0.0.tgz")), "{right}");
}

#[test]
fn words_and_configuration_that_are_wrong() {
    let project = project(r#"{"name": "app"}"#);
    for (words, code) in [
        ("install --nonsense", "EUSAGE"),
        ("uninstall", "EUSAGE"),
        ("install --fetch-retries many", "EINVALIDCONFIG"),
        ("install --registry nowhere", "EINVALIDCONFIG"),
    ] {
        let document = document(&project, words);
        assert_eq!(
            (&document["error"]["code"], &document["error"]["exitCode"]),
            (&json!(code), &json!(2)),
            "{words}"
        );
    }
    project.write(".npmrc", "\nlockfile-version=9\n").unwrap();
    let error = utoo(&project, "install").stderr;
    assert!(
        error.contains(".npmrc:2: lockfile-version = 9: expected one of 1, 2, 3 (EINVALIDCONFIG)"),
        "{error}"
    );
}

#[test]
fn a_withheld_credential_is_a_warning() {
    let project = project(r#"{"name": "app"}"#);
    project.write(".npmrc", "//evil.example/:_authToken=${PATH}\n").unwrap();
    let output = done(&project, "install");
    assert!(output.stderr.contains("warning: "), "{}", output.stderr);
    assert!(output.stderr.contains("would send ${PATH} to a host that only this project names"));
    assert_eq!(document(&project, "deps")["warnings"].as_array().map(Vec::len), Some(1));
}

#[test]
fn completions_know_the_commands() {
    let project = project("{}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = done(&project, &format!("completions {shell}")).stdout;
        assert!(script.contains("uninstall") && script.contains("save-dev"), "{shell}");
    }
}

#[test]
fn without_a_command_there_is_help() {
    let project = project("{}");
    let help = done(&project, "").stdout;
    assert!(help.contains("Usage: utoo") && help.contains("install"), "{help}");
    assert!(done(&project, "--version").stdout.starts_with("utoo "));
}
