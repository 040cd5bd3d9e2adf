//! The explain pass: the finished tree as data, with every edge and the reason for every place.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use utoo_types::{EngineMismatch, PlatformMismatch};

use crate::build::{Recorder, Trial, trials_above};
use crate::load::LockedNodes;
use crate::options::Dedupe;
use crate::tree::{Edge, EdgeError, EdgeId, EdgeKind, NodeId, NodeKind, Tree};

/// A finished tree as data: what [`crate::Record::Decisions`] keeps.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// The project first, then folders, then `node_modules`, parents before children.
    pub places: Vec<Place>,
    /// Every dependency of every place.
    pub edges: Vec<GraphEdge>,
}

/// One place of the tree, and why its package stands there.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its key in the lockfile; empty for the project.
    pub location: Arc<str>,
    /// The folder's name, which for an alias is not the package's.
    pub name: String,
    /// The package's own name; empty for a project without one.
    pub package: String,
    /// The package's version, if it has one.
    pub version: Option<String>,
    /// What it is.
    pub kind: PlaceKind,
    /// The marks that its lockfile entry carries, in npm's words: `dev`, `optional`, `devOptional`, `peer`,
    /// `inBundle`, `extraneous`; `overridden`, where an override names the very version; and `inert` for what this
    /// platform cannot run.
    pub marks: Vec<&'static str>,
    /// Why it is `inert`.
    pub unfit: Option<Unfit>,
    /// How it came there.
    pub origin: Origin,
    /// What keeps it from each `node_modules` further up, the nearest first.
    pub above: Vec<Trial>,
    /// Indices of the edges that lead here.
    pub edges_in: Vec<usize>,
}

/// What stands at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// The project itself.
    Project,
    /// A workspace's folder.
    Workspace,
    /// Another folder that a link points to.
    Folder,
    /// A package in a `node_modules`.
    Package,
    /// A link in a `node_modules`.
    Link {
        /// The place of the folder that it points to, if it is part of the tree.
        target: Option<usize>,
    },
}

/// How a package came to its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is the project, or a folder of it.
    Project,
    /// The lockfile had it, and nothing speaks against it.
    Lockfile,
    /// It came inside another package's tarball.
    Bundle,
    /// The shrinkwrap of a package above it lists it.
    Shrinkwrap,
    /// It was placed for an edge.
    Placed {
        /// The edge, if it is still part of the tree.
        edge: Option<usize>,
        /// Where the walk tried it: from the deepest place upwards, to the one that ended it.
        trials: Vec<Trial>,
    },
}

/// One dependency in the finished tree.
#[derive(Clone, Debug)]
pub struct GraphEdge {
    /// The place that has the dependency.
    pub from: usize,
    /// The place that it finds.
    pub to: Option<usize>,
    /// The key in the dependent's package.json.
    pub name: String,
    /// The spec that counts.
    pub spec: Arc<str>,
    /// Its kind.
    pub kind: EdgeKind,
    /// What put the spec in place of the dependent's own.
    pub overridden: Option<Overriding>,
    /// What is wrong with it.
    pub problem: Option<EdgeProblem>,
    /// What was chosen for it and where that was tried; none where the edge was content with what it found.
    pub choice: Option<Choice>,
}

/// An override that decides what an edge asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overriding {
    /// The spec that the dependent's own package.json has.
    pub declared: Arc<str>,
    /// The keys that lead to the rule in the `overrides` of the project's package.json, from the outermost.
    pub path: Vec<Arc<str>>,
}

/// Why an optional package is in the lockfile and is not installed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is made for another system.
    Platform(PlatformMismatch),
    /// It is made for another node or npm.
    Engine(EngineMismatch),
    /// It is of no use without this package, `name@version`, which does not fit.
    With(String),
}

/// What is wrong with an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeProblem {
    /// Nothing of that name is in reach.
    Missing,
    /// What is in reach does not satisfy it.
    Invalid,
    /// A peer that lies inside its own dependent.
    PeerLocal,
    /// A peer conflict that was overridden.
    Overridden,
}

/// What was chosen for an edge before it was known where it could stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The version, if it has one.
    pub version: Option<String>,
    /// From the deepest place upwards, to the one that ended the walk.
    pub trials: Vec<Trial>,
}

