use serde_json::{Value, json};

use super::*;
use crate::Manifest;

fn allows(os: &str, libc: Option<&str>, fields: &Value) -> bool {
    let platform = Platform { os: os.into(), cpu: "x64".into(), libc: libc.map(Into::into) };
    platform.check(&Manifest::from_value(fields).platform_lists()).is_ok()
}

/// Lists of `os` with what npm's install checks say on Linux.
#[test]
fn lists_as_npm_reads_them() {
    for (list, expected) in [
        (json!("linux"), true),
        (json!(["linux"]), true),
        (json!(["!linux"]), false),
        (json!(["any"]), true),
        (json!(["any", "darwin"]), false),
        (json!([]), true),
        (json!(["!win32", "linux"]), true),
        (json!(["!win32", "darwin"]), false),
        (json!(["!win32", "!darwin"]), true),
        (json!(""), true),
        (json!([""]), false),
        (json!(null), true),
        (json!(false), true),
        (json!(["!any"]), true),
        (json!(["!linux", "linux"]), false),
        (json!("any"), true),
        (json!("!win32"), true),
        (json!("darwin"), false),
    ] {
        assert_eq!(allows("linux", Some("glibc"), &json!({"os": list})), expected, "{list}");
    }
}

#[test]
fn a_package_for_some_libc_is_not_for_a_system_without() {
    for (list, expected) in
        [(json!("glibc"), false), (json!(["any"]), false), (json!(["!musl"]), false), (json!(""), true)]
    {
        assert_eq!(allows("darwin", None, &json!({"libc": list})), expected, "{list}");
    }
    assert!(!allows("linux", Some("musl"), &json!({"libc": ["glibc"]})));
    assert!(allows("linux", Some("musl"), &json!({"libc": ["musl"], "cpu": ["x64", "arm64"]})));
    assert!(!allows("linux", Some("musl"), &json!({"cpu": ["arm64"]})));
}

#[test]
fn the_error_names_both_sides() {
    let platform = Platform { os: "linux".into(), cpu: "x64".into(), libc: Some("glibc".into()) };
    let manifest = Manifest::from_value(&json!({"os": ["darwin"], "cpu": "arm64"}));
    let error = platform.check(&manifest.platform_lists()).unwrap_err();
    assert_eq!(error.code(), "EBADPLATFORM");
    assert_eq!(
        error.to_string(),
        r#"Unsupported platform: wanted {"os":["darwin"],"cpu":["arm64"]} (current: {"os":"linux","cpu":"x64","libc":"glibc"})"#
    );
}

/// `engines` with what npm's install checks say under a node and an npm.
#[test]
fn engines_as_npm_checks_them() {
    for (engines, npm, node, expected) in [
        (json!({"node": ">=10"}), Some("11.0.0"), "20.0.0", true),
        (json!({"node": "junk"}), None, "20.0.0", false),
        (json!({"node": ">=22"}), None, "22.0.0-nightly", true),
        (json!({"node": ""}), None, "20.0.0", true),
        (json!(["node >= 0.4"]), None, "20.0.0", true),
        (json!({"npm": ">=12"}), Some("11.0.0"), "20.0.0", false),
        (json!({"npm": ">=12"}), None, "20.0.0", true),
        (json!("node >= 40"), None, "20.0.0", true),
        (json!({"node": [">=40"]}), None, "20.0.0", false),
        (json!({"node": {}}), None, "20.0.0", false),
        (json!({"node": 20}), None, "20.0.0", false),
        (json!({"node": true}), None, "20.0.0", false),
        (json!({"node": null}), None, "20.0.0", true),
    ] {
        let version = |text: &str| Version::parse(text).unwrap();
        let current = Engines { node: Some(version(node)), npm: npm.map(version) };
        let manifest = Manifest::from_value(&json!({"engines": engines}));
        assert_eq!(manifest.check_engines(&current).is_ok(), expected, "{engines}");
    }
    let manifest = Manifest::from_value(&json!({"engines": {"node": ">=40"}}));
    assert!(manifest.check_engines(&Engines::default()).is_ok());
    let error =
        manifest.check_engines(&Engines { node: Some(Version::new(20, 0, 0)), npm: None }).unwrap_err();
    assert_eq!(error.code(), "EBADENGINE");
    assert_eq!(error.to_string(), "Unsupported engine: node >=40 required (current: 20.0.0)");
}

#[test]
fn knows_the_libc_by_ldd() {
    assert_eq!(libc_of_ldd("#!/bin/sh\n# This file is part of the GNU C Library.\n"), Some("glibc"));
    assert_eq!(libc_of_ldd("musl libc (x86_64)"), Some("musl"));
    assert_eq!(libc_of_ldd("something else"), None);
    let current = Platform::current();
    assert!(!current.os.is_empty() && !current.cpu.is_empty());
    assert_eq!(current.libc.is_some(), current.os == "linux");
}

/// The short cut for usual engines against the range that it stands in for.
#[test]
fn usual_engines_agree_with_their_ranges() {
    let versions = ["0.9.0", "1.0.0", "4.5.6", "17.9.9", "18.0.0", "18.12.0", "18.12.1", "20.0.0", "22.1.3"];
    let parts =
        [">=18", ">= 18", ">=18.12", ">=18.12.1", ">=0", ">=0.9.0", "^18", "^18.12.0", "^20.0.0", "^4.5"];
    let mut shortened = 0;
    for first in parts {
        for second in parts {
            for text in [first.to_owned(), format!("{first} || {second}"), format!("{first}||{second}")] {
                let range = Range::parse_strict(&text).unwrap();
                for version in versions.map(|version| Version::parse(version).unwrap()) {
                    let short = usual_engine_fits(&version, &text).unwrap();
                    assert_eq!(short, range.satisfies_including_prerelease(&version), "{version} {text}");
                    shortened += 1;
                }
            }
        }
    }
    assert_eq!(shortened, 2_700);
    let node = Version::new(20, 0, 0);
    for other in [
        "",
        "*",
        "x",
        "^0.1",
        ">=18 <21",
        ">=18.x",
        ">=018",
        "> =18",
        "18",
        "~18",
        ">=18 ||",
        ">=1.2.3.4",
        ">=v18",
        "^18-0",
    ] {
        assert_eq!(usual_engine_fits(&node, other), None, "{other}");
    }
    assert_eq!(usual_engine_fits(&Version::parse("20.0.0-rc.1").unwrap(), ">=18"), None);
}
