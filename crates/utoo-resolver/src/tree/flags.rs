//! The lockfile's marks: dev, optional, devOptional, peer, extraneous.
//!
//! A mark says that every path from the project to the node passes an edge of that kind. npm derives it by
//! clearing marks along the edges, depth first; clearing has one fixed point, so it is computed here as plain
//! reachability: a node loses a mark as soon as one path without such an edge reaches it.

use rustc_hash::FxHashSet;

use super::{EdgeKind, Flags, NodeId, Tree};

impl Tree {
    /// Sets the marks of every node of the real tree afresh.
    pub(crate) fn calculate_flags(&mut self) {
        let nodes = self.inventory();
        for &node in &nodes {
            self.node_mut(node).flags = Flags::UNSEEN;
        }
        self.clear_all((self.root(), Flags::REQUIRED));
    }

    /// Sets the marks of what lies below `top` afresh, going by what leads there from `top`, which keeps its own.
    pub(crate) fn flag_below(&mut self, top: NodeId) {
        let own = self.node(top).flags;
        let mut nodes = vec![top];
        while let Some(node) = nodes.pop() {
            self.node_mut(node).flags = Flags::UNSEEN;
            nodes.extend(self.node(node).children.values());
        }
        self.clear_all((top, own));
    }

    /// Clears, from `top` on, the marks that it is not to have itself.
    fn clear_all(&mut self, top: (NodeId, Flags)) {
        // An optional peer is a guest: its dependent alone does not keep it. Yet it does say who else uses it.
        self.clear(top, |kind| kind != EdgeKind::PeerOptional, |flags| &mut flags.extraneous);
        self.clear(top, |kind| kind != EdgeKind::Dev, |flags| &mut flags.dev);
        self.clear(top, |kind| !kind.is_optional(), |flags| &mut flags.optional);
        self.clear(top, |kind| kind != EdgeKind::Dev && !kind.is_optional(), |flags| &mut flags.dev_optional);
        self.clear(top, |kind| !kind.is_peer(), |flags| &mut flags.peer);
    }

    fn clear(
        &mut self,
        (top, mut own): (NodeId, Flags),
        follow: impl Fn(EdgeKind) -> bool,
        mark: impl Fn(&mut Flags) -> &mut bool,
    ) {
        let mut stack = if *mark(&mut own) { Vec::new() } else { vec![top] };
        while let Some(id) = stack.pop() {
            let flag = mark(&mut self.node_mut(id).flags);
            if !*flag {
                continue;
            }
            *flag = false;
            stack.extend(self.node(id).target);
            self.push_targets(id, &follow, &mut stack);
        }
    }

    fn push_targets(&self, id: NodeId, follow: impl Fn(EdgeKind) -> bool, stack: &mut Vec<NodeId>) {
        for &edge in self.node(id).edges_out.values() {
            let edge = self.edge(edge);
            if let Some(to) = edge.to
                && follow(edge.kind)
            {
                stack.push(to);
            }
        }
    }

    /// These nodes and all that they depend on.
    pub(crate) fn reachable(&self, from: impl IntoIterator<Item = NodeId>) -> FxHashSet<NodeId> {
        let mut stack: Vec<NodeId> = from.into_iter().collect();
        let mut seen = FxHashSet::default();
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                stack.extend(self.node(id).target);
                self.push_targets(id, |kind| kind != EdgeKind::PeerOptional, &mut stack);
            }
        }
        seen
    }

    /// The nodes that nothing reaches from the project.
    pub(crate) fn extraneous(&self) -> Vec<NodeId> {
        self.inventory().into_iter().filter(|&node| self.node(node).flags.extraneous).collect()
    }
}
