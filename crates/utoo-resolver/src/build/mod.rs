//! The builder: walks the tree breadth first, asks for manifests, and places what its edges lack.
//!
//! One turn takes the first node of the queue, finds a candidate for each of its problem edges (with the peers
//! that have to come along), and places the candidates in the order of their names. A turn that lacks a
//! manifest leaves no trace: it is rolled back and taken again once the manifest is there. So the order of
//! answers never shows in the tree.

mod bundle;
mod can_place;
mod candidates;
mod conflict;
mod inflate;
mod peers;
mod place;
mod queue;
mod record;
mod shrinkwrap;
mod verdict;

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use utoo_types::{Manifest, PackageName};

use crate::cache::ManifestCache;
use crate::error::ResolveError;
use crate::options::{Conflicts, OptionalPeers, Record, ResolveOptions};
use crate::registry::{ManifestJob, RegistryError};
use crate::tree::{Edge, EdgeId, EdgeKind, Name, NodeId, NodeKind, PackageId, Taken, Tree, WantId};
pub use conflict::{ConflictNode, PeerConflict};
use queue::Queue;
pub use record::{Obstacle, Trial, TrialVerdict};
pub(crate) use record::{Recorder, trials_above};
pub(crate) use shrinkwrap::Shrinkwraps;
use verdict::Verdict;

/// How a call of [`crate::Resolver::advance`] ended.
#[derive(Debug)]
pub enum Step {
    /// Cannot go on without the answers to these jobs.
    Blocked(Vec<ManifestJob>),
    /// The tree is complete.
    Done,
}

/// What becomes of a package whose manifest is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reach {
    /// It, or another version of it, comes into the tree.
    Placed,
    /// It is only tried out beside the package that names it as a peer, for what it would conflict with, as that peer is
    /// optional or another version stands where it would have to: its peers matter, and its other dependencies do not.
    Tried,
}

/// Why a turn was given up.
#[derive(Debug)]
enum Stop {
    /// A manifest is missing; the job is in [`Builder::wants`].
    Missing,
    /// The tree cannot be built.
    Failed(Box<ResolveError>),
}

impl From<ResolveError> for Stop {
    fn from(error: ResolveError) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// What a want leads to.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    Package(PackageId),
    Folder(FoundFolder),
    Failed(Arc<RegistryError>),
}

/// A folder, which becomes a link or a packed copy.
#[derive(Clone, Debug)]
pub(crate) struct FoundFolder {
    location: Arc<str>,
    /// Of a folder that cannot be read: an empty one.
    package: PackageId,
    from_dot: bool,
    /// Why it cannot be read. A link may lead nowhere; what is not there cannot be packed.
    missing: Option<Arc<RegistryError>>,
}

/// A warning that the tree is built, but against somebody's wish.
#[derive(Clone, Debug)]
pub enum Warning {
    /// A peer dependency below the root was overridden.
    PeerOverridden(Box<PeerConflict>),
    /// A package's `engines` exclude this node.
    Engine {
        /// `name@version`.
        package: String,
        /// The range that it supports.
        wanted: String,
        /// What there is: `node 20.1.0`.
        current: String,
    },
}

