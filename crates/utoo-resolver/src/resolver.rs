//! The resolver as one value: the sans-IO core that embedders and the main loop drive.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use utoo_lockfile::Lockfile;

use crate::build::{Builder, Step, Warning};
use crate::cache::ManifestCache;
use crate::error::ResolveError;
use crate::graph::{Graph, graph};
use crate::load::{LockedNodes, Project, load, refuse_conflicting_overrides};
use crate::lock::to_lockfile;
use crate::options::ResolveOptions;
use crate::platform::check_platforms;
use crate::registry::ManifestJob;
use crate::tree::{NodeId, NodeKind, Tree};
use utoo_types::{Integrity, Manifest, PackageName};

/// A resolve under way. Does no IO, spawns nothing, locks nothing, awaits nothing: [`Resolver::advance`] says
/// which manifests it lacks, the caller brings them, and so on until the tree is complete.
#[derive(Debug)]
pub struct Resolver<'p> {
    project: &'p Project,
    options: &'p ResolveOptions,
    builder: Builder<'p>,
    locked: LockedNodes,
    /// Packages that were placed and are of no use on this platform.
    useless: FxHashSet<NodeId>,
}

/// A finished resolve.
#[derive(Debug)]
pub struct Resolution {
    /// The ideal tree as the lockfile that npm would write.
    pub lockfile: Lockfile,
    /// Locations that are in the lock but cannot be installed here: optional packages for other platforms, and
    /// what only they need.
    pub inert: FxHashSet<Arc<str>>,
    /// Peer conflicts that were overridden, and engines that do not fit.
    pub warnings: Vec<Warning>,
    /// Whether anything was placed, replaced or removed, compared with the lock that was given.
    pub changed: bool,
    /// The tree as data, with the reasons; where [`crate::Record::Decisions`] asked for them.
    pub graph: Option<Graph>,
    /// What the resolve worked with and nobody needs any more.
    pub spent: Spent,
}

/// The tree in its working form. Dropping it frees each node and edge by itself: who has nothing else to do with the
/// memory than to end the process may forget it.
pub struct Spent {
    _tree: Tree,
}

impl std::fmt::Debug for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spent")
    }
}

/// A package that was chosen for a place in the tree. It may still be replaced by another while the resolve
/// goes on; fetching it at once is a good bet, not a certainty.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The package's own name.
    pub name: PackageName,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// Its tarball.
    pub resolved: Arc<str>,
    /// What the tarball's bytes must be.
    pub integrity: Option<Integrity>,
}

impl<'p> Resolver<'p> {
    /// Loads the project and its lock.
    ///
    /// # Errors
    /// When the project asks for something that is refused by name, or two workspaces share a name.
    pub fn new(project: &'p Project, options: &'p ResolveOptions) -> Result<Self, ResolveError> {
        let (builder, locked) = load(project, options)?;
        refuse_conflicting_overrides(&builder.tree)?;
        Ok(Self { project, options, builder, locked, useless: FxHashSet::default() })
    }

    /// Places every dependency it can, in npm's order, and stops at the first for which a manifest is missing.
    ///
    /// # Errors
    /// When the tree cannot be built whatever the registry says: a peer conflict.
    pub fn advance(&mut self, cache: &ManifestCache) -> Result<Step, ResolveError> {
        self.builder.advance(cache)
    }

    /// Whether a job that [`Resolver::advance`] asked for serves a look only, at an optional peer or at a peer of which another
    /// version is there, which will hardly come into the tree: not worth to ask ahead for its dependencies.
    pub fn only_tries(&self, job: &ManifestJob) -> bool {
        self.builder.tried.contains(job)
    }

    /// What will be asked for when the turn of workspaces and other folders comes, as name and range: to be asked for ahead.
    /// Empty where a command is about some of them only.
    pub(crate) fn foreseen(&self) -> Vec<(PackageName, Arc<str>)> {
        if !self.project.is_root_meant() {
            return Vec::new();
        }
        self.builder.foreseen().map(|(name, spec)| (name.clone(), Arc::clone(spec))).collect()
    }

    /// The packages chosen since the last call, as far as this platform can use them: neither those that are for others, nor
    /// what only those have asked for so far.
    pub fn take_chosen(&mut self) -> Vec<Chosen> {
        let placed = std::mem::take(&mut self.builder.placed);
        placed.into_iter().filter_map(|node| self.chosen(node)).collect()
    }

    fn chosen(&mut self, node: NodeId) -> Option<Chosen> {
        if self.is_useless(node) {
            self.useless.insert(node);
            return None;
        }
        let tree = &self.builder.tree;
        let package = tree.package_of(node);
        let node = tree.node(node);
        if node.kind != NodeKind::Package || node.failure.is_some() {
            return None;
        }
        Some(Chosen {
            name: package.manifest.name.clone(),
            manifest: Arc::clone(&package.manifest),
            resolved: node.resolved.clone()?,
            integrity: node.integrity.clone(),
        })
    }

    /// Whether a package that was just placed does not run here, or only such packages ask for it. (Whoever asks for a package
    /// was placed before it.)
    fn is_useless(&self, node: NodeId) -> bool {
        let tree = &self.builder.tree;
        let Some(platforms) = &self.options.platforms else { return false };
        if tree.node(node).kind != NodeKind::Package {
            return false;
        }
        let mut asking =
            tree.node(node).edges_in.iter().map(|&edge| tree.real(tree.edge(edge).from)).peekable();
        let is_orphaned = asking.peek().is_some() && asking.all(|from| self.useless.contains(&from));
        is_orphaned || platforms.chosen.check(&tree.package_of(node).manifest.platform_lists()).is_err()
    }

    /// Prunes, marks, checks platforms, and writes the tree down. Call it once [`Step::Done`] was returned.
    ///
    /// # Errors
    /// A manifest that something requires could not be had; a package does not support this platform.
    pub fn finish(mut self) -> Result<Resolution, ResolveError> {
        self.builder.finish()?;
        check_platforms(&mut self.builder, self.options)?;
        self.builder.attach_shrinkwraps()?;
        let tree = &self.builder.tree;
        let inert = tree
            .inventory()
            .into_iter()
            .filter(|&node| tree.node(node).inert)
            .map(|node| tree.location(node).into())
            .collect();
        self.locked.retain(|node, _| !self.builder.inflated.contains(node));
        let lockfile = to_lockfile(tree, self.project, &self.locked, &self.builder.shrinkwraps);
        let recorder = self.builder.recorder.as_deref();
        let dedupe = self.options.dedupe;
        let graph = recorder.map(|recorder| graph(tree, Some(recorder), &self.locked, dedupe));
        let Builder { tree, warnings, changed, .. } = self.builder;
        Ok(Resolution { lockfile, inert, warnings, changed, graph, spent: Spent { _tree: tree } })
    }
}
