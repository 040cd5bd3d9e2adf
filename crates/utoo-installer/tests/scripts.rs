//! Lifecycle scripts, and the runner that `utoo run` shares.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::*;
use serde_json::json;
use utoo_installer::{
    InstallRequest, InstallerOptions, NodeGyp, Policy, Rebuild, RootScripts, ScriptCall, ScriptGate,
    ScriptOutput, ScriptRunner, ScriptSetup, SkipReason,
};
use utoo_types::{AllowScripts, RegistryHosts};

fn runner(project: &Project) -> ScriptRunner {
    let path = std::env::var_os("PATH").unwrap_or_default();
    ScriptRunner::new(ScriptSetup {
        environment: [("PATH".into(), path), ("npm_package_leak".into(), "x".into())].into_iter().collect(),
        init_cwd: project.root(),
        execpath: PathBuf::from("/bin/utoo"),
        command: "install".into(),
        config: vec![("user-agent".into(), "utoo/1".into())],
        ..ScriptSetup::default()
    })
}

fn logging(name: &str, events: &[&str]) -> String {
    let scripts: serde_json::Map<_, _> = events
        .iter()
        .map(|event| {
            ((*event).to_owned(), json!(format!("echo {name}:$npm_lifecycle_event >> \"$INIT_CWD/log\"")))
        })
        .collect();
    json!({"name": name, "version": "1.0.0", "scripts": scripts}).to_string()
}

const EVENTS: [&str; 8] = [
    "prepare",
    "install",
    "postinstall",
    "preinstall",
    "prepublish",
    "preprepare",
    "postprepare",
    "dependencies",
];

/// A policy that allows these packages of the registry in memory.
fn allow(project: &Project, keys: &[&str]) -> Arc<Policy> {
    Arc::new(Policy {
        allow_scripts: AllowScripts::from_keys(keys.iter().copied(), &project.root()),
        registries: RegistryHosts::new(["registry.example".to_owned()]),
        project: project.root(),
        ..Policy::default()
    })
}

#[tokio::test]
async fn scripts_run_in_npms_order_and_those_of_dependencies_only_if_allowed() {
    let project = Project::new();
    project.write("package.json", &logging("root", &EVENTS));
    project.write("ws/package.json", &logging("ws", &EVENTS));
    let dependency = |name: &str| {
        let files = [("package.json", logging(name, &["postinstall"])), ("index.js", "x".into())];
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        with(project.registry.add(name, "1.0.0", tarball(&files)), json!({"hasInstallScript": true}))
    };
    let tree = json!({
        "node_modules/allowed": dependency("allowed"),
        "node_modules/denied": dependency("denied"),
        "ws": {"version": "1.0.0"},
        "node_modules/ws": {"resolved": "ws", "link": true},
    });
    let options = InstallerOptions {
        scripts: Some(runner(&project)),
        policy: allow(&project, &["allowed"]),
        ..project.options()
    };
    let installer = project.installer(options);
    let request = |root_scripts| InstallRequest {
        workspaces: vec!["ws".into()],
        root_scripts,
        ..InstallRequest::new(lockfile(tree.clone()))
    };
    let summary = installer.install(request(RootScripts::All)).await.unwrap().summary;
    let log = read(&project.root().join("log"));
    let expected = [
        "allowed:postinstall",
        "ws:preinstall",
        "ws:prepare",
        "ws:install",
        "ws:postinstall",
        "root:dependencies",
        "root:preinstall",
        "root:install",
        "root:postinstall",
        "root:prepublish",
        "root:preprepare",
        "root:prepare",
        "root:postprepare",
    ];
    assert_eq!(log.lines().collect::<Vec<_>>(), expected);
    assert_eq!((summary.scripts_run, summary.scripts_skipped.len()), (13, 1));
    assert_eq!(summary.scripts_skipped[0].package, "denied@1.0.0");

    std::fs::remove_file(project.root().join("log")).unwrap();
    installer.install(request(RootScripts::DependenciesOnly)).await.unwrap();
    assert_eq!(read(&project.root().join("log")).lines().count(), 4, "only the workspace's");
}

