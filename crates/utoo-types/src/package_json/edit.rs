//! The edits that `npm install` and `npm uninstall` make to a package.json, as recorded from npm
//! (`scripts/record-package-json`, and the scenarios of `fixtures/scenarios/save`).
//!
//! npm edits what it holds in memory, twice: before the resolve as it was asked, after it with what it saves. The file and
//! the lockfile are both made of that, and are not the same: the file has a name once where memory may have it twice.

use serde_json::{Map, Value};

use crate::manifest::normalize::is_truthy;
use crate::{DependencyKind, collate};

type Object = Map<String, Value>;

const PROD: &str = "dependencies";
const DEV: &str = "devDependencies";
const OPTIONAL: &str = "optionalDependencies";
const PEER: &str = "peerDependencies";
const PEER_META: &str = "peerDependenciesMeta";
const BUNDLE: &str = "bundleDependencies";

/// What npm has in memory of a document before anything is edited: what is optional is not also plain.
pub(super) fn remembered(document: &Object) -> Object {
    let mut memory = document.clone();
    if let Some(Value::Object(optional)) = document.get(OPTIONAL) {
        optional.keys().for_each(|name| take(&mut memory, PROD, name));
    }
    settle_bundle(&mut memory);
    memory
}

/// A dependency as it was asked for, in the block of `kind`; without a spec, what the block says of it stays, or it is any
/// version. Blocks that exclude that one lose it.
pub(super) fn request(memory: &mut Object, kind: DependencyKind, name: &str, spec: Option<&str>) {
    for other in DependencyKind::ALL {
        if excludes(kind, other) {
            take(memory, other.key(), name);
        }
    }
    let spec = match (spec, text_in(memory, kind.key(), name)) {
        (Some(spec), _) => spec.to_owned(),
        (None, before) => before.unwrap_or("*").to_owned(),
    };
    put(memory, kind.key(), name, &spec);
    match kind {
        // npm writes it among the plain ones too, for the npm of old.
        DependencyKind::Optional => put(memory, PROD, name, &spec),
        DependencyKind::Peer if text_in(memory, DEV, name).is_some() => put(memory, DEV, name, &spec),
        _ => {}
    }
}

/// Says that a peer is not an optional one any more.
pub(super) fn require_peer(memory: &mut Object, name: &str) {
    if let Some(Value::Object(meta)) = memory.get_mut(PEER_META)
        && let Some(Value::Object(meta)) = meta.get_mut(name)
        && meta.get("optional").is_some_and(is_truthy)
    {
        meta.insert("optional".to_owned(), false.into());
    }
}

/// The spec that is saved, in the block of `kind`; without one, in every block that has the name, but that one which is for
/// development leaves what peers and optional ones say where `keeps` says so of their spec.
pub(super) fn save(
    memory: &mut Object,
    kind: Option<DependencyKind>,
    name: &str,
    (spec, keeps): (&str, &dyn Fn(&str) -> bool),
) {
    if let Some(kind) = kind {
        put(memory, kind.key(), name, spec);
        if kind == DependencyKind::Prod {
            take(memory, OPTIONAL, name);
        }
        return;
    }
    let is_dev = text_in(memory, DEV, name).is_some();
    for block in [PROD, DEV, PEER, OPTIONAL] {
        let Some(before) = text_in(memory, block, name) else { continue };
        let stays = is_dev && matches!(block, PEER | OPTIONAL) && keeps(before);
        if !stays {
            put(memory, block, name, spec);
        }
    }
}

/// Whether a package that goes into `kind` leaves `other`. A development dependency may well be a peer or an optional one
/// too; npm leaves those alone, and takes a plain one out of the optional ones when it saves.
fn excludes(kind: DependencyKind, other: DependencyKind) -> bool {
    use DependencyKind::{Dev, Optional, Peer, Prod};
    match kind {
        Prod => matches!(other, Dev | Peer),
        Dev => other == Prod,
        Optional => other == Peer,
        Peer => matches!(other, Prod | Optional),
    }
}

/// Takes a name out of all blocks and out of what is bundled. Gives whether it was in a block.
pub(super) fn remove(memory: &mut Object, name: &str) -> bool {
    let mut found = false;
    for kind in DependencyKind::ALL {
        found |= text_in(memory, kind.key(), name).is_some();
        take(memory, kind.key(), name);
    }
    if let Some(Value::Array(bundled)) = memory.get_mut(BUNDLE) {
        let before = bundled.len();
        bundled.retain(|bundled| bundled.as_str() != Some(name));
        if bundled.is_empty() && before > 0 {
            memory.shift_remove(BUNDLE);
        }
    }
    found
}

