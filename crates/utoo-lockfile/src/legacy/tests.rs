use serde_json::json;

use super::*;

fn inflate_one(version: &str) -> (Entry, Packages) {
    let packages =
        inflate(Entry::default(), &json!({"x": {"version": version, "requires": {"y": "^1.0.0"}}}));
    (packages["node_modules/x"].clone(), packages)
}

#[test]
fn the_version_of_version_1_says_where_a_package_comes_from() {
    let (plain, _) = inflate_one("1.2.3");
    assert_eq!((plain.version.as_deref(), plain.resolved), (Some("1.2.3"), None));
    assert_eq!(plain.dependencies.iter().count(), 1);

    let (alias, _) = inflate_one("npm:@s/other@2.0.0");
    assert_eq!(
        (alias.version.as_deref(), alias.name.as_ref().map(PackageName::as_str)),
        (Some("2.0.0"), Some("@s/other"))
    );

    for source in ["https://example.com/x.tgz", "file:vendor/x.tgz", "git+https://example.com/x.git#0a1b2c3"]
    {
        let (entry, _) = inflate_one(source);
        assert_eq!((entry.version, entry.resolved.as_deref()), (None, Some(source)));
    }
}

#[test]
fn hosted_repositories_are_written_as_npm_resolves_them() {
    let commit = "0123456789012345678901234567890123456789";
    let (entry, _) = inflate_one(&format!("github:user/repo#{commit}"));
    assert_eq!(
        entry.resolved.as_deref(),
        Some(format!("git+ssh://git@github.com/user/repo.git#{commit}").as_str())
    );
}

#[test]
fn a_folder_is_a_link_and_its_target() {
    let tree = json!({"x": {"version": "file:libs/x", "requires": {"y": "1"},
        "dependencies": {"y": {"version": "1.0.0"}}}});
    let packages = inflate(Entry::default(), &tree);
    let link = &packages["node_modules/x"];
    assert!(link.link);
    assert_eq!(link.resolved.as_deref(), Some("libs/x"));
    assert!(link.dependencies.is_empty());
    assert!(packages["libs/x"].dependencies.contains("y"));
    assert_eq!(packages["libs/x/node_modules/y"].version.as_deref(), Some("1.0.0"));
}

#[test]
fn without_a_digest_the_address_says_the_version() {
    let entry = |node: Value| inflate(Entry::default(), &json!({"x": node}))["node_modules/x"].clone();
    let told = |entry: &Entry| {
        (
            entry.name.as_ref().map(|name| name.as_str().to_owned()),
            entry.version.as_deref().map(str::to_owned),
        )
    };
    let version = |text: &str| (None, Some(text.to_owned()));
    let address = "https://registry.example/x/-/x-1.2.3.tgz";
    assert_eq!(told(&entry(json!({"version": "^1.0.0", "resolved": address}))), version("1.2.3"));
    assert_eq!(told(&entry(json!({"resolved": address}))), version("1.2.3"));
    assert_eq!(told(&entry(json!({"from": "x@^1.0.0", "resolved": address}))), version("1.2.3"));
    assert_eq!(
        told(&entry(json!({"version": "1.0.0", "from": "^1.0.0", "resolved": address}))),
        version("1.0.0")
    );
    let other = "https://registry.example/@s%2fother/-/other-2.0.0-rc.1.tgz";
    let (own, found) = (Some("@s/other".to_owned()), Some("2.0.0-rc.1".to_owned()));
    assert_eq!(told(&entry(json!({"version": "1.0.0", "resolved": other}))), (own, found));
    // What tells no version has none.
    for address in
        ["https://example.com/y-1.0.0.tgz", "https://example.com/x-one.tgz", "https://example.com/x.tgz"]
    {
        assert_eq!(told(&entry(json!({"resolved": address}))), (None, None), "{address}");
    }
}

#[test]
fn what_says_nothing_is_skipped() {
    let tree = json!({"missing": {"optional": true}, "null": null, "text": "1.0.0", "ok": {"version": "1.0.0", "requires": true}});
    let packages = inflate(Entry::default(), &tree);
    assert_eq!(packages.keys().map(|key| &**key).collect::<Vec<_>>(), ["", "node_modules/ok"]);
    assert_eq!(inflate(Entry::default(), &Value::Null).len(), 1);
}
