//! The load pass: package.json, workspaces and an existing lockfile become the tree that the build starts from.

use std::path::PathBuf;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;
use utoo_lockfile::{Entry, Lockfile, name_of_location, parent_location};
use utoo_types::{Manifest, PackageName};

use crate::build::Builder;
use crate::error::ResolveError;
use crate::options::{Folders, Peers, ResolveOptions};
use crate::tree::{Blocks, EdgeKind, NodeId, NodeKind, Paths, Tree, Workspace, normalize, paths_start};

/// What is to be resolved: all text and values, read by the caller.
#[derive(Clone, Debug)]
pub struct Project {
    /// The project's package.json.
    pub manifest: Arc<Manifest>,
    /// The name of the project's folder: the lockfile's name where package.json has none.
    pub folder_name: String,
    /// package.json as it was before the command added dependencies to it, if it did: by that one npm judges what in the
    /// lock has to be looked at again.
    pub before: Option<Arc<Manifest>>,
    /// `workspaces` as package.json has it, for the lockfile.
    pub workspaces_field: Option<Arc<Value>>,
    /// The workspaces, globs expanded, each before those that lie in its folder.
    pub workspaces: Vec<Folder>,
    /// Manifests of other linked folders, as far as the caller knows them from the lock; unknown ones are asked
    /// for as jobs.
    pub folders: Vec<Folder>,
    /// The lockfile to start from: package-lock.json or npm-shrinkwrap.json, else the hidden one.
    pub lock: Option<Arc<Lockfile>>,
    /// Locations of packages with a shrinkwrap that are unpacked as the lock has them: what is below them is not read from
    /// their tarballs again.
    pub unpacked: Vec<Arc<str>>,
    /// Direct dependencies that were asked for by name on the command line.
    pub requests: Vec<PackageName>,
    /// Locations of the packages that the command is about (`--workspace`), whose turn comes first; none is the project.
    pub targets: Vec<Arc<str>>,
    /// The project's folder, for specs with absolute paths; without it those cannot be told from relative ones.
    pub folder: Option<PathBuf>,
    /// The home directory relative to the project, for specs such as `file:~/a`.
    pub home: Option<PathBuf>,
}

impl Project {
    /// A project of this package.json alone.
    #[must_use]
    pub fn new(manifest: Manifest) -> Self {
        Self {
            manifest: Arc::new(manifest),
            folder_name: String::new(),
            before: None,
            workspaces_field: None,
            workspaces: Vec::new(),
            folders: Vec::new(),
            lock: None,
            unpacked: Vec::new(),
            requests: Vec::new(),
            targets: Vec::new(),
            folder: None,
            home: None,
        }
    }

    /// Whether the root is among the targets, and with it every workspace, which its links lead to.
    pub(crate) fn is_root_meant(&self) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|at| at.is_empty())
    }
}

/// A folder inside or beside the project, with its package.json.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Relative to the project, with `/` between the parts and no `.`: `packages/a`, `../shared`.
    pub location: Arc<str>,
    /// Its package.json.
    pub manifest: Arc<Manifest>,
}

/// Locations in the lockfile that the tree's nodes came from, for the fields that only pass through.
pub(crate) type LockedNodes = FxHashMap<NodeId, Arc<str>>;

