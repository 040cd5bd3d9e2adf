use serde_json::{Map, json};

use super::*;

const COMMIT: &str = "0123456789012345678901234567890123456789";

fn rules(value: &Value) -> AllowScripts {
    AllowScripts::from_value(Some(value), Path::new("/app"))
}

fn of_registry<'a>(name: &'a str, version: &'a str) -> PackageSource<'a> {
    PackageSource::Registry { name, version: Some(version) }
}

/// npm 11.19's own answers for `a@1.2.3` of the registry.
#[test]
fn keys_of_a_registry_answer_as_npms() {
    use Approval::{Allowed, Denied, Unreviewed};
    for (value, expected) in [
        (json!({"a": true}), Allowed),
        (json!({"a@1.2.3": true}), Allowed),
        (json!({"a@1.2.3 || 1.2.4": true}), Allowed),
        (json!({"a@1.2.3||2.0.0": true}), Allowed),
        (json!({"a@*": true}), Allowed),
        (json!({"a@": true}), Allowed),
        (json!({"a": false}), Denied),
        (json!({"a": true, "a@1.2.3": false}), Denied),
        (json!({"a": false, "a@1.2.3": true}), Denied),
        (json!({"a@^1.0.0": true}), Unreviewed),
        (json!({"a@^1.0.0": false}), Unreviewed),
        (json!({"a@latest": true}), Unreviewed),
        (json!({"a@1": true}), Unreviewed),
        (json!({"a@v1.2.3": true}), Unreviewed),
        (json!({"a@=1.2.3": true}), Unreviewed),
        (json!({"a@2.0.0": true}), Unreviewed),
        (json!({"a": "yes"}), Unreviewed),
        (json!({"a": 1}), Unreviewed),
        (json!({"A": true}), Unreviewed),
        (json!({"*": true, "": true, "@s/*": true}), Unreviewed),
        (json!({"b@npm:a@1.2.3": true}), Unreviewed),
        (json!({"github:u/a": true}), Unreviewed),
        (json!([]), Unreviewed),
    ] {
        assert_eq!(rules(&value).approval(of_registry("a", "1.2.3")), expected, "{value}");
    }
}

/// npm 11.19's own answers: only the source of a package that is not the registry's counts.
#[test]
fn keys_of_sources_answer_as_npms() {
    let git = format!("git+ssh://git@github.com/u/a.git#{COMMIT}");
    let other = format!("git+ssh://git@host.example/u/r.git#{COMMIT}");
    let table = [
        (&*git, "github:u/a", true),
        (&git, "u/a", true),
        (&git, "a@github:u/a", true),
        (&git, "github:u/a#0123456", true),
        (&git, "git+ssh://git@github.com/u/a.git", true),
        (&git, "https://github.com/u/a", true),
        (&git, "github:u/a#main", false),
        (&git, "github:u/b", false),
        (&git, "a", false),
        (&other, "git+ssh://git@host.example/u/r.git", true),
        (&other, "git+ssh://git@host.example:u/r.git", true),
        (&other, "git+https://host.example/u/r.git", false),
        ("https://x.example/a.tgz", "https://x.example/a.tgz", true),
        ("https://x.example/a.tgz", "t@https://x.example/a.tgz", true),
        ("https://x.example/a.tgz", "http://x.example/a.tgz", false),
        ("https://x.example/a.tgz", "a", false),
        ("file:../a.tgz", "file:/a.tgz", true),
        ("file:../lib", "file:../lib", true),
        ("file:../lib", "lib", false),
    ];
    for (resolved, key, expected) in table {
        let approval = rules(&json!({ key: true })).approval(PackageSource::Exotic(resolved));
        assert_eq!(approval == Approval::Allowed, expected, "{key} for {resolved}");
    }
}

#[test]
fn what_nothing_vouches_for_is_allowed_by_name_only_and_what_is_bundled_never() {
    let unknown = PackageSource::Registry { name: "a", version: None };
    assert_eq!(rules(&json!({"a": true})).approval(unknown), Approval::Allowed);
    assert_eq!(rules(&json!({"a@1.2.3": true})).approval(unknown), Approval::Unreviewed);
    assert_eq!(rules(&json!({"a": true})).approval(PackageSource::Bundled), Approval::Unreviewed);
}