/// The state of one build. Owns the tree; borrows nothing.
#[derive(Debug)]
pub(crate) struct Builder<'o> {
    pub(crate) tree: Tree,
    options: &'o ResolveOptions,
    queue: Queue,
    seen: FxHashSet<NodeId>,
    current: Option<NodeId>,
    /// Edges that the user asked for by name.
    explicit: FxHashSet<EdgeId>,
    /// Edges of the project that its package.json had not before the command.
    added: FxHashSet<EdgeId>,
    /// Workspaces by name: folder specs of these names link even where folders would be packed.
    workspaces: FxHashMap<Name, Arc<str>>,
    /// Links to workspaces that this turn's candidates took.
    taken: Vec<Taken>,
    /// Manifests of folders that the caller read already.
    folders: FxHashMap<Arc<str>, Arc<Manifest>>,
    found: FxHashMap<(Name, WantId), Found>,
    /// `resolved` and `integrity` of packages from sources and registries.
    origins: FxHashMap<PackageId, candidates::Origin>,
    /// Links whose folders have not been looked into yet.
    links: Vec<NodeId>,
    failures: Vec<NodeId>,
    /// Nodes whose bundled dependencies are in the tree.
    unbundled: FxHashSet<NodeId>,
    /// Nodes that came from a tarball in this build.
    pub(crate) unpacked_with: FxHashSet<NodeId>,
    /// Nodes whose tarballs could not be had when it was looked what they bundle.
    unread_bundles: Vec<(NodeId, Arc<RegistryError>)>,
    pub(crate) shrinkwraps: Shrinkwraps,
    /// Nodes of an old lockfile that need their manifests before anything else can begin.
    to_inflate: Vec<NodeId>,
    /// Those that got one: of their entries in the lockfile nothing is kept.
    pub(crate) inflated: FxHashSet<NodeId>,
    wants: Vec<ManifestJob>,
    /// Those of them to which nothing leads but peers that are only tried out.
    pub(crate) tried: FxHashSet<ManifestJob>,
    /// What the manifest that is looked for is wanted for.
    reach: Reach,
    /// Nodes placed since the caller last looked.
    pub(crate) placed: Vec<NodeId>,
    pub(crate) warnings: Vec<Warning>,
    /// Whether anything was placed or replaced.
    pub(crate) changed: bool,
    turns: usize,
    /// How many peer sets are being put together inside one another.
    nested_sets: u32,
    /// The reasons, if somebody asked for them.
    pub(crate) recorder: Option<Box<Recorder>>,
}

/// A tree takes little more than one turn a package (alotta-files: 1.1). One that takes this many has packages in it
/// that push each other aside for ever, which happens where a peer cannot be had at all.
const TURNS_PER_PACKAGE: usize = 20;

impl<'o> Builder<'o> {
    pub(crate) fn new(tree: Tree, options: &'o ResolveOptions) -> Self {
        Self {
            tree,
            options,
            queue: Queue::default(),
            seen: FxHashSet::default(),
            current: None,
            explicit: FxHashSet::default(),
            added: FxHashSet::default(),
            workspaces: FxHashMap::default(),
            taken: Vec::new(),
            folders: FxHashMap::default(),
            found: FxHashMap::default(),
            origins: FxHashMap::default(),
            links: Vec::new(),
            failures: Vec::new(),
            unbundled: FxHashSet::default(),
            unpacked_with: FxHashSet::default(),
            unread_bundles: Vec::new(),
            shrinkwraps: Shrinkwraps::default(),
            to_inflate: Vec::new(),
            inflated: FxHashSet::default(),
            wants: Vec::new(),
            tried: FxHashSet::default(),
            reach: Reach::Placed,
            placed: Vec::new(),
            warnings: Vec::new(),
            changed: false,
            turns: 0,
            nested_sets: 0,
            recorder: (options.record == Record::Decisions).then(Box::default),
        }
    }

    /// Makes a workspace known by name and folder.
    pub(crate) fn add_workspace(&mut self, name: Name, location: &Arc<str>, manifest: &Arc<Manifest>) {
        self.workspaces.insert(name, Arc::clone(location));
        self.folders.insert(Arc::clone(location), Arc::clone(manifest));
    }

    /// Makes the manifest of a linked folder known.
    pub(crate) fn add_known_folder(&mut self, location: &Arc<str>, manifest: &Arc<Manifest>) {
        self.folders.insert(Arc::clone(location), Arc::clone(manifest));
    }

    /// Says that a node came from a lockfile, which has its bundled dependencies already.
    pub(crate) fn add_locked(&mut self, node: NodeId) {
        self.unbundled.insert(node);
    }

    /// Marks the root's edge of this name as asked for: it is resolved afresh even if it is satisfied.
    pub(crate) fn request(&mut self, from: NodeId, name: Name) {
        self.explicit.extend(self.tree.edge_out(from, name));
    }

