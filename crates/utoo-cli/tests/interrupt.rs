//! `kill -9` at any moment: what stands is whole, and the next run, without a flag, makes what an undisturbed one makes.
//!
//! The moments are drawn with a fixed seed from the time that an undisturbed run takes. What has to hold does not depend
//! on where in the run a moment falls, nor on how fast the machine is; a run that ends before its moment is run again
//! with an earlier one.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{UTOO, done};
use serde_json::{Value, json};
use utoo_testkit::{FixtureRegistry, Running, TarballFile, TestProject};

const SIGKILL: i32 = 9;
const PACKAGES: usize = 70;
/// Kills of a cold install, of a warm one, and of a change of versions: fifty in all.
const KILLS: [usize; 3] = [18, 16, 16];

/// Packages that depend on those of higher numbers, at either major version: some share, some nest.
fn registry() -> FixtureRegistry {
    let mut registry = FixtureRegistry::new();
    for number in 0..PACKAGES {
        for major in 1..=2 {
            registry.publish(manifest(number, major), &files(number, major)).unwrap();
        }
    }
    registry
}

fn name(number: usize) -> String {
    match number % 7 {
        3 => format!("@scope/p{number}"),
        _ => format!("p{number}"),
    }
}

fn manifest(number: usize, major: usize) -> Value {
    let needed = [number * 2 + 1, number * 3 + major, number + 17].into_iter().enumerate();
    let needed = needed.filter(|(_, other)| (number + 1..PACKAGES).contains(other));
    let dependencies: serde_json::Map<String, Value> = needed
        .map(|(at, other)| (name(other), format!("^{}.0.0", 1 + (number + at + major) % 2).into()))
        .collect();
    let mut manifest =
        json!({"name": name(number), "version": format!("{major}.0.0"), "dependencies": dependencies});
    if number.is_multiple_of(3) {
        manifest["bin"] = json!({format!("run-{number}"): "bin/run.js"});
    }
    manifest
}

fn files(number: usize, major: usize) -> Vec<TarballFile> {
    let text = |what: &str| format!("// {what} of {number} at {major}\n").repeat(1 + number % 40);
    let mut files = vec![
        TarballFile::new("index.js", text("index")),
        TarballFile::new("lib/deep/er/a.js", text("a")),
        TarballFile::new("lib/b.js", text("b")),
    ];
    if number.is_multiple_of(3) {
        files.push(TarballFile::new("bin/run.js", format!("#!/usr/bin/env node\n{}", text("run"))));
    }
    files
}

/// A project that wants the first packages at this major version.
fn package_json(major: usize) -> String {
    let wanted: serde_json::Map<String, Value> =
        (0..20).map(|number| (name(number), format!("^{major}.0.0").into())).collect();
    json!({"name": "app", "version": "1.0.0", "dependencies": wanted}).to_string()
}

fn project() -> TestProject {
    let project = TestProject::new(registry()).unwrap();
    project.write("package.json", &package_json(1)).unwrap();
    let own = project.home().join(".npmrc");
    let text = std::fs::read_to_string(&own).unwrap() + "cache-dir=~/cache\n";
    utoo_fs::write_atomic(own, text).unwrap();
    project
}

/// Everything in the project's folder but the state file, which holds times: links with their target, files with their
/// contents and mode.
type Snapshot = BTreeMap<PathBuf, (u32, Vec<u8>)>;

