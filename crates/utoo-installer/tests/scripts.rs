//! Lifecycle scripts, and the runner that `utoo run` shares.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use common::*;
use serde_json::json;
use utoo_installer::{
    InstallRequest, InstallerOptions, RootScripts, ScriptCall, ScriptCandidate, ScriptOutput, ScriptPolicy,
    ScriptRunner, ScriptSetup, Verdict,
};

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

struct Allow(&'static str);

impl ScriptPolicy for Allow {
    fn verdict(&self, candidate: &ScriptCandidate) -> Verdict {
        if candidate.name.as_str() == self.0 { Verdict::Allow } else { Verdict::Deny }
    }
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
        script_policy: Arc::new(Allow("allowed")),
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
        script_policy: Arc::new(Allow("a")),
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
        event: "test",
        command,
        arguments: &arguments,
        output: ScriptOutput::Capture,
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