    /// Says what package.json was before the command added to it.
    pub(crate) fn add_since(&mut self, before: &Manifest) {
        let blocks = [
            &before.dependencies,
            &before.dev_dependencies,
            &before.optional_dependencies,
            &before.peer_dependencies,
        ];
        let tree = &self.tree;
        let edges = tree.node(tree.root()).edges_out.values().copied();
        let is_new = |&id: &EdgeId| {
            let edge = tree.edge(id);
            let name = tree.interner.name_text(edge.name).as_str();
            edge.kind != EdgeKind::Workspace && blocks.iter().all(|block| block.get(name).is_none())
        };
        self.added = edges.filter(is_new).collect();
    }

    /// What npm looks through for something to mend before it applies the command: what the project depended on before,
    /// without what only the folders behind its links need. These have their turn when all else is placed.
    fn looked_through(&self) -> FxHashSet<NodeId> {
        let mut stack = vec![self.tree.root()];
        let mut seen = FxHashSet::default();
        while let Some(node) = stack.pop() {
            if seen.insert(node) {
                let edges = self.tree.node(node).edges_out.values().filter(|id| !self.added.contains(id));
                stack.extend(edges.filter_map(|&id| self.tree.edge(id).to));
            }
        }
        seen
    }

    /// Whether an override makes it ask for what the project did not depend on before the command: npm looked when there
    /// was nothing to refer to yet.
    fn refers_to_added(&self, edge: &Edge) -> bool {
        let name_of = |id: &EdgeId| self.tree.interner.name_text(self.tree.edge(*id).name).as_str();
        let to = self.tree.override_reference(edge);
        to.is_some_and(|to| self.added.iter().any(|id| name_of(id) == to))
    }

    /// Puts a node into the queue.
    pub(crate) fn enqueue(&mut self, node: NodeId) {
        self.queue.push(&self.tree, node);
    }

    /// The root, whoever has a missing or invalid edge, and whoever depends on what is to be updated are looked at again,
    /// however deep; the folders that links point to come after all else, as if they were linked now.
    pub(crate) fn enqueue_broken(&mut self) {
        self.enqueue(self.tree.root());
        self.tree.calculate_flags();
        let looked_through = self.looked_through();
        for node in self.tree.inventory() {
            if self.tree.node(node).is_link() {
                self.links.push(node);
            }
            let tree = &self.tree;
            let broken = tree.node(node).edges_out.values().any(|&id| {
                let edge = tree.edge(id);
                let is_broken =
                    self.is_wrong(edge) || (edge.to.is_none() && edge.kind != EdgeKind::PeerOptional);
                is_broken && !self.refers_to_added(edge)
            });
            let updated = tree.node(node).edges_out.values().any(|&id| self.is_updated(tree.edge(id).name));
            let wanted =
                (broken && looked_through.contains(&node)) || (updated && !tree.node(node).flags.extraneous);
            if wanted && !tree.node(node).is_top() {
                self.enqueue(node);
            }
        }
    }

    /// Builds as far as the cache allows.
    ///
    /// # Errors
    /// When the tree cannot be built: a peer conflict of the project's own.
    pub(crate) fn advance(&mut self, cache: &ManifestCache) -> Result<Step, ResolveError> {
        match self.inflate(cache) {
            Ok(()) => {}
            Err(Stop::Missing) => return Ok(Step::Blocked(std::mem::take(&mut self.wants))),
            Err(Stop::Failed(error)) => return Err(*error),
        }
        loop {
            let Some(node) = self.current.take().or_else(|| self.queue.pop()) else {
                if self.enqueue_link_targets() {
                    continue;
                }
                return match self.find_shrinkwraps(cache) {
                    Ok(()) => Ok(Step::Done),
                    Err(Stop::Missing) => Ok(Step::Blocked(std::mem::take(&mut self.wants))),
                    Err(Stop::Failed(error)) => Err(*error),
                };
            };
            if self.seen.contains(&node) || !self.tree.is_live(node) {
                continue;
            }
            match self.turn(node, cache) {
                Ok(()) => self.tree.check_overrides()?,
                Err(Stop::Missing) => {
                    self.current = Some(node);
                    return Ok(Step::Blocked(std::mem::take(&mut self.wants)));
                }
                Err(Stop::Failed(error)) => return Err(*error),
            }
        }
    }

