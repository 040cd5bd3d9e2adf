//! What is in `node_modules`, and how it hangs together. The disk says which package stands where; what that makes of each
//! dependency is for the resolver's rules to say ([`inspect`]), as for an install that starts from there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use utoo_config::InstallStrategy;
use utoo_lockfile::{Entry, Lockfile};
use utoo_resolver::{EdgeKind, EdgeProblem, Folders, Graph, ResolveOptions, inspect};
use utoo_types::Manifest;

use super::super::install::{Inputs, relative};
use super::store;
use crate::context::Context;
use crate::error::{CliError, CliResult};
use crate::project::Package;

/// A package on disk; the project is the first.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it really is.
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) description: Option<String>,
    pub(super) edges: Vec<Edge>,
}

/// A place in a `node_modules`.
#[derive(Debug)]
pub(super) struct Place {
    /// The name of the place: an alias where it differs from the package's.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) node: usize,
    pub(super) is_link: bool,
    /// Whether nothing wants it.
    pub(super) extraneous: bool,
    /// Whether an override names its very version.
    pub(super) overridden: bool,
    /// `"^1.0.0" from the root project`, for each dependent that wants something else.
    pub(super) invalid: Vec<String>,
    pub(super) resolved: Option<Arc<str>>,
}

impl Place {
    fn new(name: String, path: PathBuf, node: usize, is_link: bool) -> Self {
        Self {
            name,
            path,
            node,
            is_link,
            extraneous: true,
            overridden: false,
            invalid: Vec::new(),
            resolved: None,
        }
    }
}

/// A dependency of a node.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) name: String,
    pub(super) spec: Arc<str>,
    pub(super) kind: EdgeKind,
    /// The place that it finds.
    pub(super) to: Option<usize>,
}

/// The tree on disk.
#[derive(Debug, Default)]
pub(super) struct Actual {
    pub(super) root: PathBuf,
    /// The same without links on the way there.
    real_root: PathBuf,
    pub(super) nodes: Vec<Node>,
    pub(super) places: Vec<Place>,
    place_by_path: BTreeMap<PathBuf, usize>,
    node_by_folder: BTreeMap<PathBuf, usize>,
}

impl Actual {
    /// Reads every `node_modules` of a project and of what it links to.
    pub(super) fn read(context: &Context) -> CliResult<Self> {
        let root = context.root();
        let package = Package::read(root)?;
        let real_root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let mut actual = Self { root: root.to_owned(), real_root, ..Self::default() };
        actual.add_node(root, &package)?;
        actual.add_resolved();
        let inputs = Inputs::read(context)?;
        if context.config.resolve().install_strategy == InstallStrategy::Linked {
            actual.add_undeclared(&inputs)?;
        }
        let project = inputs.to_project(context, Some(actual.lockfile()), (&[], Vec::new()))?;
        // Peers are shown also where installs leave them out (`--legacy-peer-deps`), as npm shows them.
        let folders = if context.config.resolve().install_links { Folders::Pack } else { Folders::Link };
        actual.connect(&inspect(&project, &ResolveOptions { folders, ..ResolveOptions::default() })?);
        Ok(actual)
    }

    /// A node's own place in words, relative to the project.
    pub(super) fn location(&self, node: usize) -> String {
        self.on_disk(&self.nodes[node].folder)
    }

    /// Where a link leads, from where it is.
    pub(super) fn link_text(&self, place: &Place) -> String {
        let beside = place.path.parent().unwrap_or(&self.root);
        let beside = beside.canonicalize().unwrap_or_else(|_| match beside.strip_prefix(&self.root) {
            Ok(below) => self.real_root.join(below),
            Err(_) => beside.to_owned(),
        });
        relative(&beside, &self.nodes[place.node].folder)
    }

    fn add_node(&mut self, folder: &Path, package: &Package) -> CliResult<usize> {
        if let Some(known) = self.node_by_folder.get(folder) {
            return Ok(*known);
        }
        let description = package.json.value().get("description").and_then(Value::as_str).map(str::to_owned);
        let manifest = package.json.manifest().clone();
        let node = self.nodes.len();
        self.nodes.push(Node { folder: folder.to_owned(), manifest, description, edges: Vec::new() });
        self.node_by_folder.insert(folder.to_owned(), node);
        self.scan(&folder.join("node_modules"), "")?;
        if let Some(beside) = store::modules_beside(&self.real_root, folder) {
            // What a package of a linked tree's store finds is beside itself.
            self.scan(&beside, "")?;
        }
        Ok(node)
    }

    /// Workspaces that no package.json of a linked tree asks for have no link, and need none.
    fn add_undeclared(&mut self, inputs: &Inputs) -> CliResult<()> {
        for package in inputs.workspace_packages() {
            let name = package.json.name().map(ToString::to_string).unwrap_or_default();
            let path = self.root.join("node_modules").join(&name);
            let declared = &self.nodes[0].manifest;
            let is_declared = [
                &declared.dependencies,
                &declared.dev_dependencies,
                &declared.optional_dependencies,
                &declared.peer_dependencies,
            ];
            if name.is_empty()
                || self.place_by_path.contains_key(&path)
                || is_declared.iter().any(|block| block.contains(&name))
            {
                continue;
            }
            let Ok(folder) = package.folder.canonicalize() else { continue };
            let node = self.add_node(&folder, package)?;
            self.add_place(Place::new(name, path, node, true));
        }
        Ok(())
    }

    fn add_place(&mut self, place: Place) {
        self.place_by_path.insert(place.path.clone(), self.places.len());
        self.places.push(place);
    }

