//! From a tree to `node_modules`, and from one tree to another.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::Arc;

use common::*;
use serde_json::json;
use utoo_installer::{Completion, InstallRequest, InstallerOptions, LinkMode};

#[tokio::test]
async fn a_tree_is_installed_and_a_second_install_asks_for_nothing() {
    let project = Project::new();
    let registry = &project.registry;
    let tree = json!({
        "node_modules/a": registry.package("a", "1.0.0", &[("lib/index.js", "a1"), ("lib/deep/x.js", "x")]),
        "node_modules/a/node_modules/b": registry.package("b", "2.0.0", &[("index.js", "b2")]),
        "node_modules/@s/c": registry.package("@s/c", "1.0.0", &[("index.js", "c1")]),
    });
    let installed = project.install(tree.clone()).await.unwrap();
    assert_eq!(
        (installed.summary.added, installed.summary.downloaded, installed.summary.from_cache),
        (3, 3, 0)
    );
    let list = project.listing();
    assert_eq!(list["a/lib/index.js"], "a1");
    assert_eq!(list["a/node_modules/b/index.js"], "b2");
    assert_eq!(list["@s/c/index.js"], "c1");
    assert!(list.keys().all(|path| !path.contains(".utoo")), "litter: {list:?}");

    let again = project.install(tree.clone()).await.unwrap();
    assert_eq!((again.summary.kept, again.summary.added, registry.requests()), (3, 0, 3));

    std::fs::remove_dir_all(project.modules()).unwrap();
    let warm = project.install(tree).await.unwrap();
    assert_eq!((warm.summary.from_cache, warm.summary.downloaded, registry.requests()), (3, 0, 3));
    assert_eq!(project.listing(), list);
}

#[tokio::test]
async fn what_is_begun_from_a_lockfile_is_taken_over_where_the_tree_agrees() {
    for store in ["empty", "full"] {
        let project = Project::new();
        let registry = &project.registry;
        let cli = [("cli.js", "console.log()\n")];
        let same = registry.package("same", "1.0.0", &[("index.js", "same")]);
        let (old, new) = (registry.package("other", "1.0.0", &cli), registry.package("other", "2.0.0", &[]));
        let tool = registry.package("tool", "1.0.0", &cli);
        let lock = json!({
            "node_modules/same": same,
            "node_modules/same/node_modules/deep": registry.package("deep", "1.0.0", &[("index.js", "deep")]),
            "node_modules/other": old,
            "node_modules/tool": tool,
            "node_modules/gone": registry.package("gone", "1.0.0", &[]),
        });
        let mut tree = lock.clone();
        tree.as_object_mut().unwrap().remove("node_modules/gone");
        tree["node_modules/other"] = new;
        // The same tarball, and another way to make its files: this one is a command now.
        tree["node_modules/tool"] = with(tool, json!({"bin": {"tool": "cli.js"}}));
        let expected = {
            project.install(tree.clone()).await.unwrap();
            project.listing()
        };
        std::fs::remove_dir_all(project.modules()).unwrap();
        if store == "full" {
            project.install(lock.clone()).await.unwrap();
            std::fs::remove_dir_all(project.modules()).unwrap();
        } else {
            std::fs::remove_dir_all(project.options().store.root()).unwrap();
        }
        let installer = project.installer(project.options());
        installer.begin(lockfile(lock).into());
        let installed = installer.install(InstallRequest::new(lockfile(tree))).await.unwrap();
        assert_eq!(installed.summary.added, 4, "{store}");
        assert_eq!(project.listing(), expected, "{store}");
        assert_eq!(mode(&project.modules().join("tool/cli.js")), project.umasked(0o755), "{store}");
    }
}

#[tokio::test]
async fn what_is_begun_and_comes_to_nothing_leaves_nothing() {
    let project = Project::new();
    let tree = json!({"node_modules/a": project.registry.package("a", "1.0.0", &[("index.js", "a1")])});
    project.install(tree.clone()).await.unwrap();
    let before = project.listing();
    let begin = || {
        let installer = project.installer(project.options());
        installer.begin(lockfile(tree.clone()).into());
    };
    begin();
    assert_eq!(project.listing(), before, "what is installed stays as it is");
    std::fs::remove_dir_all(project.modules()).unwrap();
    begin();
    assert!(!project.modules().exists());
    std::fs::create_dir(project.modules()).unwrap();
    begin();
    assert_eq!(std::fs::read_dir(project.modules()).unwrap().count(), 0, "a folder that was there stays");
}