    fn turn(&mut self, node: NodeId, cache: &ManifestCache) -> Result<(), Stop> {
        self.load_shrinkwrap(node, cache)?;
        self.load_bundle(node, cache)?;
        self.tree.check_edges(|edge| self.tree.edge(edge).from == node)?;
        let problems = self.problem_edges(node);
        self.look_ahead(node, &problems, cache)?;
        self.tree.begin();
        self.nested_sets = 0;
        self.taken.clear();
        let failures = self.failures.len();
        let mut tasks = match self.candidates_for(node, &problems, cache) {
            Ok(tasks) => tasks,
            Err(stop) => {
                self.tree.rollback();
                self.failures.truncate(failures);
                return Err(stop);
            }
        };
        self.tree.commit();
        self.seen.insert(node);
        self.turns += 1;
        if self.turns > TURNS_PER_PACKAGE * (self.found.len() + 50) {
            return Err(self.unsettled(node).into());
        }
        tasks.sort_by(|a, b| self.compare_names(self.tree.edge(a.0).name, self.tree.edge(b.0).name));
        let taken = std::mem::take(&mut self.taken);
        for taken in &taken {
            self.tree.take_link(*taken);
        }
        for (edge, dep) in tasks {
            self.place_and_queue(edge, dep)?;
        }
        for taken in taken {
            let again = self.tree.link_again(taken.link);
            self.links.extend(again);
        }
        Ok(())
    }

    fn compare_names(&self, a: Name, b: Name) -> std::cmp::Ordering {
        let interner = &self.tree.interner;
        utoo_types::collate::compare(interner.name_text(a).as_str(), interner.name_text(b).as_str())
    }

    /// What the project's folders lack, but for peers and for what has the name of a workspace, of which no registry is to
    /// hear: their turns come late, and then all of it is asked for.
    pub(crate) fn foreseen(&self) -> impl Iterator<Item = (&PackageName, &Arc<str>)> {
        let interner = &self.tree.interner;
        let edges = self.tree.folders().flat_map(|folder| self.problem_edges(folder));
        let edges = edges.map(|id| self.tree.edge(id));
        let lacks = edges.filter(|edge| {
            let is_peer = matches!(edge.kind, EdgeKind::Peer | EdgeKind::PeerOptional);
            edge.to.is_none() && !is_peer && !self.workspaces.contains_key(&edge.name)
        });
        lacks.map(|edge| (interner.name_text(edge.name), interner.want_text(edge.want)))
    }

    /// The edges that this turn has to do something about, in the order in which they were declared.
    fn problem_edges(&self, node: NodeId) -> Vec<EdgeId> {
        if self.is_left_to_shrinkwrap(node) {
            return Vec::new();
        }
        let package = self.tree.package_of(node);
        let own = self.tree.is_mine(node);
        let is_problem = |&id: &EdgeId| {
            let edge = self.tree.edge(id);
            if !own && package.bundles(self.tree.interner.name_text(edge.name).as_str()) {
                return false;
            }
            match edge.to {
                Some(to) if self.tree.node(to).failure.is_some() || self.tree.in_shrinkwrap(to) => false,
                None => edge.kind != EdgeKind::PeerOptional || self.explicit.contains(&id),
                Some(_) if edge.error.is_some() => self.is_wrong(edge),
                Some(to) if self.tree.is_workspace(to) => false,
                Some(_) => self.explicit.contains(&id) || self.is_updated(edge.name),
            }
        };
        self.tree.node(node).edges_out.values().copied().filter(is_problem).collect()
    }

