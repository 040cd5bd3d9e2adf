//! The edits that `npm install` and `npm uninstall` make to a package.json, as recorded from npm
//! (`scripts/record-package-json`).

use serde_json::{Map, Value};

use crate::manifest::normalize::is_truthy;
use crate::{DependencyKind, collate};

type Object = Map<String, Value>;

pub(super) fn set(document: &mut Object, kind: DependencyKind, name: &str, spec: &str) {
    for other in DependencyKind::ALL {
        if excludes(kind, other)
            && let Some(Value::Object(block)) = document.get_mut(other.key())
        {
            block.shift_remove(name);
        }
    }
    let block = document.entry(kind.key()).or_insert(Value::Null);
    if !block.is_object() {
        *block = Value::Object(Map::new());
    }
    if let Value::Object(block) = block {
        block.insert(name.to_owned(), Value::String(spec.to_owned()));
    }
    settle_bundle(document, None);
    settle_blocks(document);
}

/// Whether a package that goes into `kind` leaves `other`. A development dependency may well be a peer or an
/// optional one too; npm leaves those alone.
fn excludes(kind: DependencyKind, other: DependencyKind) -> bool {
    use DependencyKind::{Dev, Optional, Peer, Prod};
    match kind {
        Prod => matches!(other, Dev | Optional | Peer),
        Dev => other == Prod,
        Optional => matches!(other, Prod | Peer),
        Peer => matches!(other, Prod | Optional),
    }
}

pub(super) fn remove(document: &mut Object, name: &str) -> bool {
    let mut found = false;
    settle_bundle(document, Some(name));
    for kind in DependencyKind::ALL {
        if let Some(Value::Object(block)) = document.get_mut(kind.key()) {
            found |= block.shift_remove(name).is_some();
        }
    }
    settle_blocks(document);
    found
}

/// What npm does to all blocks whenever it writes one of them: what is optional is not also plain, blocks are
/// sorted, and empty ones go, as do those that are no object.
fn settle_blocks(document: &mut Object) {
    if let Some(Value::Object(optional)) = document.get("optionalDependencies") {
        let names: Vec<String> = optional.keys().cloned().collect();
        if let Some(Value::Object(plain)) = document.get_mut("dependencies") {
            names.iter().for_each(|name| drop(plain.shift_remove(name)));
        }
    }
    for kind in DependencyKind::ALL {
        match document.get_mut(kind.key()) {
            Some(Value::Object(block)) if !block.is_empty() => sort(block),
            Some(_) => drop(document.shift_remove(kind.key())),
            None => {}
        }
    }
}

/// npm writes `bundleDependencies` as a list, whatever it was: `true` becomes the dependencies there are, and
/// the other spelling is kept beside it. A list that `removed` leaves empty goes.
fn settle_bundle(document: &mut Object, removed: Option<&str>) {
    let bundle = document.get("bundleDependencies").or_else(|| document.get("bundledDependencies"));
    let Some(bundle) = bundle else { return };
    let mut names: Vec<Value> = match bundle {
        Value::Array(names) => names.clone(),
        Value::Object(entries) => entries.keys().map(|name| name.as_str().into()).collect(),
        Value::Bool(true) => match document.get("dependencies") {
            Some(Value::Object(block)) => block.keys().map(|name| name.as_str().into()).collect(),
            _ => Vec::new(),
        },
        other if !is_truthy(other) => Vec::new(),
        _ => return,
    };
    let before = names.len();
    names.retain(|bundled| bundled.as_str() != removed || removed.is_none());
    if names.is_empty() && before > 0 {
        document.shift_remove("bundleDependencies");
    } else {
        document.insert("bundleDependencies".to_owned(), Value::Array(names));
    }
}

/// Adds a name to `bundleDependencies`, which become a sorted list.
pub(super) fn bundle(document: &mut Object, name: &str) {
    settle_bundle(document, None);
    let list = document.entry("bundleDependencies").or_insert(Value::Null);
    let mut names = match list.take() {
        Value::Array(names) => names,
        _ => Vec::new(),
    };
    if !names.iter().any(|bundled| bundled.as_str() == Some(name)) {
        names.push(name.into());
    }
    let text = |name: &Value| name.as_str().unwrap_or_default().to_owned();
    names.sort_by(|a, b| collate::compare(&text(a), &text(b)));
    *list = Value::Array(names);
}

fn sort(block: &mut Object) {
    let mut entries: Vec<(String, Value)> = std::mem::take(block).into_iter().collect();
    entries.sort_by(|(a, _), (b, _)| collate::compare(a, b));
    block.extend(entries);
}
