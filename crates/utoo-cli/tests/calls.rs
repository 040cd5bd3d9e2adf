//! The real binary, with one call to the file system failing after the other: package.json, the lockfile, `node_modules`
//! and the record of all that are old or new, and the next command ends as if nothing had been.
//!
//! `utoo-installer/tests/faults.rs` tries every call of an install; here it is those of whole commands, all that are about
//! the project's own files and a part of the others.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::UTOO;
use serde_json::json;
use tempfile::TempDir;
use utoo_fs::{Call, Extent, Failure, FaultPlan, calls_of_trace};
use utoo_testkit::{FixtureRegistry, RunOutput, TarballFile, TestProject};

/// A command in a project that is as `before` made it.
struct Case {
    machine: TestProject,
    /// Projects with their caches: `app` and `cache`.
    places: TempDir,
    command: &'static [&'static str],
    /// What brings the project in order after the command failed.
    repair: &'static [&'static str],
}

type Files = BTreeMap<PathBuf, String>;

const OLD: &str = r#"{
  "name": "app",
  "dependencies": {
    "left": "1.0.0",
    "right": "1.0.0"
  }
}
"#;

const LINKED: &str = "install-strategy=linked\n";

impl Case {
    fn new(command: &'static [&'static str], repair: &'static [&'static str]) -> Self {
        let mut registry = FixtureRegistry::new();
        let files = [TarballFile::new("a/b.js", "b"), TarballFile::new("c.js", "c")];
        for version in ["1.0.0", "2.0.0"] {
            let left = json!({"name": "left", "version": version, "bin": {"left": "c.js"}});
            registry.publish(left, &files).unwrap();
        }
        let right = json!({"name": "right", "version": "1.0.0", "dependencies": {"left": "2.0.0"}});
        registry.publish(right, &files).unwrap();
        registry.publish(json!({"name": "new", "version": "1.0.0"}), &files).unwrap();
        let machine = TestProject::new(registry).unwrap();
        let places = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let case = Self { machine, places, command, repair };
        let template = case.place("template");
        std::fs::create_dir_all(template.join("app")).unwrap();
        utoo_fs::write_atomic(template.join("app/package.json"), OLD).unwrap();
        assert_eq!(case.run(&template, &["install"], None).code, Some(0));
        case
    }

    fn place(&self, name: &str) -> PathBuf {
        self.places.path().canonicalize().unwrap().join(name)
    }

    /// A project as the command finds it, with all times and links between files.
    fn prepared(&self, name: &str) -> PathBuf {
        let place = self.place(name);
        let words = [Path::new("-a"), &self.place("template"), &place];
        assert_eq!(self.machine.run(Path::new("cp"), &words).unwrap().code, Some(0));
        place
    }

    fn run(&self, place: &Path, words: &[&str], plan: Option<&FaultPlan>) -> RunOutput {
        let mut command = self.machine.command(Path::new(UTOO));
        command.arg("-C").arg(place.join("app")).args(words);
        command.arg("--json").arg("--cache-dir").arg(place.join("cache"));
        command.envs(plan.map(FaultPlan::to_env));
        self.machine.start(&mut command).unwrap().ended().unwrap()
    }

    /// Lets calls fail: every one about the files beside and directly in `node_modules`, and one of `stride` others.
    fn try_calls(&self, stride: usize) {
        let template = Files::of(&self.place("template/app"));
        let counted = self.prepared("counted");
        let trace = self.place("counted.trace");
        let counting = FaultPlan::count(&counted).traced(&trace);
        assert_eq!(self.run(&counted, self.command, Some(&counting)).code, Some(0));
        let calls = calls_of_trace(&utoo_fs::read_to_string(trace).unwrap());
        let expected = Files::of(&counted.join("app"));
        let (app, modules) = (counted.join("app"), counted.join("app/node_modules"));
        let is_own = |path: &Path| {
            let parent = path.parent();
            parent == Some(&app) || (parent == Some(&modules) && path.is_file())
        };
        let picked = |number: &usize| {
            let (call, path, _) = &calls[number - 1];
            number.is_multiple_of(stride) || (is_own(path) && *call != Call::Look)
        };
        let numbers: Vec<usize> = (1..=calls.len()).filter(picked).collect();
        let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    loop {
                        let turn = next.fetch_add(1, Ordering::Relaxed);
                        let Some(number) = numbers.get(turn) else { break };
                        let found = self.attempt((turn, *number), (&template, &expected));
                        wrong.lock().unwrap().extend(found);
                    }
                });
            }
        });
        let wrong = wrong.into_inner().unwrap();
        assert!(wrong.is_empty(), "{} of {} calls: {wrong:#?}", numbers.len(), calls.len());
    }

    fn attempt(&self, (turn, number): (usize, usize), (old, new): (&Files, &Files)) -> Vec<String> {
        // By turns, not by numbers: of those, a stride would meet the same few failures.
        let extent =
            if (turn / Failure::ALL.len()).is_multiple_of(2) { Extent::Once } else { Extent::Onwards };
        let failure = Failure::ALL[turn % Failure::ALL.len()];
        let place = self.prepared(&number.to_string());
        let trace = place.with_extension("trace");
        let plan = FaultPlan::fail(&place, number, failure, extent).traced(&trace);
        let output = self.run(&place, self.command, Some(&plan));
        let calls = calls_of_trace(&utoo_fs::read_to_string(trace).unwrap());
        let failed = calls.into_iter().find_map(|(call, path, failed)| failed.then_some((call, path)));
        let mut wrong = Vec::new();
        let now = Files::of(&place.join("app"));
        match output.code {
            Some(0) => {
                wrong.extend(difference(&now, new).map(|difference| format!("it succeeds, but {difference}")))
            }
            _ if !output.stdout.contains(place.to_str().unwrap()) => {
                wrong.push("no path in its error".to_owned())
            }
            _ => {}
        }
        let (was, will) = (owned(old), owned(new));
        for (owner, files) in owned(&now) {
            if ![&was, &will].iter().any(|all| all.get(&owner) == Some(&files)) {
                wrong.push(format!("{} is half: {files:?}", owner.display()));
            }
        }
        let repaired = self.run(&place, self.repair, None);
        if repaired.code != Some(0) {
            wrong.push(format!("the next command fails: {}{}", repaired.stdout, repaired.stderr));
        }
        wrong.extend(difference(&Files::of(&place.join("app")), new));
        let settled = self.run(&place, &["install"], None).stdout;
        if !settled.contains("\"upToDate\":true") {
            wrong.push(format!("another install finds something to do: {settled}"));
        }
        std::fs::remove_dir_all(&place).unwrap();
        let said = output.stdout.trim_end();
        wrong.iter().map(|wrong| format!("{plan} {failed:?} {said}: {wrong}")).collect()
    }
}

