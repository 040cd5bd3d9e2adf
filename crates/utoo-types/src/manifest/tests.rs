//! Each field in the shapes that registries hold, with what npm wrote to the lockfile for it.

use serde_json::{Value, json};

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "cases are built in place")]
fn read(fields: Value) -> Manifest {
    let mut document = json!({"name": "p", "version": "1.0.0"});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let manifest = Manifest::from_value(&document);
    // A packument holds the same.
    let packument = json!({"name": "p", "versions": {"1.0.0": document}});
    let packument = crate::Packument::from_json(packument.to_string().into_bytes()).unwrap();
    let decoded = packument.find("1.0.0").unwrap().manifest();
    let registry = Manifest {
        dev_dependencies: Dependencies::new(),
        scripts: Vec::new(),
        overrides: None,
        private: false,
        ..manifest.clone()
    };
    assert_eq!(decoded, registry);
    manifest
}

fn pairs(block: &Dependencies) -> Vec<(&str, &str)> {
    block.iter().map(|(name, spec)| (name.as_str(), &**spec)).collect()
}

fn bins(fields: Value) -> Value {
    let manifest = read(fields);
    manifest
        .bin
        .iter()
        .map(|(name, target)| (name.to_string(), json!(**target)))
        .collect::<Map<_, _>>()
        .into()
}

#[test]
fn dependency_blocks() {
    let manifest = read(json!({
        "dependencies": {"a": "1", "b": "1"}, "optionalDependencies": {"a": "^1.0.0"},
        "devDependencies": {"a": "1"}, "peerDependencies": {"b": "1"}
    }));
    assert_eq!(pairs(&manifest.dependencies), [("b", "1")]);
    assert_eq!(pairs(&manifest.optional_dependencies), [("a", "^1.0.0")]);
    assert_eq!(pairs(&manifest.dev_dependencies), [("a", "1")]);
    assert_eq!(pairs(&manifest.peer_dependencies), [("b", "1")]);
    for broken in [json!([]), json!(null), json!("x"), json!(1)] {
        let manifest =
            read(json!({"dependencies": broken, "optionalDependencies": broken, "peerDependencies": broken}));
        assert!(manifest.dependencies.is_empty() && manifest.peer_dependencies.is_empty());
    }
    let odd = read(json!({"dependencies": {"a": " ^1.0.0 ", "b": "", "c": null, "d": 1, "e": {}}}));
    assert_eq!(pairs(&odd.dependencies), [("a", " ^1.0.0 "), ("b", "")]);
}

#[test]
fn passed_through_fields() {
    for (field, value, expected) in [
        ("engines", json!(["node >= 0.4"]), json!(["node >= 0.4"])),
        ("engines", json!("node >= 4"), json!("node >= 4")),
        ("engines", json!({"node": 20, "npm": null}), json!({"node": 20, "npm": null})),
        ("engines", json!({}), json!(null)),
        ("os", json!("linux"), json!("linux")),
        ("os", json!([1, "linux"]), json!([1, "linux"])),
        ("os", json!([]), json!(null)),
        ("os", json!(false), json!(null)),
        ("license", json!("MIT"), json!("MIT")),
        ("license", json!({"type": "MIT", "url": "x"}), json!("MIT")),
        ("license", json!({"type": {"a": 1}}), json!({"a": 1})),
        ("license", json!({"url": "x"}), json!({"url": "x"})),
        ("license", json!(["MIT", "ISC"]), json!(["MIT", "ISC"])),
        ("license", json!(4), json!(4)),
        ("license", json!(""), json!(null)),
        ("license", json!({}), json!(null)),
        ("funding", json!("https://x.example"), json!({"url": "https://x.example"})),
        ("funding", json!(["https://x.example", {"url": "y"}]), json!(["https://x.example", {"url": "y"}])),
        ("funding", json!({}), json!(null)),
        ("funding", json!(3), json!(3)),
    ] {
        let manifest = read(json!({field: value}));
        let read = match field {
            "engines" => manifest.engines,
            "os" => manifest.os,
            "license" => manifest.license,
            _ => manifest.funding,
        };
        assert_eq!(read.as_deref().unwrap_or(&Value::Null), &expected, "{field} {value}");
    }
}

