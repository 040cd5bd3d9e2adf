//! The dependency tree as an arena: nodes, edges, and the walk that decides which node an edge finds.
//!
//! One arena holds the real tree and the small throw-away trees (virtual roots) in which peer sets are tried
//! out. A node belongs to the tree whose root it names; a removed node names none. Every change goes through
//! [`Tree::node_mut`] and [`Tree::edge_mut`], so that a step which lacks a manifest can be rolled back whole.

mod attach;
mod bundle;
mod describe;
mod flags;
mod intern;
mod park;
mod satisfy;
mod scope;
mod sets;

use std::cell::Cell;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};
use utoo_types::{Integrity, Manifest};

use crate::error::ResolveError;
use crate::options::Folders;
use crate::overrides::{Fault, Overrides, RuleId};
use crate::registry::RegistryError;
pub(crate) use attach::Workspace;
pub use describe::DependencyEdge;
pub use intern::EdgeKind;
pub(crate) use intern::{
    Blocks, Interner, Name, Package, PackageId, Paths, Want, WantId, normalize, paths_start,
};
pub(crate) use park::Taken;

/// A node's place in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

impl NodeId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// An edge's place in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct EdgeId(u32);

pub(crate) type Children = IndexMap<Name, NodeId, FxBuildHasher>;
pub(crate) type EdgesOut = IndexMap<Name, EdgeId, FxBuildHasher>;

/// What a node is, beyond a package in a `node_modules` folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// A package in a `node_modules` folder.
    Package,
    /// The project itself.
    Project,
    /// A copy of a node that asks for dependencies, in which its peer sets are tried out.
    Virtual {
        /// The node that it stands for.
        source: NodeId,
    },
    /// A symbolic link in a `node_modules` folder to the folder at `location`.
    Link {
        /// Relative to the project root.
        location: Arc<str>,
    },
    /// A folder that a link points to: a workspace, or a `file:` dependency.
    Folder {
        /// Relative to the project root.
        location: Arc<str>,
        /// Whether the project names it as a workspace.
        workspace: bool,
    },
}

/// The marks that a lockfile entry carries, as npm derives them from the edges that lead to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "five independent marks, each a field of the lockfile")]
pub(crate) struct Flags {
    pub(crate) dev: bool,
    pub(crate) optional: bool,
    pub(crate) dev_optional: bool,
    pub(crate) peer: bool,
    pub(crate) extraneous: bool,
}

impl Flags {
    /// Nothing is known to want the node yet.
    pub(crate) const UNSEEN: Self =
        Self { dev: true, optional: true, dev_optional: true, peer: true, extraneous: true };
    /// The root's, and those of everything that it needs in production.
    pub(crate) const REQUIRED: Self =
        Self { dev: false, optional: false, dev_optional: false, peer: false, extraneous: false };
}

/// One place in the tree.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The folder's name, which for an alias is not the package's.
    pub(crate) name: Name,
    pub(crate) package: PackageId,
    pub(crate) kind: NodeKind,
    /// The node in whose `node_modules` this one lies.
    pub(crate) parent: Option<NodeId>,
    /// For folders: the node in whose folder this one lies.
    pub(crate) fs_parent: Option<NodeId>,
    /// The root of the tree that it belongs to; none once removed.
    pub(crate) root: Option<NodeId>,
    /// By folded name.
    pub(crate) children: Children,
    pub(crate) fs_children: Vec<NodeId>,
    /// By folded name: of two dependencies whose names differ in case alone, npm knows the later.
    pub(crate) edges_out: EdgesOut,
    pub(crate) edges_in: Vec<EdgeId>,
    /// Who did not take the last node that was to stand in its place; nobody any more, or somebody else, where that edge was
    /// rolled back.
    pub(crate) refused_by: Cell<Option<EdgeId>>,
    /// For links: the folder's node, once the link stands in the real tree.
    pub(crate) target: Option<NodeId>,
    /// Depth below the nearest top: 0 for tops.
    pub(crate) depth: u32,
    /// Its number among the nodes that joined the real tree; 0 for the project, and for what never did.
    pub(crate) arrival: u32,
    pub(crate) resolved: Option<Arc<str>>,
    pub(crate) integrity: Option<Integrity>,
    /// It is not from the lockfile, which had none.
    pub(crate) integrity_is_new: bool,
    /// The package came inside another package's tarball.
    pub(crate) in_bundle: bool,
    /// Why its manifest could not be had.
    pub(crate) failure: Option<Arc<RegistryError>>,
    pub(crate) flags: Flags,
    /// Set for members of an optional set that cannot be installed here.
    pub(crate) inert: bool,
    /// The latest virtual root in which this node's dependencies were tried out.
    pub(crate) virtual_root: Option<NodeId>,
    /// For links: its folder comes into the scope of its rule only when it has its turn, since the build placed the link.
    pub(crate) holds_scope: bool,
    /// The override rule whose scope it is in; none where there are no overrides, or nothing has led here yet.
    pub(crate) scope: Option<RuleId>,
}

