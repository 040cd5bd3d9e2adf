//! What utoo asks a registry for, with the server's log as witness.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{document, done};
use serde_json::json;
use utoo_testkit::{FixtureRegistry, Mode, RequestRecord, Server, ServerOptions, TarballFile, TestProject};

/// Versions to choose among, a name in two versions, a scope, an alias, an optional package for another machine, and a
/// bundled dependency, whose tarball the resolver has to look into.
const PROJECT: &str = r#"{"name": "app", "version": "1.0.0",
    "dependencies": {"right": "^1.0.0", "left": "^2.0.0", "@scope/tool": "*", "bundler": "^1.0.0", "inner": "^9.0.0",
    "al": "npm:left@1.0.0"},
    "optionalDependencies": {"elsewhere": "1.0.0"}}"#;

const NAMES: [&str; 6] = ["@scope%2ftool", "bundler", "elsewhere", "inner", "left", "right"];

/// Of what [`PROJECT`] installs, `left` in all its versions.
const TARBALLS: [&str; 7] = [
    "/@scope/tool/-/tool-0.3.1.tgz",
    "/bundler/-/bundler-1.0.0.tgz",
    "/inner/-/inner-9.1.0.tgz",
    "/left/-/left-1.0.0.tgz",
    "/left/-/left-1.2.0.tgz",
    "/left/-/left-2.0.0.tgz",
    "/right/-/right-1.0.0.tgz",
];

fn registry() -> FixtureRegistry {
    let mut registry = common::registry();
    registry.publish_json(r#"{"name": "elsewhere", "version": "1.0.0", "os": ["nowhere"]}"#).unwrap();
    registry.publish_json(r#"{"name": "inner", "version": "9.1.0"}"#).unwrap();
    let inner = r#"{"name": "inner", "version": "9.0.0", "bin": "cli.js", "dependencies": {"right": "1"}}"#;
    let files = [
        ("node_modules/inner/package.json", inner),
        ("node_modules/inner/cli.js", "#!/usr/bin/env node\n"),
        ("index.js", "module.exports = require('inner')\n"),
    ];
    let manifest = json!({"name": "bundler", "version": "1.0.0", "dependencies": {"inner": "^9.0.0"},
        "bundleDependencies": ["inner"]});
    registry.publish(manifest, &files.map(|(path, text)| TarballFile::new(path, text))).unwrap();
    registry
}

/// A project on a server whose documents stay fresh for this long.
fn project(max_age: Duration) -> TestProject {
    let mut options = ServerOptions::new(Mode::Fixtures(registry()));
    options.cache_max_age = max_age;
    let project = TestProject::with_server(Server::start(options).unwrap()).unwrap();
    project.write("package.json", PROJECT).unwrap();
    project
}

const HOUR: Duration = Duration::from_secs(3600);

/// How often each path was asked for, since the last call.
fn asked(project: &TestProject) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in taken(project) {
        assert!(matches!(request.status, 200 | 304), "{request:?}");
        *counts.entry(request.path).or_default() += 1;
    }
    counts
}

fn taken(project: &TestProject) -> Vec<RequestRecord> {
    let requests = project.server().requests();
    project.server().reset_requests();
    requests
}

fn once<'p>(paths: impl IntoIterator<Item = &'p str>) -> BTreeMap<String, usize> {
    paths.into_iter().map(|path| (path.to_owned(), 1)).collect()
}

fn packuments() -> Vec<String> {
    NAMES.iter().map(|name| format!("/{name}")).collect()
}

fn nothing() -> BTreeMap<String, usize> {
    BTreeMap::new()
}

fn remove(project: &TestProject, paths: &[&str]) {
    for path in paths.iter().map(|path| project.dir().join(path)) {
        match path.is_dir() {
            true => std::fs::remove_dir_all(path).unwrap(),
            false => std::fs::remove_file(path).unwrap(),
        }
    }
}

