//! Attacks and damage: what must hold when bytes, names or the disk are not what they should be.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::os::unix::fs::symlink;

use common::*;
use serde_json::{Value, json};
use tar::EntryType;
use utoo_installer::{Installed, Result};

/// The store has no entry and no unfinished one.
fn assert_store_is_clean(project: &Project) {
    let store = listing(&project.folder.path().join("cache"));
    assert!(store.keys().all(|path| path.ends_with(".lock")), "left in the store: {store:?}");
}

#[track_caller]
fn code(result: Result<Installed>) -> (&'static str, String) {
    let error = result.map(|installed| installed.summary).unwrap_err();
    (error.code(), error.to_string())
}

#[tokio::test]
async fn swapped_bytes_are_refused_and_nothing_of_them_is_visible() {
    let project = Project::new();
    let entry = project.registry.package("evil", "1.0.0", &[("index.js", "good")]);
    project.registry.swap(&entry, tarball(&[("package.json", "{}"), ("index.js", "bad")]));
    let (code, text) = code(project.install(json!({"node_modules/evil": entry})).await);
    assert_eq!(code, "EINTEGRITY");
    assert!(
        text.contains("evil@1.0.0") && text.contains("wanted sha512-") && text.contains("got sha512-"),
        "{text}"
    );
    assert_store_is_clean(&project);
    assert!(project.listing().is_empty() && !project.modules().join(".utoo-staging").exists());
}

/// Whoever hears of an error may look at the project, or begin anew, at once.
#[tokio::test]
async fn what_is_under_way_ends_before_an_error_is_told() {
    let project = Project::new();
    let text = "x".repeat(100_000);
    let mut tree = serde_json::Map::new();
    for number in 0..40 {
        let entry = project.registry.package(&format!("p{number}"), "1.0.0", &[("index.js", &text)]);
        if number == 20 {
            project.registry.swap(&entry, tarball(&[("package.json", "{}")]));
        }
        tree.insert(format!("node_modules/p{number}"), entry);
    }
    assert_eq!(code(project.install(Value::Object(tree)).await).0, "EINTEGRITY");
    let first = listing(&project.modules());
    assert!(!first.keys().any(|path| path.starts_with(".utoo-staging")), "{first:?}");
    assert_eq!(listing(&project.modules()), first, "somebody still works in it");
}

#[tokio::test]
async fn a_strong_hash_counts_before_a_weak_one() {
    let project = Project::new();
    let entry = project.registry.package("a", "1.0.0", &[]);
    let other = tarball(&[("package.json", "{}")]);
    let sha1 = utoo_types::Integrity::of(utoo_types::Algorithm::Sha1, &other).to_string();
    let both = format!("{sha1} {}", entry["integrity"].as_str().unwrap());
    project.registry.swap(&entry, other);
    let tree = json!({"node_modules/a": with(entry.clone(), json!({"integrity": both}))});
    assert_eq!(code(project.install(tree).await).0, "EINTEGRITY");
    let weak_only = json!({"node_modules/a": with(entry, json!({"integrity": sha1}))});
    assert!(project.install(weak_only).await.is_ok(), "a registry of 2016 offers nothing better");
}

#[tokio::test]
async fn a_digest_that_stands_beside_another_does_not_take_its_place_in_the_store() {
    let project = Project::new();
    let good = project.registry.package("good", "1.0.0", &[("index.js", "good")]);
    let evil = project.registry.package("evil", "1.0.0", &[("index.js", "evil")]);
    let digest = |entry: &Value| entry["integrity"].as_str().unwrap().to_owned();
    let both = json!({"integrity": format!("{} {}", digest(&good), digest(&evil))});
    // Either digest may verify, as in npm; in one install and in the next, the other package stays what it is.
    let planted = with(evil, both);
    project.install(json!({"node_modules/evil": planted, "node_modules/good": good})).await.unwrap();
    project.install(json!({"node_modules/good": good})).await.unwrap();
    let index = std::fs::read_to_string(project.modules().join("good/index.js")).unwrap();
    assert_eq!(index, "good");
}

