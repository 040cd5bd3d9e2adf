//! Which nodes are part of another package's tarball.

use super::{NodeId, NodeKind, Tree};

impl Tree {
    /// The node whose bundle `node` belongs to: the one that names it among its bundled dependencies, or in whose
    /// `node_modules` it lies because another member of the bundle needs it.
    pub(crate) fn bundler(&self, node: NodeId) -> Option<NodeId> {
        self.bundler_of(node, &mut Vec::new())
    }

    fn bundler_of(&self, node: NodeId, path: &mut Vec<NodeId>) -> Option<NodeId> {
        if path.contains(&node) {
            return None;
        }
        path.push(node);
        let parent = self.node(node).parent?;
        if let Some(bundler) = self.bundler_of(parent, path) {
            return Some(bundler);
        }
        if self.package_of(parent).bundles(self.name_of(node)) {
            return Some(parent);
        }
        let edges_in = self.node(node).edges_in.iter();
        let mut bundlers = edges_in.filter_map(|&edge| self.bundler_of(self.edge(edge).from, path));
        bundlers.find(|&bundler| bundler == parent)
    }

    /// Whether the node came with another dependency's tarball; what the project itself bundles for publishing is
    /// installed like everything else.
    pub(crate) fn in_dependency_bundle(&self, node: NodeId) -> bool {
        let own =
            |bundler: NodeId| matches!(self.node(bundler).kind, NodeKind::Project | NodeKind::Folder { .. });
        self.node(node).in_bundle && !self.bundler(node).is_some_and(own)
    }

    /// Whether any package of the tree bundles anything: most trees have none, and need no search.
    pub(crate) fn has_bundles(&self) -> bool {
        self.interner.has_bundles()
    }
}