/// The tree as it was, with everything that has to be looked at again in the builder's queue.
pub(crate) fn load<'o>(
    project: &Project,
    options: &'o ResolveOptions,
) -> Result<(Builder<'o>, LockedNodes), ResolveError> {
    let blocks = Blocks { peers: options.peers == Peers::Install };
    let paths = Paths { home: project.home.clone(), project: project.folder.clone() };
    let mut tree = Tree::new(&project.manifest, blocks, options.folders, paths)?;
    let mut locked = LockedNodes::default();
    for folder in &project.workspaces {
        let package = tree.interner.add_package(&folder.manifest, &folder.location);
        tree.add_folder(&folder.location, package, Workspace::Yes);
    }
    let names = workspace_names(project)?;
    if let Some(lock) = &project.lock {
        load_lock(&mut tree, project, lock, &mut locked);
    }
    let root = tree.root();
    for (index, (name, folder)) in names.iter().enumerate() {
        let want = tree.interner.folder_want(name, &folder.location);
        let name = tree.interner.name(name);
        set_workspace_edge(&mut tree, root, name, want);
        tree.move_edge(root, name, index);
    }
    tree.check_overrides()?;
    tree.check_edges(|_| true)?;
    let mut builder = Builder::new(tree, options);
    for (name, folder) in &names {
        let name = builder.tree.interner.name(name);
        builder.add_workspace(name, &folder.location, &folder.manifest);
    }
    for folder in &project.folders {
        builder.add_known_folder(&folder.location, &folder.manifest);
    }
    let folders = project.targets.iter().filter_map(|location| builder.tree.folder(location));
    let folders: Vec<NodeId> = folders.collect();
    for &target in folders.iter().chain(project.is_root_meant().then_some(&root)) {
        for name in &project.requests {
            let name = builder.tree.interner.name(name);
            builder.request(target, name);
        }
        builder.enqueue(target);
    }
    for (&node, location) in &locked {
        builder.add_locked(node);
        if project.unpacked.contains(location) {
            builder.add_unpacked(node);
        }
    }
    if let Some(before) = &project.before {
        builder.add_since(before);
    }
    if project.lock.as_ref().is_some_and(|lock| lock.ancient) {
        builder.inflate_first();
    } else {
        builder.enqueue_broken();
    }
    Ok((builder, locked))
}

/// Refuses workspaces of one name, and overrides that contradict the project's own dependencies or cannot be applied to one
/// of them. [`Resolver::new`](crate::Resolver::new) does too, of what it is given; npm holds package.json to it as it is
/// before a command changes it, and before it looks for what the command adds: a dependency with such an override cannot
/// even be uninstalled.
///
/// # Errors
/// [`ResolveError::OverrideConflict`], [`ResolveError::BadOverride`] where they cannot be read, and before these
/// [`ResolveError::DuplicateWorkspace`].
pub fn check_project(project: &Project, peers: Peers) -> Result<(), ResolveError> {
    workspace_names(project)?;
    if project.manifest.overrides.is_none() {
        return Ok(());
    }
    let blocks = Blocks { peers: peers == Peers::Install };
    refuse_conflicting_overrides(&Tree::new(&project.manifest, blocks, Folders::default(), Paths::default())?)
}

/// An override may say of a direct dependency only what package.json says of it anyway.
pub(crate) fn refuse_conflicting_overrides(tree: &Tree) -> Result<(), ResolveError> {
    tree.check_overrides()?;
    for &id in tree.node(tree.root()).edges_out.values() {
        tree.check_edges(|edge| edge == id)?;
        let edge = tree.edge(id);
        let (wanted, declared) = (tree.interner.want_text(edge.want), tree.interner.want_text(edge.declared));
        if wanted != declared {
            return Err(ResolveError::OverrideConflict {
                name: tree.interner.name_text(edge.name).to_string(),
                wanted: wanted.to_string(),
                declared: declared.to_string(),
            });
        }
    }
    Ok(())
}

/// The names under which workspaces are linked: their own, or their folder's.
fn workspace_names(project: &Project) -> Result<Vec<(PackageName, Folder)>, ResolveError> {
    let mut names: Vec<(PackageName, Folder)> = Vec::new();
    for folder in &project.workspaces {
        let name = match folder.manifest.name.as_str() {
            "" => PackageName::new_unchecked(name_of_folder(&folder.location)),
            _ => folder.manifest.name.clone(),
        };
        if let Some((_, first)) = names.iter().find(|(other, _)| *other == name) {
            return Err(ResolveError::DuplicateWorkspace {
                name: name.to_string(),
                first: first.location.to_string(),
                second: folder.location.to_string(),
            });
        }
        names.push((name, folder.clone()));
    }
    Ok(names)
}

/// What a folder is called: by its last part, and the one before it where that is a scope.
fn name_of_folder(location: &str) -> &str {
    let mut slashes = location.rmatch_indices('/').map(|(index, _)| index + 1);
    let last = slashes.next().unwrap_or(0);
    let before = slashes.next().unwrap_or(0);
    let is_scoped = last > 0 && location[before..].starts_with('@');
    &location[if is_scoped { before } else { last }..]
}

