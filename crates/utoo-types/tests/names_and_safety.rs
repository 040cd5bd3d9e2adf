//! Names as npm accepts them for old packages, and what must never reach git, a path, or a hash map wrongly.

use std::collections::HashSet;
use std::path::Path;

use utoo_types::{PackageName, Range, Spec, SpecContext, SpecError, SpecKind, Version};

#[test]
fn names_of_old_packages_pass() {
    for name in [
        "a",
        "A",
        "http",
        "~a",
        "a~'!()*",
        "1",
        "a..",
        "@a/b",
        "@A/B",
        "@.a/b",
        "@_a/b",
        "@-a/b",
        "@a/_b",
        "@a/-b",
        "@a/node_modules",
        "@node_modules/b",
        "@../b",
    ] {
        assert_eq!(PackageName::parse(name).unwrap().as_str(), name);
    }
}

#[test]
fn names_that_are_no_path_component_do_not() {
    for (name, reason) in [
        ("", "name length must be greater than zero"),
        (".", "name cannot start with a period"),
        ("..", "name cannot start with a period"),
        ("@a/..", "name cannot start with a period"),
        ("@../..", "name cannot start with a period"),
        ("-a", "name cannot start with a hyphen"),
        ("_a", "name cannot start with an underscore"),
        (" a", "name cannot contain leading or trailing spaces"),
        ("node_modules", "node_modules is not a valid package name"),
        ("NODE_MODULES", "node_modules is not a valid package name"),
        ("favicon.ico", "favicon.ico is not a valid package name"),
        ("a/b", "name can only contain URL-friendly characters"),
        ("a\\b", "name can only contain URL-friendly characters"),
        ("a\0", "name can only contain URL-friendly characters"),
        ("@a/b/c", "name can only contain URL-friendly characters"),
        ("@/b", "name can only contain URL-friendly characters"),
        ("é", "name can only contain URL-friendly characters"),
    ] {
        let error = PackageName::parse(name).unwrap_err();
        assert_eq!((error.reason(), error.code()), (reason, "EINVALIDPACKAGENAME"), "{name}");
    }
}

#[test]
fn names_split_into_scope_and_base() {
    let scoped = PackageName::parse("@types/node").unwrap();
    assert_eq!((scoped.scope(), scoped.base()), (Some("@types"), "node"));
    let plain = PackageName::parse("node").unwrap();
    assert_eq!((plain.scope(), plain.base()), (None, "node"));
}

#[test]
fn options_never_reach_git() {
    let context = SpecContext { directory: "/fake/cwd".into(), home: None };
    for spec in [
        "git+ssh://-oProxyCommand=x/y",
        "git+ssh://git@-oProxyCommand=x/y",
        "git+ssh://git@-oProxyCommand=x:y/z",
        "git+ssh://-oProxyCommand=x@host/y",
        "git+ssh://%2doProxyCommand=x/y",
        "git+ssh://git@host:-oProxyCommand=x",
        "git+ssh:--upload-pack=x",
        "git+https://host.example/r.git#--upload-pack=x",
        "git+https://host.example/r.git#%2d-upload-pack=x",
        "user/repo#--upload-pack=x",
        "user/repo#%2d-upload-pack=x",
        "-user/repo",
    ] {
        let error = Spec::parse(&format!("foo@{spec}"), &context).unwrap_err();
        assert!(matches!(error, SpecError::Option { .. }), "{spec}: {error}");
        assert_eq!(error.code(), "EINVALIDGITSPEC");
    }
}

#[test]
fn paths_stay_relative_without_a_directory() {
    let name = PackageName::parse("foo").unwrap();
    for (spec, path) in [("file:a/../b", "b"), ("../a", "../a"), ("file:/abs", "/abs"), ("~/a", "~/a")] {
        let spec = Spec::resolve(&name, spec, None).unwrap();
        assert_eq!(*spec.kind(), SpecKind::Directory(path.into()));
    }
    let spec = Spec::resolve(&name, "file:a.tgz", Some(Path::new("/p"))).unwrap();
    assert_eq!(*spec.kind(), SpecKind::File("/p/a.tgz".into()));
    assert_eq!((spec.raw(), spec.save_spec()), ("foo@file:a.tgz", Some("file:a.tgz")));
}

#[test]
fn equal_versions_hash_alike() {
    // Beyond 2^53 node-semver compares numbers as doubles.
    let versions = ["1.0.0-9007199254740992", "1.0.0-9007199254740993", "1.0.0-9007199254740992+build"];
    let set: HashSet<Version> = versions.iter().map(|text| Version::parse(text).unwrap()).collect();
    assert_eq!(set.len(), 1);
}

#[test]
fn ranges_keep_their_text() {
    let range = Range::parse(" ^1.2 || 3.x ").unwrap();
    assert_eq!(range.to_string(), " ^1.2 || 3.x ");
    assert_eq!(range.normalized(), ">=1.2.0 <2.0.0-0||>=3.0.0 <4.0.0-0");
    assert!(!range.is_any());
    for any in ["", "*", "x", "1 || *", ">=0.0.0"] {
        assert!(Range::parse(any).unwrap().is_any(), "{any}");
    }
    assert_eq!(Range::parse("latest").unwrap_err().text(), "latest");
}
