//! Who depends on whom, in npm's order. Pure.
//!
//! A package of a linked tree finds what it depends on beside itself. What that is, the ideal tree says, by the rule by
//! which node looks names up; the order matters, since the key of a package is a hash of a walk. It is: required peers,
//! dependencies, optional peers, optional dependencies, each in the order of the entry, which is the manifest's for what
//! was resolved just now and sorted for what comes from a lockfile.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use utoo_lockfile::{Entry, Lockfile, name_of_location};
use utoo_types::Omit;

use super::Peers;
use crate::select::{is_in_modules, is_omitted};

/// The ideal tree, and what of it cannot be here.
pub(super) struct Ideal<'a> {
    pub(super) tree: &'a Lockfile,
    pub(super) omit: Omit,
    /// Optional packages that cannot be had or do not run here, with what only they need.
    pub(super) inert: &'a FxHashSet<Arc<str>>,
    pub(super) peers: Peers,
    pub(super) workspaces: FxHashSet<&'a str>,
}

/// What a dependency is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Workspace,
    Peer,
    OptionalPeer,
    Plain,
    Optional,
    Development,
}

impl Purpose {
    fn is_optional(self) -> bool {
        matches!(self, Self::Optional | Self::OptionalPeer)
    }
}

/// A dependency that the tree has.
struct Edge<'a> {
    purpose: Purpose,
    /// Where it is found: a package, or a link to a folder.
    to: &'a str,
    /// The package, or the folder.
    target: &'a str,
}

/// What somebody depends on, in the order of a walk: packages, folders, optional packages.
#[derive(Default)]
pub(super) struct Needs<'a> {
    /// Locations of packages.
    pub(super) packages: Vec<&'a str>,
    /// Locations of folders, each with the name of the link to it.
    pub(super) folders: Vec<(&'a str, &'a str)>,
    /// Locations of packages; a folder that is an optional dependency counts as one, which npm never makes.
    pub(super) optional: Vec<&'a str>,
}