/// Makes the graph of a tree; without a recorder without the reasons for its places.
pub(crate) fn graph(tree: &Tree, recorder: Option<&Recorder>, locked: &LockedNodes, dedupe: Dedupe) -> Graph {
    let nodes = tree.inventory();
    let places: FxHashMap<NodeId, usize> = nodes.iter().enumerate().map(|(at, &node)| (node, at)).collect();
    let mut edges: FxHashMap<EdgeId, usize> = FxHashMap::default();
    let mut graph = Graph::default();
    for &node in &nodes {
        for &id in tree.node(node).edges_out.values() {
            edges.insert(id, graph.edges.len());
            let edge = tree.edge(id);
            let choice = recorder.and_then(|recorder| recorder.decision(id));
            graph.edges.push(GraphEdge {
                from: places[&node],
                to: edge.to.and_then(|to| places.get(&to).copied()),
                name: tree.interner.name_text(edge.name).to_string(),
                spec: Arc::clone(tree.interner.want_text(edge.want)),
                kind: edge.kind,
                overridden: tree.override_path(id).map(|path| Overriding {
                    declared: Arc::clone(tree.interner.want_text(edge.declared)),
                    path,
                }),
                problem: problem(edge),
                choice: choice
                    .map(|made| Choice { version: made.version.clone(), trials: made.trials.clone() }),
            });
        }
    }
    let mut origins = Origins { tree, recorder, locked, edges: &edges };
    for &node in &nodes {
        let kind = kind(tree, node, &places);
        let first = tree.node(node).edges_in.first().filter(|_| recorder.is_some());
        let above = first.map(|&edge| trials_above(tree, node, edge, dedupe == Dedupe::Fewest));
        let in_edges = tree.node(node).edges_in.iter();
        graph.places.push(Place {
            location: tree.location(node).into(),
            name: tree.name_of(node).to_owned(),
            package: tree.package_of(node).manifest.name.to_string(),
            version: tree.version_text(node),
            marks: marks(tree, node),
            unfit: recorder.and_then(|recorder| recorder.unfit.get(&node).cloned()),
            origin: origins.of(node, &kind),
            kind,
            above: above.unwrap_or_default(),
            edges_in: in_edges.filter_map(|edge| edges.get(edge).copied()).collect(),
        });
    }
    graph
}

struct Origins<'a> {
    tree: &'a Tree,
    recorder: Option<&'a Recorder>,
    locked: &'a LockedNodes,
    edges: &'a FxHashMap<EdgeId, usize>,
}

impl Origins<'_> {
    fn of(&mut self, node: NodeId, kind: &PlaceKind) -> Origin {
        let placed = self.recorder.and_then(|recorder| Some((recorder, recorder.placed_for(node)?)));
        if let Some((recorder, edge)) = placed {
            let trials = recorder.decision(edge).map(|made| made.trials.clone());
            return Origin::Placed {
                edge: self.edges.get(&edge).copied(),
                trials: trials.unwrap_or_default(),
            };
        }
        match kind {
            PlaceKind::Project | PlaceKind::Workspace | PlaceKind::Folder => Origin::Project,
            _ if self.locked.contains_key(&node) => Origin::Lockfile,
            _ if self.tree.node(node).in_bundle => Origin::Bundle,
            _ if self.tree.in_shrinkwrap(node) => Origin::Shrinkwrap,
            _ => Origin::Lockfile,
        }
    }
}

fn kind(tree: &Tree, node: NodeId, places: &FxHashMap<NodeId, usize>) -> PlaceKind {
    match &tree.node(node).kind {
        NodeKind::Project | NodeKind::Virtual { .. } => PlaceKind::Project,
        NodeKind::Folder { workspace: true, .. } => PlaceKind::Workspace,
        NodeKind::Folder { .. } => PlaceKind::Folder,
        NodeKind::Package => PlaceKind::Package,
        NodeKind::Link { .. } => {
            let target = tree.node(node).target;
            PlaceKind::Link { target: target.and_then(|target| places.get(&target).copied()) }
        }
    }
}

fn marks(tree: &Tree, node: NodeId) -> Vec<&'static str> {
    let flags = tree.node(node).flags;
    let dev_optional = flags.dev_optional && !flags.dev && !flags.optional;
    let in_bundle = tree.has_bundles() && tree.bundler(node).is_some();
    [
        (flags.extraneous, "extraneous"),
        (!flags.extraneous && flags.dev, "dev"),
        (!flags.extraneous && flags.optional, "optional"),
        (!flags.extraneous && dev_optional, "devOptional"),
        (!flags.extraneous && flags.peer, "peer"),
        (in_bundle, "inBundle"),
        (tree.is_overridden_node(node), "overridden"),
        (tree.node(node).inert, "inert"),
    ]
    .into_iter()
    .filter_map(|(on, word)| on.then_some(word))
    .collect()
}

fn problem(edge: &Edge) -> Option<EdgeProblem> {
    match edge.error {
        Some(_) if edge.peer_conflicted => Some(EdgeProblem::Overridden),
        Some(EdgeError::Missing) => Some(EdgeProblem::Missing),
        Some(EdgeError::Invalid) => Some(EdgeProblem::Invalid),
        Some(EdgeError::PeerLocal) => Some(EdgeProblem::PeerLocal),
        None => None,
    }
}
