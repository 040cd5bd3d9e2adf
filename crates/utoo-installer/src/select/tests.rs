use serde_json::json;

use super::*;

fn tree(packages: Value) -> Lockfile {
    let document: serde_json::Map<_, _> =
        [("lockfileVersion".to_owned(), json!(3)), ("packages".to_owned(), packages)].into_iter().collect();
    let text = Value::Object(document).to_string();
    Lockfile::parse(&text, "package-lock.json").unwrap()
}

fn linux() -> Fitness {
    let linux = Platform { os: "linux".into(), cpu: "x64".into(), libc: Some("glibc".into()) };
    Fitness { platforms: Platforms::both(linux), ..Fitness::default() }
}

fn left_out(tree: &Lockfile, omit: Omit) -> Vec<String> {
    let selection = select(tree, omit, &linux(), &FxHashSet::default()).unwrap();
    let mut list: Vec<_> = selection.left_out.iter().map(ToString::to_string).collect();
    list.sort();
    list
}

#[test]
fn omit_goes_by_the_flags_of_the_lock() {
    let tree = tree(json!({
        "": {},
        "node_modules/prod": {"version": "1.0.0"},
        "node_modules/dev": {"version": "1.0.0", "dev": true},
        "node_modules/opt": {"version": "1.0.0", "optional": true},
        "node_modules/both": {"version": "1.0.0", "devOptional": true},
        "node_modules/peer": {"version": "1.0.0", "peer": true},
    }));
    let omit = |dev, optional, peer| Omit { dev, optional, peer };
    assert!(left_out(&tree, Omit::default()).is_empty());
    assert_eq!(left_out(&tree, omit(true, false, false)), ["node_modules/dev"]);
    assert_eq!(left_out(&tree, omit(false, true, false)), ["node_modules/opt"]);
    assert_eq!(
        left_out(&tree, omit(true, true, true)),
        ["node_modules/both", "node_modules/dev", "node_modules/opt", "node_modules/peer"]
    );
}

#[test]
fn an_optional_package_for_another_platform_takes_its_own_with_it() {
    let tree = tree(json!({
        "": {"dependencies": {"app": "1", "shared": "1"}},
        "node_modules/app": {"version": "1.0.0", "optionalDependencies": {"mac": "1"}, "dependencies": {"shared": "1"}},
        "node_modules/mac": {"version": "1.0.0", "optional": true, "os": ["darwin"],
            "dependencies": {"only-mac": "1", "shared": "1"}},
        "node_modules/only-mac": {"version": "1.0.0", "optional": true, "dependencies": {"deeper": "1"}},
        "node_modules/deeper": {"version": "1.0.0", "optional": true},
        "node_modules/shared": {"version": "1.0.0"},
    }));
    assert_eq!(
        left_out(&tree, Omit::default()),
        ["node_modules/deeper", "node_modules/mac", "node_modules/only-mac"]
    );
}

#[test]
fn an_optional_package_that_needs_a_broken_one_is_broken() {
    let tree = tree(json!({
        "": {"optionalDependencies": {"wrapper": "1"}},
        "node_modules/wrapper": {"version": "1.0.0", "optional": true, "dependencies": {"native": "1"}},
        "node_modules/native": {"version": "1.0.0", "optional": true, "cpu": "arm64"},
    }));
    assert_eq!(left_out(&tree, Omit::default()), ["node_modules/native", "node_modules/wrapper"]);
}

#[test]
fn a_peer_is_needed_unless_it_is_optional() {
    let meta = json!({"native": {"optional": true}});
    let tree = tree(json!({
        "": {"optionalDependencies": {"strict": "1", "lax": "1", "native": "1"}},
        "node_modules/strict": {"version": "1.0.0", "optional": true, "peerDependencies": {"native": "1"}},
        "node_modules/lax": {"version": "1.0.0", "optional": true, "peerDependencies": {"native": "1"},
            "peerDependenciesMeta": meta},
        "node_modules/native": {"version": "1.0.0", "optional": true, "cpu": "arm64"},
    }));
    assert_eq!(left_out(&tree, Omit::default()), ["node_modules/native", "node_modules/strict"]);
}

