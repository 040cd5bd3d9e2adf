use serde_json::json;

use super::*;

/// The order of fields is written down by hand in `collect`; this holds it to the rule.
#[test]
fn the_fixed_order_of_fields_is_the_rule() {
    let value = |is_object: bool| if is_object { json!({"k": "v"}) } else { json!(["k"]) };
    for is_object in [false, true] {
        let block = json!({"k": "1"});
        let entry = json!({
            "name": "n", "version": "1", "resolved": "r", "link": true, "dev": true, "optional": true,
            "integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "devOptional": true, "peer": true, "extraneous": true,
            "inBundle": true, "hasInstallScript": true, "hasShrinkwrap": true, "deprecated": "d",
            "license": value(is_object), "engines": value(is_object), "funding": value(is_object),
            "os": value(is_object), "cpu": value(is_object), "libc": value(is_object), "workspaces": value(is_object),
            "bin": block, "dependencies": block, "devDependencies": block, "optionalDependencies": block,
            "peerDependencies": block, "acceptDependencies": block, "peerDependenciesMeta": block,
            "bundleDependencies": ["k"]
        });
        let mut entry: Entry = serde_json::from_value(entry).unwrap();
        // A link has none of the five marks.
        for (link, count) in [(true, 24), (false, 28)] {
            entry.link = link;
            let mut fields = Fields { scalars: Vec::new(), objects: Vec::new() };
            fields.collect(&entry);
            let members: Vec<_> = fields.scalars.into_iter().chain(fields.objects).collect();
            assert_eq!(members.len(), count);
            assert!(members.is_sorted_by(|(a, in_a), (b, in_b)| key_order(in_a.key(a), in_b.key(b)).is_le()));
        }
    }
}
