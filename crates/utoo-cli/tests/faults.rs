//! A machine that has no room, no rights, no descriptors or no patience: an error that names the place, or a way around
//! it, and never half a tree.
//!
//! Small and read-only file systems are mounted in a namespace of their own, which needs no rights. Where the system
//! does not give such namespaces, those tests say so and end.

#![expect(clippy::print_stderr, reason = "a test that could not be tried has to say so")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use std::path::Path;

use common::{UTOO, done, json, utoo};
use serde_json::{Value, json};
use utoo_testkit::{Fault, FaultPlan, FixtureRegistry, Nth, RunOutput, Running, TarballFile, TestProject};

const LARGE: usize = 3 << 20;

/// `large` has a file of 3 MiB that no compression makes smaller on disk; `small` has next to nothing.
fn project() -> TestProject {
    let mut registry = FixtureRegistry::new();
    let text: String = (0..LARGE / 16).map(|line| format!("// line {line:06}.\n")).collect();
    registry
        .publish(json!({"name": "large", "version": "1.0.0"}), &[TarballFile::new("index.js", text)])
        .unwrap();
    registry.publish_json(r#"{"name": "small", "version": "1.0.0"}"#).unwrap();
    let project = TestProject::new(registry).unwrap();
    let text = r#"{"name": "app", "dependencies": {"large": "1.0.0", "small": "1.0.0"}}"#;
    project.write("app/package.json", text).unwrap();
    project.write("cache/.keep", "").unwrap();
    project
}

/// Runs a script of `sh` with mounts of its own; `$UTOO` is the binary. Nothing where that is not possible.
fn with_mounts(project: &TestProject, script: &str) -> Option<RunOutput> {
    let unshare = |script: &str| {
        let mut command = project.command(Path::new("unshare"));
        command.env("UTOO", UTOO).args(["-rm", "sh", "-ec", script]);
        project.start(&mut command).and_then(Running::ended)
    };
    if !unshare("mount -t tmpfs tmpfs cache").is_ok_and(|output| output.code == Some(0)) {
        eprintln!("this system gives no mount namespaces: nothing was tried");
        return None;
    }
    Some(unshare(script).unwrap())
}

/// The error of the document that utoo printed, and the lines after it.
fn error_and_rest(output: &RunOutput) -> (Value, Vec<&str>) {
    let mut lines = output.stdout.lines();
    let document = json(lines.next().unwrap_or_else(|| panic!("nothing was said: {}", output.stderr)));
    (document["error"].clone(), lines.collect())
}

#[test]
fn a_full_disk_is_named_and_holds_no_half_package() {
    let project = project();
    let script = "mkdir small; mount -t tmpfs -o size=1m tmpfs small; cp app/package.json small; cd small
        $UTOO install --json --cache-dir=../cache || true; ls -A . node_modules";
    let Some(output) = with_mounts(&project, script) else { return };
    let (error, rest) = error_and_rest(&output);
    assert_eq!((&error["code"], &error["exitCode"]), (&json!("ENOSPC"), &json!(11)), "{error}");
    assert!(error.to_string().contains("small/node_modules"), "no path: {error}");
    assert!(!rest.contains(&"large") && !rest.contains(&"package-lock.json"), "{rest:?}");
}

#[test]
fn a_full_cache_is_named_and_holds_no_half_package() {
    let project = project();
    let script = "mount -t tmpfs -o size=1m tmpfs cache; cd app
        $UTOO install --json --cache-dir=../cache || true; find ../cache/store -name index.js";
    let Some(output) = with_mounts(&project, script) else { return };
    let (error, rest) = error_and_rest(&output);
    assert_eq!((&error["code"], &error["exitCode"]), (&json!("ENOSPC"), &json!(11)), "{error}");
    assert!(error.to_string().contains("/cache/"), "no path: {error}");
    assert_eq!(rest, [""; 0]);
    assert!(!project.dir().join("app/node_modules/large").exists());
    done_in_app(&project);
}

/// The same project with room enough, without a flag.
fn done_in_app(project: &TestProject) {
    let output = utoo(project, "-C app install --cache-dir=cache");
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let large = project.dir().join("app/node_modules/large/index.js");
    assert_eq!(std::fs::metadata(large).unwrap().len() as usize, LARGE / 16 * 16);
}

#[test]
fn a_read_only_cache_serves_what_it_has_and_names_itself_for_what_it_lacks() {
    let project = project();
    let read_only = "mount --bind cache cache; mount -o remount,bind,ro cache; cd app
        $UTOO install --json --cache-dir=../cache || true; ls -A .";
    let Some(output) = with_mounts(&project, read_only) else { return };
    let (error, rest) = error_and_rest(&output);
    assert_eq!((&error["code"], &error["exitCode"]), (&json!("EROFS"), &json!(11)), "{error}");
    assert!(error.to_string().contains("/cache/"), "no path: {error}");
    assert!(!rest.contains(&"package-lock.json"), "{rest:?}");
    done_in_app(&project);
    std::fs::remove_dir_all(project.dir().join("app/node_modules")).unwrap();
    let output = with_mounts(&project, read_only).unwrap();
    assert_eq!(json(output.stdout.lines().next().unwrap())["ok"], true, "{}", output.stdout);
    assert!(project.dir().join("app/node_modules/large/index.js").exists());
}

#[test]
fn a_project_that_cannot_be_written_is_named() {
    let project = project();
    let script = "mount --bind app app; mount -o remount,bind,ro app; cd app
        $UTOO install --json --cache-dir=../cache || true";
    let Some(output) = with_mounts(&project, script) else { return };
    let (error, _) = error_and_rest(&output);
    assert_eq!((&error["code"], &error["exitCode"]), (&json!("EROFS"), &json!(11)), "{error}");
    assert!(error.to_string().contains("/app"), "no path: {error}");
    done_in_app(&project);
}

/// Without the rights that let root write everywhere.
#[test]
fn folders_without_permission_are_named_and_left_alone() {
    for (closed, within) in [("app", "/app"), ("app/node_modules", "/app/node_modules"), ("cache", "/cache")]
    {
        let project = project();
        let script = format!(
            "mkdir -p app/node_modules; chmod 555 {closed}; cd app
            setpriv --bounding-set=-all $UTOO install --json --cache-dir=../cache || true
            ls -A; cat node_modules/large/index.js | wc -c; chmod 755 ../{closed}"
        );
        let Some(output) = with_mounts(&project, &script) else { return };
        let (error, rest) = error_and_rest(&output);
        assert_eq!((&error["code"], &error["exitCode"]), (&json!("EACCES"), &json!(11)), "{closed}: {error}");
        assert!(error.to_string().contains(within), "no path: {error}");
        let large = if closed == "app" { LARGE / 16 * 16 } else { 0 };
        assert_eq!(rest, ["node_modules", "package.json", large.to_string().as_str()], "{closed}");
        done_in_app(&project);
    }
}

#[test]
fn a_cache_on_another_file_system_is_copied_from() {
    let project = project();
    let script = "mount -t tmpfs tmpfs cache; cd app; $UTOO install --json --cache-dir=../cache
        stat -c %h node_modules/large/index.js; $UTOO store verify --cache-dir=../cache";
    let Some(output) = with_mounts(&project, script) else { return };
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    assert_eq!(output.stdout.lines().nth(1), Some("1"), "a copy, no link: {}", output.stdout);
    assert_eq!(
        std::fs::metadata(project.dir().join("app/node_modules/large/index.js")).unwrap().len(),
        LARGE as u64
    );
}

#[test]
fn few_descriptors_are_enough_or_named() {
    let mut registry = FixtureRegistry::new();
    let mut dependencies = serde_json::Map::new();
    for number in 0..60 {
        let name = format!("p{number}");
        let files = [TarballFile::new("a/b/c.js", "c"), TarballFile::new("d.js", "d")];
        registry.publish(json!({"name": name, "version": "1.0.0"}), &files).unwrap();
        dependencies.insert(name, "1.0.0".into());
    }
    let project = TestProject::new(registry).unwrap();
    project.write("package.json", &json!({"name": "app", "dependencies": dependencies}).to_string()).unwrap();
    for limit in [24, 40, 64, 128] {
        let script = format!("ulimit -n {limit}; exec {UTOO} install --json --fetch-retries=0");
        let output = project.run(Path::new("sh"), &["-c", &script]).unwrap();
        // Threads and the runtime itself may not come up; that is an end too, but no document.
        if let Some(Ok(document)) = output.stdout.lines().next().map(serde_json::from_str::<Value>) {
            let error = document["error"].to_string();
            assert!(
                document["ok"] == true
                    || error.contains("too many open files")
                    || error.contains("EMFILE")
                    || error.to_lowercase().contains("open files"),
                "{limit}: {error}"
            );
        }
        for name in project.tree().into_keys() {
            assert!(project.dir().join(&name).join("a/b/c.js").exists(), "{limit}: half of {name}");
        }
    }
    done(&project, "install");
    assert_eq!(project.tree().len(), 60);
}

#[test]
fn a_signal_in_a_download_ends_at_once_and_the_next_run_repairs() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let project = project();
        let stall =
            FaultPlan::new().on("/large/-/large-1.0.0.tgz", Nth::Only(1), Fault::Stall { after: 1000 });
        project.server().set_faults(stall);
        let asked_for_it = || {
            let requests = project.server().requests();
            requests.iter().filter(|request| request.path.ends_with("large-1.0.0.tgz")).count()
        };
        // Whoever runs the tests may ignore signals, as shells do for what they start in the background.
        let words = ["--default-signal=INT,TERM", UTOO, "-C", "app", "install", "--cache-dir=cache"];
        let child = project.start(project.command(Path::new("env")).args(words)).unwrap();
        while asked_for_it() == 0 {
            std::thread::yield_now();
        }
        let kill = format!("kill -{signal} {}", child.id());
        assert_eq!(project.run(Path::new("sh"), &["-c", &kill]).unwrap().code, Some(0));
        assert_eq!(child.ended().unwrap().shell_code(), Some(code));
        assert_eq!(asked_for_it(), 1, "{signal}: it waited until the download was given up");
        assert!(!project.dir().join("app/node_modules/large").exists());
        done_in_app(&project);
    }
}

