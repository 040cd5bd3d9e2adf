//! Whether a candidate may stand in one particular `node_modules`, with its peers beside or above it.

use crate::tree::{EdgeId, Name, NodeId, Tree};

use super::verdict::Verdict;

/// What is being placed, and on whose behalf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// The candidate, a node of a virtual tree.
    pub(super) dep: NodeId,
    /// The edge that it is to satisfy.
    pub(super) edge: EdgeId,
    /// Where a walk up for its deepest place begins: the dependent, or the deepest place of the candidate that
    /// brings it along as a peer.
    pub(super) start: NodeId,
    /// The edge through which the whole peer set came in.
    pub(super) entry: EdgeId,
    /// Whether it comes along as a peer.
    pub(super) along: bool,
    /// The peers that led here, to end cycles.
    pub(super) path: &'a [NodeId],
    /// Whether fewer copies beat newer versions.
    pub(super) prefer_dedupe: bool,
    /// Whether the user asked by name for this, or for what brought it along and is placed by now.
    pub(super) explicit: bool,
}

/// The verdict on one target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    pub(super) target: NodeId,
    /// With all of its peers.
    pub(super) whole: Verdict,
    /// For the candidate alone.
    pub(super) own: Verdict,
}

/// The deepest `node_modules` in which `start`'s dependency `name` could be found by everyone who needs it:
/// peers must not lie inside the one that declares them.
pub(super) fn deepest_nesting_target(tree: &Tree, start: NodeId, name: Name) -> NodeId {
    for target in tree.ancestry(start) {
        let node = tree.node(target);
        if node.is_project_root() || node.resolve_parent().is_none() {
            return target;
        }
        if !tree.edge_out(target, name).is_some_and(|edge| tree.edge(edge).is_peer()) {
            return target;
        }
    }
    start
}

/// Judges `question.dep` in `target`.
pub(super) fn check(tree: &Tree, target: NodeId, question: Question<'_>) -> Check {
    let mut judge = Judge { tree, target, question, own: None, peers: None };
    let whole = judge.whole();
    Check { target, whole, own: judge.own.unwrap_or(whole) }
}

struct Judge<'a> {
    tree: &'a Tree,
    target: NodeId,
    question: Question<'a>,
    own: Option<Verdict>,
    peers: Option<bool>,
}

