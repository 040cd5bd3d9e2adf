//! Packages that bring an npm-shrinkwrap.json: what it lists goes below them, all of it and nothing else.
//!
//! npm believes it to the letter: a version that does not fit stays, what it lists for the package's own development comes
//! along (`extraneous`), and none of it moves up. It reads it where it unpacks the package, which is when the tree has been
//! built, pruned and held to this platform: what such a package wants has no part in all that, and what its shrinkwrap
//! lacks stays missing. Only where nothing is unpacked ([`Goal::Lockfile`]) is the shrinkwrap read in the package's turn,
//! and what it lacks added.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use utoo_lockfile::{Entry, Lockfile, name_of_location, parent_location};
use utoo_types::{Integrity, Manifest, PackageName, WantedBy};

use super::{Builder, Stop};
use crate::cache::ManifestCache;
use crate::error::ResolveError;
use crate::options::Goal;
use crate::registry::{ManifestJob, RegistryError};
use crate::tree::{NodeId, NodeKind, paths_start};

/// What is known of shrinkwraps.
#[derive(Debug, Default)]
pub(crate) struct Shrinkwraps {
    /// The answers that the tree needs, for when it is finished.
    found: FxHashMap<ManifestJob, Result<Arc<Lockfile>, Arc<RegistryError>>>,
    /// Nodes below which stands what their shrinkwrap lists, as the lockfile has it.
    read: FxHashSet<NodeId>,
    /// What a shrinkwrap says of the nodes that came from it.
    pub(crate) entries: FxHashMap<NodeId, Entry>,
}

