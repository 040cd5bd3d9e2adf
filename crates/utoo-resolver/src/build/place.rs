//! Placing a candidate and its peers: finding the shallowest place where all agree, and tidying up after it.

use crate::options::{Dedupe, InstallStrategy};
use crate::tree::{EdgeId, Name, NodeId, NodeKind};

use super::can_place::{Check, Question, check, deepest_nesting_target};
use super::verdict::Verdict;
use super::{Builder, Stop, Warning};

/// A node that came into the tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) node: NodeId,
    pub(super) edge: EdgeId,
    pub(super) verdict: Verdict,
}

/// What a placement, with the peers that came along, did to the tree.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) placed: Vec<Placed>,
    /// Those of them that could not be loaded, in the order in which npm goes through them: each before its peers, and of
    /// these the last one first, with all of its own. The first that something requires is the error.
    pub(super) failed: Vec<NodeId>,
    /// Nodes whose dependencies were taken away and have to be found anew.
    pub(super) evaluate_again: Vec<NodeId>,
}

/// One candidate on its way, and the one that brought it along as a peer.
pub(super) struct Placement<'p> {
    pub(super) edge: EdgeId,
    pub(super) dep: NodeId,
    along: Option<(&'p Placement<'p>, Check, NodeId)>,
}

impl Placement<'_> {
    /// The edge through which the set came in.
    fn entry(&self) -> EdgeId {
        self.along.map_or(self.edge, |(parent, ..)| parent.entry())
    }
}

