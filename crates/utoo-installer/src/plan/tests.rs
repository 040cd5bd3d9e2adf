//! Plans as data: a tree, a disk, the steps.

use serde_json::json;
use utoo_types::{Omit, Platform, Platforms};

use super::*;
use crate::select::{Fitness, select};

fn lockfile(packages: serde_json::Value) -> Lockfile {
    let mut all = json!({"": {"name": "p"}});
    let serde_json::Value::Object(packages) = packages else { panic!("no object: {packages}") };
    all.as_object_mut().unwrap().extend(packages);
    let text = json!({"lockfileVersion": 3, "packages": all}).to_string();
    Lockfile::parse(&text, "package-lock.json").unwrap()
}

fn package(version: &str) -> serde_json::Value {
    json!({"version": version, "resolved": format!("https://registry.example/p-{version}.tgz")})
}

/// `(hidden lockfile, what is found)`
fn disk(listed: serde_json::Value, found: &[(&str, Found)]) -> DiskState {
    DiskState {
        is_unfinished: false,
        hidden: Lockfile::default(),
        listed: lockfile(listed).packages.into_iter().collect(),
        found: found.iter().map(|(location, found)| ((*location).into(), found.clone())).collect(),
        obstacles: Vec::new(),
        emptied: Vec::new(),
    }
}

fn plan_of(tree: &Lockfile, disk: &DiskState) -> Plan {
    let platform = Platform { os: "linux".into(), cpu: "x64".into(), libc: Some("glibc".into()) };
    let fitness = Fitness { platforms: Platforms::both(platform), ..Fitness::default() };
    let selection = select(tree, Omit::default(), &fitness, &FxHashSet::default()).unwrap();
    plan(tree, &selection, disk, &|_, target| format!("../{target}"))
}

fn steps(tree: &Lockfile, disk: &DiskState) -> Vec<(String, Action)> {
    plan_of(tree, disk).steps.into_iter().map(|step| (step.location.to_string(), step.action)).collect()
}

fn expect(steps: &[(&str, Action)]) -> Vec<(String, Action)> {
    steps.iter().map(|(location, action)| ((*location).to_owned(), *action)).collect()
}

use Action::{Add, Change, Keep, Remove, Withdraw};
use Found::{Folder, Link, Listed, Other};

#[test]
fn an_empty_disk_gets_everything_parents_first() {
    let tree = lockfile(json!({
        "node_modules/a/node_modules/b": package("2.0.0"),
        "node_modules/a-b": package("1.0.0"),
        "node_modules/a": package("1.0.0"),
        "node_modules/@s/c": package("1.0.0"),
    }));
    assert_eq!(
        steps(&tree, &DiskState::default()),
        expect(&[
            ("node_modules/@s/c", Add),
            ("node_modules/a", Add),
            ("node_modules/a-b", Add),
            ("node_modules/a/node_modules/b", Add),
        ])
    );
}

#[test]
fn what_is_listed_and_the_same_is_kept_and_nothing_else() {
    let tree = lockfile(json!({
        "node_modules/same": package("1.0.0"),
        "node_modules/newer": package("2.0.0"),
        "node_modules/unlisted": package("1.0.0"),
        "node_modules/gone": package("1.0.0"),
        "node_modules/linked": package("1.0.0"),
        "node_modules/file": package("1.0.0"),
    }));
    let listed = json!({
        "node_modules/same": package("1.0.0"),
        "node_modules/newer": package("1.0.0"),
        "node_modules/gone": package("1.0.0"),
        "node_modules/linked": package("1.0.0"),
        "node_modules/stray": package("1.0.0"),
    });
    let disk = disk(
        listed,
        &[
            ("node_modules/same", Listed),
            ("node_modules/newer", Listed),
            ("node_modules/unlisted", Folder),
            ("node_modules/linked", Link("../elsewhere".into())),
            ("node_modules/file", Other),
            ("node_modules/stray", Listed),
            ("node_modules/stray/node_modules/below", Folder),
            ("node_modules/note.txt", Other),
        ],
    );
    assert_eq!(
        steps(&tree, &disk),
        expect(&[
            ("node_modules/file", Change),
            ("node_modules/gone", Add),
            ("node_modules/linked", Change),
            ("node_modules/newer", Change),
            ("node_modules/same", Keep),
            ("node_modules/stray", Remove),
            ("node_modules/unlisted", Change),
        ])
    );
}