/// The project's edge to a workspace goes before whatever package.json says about that name.
fn set_workspace_edge(tree: &mut Tree, root: NodeId, name: crate::tree::Name, want: crate::tree::WantId) {
    match tree.edge_out(root, name) {
        Some(id) => {
            let edge = tree.edge_mut(id);
            edge.name = name;
            edge.kind = EdgeKind::Workspace;
            edge.declared = want;
            edge.want = want;
            edge.accept = None;
            tree.reload(id);
        }
        None => {
            tree.add_edge(root, name, EdgeKind::Workspace, (want, None));
        }
    }
}

fn load_lock(tree: &mut Tree, project: &Project, lock: &Lockfile, locked: &mut LockedNodes) {
    let mut entries: Vec<(&Arc<str>, &Entry)> =
        lock.packages.iter().filter(|(at, _)| !at.is_empty()).collect();
    // What a link from here leads to is a folder wherever it lies, such as in the `node_modules` of global packages.
    let linked: FxHashSet<&str> = entries
        .iter()
        .filter(|(_, entry)| entry.link)
        .filter_map(|(_, entry)| entry.resolved.as_deref())
        .collect();
    let is_folder = |at: &str| is_folder(at) || (at.starts_with("../") && linked.contains(at));
    // A prefix sorts before what it begins, so parents come before their children.
    entries.sort_by_key(|(at, _)| *at);
    for (location, entry) in entries.iter().filter(|(at, entry)| is_folder(at) && !entry.link) {
        if tree.folder(location).is_none() {
            let known = project.folders.iter().find(|folder| folder.location == **location);
            let manifest = match known {
                Some(folder) => Arc::clone(&folder.manifest),
                None => Arc::new(entry.to_manifest(&name_at(location))),
            };
            let package = tree.interner.add_package(&manifest, location);
            tree.add_folder(location, package, Workspace::No);
        }
    }
    for (location, entry) in entries.iter().filter(|(at, _)| !is_folder(at)) {
        let Some(parent) = node_at(tree, parent_location(location).unwrap_or_default()) else { continue };
        let name = name_at(location);
        let node =
            if entry.link { locked_link(tree, &name, entry) } else { locked_package(tree, &name, entry) };
        let Some(node) = node else { continue };
        tree.attach(node, parent);
        locked.insert(node, Arc::clone(location));
    }
}

fn locked_package(tree: &mut Tree, name: &PackageName, entry: &Entry) -> Option<NodeId> {
    let manifest = Arc::new(entry.to_manifest(name));
    let package = tree.interner.add_package(&manifest, &paths_start(entry.resolved.as_deref()));
    let name = tree.interner.name(name);
    let id = tree.new_node(name, package, NodeKind::Package);
    let node = tree.node_mut(id);
    node.resolved.clone_from(&entry.resolved);
    node.integrity.clone_from(&entry.integrity);
    node.in_bundle = entry.in_bundle;
    Some(id)
}

/// A link to a folder, or to a package above it, by which a loop of packages was closed.
fn locked_link(tree: &mut Tree, name: &PackageName, entry: &Entry) -> Option<NodeId> {
    let location: Arc<str> = normalize(entry.resolved.as_deref()?).into();
    let folder = tree.folder(&location);
    let above = if folder.is_none() && !is_folder(&location) { node_at(tree, &location) } else { None };
    let package = tree.node(folder.or(above)?).package;
    let name = tree.interner.name(name);
    let link = tree.new_node(name, package, NodeKind::Link { location });
    tree.node_mut(link).target = above;
    Some(link)
}

fn is_folder(location: &str) -> bool {
    !location.starts_with("node_modules/") && !location.contains("/node_modules/")
}

fn name_at(location: &str) -> PackageName {
    PackageName::new_unchecked(name_of_location(location))
}

/// The node at a location that was loaded before.
fn node_at(tree: &Tree, location: &str) -> Option<NodeId> {
    if location.is_empty() {
        return Some(tree.root());
    }
    if let Some(folder) = tree.folder(location) {
        return Some(folder);
    }
    let parent = node_at(tree, parent_location(location)?)?;
    let name = tree.interner.find_name(name_of_location(location))?;
    tree.child(parent, name)
}
