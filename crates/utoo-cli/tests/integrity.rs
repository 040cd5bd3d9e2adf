//! Bytes that are not what was promised: refused by name, and nothing of them stays.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod common;

use std::path::Path;

use common::{document, done};
use serde_json::{Value, json};
use utoo_installer::PackageIndex;
use utoo_testkit::{Fault, FaultPlan, FixtureRegistry, Nth, TarballFile, TestProject};

const PROJECT: &str = r#"{"name": "app", "version": "1.0.0", "dependencies": {"right": "^1.0.0"}}"#;
const LEFT: &str = "/left/-/left-1.2.0.tgz";

/// The common registry, `left` with enough in it to cut and to damage.
fn registry() -> FixtureRegistry {
    let mut registry = common::registry();
    let text: String = (0..5000).map(|line| format!("// line {line}\n")).collect();
    let manifest = json!({"name": "left", "version": "1.2.0"});
    registry.publish(manifest, &[TarballFile::new("index.js", text)]).unwrap();
    registry
}

fn project() -> TestProject {
    let project = TestProject::new(registry()).unwrap();
    project.write("package.json", PROJECT).unwrap();
    // A truncated body is asked for again; the pauses between would only be waited for.
    project
        .write(
            ".npmrc",
            "cache-dir=cache\nfetch-retries=1\nfetch-retry-mintimeout=1\nfetch-retry-maxtimeout=1\n",
        )
        .unwrap();
    project
}

/// The packages in the store, by the names in their package.json; and that nothing lies about beside them.
fn stored(project: &TestProject) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![project.dir().join("cache/store/v1")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        if folder.ends_with("tmp") {
            assert_eq!(entries, [""; 0].map(Path::new), "litter");
        } else if let Ok(index) = std::fs::read(folder.join("index")) {
            let index = PackageIndex::parse(&index).unwrap();
            names.push(index.facts().name);
            assert_eq!(entries.len(), 1 + index.len(), "an entry is an index and the files: {entries:?}");
        } else {
            let depth =
                folder.strip_prefix(project.dir().join("cache/store/v1")).unwrap().components().count();
            assert!(depth < 2, "{} has no index", folder.display());
            folders.extend(entries);
        }
    }
    names.sort();
    names
}

/// The install fails with this code about `left`, leaves `lock` as it is and nothing of `left`; without the fault, the
/// same command then succeeds.
#[track_caller]
fn refused_and_then_repaired(project: &TestProject, words: &str, code: &str) {
    let lock = project.read("package-lock.json");
    let failed = document(project, words);
    let error = &failed["error"];
    assert_eq!(error["code"], code, "{failed}");
    let text = error.to_string();
    assert!(text.contains("left@1.2.0"), "{text}");
    assert_eq!(project.read("package-lock.json"), lock, "the lockfile was touched");
    assert!(!stored(project).contains(&"left".to_owned()));
    assert!(!project.dir().join("node_modules/left").exists());
    assert!(project.hidden_lock().is_none_or(|hidden| !hidden.contains("node_modules/left")));
    let listed: Vec<_> = project.tree().into_keys().collect();
    assert!(listed.is_empty() || listed == ["node_modules/right"], "{listed:?}");
    project.server().set_faults(FaultPlan::new());
    done(project, words);
    assert_eq!(project.tree().len(), 2);
    assert_eq!(stored(project), ["left", "right"]);
}

#[test]
fn a_flipped_byte_is_refused_with_and_without_a_lockfile() {
    // The head, the middle and the last byte of the gzip stream's checksum.
    for at in [0, 3, 5_000, usize::MAX] {
        let faults = || FaultPlan::new().on(LEFT, Nth::Every, Fault::FlipByte { at });
        let project = project();
        project.server().set_faults(faults());
        refused_and_then_repaired(&project, "install", "EINTEGRITY");
        for words in ["install", "ci"] {
            std::fs::remove_dir_all(project.dir().join("cache")).unwrap();
            std::fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
            project.server().set_faults(faults());
            refused_and_then_repaired(&project, words, "EINTEGRITY");
        }
    }
}

