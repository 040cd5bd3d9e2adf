//! Which packages an installer hears of while the resolve goes on.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use utoo_resolver::{ManifestCache, ManifestJob, ManifestJobDone, Project, ResolveOptions, Resolver, Step};
use utoo_types::{Manifest, Packument, Platform, Platforms};

/// The only version of each package: `tool` has builds for two machines, of which one is made of a third package, that
/// of another, and of what `tool` itself needs.
fn packument(name: &str) -> Packument {
    let mut version = match name {
        "tool" => json!({
            "optionalDependencies": {"tool-linux": "*", "tool-freebsd": "*"}, "dependencies": {"shared": "*"}}),
        "tool-linux" => json!({"os": ["linux"], "dependencies": {"lib-linux": "*"}}),
        "tool-freebsd" => json!({"os": ["freebsd"], "dependencies": {"tool-wasm": "*", "shared": "*"}}),
        "tool-wasm" => json!({"dependencies": {"runtime": "*"}}),
        _ => json!({}),
    };
    version["name"] = name.into();
    version["version"] = "1.0.0".into();
    version["dist"] = json!({"tarball": format!("https://registry.example/{name}/-/{name}-1.0.0.tgz")});
    let document = json!({"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}});
    Packument::from_json(document.to_string().into_bytes()).unwrap()
}

fn chosen(dependencies: &Value, os: &str) -> Vec<String> {
    let project = Project::new(Manifest::from_value(&json!({"name": "root", "dependencies": dependencies})));
    let platform = Platform { os: os.into(), ..Platform::current() };
    let options = ResolveOptions { platforms: Some(Platforms::both(platform)), ..ResolveOptions::default() };
    let mut resolver = Resolver::new(&project, &options).unwrap();
    let mut cache = ManifestCache::new();
    let mut chosen = Vec::new();
    while let Step::Blocked(jobs) = resolver.advance(&cache).unwrap() {
        for job in jobs {
            let ManifestJob::Version { name, .. } = job else { continue };
            let done = ManifestJobDone::Full(packument(name.as_str()));
            cache.insert(ManifestJob::Full { name }, Ok(done));
        }
        chosen.extend(resolver.take_chosen());
    }
    chosen.extend(resolver.take_chosen());
    let mut names: Vec<_> = chosen.into_iter().map(|chosen| chosen.name.to_string()).collect();
    names.sort();
    names
}

#[test]
fn what_only_packages_for_other_machines_need_is_not_worth_fetching() {
    let tool = json!({"tool": "*"});
    assert_eq!(chosen(&tool, "linux"), ["lib-linux", "shared", "tool", "tool-linux"]);
    assert_eq!(chosen(&tool, "freebsd"), ["runtime", "shared", "tool", "tool-freebsd", "tool-wasm"]);
    // The project asks for one of them itself.
    let both = json!({"tool": "*", "runtime": "*"});
    assert_eq!(chosen(&both, "linux"), ["lib-linux", "runtime", "shared", "tool", "tool-linux"]);
}