impl Node {
    /// Whether nothing lies above it in a `node_modules` sense: the project, folders, virtual roots.
    pub(crate) fn is_top(&self) -> bool {
        self.parent.is_none()
    }

    /// A real project or, in its own small tree, a virtual root.
    pub(crate) fn is_project_root(&self) -> bool {
        matches!(self.kind, NodeKind::Project | NodeKind::Virtual { .. })
    }

    pub(crate) fn is_link(&self) -> bool {
        matches!(self.kind, NodeKind::Link { .. })
    }

    /// Where a look-up that fails here goes on.
    pub(crate) fn resolve_parent(&self) -> Option<NodeId> {
        self.parent.or(self.fs_parent)
    }
}

/// What is wrong with an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EdgeError {
    /// Nothing of that name is in reach.
    Missing,
    /// What is in reach does not satisfy it.
    Invalid,
    /// A peer that lies inside its own dependent.
    PeerLocal,
}

/// One dependency of one node.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) from: NodeId,
    pub(crate) name: Name,
    pub(crate) kind: EdgeKind,
    /// What it asks for: what it was declared with, or what an override puts in place.
    pub(crate) want: WantId,
    /// What the dependent's manifest says.
    pub(crate) declared: WantId,
    /// The override rule into whose scope it leads.
    pub(crate) rule: Option<RuleId>,
    pub(crate) accept: Option<WantId>,
    pub(crate) to: Option<NodeId>,
    pub(crate) error: Option<EdgeError>,
    /// npm gave up on this peer and accepts what is there.
    pub(crate) peer_conflicted: bool,
}

impl Edge {
    pub(crate) fn is_valid(&self) -> bool {
        self.error.is_none()
    }

    pub(crate) fn is_peer(&self) -> bool {
        self.kind.is_peer()
    }
}

/// What a rollback restores: the old value of everything old that was touched, and where the new begins.
#[derive(Debug, Default)]
struct Journal {
    nodes: FxHashMap<NodeId, Node>,
    edges: FxHashMap<EdgeId, Edge>,
    first_node: usize,
    first_edge: usize,
}

/// Nodes and edges that there is room for from the start, virtual trees among them: growing would copy all of them, and
/// touch twice the memory (5 of a hundred page faults of a warm resolve of 1,400 packages). Room that is not used is
/// address space, and no memory.
const NODES: usize = 1 << 15;
const EDGES: usize = 1 << 17;

/// The arena, its interner, and the index from names to the real tree's edges.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) interner: Interner,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// The real tree's edges by name: placing a node rechecks these, not the whole subtree.
    edges_by_name: FxHashMap<Name, Vec<EdgeId>>,
    /// The real tree's nodes by name, the removed ones among them until the next look.
    nodes_by_name: FxHashMap<Name, Vec<NodeId>>,
    journal: Option<Journal>,
    root: NodeId,
    /// Folder nodes of the real tree by location.
    folders: IndexMap<Arc<str>, NodeId>,
    /// Whether dependencies on folders are links.
    folders_are: Folders,
    overrides: Option<Overrides>,
    /// The first override that could not be applied: no tree can be built.
    fault: Option<Fault>,
    /// Edges whose override says nothing that could be followed. No tree can be built once somebody looks at one: an edge
    /// that comes under such a rule after its node's turn is one that npm never looks at.
    faulty: Vec<(EdgeId, Fault)>,
    /// How many nodes have joined the real tree.
    arrived: u32,
}

impl Tree {
    /// A tree of the project alone. `manifest` is the project's package.json.
    ///
    /// # Errors
    /// The project's overrides cannot be read.
    pub(crate) fn new(
        manifest: &Arc<Manifest>,
        blocks: Blocks,
        folders_are: Folders,
        paths: Paths,
    ) -> Result<Self, ResolveError> {
        let mut interner = Interner::new(blocks, paths);
        let overrides = Overrides::read(manifest, &mut interner)?;
        let package = interner.add_package(manifest, "");
        let name = interner.package(package).name;
        let mut tree = Self {
            interner,
            nodes: Vec::with_capacity(NODES),
            edges: Vec::with_capacity(EDGES),
            edges_by_name: FxHashMap::default(),
            nodes_by_name: FxHashMap::default(),
            journal: None,
            root: NodeId(0),
            folders: IndexMap::new(),
            folders_are,
            overrides: None,
            fault: None,
            faulty: Vec::new(),
            arrived: 0,
        };
        let root = tree.new_node(name, package, NodeKind::Project);
        tree.node_mut(root).root = Some(root);
        tree.node_mut(root).flags = Flags::REQUIRED;
        tree.set_overrides(overrides);
        tree.load_edges(root);
        Ok(tree)
    }

