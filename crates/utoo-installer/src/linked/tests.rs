//! Keys are held to npm's by the scenarios in `fixtures/scenarios/linked`; here is what those cannot say.

use serde_json::json;

use super::*;
use crate::select::{Fitness, select};

fn lay(packages: &serde_json::Value) -> Result<Laid> {
    let text = json!({ "lockfileVersion": 3, "packages": packages }).to_string();
    let tree = Lockfile::parse(&text, "package-lock.json").unwrap();
    let selection = select(&tree, Omit::default(), &Fitness::default(), &FxHashSet::default())?;
    lay_out(&Plan {
        project: Path::new("/project"),
        tree: &tree,
        selection: &selection,
        inert: &FxHashSet::default(),
        omit: Omit::default(),
        linked: &Linked { workspaces: Vec::new(), peers: Peers::Required, fresh: Completion::All },
    })
}

fn locations(laid: &Laid) -> Vec<&str> {
    let mut locations: Vec<&str> = laid.tree.packages.keys().map(|location| &**location).collect();
    locations.sort_unstable();
    locations
}

#[test]
fn a_tarball_of_the_project_is_known_by_its_whole_path() {
    // As npm 11.19.1 has it for the path at hand.
    let laid = lay(&json!({
        "": { "dependencies": { "b": "file:b.tgz" } },
        "node_modules/b": { "version": "1.0.0", "resolved": "file:b.tgz" },
    }));
    let place = "node_modules/.store/b@1.0.0-QAT2r1nPhu9pks_W3tZfLA/node_modules/b";
    assert_eq!(locations(&laid.unwrap()), ["", place, "node_modules/b"]);
}

#[test]
fn two_copies_that_lead_to_the_same_are_one_and_stand_for_both() {
    let c = json!({ "version": "1.0.0", "resolved": "https://registry.example/c/-/c-1.0.0.tgz" });
    let laid = lay(&json!({
        "": { "dependencies": { "a": "*", "b": "*" } },
        "node_modules/a": { "version": "1.0.0", "dependencies": { "c": "1" } },
        "node_modules/a/node_modules/c": c,
        "node_modules/b": { "version": "1.0.0", "dependencies": { "c": "1" } },
        "node_modules/b/node_modules/c": c,
    }))
    .unwrap();
    let (place, origins) = laid.origins.iter().find(|(place, _)| name_of_location(place) == "c").unwrap();
    assert_eq!(origins.len(), 2);
    let links = laid.tree.packages.values().filter(|entry| entry.resolved.as_deref() == Some(place));
    assert_eq!(links.count(), 2);
}

#[test]
fn what_nothing_reaches_is_not_there() {
    let laid = lay(&json!({
        "": {},
        "node_modules/a": { "version": "1.0.0", "extraneous": true },
    }));
    assert_eq!(locations(&laid.unwrap()), [""]);
}

#[test]
fn no_version_leads_out_of_the_store() {
    for version in ["1/../../../../x", "..", "../../x", "1\\x", "1\0", "/etc"] {
        let laid = lay(&json!({
            "": { "dependencies": { "a": "*" } },
            "node_modules/a": { "version": version, "resolved": "https://registry.example/a/-/a-1.0.0.tgz" },
        }));
        match laid {
            Err(InstallError::Location { .. }) => {}
            Err(error) => panic!("{version:?}: {error}"),
            Ok(laid) => {
                // A version of dots is part of a longer name.
                let is_contained = |place: &&str| utoo_fs::check_relative(place).is_ok();
                assert!(locations(&laid).iter().skip(1).all(is_contained), "{version:?}");
                assert_eq!(version, "..");
            }
        }
    }
}

#[test]
fn links_to_what_is_broken_are_broken() {
    let laid = lay(&json!({
        "": { "dependencies": { "a": "*" } },
        "node_modules/a": { "version": "1.0.0", "optionalDependencies": { "gone": "*" } },
        "node_modules/gone": { "version": "1.0.0", "optional": true, "dependencies": { "c": "*" } },
        "node_modules/c": { "version": "1.0.0", "optional": true },
    }))
    .unwrap();
    let place = |name: &str| {
        let found = laid.origins.keys().find(|place| name_of_location(place) == name);
        found.unwrap().clone()
    };
    let inert = FxHashSet::from_iter([place("gone")]);
    let left = select(&laid.tree, Omit::default(), &Fitness::default(), &inert).unwrap().left_out;
    let mut names: Vec<&str> = left.iter().map(|location| name_of_location(location)).collect();
    names.sort_unstable();
    // gone and the link to it, c and the link to it.
    assert_eq!(names, ["c", "c", "gone", "gone"]);
}