#[tokio::test]
async fn a_package_whose_scripts_run_has_files_of_its_own() {
    let project = Project::new();
    let package_json = r#"{"name":"a","version":"1.0.0","scripts":{"install":"echo changed >> index.js"}}"#;
    let files = tarball(&[("package.json", package_json), ("index.js", "x\n")]);
    let entry = with(project.registry.add("a", "1.0.0", files), json!({"hasInstallScript": true}));
    let options = InstallerOptions {
        scripts: Some(runner(&project)),
        policy: allow(&project, &["a"]),
        ..project.options()
    };
    project
        .installer(options)
        .install(InstallRequest::new(lockfile(json!({"node_modules/a": entry}))))
        .await
        .unwrap();
    assert_eq!(project.listing()["a/index.js"], "x\nchanged\n");
    assert_eq!(project.store().verify().unwrap(), []);
}

#[tokio::test]
async fn a_failing_script_is_an_error_with_its_output() {
    let project = Project::new();
    project
        .write("package.json", r#"{"name":"p","scripts":{"postinstall":"echo out; echo err >&2; exit 7"}}"#);
    let options = InstallerOptions { scripts: Some(runner(&project)), ..project.options() };
    let result = project.installer(options).install(InstallRequest::new(lockfile(json!({})))).await;
    let error = result.map(|_| ()).unwrap_err();
    assert_eq!(error.code(), "ELIFECYCLE");
    let utoo_installer::InstallError::Script { exit_code, output, event, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((exit_code, output.as_str(), event.as_str()), (7, "out\nerr\n", "postinstall"));
}

async fn run(project: &Project, command: &str, arguments: &[&str]) -> (i32, String) {
    let package_json = json!({"name": "p", "version": "2.0.0", "config": {"port": 80}, "bin": {"x": "x.js"}});
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let call = ScriptCall {
        folder: &project.root(),
        package_json: &package_json,
        locked: &[],
        event: "test",
        command,
        arguments: &arguments,
        output: ScriptOutput::Capture,
        timeout: None,
    };
    let end = runner(project).run(&call).await.unwrap();
    (end.exit_code, end.output)
}

#[tokio::test]
async fn the_environment_is_npms() {
    let project = Project::new();
    let (_, output) = run(&project, "env", &[]).await;
    for line in [
        "npm_lifecycle_event=test",
        "npm_lifecycle_script=env",
        "npm_package_name=p",
        "npm_package_version=2.0.0",
        "npm_package_config_port=80",
        "npm_package_bin_x=x.js",
        "npm_config_user_agent=utoo/1",
        "npm_execpath=/bin/utoo",
        "npm_command=install",
    ] {
        assert!(output.lines().any(|found| found == line), "{line} is not in {output}");
    }
    assert!(!output.contains("npm_package_leak"));
    let path = output.lines().find_map(|line| line.strip_prefix("PATH=")).unwrap();
    let first: Vec<PathBuf> = std::env::split_paths(&OsString::from(path)).take(2).collect();
    assert_eq!(first[0], project.modules().join(".bin"));
    assert_eq!(first[1], project.folder.path().join("node_modules/.bin"));
}

#[tokio::test]
async fn arguments_reach_the_script_as_they_are() {
    let project = Project::new();
    let odd = ["plain", "two words", "it's", "$HOME", "", "a;b", "*", "new\nline", "--flag=x"];
    let (code, output) = run(&project, "printf '<%s>\\n'", &odd).await;
    let expected: String = odd.iter().map(|argument| format!("<{argument}>\n")).collect();
    assert_eq!((code, output), (0, expected));
}

#[tokio::test]
async fn ends_are_told_as_a_shell_tells_them() {
    let project = Project::new();
    assert_eq!(run(&project, "exit 3", &[]).await.0, 3);
    assert_eq!(run(&project, "kill -9 $$", &[]).await.0, 137);
    // A process in the background that keeps the pipe open is not waited for.
    assert_eq!(run(&project, "sleep 600 & echo done; kill $!", &[]).await, (0, "done\n".into()));
    let (_, long) = run(&project, "head -c 300000 /dev/zero | tr '\\0' x; echo end", &[]).await;
    assert!(long.len() < 70_000 && long.ends_with("end\n"), "{}", long.len());
}

/// A package with these scripts, in the registry in memory.
fn scripted(project: &Project, name: &str, scripts: &serde_json::Value) -> serde_json::Value {
    let package_json = json!({"name": name, "version": "1.0.0", "scripts": scripts}).to_string();
    let files = tarball(&[("package.json", &package_json), ("index.js", "x\n")]);
    with(project.registry.add(name, "1.0.0", files), json!({"hasInstallScript": true}))
}

fn options(project: &Project, keys: &[&str]) -> InstallerOptions {
    InstallerOptions { scripts: Some(runner(project)), policy: allow(project, keys), ..project.options() }
}

#[tokio::test]
async fn what_becomes_allowed_runs_with_the_next_install_and_once() {
    let project = Project::new();
    let ran = json!({"postinstall": "echo ran >> \"$INIT_CWD/log\"; echo built > index.js"});
    let tree = json!({"node_modules/a": scripted(&project, "a", &ran), "node_modules/b": scripted(&project, "b", &ran)});
    let install = async |keys: &[&str]| {
        let request = InstallRequest::new(lockfile(tree.clone()));
        project.installer(options(&project, keys)).install(request).await.unwrap().summary
    };
    let first = install(&[]).await;
    assert_eq!((first.added, first.scripts_run, first.scripts_skipped.len()), (2, 0, 2));
    assert_eq!(first.scripts_skipped[0].reason, SkipReason::Unreviewed);
    assert_eq!(first.scripts_skipped[0].scripts[0].0, "postinstall");
    let second = install(&["a"]).await;
    assert_eq!((second.changed, second.scripts_run, second.scripts_skipped.len()), (1, 1, 1));
    assert_eq!(project.listing()["a/index.js"], "built\n");
    assert_eq!(project.listing()["b/index.js"], "x\n");
    let third = install(&["a"]).await;
    assert_eq!((third.changed, third.scripts_run, third.kept), (0, 0, 2));
    assert_eq!(read(&project.root().join("log")), "ran\n");
    assert_eq!(project.store().verify().unwrap(), [], "no script wrote through a link");
}

#[tokio::test]
async fn a_script_that_failed_runs_again_with_the_next_install() {
    let project = Project::new();
    let fails_once = json!({"install": "test -e \"$INIT_CWD/fixed\""});
    let tree = json!({"node_modules/a": scripted(&project, "a", &fails_once)});
    let install = async || {
        let request = InstallRequest::new(lockfile(tree.clone()));
        project.installer(options(&project, &["a"])).install(request).await
    };
    assert_eq!(install().await.unwrap_err().code(), "ELIFECYCLE");
    project.write("fixed", "");
    assert_eq!(install().await.unwrap().summary.scripts_run, 1);
    assert_eq!(install().await.unwrap().summary.scripts_run, 0);
}

#[tokio::test]
async fn a_rebuild_begins_with_fresh_files() {
    let project = Project::new();
    let grows = json!({"install": "echo more >> index.js"});
    let tree = json!({"node_modules/a": scripted(&project, "a", &grows)});
    for rebuild in [Rebuild::Pending, Rebuild::Also(["node_modules/a".into()].into_iter().collect())] {
        let request = InstallRequest { rebuild, ..InstallRequest::new(lockfile(tree.clone())) };
        let summary = project.installer(options(&project, &["a"])).install(request).await.unwrap().summary;
        assert_eq!(summary.scripts_run, 1);
        assert_eq!(project.listing()["a/index.js"], "x\nmore\n");
    }
}

#[tokio::test]
async fn an_optional_package_whose_script_fails_is_taken_out_with_what_only_it_needs() {
    let project = Project::new();
    let fails = json!({"postinstall": "exit 3"});
    let optional = |entry: serde_json::Value| with(entry, json!({"optional": true}));
    let tree = json!({
        "": {"name": "p", "optionalDependencies": {"bad": "1"}, "dependencies": {"good": "1"}},
        "node_modules/bad": with(optional(scripted(&project, "bad", &fails)),
            json!({"dependencies": {"only-bads": "1", "good": "1"}})),
        "node_modules/only-bads": optional(project.registry.package("only-bads", "1.0.0", &[])),
        "node_modules/good": project.registry.package("good", "1.0.0", &[]),
    });
    let request = InstallRequest::new(lockfile(tree));
    let installed = project.installer(options(&project, &["bad"])).install(request).await.unwrap();
    let failed = &installed.summary.failed_optional;
    assert_eq!((failed.len(), failed[0].package.as_str()), (1, "bad@1.0.0"));
    let there: Vec<bool> =
        ["bad", "only-bads", "good"].iter().map(|name| project.modules().join(name).exists()).collect();
    assert_eq!(there, [false, false, true]);
    let hidden = read(&project.modules().join(".package-lock.json"));
    assert!(hidden.contains("node_modules/good") && !hidden.contains("bad"), "{hidden}");
    assert!(installed.tree.get("node_modules/bad").is_some(), "the lockfile keeps it");
}

#[tokio::test]
async fn packages_wait_for_what_they_need_and_for_nobody_else() {
    let project = Project::new();
    let touch = |name: &str| json!({"install": format!("echo {name} >> \"$INIT_CWD/log\"")});
    run(&project, "mkfifo fifo", &[]).await;
    let pipe = |command: &str| json!({"install": format!("{command} \"$INIT_CWD/fifo\"")});
    let tree = json!({
        // Each waits for the other: they have to run side by side.
        "node_modules/early": scripted(&project, "early", &pipe("cat")),
        "node_modules/late": scripted(&project, "late", &pipe("echo >")),
        "node_modules/a": with(scripted(&project, "a", &touch("a")), json!({"dependencies": {"z": "1"}})),
        "node_modules/z": scripted(&project, "z", &touch("z")),
    });
    let request = InstallRequest::new(lockfile(tree));
    let keys = ["early", "late", "a", "z"];
    let options =
        InstallerOptions { script_timeout: Some(Duration::from_secs(60)), ..options(&project, &keys) };
    let summary = project.installer(options).install(request).await.unwrap().summary;
    assert_eq!(summary.scripts_run, 4);
    assert_eq!(read(&project.root().join("log")), "z\na\n");
}

#[tokio::test]
async fn a_script_that_takes_too_long_dies_with_all_it_started() {
    let project = Project::new();
    run(&project, "mkfifo fifo", &[]).await;
    let fifo = project.root().join("fifo");
    let reader = std::thread::spawn(move || std::fs::read_to_string(fifo));
    let command = "sh -c 'exec 3> \"$INIT_CWD/fifo\"; sleep 600' & wait";
    let tree = json!({"node_modules/a": scripted(&project, "a", &json!({"install": command}))});
    let options =
        InstallerOptions { script_timeout: Some(Duration::from_millis(300)), ..options(&project, &["a"]) };
    let request = InstallRequest::new(lockfile(tree));
    let error = project.installer(options).install(request).await.unwrap_err();
    assert!(error.to_string().contains("killed after 0.3 s"), "{error}");
    // Ends when nobody is left who could write.
    assert_eq!(reader.join().unwrap().unwrap(), "");
}

#[tokio::test]
async fn with_a_strict_gate_nothing_is_written_before_everything_is_reviewed() {
    let project = Project::new();
    let tree = json!({"node_modules/a": scripted(&project, "a", &json!({"install": "true"}))});
    let strict = |keys: &[&str]| {
        let policy = Policy { gate: ScriptGate::Strict, ..Policy::clone(&allow(&project, keys)) };
        InstallerOptions { policy: Arc::new(policy), ..options(&project, keys) }
    };
    let request = || InstallRequest::new(lockfile(tree.clone()));
    let error = project.installer(strict(&[])).install(request()).await.unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("a@1.0.0")), ("ESTRICTALLOWSCRIPTS", true));
    assert!(!project.modules().join("a").exists());
    assert_eq!(project.installer(strict(&["a"])).install(request()).await.unwrap().summary.scripts_run, 1);
}

