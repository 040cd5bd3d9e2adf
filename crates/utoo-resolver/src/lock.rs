//! The lock pass: the finished tree as a lockfile.

use std::sync::Arc;

use utoo_lockfile::{Entry, Lockfile};

use crate::build::Shrinkwraps;
use crate::load::{LockedNodes, Project};
use crate::tree::{Flags, NodeId, NodeKind, Tree};

/// Writes the tree down. Entries that were loaded from a lockfile, be it a package's own, keep the fields that only pass
/// through.
pub(crate) fn to_lockfile(
    tree: &Tree,
    project: &Project,
    locked: &LockedNodes,
    shrinkwraps: &Shrinkwraps,
) -> Lockfile {
    let manifest = &project.manifest;
    let mut lock = match &project.lock {
        Some(before) => before.head(),
        None => Lockfile::default(),
    };
    lock.requires = true;
    // Of versions that are to come npm leaves the head alone.
    if lock.lockfile_version <= utoo_lockfile::CURRENT_VERSION {
        let name = manifest.name.as_str();
        lock.name = Some(Arc::from(if name.is_empty() { project.folder_name.as_str() } else { name }));
        lock.version = (!manifest.raw_version.is_empty()).then(|| Arc::clone(&manifest.raw_version));
    }
    let root = Entry::from_folder(manifest, "", project.workspaces_field.as_ref());
    lock.packages.insert(Arc::from(""), root);
    let bundles = tree.has_bundles();
    let inventory = tree.by_arrival();
    // Growing would copy the entries that are there, and touch twice the memory.
    lock.packages.reserve_exact(inventory.len());
    for node in inventory.into_iter().skip(1) {
        let location = tree.location(node);
        let before = locked.get(&node).and_then(|at| project.lock.as_ref()?.get(at));
        let before = before.or_else(|| shrinkwraps.entries.get(&node));
        let mut entry = entry_of(tree, node, &location, before);
        entry.in_bundle = bundles && tree.bundler(node).is_some();
        lock.packages.insert(location.into(), entry);
    }
    lock
}

fn entry_of(tree: &Tree, id: NodeId, location: &str, before: Option<&Entry>) -> Entry {
    let node = tree.node(id);
    let manifest = &tree.package_of(id).manifest;
    let mut entry = match &node.kind {
        NodeKind::Link { location } => Entry::link_to(Arc::clone(location)),
        NodeKind::Folder { .. } => Entry::from_folder(manifest, location, manifest.workspaces_field.as_ref()),
        _ => {
            let mut entry = match before {
                Some(before) => {
                    let mut entry = before.clone();
                    // npm rewrites an entry with the fields that it knows.
                    entry.forget_unknown();
                    entry
                }
                None => Entry::from_manifest(manifest).named_at(location, &manifest.name),
            };
            entry.resolved.clone_from(&node.resolved);
            entry.integrity.clone_from(&node.integrity);
            entry.integrity_is_new = node.integrity_is_new;
            entry
        }
    };
    set_flags(&mut entry, node.flags);
    entry
}

/// `devOptional` is written only where neither of the two says it already.
fn set_flags(entry: &mut Entry, flags: Flags) {
    entry.extraneous = flags.extraneous;
    let seen = !flags.extraneous;
    entry.peer = seen && flags.peer;
    entry.dev = seen && flags.dev;
    entry.optional = seen && flags.optional;
    entry.dev_optional = seen && flags.dev_optional && !flags.dev && !flags.optional;
}