impl Builder<'_> {
    /// Says that a node from the lockfile is unpacked, its shrinkwrap with it.
    pub(crate) fn add_unpacked(&mut self, node: NodeId) {
        self.shrinkwraps.read.insert(node);
    }

    /// Whether a turn of the node leaves its dependencies alone, since its shrinkwrap will see to them.
    pub(super) fn is_left_to_shrinkwrap(&self, node: NodeId) -> bool {
        self.options.goal == Goal::Install && self.tree.has_shrinkwrap(node)
    }

    /// In the node's turn: brings what its shrinkwrap lists into the tree, if nothing will be unpacked later.
    pub(super) fn load_shrinkwrap(&mut self, node: NodeId, cache: &ManifestCache) -> Result<(), Stop> {
        if self.options.goal != Goal::Lockfile || !self.brings_shrinkwrap(node) {
            return Ok(());
        }
        let job = self.shrinkwrap_job(node);
        match cache.shrinkwrap(&job) {
            Some(Ok(lock)) => {
                self.shrinkwraps.read.insert(node);
                self.attach_listed(node, &Arc::clone(lock));
                Ok(())
            }
            Some(Err(error)) => {
                self.shrinkwraps.read.insert(node);
                self.tree.node_mut(node).failure = Some(error);
                self.failures.push(node);
                Ok(())
            }
            None => {
                self.wants.push(job);
                Err(Stop::Missing)
            }
        }
    }

    /// When all is placed: gets the shrinkwraps of what will be unpacked, and those of what they list.
    pub(super) fn find_shrinkwraps(&mut self, cache: &ManifestCache) -> Result<(), Stop> {
        if self.options.goal != Goal::Install || !self.tree.interner.has_shrinkwraps() {
            return Ok(());
        }
        self.tree.calculate_flags();
        let nodes = self.tree.inventory().into_iter();
        let nodes = nodes.filter(|&node| self.brings_shrinkwrap(node) && !self.is_omitted(node));
        let mut jobs: Vec<ManifestJob> = nodes.map(|node| self.shrinkwrap_job(node)).collect();
        let mut found = FxHashMap::default();
        while let Some(job) = jobs.pop() {
            if found.contains_key(&job) || self.wants.contains(&job) {
                continue;
            }
            match cache.shrinkwrap(&job) {
                Some(answer) => {
                    let answer = answer.cloned();
                    jobs.extend(answer.iter().flat_map(|lock| listed(lock)).filter_map(inner_job));
                    found.insert(job, answer);
                }
                None => self.wants.push(job),
            }
        }
        self.shrinkwraps.found = found;
        if self.wants.is_empty() { Ok(()) } else { Err(Stop::Missing) }
    }

    /// When the tree is finished but for that: brings what the shrinkwraps list into it.
    ///
    /// # Errors
    /// The shrinkwrap of a package that is required could not be had.
    pub(crate) fn attach_shrinkwraps(&mut self) -> Result<(), ResolveError> {
        if self.shrinkwraps.found.is_empty() {
            return Ok(());
        }
        for node in self.tree.inventory() {
            if self.tree.is_live(node) && !self.tree.node(node).inert && self.brings_shrinkwrap(node) {
                self.attach_all(node, node, &mut Vec::new())?;
                self.tree.flag_below(node);
            }
        }
        Ok(())
    }

    /// What the shrinkwrap of `node` lists, and below that, what the shrinkwraps of those packages list; `top` is the
    /// outermost package of them, and `path` has those around: a shrinkwrap that lists its own package would have no end.
    fn attach_all(
        &mut self,
        node: NodeId,
        top: NodeId,
        path: &mut Vec<ManifestJob>,
    ) -> Result<(), ResolveError> {
        let job = self.shrinkwrap_job(node);
        let lock = match self.shrinkwraps.found.get(&job) {
            Some(Ok(lock)) if !path.contains(&job) => Arc::clone(lock),
            Some(Err(error)) if !self.tree.node(top).flags.optional => {
                let (error, chain) = (Box::new(RegistryError::clone(error)), self.tree.dependents_of(node));
                return Err(ResolveError::Manifest { error, chain });
            }
            // What is optional fails to be unpacked, and is left out.
            _ => return Ok(()),
        };
        path.push(job);
        for child in self.attach_listed(node, &lock) {
            if self.tree.is_live(child) && self.tree.has_shrinkwrap(child) {
                self.attach_all(child, top, path)?;
            }
        }
        path.pop();
        Ok(())
    }

    /// Puts what a shrinkwrap lists below its package, in the place of whatever is there but for its bundle.
    fn attach_listed(&mut self, node: NodeId, lock: &Lockfile) -> Vec<NodeId> {
        for child in self.tree.node(node).children.values().copied().collect::<Vec<_>>() {
            if !self.tree.node(child).in_bundle {
                self.tree.remove(child);
            }
        }
        let mut entries: Vec<(&Arc<str>, &Entry)> = listed(lock).collect();
        // A prefix sorts before what it begins, so parents come before their children.
        entries.sort_by_key(|(location, _)| *location);
        let mut attached = Vec::with_capacity(entries.len());
        for (location, entry) in entries {
            let Some(parent) = self.inside(node, parent_location(location).unwrap_or_default()) else {
                continue;
            };
            let name = PackageName::new_unchecked(name_of_location(location));
            let manifest: Arc<Manifest> = Arc::new(entry.to_manifest(&name));
            let start = paths_start(entry.resolved.as_deref());
            let package = self.tree.interner.add_package(&manifest, &start);
            let name = self.tree.interner.name(&name);
            let child = self.tree.new_node(name, package, NodeKind::Package);
            let new = self.tree.node_mut(child);
            new.resolved.clone_from(&entry.resolved);
            new.integrity.clone_from(&entry.integrity);
            new.in_bundle = entry.in_bundle;
            self.unbundled.insert(child);
            self.shrinkwraps.entries.insert(child, entry.clone());
            self.tree.attach(child, parent);
            attached.push(child);
        }
        attached
    }

    fn brings_shrinkwrap(&self, node: NodeId) -> bool {
        self.tree.has_shrinkwrap(node)
            && self.tree.node(node).failure.is_none()
            && !self.shrinkwraps.read.contains(&node)
    }

    fn is_omitted(&self, node: NodeId) -> bool {
        let flags = self.tree.node(node).flags;
        let wanted_by = WantedBy {
            dev: flags.dev,
            optional: flags.optional,
            dev_optional: flags.dev_optional,
            peer: flags.peer,
        };
        self.options.omit.leaves_out(wanted_by)
    }

    fn shrinkwrap_job(&self, node: NodeId) -> ManifestJob {
        let (package, node) = (self.tree.package_of(node), self.tree.node(node));
        let (name, version) = (package.manifest.name.clone(), &package.manifest.raw_version);
        job(name, version, (node.resolved.as_ref(), node.integrity.as_ref()))
    }
}

/// The packages that a shrinkwrap lists. Links inside of the package are left to the package.
fn listed(lock: &Lockfile) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
    lock.packages.iter().filter(|(location, entry)| location.starts_with("node_modules/") && !entry.link)
}

fn inner_job((location, entry): (&Arc<str>, &Entry)) -> Option<ManifestJob> {
    let own = || PackageName::new_unchecked(name_of_location(location));
    let name = entry.name.clone().unwrap_or_else(own);
    let version = entry.version.clone().unwrap_or_else(|| "".into());
    let from = (entry.resolved.as_ref(), entry.integrity.as_ref());
    entry.has_shrinkwrap.then(|| job(name, &version, from))
}

fn job(
    name: PackageName,
    version: &str,
    (resolved, integrity): (Option<&Arc<str>>, Option<&Integrity>),
) -> ManifestJob {
    let resolved = resolved.cloned().unwrap_or_else(|| format!("npm:{name}@{version}").into());
    ManifestJob::Shrinkwrap { name, resolved, integrity: integrity.cloned() }
}
