//! Workspaces that are out of the tree for a while.
//!
//! When a package asks for a workspace's name, npm takes the workspace's link out of the project's tree and into the one
//! in which that package's peer set is tried. The folder, with all in it, goes along, unless that tree has a copy of it:
//! it is the copy of the folder itself, or of what links to it. What a workspace that is out asks for counts for nobody
//! until a link to it is placed again.

use super::{NodeId, NodeKind, Tree};

/// A workspace's link that a candidate took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) link: NodeId,
    folder: Folder,
}

#[derive(Clone, Copy, Debug)]
enum Folder {
    GoesAlong,
    Stays,
}

impl Tree {
    /// What taking `link` into the virtual root `into` will mean.
    pub(crate) fn taken_by(&self, link: NodeId, into: NodeId) -> Taken {
        let folder = self.node(link).target;
        let source = self.real(into);
        let links = |&child: &NodeId| self.node(child).is_link() && self.node(child).target == folder;
        let has_copy = Some(source) == folder || self.node(source).children.values().any(links);
        Taken { link, folder: if has_copy { Folder::Stays } else { Folder::GoesAlong } }
    }

    /// Takes the link away, and its folder with all that lies in it, where that goes along, out of the tree.
    pub(crate) fn take_link(&mut self, taken: Taken) {
        let Some(folder) = self.node(taken.link).target else { return };
        self.remove(taken.link);
        if matches!(taken.folder, Folder::Stays) {
            return;
        }
        let parked = self.subtree(folder);
        for &node in &parked {
            self.node_mut(node).root = None;
        }
        self.reload_edges(&parked);
    }

    /// Links the project to the folder again whose `link` was taken away, unless something has: npm would lose it. Gives
    /// the new link.
    pub(crate) fn link_again(&mut self, link: NodeId) -> Option<NodeId> {
        let folder = self.node(link).target?;
        let named = self.named(self.node(link).name);
        if named.into_iter().any(|other| self.node(other).target == Some(folder)) {
            return None;
        }
        let old = self.node(link);
        let (name, package, kind) = (old.name, old.package, old.kind.clone());
        let link = self.new_node(name, package, kind);
        self.attach(link, self.root());
        Some(link)
    }

    /// Puts a folder back that was taken out.
    pub(super) fn unpark(&mut self, folder: NodeId) {
        let parked = self.subtree(folder);
        let root = self.root();
        for &node in &parked {
            self.node_mut(node).root = Some(root);
            self.index(node);
            self.know_edges(node);
        }
        self.reload_edges(&parked);
    }

    /// Whether a folder is out of the tree.
    pub(super) fn is_parked(&self, folder: NodeId) -> bool {
        matches!(self.node(folder).kind, NodeKind::Folder { .. }) && self.node(folder).root.is_none()
    }

    pub(super) fn subtree(&self, top: NodeId) -> Vec<NodeId> {
        let mut nodes = vec![top];
        let mut next = 0;
        while next < nodes.len() {
            nodes.extend(self.node(nodes[next]).children.values());
            next += 1;
        }
        nodes
    }

    fn reload_edges(&mut self, nodes: &[NodeId]) {
        for &node in nodes {
            for index in 0..self.node(node).edges_out.len() {
                let edge = self.node(node).edges_out[index];
                self.reload(edge);
            }
        }
    }
}