fn snapshot(project: &TestProject) -> Snapshot {
    use std::os::unix::fs::PermissionsExt as _;
    let root = project.dir();
    let mut snapshot = Snapshot::new();
    let mut left = vec![root.clone()];
    while let Some(path) = left.pop() {
        let stat = std::fs::symlink_metadata(&path).unwrap();
        let content = if stat.is_symlink() {
            std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if stat.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else {
            std::fs::read(&path).unwrap()
        };
        let relative = path.strip_prefix(&root).unwrap().to_owned();
        if relative != Path::new("node_modules/.utoo-state") {
            snapshot.insert(relative, (stat.permissions().mode(), content));
        }
    }
    snapshot
}

#[track_caller]
fn assert_same(is: &Snapshot, wanted: &Snapshot, when: &str) {
    let paths: BTreeSet<_> = is.keys().chain(wanted.keys()).collect();
    let other: Vec<_> = paths.into_iter().filter(|path| is.get(*path) != wanted.get(*path)).collect();
    assert!(other.is_empty(), "{when}: {other:?}");
}

/// Each package's folder is absent or whole, in one of its two versions.
#[track_caller]
fn assert_whole(project: &TestProject, when: &str) {
    for (location, version) in project.tree() {
        let name = utoo_lockfile::name_of_location(&location);
        let number: usize = name.rsplit('p').next().unwrap().parse().unwrap();
        let major: usize = version[..1].parse().unwrap();
        for file in files(number, major) {
            let path = project.dir().join(&location).join(&file.path);
            let found = std::fs::read(&path);
            assert!(found.is_ok_and(|found| found == file.content), "{when}: {}", path.display());
        }
    }
}

/// Nothing of the killed process is in the cache's temporary folders, nor a file half written beside a document.
#[track_caller]
fn assert_no_litter(project: &TestProject, when: &str) {
    let cache = project.home().join("cache");
    let litter = |folder: PathBuf| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    assert_eq!(litter(cache.join("store/v1/tmp")), Vec::<PathBuf>::new(), "{when}");
    let mut files = litter(cache.join("manifests/v2"));
    files.retain(|path| path.extension().is_some_and(|extension| extension == "tmp"));
    assert_eq!(files, Vec::<PathBuf>::new(), "{when}");
}

fn start(project: &TestProject, words: &[&str]) -> Running {
    project.start(project.command(Path::new(UTOO)).args(words)).unwrap()
}

/// Runs an install and kills it after this time; whether it was still running then.
fn killed_after(project: &TestProject, moment: Duration) -> bool {
    let mut utoo = start(project, &["install"]);
    if !utoo.has_ended_within(moment) {
        utoo.kill().unwrap();
    }
    let output = utoo.ended().unwrap();
    assert!(output.code == Some(0) || output.signal == Some(SIGKILL), "{output:?}");
    output.code != Some(0)
}

/// Numbers that look random and are the same in each run (splitmix64).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

/// Kills installs that start from what `prepare` leaves, and compares what the next run makes of each with `expected`.
fn kill_and_repair(project: &TestProject, kills: usize, prepare: impl Fn(&TestProject), expected: &Snapshot) {
    prepare(project);
    let started = Instant::now();
    done(project, "install");
    let whole = started.elapsed();
    assert_same(&snapshot(project), expected, "undisturbed");
    let mut seeded = Seeded(kills as u64);
    for kill in 0..kills {
        let mut moment = whole * u32::try_from(seeded.below(1000)).unwrap() / 1000;
        prepare(project);
        while !killed_after(project, moment) {
            moment /= 2;
            prepare(project);
        }
        let when = format!("kill {kill} after {moment:?} of {whole:?}");
        assert_whole(project, &when);
        done(project, "install");
        assert_same(&snapshot(project), expected, &when);
        assert_no_litter(project, &when);
    }
}

fn remove(path: &Path) {
    utoo_fs::remove_dir_all(path).unwrap();
}

#[test]
fn a_cold_install_is_repaired() {
    let project = project();
    done(&project, "install");
    let expected = snapshot(&project);
    let cold = |project: &TestProject| {
        remove(&project.dir().join("node_modules"));
        remove(&project.home().join("cache"));
        std::fs::remove_file(project.dir().join("package-lock.json")).unwrap();
    };
    kill_and_repair(&project, KILLS[0], cold, &expected);
}

#[test]
fn a_warm_install_is_repaired() {
    let project = project();
    done(&project, "install");
    let expected = snapshot(&project);
    let warm = |project: &TestProject| remove(&project.dir().join("node_modules"));
    kill_and_repair(&project, KILLS[1], warm, &expected);
}

/// Every package is there and most are replaced: what dies here dies between the old and the new.
#[test]
fn a_change_of_versions_is_repaired() {
    let project = project();
    done(&project, "install");
    let old_lock = project.read("package-lock.json").unwrap();
    let changed = |project: &TestProject| {
        project.write("package.json", &package_json(1)).unwrap();
        project.write("package-lock.json", &old_lock).unwrap();
        done(project, "install");
        project.write("package.json", &package_json(2)).unwrap();
    };
    changed(&project);
    done(&project, "install");
    let expected = snapshot(&project);
    assert!(project.tree().values().filter(|version| *version == "2.0.0").count() > 20);
    kill_and_repair(&project, KILLS[2], changed, &expected);
}

/// Four at once with one empty cache: two in one project, and two more elsewhere.
#[test]
fn concurrent_installs_share_a_cache() {
    let alone = project();
    done(&alone, "install");
    let expected = alone.tree();
    for folders in [&["a", "b"][..], &["a", "a", "b", "c"], &["a", "a", "a", "b", "b", "c", "c", "c"]] {
        let project = project();
        for folder in ["a", "b", "c"] {
            project.write(&format!("{folder}/package.json"), &package_json(1)).unwrap();
        }
        let cache = project.home().join("cache");
        let cache = format!("--cache-dir={}", cache.display());
        let start = |folder: &&str| start(&project, &["install", "-C", folder, &cache]);
        let children: Vec<_> = folders.iter().map(start).collect();
        for child in children {
            let output = child.ended().unwrap();
            assert_eq!(output.code, Some(0), "{}", output.stderr);
        }
        assert_no_litter(&project, &format!("after {} at once", folders.len()));
        for folder in BTreeSet::from_iter(folders) {
            let root = project.dir().join(folder);
            let mut entries: Vec<_> =
                std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            entries.sort();
            assert_eq!(entries, ["node_modules", "package-lock.json", "package.json"]);
            let hidden = std::fs::read_to_string(root.join("node_modules/.package-lock.json")).unwrap();
            let listed: BTreeMap<String, String> = common::json(&hidden)["packages"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(at, entry)| (at.clone(), entry["version"].as_str().unwrap().to_owned()))
                .collect();
            assert_eq!(listed, expected);
            for location in expected.keys() {
                assert!(root.join(location).join("package.json").is_file(), "{folder}/{location}");
            }
        }
    }
}
