//! What an old lockfile does not say of its packages comes from their manifests.
//!
//! Version 1 knows a package's version, where it is from, and what it requires; nothing of peers, engines, commands. npm
//! asks for the manifest of each package in the project's own `node_modules` folders before it looks at the tree, and
//! believes the lockfile where there is none. Aliases it asks for by their folder's name, which finds nothing: they too
//! stay as the lockfile has them.

use std::sync::Arc;

use super::{Builder, Found, Stop};
use crate::cache::ManifestCache;
use crate::tree::{NodeId, NodeKind, PackageId, WantId};

impl Builder<'_> {
    /// Says that every node that is in the tree now came from an old lockfile.
    pub(crate) fn inflate_first(&mut self) {
        let nodes = self.tree.inventory().into_iter();
        self.to_inflate = nodes.filter(|&node| self.can_be_inflated(node)).collect();
        if self.to_inflate.is_empty() {
            self.enqueue_broken();
        }
    }

    fn can_be_inflated(&self, node: NodeId) -> bool {
        let package = self.tree.package_of(node);
        let is_alias = package.name != self.tree.node(node).name;
        self.tree.node(node).kind == NodeKind::Package
            && !is_alias
            && self.tree.location(node).starts_with("node_modules/")
    }

    /// Gives all of them their manifests, once every one is there or known to be lost; then the tree is looked at.
    pub(super) fn inflate(&mut self, cache: &ManifestCache) -> Result<(), Stop> {
        if self.to_inflate.is_empty() {
            return Ok(());
        }
        let mut found: Vec<(NodeId, PackageId)> = Vec::new();
        for node in self.to_inflate.clone() {
            let (name, want) = (self.tree.node(node).name, self.locked_want(node));
            match self.find(name, want, cache) {
                Ok(Found::Package(package)) => found.push((node, package)),
                Ok(Found::Folder(_) | Found::Failed(_)) | Err(Stop::Missing) => {}
                Err(stop) => return Err(stop),
            }
        }
        if !self.wants.is_empty() {
            return Err(Stop::Missing);
        }
        self.to_inflate.clear();
        for (node, package) in found {
            let origin = self.origin(package);
            let locked = self.tree.node_mut(node);
            if !locked.in_bundle {
                // An address is not asked for; what the bytes have to be is.
                locked.integrity_is_new = locked.integrity.is_none();
                locked.integrity = locked.integrity.take().or(origin.integrity);
            }
            self.inflated.insert(node);
            self.tree.set_package(node, package);
        }
        self.enqueue_broken();
        Ok(())
    }

    /// What leads to a node's package again: its version, or where it came from.
    fn locked_want(&mut self, node: NodeId) -> WantId {
        let manifest = Arc::clone(&self.tree.package_of(node).manifest);
        let address = self.tree.node(node).resolved.clone();
        let text = match address {
            Some(address) if manifest.raw_version.is_empty() || address.starts_with("file:") => address,
            _ => Arc::clone(&manifest.raw_version),
        };
        self.tree.interner.intern_want(&manifest.name, &text, "")
    }
}
