//! What a registry, a package or a project can say to break, to deceive or to lead astray whoever installs it: no crash, no
//! write outside, and nothing on the terminal that acts on it.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use std::path::Path;

use common::{UTOO, document, done, utoo, utoo_with};
use serde_json::{Value, json};
use utoo_testkit::{Fault, FaultPlan, FixtureRegistry, Nth, RunOutput, Scenario, TarballFile, TestProject};

/// Deeper than any stack would bear.
const DEEP: usize = 200_000;

/// A list in a list, and so on.
fn deep() -> String {
    format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP))
}

/// An end of utoo's own making, good or bad: no signal, no panic, no thread that failed.
#[track_caller]
fn ended(output: &RunOutput) {
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(output.code.is_some_and(|code| code < 100), "{:?} {:?}: {said:.400}", output.code, output.signal);
    assert!(!said.contains("panicked") && !said.contains("worker thread"), "{said:.400}");
}

fn project(registry: FixtureRegistry, dependencies: &Value) -> TestProject {
    let project = TestProject::new(registry).unwrap();
    project.write("package.json", &json!({"name": "app", "dependencies": dependencies}).to_string()).unwrap();
    project
}

/// Whatever stands in a folder, links not followed.
fn names_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        names.push(entry.path().strip_prefix(folder).unwrap().display().to_string());
        if entry.file_type().unwrap().is_dir() {
            names.extend(
                names_below(&entry.path())
                    .iter()
                    .map(|name| format!("{}/{name}", entry.file_name().to_string_lossy())),
            );
        }
    }
    names.sort();
    names
}