impl Builder<'_> {
    /// Places `dep` for `edge`.
    ///
    /// # Errors
    /// A peer conflict that may not be overridden.
    pub(super) fn place(&mut self, edge: EdgeId, dep: NodeId) -> Result<Outcome, Stop> {
        let mut outcome = Outcome::default();
        self.place_one(&Placement { edge, dep, along: None }, &mut outcome)?;
        Ok(outcome)
    }

    fn place_one(&mut self, placement: &Placement<'_>, outcome: &mut Outcome) -> Result<(), Stop> {
        let edge = self.tree.edge(placement.edge);
        if edge.to.is_some() && edge.is_valid() && !self.is_explicit(placement) && !self.is_updated(edge.name)
        {
            return Ok(());
        }
        let (whole, own) = self.find_place(placement, |_| {});
        if self.recorder.is_some() {
            self.record_trials(placement);
        }
        let check = match whole {
            Some(check) => check,
            None => {
                if !self.conflict_ok(self.entry_is_mine(placement.entry())) {
                    return Err(self.place_conflict(placement.edge, placement.dep, placement.entry()).into());
                }
                self.override_peer(placement.edge, placement.dep, placement.entry());
                match own {
                    Some(check) => check,
                    None => return Ok(()),
                }
            }
        };
        self.put(placement, check, outcome)
    }

    /// Whether the user asked for this, or for what brings it along.
    fn is_explicit(&self, placement: &Placement<'_>) -> bool {
        self.explicit.contains(&placement.entry())
    }

    fn start_of(&self, placement: &Placement<'_>) -> NodeId {
        let from = match placement.along {
            Some((parent, ..)) => self.start_of(parent),
            None => self.tree.edge(placement.edge).from,
        };
        deepest_nesting_target(&self.tree, from, self.tree.node(placement.dep).name)
    }

    pub(super) fn question<'q>(&self, placement: &Placement<'_>) -> Question<'q> {
        let start = match placement.along {
            Some((parent, _, _)) => {
                let parent = self.question(parent);
                let name = self.tree.node(parent.dep).name;
                deepest_nesting_target(&self.tree, parent.start, name)
            }
            None => self.tree.edge(placement.edge).from,
        };
        Question {
            dep: placement.dep,
            edge: placement.edge,
            start,
            entry: placement.entry(),
            along: placement.along.is_some(),
            path: &[],
            // Peers are to be shared: for them an older version that does for all is as good.
            prefer_dedupe: self.options.dedupe == Dedupe::Fewest || self.tree.edge(placement.edge).is_peer(),
            explicit: self.is_explicit(placement),
        }
    }

    /// Walks up from the deepest possible place. Gives the last place before the first conflict: once for the
    /// candidate with its peers, once for the candidate alone. `see` is shown the verdict on each place.
    pub(super) fn find_place(
        &self,
        placement: &Placement<'_>,
        mut see: impl FnMut(Check),
    ) -> (Option<Check>, Option<Check>) {
        let question = self.question(placement);
        let name = self.tree.node(placement.dep).name;
        let (mut whole, mut own) = (None, None);
        for target in self.tree.ancestry(self.start_of(placement)) {
            let peer_here = self.tree.edge_out(target, name).is_some_and(|id| self.tree.edge(id).is_peer());
            if peer_here && !self.tree.node(target).is_top() {
                continue;
            }
            let check = check(&self.tree, target, question);
            see(check);
            if check.own != Verdict::Conflict {
                own = Some(check);
            }
            if check.whole == Verdict::Conflict {
                break;
            }
            whole = Some(check);
            if self.tree.node(placement.dep).failure.is_some() || self.stops_at(target) {
                break;
            }
        }
        (whole, own)
    }

    fn stops_at(&self, target: NodeId) -> bool {
        match self.options.install_strategy {
            InstallStrategy::Hoisted | InstallStrategy::Linked => false,
            InstallStrategy::Nested => true,
            InstallStrategy::Shallow => {
                let above = self.tree.node(target).resolve_parent();
                above.is_some_and(|above| self.tree.node(above).is_project_root())
            }
        }
    }

    fn put(&mut self, placement: &Placement<'_>, check: Check, outcome: &mut Outcome) -> Result<(), Stop> {
        let verdict = if check.whole == Verdict::Conflict { check.own } else { check.whole };
        let (target, edge) = (check.target, placement.edge);
        // What the user asked for takes the place of others as far as they agree, even of newer ones.
        let dedupe = if self.is_explicit(placement) { Dedupe::Fewest } else { self.options.dedupe };
        if matches!(verdict, Verdict::Keep | Verdict::Conflict) {
            if self.tree.edge(edge).is_peer() && !self.tree.edge(edge).is_valid() {
                self.override_peer(edge, placement.dep, placement.entry());
            }
            self.prune_dedupable_below(target, dedupe);
            return Ok(());
        }
        if self.link_to_ancestor(placement, check, outcome) {
            return Ok(());
        }
        let placed = self.copy_of(placement.dep);
        self.tree.load_edges_ahead(placed);
        match self.tree.child(target, self.tree.node(placed).name) {
            Some(old) => self.replace_old(old, placed, target, outcome),
            None => self.tree.attach(placed, target),
        }
        if self.tree.edge(edge).is_peer() && !self.tree.satisfies(placed, edge) {
            self.override_peer(edge, placement.dep, placement.entry());
        }
        self.prune_shadowed(edge, placed, target, dedupe);
        // It may be gone already: what depends on another version of its own name finds itself there, and where it took
        // the place of something, it went with what that left behind. Its peers are placed nevertheless, as with npm.
        if self.tree.is_live(placed) {
            outcome.placed.push(Placed { node: placed, edge, verdict: check.own });
            if self.tree.node(placed).failure.is_some() {
                outcome.failed.push(placed);
            }
        }
        self.place_peers(placement, check, placed, outcome)
    }

    /// Removes what has become a needless duplicate: what the edge found so far, deeper copies of the name, and what
    /// stands right below those that stay, `placed` among them.
    fn prune_shadowed(&mut self, edge: EdgeId, placed: NodeId, target: NodeId, dedupe: Dedupe) {
        let edge = self.tree.edge(edge);
        if let Some(to) = edge.to.filter(|&to| edge.is_valid() && to != placed) {
            self.prune_dedupable(to, dedupe);
        }
        for node in self.tree.named(self.tree.node(placed).name) {
            if !self.tree.is_live(node) || !self.tree.is_descendant(node, target) {
                continue;
            }
            self.prune_dedupable(node, dedupe);
            if self.tree.is_live(node) {
                let children: Vec<NodeId> = self.tree.node(node).children.values().copied().collect();
                for child in children {
                    if self.tree.is_live(child) {
                        self.prune_dedupable(child, dedupe);
                    }
                }
            }
        }
    }

    /// Peers follow their dependent, each to the shallowest place that takes it.
    fn place_peers(
        &mut self,
        placement: &Placement<'_>,
        check: Check,
        placed: NodeId,
        outcome: &mut Outcome,
    ) -> Result<(), Stop> {
        let Some(set) = self.tree.node(placement.dep).parent else { return Ok(()) };
        let first = outcome.failed.len();
        for index in 0..self.tree.node(placed).edges_out.len() {
            let id = self.tree.node(placed).edges_out[index];
            let edge = self.tree.edge(id);
            if !edge.is_peer() || edge.is_valid() {
                continue;
            }
            // A set without it has it as an optional peer, which is not installed.
            let Some(peer) = self.tree.child(set, edge.name) else { continue };
            if !self.tree.satisfies(peer, id) {
                continue;
            }
            let along = Placement { edge: id, dep: peer, along: Some((placement, check, placed)) };
            let before = outcome.failed.len();
            self.place_one(&along, outcome)?;
            // npm's walk keeps the peers on a stack, and so comes to the last one first.
            let of_this = outcome.failed.len() - before;
            outcome.failed[first..].rotate_right(of_this);
        }
        Ok(())
    }

    /// A node of the real tree like `dep`, which stays in its virtual tree.
    fn copy_of(&mut self, dep: NodeId) -> NodeId {
        let old = self.tree.node(dep);
        let (name, package, kind) = (old.name, old.package, old.kind.clone());
        let (resolved, integrity, failure) =
            (old.resolved.clone(), old.integrity.clone(), old.failure.clone());
        let scope = old.scope;
        let is_workspace = |location: &str| {
            let folder = self.tree.folder(location).map(|folder| &self.tree.node(folder).kind);
            matches!(folder, Some(NodeKind::Folder { workspace: true, .. }))
        };
        // Workspaces come under the rules of package.json from the start.
        let holds_scope = matches!(&kind, NodeKind::Link { location } if !is_workspace(location));
        let copy = self.tree.new_node(name, package, kind);
        let node = self.tree.node_mut(copy);
        node.resolved = resolved;
        node.integrity = integrity;
        node.failure = failure;
        node.scope = scope;
        node.holds_scope = holds_scope;
        copy
    }

    /// Two packages that need each other in versions which cannot share a place would nest for ever. The loop is
    /// closed by a link to the first of them, as npm does.
    fn link_to_ancestor(&mut self, placement: &Placement<'_>, check: Check, outcome: &mut Outcome) -> bool {
        let target = check.target;
        let same = self
            .tree
            .ancestry(target)
            .find(|&above| !self.tree.node(above).is_top() && self.tree.matches(above, placement.dep));
        let Some(same) = same else { return false };
        let location = self.tree.location(same).into();
        let (name, package) = (self.tree.node(same).name, self.tree.node(same).package);
        let link = self.tree.new_node(name, package, NodeKind::Link { location });
        self.tree.node_mut(link).target = Some(same);
        self.tree.attach(link, target);
        outcome.placed.push(Placed { node: link, edge: placement.edge, verdict: check.own });
        true
    }

    /// Puts `placed` where `old` stands, and removes what only `old` needed and the peer sets that do not go
    /// with the new one and can be placed deeper.
    fn replace_old(&mut self, old: NodeId, placed: NodeId, target: NodeId, outcome: &mut Outcome) {
        let dropped = self.only_needed_by(old, placed);
        let pruned = self.displaced_peer_sets(old, placed, target);
        self.tree.replace(old, placed);
        self.prune_for_replacement(placed, &dropped);
        for node in pruned {
            for &edge in &self.tree.node(node).edges_in {
                outcome.evaluate_again.push(self.tree.edge(edge).from);
            }
            if self.tree.is_live(node) {
                self.tree.remove(node);
            }
        }
    }

    /// What `old` depends on and `placed` does not.
    fn only_needed_by(&self, old: NodeId, placed: NodeId) -> Vec<NodeId> {
        let package = self.tree.package_of(placed);
        let needs = |name: Name| package.declared.iter().any(|declared| declared.name == name);
        let mut out = Vec::new();
        for &id in self.tree.node(old).edges_out.values() {
            if let Some(to) = self.tree.edge(id).to
                && !needs(self.tree.edge(id).name)
            {
                let set = self.tree.gather_dep_set([to], |tree, edge| tree.edge(edge).to != Some(to));
                out.extend(set);
            }
        }
        out
    }

    /// Peer sets beside `old` that `placed` breaks and that are taken away, to be placed anew: all that something brings in
    /// other than the project or a workspace. npm means to ask whether they could go deeper, but asks it of the set's own
    /// first node, and without a name, so that the answer is always that node.
    fn displaced_peer_sets(&mut self, old: NodeId, placed: NodeId, target: NodeId) -> Vec<NodeId> {
        let mut out = Vec::new();
        for id in self.tree.node(old).edges_in.clone() {
            let edge = self.tree.edge(id).clone();
            let beside = self.tree.node(edge.from).parent == Some(target);
            if !edge.is_peer() || !beside || edge.peer_conflicted || self.tree.satisfies(placed, id) {
                continue;
            }
            let entries: Vec<EdgeId> = self.tree.peer_entry_sets(edge.from).keys().copied().collect();
            for entry in entries {
                let Some(node) = self.tree.edge(entry).to else { continue };
                if node != target && !self.tree.is_mine(self.tree.edge(entry).from) {
                    let set = self.tree.gather_dep_set([node], |tree, id| {
                        tree.edge(id).to != Some(node) && !tree.edge(id).peer_conflicted
                    });
                    out.extend(set);
                } else {
                    self.override_peer(id, placed, entry);
                }
            }
        }
        out
    }

    /// Removes what the replaced node leaves behind: dependencies that are wrong now or that nobody else uses.
    fn prune_for_replacement(&mut self, placed: NodeId, dropped: &[NodeId]) {
        let mut junk: Vec<NodeId> = self
            .tree
            .node(placed)
            .edges_out
            .values()
            .map(|&id| self.tree.edge(id))
            .filter(|edge| !edge.is_valid())
            .filter_map(|edge| edge.to)
            .collect();
        for &node in dropped {
            if self.tree.is_live(node) {
                junk.extend(self.tree.gather_dep_set([node], |tree, id| {
                    tree.edge(id).to != Some(node) && tree.edge(id).is_valid()
                }));
            }
        }
        let junk = self.tree.gather_dep_set(junk, |tree, id| {
            let edge = tree.edge(id);
            edge.from != placed && edge.to != Some(placed) && edge.is_valid()
        });
        self.remove_all(junk);
    }

    /// Removes `node`, and what only it needs, if the next one of its name further up does for all. Gives whether it did.
    fn prune_dedupable(&mut self, node: NodeId, dedupe: Dedupe) -> bool {
        let removable = self.tree.can_dedupe(node, dedupe == Dedupe::Fewest);
        if removable {
            let set = self.tree.gather_dep_set([node], |tree, id| {
                tree.edge(id).to != Some(node) && tree.edge(id).is_valid()
            });
            self.remove_all(set);
        }
        removable
    }

    /// The same for `node` and, where it stays, for all that lies below.
    fn prune_dedupable_below(&mut self, node: NodeId, dedupe: Dedupe) {
        if self.prune_dedupable(node, dedupe) {
            return;
        }
        let mut children: Vec<NodeId> = self.tree.node(node).children.values().copied().collect();
        for folder in self.tree.node(node).fs_children.clone() {
            children.extend(self.tree.node(folder).children.values());
        }
        children.sort_by(|&a, &b| self.compare_names(self.tree.node(a).name, self.tree.node(b).name));
        for child in children {
            if self.tree.is_live(child) {
                self.prune_dedupable_below(child, dedupe);
            }
        }
    }

    fn remove_all(&mut self, nodes: impl IntoIterator<Item = NodeId>) {
        for node in nodes {
            if self.tree.is_live(node) && self.tree.node(node).parent.is_some() {
                self.tree.remove(node);
            }
        }
    }

    /// Whether the set that came in by this edge is the project's own: its conflicts are errors.
    fn entry_is_mine(&self, entry: EdgeId) -> bool {
        let from = self.tree.edge(entry).from;
        if self.tree.is_mine(from) {
            return true;
        }
        if !self.tree.edge(entry).is_peer() {
            return false;
        }
        let edges_in = &self.tree.node(from).edges_in;
        let direct = edges_in.iter().any(|&id| {
            let edge = self.tree.edge(id);
            !edge.is_peer() && self.tree.is_mine(edge.from)
        });
        direct
            || (edges_in.iter().any(|&id| self.tree.edge(id).is_peer())
                && self
                    .tree
                    .peer_entry_sets(from)
                    .keys()
                    .any(|&id| self.tree.is_mine(self.tree.edge(id).from)))
    }

    /// Accepts what is there in place of a peer, and says so.
    fn override_peer(&mut self, edge: EdgeId, dep: NodeId, entry: EdgeId) {
        self.tree.edge_mut(edge).peer_conflicted = true;
        let conflict = self.describe_conflict(edge, dep, entry);
        self.warnings.push(Warning::PeerOverridden(Box::new(conflict)));
    }
}