/// The names and targets that npm's lockfile had for a `bin` of each shape.
#[test]
fn commands() {
    for (bin, expected) in [
        (json!("./cli.js"), json!({"p": "cli.js"})),
        (json!("../../cli.js"), json!({"p": "cli.js"})),
        (json!("C:\\x.js"), json!({"p": "C/x.js"})),
        (json!("x/"), json!({"p": "x/"})),
        (json!(""), json!({})),
        (json!("."), json!({})),
        (json!("/"), json!({})),
        (json!(3), json!({})),
        (json!({}), json!({})),
        (json!(["./cli.js", "x/y.js"]), json!({"cli.js": "cli.js", "y.js": "x/y.js"})),
        (json!(["a/", "./.", ".."]), json!({"a": "a/"})),
        (json!(["x:y.js", "C:\\d.js"]), json!({"y.js": "x/y.js", "d.js": "C/d.js"})),
        (
            json!({"a": "./a.js", "b/c": "b.js", "../d": "d.js", "e": 1, "f": "/f.js", "g": ""}),
            json!({"a": "a.js", "c": "b.js", "d": "d.js", "f": "f.js"}),
        ),
        (
            json!({"@s/h": "h.js", ".": "x", "..": "y", ".bin": "z", "i": "..\\i.js", "C:\\j": "j.js"}),
            json!({"h": "h.js", ".bin": "z", "i": "i.js", "j": "j.js"}),
        ),
        (
            json!({"x/..": "1", "x/../i": "2", "o/.": "3", "": "4", "q:": "5", " ": "6", "x:y:z": "7", "...": "8"}),
            json!({"i": "2", "q": "5", " ": "6", "z": "7", "...": "8"}),
        ),
        (json!({"a/x": "1.js", "x": "2.js"}), json!({"x": "2.js"})),
        (
            json!({"a": "a/./b/../c", "b": "x/.", "c": "x/../..", "d": ":", "e": "c:..", "f": "a:/../../b"}),
            json!({"a": "a/c", "b": "x", "f": "b"}),
        ),
        (json!({"__proto__": "x", "constructor": "y"}), json!({"constructor": "y"})),
    ] {
        assert_eq!(bins(json!({"bin": bin})), expected, "{bin}");
    }
    assert_eq!(bins(json!({"name": "@sc/base", "bin": "x.js"})), json!({"base": "x.js"}));
    assert_eq!(bins(json!({"directories": {"bin": "./bin"}})), json!({}));
}

#[test]
fn install_scripts() {
    for (fields, expected) in [
        (json!({"scripts": {"install": "x"}}), true),
        (json!({"scripts": {"preinstall": "x"}}), true),
        (json!({"scripts": {"postinstall": ""}}), false),
        (json!({"scripts": {"install": false}}), false),
        (json!({"scripts": {"install": {"a": 1}}}), false),
        (json!({"scripts": {"install": 1, "postinstall": true}}), false),
        (json!({"scripts": {"install": " "}}), true),
        (json!({"scripts": {"prepare": "x", "preuninstall": "x", "prepublish": "x"}}), false),
        (json!({"scripts": ["x"]}), false),
        (json!({"gypfile": true}), false),
        (json!({"gypfile": false, "scripts": {"install": "node-gyp rebuild"}}), true),
        (json!({"hasInstallScript": true}), true),
        (json!({"hasInstallScript": "x"}), true),
        (json!({"hasInstallScript": false, "scripts": {"install": "x"}}), true),
    ] {
        assert_eq!(read(fields.clone()).has_install_script, expected, "{fields}");
    }
}

