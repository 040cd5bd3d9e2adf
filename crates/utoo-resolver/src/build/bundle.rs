//! Bundled dependencies: what a tarball holds in its own `node_modules` is what gets installed, whatever the
//! registry has.

use std::sync::Arc;

use utoo_lockfile::{name_of_location, parent_location};
use utoo_types::{BundleDependencies, PackageName};

use super::{Builder, Stop};
use crate::cache::ManifestCache;
use crate::error::ResolveError;
use crate::options::{Goal, InstallStrategy};
use crate::registry::{Bundled, ManifestJob};
use crate::tree::{NodeId, NodeKind};

impl Builder<'_> {
    /// Brings the bundled dependencies of `node` into the tree, before its edges are looked at. A tarball that cannot be had
    /// fails the package once that is unpacked, which may do no harm; but where all that is wanted is the lockfile, at once.
    pub(super) fn load_bundle(&mut self, node: NodeId, cache: &ManifestCache) -> Result<(), Stop> {
        let package = self.tree.package_of(node);
        let bundles = package.manifest.bundle_dependencies != BundleDependencies::None;
        if !bundles || self.tree.node(node).kind != NodeKind::Package || self.unbundled.contains(&node) {
            return Ok(());
        }
        if self.options.install_strategy == InstallStrategy::Linked && self.options.goal == Goal::Install {
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
            Some(Err(error)) if self.options.goal == Goal::Lockfile => {
                // npm reads it before it knows who needs the package.
                let chain = self.tree.dependents_of(node);
                Err(ResolveError::Manifest { error: Box::new((*error).clone()), chain }.into())
            }
            Some(Err(error)) => {
                self.unbundled.insert(node);
                self.unread_bundles.push((node, error));
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
            self.unpacked_with.insert(child);
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
