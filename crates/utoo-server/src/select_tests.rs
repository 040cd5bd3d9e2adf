use serde_json::json;

use super::*;

#[test]
fn picks_as_npm_does() {
    let document = json!({
        "dist-tags": {"latest": "1.1.0", "next": "2.0.0-rc.1"},
        "versions": {
            "1.0.0": {"n": "1.0.0"}, "1.1.0": {"n": "1.1.0"}, "1.2.0": {"n": "1.2.0"},
            "2.0.0-rc.1": {"n": "2.0.0-rc.1"}, "3.0.0": {"n": "3.0.0"},
            "3.1.0": {"n": "3.1.0", "deprecated": "no"}, "3.0.1": {"n": "3.0.1", "deprecated": ""},
        },
    });
    for (selector, expected) in [
        ("1.0.0", Some("1.0.0")),
        ("latest", Some("1.1.0")),
        ("next", Some("2.0.0-rc.1")),
        ("^1.0.0", Some("1.1.0")),
        (">=1.2.0 <2", Some("1.2.0")),
        ("3", Some("3.0.1")),
        ("*", Some("1.1.0")),
        ("^3.1", Some("3.1.0")),
        ("^9", None),
        ("nothing", None),
    ] {
        let found = select(&document, selector).and_then(|manifest| manifest["n"].as_str());
        assert_eq!(found, expected, "{selector}");
    }
}