    /// Whether something has to be done about an edge that finds what it does not want.
    fn is_wrong(&self, edge: &Edge) -> bool {
        let is_left =
            edge.kind == EdgeKind::PeerOptional && self.options.optional_peers == OptionalPeers::Leave;
        !edge.is_valid() && !is_left
    }

    fn is_updated(&self, name: Name) -> bool {
        let name = self.tree.interner.name_text(name);
        self.options.update.iter().any(|update| update == name)
    }

    fn candidates_for(
        &mut self,
        node: NodeId,
        problems: &[EdgeId],
        cache: &ManifestCache,
    ) -> Result<Vec<(EdgeId, NodeId)>, Stop> {
        let mut tasks = Vec::with_capacity(problems.len());
        for &id in problems {
            if self.tree.edge(id).peer_conflicted {
                continue;
            }
            let edge = self.tree.edge(id).clone();
            let root = match self.tree.node(node).virtual_root {
                Some(root) => root,
                None => self.virtual_root(node),
            };
            let reusable = self
                .tree
                .virtual_edge(root, edge.name)
                .map(|id| self.tree.edge(id))
                .filter(|edge| edge.is_valid())
                .and_then(|edge| edge.to)
                .filter(|&dep| self.tree.satisfies(dep, id));
            let dep = match reusable.or_else(|| self.standing_optional_peer(id)) {
                Some(dep) => dep,
                None => {
                    let mut required = FxHashSet::from_iter([edge.from]);
                    let parent = edge.is_peer().then_some(root);
                    self.node_from_edge(id.into(), parent, &mut required, cache)?
                }
            };
            tasks.push((id, dep));
        }
        Ok(tasks)
    }

    /// What stands somewhere below the place of an optional peer's dependent and is what it wants: where another version is
    /// in its way, npm takes that before it asks the registry for one more, unless the command names the peer.
    fn standing_optional_peer(&self, id: EdgeId) -> Option<NodeId> {
        let edge = self.tree.edge(id);
        if edge.kind != EdgeKind::PeerOptional || self.explicit.contains(&id) || self.is_updated(edge.name) {
            return None;
        }
        let top = self.tree.node(edge.from).resolve_parent().unwrap_or(edge.from);
        let mut walk: Vec<NodeId> = self.tree.node(top).children.values().copied().collect();
        let mut next = 0;
        while let Some(&node) = walk.get(next) {
            next += 1;
            if self.tree.satisfies(node, id) && !self.tree.in_dependency_bundle(node) {
                return Some(node);
            }
            walk.extend(self.tree.node(node).children.values());
        }
        None
    }

    fn place_and_queue(&mut self, edge: EdgeId, dep: NodeId) -> Result<(), Stop> {
        let outcome = self.place(edge, dep)?;
        self.failures.extend(outcome.failed);
        for placed in outcome.placed {
            self.changed = true;
            self.placed.push(placed.node);
            if let Some(recorder) = &mut self.recorder {
                recorder.placed(placed.edge, placed.node);
            }
            if self.tree.node(placed.node).is_link() {
                self.links.push(placed.node);
            }
            let edges_in = self.tree.node(placed.node).edges_in.clone();
            for id in edges_in.into_iter().filter(|&id| id != placed.edge) {
                let edge = self.tree.edge(id);
                if edge.is_valid() || edge.peer_conflicted {
                    continue;
                }
                let from = edge.from;
                // Where nothing is mended, whoever has had its turn keeps what it has, unless that is replaced.
                if placed.verdict != Verdict::Ok || self.options.optional_peers == OptionalPeers::Mend {
                    self.seen.remove(&from);
                }
                self.enqueue(from);
            }
            self.enqueue(placed.node);
        }
        for node in outcome.evaluate_again {
            self.seen.remove(&node);
            self.enqueue(node);
        }
        Ok(())
    }

