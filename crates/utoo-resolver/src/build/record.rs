//! Why a candidate went where it went: the places that were tried for it, and what was in its way at each.
//!
//! Nothing here runs unless somebody asked for reasons ([`crate::Record::Decisions`]). The placer's walk is then
//! taken a second time with an observer, so that the walk itself stays as it is.

use rustc_hash::FxHashMap;

use super::Builder;
use super::can_place::{Question, check, deepest_nesting_target};
use super::place::Placement;
use super::verdict::Verdict;
use crate::graph::Unfit;
use crate::tree::{DependencyEdge, EdgeId, NodeId, Tree};

/// One `node_modules` that was considered for a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Whose `node_modules`: a location in the lockfile, empty for the project's own.
    pub location: String,
    /// What the placer could do there.
    pub verdict: TrialVerdict,
    /// What was in the way, where something was.
    pub obstacle: Option<Obstacle>,
}

/// What the placer could do at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialVerdict {
    /// The place is free and nobody objects.
    Free,
    /// What stands there does as well.
    Keep,
    /// What stands there may be replaced.
    Replace,
    /// Not here.
    Conflict,
}

/// What keeps a package out of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The package whose `node_modules` it is has it as a peer, which must not lie inside its dependent.
    PeerOfOwner(DependencyEdge),
    /// The package whose `node_modules` it is wants something else of that name.
    OwnerWants(DependencyEdge),
    /// Another version stands there.
    Occupied {
        /// Its version, if it has one.
        version: Option<String>,
        /// Who depends on it and could not use the other.
        by: Vec<DependencyEdge>,
    },
    /// It would come between a version further up and those below who use that.
    Shadows {
        /// Where the version further up stands.
        location: String,
        /// Its version, if it has one.
        version: Option<String>,
        /// Who uses it.
        by: Vec<DependencyEdge>,
    },
    /// A peer that would have to come along finds no place.
    Peer {
        /// The peer edge.
        edge: DependencyEdge,
        /// The peer's version, if it has one.
        version: Option<String>,
        /// The place that was tried for it.
        location: String,
        /// What was in the peer's way.
        obstacle: Option<Box<Obstacle>>,
    },
}

/// The reasons, as they come up.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    /// The latest candidate of each edge and where it was tried.
    decisions: FxHashMap<EdgeId, Decision>,
    /// For which edge a node was placed.
    placed: FxHashMap<NodeId, EdgeId>,
    /// Why a node cannot be installed here.
    pub(crate) unfit: FxHashMap<NodeId, Unfit>,
}

/// What was tried for an edge.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    /// The candidate's version, if it has one.
    pub(crate) version: Option<String>,
    /// From the deepest place upwards, up to the one that stopped the walk.
    pub(crate) trials: Vec<Trial>,
}

impl Recorder {
    pub(super) fn placed(&mut self, edge: EdgeId, node: NodeId) {
        self.placed.insert(node, edge);
    }

    /// The edge for which a node was placed; none for what was there from the start.
    pub(crate) fn placed_for(&self, node: NodeId) -> Option<EdgeId> {
        self.placed.get(&node).copied()
    }

    pub(crate) fn decision(&self, edge: EdgeId) -> Option<&Decision> {
        self.decisions.get(&edge)
    }
}

impl Builder<'_> {
    /// Writes down what the placer's walk met. Called before the tree changes.
    pub(super) fn record_trials(&mut self, placement: &Placement<'_>) {
        let question = self.question(placement);
        let mut checks = Vec::new();
        self.find_place(placement, |check| checks.push(check));
        let trials = checks.iter().map(|check| trial(&self.tree, check.target, question, check.whole));
        let decision = Decision { trials: trials.collect(), version: self.tree.version_text(placement.dep) };
        if let Some(recorder) = &mut self.recorder {
            recorder.decisions.insert(placement.edge, decision);
        }
    }
}