#[test]
fn integrity_has_its_exit_code_and_names_both_digests() {
    let project = project();
    project.server().set_faults(FaultPlan::new().on(LEFT, Nth::Every, Fault::FlipByte { at: 9 }));
    let output = common::utoo(&project, "install");
    assert_eq!(output.code, Some(7), "{}", output.stderr);
    let promised = registry().document("left").unwrap()["versions"]["1.2.0"]["dist"]["integrity"].clone();
    for part in ["error: ", "left@1.2.0", "EINTEGRITY", promised.as_str().unwrap()] {
        assert!(output.stderr.contains(part), "{part} in {}", output.stderr);
    }
}

#[test]
fn other_bytes_are_refused_whatever_they_are() {
    let page = Fault::Body("<html>Sign in to this network</html>".into());
    let empty = Fault::Body("".into());
    let other = registry().tarball("right", "right-1.0.0.tgz").unwrap();
    for fault in [page, empty, Fault::Body(other)] {
        let project = project();
        project.server().set_faults(FaultPlan::new().on(LEFT, Nth::Every, fault));
        refused_and_then_repaired(&project, "install", "EINTEGRITY");
    }
}

#[test]
fn a_truncated_body_is_fetched_again_and_then_refused() {
    let project = project();
    project.server().set_faults(FaultPlan::new().on(LEFT, Nth::First(1), Fault::Cut { after: 1000 }));
    done(&project, "install");
    let asked = project.server().requests().iter().filter(|request| request.path == LEFT).count();
    assert_eq!(asked, 2);

    for after in [0, 1, 1000] {
        let project = self::project();
        project.server().set_faults(FaultPlan::new().on(LEFT, Nth::Every, Fault::Cut { after }));
        let failed = document(&project, "install");
        assert_eq!(failed["error"]["category"], "transient", "{failed}");
        assert_eq!(failed["error"]["exitCode"], 1);
        let code = failed["error"]["code"].as_str().unwrap().to_owned();
        project.server().reset_requests();
        refused_and_then_repaired(&project, "install", &code);
    }
}

/// A body that is short and says so itself: its length is right, its bytes are not.
#[test]
fn a_short_body_of_the_right_length_is_refused() {
    let whole = registry().tarball("left", "left-1.2.0.tgz").unwrap();
    let project = project();
    let half = Fault::Body(whole.slice(..whole.len() / 2));
    project.server().set_faults(FaultPlan::new().on(LEFT, Nth::Every, half));
    refused_and_then_repaired(&project, "install", "EINTEGRITY");
}

/// npm's code for it, the one that is no `E…`: the document that says it is held to its schema all the same.
#[test]
fn what_is_verified_and_no_tarball_is_named() {
    let page: &[u8] = b"<html>Sign in to this network</html>";
    let integrity = utoo_types::Integrity::of(utoo_types::Algorithm::Sha512, page).to_string();
    let mut registry = registry();
    registry
        .publish(json!({"name": "page", "version": "1.0.0", "dist": {"integrity": integrity}}), &[])
        .unwrap();
    let project = TestProject::new(registry).unwrap();
    project.write("package.json", r#"{"name": "app", "dependencies": {"page": "1.0.0"}}"#).unwrap();
    let body = Fault::Body(page.into());
    project.server().set_faults(FaultPlan::new().on("/page/-/*", Nth::Every, body));
    let failed = document(&project, "install");
    assert_eq!(failed["error"]["code"], "TAR_BAD_ARCHIVE", "{failed}");
    assert!(project.tree().is_empty());
}

/// The project after an install, its lockfile changed by `edit`, store and node_modules gone, and other bytes served.
fn tampered(edit: fn(&mut Value)) -> TestProject {
    let project = project();
    done(&project, "install");
    let mut lock = common::json(&project.read("package-lock.json").unwrap());
    edit(&mut lock["packages"]["node_modules/left"]);
    project.write("package-lock.json", &serde_json::to_string_pretty(&lock).unwrap()).unwrap();
    std::fs::remove_dir_all(project.dir().join("cache/store")).unwrap();
    std::fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project
}

fn other_bytes() -> FaultPlan {
    let mut other = FixtureRegistry::new();
    let evil = [TarballFile::new("index.js", "steal()")];
    other.publish(json!({"name": "left", "version": "1.2.0"}), &evil).unwrap();
    FaultPlan::new().on(LEFT, Nth::Every, Fault::Body(other.tarball("left", "left-1.2.0.tgz").unwrap()))
}

/// What a lockfile without integrity names is held to the registry's document. The lockfile stays without, as npm leaves it.
#[test]
fn an_integrity_stripped_from_the_lockfile_is_asked_for_again() {
    let project = tampered(|entry| drop(entry.as_object_mut().unwrap().remove("integrity")));
    project.server().set_faults(other_bytes());
    refused_and_then_repaired(&project, "install", "EINTEGRITY");
    let lock = common::json(&project.read("package-lock.json").unwrap());
    assert_eq!(lock["packages"]["node_modules/left"].get("integrity"), None);
    assert_eq!(lock["packages"]["node_modules/left"]["version"], "1.2.0");
}

/// Where several digests are given, the strongest alone decides: right weak ones do not help, wrong ones do not harm.
#[test]
fn only_the_strongest_digest_counts() {
    const WEAK: &str = "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let project = tampered(|entry| {
        let strong = entry["integrity"].as_str().unwrap().to_owned();
        entry["integrity"] = format!("{WEAK} {strong}").into();
    });
    project.server().set_faults(other_bytes());
    refused_and_then_repaired(&project, "install", "EINTEGRITY");
}