#[tokio::test]
async fn a_flipped_byte_anywhere_is_refused() {
    let project = Project::new();
    let good = tarball(&[("package.json", "{}"), ("index.js", "x")]);
    let entry = project.registry.add("a", "1.0.0", good.clone());
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        project.registry.swap(&entry, bad);
        assert_eq!(
            code(project.install(json!({"node_modules/a": entry})).await).0,
            "EINTEGRITY",
            "byte {at}"
        );
    }
    assert_store_is_clean(&project);
}

async fn unpack(fill: impl FnOnce(&mut Builder)) -> (Project, Result<Installed>) {
    let project = Project::new();
    write(&project.folder.path().join("victim"), "untouched");
    let entry = project.registry.add("a", "1.0.0", tarball_with(fill));
    let result = project.install(json!({"node_modules/a": entry})).await;
    assert_eq!(read(&project.folder.path().join("victim")), "untouched");
    (project, result)
}

#[tokio::test]
async fn links_in_tarballs_are_dropped_and_never_written_through() {
    let (project, result) = unpack(|tar| {
        append(tar, "package/package.json", "{}", 0o644);
        append_raw(tar, "package/out", "../../..", EntryType::Symlink, "");
        append(tar, "package/out/victim", "owned", 0o644);
        append_raw(tar, "package/abs", "/etc/passwd", EntryType::Symlink, "");
        append_raw(tar, "package/hard", "../../../victim", EntryType::Link, "");
        append(tar, "package/hard", "mine", 0o644);
        append_raw(tar, "package/pipe", "", EntryType::Fifo, "");
        append_raw(tar, "package/device", "", EntryType::Char, "");
    })
    .await;
    result.unwrap();
    let list = project.listing();
    let paths: Vec<_> = list.keys().map(String::as_str).collect();
    assert_eq!(paths, [".package-lock.json", "a/hard", "a/out/victim", "a/package.json"]);
    assert!(list.values().all(|text| !text.starts_with("->")));
}

/// The forms in which others were led through a link: absolute and relative targets, chains, with drives and backslashes,
/// in place of a folder, with their target in an extended header.
#[tokio::test]
async fn links_of_any_form_lead_nowhere() {
    for kind in [EntryType::Symlink, EntryType::Link] {
        for target in
            ["/", "../../..", ".", "b", "C:..\\..\\..", "C:/", "..\\..\\..", "package/../../../..", ""]
        {
            let (project, result) = unpack(|tar| {
                append(tar, "package/package.json", "{}", 0o644);
                append(tar, "package/folder/below", "kept", 0o644);
                for name in
                    ["package/a", "package/b", "package/folder", "package/c/d", "package\\e", "./package/f/"]
                {
                    append_raw(tar, name, target, kind, "");
                }
                append_raw(tar, "package/b", "a", kind, "");
                let records = format!("{} linkpath={target}\n", target.len() + 13);
                append_raw(tar, "package/pax", "", EntryType::XHeader, &records);
                append_raw(tar, "package/g", "x", kind, "");
                append_raw(tar, "././@LongLink", "", EntryType::GNULongLink, "../../../../victim\0");
                append_raw(tar, "package/h", "x", kind, "");
                for name in ["a", "b", "c/d", "g", "h"] {
                    append(tar, &format!("package/{name}/victim"), "owned", 0o644);
                }
            })
            .await;
            let list = project.listing();
            assert!(list.values().all(|text| !text.starts_with("->")), "{kind:?} {target}: {list:?}");
            if result.is_ok() {
                assert_eq!(
                    (&*list["a/folder/below"], &*list["a/b/victim"]),
                    ("kept", "owned"),
                    "{kind:?} {target}"
                );
            }
        }
    }
}

