//! Making a case smaller as long as it stays interesting: whatever can be left out is left out, whatever can be said
//! more simply is.

use serde_json::Value;

use super::case::FuzzCase;

/// Ranges that are tried in the place of another, simplest first.
const SIMPLER: &[&str] = &["*", "^1.0.0", "1.0.0"];

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

/// The smallest case that this finds. `interesting` is asked some hundred times, and was true of `case`.
#[must_use]
pub fn shrink(case: &FuzzCase, mut interesting: impl FnMut(&FuzzCase) -> bool) -> FuzzCase {
    let mut value = case.value.clone();
    loop {
        let before = value.clone();
        for path in paths(&value) {
            let mut smaller = value.clone();
            if is_frame(&path) {
                continue;
            }
            if remove(&mut smaller, &path) && interesting(&FuzzCase { value: smaller.clone() }) {
                value = smaller;
            }
        }
        for path in paths(&value) {
            simplify(&mut value, &path, &mut interesting);
        }
        if value == before {
            return FuzzCase { value };
        }
    }
}

fn simplify(value: &mut Value, path: &[Step], interesting: &mut impl FnMut(&FuzzCase) -> bool) {
    let Some(Value::String(text)) = at(value, path) else { return };
    // A range, not a name, a version or a flag.
    if !text.starts_with(['^', '~', '>', '<']) && !text.contains([' ', 'x']) {
        return;
    }
    let known = SIMPLER.iter().position(|simple| simple == text).unwrap_or(SIMPLER.len());
    for simple in &SIMPLER[..known] {
        let mut simpler = value.clone();
        if let Some(text) = at(&mut simpler, path) {
            *text = Value::from(*simple);
        }
        if interesting(&FuzzCase { value: simpler.clone() }) {
            *value = simpler;
            return;
        }
    }
}

/// Every place in the value, outer ones before inner ones, later elements before earlier ones.
fn paths(value: &Value) -> Vec<Vec<Step>> {
    let mut paths: Vec<Vec<Step>> = vec![Vec::new()];
    let mut next = 0;
    while let Some(path) = paths.get(next).cloned() {
        next += 1;
        let steps: Vec<Step> = match look(value, &path) {
            Some(Value::Object(object)) => object.keys().rev().cloned().map(Step::Key).collect(),
            Some(Value::Array(array)) => (0..array.len()).rev().map(Step::Index).collect(),
            _ => Vec::new(),
        };
        paths.extend(steps.into_iter().map(|step| path.iter().cloned().chain([step]).collect()));
    }
    paths.remove(0);
    paths
}

fn look<'v>(value: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(index),
    })
}

fn at<'v>(value: &'v mut Value, path: &[Step]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(index),
    })
}

/// What makes a case a project and a command. A project without a name is another project, not a smaller one.
fn is_frame(path: &[Step]) -> bool {
    let keys: Vec<&str> =
        path.iter().map(|step| if let Step::Key(key) = step { key.as_str() } else { "" }).collect();
    match keys[..] {
        ["files" | "run"] | ["files", "package.json"] | ["files", "package.json", "name" | "version"] => true,
        // The command and `--package-lock-only`.
        ["run", _] => matches!(path[1], Step::Index(0 | 1)),
        ["edits", _, key] => key == "to" || key == "at",
        ["edits", _, "at", _] => true,
        _ => false,
    }
}

fn remove(value: &mut Value, path: &[Step]) -> bool {
    let Some((last, above)) = path.split_last() else { return false };
    match (at(value, above), last) {
        (Some(Value::Object(object)), Step::Key(key)) => object.shift_remove(key).is_some(),
        (Some(Value::Array(array)), Step::Index(index)) if *index < array.len() => {
            array.remove(*index);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "shrink_tests.rs"]
mod tests;
