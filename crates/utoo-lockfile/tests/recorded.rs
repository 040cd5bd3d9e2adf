//! What npm wrote (`scripts/record-lockfiles`), read and written again.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use utoo_lockfile::{Entry, Format, Lockfile};
use utoo_types::{Manifest, PackageName};

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lockfiles").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parse(name: &str) -> Lockfile {
    Lockfile::parse(&fixture(name), name).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn version_3_is_written_as_it_was_read() {
    for name in [
        "kinds.v3.json",
        "workspaces.lock.json",
        "keys.lock.json",
        "format-tab.lock.json",
        "format-crlf.lock.json",
        "format-wide.lock.json",
        "real.lock.json",
    ] {
        let text = fixture(name);
        let lock = Lockfile::parse(&text, name).unwrap();
        assert!(lock.to_text() == text, "{name} is written otherwise:\n{}", lock.to_text());
        assert_eq!((lock.original_version, lock.ancient), (Some(3), false));
    }
}

#[test]
fn order_of_entries_and_fields_is_npms_whatever_was_read() {
    let text = fixture("workspaces.lock.json");
    let mut value: Value = serde_json::from_str(&text).unwrap();
    reverse(&mut value);
    let reversed = serde_json::to_string(&value).unwrap();
    let mut lock = Lockfile::parse(&reversed, "").unwrap();
    lock.format = Format::default();
    assert_eq!(lock.to_text(), text);
}

fn reverse(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let members: Vec<_> = std::mem::take(map).into_iter().rev().collect();
            map.extend(members);
            map.values_mut().for_each(reverse);
        }
        Value::Array(list) => list.iter_mut().for_each(reverse),
        _ => {}
    }
}

#[test]
fn the_hidden_lockfile_is_written_as_it_was_read() {
    let text = fixture("workspaces.hidden.json");
    let lock = Lockfile::parse(&text, "").unwrap();
    assert!(lock.root().is_none());
    assert_eq!(lock.to_hidden_text(), text);
}

#[test]
fn the_hidden_lockfile_is_the_lockfile_without_the_root_and_what_is_not_installed() {
    let mut lock = parse("workspaces.lock.json");
    lock.packages.shift_remove("node_modules/windows").unwrap();
    assert_eq!(lock.to_hidden_text(), fixture("workspaces.hidden.json"));
}

#[test]
fn each_version_is_written_from_any_that_says_as_much() {
    for name in ["kinds.v2.json", "kinds.v3.json"] {
        let mut lock = parse(name);
        for (version, written) in [(1, "kinds.v1.json"), (2, "kinds.v2.json"), (3, "kinds.v3.json")] {
            lock.lockfile_version = version;
            let text = lock.to_text();
            assert!(text == fixture(written), "{name} as version {version}:\n{text}");
        }
    }
}

#[test]
fn a_version_2_stays_one() {
    let lock = parse("kinds.v2.json");
    assert_eq!((lock.original_version, lock.ancient), (Some(2), false));
    assert_eq!(lock.to_text(), fixture("kinds.v2.json"));
}

/// Version 1 of a project has the same packages from the same places as version 3, and the same flags.
#[test]
fn version_1_becomes_the_locations_of_version_3() {
    let (old, new) = (parse("kinds.v1.json"), parse("kinds.v3.json"));
    assert_eq!((old.original_version, old.ancient), (Some(1), true));
    let mut locations: Vec<_> = old.packages.keys().collect();
    let mut expected: Vec<_> = new.packages.keys().collect();
    locations.sort();
    expected.sort();
    assert_eq!(locations, expected);
    for (location, entry) in &old.packages {
        let expected = &new.packages[location];
        let flags = |entry: &Entry| {
            [
                entry.link,
                entry.dev,
                entry.optional,
                entry.dev_optional,
                entry.peer,
                entry.in_bundle,
                entry.extraneous,
            ]
        };
        assert_eq!(flags(entry), flags(expected), "{location}");
        assert_eq!(entry.resolved, expected.resolved, "{location}");
        assert_eq!(entry.integrity, expected.integrity, "{location}");
        // Of folders and tarballs version 1 says only where they are.
        if location.starts_with("node_modules/") && &**location != "node_modules/tgz" {
            assert_eq!((&entry.version, &entry.name), (&expected.version, &expected.name), "{location}");
        }
    }
}

#[test]
fn manifests_become_the_entries_that_npm_wrote() {
    let recorded: Vec<Value> = serde_json::from_str(&fixture("odd-manifests.json")).unwrap();
    assert!(recorded.len() > 70);
    let mut wrong = Vec::new();
    for case in &recorded {
        let manifest = Manifest::from_value(&case["manifest"]);
        let written = text_of(Entry::from_manifest(&manifest));
        let expected = text_of(serde_json::from_value(case["entry"].clone()).unwrap());
        if written != expected {
            wrong.push(format!("{}:\n{written}\ninstead of\n{expected}", manifest.name.as_str()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn text_of(entry: Entry) -> String {
    let mut lock = Lockfile::default();
    lock.packages.insert("x".into(), entry);
    lock.to_text()
}

/// An entry that came from a manifest gives a manifest that makes the same entry.
#[test]
fn entries_become_manifests_and_entries_again() {
    for name in ["kinds.v3.json", "real.lock.json", "keys.lock.json"] {
        for (location, entry) in &parse(name).packages {
            if !location.starts_with("node_modules/") || entry.link {
                continue;
            }
            let own_name = PackageName::new_unchecked(utoo_lockfile::name_of_location(location));
            let manifest = entry.to_manifest(&own_name);
            let mut again = Entry::from_manifest(&manifest).named_at(location, &manifest.name);
            again.dev = entry.dev;
            again.optional = entry.optional;
            again.dev_optional = entry.dev_optional;
            again.peer = entry.peer;
            again.in_bundle = entry.in_bundle;
            if entry.resolved.as_deref().is_some_and(|resolved| resolved.starts_with("file:")) {
                assert_eq!(manifest.dist, None, "a file is no download");
                again.resolved.clone_from(&entry.resolved);
                again.integrity.clone_from(&entry.integrity);
            }
            assert_eq!(&again, entry, "{name} {location}");
        }
    }
}

#[test]
fn folders_have_their_name_where_the_location_lacks_it() {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let package =
        json(r#"{"name": "@w/two", "devDependencies": {"d": "1"}, "workspaces": {"packages": ["x"]}}"#);
    let manifest = Manifest::from_value(&package);
    let workspaces = package.get("workspaces").cloned().map(Arc::new);
    let entry = |location| Entry::from_folder(&manifest, location, workspaces.as_ref());
    assert_eq!(entry("ws/two").name, Some(manifest.name.clone()));
    assert_eq!(entry("ws/@w/two").name, None);
    assert_eq!(entry("").name, Some(manifest.name.clone()));
    assert_eq!(entry("").dev_dependencies, manifest.dev_dependencies);
    assert_eq!(entry("").workspaces, workspaces);
}