#[test]
fn documents_nested_without_end_are_refused() {
    for body in [
        deep(),
        format!(r#"{{"name": "left", "versions": {{"1.0.0": {}}}}}"#, deep()),
        format!(r#"{{"name": "left", "readme": {}, "versions": {{}}}}"#, deep()),
        format!("{}1{}", r#"{"a":"#.repeat(DEEP), "}".repeat(DEEP)),
        "[".repeat(DEEP),
    ] {
        let project = common::project(r#"{"name": "app", "dependencies": {"left": "1.0.0"}}"#);
        project.server().set_faults(FaultPlan::new().on("/left", Nth::Every, Fault::Body(body.into())));
        let output = utoo(&project, "install --fetch-retries=0");
        ended(&output);
        assert_ne!(output.code, Some(0));
    }
}

#[test]
fn files_nested_without_end_are_refused() {
    let own = format!(r#"{{"name": "app", "x": {}}}"#, deep());
    let lock = format!(r#"{{"name": "app", "lockfileVersion": 3, "packages": {}}}"#, deep());
    let nested = format!(
        r#"{{"name": "app", "lockfileVersion": 1, {}}}{}"#,
        r#""dependencies": {"a": {"version": "1.0.0", "#.repeat(DEEP).trim_end_matches(", "),
        "}}".repeat(DEEP)
    );
    for (path, text) in [
        ("package.json", own.as_str()),
        ("package-lock.json", lock.as_str()),
        ("package-lock.json", nested.as_str()),
        ("npm-shrinkwrap.json", lock.as_str()),
        ("node_modules/.package-lock.json", lock.as_str()),
        ("node_modules/.utoo-state", own.as_str()),
        ("node_modules/.utoo-scripts", own.as_str()),
        ("node_modules/left/package.json", own.as_str()),
        ("packages/a/package.json", own.as_str()),
    ] {
        let project = common::project(
            r#"{"name": "app", "dependencies": {"left": "1.0.0"}, "workspaces": ["packages/*"]}"#,
        );
        project.write(path, text).unwrap();
        for words in ["install", "ci", "ls --all", "explain left", "run", "approve-scripts --all"] {
            ended(&utoo(&project, words));
        }
    }
}

#[test]
fn packages_nested_without_end_are_refused_or_read_as_far_as_needed() {
    let own = format!(r#"{{"name": "evil", "version": "1.0.0", "x": {}}}"#, deep());
    let shrinkwrap = format!(r#"{{"name": "evil", "lockfileVersion": 3, "packages": {}}}"#, deep());
    for (path, text) in [("package.json", &own), ("npm-shrinkwrap.json", &shrinkwrap)] {
        let mut registry = common::registry();
        let manifest =
            json!({"name": "evil", "version": "1.0.0", "_hasShrinkwrap": true, "hasInstallScript": true});
        registry.publish(manifest, &[TarballFile::new(path, text.clone())]).unwrap();
        let project = project(registry, &json!({"evil": "1.0.0"}));
        for words in ["install", "install --dangerously-allow-all-scripts", "rebuild", "ls"] {
            ended(&utoo(&project, words));
        }
    }
}

/// What is long in other ways: names, ranges, numbers, lists of tags, places in a lockfile.
#[test]
fn documents_of_absurd_size_are_read_or_refused() {
    let many = |count: usize, value: &dyn Fn(usize) -> (String, Value)| -> Value {
        (0..count).map(value).collect::<serde_json::Map<_, _>>().into()
    };
    let tags = many(50_000, &|at| (format!("tag-{at}"), "1.0.0".into()));
    let dependencies = many(3, &|at| (format!("left{}", "x".repeat(at * 10_000)), "*".into()));
    let range = ">=1.0.0 || ".repeat(50_000) + "*";
    for (version, more) in [
        (json!({}), json!({"dist-tags": tags})),
        (json!({"dependencies": {"left": range}}), json!({})),
        (json!({"dependencies": dependencies}), json!({})),
        (json!({"peerDependencies": {"left": "9".repeat(5_000)}}), json!({})),
        (json!({"engines": {"node": ">=".repeat(100_000)}, "os": ["x".repeat(100_000)]}), json!({})),
        (
            json!({"bin": {"x".repeat(100_000): "a.js"}, "directories": {"bin": "../".repeat(50_000)}}),
            json!({}),
        ),
    ] {
        let project = project(common::registry(), &json!({"evil": "1.0.0"}));
        let url = project.server().url();
        let mut manifest = json!({"name": "evil", "version": "1.0.0",
            "dist": {"tarball": format!("{url}left/-/left-1.0.0.tgz"), "unpackedSize": 1e300}});
        manifest.as_object_mut().unwrap().extend(version.as_object().unwrap().clone());
        let mut body =
            json!({"name": "evil", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": manifest}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let text = body.to_string().replace("1e300", &"9".repeat(4_000));
        project.server().set_faults(FaultPlan::new().on("/evil", Nth::Every, Fault::Body(text.into())));
        ended(&utoo(&project, "install --fetch-retries=0"));
    }
    for depth in [100, 1_000, 20_000] {
        let project = project(common::registry(), &json!({"left": "1.0.0"}));
        let resolved = format!("{}left/-/left-1.0.0.tgz", project.server().url());
        let mut packages = json!({"": {"name": "app", "dependencies": {"left": "1.0.0"}},
            "node_modules/left": {"version": "1.0.0", "resolved": resolved}});
        let deep = vec!["node_modules/left"; depth].join("/");
        packages[deep] = json!({"version": "1.0.0", "resolved": resolved});
        let lock = json!({"name": "app", "lockfileVersion": 3, "requires": true, "packages": packages});
        project.write("package-lock.json", &lock.to_string()).unwrap();
        for words in ["ci", "install"] {
            ended(&utoo(&project, words));
        }
    }
}

/// Each depends on the next, ten thousand times: no walk over the tree may need a stack as deep.
#[test]
fn chains_of_dependencies_may_be_long() {
    const LENGTH: usize = 10_000;
    let project = project(common::registry(), &json!({"p0": "1.0.0"}));
    let name = |at: usize| format!("p{at}");
    let mut packages = json!({"": {"name": "app", "dependencies": {"p0": "1.0.0"}}});
    for at in 0..LENGTH {
        packages[format!("node_modules/{}", name(at))] = json!({"version": "1.0.0",
            "resolved": format!("{}p{at}/-/p{at}-1.0.0.tgz", project.server().url()), "integrity": "sha512-AAAA",
            "dependencies": {name((at + 1) % LENGTH): "1.0.0"}});
    }
    let lock = json!({"name": "app", "lockfileVersion": 3, "requires": true, "packages": packages});
    project.write("package-lock.json", &lock.to_string()).unwrap();
    for at in 0..LENGTH {
        let text = json!({"name": name(at), "version": "1.0.0", "dependencies": {name(at + 1): "1.0.0"}});
        project.write(&format!("node_modules/{}/package.json", name(at)), &text.to_string()).unwrap();
    }
    for words in ["deps", "install --package-lock-only", "explain p9999", "explain p9999 --json", "ls p9999"]
    {
        let output = utoo(&project, words);
        assert!(output.code.is_some(), "{words}: {:?} {:.300}", output.signal, output.stderr);
    }
    for words in ["ls --all", "ls --all --json", "ls --all --parseable"] {
        let output = utoo(&project, words);
        assert!(output.code.is_some(), "{words}: {:?} {:.300}", output.signal, output.stderr);
        assert!(output.stdout.len() < 20_000_000, "{words}: {}", output.stdout.len());
    }
}

/// The same of peers, which are placed as one set.
#[test]
fn chains_of_peers_may_be_long() {
    let mut registry = FixtureRegistry::new();
    for at in 0..1_500 {
        let manifest = json!({"name": format!("p{at}"), "version": "1.0.0", "peerDependencies": {format!("p{}", at + 1): "1"}});
        registry.publish(manifest, &[]).unwrap();
    }
    registry
        .publish(json!({"name": "p1500", "version": "1.0.0", "peerDependencies": {"p0": "2"}}), &[])
        .unwrap();
    let project = project(registry, &json!({"p0": "1.0.0"}));
    for words in ["deps", "deps --force", "explain", "deps --legacy-peer-deps"] {
        ended(&utoo(&project, words));
    }
}

/// Names that become places by other ways than a registry's: of workspaces, of folders, tarballs and repositories that are
/// installed without a name, of what is bundled.
#[test]
fn names_of_other_sources_are_no_paths_either() {
    for name in [
        "../../escaped",
        "@x/../../../escaped",
        ".bin",
        "node_modules",
        "/escaped",
        "a\\..\\..\\escaped",
        "..",
    ] {
        let text = json!({"name": name, "version": "1.0.0"}).to_string();
        let source = format!(
            "-- package.json --\n{{\"name\": \"app\"}}\n-- git git.example/dep.git --\ncommit one\n\
             -- git git.example/dep.git@one/package.json --\n{text}\n"
        );
        let project = TestProject::from_scenario(&Scenario::parse("names", &source)).unwrap();
        project.write("lib/package.json", &text).unwrap();
        for words in [
            "install ./lib",
            "install ./lib --install-links",
            "install git+ssh://git@git.example/dep.git",
            "install file:lib",
        ] {
            let output = utoo(&project, words);
            ended(&output);
            let beside = std::fs::read_dir(project.dir().parent().unwrap()).unwrap();
            let beside: Vec<_> =
                beside.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            assert!(!beside.iter().any(|name| name.contains("escaped")), "{name}: {words}: {beside:?}");
            let inside = names_below(&project.dir());
            assert!(!inside.iter().any(|name| name.contains("escaped")), "{name}: {words}: {inside:?}");
            assert!(!inside.iter().any(|path| path == "node_modules/.bin"), "{name}: {words}: {inside:?}");
        }
        let own = json!({"name": "app", "workspaces": ["lib"]}).to_string();
        project.write("package.json", &own).unwrap();
        ended(&utoo(&project, "install"));
        let all = [names_below(&project.dir()), names_below(&project.home())].concat();
        assert!(
            !all.iter().any(|name| name.contains("escaped") || name == "node_modules/.bin"),
            "{name}: {all:?}"
        );
    }
}

/// A lockfile sends nobody to the machine's own files, nor elsewhere than its registry.
#[test]
fn a_lockfile_leads_to_no_file_of_the_machine() {
    for resolved in [
        "file:///etc/passwd",
        "file:/etc/passwd",
        "file:../../../../etc/passwd",
        "file:../home/secret.tgz",
        "/etc/passwd",
        "ext::sh -c touch% escaped",
        "ftp://127.0.0.1:1/left.tgz",
        "data:application/gzip;base64,AAAA",
        "git+file:///etc#0123456789012345678901234567890123456789",
        "http:/\\evil.example/left.tgz",
    ] {
        let project = common::project(r#"{"name": "app", "dependencies": {"left": "1.0.0"}}"#);
        let lock = json!({"name": "app", "lockfileVersion": 3, "requires": true, "packages": {
            "": {"name": "app", "dependencies": {"left": "1.0.0"}},
            "node_modules/left": {"version": "1.0.0", "resolved": resolved}}});
        project.write("package-lock.json", &lock.to_string()).unwrap();
        let output = utoo(&project, "ci --fetch-retries=0");
        ended(&output);
        assert_ne!(output.code, Some(0), "{resolved}: {}", output.stdout);
        assert!(project.tree().is_empty(), "{resolved}");
    }
}

/// A workspace that is a link is a folder of somebody else's: nothing is installed into it.
#[test]
fn what_a_link_leads_to_is_not_written_to() {
    let victim =
        r#"{"name": "victim", "version": "1.0.0", "dependencies": {"left": "2.0.0"}, "bin": "run.js"}"#;
    for words in ["install", "ci", "install left@1.2.0", "update"] {
        let own = r#"{"name": "app", "dependencies": {"left": "1.0.0"}, "workspaces": ["packages/*"]}"#;
        let project = common::project(own);
        let outside = project.home().join("victim");
        std::fs::create_dir_all(&outside).unwrap();
        for (name, text) in
            [("package.json", victim), ("run.js", "#!/bin/sh\r\n"), ("package-lock.json", "{}")]
        {
            utoo_fs::write_atomic(outside.join(name), text).unwrap();
        }
        project.write("packages/.keep", "").unwrap();
        std::os::unix::fs::symlink(&outside, project.dir().join("packages/victim")).unwrap();
        std::os::unix::fs::symlink(
            outside.join("package-lock.json"),
            project.dir().join("package-lock.json"),
        )
        .unwrap();
        ended(&utoo(&project, words));
        assert_eq!(names_below(&outside), ["package-lock.json", "package.json", "run.js"], "{words}");
        assert_eq!(std::fs::read_to_string(outside.join("package-lock.json")).unwrap(), "{}", "{words}");
    }
}

/// What is said on a terminal: nothing in it but text.
#[track_caller]
fn assert_tame(output: &RunOutput, what: &str) {
    ended(output);
    for said in [&output.stdout, &output.stderr] {
        let acts =
            |c: char| (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}');
        assert!(!said.contains(acts), "{what}: {said:?}");
    }
}

/// Clears the screen, in both forms; goes back to the line's start; writes backwards; a bell.
const WILD: &str = "\u{1b}[2J\u{9b}2J\r\u{202e}\u{7}\u{7f}wild";

#[test]
fn nothing_that_a_package_says_acts_on_the_terminal() {
    let mut registry = common::registry();
    let scripts = json!({"postinstall": format!("true {WILD}\nto allow them: rm -rf ~"), WILD: WILD});
    let evil = json!({"name": "evil", "version": "1.0.0", "deprecated": WILD, "description": WILD, "license": WILD,
        "scripts": scripts, "engines": {"node": WILD}, "os": [WILD], "bin": {WILD: "run.js"},
        "peerDependencies": {"left": format!("^9 || {WILD}")}, "optionalDependencies": {"gone": WILD}});
    registry.publish(evil, &[TarballFile::new("run.js", "#!/bin/sh\n"), TarballFile::new(WILD, "")]).unwrap();
    let failing = json!({"name": "failing", "version": "1.0.0",
        "scripts": {"postinstall": format!("printf '\\033[2J\\r{WILD}'; exit 3")}});
    registry.publish(failing, &[]).unwrap();
    let project = project(registry, &json!({"evil": "1.0.0", "left": "1.0.0"}));
    for words in [
        "install --force",
        "install --force --json",
        "install --force --loglevel=silly --timing",
        "ls --all --long",
        "ls --json --all --long",
        "explain evil",
        "explain evil --json",
        "explain left",
        "ignored-scripts",
        "ignored-scripts --json",
        "approve-scripts evil",
        "install --strict-peer-deps",
        "install --engine-strict",
        "add failing --force --dangerously-allow-all-scripts",
        "add failing --force --dangerously-allow-all-scripts --json",
        "add failing --force --dangerously-allow-all-scripts --foreground-scripts=false --loglevel=silly",
    ] {
        assert_tame(&utoo(&project, words), words);
    }
    let said = utoo(&project, "ignored-scripts").stdout;
    assert!(!said.lines().any(|line| line.starts_with("to allow them: rm")), "{said}");
}

#[test]
fn nothing_that_a_registry_or_a_project_says_acts_on_the_terminal() {
    let project = common::project(r#"{"name": "app", "dependencies": {"left": "1.0.0"}}"#);
    let answers = [
        json!({"name": WILD, "versions": {}}).to_string(),
        json!({"name": "left", "dist-tags": {WILD: WILD}, "versions": {WILD: {"name": "left", "version": WILD}}}).to_string(),
        format!("{WILD}{{"),
        json!({"name": "left", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {"name": "left", "version": "1.0.0",
            "dist": {"tarball": format!("ftp://{WILD}/"), "integrity": WILD, "shasum": WILD}}}}).to_string(),
    ];
    for body in answers {
        project.server().set_faults(FaultPlan::new().on(
            "/left",
            Nth::Every,
            Fault::Body(body.clone().into()),
        ));
        for words in [
            "install --fetch-retries=0",
            "install --fetch-retries=0 --json",
            "explain left --fetch-retries=0",
        ] {
            assert_tame(&utoo(&project, words), &format!("{words}: {body:?}"));
        }
    }
    let refusal = Fault::Status {
        code: "403".parse().unwrap(),
        headers: Vec::new(),
        body: json!({"error": WILD}).to_string().into(),
    };
    project.server().set_faults(FaultPlan::new().on("/left", Nth::Every, refusal));
    assert_tame(&utoo(&project, "install"), "403");
    project.server().set_faults(FaultPlan::new());
    let lock = json!({"name": WILD, "lockfileVersion": 3, "requires": true, "packages": {
        "": {"name": WILD, "dependencies": {"left": "1.0.0"}},
        "node_modules/left": {"version": WILD, "name": WILD, "resolved": format!("file:{WILD}"), "integrity": WILD},
        WILD: {"version": WILD}, format!("node_modules/{WILD}"): {"version": WILD}}});
    let own = json!({"name": WILD, "version": WILD, "scripts": {WILD: format!("echo {WILD}")}, "workspaces": [WILD],
        "dependencies": {WILD: WILD, "left": WILD}, "allowScripts": {WILD: WILD}});
    for (path, text) in [
        ("package-lock.json", lock.to_string()),
        ("package-lock.json", format!("{{\"{WILD}")),
        ("package.json", own.to_string()),
        ("package.json", format!("{{\"{WILD}")),
        (".npmrc", format!("registry={WILD}\nomit={WILD}")),
    ] {
        let project = common::project(r#"{"name": "app", "dependencies": {"left": "1.0.0"}}"#);
        project.write(path, &text).unwrap();
        for words in
            ["ci", "install", "ls", "explain left", "run", "run wild", "approve-scripts --all", "deps --json"]
        {
            assert_tame(&utoo(&project, words), &format!("{path}: {words}"));
        }
    }
}

/// The command that is there to be copied runs nothing else.
#[test]
fn a_command_to_copy_is_one_command() {
    let source = "-- package.json --\n{\"name\": \"app\", \"dependencies\": {\"dep\": \"file:lib;touch$(escaped)\"}}\n\
                  -- lib;touch$(escaped)/package.json --\n\
                  {\"name\": \"dep\", \"version\": \"1.0.0\", \"scripts\": {\"postinstall\": \"true\"}}\n";
    let project = TestProject::from_scenario(&Scenario::parse("copied", source)).unwrap();
    let said = done(&project, "install").stderr;
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("to allow them: "))
        .unwrap_or_else(|| panic!("{said}"));
    let script = format!("utoo() {{ printf '%s|' \"$@\"; }}; {line}");
    let mut command = project.command(Path::new("sh"));
    let output = project.start(command.args(["-c", &script])).unwrap().ended().unwrap();
    let words: Vec<&str> = output.stdout.split_terminator('|').collect();
    assert_eq!((words[0], words.len()), ("approve-scripts", 2), "{line}");
    assert!(words[1].contains("lib;touch$(escaped)"), "{words:?}");
}

/// The longest name that a file can have, and one that the link of another would be made under.
#[test]
fn commands_of_any_name_can_be_linked_again() {
    let long = "x".repeat(255);
    let mut registry = FixtureRegistry::new();
    for (version, target) in [("1.0.0", "a.js"), ("2.0.0", "b.js")] {
        let bin = json!({long.as_str(): target, ".utoo-link": target, "plain": target});
        let files = [TarballFile::new("a.js", "#!/bin/sh\n"), TarballFile::new("b.js", "#!/bin/sh\n")];
        registry.publish(json!({"name": "long", "version": version, "bin": bin}), &files).unwrap();
    }
    let project = project(registry, &json!({"long": "1.0.0"}));
    done(&project, "install");
    done(&project, "install long@2.0.0");
    for name in [long.as_str(), "plain"] {
        let link = std::fs::read_link(project.dir().join("node_modules/.bin").join(name)).unwrap();
        assert_eq!(link, Path::new("../long/b.js"), "{name}");
    }
    assert_eq!(document(&project, "install")["result"]["upToDate"], true);
}

/// There are no global installs yet: whoever asks for one is told, and no command of anybody's is touched.
#[test]
fn a_global_install_replaces_nobodys_commands() {
    let project = common::project(r#"{"name": "app"}"#);
    let prefix = project.home().join("prefix");
    std::fs::create_dir_all(prefix.join("bin")).unwrap();
    utoo_fs::write_atomic(prefix.join("bin/left"), "somebody's").unwrap();
    for words in ["install -g left", "add --global left", "uninstall -g left"] {
        let mut command = project.command(Path::new(UTOO));
        command.env("PREFIX", &prefix).args(words.split(' '));
        let output = project.start(&mut command).unwrap().ended().unwrap();
        assert_eq!(output.code, Some(2), "{words}: {}", output.stderr);
    }
    assert_eq!(names_below(&prefix), ["bin", "bin/left"]);
    assert_eq!(names_below(&project.dir()), ["package.json"]);
    assert_eq!(utoo_with(&project, &["ls"]).code, Some(0));
}

/// `directories.bin` in place of `bin`: a folder of the package, or none.
#[test]
fn a_folder_of_commands_is_inside_of_its_package() {
    let folders = ["..", "../..", "../left", "/", "/usr/bin", "a/../../..", "C:/", "..\\..", "\u{0}", "."];
    for folder in folders {
        let mut registry = common::registry();
        let evil = json!({"name": "evil", "version": "1.0.0", "directories": {"bin": folder}});
        registry.publish(evil, &[TarballFile::new("a/run.js", "#!/bin/sh\n")]).unwrap();
        let project = project(registry, &json!({"evil": "1.0.0", "left": "1.0.0"}));
        for words in ["install", "install --install-links", "rebuild"] {
            ended(&utoo(&project, words));
            let own = project.dir().join("node_modules/evil").canonicalize().unwrap();
            for entry in std::fs::read_dir(project.dir().join("node_modules/.bin")).into_iter().flatten() {
                let target = entry.unwrap().path().canonicalize().unwrap();
                assert!(target.starts_with(&own), "{folder}: {}", target.display());
            }
        }
    }
}
