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
    assert_eq!(manifest.funding.as_deref(), Some(&json!({"url": "https://f.example"})));
    assert_eq!(manifest.license.as_deref(), Some(&json!("MIT")));
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

mod hostile {
    use proptest::prelude::*;

    use super::*;
    use crate::{PickOptions, Spec, pick};

    /// Reads everything there is to read.
    fn read_all(packument: &Packument) -> usize {
        let mut seen = packument.name().as_str().len() + packument.dist_tags().count();
        for candidate in packument.candidates().chain(packument.others()) {
            seen += candidate.manifest().dependencies.len() + candidate.dependencies().count();
            seen += usize::from(candidate.published().is_some()) + candidate.deprecation().len();
            seen += usize::from(packument.find(candidate.version_text()).is_some());
        }
        for spec in ["*", "latest", "^1", "1.10.0"] {
            let spec = Spec::resolve(&PackageName::new_unchecked("p"), spec, None).unwrap();
            seen += usize::from(pick(packument, spec.kind(), &PickOptions::default()).is_ok());
        }
        seen
    }

    /// Gives damaged bytes the checksum that they should have, as an enemy would.
    fn reseal(mut bytes: Vec<u8>) -> Bytes {
        if bytes.len() >= 16 {
            let sum = format::checksum(&bytes[16..]);
            bytes[8..16].copy_from_slice(&sum.to_le_bytes());
        }
        Bytes::from(bytes)
    }