#[test]
fn integrity_decides_before_the_url() {
    let hash =
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
    let other =
        "sha512-MJ7MSJwS1utMxA9QyQLytNDtd+5RGnx6m808qG1M2G+YndNbxf9JlnDaNCVbRbDP2DDoH2Bdz33FVC6TrpzXbw==";
    let entry = |url: &str, hash: &str| json!({"version": "1.0.0", "resolved": url, "integrity": hash});
    let tree = lockfile(json!({
        "node_modules/mirror": entry("https://mirror.example/x.tgz", hash),
        "node_modules/swapped": entry("https://registry.example/x.tgz", other),
    }));
    let listed = json!({
        "node_modules/mirror": entry("https://registry.example/x.tgz", hash),
        "node_modules/swapped": entry("https://registry.example/x.tgz", hash),
    });
    let disk = disk(listed, &[("node_modules/mirror", Listed), ("node_modules/swapped", Listed)]);
    assert_eq!(
        steps(&tree, &disk),
        expect(&[("node_modules/mirror", Keep), ("node_modules/swapped", Change)])
    );
}

#[test]
fn links_are_compared_by_their_text() {
    let tree = lockfile(json!({
        "packages/w": {"name": "w", "version": "1.0.0"},
        "packages/v": {"name": "v", "version": "1.0.0"},
        "node_modules/w": {"resolved": "packages/w", "link": true},
        "node_modules/v": {"resolved": "packages/v", "link": true},
        "packages/w/node_modules/dep": package("1.0.0"),
    }));
    let disk = disk(
        json!({}),
        &[
            ("node_modules/w", Link("../packages/w".into())),
            ("node_modules/v", Link("../packages/moved".into())),
            ("packages/w/node_modules/old", Folder),
        ],
    );
    assert_eq!(
        steps(&tree, &disk),
        expect(&[
            ("node_modules/v", Change),
            ("node_modules/w", Keep),
            ("packages/w/node_modules/dep", Add),
            ("packages/w/node_modules/old", Remove),
        ])
    );
}

#[test]
fn a_bundle_changes_as_a_whole() {
    let tree = lockfile(json!({
        "node_modules/a": package("1.0.0"),
        "node_modules/a/node_modules/inner": {"version": "1.0.0", "inBundle": true},
    }));
    let listed = json!({
        "node_modules/a": package("1.0.0"),
        "node_modules/a/node_modules/inner": {"version": "1.0.0", "inBundle": true},
    });
    let whole = [("node_modules/a", Listed), ("node_modules/a/node_modules/inner", Listed)];
    assert!(plan_of(&tree, &disk(listed.clone(), &whole)).is_empty());
    let half = disk(listed, &whole[..1]);
    let plan = plan_of(&tree, &half);
    assert_eq!(plan.steps[0].action, Change);
    assert_eq!(plan.steps[1].shape, Shape::Bundled("node_modules/a".into()));
}

#[test]
fn what_the_root_bundles_is_fetched_as_any_other() {
    let tree = lockfile(json!({
        "node_modules/a": {"version": "1.0.0", "resolved": "https://registry.example/a.tgz", "inBundle": true},
    }));
    assert_eq!(plan_of(&tree, &DiskState::default()).steps[0].shape, Shape::Package);
}

#[test]
fn nothing_below_an_obstacle_is_there() {
    let tree = lockfile(json!({"node_modules/@s/a": package("1.0.0")}));
    let mut disk = disk(json!({"node_modules/@s/a": package("1.0.0")}), &[("node_modules/@s/a", Listed)]);
    disk.obstacles.push("node_modules/@s".into());
    assert_eq!(steps(&tree, &disk), expect(&[("node_modules/@s/a", Add)]));
}

#[test]
fn what_is_below_something_that_goes_is_made_anew() {
    let nested = "node_modules/gone/node_modules/a";
    let tree = lockfile(json!({nested: package("1.0.0")}));
    let disk = disk(json!({nested: package("1.0.0")}), &[("node_modules/gone", Folder), (nested, Listed)]);
    assert_eq!(steps(&tree, &disk), expect(&[("node_modules/gone", Remove), (nested, Add)]));
}

#[test]
fn what_cannot_be_had_is_withdrawn_and_what_was_there_of_its_set_goes() {
    let tree = lockfile(json!({
        "node_modules/new": package("1.0.0"),
        "node_modules/kept": package("1.0.0"),
        "node_modules/other": package("2.0.0"),
        "node_modules/plain": package("1.0.0"),
    }));
    let listed = json!({"node_modules/kept": package("1.0.0"), "node_modules/other": package("1.0.0")});
    let disk = disk(listed, &[("node_modules/kept", Listed), ("node_modules/other", Listed)]);
    let mut plan = plan_of(&tree, &disk);
    let gone = ["node_modules/new", "node_modules/kept", "node_modules/other"].map(Into::into);
    let selection = select(&tree, Omit::default(), &Fitness::default(), &FxHashSet::from_iter(gone)).unwrap();
    plan.withdraw(&selection);
    let steps: Vec<_> = plan.steps.iter().map(|step| (step.location.to_string(), step.action)).collect();
    assert_eq!(
        steps,
        expect(&[
            ("node_modules/kept", Remove),
            ("node_modules/new", Withdraw),
            ("node_modules/other", Remove),
            ("node_modules/plain", Add),
        ])
    );
}