    /// The override that could not be applied, if one could not.
    pub(crate) fn check_overrides(&self) -> Result<(), ResolveError> {
        self.fault.as_ref().map_or(Ok(()), |fault| Err(fault.to_error()))
    }

    /// The override that could not be applied to an edge of those that are meant, if one could not.
    pub(crate) fn check_edges(&self, is_meant: impl Fn(EdgeId) -> bool) -> Result<(), ResolveError> {
        match self.faulty.iter().find(|(edge, _)| is_meant(*edge)) {
            Some((_, fault)) => Err(fault.to_error()),
            None => Ok(()),
        }
    }

    pub(crate) fn root(&self) -> NodeId {
        self.root
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(crate) fn edge(&self, id: EdgeId) -> &Edge {
        &self.edges[id.0 as usize]
    }

    pub(crate) fn package_of(&self, id: NodeId) -> &Package {
        self.interner.package(self.node(id).package)
    }

    pub(crate) fn name_of(&self, id: NodeId) -> &str {
        self.interner.name_text(self.node(id).name).as_str()
    }

    /// The node for writing; saved first while a step may still be rolled back.
    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        if let Some(journal) = &mut self.journal
            && (id.0 as usize) < journal.first_node
        {
            journal.nodes.entry(id).or_insert_with(|| self.nodes[id.0 as usize].clone());
        }
        &mut self.nodes[id.0 as usize]
    }

    /// The edge for writing; saved first while a step may still be rolled back.
    pub(crate) fn edge_mut(&mut self, id: EdgeId) -> &mut Edge {
        if let Some(journal) = &mut self.journal
            && (id.0 as usize) < journal.first_edge
        {
            journal.edges.entry(id).or_insert_with(|| self.edges[id.0 as usize].clone());
        }
        &mut self.edges[id.0 as usize]
    }

    /// From here on changes can be taken back. Only virtual trees may change in between: the indices of the
    /// real tree are not saved.
    pub(crate) fn begin(&mut self) {
        debug_assert!(self.journal.is_none());
        self.journal = Some(Journal {
            first_node: self.nodes.len(),
            first_edge: self.edges.len(),
            ..Journal::default()
        });
    }

    /// Keeps the changes since [`Tree::begin`].
    pub(crate) fn commit(&mut self) {
        self.journal = None;
    }

    /// Takes back the changes since [`Tree::begin`].
    pub(crate) fn rollback(&mut self) {
        let Some(journal) = self.journal.take() else { return };
        self.nodes.truncate(journal.first_node);
        self.edges.truncate(journal.first_edge);
        self.faulty.retain(|(edge, _)| (edge.0 as usize) < journal.first_edge);
        for (id, node) in journal.nodes {
            self.nodes[id.0 as usize] = node;
        }
        for (id, edge) in journal.edges {
            self.edges[id.0 as usize] = edge;
        }
    }

