//! Candidates with their peers: each is tried out in a virtual root, a copy of the node that asks for it, where
//! all of its peers are chosen together before anything is placed.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::{Builder, Found, FoundFolder, Stop};
use crate::cache::ManifestCache;
use crate::registry::RegistryError;
use crate::tree::{EdgeId, EdgeKind, Name, NodeId, NodeKind, Want};

/// Nodes that the asking node cannot do without; a conflict among them is an error, one elsewhere may wait.
type Required = FxHashSet<NodeId>;

/// Peers of peers: real trees nest a dozen. Versions that name each other as peers in a circle nest without end.
const MAX_NESTED_SETS: u32 = 200;

/// On whose behalf a candidate is chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) edge: EdgeId,
    /// A peer's edge of the same name, which should be satisfied too.
    pub(super) second: Option<EdgeId>,
}

impl From<EdgeId> for Asked {
    fn from(edge: EdgeId) -> Self {
        Self { edge, second: None }
    }
}

impl Builder<'_> {
    /// Makes the candidate for an edge in `parent`, or in a fresh virtual root, and its peers next to it. If the
    /// first choice does not satisfy the second edge, the choice for that one is taken, provided that it
    /// satisfies the first as well.
    pub(super) fn node_from_edge(
        &mut self,
        Asked { edge, second }: Asked,
        parent: Option<NodeId>,
        required: &mut Required,
        cache: &ManifestCache,
    ) -> Result<NodeId, Stop> {
        let from = self.tree.edge(edge).from;
        let parent = match parent {
            Some(parent) => parent,
            None => self.virtual_root(from),
        };
        let first = self.candidate(edge, parent, cache)?;
        let node = match second.filter(|&second| !self.tree.edge(second).is_valid()) {
            Some(second) => {
                let other = self.candidate(second, parent, cache)?;
                if self.tree.edge(edge).is_valid() { other } else { first }
            }
            None => first,
        };
        if self.tree.node(node).is_link() && self.tree.node(node).parent.is_none() {
            let linked = self.linked_workspace(self.tree.node(node).name);
            self.taken.extend(linked.map(|link| self.tree.taken_by(link, parent)));
        }
        self.tree.attach(node, parent);
        let requires = |id: EdgeId| {
            let edge = self.tree.edge(id);
            required.contains(&edge.from) && edge.kind != EdgeKind::PeerOptional
        };
        if requires(edge) || second.is_some_and(requires) {
            required.insert(node);
        }
        self.nested_sets += 1;
        if self.nested_sets > MAX_NESTED_SETS {
            return Err(self.unsettled(from).into());
        }
        self.load_peer_set(node, required, cache)?;
        self.nested_sets -= 1;
        Ok(node)
    }

    /// One node in the virtual root `parent` for what `edge` wants, without its peers.
    fn candidate(&mut self, edge: EdgeId, parent: NodeId, cache: &ManifestCache) -> Result<NodeId, Stop> {
        let (name, want) = (self.tree.edge(edge).name, self.tree.edge(edge).want);
        if let Some(link) = self.workspace_link(edge) {
            return Ok(link);
        }
        let found = self.find(name, want, cache)?;
        let node = match found {
            Found::Package(package) => {
                let node = self.tree.new_node(name, package, NodeKind::Package);
                let origin = self.origin(package);
                let new = self.tree.node_mut(node);
                new.resolved = origin.resolved;
                new.integrity = origin.integrity;
                node
            }
            Found::Folder(folder) => {
                let from = self.tree.edge(edge).from;
                match self.tree.links(&folder.location, folder.from_dot, from) {
                    true => {
                        self.tree.new_node(name, folder.package, NodeKind::Link { location: folder.location })
                    }
                    false => self.packed(name, folder),
                }
            }
            Found::Failed(error) => self.failed(name, error),
        };
        self.tree.attach(node, parent);
        Ok(node)
    }

    /// A folder that is installed as a copy of what `npm pack` takes of it.
    fn packed(&mut self, name: Name, folder: FoundFolder) -> NodeId {
        if let Some(error) = folder.missing {
            return self.failed(name, error);
        }
        let node = self.tree.new_node(name, folder.package, NodeKind::Package);
        self.tree.node_mut(node).resolved = Some(format!("file:{}", folder.location).into());
        node
    }

    fn failed(&mut self, name: Name, error: Arc<RegistryError>) -> NodeId {
        let nothing = self.tree.interner.nothing();
        let node = self.tree.new_node(name, nothing, NodeKind::Package);
        self.tree.node_mut(node).failure = Some(error);
        node
    }

    /// A workspace that is linked already, and satisfies the edge, goes before what the registry has. It stands nowhere
    /// yet: the link is taken out of the project's tree once it is chosen.
    fn workspace_link(&mut self, edge: EdgeId) -> Option<NodeId> {
        if matches!(self.tree.interner.want(self.tree.edge(edge).want), Want::Folder { .. }) {
            return None;
        }
        let name = self.tree.edge(edge).name;
        let linked = self.linked_workspace(name).filter(|&link| self.tree.satisfies(link, edge))?;
        let (package, kind) = (self.tree.node(linked).package, self.tree.node(linked).kind.clone());
        Some(self.tree.new_node(name, package, kind))
    }

    /// The project's link to its workspace of this name, if it stands and no candidate of this turn has taken it.
    pub(super) fn linked_workspace(&self, name: Name) -> Option<NodeId> {
        let edge = self.workspaces.get(&name).and_then(|_| self.tree.edge_out(self.tree.root(), name))?;
        let is_taken = |link| self.taken.iter().any(|taken| taken.link == link);
        self.tree.edge(edge).to.filter(|&to| self.tree.is_workspace(to) && !is_taken(to))
    }

    /// Chooses the peers of `node` in its virtual root, and theirs, until all are there or a conflict is met.
    /// Optional peers are chosen too, so that nothing conflicts with them; the placer leaves them out.
    fn load_peer_set(
        &mut self,
        node: NodeId,
        required: &mut Required,
        cache: &ManifestCache,
    ) -> Result<(), Stop> {
        let mut peers: Vec<EdgeId> = self
            .tree
            .node(node)
            .edges_out
            .values()
            .copied()
            .filter(|&id| self.tree.edge(id).is_peer() && !self.is_met(id))
            .collect();
        self.tree.check_edges(|edge| peers.contains(&edge))?;
        peers.sort_by(|&a, &b| self.compare_names(self.tree.edge(a).name, self.tree.edge(b).name));
        for edge in peers {
            if !self.is_met(edge) {
                self.load_peer(node, edge, required, cache)?;
            }
        }
        Ok(())
    }

    fn is_met(&self, edge: EdgeId) -> bool {
        let edge = self.tree.edge(edge);
        edge.is_valid() && edge.to.is_some()
    }

    fn load_peer(
        &mut self,
        node: NodeId,
        edge: EdgeId,
        required: &mut Required,
        cache: &ManifestCache,
    ) -> Result<(), Stop> {
        let Some(root) = self.tree.node(node).parent else { return Ok(()) };
        let name = self.tree.edge(edge).name;
        let parent_edge = self.tree.virtual_edge(root, name);
        let mine = match self.tree.node(root).kind {
            NodeKind::Virtual { source } => self.tree.is_mine(source),
            _ => self.tree.is_mine(root),
        };
        let conflict_ok = self.conflict_ok(mine);
        let Some(current) = self.tree.edge(edge).to else {
            let Some(parent_edge) = parent_edge else {
                self.node_from_edge(edge.into(), Some(root), required, cache)?;
                return Ok(());
            };
            let asked = Asked { edge: parent_edge, second: Some(edge) };
            let dep = self.node_from_edge(asked, Some(root), required, cache)?;
            // What is not required is not installed by itself: the placer refuses it once it has to be. Nor is what its
            // own peers have put another version in the place of.
            let replaced = self.tree.node(node).parent.is_none();
            if self.tree.edge(edge).is_valid() || conflict_ok || !required.contains(&dep) || replaced {
                return Ok(());
            }
            return Err(self.set_conflict(edge, Some(parent_edge)).into());
        };
        // What is there does not satisfy this peer; would what satisfies it do for the others as well?
        let dep = self.node_from_edge(edge.into(), None, required, cache)?;
        if self.tree.can_replace(dep, current, &[]) {
            self.node_from_edge(edge.into(), Some(root), required, cache)?;
            return Ok(());
        }
        if conflict_ok || !required.contains(&node) {
            return Ok(());
        }
        Err(self.set_conflict(edge, parent_edge).into())
    }
}
