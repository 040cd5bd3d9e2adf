//! Which of the manifests that the core lacks are for packages that it only tries out, beside one that names them as
//! peers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use utoo_lockfile::Lockfile;
use utoo_resolver::{ManifestCache, ManifestJob, ManifestJobDone, Project, ResolveOptions, Resolver, Step};
use utoo_types::{Manifest, Packument};

/// The only version of each package.
fn packument(name: &str) -> Packument {
    let fields = match name {
        "plugin" => {
            json!({"peerDependencies": {"huge": "*"}, "peerDependenciesMeta": {"huge": {"optional": true}}})
        }
        "huge" => json!({"dependencies": {"engine": "*"}, "peerDependencies": {"view": "*"}}),
        "late" => json!({"peerDependencies": {"huge": "*"}}),
        _ => json!({}),
    };
    let mut version = fields;
    version["name"] = name.into();
    version["version"] = "1.0.0".into();
    let document = json!({"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}});
    Packument::from_json(document.to_string().into_bytes()).unwrap()
}

/// Resolves these dependencies, and answers at each stop only the question that `first` prefers. Gives what was asked at each
/// stop, with a question mark behind what is only tried.
fn asked(dependencies: &Value, first: impl Fn(&str) -> u32) -> Vec<Vec<String>> {
    asked_of(&project(dependencies), first)
}

fn project(dependencies: &Value) -> Project {
    Project::new(Manifest::from_value(&json!({"name": "root", "dependencies": dependencies})))
}

fn asked_of(project: &Project, first: impl Fn(&str) -> u32) -> Vec<Vec<String>> {
    let options = ResolveOptions::default();
    let mut resolver = Resolver::new(project, &options).unwrap();
    let mut cache = ManifestCache::new();
    let mut stops = Vec::new();
    while let Step::Blocked(jobs) = resolver.advance(&cache).unwrap() {
        let names = jobs.iter().filter_map(|job| match job {
            ManifestJob::Version { name, .. } => Some((name.clone(), resolver.only_tries(job))),
            _ => None,
        });
        let names: Vec<_> = names.collect();
        let answered = names.iter().map(|(name, _)| name).min_by_key(|name| first(name.as_str())).unwrap();
        let done = ManifestJobDone::Full(packument(answered.as_str()));
        cache.insert(ManifestJob::Full { name: answered.clone() }, Ok(done));
        let mark = |is_tried| if is_tried { "?" } else { "" };
        let mut said: Vec<_> = names.iter().map(|(name, tried)| format!("{name}{}", mark(*tried))).collect();
        said.sort();
        stops.push(said);
    }
    stops
}

#[test]
fn an_optional_peer_and_its_peers_are_only_tried() {
    let stops = asked(&json!({"plugin": "*"}), |_| 0);
    assert_eq!(stops, [["plugin"], ["huge?"], ["view?"]]);
}

#[test]
fn what_the_project_itself_wants_is_more_than_tried() {
    let stops = asked(&json!({"huge": "*", "plugin": "*"}), |name| u32::from(name != "plugin"));
    let all: Vec<String> = stops.concat();
    assert!(!all.iter().any(|name| name.ends_with('?')), "{stops:?}");
    assert!(all.contains(&"engine".to_owned()), "{stops:?}");
}

#[test]
fn what_was_tried_first_and_has_to_be_placed_then_is_no_longer_only_tried() {
    let order = |name: &str| ["plugin", "late"].iter().position(|first| *first == name).unwrap_or(2) as u32;
    let stops = asked(&json!({"plugin": "*", "late": "*"}), order);
    assert_eq!(stops[..3], [vec!["late", "plugin"], vec!["huge?", "late"], vec!["huge"]]);
}

/// A project with a lockfile in which `outer` has a `plugin` that wants another version of `huge`, or one of `absent`.
fn locked(peer: &str) -> Project {
    let dependencies = json!({"huge": "0.1.0", "outer": "*"});
    let entry = |version: &str| json!({"version": version});
    let mut plugin = entry("1.0.0");
    plugin["peerDependencies"] = json!({peer: "^1.0.0"});
    let mut outer = entry("1.0.0");
    outer["dependencies"] = json!({"plugin": "*"});
    let lock = json!({
        "name": "root", "lockfileVersion": 3, "requires": true,
        "packages": {
            "": {"name": "root", "dependencies": dependencies},
            "node_modules/huge": entry("0.1.0"),
            "node_modules/outer": outer,
            "node_modules/plugin": plugin,
        },
    });
    let mut project = project(&dependencies);
    project.lock = Some(Lockfile::parse(&lock.to_string(), "package-lock.json").unwrap().into());
    project
}

#[test]
fn a_locked_packages_peer_is_only_tried_where_another_version_is_there() {
    assert_eq!(asked_of(&locked("huge"), |_| 0), [["huge?"], ["view?"]]);
    assert_eq!(asked_of(&locked("absent"), |_| 0), [["absent"]]);
}
