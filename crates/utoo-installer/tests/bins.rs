//! Commands in `node_modules/.bin`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use serde_json::json;
use utoo_installer::{BinLinks, InstallRequest, InstallerOptions};

const SCRIPT: &str = "#!/usr/bin/env node\nconsole.log(1)\n";

#[tokio::test]
async fn the_first_location_wins_and_the_other_takes_over() {
    let project = Project::new();
    let bin = json!({"bin": {"tool": "cli.js"}});
    let b = with(project.registry.package("b", "1.0.0", &[("cli.js", SCRIPT)]), bin.clone());
    let a = with(project.registry.package("a", "1.0.0", &[("cli.js", SCRIPT)]), bin);
    project.install(json!({"node_modules/b": b})).await.unwrap();
    assert_eq!(project.listing()[".bin/tool"], "-> ../b/cli.js");
    project.install(json!({"node_modules/b": b, "node_modules/a": a})).await.unwrap();
    assert_eq!(project.listing()[".bin/tool"], "-> ../a/cli.js");
    project.install(json!({"node_modules/b": b})).await.unwrap();
    assert_eq!(project.listing()[".bin/tool"], "-> ../b/cli.js");
}

#[tokio::test]
async fn targets_are_executable_without_cr_and_the_store_keeps_the_tarballs_bytes() {
    let project = Project::new();
    let dos = "#!/usr/bin/env node\r\nconsole.log(1)\r\n";
    let package_json = r#"{"name":"a","version":"1.0.0","bin":{"known":"known.js"}}"#;
    let files = [("package.json", package_json), ("known.js", SCRIPT), ("extra.js", SCRIPT), ("dos.js", dos)];
    let entry = project.registry.add("a", "1.0.0", tarball(&files));
    let bin =
        json!({"bin": {"known": "known.js", "extra": "./extra.js", "dos": "dos.js", "missing": "nope.js"}});
    project.install(json!({"node_modules/a": with(entry, bin)})).await.unwrap();
    let list = project.listing();
    assert!(!list.contains_key(".bin/missing"));
    assert_eq!(list["a/dos.js"], "#!/usr/bin/env node\nconsole.log(1)\r\n");
    for name in ["known.js", "extra.js", "dos.js"] {
        assert_eq!(mode(&project.modules().join("a").join(name)) & 0o100, 0o100, "{name}");
    }
    assert_eq!(project.store().verify().unwrap(), []);
}

#[tokio::test]
async fn links_of_others_stay_and_missing_ones_come_back() {
    let project = Project::new();
    let bin = json!({"bin": {"tool": "cli.js"}});
    let tree =
        json!({"node_modules/a": with(project.registry.package("a", "1.0.0", &[("cli.js", SCRIPT)]), bin)});
    project.install(tree.clone()).await.unwrap();
    let bins = project.modules().join(".bin");
    std::fs::remove_file(bins.join("tool")).unwrap();
    std::os::unix::fs::symlink("../../own.sh", bins.join("own")).unwrap();
    std::os::unix::fs::symlink("../gone/cli.js", bins.join("stale")).unwrap();
    std::os::unix::fs::symlink("../gone/cli.js", bins.join("tool")).unwrap();
    write(&bins.join("file"), "x");
    project.install(tree).await.unwrap();
    let list = project.listing();
    let names: Vec<_> = list.keys().filter(|path| path.starts_with(".bin/")).collect();
    assert_eq!(names, [".bin/file", ".bin/own", ".bin/tool"]);
    assert_eq!(list[".bin/tool"], "-> ../a/cli.js");
}

#[tokio::test]
async fn a_bin_directory_of_the_package_counts_where_the_lock_names_no_command() {
    let project = Project::new();
    let package_json = r#"{"name":"c","version":"1.0.0","directories":{"bin":"./bins"}}"#;
    let files =
        [("package.json", package_json), ("bins/cx.js", SCRIPT), ("bins/sub/cy", SCRIPT), ("bins/.no", "")];
    let tree = json!({"node_modules/c": project.registry.add("c", "1.0.0", tarball(&files))});
    let options = InstallerOptions { bin_links: BinLinks::Skip, ..project.options() };
    project.installer(options).install(InstallRequest::new(lockfile(tree.clone()))).await.unwrap();
    assert!(!project.modules().join(".bin").exists());
    std::fs::remove_dir_all(project.modules()).unwrap();
    project.install(tree).await.unwrap();
    let list = project.listing();
    let bins: Vec<_> =
        list.iter().filter(|(path, _)| path.starts_with(".bin/")).map(|(_, text)| text).collect();
    assert_eq!(bins, ["-> ../c/bins/cx.js", "-> ../c/bins/sub/cy"]);
    assert_eq!(mode(&project.modules().join("c/bins/cx.js")) & 0o100, 0o100);
}
