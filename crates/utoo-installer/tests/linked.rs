//! Linked trees, killed at each event of an install that makes one, changes one or takes one away.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::*;
use serde_json::{Value, json};
use utoo_installer::{Completion, InstallRequest, Installer, InstallerOptions, Layout, Linked, Peers, Store};

const FOLDER: &str = "UTOO_TEST_LINKED_FOLDER";
const AFTER: &str = "UTOO_TEST_LINKED_AFTER";
const STATE: &str = "UTOO_TEST_LINKED_STATE";

/// A tree and the way it is on disk.
#[derive(Clone, Copy)]
enum State {
    Hoisted,
    Linked,
    /// With other versions, so that most keys are others.
    LinkedLater,
}

impl State {
    fn tree(self, registry: &Registry) -> Value {
        let later = matches!(self, Self::LinkedLater);
        let version = if later { "2.0.0" } else { "1.0.0" };
        let leaf = registry.package("@s/leaf", version, &[("index.js", version), ("lib/a.js", "a")]);
        let middle = registry.package("middle", "1.0.0", &[("index.js", "m")]);
        let middle = with(middle, json!({"dependencies": {"@s/leaf": "*"}, "bin": {"middle": "index.js"}}));
        let top = registry.package("top", "1.0.0", &[("index.js", "t")]);
        let top = with(top, json!({"dependencies": {"middle": "*", "same": "*"}}));
        let same = registry.package("same", "1.0.0", &[("index.js", "s")]);
        let mut names = vec!["top", "same"];
        if !later {
            names.push("@s/leaf");
        }
        let dependencies: serde_json::Map<String, Value> =
            names.into_iter().map(|name| (name.to_owned(), "*".into())).collect();
        json!({
            "": {"name": "project", "version": "1.0.0", "dependencies": dependencies},
            "node_modules/@s/leaf": leaf,
            "node_modules/middle": middle,
            "node_modules/same": same,
            "node_modules/top": top,
        })
    }

    fn layout(self) -> Layout {
        match self {
            Self::Hoisted => Layout::Locations,
            Self::Linked | Self::LinkedLater => Layout::Linked(Linked {
                workspaces: Vec::new(),
                peers: Peers::Required,
                fresh: Completion::All,
            }),
        }
    }

    fn number(self) -> String {
        (self as usize).to_string()
    }

    fn numbered(number: &str) -> Self {
        match number {
            "0" => Self::Hoisted,
            "1" => Self::Linked,
            _ => Self::LinkedLater,
        }
    }
}

async fn install(folder: &Path, state: State, die_after: usize) {
    let registry = Arc::<Registry>::default();
    let mut options = InstallerOptions::new(folder.join("project"), Store::open(folder.join("cache")));
    let events = AtomicUsize::new(0);
    options.events = Arc::new(move |_| {
        if events.fetch_add(1, Ordering::SeqCst) == die_after {
            // No destructor runs and no buffer is flushed: as good as kill -9.
            std::process::abort();
        }
    });
    let request =
        InstallRequest { layout: state.layout(), ..InstallRequest::new(lockfile(state.tree(&registry))) };
    Installer::new(options, registry).install(request).await.unwrap();
}

/// Not a test of its own: what the other one starts as a process.
#[tokio::test]
async fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let after = std::env::var(AFTER).unwrap().parse().unwrap();
    install(Path::new(&folder), State::numbered(&std::env::var(STATE).unwrap()), after).await;
}

fn dies(folder: &Path, state: State, after: usize) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child"]).env(FOLDER, folder).env(AFTER, after.to_string());
    !command.env(STATE, state.number()).output().unwrap().status.success()
}

/// Files by the package that they are of, which is what follows the last `node_modules`; links are their own. What is
/// under way is nobody's.
fn packages(list: &BTreeMap<String, String>) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut packages: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (path, text) in list.iter().filter(|(path, _)| !path.contains(".utoo-")) {
        let start = path.rfind("node_modules/").map_or(0, |at| at + "node_modules/".len());
        let parts = if path[start..].starts_with('@') { 2 } else { 1 };
        let end = path[start..].match_indices('/').nth(parts - 1).map_or(path.len(), |(at, _)| start + at);
        packages.entry(path[..end].to_owned()).or_default().insert(path[end..].to_owned(), text.clone());
    }
    packages
}

#[tokio::test]
async fn killed_at_any_event_a_linked_tree_is_repaired() {
    let ways = [
        (State::Hoisted, State::Linked),
        (State::Linked, State::LinkedLater),
        (State::LinkedLater, State::Hoisted),
    ];
    for (from, to) in ways {
        let undisturbed = Project::in_memory();
        install(undisturbed.folder.path(), from, usize::MAX).await;
        let before = packages(&undisturbed.listing());
        install(undisturbed.folder.path(), to, usize::MAX).await;
        let whole = undisturbed.listing();
        let after = packages(&whole);
        let mut deaths = 0;
        for event in 0.. {
            let project = Project::in_memory();
            install(project.folder.path(), from, usize::MAX).await;
            if !dies(project.folder.path(), to, event) {
                break;
            }
            deaths += 1;
            for (package, files) in packages(&project.listing()) {
                let is_whole = [&before, &after].iter().any(|all| all.get(&package) == Some(&files));
                let is_listed = package.ends_with(".package-lock.json") || package.contains(".bin");
                assert!(is_whole || is_listed, "killed at event {event}: {package} is {files:?}");
            }
            install(project.folder.path(), to, usize::MAX).await;
            assert_eq!(project.listing(), whole, "repaired after event {event}");
        }
        assert!(deaths > 10, "only {deaths} events to die at");
        let store = undisturbed.modules().join(".store");
        assert_eq!(store.exists(), !matches!(to, State::Hoisted));
    }
}
