//! Comparing two answers, from the tree that matters most down to single bytes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::answer::{Answer, Outcome, UNKNOWN_CODE};

/// What was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// Success, or the error's code.
    Outcome,
    /// Which version, or which link, stands at which location.
    Tree,
    /// The lockfile as JSON, whatever the order of its keys.
    Document,
    /// The lockfile byte for byte.
    Bytes,
    /// The hidden lockfile byte for byte.
    Hidden,
    /// What stands in the watched places on disk.
    Disk,
    /// The project's own files byte for byte, such as package.json.
    Files,
}

impl Aspect {
    /// All of them, in the order in which they are compared.
    pub const ALL: [Self; 7] =
        [Self::Outcome, Self::Tree, Self::Document, Self::Bytes, Self::Hidden, Self::Disk, Self::Files];

    /// A short name for tables.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Tree => "tree",
            Self::Document => "document",
            Self::Bytes => "bytes",
            Self::Hidden => "hidden",
            Self::Disk => "disk",
            Self::Files => "files",
        }
    }
}

/// The first place at which two answers differ in one aspect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In what.
    pub aspect: Aspect,
    /// Where, and what each side has there.
    pub detail: String,
}

/// All aspects in which `actual` isn't `expected`, in the order of [`Aspect::ALL`]. After an error only the
/// outcome counts: what a refused run leaves behind is nobody's contract.
#[must_use]
pub fn compare(expected: &Answer, actual: &Answer) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut differ = |aspect, detail: Option<String>| {
        differences.extend(detail.map(|detail| Difference { aspect, detail }));
    };
    if !agree(&expected.outcome, &actual.outcome) {
        let say = |outcome: &Outcome| match outcome {
            Outcome::Done => "success".to_owned(),
            Outcome::Error { code } => code.clone(),
        };
        let detail = format!("expected {}, got {}", say(&expected.outcome), say(&actual.outcome));
        differ(Aspect::Outcome, Some(detail));
        return differences;
    }
    if expected.outcome != Outcome::Done {
        return differences;
    }
    let parse = |text: &Option<String>| {
        text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
    };
    let (ours, theirs) = (parse(&expected.lock), parse(&actual.lock));
    differ(Aspect::Tree, tree_difference(&ours, &theirs));
    differ(Aspect::Document, value_difference("", &ours, &theirs));
    differ(Aspect::Bytes, text_difference(expected.lock.as_deref(), actual.lock.as_deref()));
    differ(Aspect::Hidden, text_difference(expected.hidden.as_deref(), actual.hidden.as_deref()));
    differ(Aspect::Disk, text_difference(expected.disk.as_deref(), actual.disk.as_deref()));
    let paths: BTreeSet<&String> = expected.files.keys().chain(actual.files.keys()).collect();
    let changed = paths.into_iter().find_map(|path| {
        let text = |answer: &Answer| answer.files.get(path).map(|text| text.trim_end().to_owned());
        let difference = text_difference(text(expected).as_deref(), text(actual).as_deref());
        difference.map(|difference| format!("{path}: {difference}"))
    });
    differ(Aspect::Files, changed);
    differences
}

/// Where npm refuses without a code, it stumbled over something: any refusal says more.
fn agree(expected: &Outcome, actual: &Outcome) -> bool {
    match (expected, actual) {
        (Outcome::Error { code }, Outcome::Error { .. }) if code == UNKNOWN_CODE => true,
        (expected, actual) => expected == actual,
    }
}

/// Versions and links only: flags and metadata are the document's.
fn tree_difference(expected: &Value, actual: &Value) -> Option<String> {
    let packages =
        |lock: &Value| lock.get("packages").and_then(Value::as_object).cloned().unwrap_or_default();
    let (expected, actual) = (packages(expected), packages(actual));
    let locations: BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
    locations.into_iter().find_map(|location| {
        let what = |entry: Option<&Value>| match entry {
            None => "nothing".to_owned(),
            Some(entry) if entry.get("link") == Some(&Value::Bool(true)) => {
                format!("a link to {}", short(entry.get("resolved")))
            }
            Some(entry) => format!("{} {}", short(entry.get("name")), short(entry.get("version"))),
        };
        let (left, right) = (what(expected.get(location)), what(actual.get(location)));
        (left != right).then(|| format!("{location}: expected {left}, got {right}"))
    })
}

fn value_difference(path: &str, expected: &Value, actual: &Value) -> Option<String> {
    match (expected, actual) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            keys.into_iter().find_map(|key| {
                let path = format!("{path}/{}", if key.is_empty() { "\"\"" } else { key });
                match (left.get(key), right.get(key)) {
                    (Some(left), Some(right)) => value_difference(&path, left, right),
                    (left, right) => Some(format!("{path}: expected {}, got {}", short(left), short(right))),
                }
            })
        }
        (left, right) if left == right => None,
        (left, right) => Some(format!("{path}: expected {}, got {}", short(Some(left)), short(Some(right)))),
    }
}

fn text_difference(expected: Option<&str>, actual: Option<&str>) -> Option<String> {
    if expected == actual {
        return None;
    }
    let (Some(expected), Some(actual)) = (expected, actual) else {
        let say = |text: Option<&str>| if text.is_some() { "a file" } else { "none" };
        return Some(format!("expected {}, got {}", say(expected), say(actual)));
    };
    let (mut left, mut right) = (expected.lines(), actual.lines());
    for number in 1.. {
        match (left.next(), right.next()) {
            (None, None) => break,
            (left, right) if left == right => {}
            (left, right) => {
                let say = |line: Option<&str>| {
                    line.map_or("the end".to_owned(), |line| format!("`{}`", line.trim()))
                };
                return Some(format!("line {number}: expected {}, got {}", say(left), say(right)));
            }
        }
    }
    Some("the line ends differ".to_owned())
}

fn short(value: Option<&Value>) -> String {
    let text = match value {
        None => return "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    if text.chars().count() > 100 {
        format!("{}…", text.chars().take(100).collect::<String>())
    } else {
        text
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