#[test]
fn a_required_package_for_another_platform_is_an_error_or_forced() {
    let tree = tree(json!({"": {}, "node_modules/mac": {"version": "2.0.0", "os": ["darwin"]}}));
    let error = select(&tree, Omit::default(), &linux(), &FxHashSet::default()).unwrap_err();
    assert_eq!(error.code(), "EBADPLATFORM");
    assert!(error.to_string().contains("mac@2.0.0"), "{error}");
    let ignoring = Fitness { platform_check: PlatformCheck::Ignore, ..linux() };
    let forced = select(&tree, Omit::default(), &ignoring, &FxHashSet::default()).unwrap();
    assert!(forced.left_out.is_empty());
    let mac = Platform { os: "darwin".into(), ..linux().platforms.chosen };
    let chosen = Fitness { platforms: Platforms { chosen: mac, ..linux().platforms }, ..linux() };
    let error = select(&tree, Omit::default(), &chosen, &FxHashSet::default()).unwrap_err();
    assert_eq!(error.code(), "EBADPLATFORM", "a plain dependency has to run on the machine itself");
}

#[test]
fn engines_leave_optional_packages_out_and_stop_others_where_they_are_strict() {
    let tree = tree(json!({
        "": {},
        "node_modules/old": {"version": "1.0.0", "engines": {"node": "<1"}},
        "node_modules/opt": {"version": "1.0.0", "engines": {"node": "<1"}, "optional": true},
        "node_modules/dev": {"version": "1.0.0", "engines": {"node": "<1"}, "dev": true},
    }));
    let engines = Engines { node: Some(utoo_types::Version::new(20, 0, 0)), npm: None };
    let lenient = Fitness { engines, ..linux() };
    let selection = select(&tree, Omit::default(), &lenient, &FxHashSet::default()).unwrap();
    assert_eq!(selection.left_out.iter().map(|at| &**at).collect::<Vec<_>>(), ["node_modules/opt"]);
    let strict = Fitness { engine_check: EngineCheck::Enforce, ..lenient.clone() };
    let error = select(&tree, Omit::default(), &strict, &FxHashSet::default()).unwrap_err();
    assert_eq!(error.code(), "EBADENGINE");
    let forced = Fitness { engine_check: EngineCheck::EnforceNpm, ..lenient };
    let selection = select(&tree, Omit::default(), &forced, &FxHashSet::default()).unwrap();
    assert_eq!(selection.left_out.iter().map(|at| &**at).collect::<Vec<_>>(), ["node_modules/opt"]);
    let npm = Engines { node: None, npm: Some(utoo_types::Version::new(11, 0, 0)) };
    let tree = self::tree(json!({"": {}, "node_modules/a": {"version": "1.0.0", "engines": {"npm": "<1"}}}));
    let error = select(&tree, Omit::default(), &Fitness { engines: npm, ..forced }, &FxHashSet::default());
    assert_eq!(error.unwrap_err().code(), "EBADENGINE");
}

#[test]
fn what_could_not_be_had_takes_its_own_with_it() {
    let tree = tree(json!({
        "": {"optionalDependencies": {"a": "1"}},
        "node_modules/a": {"version": "1.0.0", "optional": true, "dependencies": {"b": "1"}},
        "node_modules/b": {"version": "1.0.0", "optional": true},
    }));
    let inert = FxHashSet::from_iter(["node_modules/a".into()]);
    let selection = select(&tree, Omit::default(), &linux(), &inert).unwrap();
    assert!(selection.wanted.is_empty());
}

#[test]
fn locations_outside_need_a_link_that_leads_there() {
    let linked = tree(json!({
        "": {},
        "../lib": {"version": "1.0.0"},
        "node_modules/lib": {"resolved": "../lib", "link": true},
        "../lib/node_modules/dep": {"version": "1.0.0"},
    }));
    assert!(left_out(&linked, Omit::default()).is_empty());
    let planted = tree(json!({"": {}, "../victim/node_modules/dep": {"version": "1.0.0"}}));
    let error = select(&planted, Omit::default(), &linux(), &FxHashSet::default()).unwrap_err();
    assert_eq!(error.code(), "EBADLOCATION");
}

#[test]
fn bases_are_what_holds_the_outermost_modules() {
    for (location, base) in [
        ("node_modules/a/node_modules/b", ""),
        ("packages/w/node_modules/@s/a", "packages/w"),
        ("../lib/node_modules/a", "../lib"),
        ("packages/w", "packages/w"),
    ] {
        assert_eq!(base_of(location), base);
    }
}
