//! Peer conflicts as data: who wants what of whom, and what is in the way.

use std::fmt;

use crate::error::{Dependent, ResolveError};
use crate::tree::{EdgeId, NodeId};

use super::Builder;

/// A peer dependency that cannot be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerConflict {
    /// The edge that cannot be satisfied.
    pub edge: ConflictEdge,
    /// The candidate that would satisfy it, if there is one.
    pub candidate: Option<ConflictNode>,
    /// What stands in its place, or is wanted there by another.
    pub current: Option<ConflictNode>,
    /// The other edge that wants something else of the same name, if one is known.
    pub other: Option<ConflictEdge>,
    /// The path from the edge's owner to the project.
    pub chain: Vec<Dependent>,
}

/// One edge of a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictEdge {
    /// Who has the dependency: `name@version`, or the project's name.
    pub from: String,
    /// Where the dependent stands; empty for the project.
    pub location: String,
    /// What it depends on.
    pub name: String,
    /// In which version.
    pub spec: String,
    /// `prod`, `dev`, `optional`, `peer`, `peerOptional`, `workspace`.
    pub kind: &'static str,
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

impl fmt::Display for ConflictEdge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.kind == "prod" { "" } else { self.kind };
        let space = if kind.is_empty() { "" } else { " " };
        write!(f, "{kind}{space}{}@{:?} from {}", self.name, self.spec, self.from)
    }
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
        PeerConflict {
            edge: self.conflict_edge(edge),
            candidate: candidate.map(|node| self.conflict_node(node)),
            current: current.map(|node| self.conflict_node(node)),
            other: other.filter(|&other| other != edge).map(|other| self.conflict_edge(other)),
            chain: self.dependents_of(self.tree.edge(edge).from),
        }
    }

    fn conflict_edge(&self, id: EdgeId) -> ConflictEdge {
        let edge = self.tree.edge(id);
        ConflictEdge {
            from: self.describe(edge.from),
            location: self.tree.location(edge.from),
            name: self.tree.interner.name_text(edge.name).to_string(),
            spec: self.tree.interner.want_text(edge.want).to_string(),
            kind: edge.kind.as_str(),
        }
    }

    fn conflict_node(&self, node: NodeId) -> ConflictNode {
        ConflictNode {
            name: self.tree.name_of(node).to_owned(),
            version: self.tree.package_of(node).version().map(ToString::to_string),
            location: self.tree.is_live(node).then(|| self.tree.location(node)),
        }
    }

    /// `name@version`.
    pub(crate) fn describe(&self, node: NodeId) -> String {
        let package = self.tree.package_of(node);
        let name = package.manifest.name.as_str();
        match (name, package.version()) {
            ("", _) => "the project".to_owned(),
            (name, Some(version)) => format!("{name}@{version}"),
            (name, None) => name.to_owned(),
        }
    }

    /// The path from `node` to the project along its first edges in.
    pub(crate) fn dependents_of(&self, node: NodeId) -> Vec<Dependent> {
        let mut chain: Vec<Dependent> = Vec::new();
        let mut seen = vec![node];
        let mut at = node;
        loop {
            // A link's dependents are those of the folder that it points to.
            let linked = self.tree.node(self.tree.root()).children.values().copied();
            let link = linked.into_iter().find(|&link| self.tree.node(link).target == Some(at));
            let edges_in = self
                .tree
                .node(at)
                .edges_in
                .iter()
                .chain(link.iter().flat_map(|&link| &self.tree.node(link).edges_in));
            let next = edges_in.copied().find(|&id| !seen.contains(&self.tree.edge(id).from));
            let Some(id) = next else { return chain };
            let edge = self.tree.edge(id);
            let package = self.tree.package_of(edge.from);
            chain.push(Dependent {
                name: package.manifest.name.to_string(),
                version: package.version().map(ToString::to_string),
                location: self.tree.location(edge.from),
                kind: edge.kind.as_str(),
                spec: self.tree.interner.want_text(edge.want).to_string(),
            });
            at = edge.from;
            seen.push(at);
        }
    }
}
