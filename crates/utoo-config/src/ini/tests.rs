//! What npm's recorded answers do not show: lines, and texts of any kind. The answers themselves are in
//! `layers/tests.rs`.

use proptest::prelude::*;

use super::*;

#[test]
fn lines_count_as_an_editor_counts_them() {
    let entries = parse("a=1\n; comment\r\n\r\nb\n[s]\nc=1");
    let lines: Vec<_> = entries.iter().map(|entry| (entry.key.as_str(), entry.line)).collect();
    assert_eq!(lines, [("a", 1), ("b", 4)]);
}

#[test]
fn a_lone_carriage_return_ends_a_line() {
    let entries = parse("a=1\rb=2");
    assert_eq!(
        entries.iter().map(|entry| (&*entry.key, &*entry.value)).collect::<Vec<_>>(),
        [("a", "1"), ("b", "2")]
    );
}

proptest! {
    #[test]
    fn any_text_is_read(text in any::<String>()) {
        for entry in parse(&text) {
            prop_assert!(entry.line >= 1);
        }
    }

    /// A value without special characters comes back as it was written.
    #[test]
    fn plain_values_survive(key in "[a-z][a-z-]{0,9}", value in "[a-zA-Z0-9/:._@-]{1,20}") {
        let entries = parse(&format!("{key} = {value}\n"));
        prop_assert_eq!(entries, vec![Entry { key, value, list: false, line: 1 }]);
    }
}
