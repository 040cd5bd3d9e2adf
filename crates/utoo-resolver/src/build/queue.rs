//! The order of turns: by depth, then by location as npm's collation sorts it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use rustc_hash::FxHashSet;
use utoo_types::collate;

use crate::tree::{NodeId, Tree};

/// The nodes that wait for their turn; each at most once.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Waiting>,
    waiting: FxHashSet<NodeId>,
}

#[derive(Debug, PartialEq, Eq)]
struct Waiting {
    depth: u32,
    location: String,
    node: NodeId,
}

impl Queue {
    pub(super) fn push(&mut self, tree: &Tree, node: NodeId) {
        if self.waiting.insert(node) {
            let depth = tree.node(node).depth;
            self.heap.push(Waiting { depth, location: tree.location(node), node });
        }
    }

    pub(super) fn pop(&mut self) -> Option<NodeId> {
        let first = self.heap.pop()?;
        self.waiting.remove(&first.node);
        Some(first.node)
    }
}

impl Ord for Waiting {
    /// The heap gives the greatest first, so the first in line is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .depth
            .cmp(&self.depth)
            .then_with(|| collate::compare(&other.location, &self.location))
            .then_with(|| other.node.cmp(&self.node))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
