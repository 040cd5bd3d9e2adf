use serde_json::json;

use super::*;

fn documents() -> BTreeMap<String, Value> {
    let version = |name: &str, version: &str, more: Value| {
        let mut manifest = json!({"name": name, "version": version});
        manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (version.to_owned(), manifest)
    };
    let document = |name: &str, versions: Vec<(String, Value)>| {
        let latest = versions.last().unwrap().0.clone();
        let versions: serde_json::Map<String, Value> = versions.into_iter().collect();
        (name.to_owned(), json!({"name": name, "dist-tags": {"latest": latest}, "versions": versions}))
    };
    let peer = json!({"peerDependencies": {"c": "^1.0.0"}, "dependencies": {"aka": "npm:d@1"}});
    BTreeMap::from([
        document("a", vec![version("a", "1.0.0", json!({})), version("a", "1.1.0", peer)]),
        document(
            "c",
            ["1.0.0", "1.2.0", "2.0.0"].map(|number| version("c", number, json!({}))).into_iter().collect(),
        ),
        document("d", vec![version("d", "1.0.0", json!({})), version("d", "3.0.0", json!({}))]),
        document("guessed", vec![version("guessed", "1.0.0", json!({}))]),
    ])
}

#[test]
fn picks_of_picks_peers_and_aliases_are_reached_and_nothing_else() {
    let specs = vec![
        (PackageName::new_unchecked("a"), "*".into()),
        (PackageName::new_unchecked("c"), "latest".into()),
    ];
    let found = reachable(&documents(), &Wanted { specs, options: PickOptions::default() }).unwrap();
    let found: Vec<String> = found
        .iter()
        .flat_map(|(name, versions)| versions.iter().map(move |it| format!("{name}@{it}")))
        .collect();
    assert_eq!(found, ["a@1.1.0", "c@1.2.0", "c@2.0.0", "d@1.0.0"]);
}

#[test]
fn what_is_no_spec_of_a_registry_is_passed_over() {
    let specs = vec![
        (PackageName::new_unchecked("a"), "file:../a".into()),
        (PackageName::new_unchecked("x"), "1".into()),
    ];
    assert!(reachable(&documents(), &Wanted { specs, options: PickOptions::default() }).unwrap().is_empty());
}
