//! The order in which npm sorts names: JavaScript's `a.localeCompare(b, 'en')`.

use std::cmp::Ordering;
use std::sync::OnceLock;

use icu_collator::options::CollatorOptions;
use icu_collator::{Collator, CollatorBorrowed, CollatorPreferences};

/// Compares as JavaScript's `a.localeCompare(b, 'en')` does: punctuation, then digits, then letters with their case
/// only as a tie-break, lower case first.
pub fn compare(a: &str, b: &str) -> Ordering {
    collator().compare(a, b)
}

/// ICU's root collation, which is also that of English.
fn collator() -> &'static CollatorBorrowed<'static> {
    static COLLATOR: OnceLock<CollatorBorrowed<'static>> = OnceLock::new();
    COLLATOR.get_or_init(|| {
        #[expect(clippy::expect_used, reason = "the root data is compiled in")]
        Collator::try_new(CollatorPreferences::default(), CollatorOptions::default())
            .expect("the root collation is compiled in")
    })
}