/// The files of each package; those of the project and of its commands stand each for itself. What is under way is
/// nobody's, and the hidden lockfile may list less than both before and after.
fn owned(files: &Files) -> BTreeMap<PathBuf, Files> {
    let mut owned = BTreeMap::<PathBuf, Files>::new();
    for (path, text) in files.iter().filter(|(_, text)| *text != FOLDER) {
        let parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).collect();
        if parts.iter().any(|part| part.starts_with(".utoo-") || *part == ".package-lock.json") {
            continue;
        }
        let modules = parts.iter().rposition(|part| *part == "node_modules" && !parts.contains(&".bin"));
        let owner = modules.map_or(parts.len(), |modules| (modules + 2).min(parts.len()));
        owned.entry(parts[..owner].iter().collect()).or_default().insert(path.clone(), text.clone());
    }
    owned
}

const FOLDER: &str = "a folder";

trait FilesOf {
    fn of(root: &Path) -> Self;
}

impl FilesOf for Files {
    /// Every file and link below a folder, with its text; of utoo's own record only that it is there.
    fn of(root: &Path) -> Self {
        let mut files = Self::new();
        let mut open = vec![root.to_owned()];
        while let Some(folder) = open.pop() {
            for path in std::fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
                let kind = path.symlink_metadata().unwrap();
                let text = if kind.is_dir() {
                    open.push(path.clone());
                    FOLDER.to_owned()
                } else if kind.is_symlink() {
                    format!("-> {}", std::fs::read_link(&path).unwrap().display())
                } else if path.ends_with(".utoo-state") {
                    String::new()
                } else {
                    std::fs::read_to_string(&path).unwrap()
                };
                files.insert(path.strip_prefix(root).unwrap().to_owned(), text);
            }
        }
        files
    }
}

/// The first difference between what is there and what should be.
fn difference(there: &Files, wanted: &Files) -> Option<String> {
    let paths = there.keys().chain(wanted.keys());
    let path = paths.filter(|path| there.get(*path) != wanted.get(*path)).min()?;
    let (there, wanted) = (there.get(path), wanted.get(path));
    Some(format!("{} is {there:.60?} and not {wanted:.60?}", path.display()))
}

#[test]
fn adding_a_dependency_survives_failures() {
    let command = &["install", "new", "left@2"];
    Case::new(command, command).try_calls(7);
}

#[test]
fn removing_a_dependency_survives_failures() {
    let command = &["uninstall", "right"];
    Case::new(command, command).try_calls(7);
}

/// What a lockfile lists is made before there is a plan; where that fails, it is made after.
#[test]
fn a_first_install_from_a_lockfile_survives_failures() {
    let case = Case::new(&["install"], &["install"]);
    std::fs::remove_dir_all(case.place("template/app/node_modules")).unwrap();
    case.try_calls(5);
}

/// From hoisted to linked: all packages go, and come in the store.
#[test]
fn laying_a_linked_tree_out_survives_failures() {
    let case = Case::new(&["install"], &["install"]);
    utoo_fs::write_atomic(case.place("template/app/.npmrc"), LINKED).unwrap();
    case.try_calls(11);
}

/// What a second run keeps is listed as what a first one keeps: the integrity of what is resolved just now would not be.
#[test]
fn changing_a_linked_tree_survives_failures() {
    let command = &["uninstall", "right"];
    let case = Case::new(command, command);
    utoo_fs::write_atomic(case.place("template/app/.npmrc"), LINKED).unwrap();
    assert_eq!(case.run(&case.place("template"), &["install"], None).code, Some(0));
    case.try_calls(11);
}

/// What it took away comes back with a plain install.
#[test]
fn an_install_from_scratch_survives_failures() {
    Case::new(&["ci"], &["install"]).try_calls(5);
}