#[tokio::test]
async fn names_that_lead_out_refuse_the_package_and_leave_nothing() {
    for name in ["package/../../../victim", "/etc/victim", "package/a/../../../victim", "../victim"] {
        let (project, result) = unpack(|tar| {
            append(tar, "package/package.json", "{}", 0o644);
            append_raw(tar, name, "", EntryType::Regular, "owned");
        })
        .await;
        let (code, text) = code(result);
        assert_eq!(code, "EBADPATH", "{name}");
        assert!(text.contains("a@1.0.0") && text.contains("victim"), "{text}");
        assert_store_is_clean(&project);
    }
}

#[tokio::test]
async fn modes_are_plain_or_executable_whatever_the_header_says() {
    let (project, result) = unpack(|tar| {
        append(tar, "package/package.json", "{}", 0o4777);
        append(tar, "package/setuid", "x", 0o6755);
        append(tar, "package/world", "x", 0o666);
        append(tar, "package/closed", "x", 0o000);
        let mut header = tar::Header::new_ustar();
        header.set_size(1);
        header.set_mode(0o6755);
        header.set_uid(12_345);
        header.set_gid(12_345);
        header.set_username("daemon").unwrap();
        tar.append_data(&mut header, "package/foreign", &b"x"[..]).unwrap();
    })
    .await;
    result.unwrap();
    let owner = |path: &std::path::Path| {
        let found = std::fs::metadata(path).unwrap();
        (std::os::unix::fs::MetadataExt::uid(&found), std::os::unix::fs::MetadataExt::gid(&found))
    };
    assert_eq!(owner(&project.modules().join("a/foreign")), owner(&project.root()));
    for (name, expected) in
        [("package.json", 0o755), ("setuid", 0o755), ("world", 0o644), ("closed", 0o644), ("foreign", 0o755)]
    {
        assert_eq!(mode(&project.modules().join("a").join(name)), project.umasked(expected), "{name}");
    }
}

#[tokio::test]
async fn what_is_no_tarball_says_so() {
    for (bytes, expected) in [
        (b"<html>not here</html>".to_vec(), "TAR_BAD_ARCHIVE"),
        (Vec::new(), "TAR_BAD_ARCHIVE"),
        (tarball(&[("package.json", "{}")])[..40].to_vec(), "TAR_BAD_ARCHIVE"),
    ] {
        let project = Project::new();
        let entry = project.registry.add("a", "1.0.0", bytes);
        let (code, text) = code(project.install(json!({"node_modules/a": entry})).await);
        assert_eq!(code, expected);
        assert!(text.contains("a@1.0.0"), "{text}");
        assert_store_is_clean(&project);
    }
}

#[tokio::test]
async fn a_planted_link_is_replaced_and_its_victim_is_untouched() {
    let project = Project::new();
    let tree = json!({
        "node_modules/a": project.registry.package("a", "1.0.0", &[("index.js", "a")]),
        "node_modules/@s/b": project.registry.package("@s/b", "1.0.0", &[("index.js", "b")]),
        "node_modules/a/node_modules/c": project.registry.package("c", "1.0.0", &[("index.js", "c")]),
    });
    project.install(tree.clone()).await.unwrap();
    let whole = project.listing();
    let victim = project.folder.path().join("victims");
    for planted in ["", "a", "@s", "@s/b", "a/node_modules", ".bin"] {
        write(&victim.join("keep"), "keep");
        write(&victim.join("index.js"), "keep");
        let path = project.modules().join(planted);
        let path = if planted.is_empty() { project.modules() } else { path };
        let _ = std::fs::remove_dir_all(&path);
        symlink(&victim, &path).unwrap();
        project.install(tree.clone()).await.unwrap();
        let mut now = project.listing();
        now.remove(".bin");
        assert_eq!(now, whole, "planted at {planted:?}");
        let kept = listing(&victim);
        assert_eq!(kept.values().collect::<Vec<_>>(), ["keep", "keep"], "planted at {planted:?}");
    }
}

