//! The collation against lists that JavaScript sorted (`fixtures/collate/answers.txt`, whose head specifies its lines;
//! `scripts/record-collation` wrote it).

#![expect(clippy::expect_used, reason = "a test may panic, its helpers too")]

use std::cmp::Ordering;
use std::path::PathBuf;

use serde_json::Value;
use utoo_types::collate::compare;

#[test]
fn order_is_that_of_javascript() {
    let path = std::env::var_os("UTOO_COLLATE_ANSWERS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/collate/answers.txt"),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(&path).expect("recorded answers");
    let mut pairs = 0;
    let mut differences = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let ranked = ranked(line);
        for (rank, text) in &ranked {
            for (other_rank, other) in &ranked {
                pairs += 1;
                let ours = compare(text, other);
                if ours != rank.cmp(other_rank) {
                    differences.push(format!("{text:?} to {other:?}: ours {ours:?}"));
                }
            }
        }
    }
    assert!(pairs > 100_000, "only {pairs} pairs in {}", path.display());
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(40)].join("\n")
    );
}

/// The texts of a line, each with its place.
fn ranked(line: &str) -> Vec<(usize, String)> {
    let list: Vec<Value> = serde_json::from_str(line).expect("a JSON array");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut ranked = Vec::new();
    for (rank, entry) in list.iter().enumerate() {
        match entry {
            Value::Array(equals) => ranked.extend(equals.iter().map(|equal| (rank, text(equal)))),
            single => ranked.push((rank, text(single))),
        }
    }
    ranked
}

#[test]
fn equal_but_for_case_puts_lower_first() {
    assert_eq!(compare("a", "A"), Ordering::Less);
    assert_eq!(compare("aB", "Ab"), Ordering::Less);
    assert_eq!(compare("A", "b"), Ordering::Less);
    assert_eq!(compare("JSONStream", "jsonstream"), Ordering::Greater);
}

#[test]
fn a_shared_start_decides_nothing() {
    let collator = icu_collator::Collator::try_new(Default::default(), Default::default()).unwrap();
    let starts = [
        "",
        "node_modules/",
        "node_modules/abc",
        "NODE_MODULES/abc",
        "node_modules/\u{0}\u{7f}b/",
        "nöde_modules/",
    ];
    let ends = ["", "a", "A", "b", "\u{0}", "-a", "é", "e\u{301}", "a/node_modules/b", "a/node_modules/B"];
    let texts: Vec<String> =
        starts.iter().flat_map(|start| ends.map(|end| format!("{start}{end}"))).collect();
    for a in &texts {
        for b in &texts {
            assert_eq!(compare(a, b), collator.compare(a, b), "{a:?} {b:?}");
        }
    }
}