#[test]
fn a_list_where_dependencies_are_named_is_none() {
    let mut registry = FixtureRegistry::new();
    registry
        .publish_json(
            r#"{"name": "odd", "version": "1.0.0", "dependencies": [], "bin": [], "engines": "no"}"#,
        )
        .unwrap();
    let project = TestProject::new(registry).unwrap();
    project.write("package.json", r#"{"name": "app", "dependencies": {"odd": "1"}}"#).unwrap();
    done(&project, "install");
    assert_eq!(project.tree()["node_modules/odd"], "1.0.0");
}

#[test]
fn package_json_of_another_shape_is_named_and_a_mark_or_a_twin_is_no_fault() {
    let project = TestProject::new(FixtureRegistry::new()).unwrap();
    for (text, says) in [
        ("[1]", "1:1: expected an object"),
        ("", "1:1: the file is empty"),
        ("{\n  \"a\": 1,\n  b\n}", "3:3"),
    ] {
        project.write("package.json", text).unwrap();
        let output = utoo(&project, "install");
        assert_eq!(output.code, Some(7), "{text}: {}", output.stderr);
        assert!(output.stderr.contains("package.json:") && output.stderr.contains(says), "{}", output.stderr);
        assert!(!project.dir().join("node_modules").exists());
    }
    std::fs::remove_file(project.dir().join("package.json")).unwrap();
    std::fs::create_dir(project.dir().join("package.json")).unwrap();
    let output = utoo(&project, "install");
    assert!(output.code != Some(0) && output.stderr.contains("package.json"), "{}", output.stderr);
    std::fs::remove_dir(project.dir().join("package.json")).unwrap();
    for text in [
        "\u{feff}{\"name\": \"app\"}",
        r#"{"name": "a", "name": "app", "dependencies": {"x": "file:x"}, "dependencies": {}}"#,
    ] {
        project.write("package.json", text).unwrap();
        done(&project, "install");
        assert_eq!(json(&project.lock().unwrap())["name"], "app");
    }
}