#[tokio::test]
async fn utoos_own_files_are_not_written_through_links() {
    let project = Project::new();
    let tree = json!({"node_modules/a": project.registry.package("a", "1.0.0", &[])});
    for name in [".utoo-state", ".package-lock.json", ".utoo-staging"] {
        let victim = project.folder.path().join("victim");
        write(&victim, "untouched");
        let _ = std::fs::remove_dir_all(project.modules());
        std::fs::create_dir_all(project.modules()).unwrap();
        symlink(&victim, project.modules().join(name)).unwrap();
        project.install(tree.clone()).await.unwrap();
        utoo_installer::record_state(&project.root(), &utoo_installer::StateInputs::default()).unwrap();
        assert_eq!(read(&victim), "untouched", "{name}");
        assert!(
            std::fs::symlink_metadata(project.modules().join(name)).map_or(true, |there| !there.is_symlink())
        );
    }
}

#[tokio::test]
async fn locations_and_commands_that_lead_out_write_nothing() {
    let project = Project::new();
    let entry = project.registry.package("a", "1.0.0", &[("cli.js", "x")]);
    let outside = json!({"../victim/node_modules/a": entry});
    assert_eq!(code(project.install(outside).await).0, "EBADLOCATION");
    assert!(!project.folder.path().join("victim").exists());

    let bin = json!({"bin": {"../../../out": "cli.js", "..": "cli.js", ".bin": "../../../etc/passwd", "ok": "./cli.js"}});
    project.install(json!({"node_modules/a": with(entry, bin)})).await.unwrap();
    let list = project.listing();
    let bins: Vec<_> = list.iter().filter(|(path, _)| path.starts_with(".bin/")).collect();
    assert_eq!(bins.len(), 2, "{bins:?}");
    assert_eq!((list[".bin/ok"].as_str(), list[".bin/out"].as_str()), ("-> ../a/cli.js", "-> ../a/cli.js"));
    assert!(!project.folder.path().join("out").exists());
}

/// The only index in the store.
fn index_in_store(project: &Project) -> std::path::PathBuf {
    let root = project.folder.path().join("cache");
    let found: Vec<_> = listing_paths(&root).into_iter().filter(|path| path.ends_with("index")).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

/// This file of the only package in the store.
fn in_store(project: &Project, path: &str) -> std::path::PathBuf {
    let index = index_in_store(project);
    let package = utoo_installer::PackageIndex::parse(&std::fs::read(&index).unwrap()).unwrap();
    package.find(path).unwrap().path_in(index.parent().unwrap())
}

/// What the last session leaves to be removed may vanish meanwhile.
fn listing_paths(root: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { all.extend(listing_paths(&path)) } else { all.push(path) }
    }
    all
}

async fn reinstalled(project: &Project, tree: &Value) -> usize {
    std::fs::remove_dir_all(project.modules()).unwrap();
    let before = project.registry.requests();
    project.install(tree.clone()).await.unwrap();
    project.registry.requests() - before
}

#[tokio::test]
async fn a_damaged_store_entry_is_fetched_again() {
    let project = Project::new();
    let tree = json!({"node_modules/a": project.registry.package("a", "1.0.0", &[("lib/index.js", "a1")])});
    project.install(tree.clone()).await.unwrap();
    let whole = project.listing();

    std::fs::remove_file(in_store(&project, "lib/index.js")).unwrap();
    assert_eq!(reinstalled(&project, &tree).await, 1, "a file was gone");
    assert_eq!(project.listing(), whole);

    let index = index_in_store(&project);
    std::fs::File::options().write(true).open(&index).unwrap().set_len(40).unwrap();
    assert_eq!(reinstalled(&project, &tree).await, 1, "the index was cut");
    std::fs::remove_file(&index).unwrap();
    assert_eq!(reinstalled(&project, &tree).await, 1, "the index was gone");
    assert_eq!(reinstalled(&project, &tree).await, 0);

    assert_eq!(project.store().verify().unwrap(), []);
    let file = in_store(&project, "lib/index.js");
    std::fs::remove_file(&file).unwrap();
    write(&file, "a2");
    let damages = project.store().verify().unwrap();
    assert_eq!(damages.len(), 1);
    assert_eq!(damages[0].file.as_deref(), Some("lib/index.js"));
    assert_eq!(reinstalled(&project, &tree).await, 1, "verify removed the entry");
    assert_eq!(project.listing(), whole);
}

