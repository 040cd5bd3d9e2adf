//! A process that dies at each event of an install; what it leaves, and what the next install makes of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::*;
use serde_json::{Value, json};
use utoo_installer::{InstallRequest, InstallerOptions, Store};

const FOLDER: &str = "UTOO_TEST_CRASH_FOLDER";
const AFTER: &str = "UTOO_TEST_CRASH_AFTER";

fn first_tree(registry: &Registry) -> Value {
    json!({
        "node_modules/stays": registry.package("stays", "1.0.0", &[("index.js", "s")]),
        "node_modules/changes": registry.package("changes", "1.0.0", &[("index.js", "1"), ("old.js", "")]),
        "node_modules/changes/node_modules/kept": registry.package("kept", "1.0.0", &[("index.js", "k")]),
        "node_modules/goes": registry.package("goes", "1.0.0", &[("index.js", "g")]),
        "node_modules/@s/goes": registry.package("@s/goes", "1.0.0", &[("index.js", "g")]),
    })
}

fn second_tree(registry: &Registry) -> Value {
    let bin = json!({"bin": {"tool": "index.js"}});
    json!({
        "node_modules/stays": registry.package("stays", "1.0.0", &[("index.js", "s")]),
        "node_modules/changes": registry.package("changes", "2.0.0", &[("index.js", "2"), ("new.js", "")]),
        "node_modules/changes/node_modules/kept": registry.package("kept", "1.0.0", &[("index.js", "k")]),
        "node_modules/comes": with(registry.package("comes", "1.0.0", &[("index.js", "c")]), bin),
        "node_modules/comes/node_modules/below": registry.package("below", "1.0.0", &[("lib/a.js", "b")]),
    })
}

async fn install(folder: &Path, tree: Value, registry: Arc<Registry>, die_after: usize) {
    let mut options = InstallerOptions::new(folder.join("project"), Store::open(folder.join("cache")));
    let events = AtomicUsize::new(0);
    options.events = Arc::new(move |_| {
        if events.fetch_add(1, Ordering::SeqCst) == die_after {
            // No destructor runs and no buffer is flushed: as good as kill -9.
            std::process::abort();
        }
    });
    let installer = utoo_installer::Installer::new(options, registry);
    installer.install(InstallRequest::new(lockfile(tree))).await.unwrap();
}

/// Not a test of its own: what the other one starts as a process.
#[tokio::test]
async fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let after = std::env::var(AFTER).unwrap().parse().unwrap();
    let registry = Arc::<Registry>::default();
    let tree = second_tree(&registry);
    install(Path::new(&folder), tree, registry, after).await;
}

/// Runs the second install in a process that dies at an event; gives whether it did.
fn dies(folder: &Path, after: usize) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child"]).env(FOLDER, folder).env(AFTER, after.to_string());
    !command.output().unwrap().status.success()
}

/// Files of each package's own, by location.
fn packages(list: &BTreeMap<String, String>, tree: &Value) -> BTreeMap<String, BTreeMap<String, String>> {
    let locations: Vec<&String> = tree.as_object().unwrap().keys().collect();
    let mut packages: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (path, text) in list {
        let path = format!("node_modules/{path}");
        let owner =
            locations.iter().filter(|at| path.starts_with(&format!("{at}/"))).max_by_key(|at| at.len());
        if let Some(owner) = owner {
            packages
                .entry((*owner).clone())
                .or_default()
                .insert(path[owner.len()..].to_owned(), text.clone());
        }
    }
    packages
}

#[tokio::test]
async fn killed_at_any_event_leaves_packages_whole_and_the_next_install_repairs() {
    let expected = Project::new();
    let (first, second) = (first_tree(&expected.registry), second_tree(&expected.registry));
    expected.install(first.clone()).await.unwrap();
    let before = packages(&expected.listing(), &first);
    expected.install(second.clone()).await.unwrap();
    let whole = expected.listing();
    let after = packages(&whole, &second);
    let mut deaths = 0;
    for event in 0.. {
        let project = Project::new();
        let registry = project.registry.clone();
        install(project.folder.path(), first_tree(&registry), registry, usize::MAX).await;
        if !dies(project.folder.path(), event) {
            break;
        }
        deaths += 1;
        for (location, files) in packages(&project.listing(), &second) {
            let is_whole = Some(&files) == before.get(&location) || Some(&files) == after.get(&location);
            assert!(is_whole, "killed at event {event}: {location} is {files:?}");
        }
        let registry = project.registry.clone();
        install(project.folder.path(), second_tree(&registry), registry, usize::MAX).await;
        assert_eq!(project.listing(), whole, "repaired after event {event}");
        let store = listing(&project.folder.path().join("cache"));
        assert!(
            store.keys().all(|path| !path.contains("/tmp/")),
            "litter after event {event}: {:?}",
            store.keys()
        );
    }
    assert!(deaths > 15, "only {deaths} events to die at");
}