impl<'a> Ideal<'a> {
    pub(super) fn entry(&self, at: &str) -> Option<&'a Entry> {
        self.tree.packages.get(at)
    }

    pub(super) fn is_workspace(&self, at: &str) -> bool {
        self.workspaces.contains(at)
    }

    fn is_inert(&self, at: &str) -> bool {
        self.inert.contains(at)
    }

    /// The location behind a location: a link's folder, or the package itself. `None` for a link to nowhere.
    fn target(&self, at: &'a str) -> Option<&'a str> {
        let entry = self.entry(at)?;
        if !entry.link {
            return Some(at);
        }
        let folder = entry.resolved.as_deref()?;
        self.tree.packages.get_key_value(folder).map(|(location, _)| &**location)
    }

    /// Everything that is at `at` depends on and the tree has, by name. Of two dependencies of one name the later counts,
    /// and has the later place; but for workspaces, which come before whatever else the project says of their names.
    fn edges(&self, at: &'a str) -> Vec<Edge<'a>> {
        let Some(entry) = self.entry(at) else { return Vec::new() };
        let mut purposes: IndexMap<&'a str, Purpose, FxBuildHasher> = IndexMap::default();
        if at.is_empty() {
            let links = self.tree.packages.iter().filter(|(_, entry)| entry.link);
            let links = links.filter(|(_, entry)| {
                entry.resolved.as_deref().is_some_and(|folder| self.is_workspace(folder))
            });
            let own = links.filter(|(location, _)| utoo_lockfile::parent_location(location) == Some(""));
            purposes.extend(own.map(|(location, _)| (name_of_location(location), Purpose::Workspace)));
        }
        let mut add = |name: &'a str, purpose| {
            if purposes.get(name) != Some(&Purpose::Workspace) {
                purposes.shift_remove(name);
                purposes.insert(name, purpose);
            }
        };
        if self.peers == Peers::Required {
            let peers = || entry.peer_dependencies.iter().map(|(name, _)| name.as_str());
            peers().filter(|name| !is_optional_peer(entry, name)).for_each(|name| add(name, Purpose::Peer));
            let optional = peers().filter(|name| is_optional_peer(entry, name));
            optional.for_each(|name| add(name, Purpose::OptionalPeer));
        }
        let mut blocks =
            vec![(&entry.dependencies, Purpose::Plain), (&entry.optional_dependencies, Purpose::Optional)];
        if !is_in_modules(at) {
            blocks.push((&entry.dev_dependencies, Purpose::Development));
        }
        for (block, purpose) in blocks {
            block.iter().for_each(|(name, _)| add(name.as_str(), purpose));
        }
        let found = purposes.into_iter().filter_map(|(name, purpose)| {
            let to: &'a str = self.tree.resolve(at, name)?.0;
            Some(Edge { purpose, to, target: self.target(to)? })
        });
        found.filter(|edge| !entry.bundle_dependencies.contains(name_of_location(edge.to))).collect()
    }

    /// Where the packages and folders are on which whoever is at `at` depends, but for what is omitted.
    pub(super) fn next(&self, at: &'a str) -> Vec<&'a str> {
        let kept = |to: &&str| self.entry(to).is_some_and(|entry| !is_omitted(entry, self.omit));
        self.edges(at).into_iter().map(|edge| edge.to).filter(kept).collect()
    }

    /// Where the bundled dependencies of the project or a folder are.
    pub(super) fn bundled(&self, at: &'a str) -> Vec<&'a str> {
        let Some(entry) = self.entry(at) else { return Vec::new() };
        let blocks = [&entry.peer_dependencies, &entry.dependencies, &entry.optional_dependencies];
        let names = blocks.into_iter().flatten().map(|(name, _)| name.as_str());
        let bundled = names.filter(|name| entry.bundle_dependencies.contains(name));
        bundled.filter_map(|name| self.tree.resolve(at, name).map(|(found, _)| &**found)).collect()
    }

    /// What whoever is at `at` finds beside itself, or in its own `node_modules` where it is the project or a folder.
    pub(super) fn needs(&self, at: &'a str) -> Needs<'a> {
        let Some(entry) = self.entry(at) else { return Needs::default() };
        let is_own = at.is_empty() || self.is_workspace(at);
        let mut edges = self.edges(at);
        edges.retain(|edge| !is_own || !self.leaves_out(edge.purpose));
        let plain = edges.iter().filter(|edge| !edge.purpose.is_optional());
        let (links, packages): (Vec<_>, Vec<_>) = plain.partition(|edge| edge.to != edge.target);
        let mut needs = Needs {
            packages: packages.into_iter().map(|edge| edge.target).collect(),
            folders: links.into_iter().map(|edge| (edge.target, name_of_location(edge.to))).collect(),
            optional: Vec::new(),
        };
        if at.is_empty() {
            needs.folders.retain(|(folder, _)| !self.is_workspace(folder) || self.is_declared(folder));
        }
        if self.peers == Peers::ByChance {
            let unknown = entry.peer_dependencies.iter().map(|(name, _)| name.as_str());
            let unknown = unknown.filter(|name| !edges.iter().any(|edge| name_of_location(edge.to) == *name));
            for found in unknown.filter_map(|name| self.by_chance(at, name)) {
                needs.packages.push(found);
            }
        }
        let optional = edges.iter().filter(|edge| edge.purpose.is_optional());
        needs.optional = optional.map(|edge| edge.target).collect();
        let known: FxHashSet<&str> = edges.iter().map(|edge| name_of_location(edge.target)).collect();
        let metas = entry.peer_dependencies_meta.iter().filter(|(_, meta)| meta["optional"] == true);
        let metas = metas.map(|(name, _)| name.as_str()).filter(|name| !known.contains(name));
        needs.optional.extend(metas.filter_map(|name| self.by_chance(at, name)));
        needs.packages.retain(|package| !self.is_inert(package));
        needs.optional.retain(|package| !self.is_inert(package));
        needs
    }

    /// A package that nothing in the tree connects with whoever is at `at`, and that it would find all the same.
    fn by_chance(&self, at: &str, name: &str) -> Option<&'a str> {
        let found: &'a str = self.tree.resolve(at, name)?.0;
        let is_package = self.target(found) == Some(found);
        (is_package && found != at && !self.is_inert(found)).then_some(found)
    }

    fn leaves_out(&self, purpose: Purpose) -> bool {
        let Omit { dev, optional, peer, .. } = self.omit;
        (dev && purpose == Purpose::Development)
            || (optional && purpose.is_optional())
            || (peer && matches!(purpose, Purpose::Peer | Purpose::OptionalPeer))
    }

    /// Whether the project itself says that it depends on a folder of this name: else a workspace is not linked.
    pub(super) fn is_declared(&self, folder: &str) -> bool {
        let (Some(root), Some(entry)) = (self.tree.root(), self.entry(folder)) else { return false };
        let name = entry.package_name(folder);
        let blocks = [
            (&root.dependencies, false),
            (&root.dev_dependencies, self.omit.dev),
            (&root.optional_dependencies, self.omit.optional),
            (&root.peer_dependencies, self.omit.peer),
        ];
        let kept = blocks.into_iter().filter(|(_, omitted)| !omitted);
        kept.flat_map(|(block, _)| block.iter()).any(|(dependency, _)| dependency.as_str() == name)
    }
}

fn is_optional_peer(entry: &Entry, name: &str) -> bool {
    let mut metas = entry.peer_dependencies_meta.iter();
    metas.any(|(peer, meta)| peer.as_str() == name && meta["optional"] == true)
}

/// Numbers for the packages and folders of a walk, with what each needs. A folder that is an optional dependency is another
/// one than that folder where it is required, as it is for npm.
#[derive(Default)]
pub(super) struct Numbered<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    numbers: FxHashMap<(&'a str, Kind), usize>,
}

/// What a node of the walk is taken for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Package,
    Folder,
}

pub(super) struct Node<'a> {
    pub(super) at: &'a str,
    pub(super) kind: Kind,
    /// The numbers of what it needs, in the order of a walk.
    pub(super) needs: Vec<usize>,
}

impl<'a> Numbered<'a> {
    /// The number of a node. It and all that it leads to are added where they are not there yet.
    pub(super) fn add(&mut self, ideal: &Ideal<'a>, at: &'a str, kind: Kind) -> usize {
        let first = self.number(at, kind);
        let mut open = self.nodes.len() - usize::from(first + 1 == self.nodes.len());
        while open < self.nodes.len() {
            let needs = ideal.needs(self.nodes[open].at);
            let mut numbers: Vec<usize> = Vec::new();
            numbers.extend(needs.packages.iter().map(|at| self.number(at, Kind::Package)));
            numbers.extend(needs.folders.iter().map(|(at, _)| self.number(at, Kind::Folder)));
            numbers.extend(needs.optional.iter().map(|at| self.number(at, Kind::Package)));
            self.nodes[open].needs = numbers;
            open += 1;
        }
        first
    }

    fn number(&mut self, at: &'a str, kind: Kind) -> usize {
        let nodes = &mut self.nodes;
        *self.numbers.entry((at, kind)).or_insert_with(|| {
            nodes.push(Node { at, kind, needs: Vec::new() });
            nodes.len() - 1
        })
    }
}
