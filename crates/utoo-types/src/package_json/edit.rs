//! The edits that `npm install` and `npm uninstall` make to a package.json.

use serde_json::{Map, Value};

use crate::{DependencyKind, collate};

type Object = Map<String, Value>;

pub(super) fn set(document: &mut Object, kind: DependencyKind, name: &str, spec: &str) {
    for other in DependencyKind::ALL {
        if excludes(kind, other) {
            take(document, other.key(), name);
        }
    }
    let block = document.entry(kind.key()).or_insert_with(|| Value::Object(Map::new()));
    if !block.is_object() {
        *block = Value::Object(Map::new());
    }
    if let Value::Object(block) = block {
        block.insert(name.to_owned(), Value::String(spec.to_owned()));
        sort(block);
    }
}

/// Whether a package that goes into `kind` leaves `other`.
fn excludes(kind: DependencyKind, other: DependencyKind) -> bool {
    use DependencyKind::{Dev, Optional, Peer, Prod};
    match kind {
        Prod => matches!(other, Dev | Optional | Peer),
        Dev => matches!(other, Prod | Optional),
        Optional => matches!(other, Prod | Dev | Peer),
        Peer => matches!(other, Prod | Optional),
    }
}

pub(super) fn remove(document: &mut Object, name: &str) -> bool {
    let mut found = false;
    for kind in DependencyKind::ALL {
        found |= take(document, kind.key(), name);
    }
    take(document, "peerDependenciesMeta", name);
    found
}

/// Takes an entry out of a block, and the block out of the document when nothing is left in it.
fn take(document: &mut Object, key: &str, name: &str) -> bool {
    let Some(Value::Object(block)) = document.get_mut(key) else { return false };
    let found = block.shift_remove(name).is_some();
    if found && block.is_empty() {
        document.shift_remove(key);
    }
    found
}

fn sort(block: &mut Object) {
    let mut entries: Vec<(String, Value)> = std::mem::take(block).into_iter().collect();
    entries.sort_by(|(a, _), (b, _)| collate::compare(a, b));
    block.extend(entries);
}