/// Every file below a directory.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// The index of the stored documents, and the one pack that holds them.
fn manifests(project: &TestProject) -> [PathBuf; 2] {
    let mut files = files_below(&project.dir().join("cache/manifests"));
    files.retain(|path| path.file_name().is_some_and(|name| name != "lock"));
    files.try_into().unwrap()
}

#[test]
fn a_cold_install_asks_for_each_document_and_each_tarball_once() {
    let project = project(HOUR);
    done(&project, "install");
    let packuments = packuments();
    assert_eq!(asked(&project), once(packuments.iter().map(String::as_str).chain(TARBALLS)));
    assert_eq!(project.tree()["node_modules/bundler/node_modules/inner"], "9.0.0");
    assert_eq!(project.tree()["node_modules/al"], "1.0.0");
    assert!(!project.tree().contains_key("node_modules/elsewhere"));
    let lock = common::json(&project.lock().unwrap());
    assert_eq!(lock["packages"]["node_modules/bundler/node_modules/inner"]["inBundle"], true);
    assert_eq!(lock["packages"]["node_modules/elsewhere"]["optional"], true);
}

#[test]
fn without_node_modules_everything_comes_from_the_store() {
    let project = project(HOUR);
    done(&project, "install");
    let (lock, tree, _) = (project.lock(), project.tree(), taken(&project));
    remove(&project, &["node_modules"]);
    let installed = document(&project, "install");
    assert_eq!(installed["result"]["downloaded"], 0);
    assert_eq!(installed["result"]["added"], tree.len());
    assert_eq!((asked(&project), project.lock(), project.tree()), (nothing(), lock.clone(), tree.clone()));
    // With the lockfile gone, too, the documents are fresh, and the bundle is read from the store.
    remove(&project, &["node_modules", "package-lock.json"]);
    done(&project, "install");
    assert_eq!((asked(&project), project.lock(), project.tree()), (nothing(), lock, tree));
}

/// A lockfile without addresses: what the store has needs none, what it lacks is where the registry's document says.
#[test]
fn a_lockfile_without_resolved_is_installed_from_store_and_registry() {
    let project = project(HOUR);
    project.write(".npmrc", "omit-lockfile-registry-resolved=true\ncache-dir=cache\n").unwrap();
    done(&project, "install");
    let (lock, tree, _) = (project.lock(), project.tree(), taken(&project));
    assert!(!lock.as_ref().unwrap().contains(".tgz"));
    remove(&project, &["node_modules"]);
    done(&project, "install");
    assert_eq!((asked(&project), project.lock(), project.tree()), (nothing(), lock.clone(), tree.clone()));
    remove(&project, &["node_modules", "cache/store"]);
    done(&project, "install");
    assert_eq!((asked(&project), project.lock(), project.tree()), (once(TARBALLS), lock, tree.clone()));
    remove(&project, &["node_modules", "cache/store"]);
    done(&project, "ci");
    assert_eq!((asked(&project), project.tree()), (once(TARBALLS), tree));
}

#[test]
fn deps_within_max_age_asks_for_nothing() {
    let project = project(HOUR);
    done(&project, "deps");
    let packuments = packuments();
    // Only the tarball tells what is bundled.
    let bundler = "/bundler/-/bundler-1.0.0.tgz";
    assert_eq!(asked(&project), once(packuments.iter().map(String::as_str).chain([bundler])));
    let lock = project.lock();
    remove(&project, &["package-lock.json"]);
    done(&project, "deps");
    assert_eq!((asked(&project), project.lock()), (nothing(), lock));
    // What resolving has downloaded is not downloaded again to install it.
    done(&project, "install");
    assert_eq!(asked(&project), once(TARBALLS.into_iter().filter(|path| *path != bundler)));
}