/// Adds a name to `bundleDependencies`, which become a sorted list.
pub(super) fn bundle(memory: &mut Object, name: &str) {
    let list = memory.entry(BUNDLE).or_insert(Value::Null);
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

/// The document that npm writes: the blocks of `memory`, sorted, without the empty ones, and what is optional not also
/// plain. What `original` has as a plain one and as a peer stays both, by the peer's spec.
pub(super) fn document(original: &Object, memory: &Object) -> Object {
    let mut document = original.clone();
    for kind in DependencyKind::ALL {
        let mut block = block_of(memory, kind.key()).cloned().unwrap_or_default();
        if kind == DependencyKind::Prod
            && let Some(optional) = block_of(memory, OPTIONAL)
        {
            block.retain(|name, _| !optional.contains_key(name));
        }
        if block.is_empty() {
            document.shift_remove(kind.key());
        } else {
            sort(&mut block);
            document.insert(kind.key().to_owned(), Value::Object(block));
        }
    }
    put_back(original, &mut document);
    match memory.get(BUNDLE) {
        Some(bundle) => drop(document.insert(BUNDLE.to_owned(), bundle.clone())),
        None => drop(document.shift_remove(BUNDLE)),
    }
    document
}

fn put_back(original: &Object, document: &mut Object) {
    let (Some(plain), Some(peers)) = (block_of(original, PROD), block_of(document, PEER)) else { return };
    let both: Vec<(String, Value)> = block_of(original, PEER)
        .into_iter()
        .flat_map(Object::keys)
        .filter(|name| plain.contains_key(*name))
        .filter_map(|name| Some((name.clone(), peers.get(name)?.clone())))
        .collect();
    if both.is_empty() {
        return;
    }
    let block = document.entry(PROD).or_insert_with(|| Value::Object(Object::new()));
    if let Value::Object(block) = block {
        // Not sorted again: what had left the block comes last.
        block.extend(both);
    }
}

/// npm has `bundleDependencies` as a list, whatever the file says: `true` is the dependencies there are, and the other
/// spelling counts where this one is missing.
fn settle_bundle(memory: &mut Object) {
    let bundle = memory.get(BUNDLE).or_else(|| memory.get("bundledDependencies"));
    let Some(bundle) = bundle else { return };
    let names: Vec<Value> = match bundle {
        Value::Array(names) => names.clone(),
        Value::Object(entries) => entries.keys().map(|name| name.as_str().into()).collect(),
        Value::Bool(true) => {
            let names = block_of(memory, PROD).into_iter().flat_map(Object::keys);
            names.map(|name| name.as_str().into()).collect()
        }
        other if !is_truthy(other) => Vec::new(),
        _ => return,
    };
    memory.insert(BUNDLE.to_owned(), Value::Array(names));
}

fn block_of<'o>(object: &'o Object, block: &str) -> Option<&'o Object> {
    object.get(block).and_then(Value::as_object)
}

fn text_in<'o>(object: &'o Object, block: &str, name: &str) -> Option<&'o str> {
    block_of(object, block)?.get(name)?.as_str()
}

fn put(memory: &mut Object, block: &str, name: &str, spec: &str) {
    let entry = memory.entry(block).or_insert(Value::Null);
    if !entry.is_object() {
        *entry = Value::Object(Object::new());
    }
    if let Value::Object(entry) = entry {
        entry.insert(name.to_owned(), spec.into());
    }
}

/// Takes a name out of a block, which goes with its last one. What is no peer any more has no settings as one either.
fn take(memory: &mut Object, block: &str, name: &str) {
    let Some(Value::Object(entries)) = memory.get_mut(block) else { return };
    if entries.shift_remove(name).is_some() && entries.is_empty() {
        memory.shift_remove(block);
    }
    if block == PEER {
        take(memory, PEER_META, name);
    }
}

fn sort(block: &mut Object) {
    let mut entries: Vec<(String, Value)> = std::mem::take(block).into_iter().collect();
    entries.sort_by(|(a, _), (b, _)| collate::compare(a, b));
    block.extend(entries);
}
