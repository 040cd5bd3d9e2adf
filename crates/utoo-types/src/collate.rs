//! The order in which npm sorts names: JavaScript's `a.localeCompare(b, 'en')`, that is CLDR's root collation.
//!
//! All of ASCII is decided here by a table; what it cannot decide goes to ICU. Sorting the names of a lockfile takes
//! thousands of comparisons, and nearly every name is ASCII.

use std::cmp::Ordering;
use std::sync::OnceLock;

use icu_collator::options::CollatorOptions;
use icu_collator::{Collator, CollatorBorrowed, CollatorPreferences};

/// Compares as JavaScript's `a.localeCompare(b, 'en')` does: white space, punctuation, symbols, digits, letters; case
/// counts only where all else is equal, and then the lower case comes first. Texts that differ only in characters
/// without weight, such as U+0000, are equal.
pub fn compare(a: &str, b: &str) -> Ordering {
    compare_ascii(a.as_bytes(), b.as_bytes()).unwrap_or_else(|| collator().compare(a, b))
}

/// Every weighted ASCII character but the letters, lightest first.
const WEIGHTED: &[u8] = b"\t\n\x0b\x0c\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789";

/// The weight of a byte, letters without their case. 0 for what has none and what is not ASCII.
const WEIGHTS: [u8; 256] = {
    let mut weights = [0; 256];
    let mut next = 1;
    let mut index = 0;
    while index < WEIGHTED.len() {
        weights[WEIGHTED[index] as usize] = next;
        next += 1;
        index += 1;
    }
    let mut letter = b'a';
    while letter <= b'z' {
        weights[letter as usize] = next;
        weights[letter.to_ascii_uppercase() as usize] = next;
        next += 1;
        letter += 1;
    }
    weights
};

/// Compares what is ASCII throughout and weighted up to the first difference; `None` for the rest. A character behind
/// could change the weight of one before it, were it not ASCII.
fn compare_ascii(a: &[u8], b: &[u8]) -> Option<Ordering> {
    let shared = shared_prefix(a, b);
    let (a, b) = (&a[shared..], &b[shared..]);
    if !a.is_ascii() || !b.is_ascii() {
        return None;
    }
    let mut case = Ordering::Equal;
    for (a, b) in a.iter().zip(b) {
        let (weight, other) = (WEIGHTS[usize::from(*a)], WEIGHTS[usize::from(*b)]);
        if weight == 0 || other == 0 {
            return None;
        }
        if weight != other {
            return Some(weight.cmp(&other));
        }
        if a != b && case == Ordering::Equal {
            // Of one weight, so the two cases of a letter. Upper case has the lower code.
            case = b.cmp(a);
        }
    }
    match (a.get(b.len()), b.get(a.len())) {
        (None, None) => Some(case),
        (Some(longer), _) => (WEIGHTS[usize::from(*longer)] > 0).then_some(Ordering::Greater),
        (_, Some(longer)) => (WEIGHTS[usize::from(*longer)] > 0).then_some(Ordering::Less),
    }
}

/// How many bytes at the start are the same in both and decide nothing, in steps of eight: printable ASCII. The paths of one
/// tree share most of theirs.
fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    let (a, b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    let is_shared =
        |(a, b): &(&[u8; 8], &[u8; 8])| a == b && a.iter().all(|byte| (b' '..=b'~').contains(byte));
    8 * a.iter().zip(b).take_while(is_shared).count()
}

/// ICU's root collation, which is also that of English. Immutable data that is compiled in; finding it once saves looking
/// its parts up in every comparison.
fn collator() -> &'static CollatorBorrowed<'static> {
    static COLLATOR: OnceLock<CollatorBorrowed<'static>> = OnceLock::new();
    COLLATOR.get_or_init(|| {
        #[expect(clippy::expect_used, reason = "the root collation is compiled in")]
        Collator::try_new(CollatorPreferences::default(), CollatorOptions::default())
            .expect("the root collation is compiled in")
    })
}
