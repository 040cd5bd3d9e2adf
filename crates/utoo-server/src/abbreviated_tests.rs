use serde_json::json;

use super::*;

#[test]
fn keeps_what_an_installer_reads() {
    let full = json!({
        "_id": "a", "name": "a", "readme": "long",
        "dist-tags": {"latest": "1.0.0"},
        "time": {"modified": "2020-01-01T00:00:00.000Z", "1.0.0": "2019-01-01T00:00:00.000Z"},
        "versions": {"1.0.0": {
            "name": "a", "version": "1.0.0", "description": "d", "license": "MIT",
            "dependencies": {"b": "^1"}, "bundledDependencies": ["b"], "scripts": {"postinstall": "x", "test": "y"},
            "dist": {"tarball": "https://registry.example/a/-/a-1.0.0.tgz", "shasum": "00"},
        }},
    });
    assert_eq!(
        abbreviate(&full),
        json!({
            "name": "a",
            "dist-tags": {"latest": "1.0.0"},
            "modified": "2020-01-01T00:00:00.000Z",
            "versions": {"1.0.0": {
                "name": "a", "version": "1.0.0", "dependencies": {"b": "^1"},
                "bundleDependencies": ["b"], "hasInstallScript": true,
                "dist": {"tarball": "https://registry.example/a/-/a-1.0.0.tgz", "shasum": "00"},
            }},
        })
    );
}

#[test]
fn broken_metadata_passes_through() {
    let full = json!({"name": "a", "versions": {"1.0.0": {"dependencies": [], "os": "linux", "scripts": 3}}});
    let short = abbreviate(&full);
    assert_eq!(short["versions"]["1.0.0"], json!({"dependencies": [], "os": "linux"}));
    assert_eq!(abbreviate(&json!({"name": "a"})), json!({"name": "a", "versions": {}}));
}