/// `shasum` of another package beside the right `integrity`, and a digest that is only weak: both are held to what they say.
#[test]
fn a_weak_digest_alone_is_verified_too() {
    let mut registry = registry();
    registry.publish(json!({"name": "old", "version": "1.0.0", "dist": {"integrity": null}}), &[]).unwrap();
    let project = TestProject::new(registry).unwrap();
    project.write("package.json", r#"{"name": "app", "dependencies": {"old": "1.0.0"}}"#).unwrap();
    project.server().set_faults(FaultPlan::new().on("/old/-/*", Nth::Every, Fault::FlipByte { at: 40 }));
    assert_eq!(document(&project, "install")["error"]["code"], "EINTEGRITY");
    project.server().set_faults(FaultPlan::new());
    done(&project, "install");
    let lock = common::json(&project.lock().unwrap());
    let integrity = lock["packages"]["node_modules/old"]["integrity"].as_str().unwrap();
    assert!(integrity.starts_with("sha1-"), "{integrity}");
}

/// A lockfile whose strong digest was swapped for a weak one of other bytes: the weak one is what it says, and the store's
/// entry of the strong one is not used for it.
#[test]
fn a_weak_digest_in_the_lockfile_is_no_way_around() {
    let project = tampered(|entry| entry["integrity"] = "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=".into());
    let failed = document(&project, "install");
    assert_eq!(failed["error"]["code"], "EINTEGRITY", "{failed}");
    assert!(!stored(&project).contains(&"left".to_owned()));
    assert!(!project.dir().join("node_modules/left").exists());
}

/// The resolver looks into it before there is anything to install.
#[test]
fn a_bundle_with_other_bytes_is_refused_before_it_is_read() {
    let mut registry = registry();
    let files =
        [TarballFile::new("node_modules/inner/package.json", r#"{"name": "inner", "version": "1.0.0"}"#)];
    let manifest = json!({"name": "bundler", "version": "1.0.0", "dependencies": {"inner": "1"},
        "bundleDependencies": ["inner"]});
    registry.publish(manifest, &files).unwrap();
    let project = TestProject::new(registry).unwrap();
    project.write(".npmrc", "cache-dir=cache\n").unwrap();
    project.write("package.json", r#"{"name": "app", "dependencies": {"bundler": "1.0.0"}}"#).unwrap();
    project.server().set_faults(FaultPlan::new().on("/bundler/-/*", Nth::Every, Fault::FlipByte { at: 99 }));
    for words in ["deps", "install"] {
        let failed = document(&project, words);
        assert_eq!(failed["error"]["code"], "EINTEGRITY", "{failed}");
        assert!(failed["error"].to_string().contains("bundler"), "{failed}");
        assert_eq!((stored(&project), project.lock()), (Vec::new(), None));
    }
    project.server().set_faults(FaultPlan::new());
    done(&project, "install");
    assert_eq!(project.tree().len(), 2);
}