#[test]
fn keys_that_match_nobody_are_told_with_the_reason() {
    let rules = rules(&json!({"a@^1": true, "b": true, "c@npm:a": true}));
    let ignored: Vec<_> = rules.ignored().map(|(key, _)| key).collect();
    assert_eq!(ignored, ["a@^1", "c@npm:a"]);
}

#[test]
fn an_address_of_a_registry_tells_name_and_version() {
    let told = |url| registry_tarball(url).map(|(name, version)| format!("{name} {version}"));
    assert_eq!(told("https://r.example/a/-/a-1.2.3.tgz").as_deref(), Some("a 1.2.3"));
    assert_eq!(told("https://r.example/npm/@s/p/-/p-1.0.0-b.1.tgz").as_deref(), Some("@s/p 1.0.0-b.1"));
    assert_eq!(told("https://r.example/@s%2fp/-/p-1.0.0.tgz").as_deref(), Some("@s/p 1.0.0"));
    assert_eq!(told("https://r.example/@s/p/-/@s/p-1.0.0.tgz").as_deref(), Some("@s/p 1.0.0"));
    for wrong in
        ["https://r.example/a/-/b-1.0.0.tgz", "https://r.example/a/-/a-1.tgz", "https://r.example/a.tgz"]
    {
        assert_eq!(told(wrong), None, "{wrong}");
    }
}

fn registry_target(versions: &[&str]) -> ScriptTarget {
    ScriptTarget::Registry { name: "a".into(), versions: versions.iter().map(|&v| v.into()).collect() }
}

/// npm 11.19's own edits, with `a@2.0.0` installed.
#[test]
fn approvals_and_denials_are_written_as_npm_writes_them() {
    for (before, pinned, by_name, denied) in [
        (json!({}), json!({"a@2.0.0": true}), json!({"a": true}), json!({"a": false})),
        (json!({"a@1.0.0": true}), json!({"a@2.0.0": true}), json!({"a": true}), json!({"a": false})),
        (
            json!({"a@1.0.0 || 1.1.0": true}),
            json!({"a@1.0.0 || 1.1.0": true, "a@2.0.0": true}),
            json!({"a@1.0.0 || 1.1.0": true, "a": true}),
            json!({"a": false}),
        ),
        (
            json!({"a@^3": true}),
            json!({"a@^3": true, "a@2.0.0": true}),
            json!({"a@^3": true, "a": true}),
            json!({"a": false}),
        ),
        (json!({"a": "x"}), json!({"a": "x", "a@2.0.0": true}), json!({"a": true}), json!({"a": false})),
    ] {
        let target = registry_target(&["2.0.0"]);
        let edited = |edit: &dyn Fn(&mut Map<String, Value>)| {
            let mut map = before.as_object().cloned().unwrap_or_default();
            edit(&mut map);
            Value::Object(map)
        };
        assert_eq!(edited(&|map| drop(target.approve(map, Pin::Version))), pinned, "{before}");
        assert_eq!(edited(&|map| drop(target.approve(map, Pin::Name))), by_name, "{before}");
        assert_eq!(edited(&|map| drop(target.deny(map))), denied, "{before}");
    }
}

#[test]
fn what_was_denied_stays_denied_and_what_is_allowed_stays_as_it_is() {
    let target = registry_target(&["2.0.0"]);
    for key in ["a", "a@1.0.0"] {
        let mut map = json!({ key: false }).as_object().cloned().unwrap_or_default();
        assert_eq!(target.approve(&mut map, Pin::Version), Err(Refusal { key: key.into() }));
    }
    for key in ["a", "a@2.0.0", "a@1.0.0 || 2.0.0"] {
        let mut map = json!({ key: true }).as_object().cloned().unwrap_or_default();
        assert_eq!(target.approve(&mut map, Pin::Version), Ok(Vec::new()), "{key}");
    }
}

#[test]
fn a_repository_is_approved_at_its_commit_and_denied_as_a_whole() {
    let target = ScriptTarget::Exotic { source: format!("git+ssh://git@github.com/u/a.git#{COMMIT}") };
    let mut map = Map::new();
    assert!(target.approve(&mut map, Pin::Version).is_ok());
    assert_eq!(map.keys().collect::<Vec<_>>(), [&format!("git+ssh://git@github.com/u/a.git#{COMMIT}")]);
    target.deny(&mut map);
    assert_eq!(Value::Object(map), json!({"git+ssh://git@github.com/u/a.git": false}));
}
