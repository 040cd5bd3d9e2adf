//! Peer conflicts as data: who wants what of whom, and what is in the way.

use std::fmt;

use crate::error::{Dependent, ResolveError};
use crate::tree::{DependencyEdge, EdgeId, NodeId};

use super::Builder;

/// A peer dependency that cannot be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerConflict {
    /// The edge that cannot be satisfied.
    pub edge: DependencyEdge,
    /// The candidate that would satisfy it, if there is one.
    pub candidate: Option<ConflictNode>,
    /// What stands in its place, or is wanted there by another.
    pub current: Option<ConflictNode>,
    /// The other edge that wants something else of the same name, if one is known.
    pub other: Option<DependencyEdge>,
    /// The path from the edge's owner to the project.
    pub chain: Vec<Dependent>,
    /// The path from the other edge's owner to the project.
    pub other_chain: Vec<Dependent>,
}

/// One package of a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictNode {
    /// Its name.
    pub name: String,
    /// Its version, if it has one.
    pub version: Option<String>,
    /// Where it stands; none for a candidate.
    pub location: Option<String>,
}

impl fmt::Display for ConflictNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version.as_deref().unwrap_or("(no version)"))
    }
}

impl fmt::Display for PeerConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.edge)?;
        if let Some(other) = &self.other {
            write!(f, " conflicts with {other}")?;
        }
        match &self.current {
            Some(current) => write!(f, " (found {current})"),
            None => Ok(()),
        }
    }
}

impl Builder<'_> {
    /// A conflict met while a peer set was put together.
    pub(super) fn set_conflict(&self, edge: EdgeId, parent_edge: Option<EdgeId>) -> ResolveError {
        let current = self.tree.edge(edge).to;
        let other = parent_edge.filter(|&id| self.tree.edge(id).from != self.tree.edge(edge).from);
        ResolveError::PeerConflict(Box::new(self.conflict(edge, None, current, other)))
    }

    /// A conflict met while a peer set was placed.
    pub(super) fn place_conflict(&self, edge: EdgeId, dep: NodeId, entry: EdgeId) -> ResolveError {
        ResolveError::PeerConflict(Box::new(self.describe_conflict(edge, dep, entry)))
    }

    /// What is in the way of `dep`, or, if `dep` itself would fit, of the first of its peers that would not.
    pub(super) fn describe_conflict(&self, edge: EdgeId, dep: NodeId, entry: EdgeId) -> PeerConflict {
        let start = self.tree.edge(entry).from;
        let blocked = self.tree.node(dep).edges_out.values().copied().find(|&id| {
            let peer = self.tree.edge(id);
            peer.is_peer()
                && self.tree.resolve(start, peer.name).is_some_and(|found| !self.tree.satisfies(found, id))
        });
        let edge = blocked.unwrap_or(edge);
        let candidate = self.tree.edge(edge).to.or(Some(dep));
        let current = self.tree.resolve(start, self.tree.edge(edge).name);
        let other = current.and_then(|current| {
            self.tree.node(current).edges_in.iter().copied().find(|&id| self.tree.edge(id).is_valid())
        });
        self.conflict(edge, candidate, current, other)
    }

    fn conflict(
        &self,
        edge: EdgeId,
        candidate: Option<NodeId>,
        current: Option<NodeId>,
        other: Option<EdgeId>,
    ) -> PeerConflict {
        let other = other.filter(|&other| other != edge);
        let chain_of = |edge: EdgeId| self.tree.dependents_of(self.tree.edge(edge).from);
        PeerConflict {
            edge: self.tree.describe_edge(edge),
            candidate: candidate.map(|node| self.conflict_node(node)),
            current: current.map(|node| self.conflict_node(node)),
            other: other.map(|other| self.tree.describe_edge(other)),
            chain: chain_of(edge),
            other_chain: other.map(chain_of).unwrap_or_default(),
        }
    }

    fn conflict_node(&self, node: NodeId) -> ConflictNode {
        ConflictNode {
            name: self.tree.name_of(node).to_owned(),
            version: self.tree.version_text(node),
            location: self.tree.is_live(node).then(|| self.tree.location(node)),
        }
    }
}
