//! Bundled dependencies: what a tarball holds in its own `node_modules` is what gets installed, whatever the
//! registry has.

use std::sync::Arc;

use utoo_lockfile::{name_of_location, parent_location};
use utoo_types::{BundleDependencies, PackageName};

use super::{Builder, Stop};
use crate::cache::ManifestCache;
use crate::registry::{Bundled, ManifestJob};
use crate::tree::{NodeId, NodeKind};

impl Builder<'_> {
    /// Brings the bundled dependencies of `node` into the tree, before its edges are looked at.
    pub(super) fn load_bundle(&mut self, node: NodeId, cache: &ManifestCache) -> Result<(), Stop> {
        let package = self.tree.package_of(node);
        let bundles = package.manifest.bundle_dependencies != BundleDependencies::None;
        if !bundles || self.tree.node(node).kind != NodeKind::Package || self.unbundled.contains(&node) {
            return Ok(());
        }
        // A bundle inside a bundle came with the outer one.
        let Some(resolved) = self.tree.node(node).resolved.clone() else { return Ok(()) };
        let job = ManifestJob::Bundle {
            name: package.manifest.name.clone(),
            resolved,
            integrity: self.tree.node(node).integrity.clone(),
        };
        match cache.bundle(&job) {
            Some(Ok(bundle)) => {
                let bundle = Arc::clone(bundle);
                self.unbundled.insert(node);
                self.attach_bundle(node, &bundle);
                Ok(())
            }
            Some(Err(error)) => {
                self.unbundled.insert(node);
                self.tree.node_mut(node).failure = Some(error);
                self.failures.push(node);
                Ok(())
            }
            None => {
                self.wants.push(job);
                Err(Stop::Missing)
            }
        }
    }

    fn attach_bundle(&mut self, node: NodeId, bundle: &[Bundled]) {
        let mut members: Vec<&Bundled> = bundle.iter().collect();
        // A prefix sorts before what it begins, so parents come before their children.
        members.sort_by(|a, b| a.location.cmp(&b.location));
        for member in members {
            let Some(parent) = self.inside(node, parent_location(&member.location).unwrap_or_default())
            else {
                continue;
            };
            let name = PackageName::new_unchecked(name_of_location(&member.location));
            let name = self.tree.interner.name(&name);
            let package = self.tree.interner.add_package(&member.manifest, "");
            let child = self.tree.new_node(name, package, NodeKind::Package);
            self.tree.node_mut(child).in_bundle = true;
            self.tree.attach(child, parent);
            self.enqueue(child);
        }
    }

    /// The node at a location relative to `node`.
    pub(super) fn inside(&self, node: NodeId, location: &str) -> Option<NodeId> {
        if location.is_empty() {
            return Some(node);
        }
        let parent = self.inside(node, parent_location(location)?)?;
        let name = self.tree.interner.find_name(name_of_location(location))?;
        self.tree.child(parent, name)
    }
}