#[test]
fn after_max_age_each_document_is_revalidated_by_its_etag() {
    let project = project(Duration::ZERO);
    done(&project, "install --cache-dir cache");
    let (lock, tree, _) = (project.lock(), project.tree(), taken(&project));
    for _ in 0..2 {
        remove(&project, &["node_modules", "package-lock.json"]);
        done(&project, "install --cache-dir cache");
        let requests = taken(&project);
        let mut paths: Vec<_> = requests.iter().map(|request| request.path.clone()).collect();
        paths.sort();
        assert_eq!(paths, packuments());
        for request in &requests {
            assert!(request.if_none_match.is_some(), "{request:?}");
            assert_eq!((request.status, request.bytes), (304, 0), "{request:?}");
        }
        assert_eq!((project.lock(), project.tree()), (lock.clone(), tree.clone()));
    }
    manifests(&project);
}

/// A document that does not read is not there: the request for it carries no ETag, since there would be nothing to show
/// for a 304. The others stay.
#[test]
fn a_damaged_document_is_fetched_again() {
    type Damage = fn(&Path, Vec<u8>);
    /// How many of the documents are lost.
    enum Lost {
        All,
        Some,
    }
    let damages: [(&str, Lost, Damage); 5] = [
        ("deleted", Lost::All, |path, _| std::fs::remove_file(path).unwrap()),
        ("empty", Lost::All, |path, _| write(path, b"")),
        ("cut", Lost::Some, |path, bytes| write(path, &bytes[..bytes.len() / 2])),
        ("one bit", Lost::Some, |path, mut bytes| {
            let last = bytes.len() - 1;
            bytes[last / 2] ^= 1;
            bytes[last] ^= 1;
            write(path, &bytes);
        }),
        ("of another kind", Lost::All, |path, bytes| write(path, &vec![b'x'; bytes.len()])),
    ];
    for max_age in [HOUR, Duration::ZERO] {
        let project = project(max_age);
        done(&project, "deps --cache-dir cache");
        let (lock, _) = (project.lock(), taken(&project));
        for (file, (name, lost, damage)) in (0..2).flat_map(|file| damages.iter().map(move |one| (file, one)))
        {
            let path = &manifests(&project)[file];
            damage(path, std::fs::read(path).unwrap());
            remove(&project, &["package-lock.json"]);
            done(&project, "deps --cache-dir cache");
            let requests = taken(&project);
            let name = format!("{name}: {}", path.display());
            let mut fetched: Vec<_> =
                requests.iter().filter(|one| one.status == 200).map(|one| one.path.clone()).collect();
            fetched.sort();
            match lost {
                Lost::All => assert_eq!(fetched, packuments(), "{name}"),
                Lost::Some => assert!(!fetched.is_empty(), "{name}"),
            }
            for request in &requests {
                assert_eq!(request.status == 200, request.if_none_match.is_none(), "{name}: {request:?}");
                assert!(request.status == 200 || max_age.is_zero(), "{name}: {request:?}");
            }
            assert_eq!(project.lock(), lock, "{name}");
        }
    }
}

/// A store entry that lost a file is fetched again, and the tree is whole.
#[test]
fn a_damaged_package_of_the_store_is_fetched_again() {
    let project = project(HOUR);
    done(&project, "install --cache-dir cache");
    let (lock, _) = (project.lock(), taken(&project));
    let before = files_below(&project.dir().join("node_modules"));
    let cache = project.dir().join("cache");
    for file in ["package.json", "index"] {
        for package in common::stored_packages(&cache) {
            let path = match file {
                "index" => package.entry.join(file),
                _ => common::stored_file(&package, file),
            };
            std::fs::remove_file(path).unwrap();
        }
        remove(&project, &["node_modules", "package-lock.json"]);
        done(&project, "install --cache-dir cache");
        let asked = asked(&project);
        assert!(TARBALLS.iter().all(|path| asked.contains_key(*path)), "{file}: {asked:?}");
        assert_eq!(project.lock(), lock, "{file}");
        assert_eq!(files_below(&project.dir().join("node_modules")), before, "{file}");
    }
}

fn write(path: &Path, bytes: &[u8]) {
    utoo_fs::write_atomic(path, bytes).unwrap();
}