#[tokio::test]
async fn files_are_hardlinks_of_the_store_unless_asked_otherwise() {
    let project = Project::new();
    let tree = json!({"node_modules/a": project.registry.package("a", "1.0.0", &[("index.js", "a1")])});
    let path = project.modules().join("a/index.js");
    let mut inodes = Vec::new();
    for link_mode in [LinkMode::Hardlink, LinkMode::Hardlink, LinkMode::Copy] {
        let options = InstallerOptions { link_mode, ..project.options() };
        let _ = std::fs::remove_dir_all(project.modules());
        project.installer(options).install(InstallRequest::new(lockfile(tree.clone()))).await.unwrap();
        assert_eq!((read(&path).as_str(), mode(&path)), ("a1", project.umasked(0o644)));
        inodes.push(inode(&path));
    }
    assert_eq!(inodes[0], inodes[1]);
    assert_ne!(inodes[0], inodes[2]);
}

#[tokio::test]
async fn a_package_of_many_files_is_made_by_several_threads() {
    let project = Project::new();
    let paths: Vec<String> = (0..1500).map(|at| format!("lib/d{}/f{at}.js", at % 37)).collect();
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), path.as_str())).collect();
    project
        .install(json!({"node_modules/big": project.registry.package("big", "1.0.0", &files)}))
        .await
        .unwrap();
    let list = project.listing();
    assert_eq!(list.len(), 1500 + 2);
    assert!(paths.iter().all(|path| list[&format!("big/{path}")] == *path));
}

#[tokio::test]
async fn what_the_tree_no_longer_has_goes_with_its_empty_folders() {
    let project = Project::new();
    let registry = &project.registry;
    let bin = json!({"bin": {"tool": "cli.js"}});
    let cli = [("cli.js", "#!/usr/bin/env node\n")];
    let keep = registry.package("keep", "1.0.0", &[]);
    let tree = json!({
        "node_modules/keep": keep,
        "node_modules/@s/gone": with(registry.package("@s/gone", "1.0.0", &cli), bin.clone()),
        "node_modules/keep/node_modules/nested": with(registry.package("nested", "1.0.0", &cli), bin),
    });
    project.install(tree).await.unwrap();
    project.write("node_modules/.cache/tool/x", "not ours");
    project.write("node_modules/stray/index.js", "not in the tree");
    let summary = project.install(json!({"node_modules/keep": keep})).await.unwrap().summary;
    assert_eq!((summary.removed, summary.kept), (3, 1));
    let list = project.listing();
    assert_eq!(list.keys().collect::<Vec<_>>(), [".cache/tool/x", ".package-lock.json", "keep/package.json"]);
    assert!(!project.modules().join("@s").exists());
    assert!(!project.modules().join("keep/node_modules").exists());
}

#[tokio::test]
async fn a_changed_package_keeps_what_is_nested_in_it() {
    let project = Project::new();
    let registry = &project.registry;
    let nested = registry.package("b", "1.0.0", &[("index.js", "b1")]);
    let deep = registry.package("c", "1.0.0", &[("index.js", "c1")]);
    let tree = |version: &str| {
        json!({
            "node_modules/a": registry.package("a", version, &[("index.js", version), (version, "")]),
            "node_modules/a/node_modules/b": nested,
            "node_modules/a/node_modules/b/node_modules/c": deep,
        })
    };
    project.install(tree("1.0.0")).await.unwrap();
    let kept = inode(&project.modules().join("a/node_modules/b"));
    let summary = project.install(tree("2.0.0")).await.unwrap().summary;
    assert_eq!((summary.changed, summary.kept), (1, 2));
    let list = project.listing();
    assert_eq!(list["a/index.js"], "2.0.0");
    assert!(!list.contains_key("a/1.0.0"));
    assert_eq!(list["a/node_modules/b/node_modules/c/index.js"], "c1");
    assert_eq!(inode(&project.modules().join("a/node_modules/b")), kept);
}