impl Judge<'_> {
    fn whole(&mut self) -> Verdict {
        let (tree, dep) = (self.tree, self.question.dep);
        let name = tree.node(dep).name;
        let current = tree.child(self.target, name);
        if tree.node(dep).failure.is_some() {
            return if current.is_some() { Verdict::Replace } else { Verdict::Ok };
        }
        if let Some(id) = tree.edge_out(self.target, name) {
            if tree.edge(id).is_peer() && !tree.node(self.target).is_top() {
                return Verdict::Conflict;
            }
            // What stands there may still do; a free place may not be taken against its owner's wish.
            if current.is_none() && id != self.question.edge && !tree.satisfies(dep, id) {
                return Verdict::Conflict;
            }
        }
        match current {
            Some(current) => self.against(current),
            None => self.judge_free_place(name),
        }
    }

    /// The place is taken by `current`.
    fn against(&mut self, current: NodeId) -> Verdict {
        let (tree, Question { dep, edge, explicit, prefer_dedupe, .. }) = (self.tree, self.question);
        if tree.matches(dep, current) && (tree.satisfies(current, edge) || !tree.satisfies(dep, edge)) {
            return if explicit { Verdict::Replace } else { Verdict::Keep };
        }
        let newer = tree.version_at_least(dep, current);
        if newer && tree.can_replace(dep, current, &[]) {
            let verdict = self.with_peers(Verdict::Replace);
            if verdict != Verdict::Conflict {
                return verdict;
            }
        }
        if tree.satisfies(current, edge) && (!explicit || prefer_dedupe) {
            return Verdict::Keep;
        }
        if prefer_dedupe && !newer && tree.can_replace(dep, current, &[]) {
            let verdict = self.with_peers(Verdict::Replace);
            if verdict != Verdict::Conflict {
                return verdict;
            }
        }
        self.push_aside(current)
    }

    /// Whether `current` must make way because the candidate has no deeper place, and can.
    fn push_aside(&mut self, current: NodeId) -> Verdict {
        let (tree, question) = (self.tree, self.question);
        let name = tree.node(question.dep).name;
        if self.target != deepest_nesting_target(tree, question.start, name) {
            return Verdict::Conflict;
        }
        let edge = tree.edge(question.edge);
        if !edge.is_peer() && self.target == edge.from {
            return self.with_peers(Verdict::Replace);
        }
        if !question.along && !edge.is_peer() {
            return Verdict::Conflict;
        }
        let movable = tree
            .peer_entry_sets(current)
            .iter()
            .filter(|(entry, _)| **entry != question.edge && **entry != question.entry)
            .all(|(&entry, members)| self.can_move(entry, members.iter().copied()));
        if movable { self.with_peers(Verdict::Replace) } else { Verdict::Conflict }
    }

    /// Whether the peer set entered by `entry` can be replaced by the candidate's set, or nested deeper.
    fn can_move(&self, entry: EdgeId, mut members: impl Iterator<Item = NodeId>) -> bool {
        let tree = self.tree;
        let Some(entry_node) = tree.edge(entry).to else { return true };
        let Some(set) = tree.node(self.question.dep).parent else { return false };
        match tree.child(set, tree.node(entry_node).name) {
            Some(substitute) => {
                let members = tree.node(set).children.values();
                let names: Vec<Name> = members.map(|&member| tree.node(member).name).collect();
                if tree.can_replace(substitute, entry_node, &names) {
                    return true;
                }
            }
            None if self.can_clobber(entry_node) => return true,
            None => {}
        }
        let from = tree.edge(entry).from;
        members.all(|member| {
            let deepest = deepest_nesting_target(tree, from, tree.node(member).name);
            deepest != self.target && !tree.is_descendant(self.target, deepest)
        })
    }

    /// Whether every peer that the set at `entry` uses is served as well by the candidate's set.
    fn can_clobber(&self, entry: NodeId) -> bool {
        let tree = self.tree;
        let Some(set) = tree.node(self.question.dep).parent else { return false };
        let mut walk = vec![entry];
        let mut next = 0;
        while let Some(&member) = walk.get(next) {
            next += 1;
            for &id in tree.node(member).edges_out.values() {
                let edge = tree.edge(id);
                if !edge.is_peer() || !edge.is_valid() {
                    continue;
                }
                match tree.child(set, edge.name) {
                    Some(substitute) if !tree.satisfies(substitute, id) => return false,
                    Some(_) => {}
                    None => walk.extend(edge.to.filter(|to| !walk.contains(to))),
                }
            }
        }
        true
    }

    /// Nothing of the name stands here; but what is found further up may be in use from below.
    fn judge_free_place(&mut self, name: Name) -> Verdict {
        let (tree, target, dep) = (self.tree, self.target, self.question.dep);
        if target != tree.edge(self.question.entry).from
            && let Some(current) = tree.resolve(target, name)
        {
            let shadowed = tree.node(current).edges_in.iter().any(|&id| {
                let edge = tree.edge(id);
                edge.is_valid() && tree.is_descendant(edge.from, target) && !tree.satisfies(dep, id)
            });
            if shadowed {
                return Verdict::Conflict;
            }
        }
        self.with_peers(Verdict::Ok)
    }

    /// `verdict`, if every peer of the candidate finds a place too.
    fn with_peers(&mut self, verdict: Verdict) -> Verdict {
        self.own = Some(verdict);
        let fits = match self.peers {
            Some(fits) => fits,
            None => self.peers_fit(),
        };
        self.peers = Some(fits);
        if fits { verdict } else { Verdict::Conflict }
    }

    fn peers_fit(&self) -> bool {
        let (tree, question) = (self.tree, self.question);
        let mut path = question.path.to_vec();
        path.push(question.dep);
        let start = deepest_nesting_target(tree, question.start, tree.node(question.dep).name);
        tree.node(question.dep).edges_out.values().all(|&id| {
            let edge = tree.edge(id);
            let Some(peer) = edge.to else { return true };
            if !edge.is_peer() || path.contains(&peer) {
                return true;
            }
            let target = deepest_nesting_target(tree, self.target, tree.node(peer).name);
            let along = Question {
                dep: peer,
                edge: id,
                start,
                along: true,
                path: &path,
                prefer_dedupe: true,
                explicit: false,
                ..question
            };
            check(tree, target, along).whole != Verdict::Conflict
        })
    }
}
