//! Two sides of a merge become one document.
//!
//! Git leaves both sides of a conflict in the file, between markers, and with `merge.conflictStyle = diff3` their
//! common ancestor too. npm reads such a file as three documents and merges them by value: what our side changed
//! against the ancestor stands, everything else is theirs. Without an ancestor in the file, the result is the union of
//! both, ours first (observed of npm's parse-conflict-json 5.0, see the tests).

use serde_json::{Map, Value};

use crate::read::Document;

/// The merged document, where `text` has conflict markers and each side of it is JSON.
pub(crate) fn resolve(text: &str) -> Option<Document> {
    let sides = Sides::split(text)?;
    let ours = serde_json::from_str(&sides.ours).ok()?;
    let theirs = serde_json::from_str(&sides.theirs).ok()?;
    let ancestor: Option<Value> =
        if sides.has_ancestor { serde_json::from_str(&sides.ancestor).ok() } else { None };
    serde_json::from_value(merge(ancestor.as_ref(), Some(ours), Some(theirs))?).ok()
}

#[derive(Default)]
struct Sides {
    ours: String,
    ancestor: String,
    theirs: String,
    has_ancestor: bool,
}

enum Part {
    Common,
    Ours,
    Ancestor,
    Theirs,
}

impl Sides {
    /// `None` where nothing marks our side. As for npm, a marker says whose the lines behind it are, whatever was before it:
    /// of a conflict inside of a conflict, both of our sides are ours.
    fn split(text: &str) -> Option<Self> {
        let mut sides = Self::default();
        let mut part = Part::Common;
        let mut is_marked = false;
        for line in text.split_inclusive('\n') {
            match (&part, line.as_bytes().get(..7)) {
                (_, Some(b"<<<<<<<")) => {
                    part = Part::Ours;
                    is_marked = true;
                }
                (_, Some(b"|||||||")) => {
                    part = Part::Ancestor;
                    sides.has_ancestor = true;
                }
                (_, Some(b"=======")) => part = Part::Theirs,
                (_, Some(b">>>>>>>")) => part = Part::Common,
                (Part::Common, _) => {
                    sides.ours.push_str(line);
                    sides.ancestor.push_str(line);
                    sides.theirs.push_str(line);
                }
                (Part::Ours, _) => sides.ours.push_str(line),
                (Part::Ancestor, _) => sides.ancestor.push_str(line),
                (Part::Theirs, _) => sides.theirs.push_str(line),
            }
        }
        is_marked.then_some(sides)
    }
}

/// `None` is an absent value, before and after.
fn merge(ancestor: Option<&Value>, ours: Option<Value>, theirs: Option<Value>) -> Option<Value> {
    match (ours, theirs) {
        (Some(Value::Object(ours)), Some(Value::Object(theirs))) => {
            Some(Value::Object(merge_objects(ancestor, ours, theirs)))
        }
        (Some(Value::Array(ours)), Some(Value::Array(theirs))) => {
            Some(Value::Array(merge_arrays(ancestor, ours, theirs)))
        }
        (ours, theirs) if ours.as_ref() == ancestor => theirs,
        (ours, _) => ours,
    }
}

fn merge_objects(
    ancestor: Option<&Value>,
    mut ours: Map<String, Value>,
    theirs: Map<String, Value>,
) -> Map<String, Value> {
    let before = |key: &str| ancestor.and_then(|value| value.get(key));
    let mut merged = Map::with_capacity(theirs.len());
    for (key, their) in theirs {
        let our = ours.shift_remove(&key);
        if let Some(value) = merge(before(&key), our, Some(their)) {
            merged.insert(key, value);
        }
    }
    for (key, our) in ours {
        if let Some(value) = merge(before(&key), Some(our), None) {
            merged.insert(key, value);
        }
    }
    merged
}

fn merge_arrays(ancestor: Option<&Value>, ours: Vec<Value>, theirs: Vec<Value>) -> Vec<Value> {
    let length = ours.len().max(theirs.len());
    let (mut ours, mut theirs) = (ours.into_iter(), theirs.into_iter());
    let each = |index| merge(ancestor.and_then(|value| value.get(index)), ours.next(), theirs.next());
    (0..length).filter_map(each).collect()
}

#[cfg(test)]
mod tests;