#[tokio::test]
async fn a_folder_that_someone_touched_is_checked_and_replaced_if_it_is_another() {
    let project = Project::new();
    let tree = json!({"node_modules/a": project.registry.package("a", "1.0.0", &[("index.js", "a1")])});
    project.install(tree.clone()).await.unwrap();
    // Newer than the hidden lockfile and still the same package: kept, as npm keeps it.
    let hidden = std::fs::metadata(project.modules().join(".package-lock.json")).unwrap().modified().unwrap();
    let later = hidden + std::time::Duration::from_secs(5);
    let touch = |name: &str| {
        let folder = std::fs::File::open(project.modules().join(name)).unwrap();
        folder.set_modified(later).unwrap();
    };
    touch("a");
    assert_eq!(project.install(tree.clone()).await.unwrap().summary.kept, 1);
    std::fs::remove_file(project.modules().join("a/package.json")).unwrap();
    project.write("node_modules/a/package.json", r#"{"name":"a","version":"9.9.9"}"#);
    touch("a");
    assert_eq!(project.install(tree).await.unwrap().summary.changed, 1);
    assert!(project.listing()["a/package.json"].contains("1.0.0"));
}

#[tokio::test]
async fn bundled_packages_come_with_their_bundler() {
    let project = Project::new();
    let inner = [
        ("node_modules/inner/package.json", r#"{"name":"inner","version":"1.0.0"}"#),
        ("node_modules/inner/cli.js", "#!/usr/bin/env node\r\n"),
    ];
    let tree = json!({
        "node_modules/a": project.registry.package("a", "1.0.0", &inner),
        "node_modules/a/node_modules/inner": {"version": "1.0.0", "inBundle": true, "bin": {"in": "cli.js"}},
    });
    project.install(tree.clone()).await.unwrap();
    assert_eq!(project.registry.requests(), 1);
    let list = project.listing();
    assert_eq!(list["a/node_modules/.bin/in"], "-> ../inner/cli.js");
    assert_eq!(list["a/node_modules/inner/cli.js"], "#!/usr/bin/env node\n");
    std::fs::remove_dir_all(project.modules().join("a/node_modules/inner")).unwrap();
    let summary = project.install(tree).await.unwrap().summary;
    assert_eq!((summary.changed, summary.added, project.registry.requests()), (1, 1, 1));
    assert_eq!(project.listing(), list);
}

#[tokio::test]
async fn workspaces_are_links_and_have_modules_of_their_own() {
    let project = Project::new();
    project.write("packages/w/package.json", r#"{"name":"@s/w","version":"1.0.0"}"#);
    project.write("packages/w/run.js", "#!/usr/bin/env node\r\nx\r\n");
    std::fs::create_dir(project.folder.path().join("outside")).unwrap();
    let tree = json!({
        "packages/w": {"name": "@s/w", "version": "1.0.0", "bin": {"w": "run.js"}},
        "node_modules/@s/w": {"resolved": "packages/w", "link": true},
        "packages/w/node_modules/dep": project.registry.package("dep", "1.0.0", &[("index.js", "dep")]),
        "../outside": {"version": "1.0.0"},
        "node_modules/outside": {"resolved": "../outside", "link": true},
    });
    project.install(tree.clone()).await.unwrap();
    let list = project.listing();
    assert_eq!(list["@s/w"], "-> ../../packages/w");
    assert_eq!(list["outside"], "-> ../../outside");
    assert_eq!(list[".bin/w"], "-> ../@s/w/run.js");
    let run = project.root().join("packages/w/run.js");
    assert_eq!(
        (read(&run).as_str(), mode(&run) & 0o111),
        ("#!/usr/bin/env node\nx\r\n", project.umasked(0o111))
    );
    assert_eq!(read(&project.root().join("packages/w/node_modules/dep/index.js")), "dep");
    assert!(!project.root().join("packages/w/node_modules/.utoo-staging").exists());
    assert_eq!(project.install(tree).await.unwrap().summary.kept, 3);
}

#[tokio::test]
async fn entries_are_completed_where_that_is_asked_for() {
    let project = Project::new();
    let package_json =
        r#"{"name":"a","version":"1.0.0","license":"ISC","bin":"cli.js","directories":{"bin":"."}}"#;
    let files = [
        ("package.json", package_json),
        ("cli.js", ""),
        ("binding.gyp", "{}"),
        ("npm-shrinkwrap.json", "{}"),
    ];
    let mut entry = project.registry.add("a", "1.0.0", tarball(&files));
    entry.as_object_mut().unwrap().remove("integrity");
    let request = |completion| InstallRequest {
        completion,
        ..InstallRequest::new(lockfile(json!({"node_modules/a": entry.clone()})))
    };
    let plain = project.installer(project.options()).install(request(Completion::None)).await.unwrap();
    let untouched = &plain.tree.packages["node_modules/a"];
    assert!(untouched.license.is_none() && untouched.integrity.is_none() && !untouched.has_install_script);
    std::fs::remove_dir_all(project.modules()).unwrap();
    let fresh = Completion::Only(["node_modules/a".into()].into_iter().collect());
    for (completion, license) in
        [(fresh, true), (Completion::All, true), (Completion::Only(Default::default()), false)]
    {
        let _ = std::fs::remove_dir_all(project.modules());
        let installed = project.installer(project.options()).install(request(completion)).await.unwrap();
        let entry = &installed.tree.packages["node_modules/a"];
        assert_eq!(entry.license, license.then(|| Arc::new(json!("ISC"))));
        assert!(entry.has_install_script);
        // npm learns nothing else from a tarball.
        assert!(entry.bin.is_empty() && entry.integrity.is_none() && !entry.has_shrinkwrap);
    }
}

#[tokio::test]
async fn what_is_left_out_stays_off_the_disk_and_the_hidden_lockfile() {
    let project = Project::new();
    let tree = json!({
        "node_modules/a": project.registry.package("a", "1.0.0", &[]),
        "node_modules/dev": with(project.registry.package("dev", "1.0.0", &[]), json!({"dev": true})),
        "node_modules/mac": with(project.registry.package("mac", "1.0.0", &[]), json!({"optional": true, "os": ["nope"]})),
    });
    let mut options = project.options();
    options.omit.dev = true;
    let installed = project.installer(options).install(InstallRequest::new(lockfile(tree))).await.unwrap();
    assert_eq!((installed.summary.added, installed.summary.left_out), (1, 2));
    assert_eq!(project.listing().keys().collect::<Vec<_>>(), [".package-lock.json", "a/package.json"]);
    let hidden = read(&project.modules().join(".package-lock.json"));
    assert!(
        hidden.contains("node_modules/a") && !hidden.contains("mac") && !hidden.contains("node_modules/dev")
    );
    assert_eq!(installed.tree.packages.len(), 4);
}

#[tokio::test]
async fn prefetched_packages_are_asked_for_once() {
    let project = Project::new();
    let entry = project.registry.package("a", "1.0.0", &[]);
    let tree = json!({"node_modules/a": entry, "node_modules/b/node_modules/a": entry, "node_modules/b":
        project.registry.package("b", "1.0.0", &[])});
    let installer = project.installer(project.options());
    let locked = lockfile(tree);
    for name in ["a", "b", "a"] {
        let entry = &locked.packages[format!("node_modules/{name}").as_str()];
        installer.prefetch(utoo_installer::PackageRequest {
            name: utoo_types::PackageName::new_unchecked(name),
            version: "1.0.0".into(),
            resolved: entry.resolved.clone().unwrap(),
            integrity: entry.integrity.clone(),
            prepare: utoo_installer::Prepare::Skip,
        });
    }
    let summary = installer.install(InstallRequest::new(locked)).await.unwrap().summary;
    assert_eq!((summary.added, project.registry.requests()), (3, 2));
    assert!(summary.downloaded_bytes > 0);
}