#[test]
fn bundles() {
    let bundle = |fields: Value| read(fields).bundle_dependencies;
    let names = |names: &[&str]| {
        BundleDependencies::Names(names.iter().map(|name| PackageName::new_unchecked(*name)).collect())
    };
    assert_eq!(bundle(json!({"bundleDependencies": ["x"]})), names(&["x"]));
    assert_eq!(bundle(json!({"bundledDependencies": ["x"]})), names(&["x"]));
    assert_eq!(bundle(json!({"bundleDependencies": {"x": "1"}})), names(&["x"]));
    assert_eq!(
        bundle(json!({"bundleDependencies": true, "dependencies": {"a": "1", "b": "1"}})),
        names(&["a", "b"])
    );
    assert_eq!(bundle(json!({"bundleDependencies": true})), BundleDependencies::All);
    for none in [json!(false), json!([]), json!("x"), json!(null), json!({})] {
        assert_eq!(bundle(json!({"bundleDependencies": none})), BundleDependencies::None, "{none}");
    }
    assert_eq!(
        bundle(json!({"bundleDependencies": [], "bundledDependencies": ["x"]})),
        BundleDependencies::None
    );
}

#[test]
fn deprecations() {
    for (value, expected) in [
        (json!("do not"), Some("do not")),
        (json!(""), None),
        (json!(true), Some("true")),
        (json!(false), None),
        (json!(null), None),
        (json!({"a": 1}), Some("{\"a\":1}")),
    ] {
        assert_eq!(read(json!({"deprecated": value})).deprecated.as_deref(), expected, "{value}");
    }
}

#[test]
fn dists() {
    let dist = |dist: Value| read(json!({"dist": dist})).dist;
    let integrity = |value: Value| dist(value).unwrap().integrity.map(|integrity| integrity.to_string());
    let shasum = "11f6ad8ec52a2984abaafd7c3b516503785c2072";
    assert_eq!(dist(json!(null)), None);
    assert_eq!(dist(json!({})).unwrap().tarball.as_ref(), "");
    assert_eq!(integrity(json!({"shasum": shasum})).unwrap(), "sha1-EfatjsUqKYSrqv18O1FlA3hcIHI=");
    assert_eq!(integrity(json!({"shasum": "zz"})), None);
    assert_eq!(integrity(json!({"integrity": "junk", "shasum": shasum})), None);
    assert_eq!(integrity(json!({"integrity": "sha512-abc", "tarball": 5})).unwrap(), "sha512-abc");
    let tarball = "https://registry.example/p/-/p-1.0.0.tgz";
    assert_eq!(dist(json!({"tarball": tarball, "shasum": "zz"})).unwrap().tarball.as_ref(), tarball);
}

#[test]
fn peers_names_and_versions() {
    let manifest = read(json!({
        "version": "v1.0.0", "name": "other", "acceptDependencies": {"x": "1"},
        "peerDependenciesMeta": {"a": {"optional": true}, "c": null, "d": {"optional": "yes"}, "e": {"optional": false}}
    }));
    assert_eq!(&*manifest.raw_version, "v1.0.0");
    assert_eq!(manifest.version, Some(Version::new(1, 0, 0)));
    assert_eq!(manifest.name.as_str(), "other");
    assert_eq!(pairs(&manifest.accept_dependencies), [("x", "1")]);
    let optional: Vec<bool> = ["a", "c", "d", "e", "f"].map(|name| manifest.is_optional_peer(name)).into();
    assert_eq!(optional, [true, false, true, false, false]);
    assert!(read(json!({"peerDependenciesMeta": []})).peer_dependencies_meta.is_empty());
}

#[test]
fn what_only_folders_have() {
    let manifest = read(json!({
        "private": true, "overrides": {"a": "1"}, "workspaces": ["packages/*"],
        "scripts": {"start": "x", "odd": 1}
    }));
    assert!(manifest.private && manifest.overrides.is_some());
    assert_eq!(manifest.workspaces.as_deref(), Some(&["packages/*".to_owned()][..]));
    assert_eq!((manifest.script("start"), manifest.script("odd")), (Some("x"), None));
    let object = json!({"packages": ["a"]});
    let manifest = read(json!({"workspaces": object}));
    assert_eq!(
        (manifest.workspaces, manifest.workspaces_field),
        (Some(vec!["a".to_owned()]), Some(object.into()))
    );
    assert_eq!(Manifest::from_value(&json!("x")).name.as_str(), "");
}