    /// Every package in a `node_modules`, or in a scope of one.
    fn scan(&mut self, modules: &Path, scope: &str) -> CliResult<()> {
        let entries = match utoo_fs::read_dir(modules) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(CliError::io("cannot list", modules, &error)),
        };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        for name in names.into_iter().filter(|name| !name.starts_with('.')) {
            let path = modules.join(&name);
            if scope.is_empty() && name.starts_with('@') {
                self.scan(&path, &name)?;
                continue;
            }
            let Ok(folder) = path.canonicalize() else { continue };
            if !folder.is_dir() {
                continue;
            }
            let is_link = path.is_symlink();
            // What is no link stays under the path by which it was reached.
            let folder = if is_link { folder } else { path.clone() };
            let package = match Package::find(&folder) {
                Ok(Some(package)) => package,
                // A folder without a package.json that reads has no name and version to show.
                _ => Package { folder: folder.clone(), json: utoo_types::PackageJson::empty(&folder) },
            };
            let name = if scope.is_empty() { name } else { format!("{scope}/{name}") };
            if !is_link && store::modules_beside(&self.real_root, &folder).is_some() {
                // Links lead to it; it is nobody's by its place.
                continue;
            }
            let node = self.add_node(&folder, &package)?;
            self.add_place(Place::new(name, path, node, is_link));
        }
        Ok(())
    }

    /// Where each came from, as the hidden lockfile remembers it.
    fn add_resolved(&mut self) {
        let path = self.root.join("node_modules/.package-lock.json");
        let Ok(text) = utoo_fs::read_to_string(&path) else { return };
        let Ok(lock) = Lockfile::parse_hidden(&text, &path) else { return };
        for place in &mut self.places {
            let location = place.path.strip_prefix(&self.root).unwrap_or(&place.path).to_string_lossy();
            place.resolved =
                lock.get(&location).filter(|entry| !entry.link).and_then(|entry| entry.resolved.clone());
        }
    }

    /// What is on disk, as a lockfile would have it.
    fn lockfile(&self) -> Lockfile {
        let mut lock = Lockfile::default();
        for node in self.nodes.iter().skip(1).filter(|node| !self.place_by_path.contains_key(&node.folder)) {
            let location = self.relative(&node.folder);
            let entry = match store::is_folder(&location) {
                true => Entry::from_manifest(&node.manifest).named_at(&location, &node.manifest.name),
                false => Entry::from_folder(&node.manifest, &location, None),
            };
            let around = store::folder_around(&location).map(Arc::from);
            lock.packages.extend(around.map(|around| (around, Entry::default())));
            lock.packages.insert(location.into(), entry);
        }
        for place in &self.places {
            let location = self.relative_place(&place.path);
            let node = &self.nodes[place.node];
            let entry = match place.is_link {
                true => Entry::link_to(self.relative(&node.folder)),
                false => Entry {
                    resolved: place.resolved.clone(),
                    ..Entry::from_manifest(&node.manifest).named_at(&location, &node.manifest.name)
                },
            };
            lock.packages.insert(location.into(), entry);
        }
        lock
    }

    /// Takes over what each edge finds, what is wrong with it, and what nothing reaches.
    fn connect(&mut self, graph: &Graph) {
        let nodes: BTreeMap<String, usize> =
            self.nodes.iter().enumerate().map(|(at, node)| (self.relative(&node.folder), at)).collect();
        let places: BTreeMap<String, usize> = self
            .places
            .iter()
            .enumerate()
            .map(|(at, place)| (self.relative_place(&place.path), at))
            .collect();
        for found in &graph.places {
            let Some(&at) = places.get(&*found.location) else { continue };
            self.places[at].extraneous = found.marks.contains(&"extraneous");
            self.places[at].overridden = found.marks.contains(&"overridden");
        }
        for edge in &graph.edges {
            let from = &graph.places[edge.from].location;
            let Some(&node) = nodes.get(&**from) else { continue };
            let to = edge.to.and_then(|to| places.get(&*graph.places[to].location).copied());
            if let Some(to) = to.filter(|_| edge.problem == Some(EdgeProblem::Invalid)) {
                let from = if node == 0 { "the root project" } else { &**from };
                self.places[to].invalid.push(format!("{:?} from {from}", edge.spec));
            }
            let spec = match edge.kind {
                EdgeKind::Workspace => {
                    let folder = edge.spec.strip_prefix("file:").unwrap_or(&edge.spec);
                    format!("file:{}", self.real_root.join(folder).display()).into()
                }
                _ => Arc::clone(&edge.spec),
            };
            let name = edge.name.clone();
            self.nodes[node].edges.push(Edge { name, spec, kind: edge.kind, to });
        }
    }

    /// Where the resolver looks for a package or folder; see [`store`] for those of a linked tree.
    fn relative(&self, folder: &Path) -> String {
        store::folder(self.on_disk(folder))
    }

    /// Where the resolver looks for a place in a `node_modules`.
    fn relative_place(&self, path: &Path) -> String {
        store::place(self.on_disk(path))
    }

    /// Where a folder is, as a lockfile says it: from the project, also where that was reached through a link.
    fn on_disk(&self, folder: &Path) -> String {
        let inside = folder.strip_prefix(&self.root).or_else(|_| folder.strip_prefix(&self.real_root));
        match inside {
            Ok(inside) => inside.to_string_lossy().into_owned(),
            Err(_) => relative(&self.real_root, folder),
        }
    }
}