/// For a node of the finished tree: what keeps it from each `node_modules` above its own.
pub(crate) fn trials_above(tree: &Tree, node: NodeId, edge: EdgeId, prefer_dedupe: bool) -> Vec<Trial> {
    let start = tree.edge(edge).from;
    let question = Question {
        dep: node,
        edge,
        start,
        entry: edge,
        along: tree.edge(edge).is_peer(),
        path: &[],
        prefer_dedupe,
        explicit: false,
    };
    let Some(above) = tree.node(node).parent.and_then(|parent| tree.node(parent).resolve_parent()) else {
        return Vec::new();
    };
    let targets = tree.ancestry(above);
    targets.map(|target| trial(tree, target, question, check(tree, target, question).whole)).collect()
}

fn trial(tree: &Tree, target: NodeId, question: Question<'_>, verdict: Verdict) -> Trial {
    let (verdict, obstacle) = match verdict {
        Verdict::Ok => (TrialVerdict::Free, None),
        Verdict::Keep => (TrialVerdict::Keep, None),
        Verdict::Replace => (TrialVerdict::Replace, None),
        Verdict::Conflict => (TrialVerdict::Conflict, obstacle(tree, target, question)),
    };
    Trial { location: tree.location(target), verdict, obstacle }
}

/// Why [`check`] said [`Verdict::Conflict`]: its rules once more, in its order.
fn obstacle(tree: &Tree, target: NodeId, question: Question<'_>) -> Option<Obstacle> {
    let dep = question.dep;
    let name = tree.node(dep).name;
    let current = tree.child(target, name);
    if let Some(id) = tree.edge_out(target, name) {
        if tree.edge(id).is_peer() && !tree.node(target).is_top() {
            return Some(Obstacle::PeerOfOwner(tree.describe_edge(id)));
        }
        if current.is_none() && id != question.edge && !tree.satisfies(dep, id) {
            return Some(Obstacle::OwnerWants(tree.describe_edge(id)));
        }
    }
    let refuse = |id: &EdgeId| tree.edge(*id).is_valid() && !tree.satisfies(dep, *id);
    match current {
        Some(current) => {
            let edges_in = tree.node(current).edges_in.iter().copied().filter(refuse);
            let by: Vec<_> = edges_in.map(|id| tree.describe_edge(id)).collect();
            let occupied = Obstacle::Occupied { version: tree.version_text(current), by };
            let replaceable = tree.can_replace(dep, current, &[]);
            Some(replaceable.then(|| peer_obstacle(tree, target, question)).flatten().unwrap_or(occupied))
        }
        None => shadowed(tree, target, question).or_else(|| peer_obstacle(tree, target, question)),
    }
}

/// Who, at or below `target`, uses what stands further up and could not use the candidate.
fn shadowed(tree: &Tree, target: NodeId, question: Question<'_>) -> Option<Obstacle> {
    let current = tree.resolve(target, tree.node(question.dep).name)?;
    let edges_in = tree.node(current).edges_in.iter().copied();
    let by: Vec<_> = edges_in
        .filter(|&id| {
            let edge = tree.edge(id);
            edge.is_valid() && tree.is_descendant(edge.from, target) && !tree.satisfies(question.dep, id)
        })
        .map(|id| tree.describe_edge(id))
        .collect();
    let (location, version) = (tree.location(current), tree.version_text(current));
    (!by.is_empty()).then_some(Obstacle::Shadows { location, version, by })
}

/// The first peer of the candidate that finds no place at or above `target`.
fn peer_obstacle(tree: &Tree, target: NodeId, question: Question<'_>) -> Option<Obstacle> {
    let dep = question.dep;
    let mut path = question.path.to_vec();
    path.push(dep);
    let start = deepest_nesting_target(tree, question.start, tree.node(dep).name);
    tree.node(dep).edges_out.values().find_map(|&id| {
        let edge = tree.edge(id);
        let peer = edge.to.filter(|peer| edge.is_peer() && !path.contains(peer))?;
        let above = deepest_nesting_target(tree, target, tree.node(peer).name);
        let along = Question {
            dep: peer,
            edge: id,
            start,
            along: true,
            path: &path,
            prefer_dedupe: true,
            ..question
        };
        let conflicts = check(tree, above, along).whole == Verdict::Conflict;
        conflicts.then(|| Obstacle::Peer {
            edge: tree.describe_edge(id),
            version: tree.version_text(peer),
            location: tree.location(above),
            obstacle: obstacle(tree, above, along).map(Box::new),
        })
    })
}