    /// A node that stands nowhere yet and has no edges.
    pub(crate) fn new_node(&mut self, name: Name, package: PackageId, kind: NodeKind) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Node {
            name,
            package,
            kind,
            parent: None,
            fs_parent: None,
            root: None,
            children: Children::default(),
            fs_children: Vec::new(),
            edges_out: EdgesOut::default(),
            edges_in: Vec::new(),
            refused_by: Cell::new(None),
            target: None,
            depth: 0,
            arrival: 0,
            resolved: None,
            integrity: None,
            integrity_is_new: false,
            in_bundle: false,
            failure: None,
            flags: Flags::UNSEEN,
            inert: false,
            virtual_root: None,
            holds_scope: false,
            scope: None,
        });
        id
    }

    /// The node that `name` means to `from`: its own child, or that of the nearest node above.
    pub(crate) fn resolve(&self, from: NodeId, name: Name) -> Option<NodeId> {
        let key = self.interner.folded(name);
        let mut at = Some(from);
        while let Some(id) = at {
            let node = self.node(id);
            if let Some(&child) = node.children.get(&key) {
                return Some(child);
            }
            at = node.resolve_parent();
        }
        None
    }

    /// What stands in `node`'s own `node_modules` where `name` would.
    pub(crate) fn child(&self, node: NodeId, name: Name) -> Option<NodeId> {
        self.node(node).children.get(&self.interner.folded(name)).copied()
    }

    /// `node`, then what it resolves through, up to the top.
    pub(crate) fn ancestry(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(Some(node), |&id| self.node(id).resolve_parent())
    }

    /// Whether `node` is `above` or lies below it.
    pub(crate) fn is_descendant(&self, node: NodeId, above: NodeId) -> bool {
        self.ancestry(node).any(|id| id == above)
    }

    /// The edge of this name, if the node has one.
    pub(crate) fn edge_out(&self, node: NodeId, name: Name) -> Option<EdgeId> {
        self.node(node).edges_out.get(&self.interner.folded(name)).copied()
    }

    /// Gives the edge of this name another place in the order in which the node's edges are looked at.
    pub(crate) fn move_edge(&mut self, node: NodeId, name: Name, index: usize) {
        let key = self.interner.folded(name);
        let edges = &mut self.node_mut(node).edges_out;
        if let Some(from) = edges.get_index_of(&key) {
            // Names that differ in case alone are one edge, so there may be fewer than were counted.
            edges.move_index(from, index.min(edges.len() - 1));
        }
    }

    /// Whether the package's own shrinkwrap says what goes below it.
    pub(crate) fn has_shrinkwrap(&self, node: NodeId) -> bool {
        self.node(node).kind == NodeKind::Package && self.package_of(node).manifest.has_shrinkwrap
    }

    /// Whether a package above the node has a shrinkwrap: what stands in one is nobody else's business.
    pub(crate) fn in_shrinkwrap(&self, node: NodeId) -> bool {
        let above = |&id: &NodeId| self.node(id).parent;
        self.interner.has_shrinkwraps()
            && std::iter::successors(self.node(node).parent, above).any(|id| self.has_shrinkwrap(id))
    }

    /// Whether the node stands in the real tree.
    pub(crate) fn is_live(&self, node: NodeId) -> bool {
        self.node(node).root == Some(self.root)
    }

    /// A link to a workspace, or the folder behind it: what the project's own edge of that package's name leads to. To
    /// npm a workspace without a name is none, nor is one that is not linked yet.
    pub(crate) fn is_workspace(&self, node: NodeId) -> bool {
        let Some(edge) = self.edge_out(self.root, self.package_of(node).name) else { return false };
        let edge = self.edge(edge);
        edge.kind == EdgeKind::Workspace
            && edge.to.is_some_and(|to| to == node || self.node(to).target == Some(node))
    }

    /// Workspaces, and other folders that links lead to.
    pub(crate) fn folders(&self) -> impl Iterator<Item = NodeId> {
        self.folders.values().copied()
    }

    /// The real project or a workspace: what a person can edit, so its peer conflicts are errors.
    pub(crate) fn is_mine(&self, node: NodeId) -> bool {
        self.node(node).is_project_root() || self.is_workspace(node)
    }

    /// The node's place relative to the project root: `node_modules/a/node_modules/b`, `packages/x`, "".
    pub(crate) fn location(&self, id: NodeId) -> String {
        let mut out = String::new();
        self.push_location(id, &mut out);
        out
    }

    fn push_location(&self, id: NodeId, out: &mut String) {
        let node = self.node(id);
        match (&node.kind, node.parent) {
            (NodeKind::Folder { location, .. }, _) => out.push_str(location),
            (_, Some(parent)) => {
                self.push_location(parent, out);
                if !out.is_empty() {
                    out.push('/');
                }
                out.push_str("node_modules/");
                out.push_str(self.name_of(id));
            }
            (_, None) => {}
        }
    }

    /// The folder node at this location, if the real tree has one.
    pub(crate) fn folder(&self, location: &str) -> Option<NodeId> {
        self.folders.get(location).copied()
    }

    /// The nodes of the real tree that bear this name, in the order in which they came.
    pub(crate) fn named(&mut self, name: Name) -> Vec<NodeId> {
        let mut nodes = self.nodes_by_name.remove(&name).unwrap_or_default();
        nodes.retain(|&node| self.is_live(node));
        self.nodes_by_name.insert(name, nodes.clone());
        nodes
    }

    /// Every node of the real tree in the order in which they joined it, which is npm's: the project first.
    pub(crate) fn by_arrival(&self) -> Vec<NodeId> {
        let mut nodes = self.inventory();
        nodes.sort_by_key(|&node| self.node(node).arrival);
        nodes
    }

    /// Every node of the real tree, parents before children.
    pub(crate) fn inventory(&self) -> Vec<NodeId> {
        let mut out = vec![self.root];
        out.extend(self.folders.values());
        let mut next = 0;
        while next < out.len() {
            out.extend(self.node(out[next]).children.values());
            next += 1;
        }
        out
    }
}