    /// Once all else is placed: the folders that links point to, as far as they lie inside the project.
    fn enqueue_link_targets(&mut self) -> bool {
        let mut any = false;
        for link in std::mem::take(&mut self.links) {
            let Some(target) = self.tree.node(link).target else { continue };
            if !self.tree.is_live(link) {
                continue;
            }
            let inside = self.tree.node(target).resolve_parent().is_some();
            let is_unseen = inside && !self.seen.contains(&target);
            self.tree.release_scope(link, is_unseen);
            if is_unseen {
                self.enqueue(target);
                any = true;
            }
        }
        any
    }

    /// A fresh virtual root for `node`, remembered as its latest.
    fn virtual_root(&mut self, node: NodeId) -> NodeId {
        let root = self.tree.new_virtual_root(node);
        self.tree.node_mut(node).virtual_root = Some(root);
        root
    }

    /// Whether a peer conflict at `edge` may be overridden: always with force; else when it is not the
    /// project's own and strict mode is off.
    fn conflict_ok(&self, mine: bool) -> bool {
        match self.options.conflicts {
            Conflicts::Force => true,
            Conflicts::Strict => false,
            Conflicts::Override => !mine,
        }
    }

    /// Ends the build: what failed to load is an error, unless only optional edges lead there.
    ///
    /// # Errors
    /// The first failure that something requires.
    pub(crate) fn finish(&mut self) -> Result<(), ResolveError> {
        self.tree.calculate_flags();
        for failed in std::mem::take(&mut self.failures) {
            if !self.tree.is_live(failed) {
                continue;
            }
            if !self.tree.node(failed).flags.optional {
                return Err(self.load_error(failed));
            }
            for node in self.tree.optional_set(failed) {
                self.tree.node_mut(node).inert = true;
            }
            self.tree.remove(failed);
        }
        for (node, error) in std::mem::take(&mut self.unread_bundles) {
            // An optional one stays in the lockfile as whatever cannot be unpacked does, without what it brings along.
            if self.tree.is_live(node) && !self.tree.node(node).flags.optional {
                self.tree.node_mut(node).failure = Some(error);
                return Err(self.load_error(node));
            }
        }
        // npm marks no node anew for an edge that found another node when its own was taken out.
        self.prune();
        Ok(())
    }

    /// Removes what nothing reaches. npm leaves such entries in the lock of a first install and removes them in
    /// the next; this gives the second answer at once. An optional peer that somebody asked for stays, as with npm, and so
    /// does what a tarball brings along by its own word, needed or not.
    fn prune(&mut self) {
        let asked = self.explicit.iter().map(|&id| self.tree.edge(id));
        let guests = asked.filter(|edge| edge.kind == EdgeKind::PeerOptional).filter_map(|edge| edge.to);
        let kept = self.tree.reachable(guests);
        for node in self.tree.extraneous() {
            let folder = matches!(self.tree.node(node).kind, NodeKind::Folder { .. });
            let bundled = self.tree.node(node).in_bundle
                && self.tree.in_dependency_bundle(node)
                && self.tree.bundler(node).is_some();
            let removable = (self.tree.node(node).parent.is_some() || folder)
                && !self.tree.in_shrinkwrap(node)
                && !bundled;
            if self.tree.is_live(node) && removable && !kept.contains(&node) {
                self.tree.remove(node);
            }
        }
    }

    /// Why the placement goes round in circles: a manifest that failed, if one did.
    fn unsettled(&self, node: NodeId) -> ResolveError {
        match self.failures.first() {
            Some(&failed) => self.load_error(failed),
            None => ResolveError::Unsettled {
                package: self.tree.describe(node),
                chain: self.tree.dependents_of(node),
            },
        }
    }

    fn load_error(&self, failed: NodeId) -> ResolveError {
        let error = self.tree.node(failed).failure.as_deref().cloned();
        let chain = self.tree.dependents_of(failed);
        match error {
            Some(error) => ResolveError::Manifest { error: Box::new(error), chain },
            None => ResolveError::internal("a node without a failure was taken for one"),
        }
    }
}
