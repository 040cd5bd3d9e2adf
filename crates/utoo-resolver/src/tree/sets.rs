//! Sets of nodes that move, stay or vanish together.

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use super::{EdgeId, NodeId, Tree};

/// A set that keeps the order in which its members were found, so that no walk depends on hashing.
pub(crate) type NodeSet = IndexSet<NodeId, FxBuildHasher>;

impl Tree {
    /// The nodes of `seed` and what they depend on by edges that pass `follow`, less every node that someone
    /// outside the set depends on by such an edge. What is left can be removed without anyone noticing.
    pub(crate) fn gather_dep_set(
        &self,
        seed: impl IntoIterator<Item = NodeId>,
        follow: impl Fn(&Self, EdgeId) -> bool,
    ) -> NodeSet {
        let mut set: NodeSet = seed.into_iter().collect();
        let mut next = 0;
        while let Some(&node) = set.get_index(next) {
            next += 1;
            for &edge in self.node(node).edges_out.values() {
                if let Some(to) = self.edge(edge).to
                    && follow(self, edge)
                {
                    set.insert(to);
                }
            }
        }
        loop {
            let held = |node: &NodeId| {
                self.node(*node)
                    .edges_in
                    .iter()
                    .any(|&edge| !set.contains(&self.edge(edge).from) && follow(self, edge))
            };
            let leaving: Vec<NodeId> = set.iter().filter(|node| held(node)).copied().collect();
            if leaving.is_empty() {
                return set;
            }
            set.retain(|node| !leaving.contains(node));
        }
    }

    /// The peer sets that `node` belongs to, each by the edge through which it is entered: an edge that is no
    /// peer edge, or one from a top.
    pub(crate) fn peer_entry_sets(&self, node: NodeId) -> IndexMap<EdgeId, NodeSet, FxBuildHasher> {
        let mut union = NodeSet::default();
        union.insert(node);
        let mut next = 0;
        while let Some(&member) = union.get_index(next) {
            next += 1;
            for &id in self.node(member).edges_out.values() {
                let edge = self.edge(id);
                if edge.is_valid() && edge.is_peer() {
                    union.extend(edge.to);
                }
            }
            for &id in &self.node(member).edges_in {
                let edge = self.edge(id);
                if edge.is_valid() && edge.is_peer() {
                    union.insert(edge.from);
                }
            }
        }
        let mut sets = IndexMap::default();
        for &member in &union {
            for &id in &self.node(member).edges_in {
                let edge = self.edge(id);
                if !edge.is_valid() || (edge.is_peer() && !self.node(edge.from).is_top()) {
                    continue;
                }
                let brought = self.peers_below(member);
                if brought.contains(&node) {
                    sets.insert(id, brought);
                }
            }
        }
        sets
    }

    fn peers_below(&self, node: NodeId) -> NodeSet {
        let mut set = NodeSet::default();
        set.insert(node);
        let mut next = 0;
        while let Some(&member) = set.get_index(next) {
            next += 1;
            for &id in self.node(member).edges_out.values() {
                let edge = self.edge(id);
                if edge.is_valid() && edge.is_peer() {
                    set.extend(edge.to);
                }
            }
        }
        set
    }

    /// Everything that exists only because of `node`'s optional edge: what needs it without being able to do
    /// without, up to the optional edges, and what only those need. Empty if `node` is required by someone.
    pub(crate) fn optional_set(&self, node: NodeId) -> NodeSet {
        if !self.node(node).flags.optional {
            return NodeSet::default();
        }
        let mut set = NodeSet::default();
        set.insert(node);
        let mut next = 0;
        while let Some(&member) = set.get_index(next) {
            next += 1;
            for &id in &self.node(member).edges_in {
                let edge = self.edge(id);
                if !edge.kind.is_optional() {
                    set.insert(edge.from);
                }
            }
        }
        let boundary = set.clone();
        self.gather_dep_set(set, |tree, id| tree.edge(id).to.is_none_or(|to| !boundary.contains(&to)))
    }
}