#[tokio::test]
async fn an_unreadable_hidden_lockfile_costs_only_work() {
    let project = Project::new();
    let tree = json!({"node_modules/a": project.registry.package("a", "1.0.0", &[("index.js", "a1")])});
    project.install(tree.clone()).await.unwrap();
    let whole = project.listing();
    let hidden = project.modules().join(".package-lock.json");
    let text = read(&hidden);
    for damaged in ["", "{", "[]", r#"{"packages":{"node_modules/../../x":{}}}"#, &text[..text.len() / 2]] {
        write(&hidden, damaged);
        project.install(tree.clone()).await.unwrap();
        assert_eq!(project.listing(), whole, "{damaged:?}");
        assert_eq!(read(&hidden), text);
    }
}

#[tokio::test]
async fn several_installs_at_once_end_as_one() {
    let project = Project::new();
    let tree: serde_json::Map<String, Value> = (0..20)
        .map(|at| {
            let name = format!("p{at}");
            (format!("node_modules/{name}"), project.registry.package(&name, "1.0.0", &[("index.js", &name)]))
        })
        .collect();
    let tree = Value::Object(tree);
    let other = Project {
        folder: tempfile::tempdir_in(project.folder.path()).unwrap(),
        registry: project.registry.clone(),
    };
    std::fs::create_dir(other.root()).unwrap();
    let elsewhere = utoo_installer::InstallerOptions { project: other.root(), ..project.options() };
    let elsewhere = other.installer(elsewhere);
    let (a, b, c) = tokio::join!(
        project.install(tree.clone()),
        project.install(tree.clone()),
        elsewhere.install(utoo_installer::InstallRequest::new(lockfile(tree.clone()))),
    );
    a.unwrap();
    b.unwrap();
    c.unwrap();
    assert_eq!(project.listing().len(), 41);
    assert_eq!(project.listing(), other.listing());
}

/// Where the file system tells them apart, all of them are files of their own, as with npm; where it does not, the last
/// one's text is there. In no case are two of them mixed.
#[tokio::test]
async fn names_that_differ_in_case_or_form_never_mix() {
    let names = ["Foo", "foo", "caf\u{e9}", "cafe\u{301}"];
    let (project, result) = unpack(|tar| {
        append(tar, "package/package.json", "{}", 0o644);
        for name in names {
            append(tar, &format!("package/{name}"), name, 0o644);
        }
    })
    .await;
    result.unwrap();
    let list = project.listing();
    for name in names {
        let text = &list[&format!("a/{name}")];
        assert!(text == name || list.len() < names.len() + 2, "{name}: {text}");
        assert!(names.contains(&text.as_str()), "{name}: {text}");
    }
}

/// A gzip member of zeros, many times: some hundred kilobytes that want to be more than the bound.
#[tokio::test]
async fn a_bomb_is_named_and_leaves_nothing() {
    let block = vec![0; 8 << 20];
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &block).unwrap();
    let member = encoder.finish().unwrap();
    let members = usize::try_from(utoo_installer::BOMB_FLOOR).unwrap() / block.len() + 1;
    let project = Project::new();
    // Behind a package, so that it is not the lack of one that is found.
    let package = tarball(&[("package.json", "{}"), ("a.js", "")]);
    let entry = project.registry.add("a", "1.0.0", [package, member.repeat(members)].concat());
    let (code, text) = code(project.install(json!({"node_modules/a": entry})).await);
    assert_eq!(code, "ETARBALLSIZE", "{text}");
    assert!(text.contains("a@1.0.0"), "{text}");
    assert!(!project.modules().join("a").exists());
    assert_store_is_clean(&project);
}
