use serde_json::json;

use super::*;

fn tree(packages: Value) -> Lockfile {
    let document: serde_json::Map<_, _> =
        [("lockfileVersion".to_owned(), json!(3)), ("packages".to_owned(), packages)].into_iter().collect();
    let text = Value::Object(document).to_string();
    Lockfile::parse(&text, "package-lock.json").unwrap()
}

fn linux() -> Platform {
    Platform { os: "linux".into(), cpu: "x64".into(), libc: Some("glibc".into()) }
}

fn left_out(tree: &Lockfile, omit: Omit) -> Vec<String> {
    let selection = select(tree, omit, &linux(), PlatformCheck::Enforce).unwrap();
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
fn a_required_package_for_another_platform_is_an_error_or_forced() {
    let tree = tree(json!({"": {}, "node_modules/mac": {"version": "2.0.0", "os": ["darwin"]}}));
    let error = select(&tree, Omit::default(), &linux(), PlatformCheck::Enforce).unwrap_err();
    assert_eq!(error.code(), "EBADPLATFORM");
    assert!(error.to_string().contains("mac@2.0.0"), "{error}");
    let forced = select(&tree, Omit::default(), &linux(), PlatformCheck::Ignore).unwrap();
    assert!(forced.left_out.is_empty());
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
    let error = select(&planted, Omit::default(), &linux(), PlatformCheck::Enforce).unwrap_err();
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
