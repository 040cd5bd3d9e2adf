use serde_json::{Value, json};

use super::*;
use crate::registry::ManifestJobDone;

/// A registry of versions, and what the guess asks of it.
struct Guess {
    prefetch: Prefetch,
    cache: ManifestCache,
    options: ResolveOptions,
    packuments: Vec<Packument>,
}

impl Guess {
    /// `[name, version, fields]` of each version, the newest of a name last.
    fn new(versions: &[(&str, &str, Value)]) -> Self {
        let mut documents = serde_json::Map::new();
        for (name, version, fields) in versions {
            let document = documents
                .entry(*name)
                .or_insert_with(|| json!({ "name": name, "dist-tags": {}, "versions": {} }));
            document["dist-tags"]["latest"] = json!(version);
            let mut manifest = fields.clone();
            manifest["name"] = json!(name);
            manifest["version"] = json!(version);
            document["versions"][*version] = manifest;
        }
        let parse = |document: &Value| Packument::from_json(document.to_string().into_bytes()).unwrap();
        let packuments = documents.values().map(parse).collect();
        let options = ResolveOptions::default();
        Self { prefetch: Prefetch::default(), cache: ManifestCache::new(), options, packuments }
    }

    /// Wants these of the root, and answers each question in the order in which it was asked. Gives all the questions.
    fn asked(mut self, root: &[(&str, &str)]) -> Vec<String> {
        let mut jobs = VecDeque::new();
        for &(name, spec) in root {
            let known = Known { cache: &self.cache, options: &self.options };
            let want = (&PackageName::new_unchecked(name), &Arc::from(spec), Strength::Sure);
            self.prefetch.want(want, known, &mut jobs);
        }
        let mut asked = Vec::new();
        while let Some(job) = jobs.pop_front() {
            let ManifestJob::Version { name, .. } = job else { unreachable!("a guess is about versions") };
            if asked.contains(&name.to_string()) {
                continue;
            }
            asked.push(name.to_string());
            let packument =
                self.packuments.iter().find(|packument| *packument.name() == name).unwrap().clone();
            self.cache.insert(ManifestJob::Full { name }, Ok(ManifestJobDone::Full(packument.clone())));
            let known = Known { cache: &self.cache, options: &self.options };
            self.prefetch.arrived(&packument, known, &mut jobs);
        }
        asked
    }
}

fn plugin_and_its_host() -> Guess {
    Guess::new(&[
        ("old-parser", "1.0.0", json!({})),
        ("new-parser", "1.0.0", json!({})),
        ("host", "3.0.0", json!({ "dependencies": { "old-parser": "^1.0.0" } })),
        ("host", "9.0.0", json!({ "dependencies": { "new-parser": "^1.0.0" } })),
        ("plugin", "1.0.0", json!({ "peerDependencies": { "host": ">=3" } })),
    ])
}

#[test]
fn a_peer_that_something_else_brings_is_not_followed_to_its_newest_version() {
    let wanted = [("plugin", "^1.0.0"), ("host", "^3.0.0")];
    assert_eq!(plugin_and_its_host().asked(&wanted), ["plugin", "host", "old-parser"]);
    let reversed = [("host", "^3.0.0"), ("plugin", "^1.0.0")];
    assert_eq!(plugin_and_its_host().asked(&reversed), ["host", "plugin", "old-parser"]);
}

#[test]
fn a_peer_that_nothing_else_brings_is_followed() {
    assert_eq!(plugin_and_its_host().asked(&[("plugin", "^1.0.0")]), ["plugin", "host", "new-parser"]);
}

#[test]
fn peers_are_not_asked_for_where_the_tree_has_none() {
    let mut guess = plugin_and_its_host();
    guess.options.peers = Peers::Ignore;
    assert_eq!(guess.asked(&[("plugin", "^1.0.0")]), ["plugin"]);
}

#[test]
fn what_is_a_peer_first_and_a_dependency_later_is_followed() {
    let guess = Guess::new(&[
        ("leaf", "1.0.0", json!({})),
        ("shared", "1.0.0", json!({ "dependencies": { "leaf": "*" } })),
        ("a", "1.0.0", json!({ "peerDependencies": { "shared": "^1.0.0" } })),
        ("b", "1.0.0", json!({ "dependencies": { "shared": "^1.0.0" } })),
    ]);
    assert_eq!(guess.asked(&[("a", "*"), ("b", "*")]), ["a", "b", "shared", "leaf"]);
}

#[test]
fn an_optional_peer_is_asked_for_with_its_peers_and_without_what_it_needs() {
    let plugin = json!({
        "peerDependencies": {"huge": "*", "host": "*"},
        "peerDependenciesMeta": {"huge": {"optional": true}},
    });
    let huge = json!({ "dependencies": {"engine": "*"}, "peerDependencies": {"view": "*"} });
    let versions = [
        ("plugin", "1.0.0", plugin),
        ("huge", "1.0.0", huge),
        ("engine", "1.0.0", json!({})),
        ("view", "1.0.0", json!({ "dependencies": {"paint": "*"} })),
        ("paint", "1.0.0", json!({})),
        ("host", "1.0.0", json!({ "dependencies": {"paint": "*"} })),
        ("app", "1.0.0", json!({ "dependencies": {"huge": "*"} })),
    ];
    let sorted = |mut asked: Vec<String>| {
        asked.sort();
        asked
    };
    let asked = Guess::new(&versions[..6]).asked(&[("plugin", "1")]);
    assert_eq!(sorted(asked), ["host", "huge", "paint", "plugin", "view"]);
    // What is looked at first and needed later brings all along.
    let asked = Guess::new(&versions).asked(&[("plugin", "1"), ("app", "1")]);
    assert_eq!(sorted(asked), ["app", "engine", "host", "huge", "paint", "plugin", "view"]);
}