    fn packed() -> Vec<u8> {
        let mut document = document();
        document["time"] = json!({"1.9.0": "2020-01-01T00:00:00.000Z", "modified": "2021-01-01"});
        document["stagedVersions"] = json!({"versions": {"5.0.0": {"version": "5.0.0"}}});
        document["policyRestrictions"] =
            json!({"message": "no", "versions": {"1.9.0": {"version": "1.9.0"}}});
        packument(&document).as_bytes().to_vec()
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_seen() {
        let good = packed();
        assert!(Packument::from_bytes(Bytes::from(good.clone())).is_ok());
        for end in 0..good.len() {
            let cut = Packument::from_bytes(Bytes::from(good[..end].to_vec()));
            assert_eq!(cut.unwrap_err().code(), "EPACKUMENTDAMAGED");
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x41;
            assert!(Packument::from_bytes(Bytes::from(bad)).is_err(), "byte {at}");
        }
    }

    fn arb_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|value| json!(value)),
            any::<i64>().prop_map(|value| json!(value)),
            any::<f64>().prop_map(|value| json!(value)),
            "(1\\.[0-9]\\.[0-9](-[a-z0-9.]{0,3})?|\\PC{0,6}|sha512-[A-Za-z]{0,4})"
                .prop_map(|value| json!(value)),
        ];
        let key = prop_oneof![
            Just("name"),
            Just("versions"),
            Just("dist-tags"),
            Just("time"),
            Just("latest"),
            Just("1.0.0"),
            Just("1.0.0-a"),
            Just("dependencies"),
            Just("optionalDependencies"),
            Just("peerDependenciesMeta"),
            Just("bin"),
            Just("dist"),
            Just("integrity"),
            Just("shasum"),
            Just("tarball"),
            Just("engines"),
            Just("node"),
            Just("deprecated"),
            Just("version"),
            Just("stagedVersions"),
            Just("policyRestrictions"),
            Just("license"),
            Just("funding"),
            Just("bundleDependencies"),
            Just("scripts"),
            Just("install"),
            Just(""),
        ];
        leaf.prop_recursive(5, 60, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(|list| json!(list)),
                proptest::collection::vec((key.clone(), inner), 0..8).prop_map(|entries| {
                    entries
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect::<serde_json::Map<_, _>>()
                        .into()
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn resealed_damage_never_panics(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
            let mut bytes = packed();
            for (index, byte) in changes {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(packument) = Packument::from_bytes(reseal(bytes)) {
                read_all(&packument);
            }
        }

        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), header in any::<bool>()) {
            let mut bytes = bytes;
            if header && bytes.len() >= 20 {
                let length = bytes.len() as u32;
                bytes[..8].copy_from_slice(&format::MAGIC);
                bytes[16..20].copy_from_slice(&length.to_le_bytes());
            }
            if let Ok(packument) = Packument::from_bytes(reseal(bytes.clone())) {
                read_all(&packument);
            }
            prop_assert!(Packument::from_json(bytes).is_err());
        }

        #[test]
        fn any_json_reads_or_fails_cleanly(document in arb_json()) {
            if let Ok(packument) = Packument::from_json(document.to_string().into_bytes()) {
                let again = Packument::from_bytes(packument.as_bytes().clone()).unwrap();
                prop_assert_eq!(read_all(&packument), read_all(&again));
            }
        }

        #[test]
        fn versions_come_in_ascending_order(texts in proptest::collection::vec("[0-2]\\.[0-2]\\.[0-2](-(a|b|1|2|10)(\\.[0-9])?)?(\\+b)?", 0..30)) {
            let versions: serde_json::Map<_, _> = texts.iter().map(|text| (text.clone(), json!({}))).collect();
            let packument = packument(&json!({"name": "p", "versions": versions}));
            prop_assert_eq!(packument.len(), versions.len());
            let read: Vec<Version> = packument.candidates().map(|candidate| candidate.version()).collect();
            prop_assert!(read.is_sorted());
            for text in &texts {
                prop_assert_eq!(packument.find(text).map(|found| found.version_text()), Some(text.as_str()));
            }
        }
    }

    #[test]
    fn documents_that_are_none() {
        for (text, code) in [
            ("", "EJSONPARSE"),
            ("<!DOCTYPE html>", "EJSONPARSE"),
            ("{\"name\":", "EJSONPARSE"),
            ("null", "EBADPACKUMENT"),
            ("[]", "EBADPACKUMENT"),
            ("{}", "EBADPACKUMENT"),
            ("{\"error\":\"not_found\"}", "EBADPACKUMENT"),
        ] {
            let error = Packument::from_json(text.as_bytes().to_vec()).unwrap_err();
            assert_eq!(error.code(), code, "{text}: {error}");
        }
        let deep = format!("{{\"name\":\"p\",\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Packument::from_json(deep.into_bytes()).is_err());
        let html = Packument::from_json(b"<html>".to_vec()).unwrap_err();
        assert!(html.to_string().contains("<html>"), "{html}");
    }

    #[test]
    fn reads_what_javascript_would() {
        let text = b"\xef\xbb\xbf{\"name\":\"p\xff\",\"versions\":{\"1.0.0\":{\"bin\":\"a\"},\"1.0.0\":{\"bin\":\"b\"}},\
            \"dist-tags\":{\"latest\":\"0.0.1\",\"latest\":\"1.0.0\"}}";
        let packument = Packument::from_json(text.to_vec()).unwrap();
        assert_eq!(packument.name().as_str(), "p\u{fffd}");
        assert_eq!((packument.len(), packument.dist_tag("latest")), (1, Some("1.0.0")));
        assert_eq!(&*packument.find("1.0.0").unwrap().manifest().bin[0].1, "b");
        let unpublished = super::packument(&json!({"name": "p", "time": {"unpublished": {}}}));
        assert!(unpublished.is_empty());
    }

    #[test]
    fn a_parser_forgets_the_document_before() {
        let mut parser = PackumentParser::new();
        let first = parser.parse(&mut document().to_string().into_bytes()).unwrap();
        assert!(parser.parse(&mut b"{".to_vec()).is_err());
        let second = parser
            .parse(&mut json!({"name": "q", "versions": {"1.0.0": {}}}).to_string().into_bytes())
            .unwrap();
        assert_eq!(
            second,
            Packument::from_json(b"{\"name\":\"q\",\"versions\":{\"1.0.0\":{}}}".to_vec()).unwrap()
        );
        assert_eq!(parser.parse(&mut document().to_string().into_bytes()).unwrap(), first);
    }
}

#[test]
fn equal_versions_keep_npm_s_preference() {
    let equal = packument(&json!({"name": "p", "versions": {"1.0.0+a": {}, "1.0.0": {}, "v1.0.0": {}}}));
    assert_eq!(texts(&equal), ["v1.0.0", "1.0.0", "1.0.0+a"]);
    assert_eq!(equal.find_version(&Version::new(1, 0, 0)).unwrap().version_text(), "1.0.0+a");
    let large = packument(
        &json!({"name": "p", "versions": {"1.0.20240101123456": {}, "1.0.4294967295": {}, "1.0.4294967296": {}}}),
    );
    assert_eq!(texts(&large), ["1.0.4294967295", "1.0.4294967296", "1.0.20240101123456"]);
    assert!(large.find("1.0.20240101123456").is_some());
}

#[test]
fn dates_as_registries_write_them() {
    for (text, expected) in [
        ("2024-05-01T12:34:56.789Z", Some(1_714_566_896_789)),
        ("2024-05-01T12:34:56Z", Some(1_714_566_896_000)),
        ("2024-05-01T12:34:56.789123+02:00", Some(1_714_559_696_789)),
        ("1970-01-01", Some(0)),
        ("1969-12-31T23:59:59.999Z", Some(-1)),
        ("2024", Some(1_704_067_200_000)),
        ("2024-02-29", Some(1_709_164_800_000)),
        ("2023-02-29", None),
        ("2024-13-01", None),
        ("2024-05-01T25:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ] {
        assert_eq!(date::parse(text), expected, "{text}");
    }
}