#[tokio::test]
async fn a_binding_gyp_alone_is_an_install_script() {
    let project = Project::new();
    let package_json = json!({"name": "a", "version": "1.0.0"}).to_string();
    let files = tarball(&[("package.json", &package_json), ("binding.gyp", "{}")]);
    let tree = json!({"node_modules/a": project.registry.add("a", "1.0.0", files)});
    let bin = project.folder.path().join("gyp-bin");
    std::fs::create_dir(&bin).unwrap();
    let command = bin.join("node-gyp");
    utoo_fs::write_atomic(&command, "#!/bin/sh\necho \"$1 $npm_config_node_gyp\" > built\n").unwrap();
    std::fs::set_permissions(&command, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let setup = ScriptSetup {
        environment: [("PATH".into(), std::env::var_os("PATH").unwrap_or_default())].into_iter().collect(),
        node_gyp: Some(NodeGyp { script: "/npm/node-gyp.js".into(), bin }),
        ..ScriptSetup::default()
    };
    let options = InstallerOptions { scripts: Some(ScriptRunner::new(setup)), ..options(&project, &["a"]) };
    let request = InstallRequest::new(lockfile(tree));
    let summary = project.installer(options).install(request).await.unwrap().summary;
    assert_eq!(summary.scripts_run, 1);
    assert_eq!(project.listing()["a/built"], "rebuild /npm/node-gyp.js\n");
    assert_eq!(project.store().verify().unwrap(), []);
}
