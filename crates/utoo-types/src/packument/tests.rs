use super::*;
use crate::{DependencyKind, Manifest};
use serde_json::json;

pub(crate) fn packument(document: &serde_json::Value) -> Packument {
    Packument::from_json(document.to_string().into_bytes()).unwrap()
}

fn texts(packument: &Packument) -> Vec<&str> {
    packument.candidates().map(|candidate| candidate.version_text()).collect()
}

fn document() -> serde_json::Value {
    json!({
        "name": "@s/left",
        "dist-tags": {"latest": "1.10.0", "next": "2.0.0-rc.1", "gone": "9.9.9"},
        "modified": "2024-05-01T12:00:00.000Z",
        "versions": {
            "1.9.0": {"name": "@s/left", "version": "1.9.0", "dependencies": {"a": "^1", "b": "2"},
                "dist": {"tarball": "https://registry.example/@s/left/-/left-1.9.0.tgz",
                    "shasum": "11f6ad8ec52a2984abaafd7c3b516503785c2072"}},
            "2.0.0-rc.1": {"name": "@s/left", "version": "2.0.0-rc.1", "engines": {"node": ">=20"},
                "dependencies": {"a": "^1", "b": "2"},
                "dist": {"tarball": "https://elsewhere.example/left.tgz", "integrity": "sha512-abc"}},
            "1.10.0": {"name": "@s/left", "version": "1.10.0", "deprecated": "old \"one\"",
                "dependencies": {"a": "^1", "b": "2"}, "optionalDependencies": {"b": "^2"},
                "peerDependencies": {"p": "*"}, "peerDependenciesMeta": {"p": {"optional": true}},
                "bin": "./cli.js", "hasInstallScript": true, "_hasShrinkwrap": false,
                "license": "MIT", "funding": "https://f.example", "os": ["!win32"],
                "dist": {"tarball": "https://registry.example/@s/left/-/left-1.10.0.tgz",
                    "integrity": "sha512-pKvURIxJVi2CgRXROh/M6pJ/UrTVRZKX+LQ+QtqJI4vBNibkPcs43bCCSIkn7JBPtCBXRDmD6IWFF51QVRr+Yg=="}},
            "1.10.0-beta.2": {}, "1.10.0-beta.10": {}, "junk": {"version": "junk"}, "3.0.0": null
        }
    })
}

#[test]
fn reads_a_document_in_ascending_order() {
    let packument = packument(&document());
    assert_eq!(packument.name().as_str(), "@s/left");
    assert_eq!(texts(&packument), ["1.9.0", "1.10.0-beta.2", "1.10.0-beta.10", "1.10.0", "2.0.0-rc.1"]);
    assert_eq!(packument.dist_tag("latest"), Some("1.10.0"));
    assert_eq!(packument.dist_tags().count(), 3);
    assert_eq!(packument.modified(), Some(1_714_564_800_000));
    assert!(packument.find("3.0.0").is_none());
    assert_eq!(packument.find("junk").unwrap().version_text(), "junk");
    for candidate in packument.candidates() {
        assert_eq!(packument.find(candidate.version_text()), Some(candidate));
        assert_eq!(packument.find_version(&candidate.version()), Some(candidate));
    }
}

#[test]
fn decodes_a_version() {
    let packument = packument(&document());
    let candidate = packument.find("1.10.0").unwrap();
    assert!(candidate.deprecated() && candidate.has_install_script() && !candidate.has_shrinkwrap());
    assert_eq!(
        candidate.dependencies().collect::<Vec<_>>(),
        [
            ("a", "^1", DependencyKind::Prod),
            ("b", "^2", DependencyKind::Optional),
            ("p", "*", DependencyKind::Peer)
        ]
    );
    assert!(candidate.is_optional_peer("p") && !candidate.is_optional_peer("q"));
    let manifest = candidate.manifest();
    assert_eq!(manifest.deprecated.as_deref(), Some("old \"one\""));
    assert_eq!(manifest.bin, [("left".into(), "cli.js".into())]);
    assert_eq!(manifest.funding, Some(json!({"url": "https://f.example"})));
    assert_eq!(manifest.license, Some(json!("MIT")));
    assert!(manifest.is_optional_peer("p"));
    let dist = manifest.dist.unwrap();
    assert_eq!(&*dist.tarball, "https://registry.example/@s/left/-/left-1.10.0.tgz");
    assert!(dist.integrity.unwrap().verifies(b"x"));
    assert_eq!(dist.shasum, None);

    let old = packument.find("1.9.0").unwrap().manifest().dist.unwrap();
    assert_eq!(&*old.tarball, "https://registry.example/@s/left/-/left-1.9.0.tgz");
    assert_eq!(old.integrity.unwrap().to_string(), "sha1-EfatjsUqKYSrqv18O1FlA3hcIHI=");
    assert_eq!(old.shasum.as_deref(), Some("11f6ad8ec52a2984abaafd7c3b516503785c2072"));

    let odd = packument.find("2.0.0-rc.1").unwrap();
    assert_eq!(odd.node_engine(), Some(">=20"));
    let dist = odd.manifest().dist.unwrap();
    assert_eq!(&*dist.tarball, "https://elsewhere.example/left.tgz");
    assert_eq!(dist.integrity.unwrap().to_string(), "sha512-abc");
}

#[test]
fn builder_and_reader_agree() {
    let source = packument(&document());
    let mut builder = PackumentBuilder::new(source.name().clone()).modified(source.modified().unwrap());
    let manifests: Vec<Manifest> = source.candidates().map(|candidate| candidate.manifest()).collect();
    for manifest in &manifests {
        builder = builder.manifest(manifest.clone());
    }
    for (tag, version) in source.dist_tags() {
        builder = builder.dist_tag(tag, version);
    }
    let built = builder.time("1.9.0", 5).build().unwrap();
    let read = Packument::from_bytes(built.as_bytes().clone()).unwrap();
    assert_eq!(read, built);
    assert_eq!(texts(&read), texts(&source));
    for (candidate, manifest) in read.candidates().zip(&manifests) {
        assert_eq!(&candidate.manifest(), manifest);
        assert_eq!(candidate.published(), (candidate.version_text() == "1.9.0").then_some(5));
    }
}
