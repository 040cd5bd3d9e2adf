//! What is in `node_modules`, and how it hangs together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use utoo_lockfile::Lockfile;
use utoo_types::{Manifest, PackageName, Spec, SpecKind, collate};

use crate::error::{CliError, CliResult};
use crate::project::{Package, workspaces};

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
    /// `"^1.0.0" from the root project`, for each dependent that wants something else.
    pub(super) invalid: Vec<String>,
    pub(super) resolved: Option<Arc<str>>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EdgeKind {
    Prod,
    Dev,
    Optional,
    Peer,
    PeerOptional,
    Workspace,
}

/// The tree on disk.
#[derive(Debug, Default)]
pub(super) struct Actual {
    pub(super) root: PathBuf,
    pub(super) nodes: Vec<Node>,
    pub(super) places: Vec<Place>,
    place_by_path: BTreeMap<PathBuf, usize>,
    node_by_folder: BTreeMap<PathBuf, usize>,
}

impl Actual {
    /// Reads every `node_modules` of a project and of what it links to.
    pub(super) fn read(root: &Path) -> CliResult<Self> {
        let package = Package::read(root)?;
        let members = workspaces(&package)?;
        let mut actual = Self { root: root.to_owned(), ..Self::default() };
        actual.add_node(root, &package)?;
        actual.add_resolved();
        for node in 0..actual.nodes.len() {
            // Folders that are worked on have development dependencies; packages from a registry do not.
            let is_worked_on =
                !actual.nodes[node].folder.components().any(|part| part.as_os_str() == "node_modules");
            actual.nodes[node].edges = edges_of(&actual.nodes[node].manifest, is_worked_on);
        }
        for member in &members {
            let name = member.json.name().map_or_else(|| file_name(&member.folder), ToString::to_string);
            let spec =
                format!("file:{}", member.folder.strip_prefix(root).unwrap_or(&member.folder).display());
            let edges = &mut actual.nodes[0].edges;
            edges.retain(|edge| edge.name != name);
            edges.push(Edge { name, spec: spec.into(), kind: EdgeKind::Workspace, to: None });
        }
        actual.connect();
        Ok(actual)
    }

    /// A place's own path in words, relative to the project.
    pub(super) fn location(&self, node: usize) -> String {
        let folder = &self.nodes[node].folder;
        folder.strip_prefix(&self.root).unwrap_or(folder).to_string_lossy().into_owned()
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
        Ok(node)
    }

    /// Every package in a `node_modules`, or in a scope of one.
    fn scan(&mut self, modules: &Path, scope: &str) -> CliResult<()> {
        let entries = match std::fs::read_dir(modules) {
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
            let node = self.add_node(&folder, &package)?;
            let name = if scope.is_empty() { name } else { format!("{scope}/{name}") };
            self.place_by_path.insert(path.clone(), self.places.len());
            self.places.push(Place {
                name,
                path,
                node,
                is_link,
                extraneous: true,
                invalid: Vec::new(),
                resolved: None,
            });
        }
        Ok(())
    }

    /// Where each came from, as the hidden lockfile remembers it.
    fn add_resolved(&mut self) {
        let path = self.root.join("node_modules/.package-lock.json");
        let Ok(text) = std::fs::read_to_string(&path) else { return };
        let Ok(lock) = Lockfile::parse(&text, &path) else { return };
        for place in &mut self.places {
            let location = place.path.strip_prefix(&self.root).unwrap_or(&place.path).to_string_lossy();
            place.resolved =
                lock.get(&location).filter(|entry| !entry.link).and_then(|entry| entry.resolved.clone());
        }
    }

    /// Finds what each edge finds, what is wrong with it, and what nothing reaches.
    fn connect(&mut self) {
        for node in 0..self.nodes.len() {
            for edge in 0..self.nodes[node].edges.len() {
                let (name, spec) = (&self.nodes[node].edges[edge].name, &self.nodes[node].edges[edge].spec);
                let Some(place) = self.find(&self.nodes[node].folder, name) else { continue };
                if !self.satisfies(node, place, (name, spec)) {
                    let from = match node {
                        0 => "the root project".to_owned(),
                        node => self.location(node),
                    };
                    let text = format!("\"{spec}\" from {from}");
                    self.places[place].invalid.push(text);
                }
                self.nodes[node].edges[edge].to = Some(place);
            }
        }
        let mut reached = BTreeSet::from([0]);
        let mut queue = VecDeque::from([0]);
        while let Some(node) = queue.pop_front() {
            for place in self.nodes[node].edges.iter().filter_map(|edge| edge.to).collect::<Vec<_>>() {
                self.places[place].extraneous = false;
                if reached.insert(self.places[place].node) {
                    queue.push_back(self.places[place].node);
                }
            }
        }
    }

    /// As node looks for it: in the folder's own `node_modules`, then in those above, up to the project's.
    fn find(&self, folder: &Path, name: &str) -> Option<usize> {
        folder
            .ancestors()
            .filter(|above| above.file_name().is_none_or(|last| last != "node_modules"))
            .find_map(|above| self.place_by_path.get(&above.join("node_modules").join(name)).copied())
    }

    fn satisfies(&self, from: usize, place: usize, (name, spec): (&str, &str)) -> bool {
        let manifest = &self.nodes[self.places[place].node].manifest;
        let wanted = Spec::resolve(&PackageName::new_unchecked(name), spec, Some(&self.nodes[from].folder));
        // Nothing satisfies what cannot be read.
        wanted.is_ok_and(|wanted| match wanted.kind() {
            SpecKind::Alias(target) => {
                let same = target.name().is_some_and(|name| *name == manifest.name);
                same && fits(manifest, target.kind())
            }
            SpecKind::Directory(path) => {
                let target = path.canonicalize().unwrap_or_else(|_| path.clone());
                let here = &self.nodes[self.places[place].node].folder;
                !self.places[place].is_link || here.canonicalize().is_ok_and(|here| here == target)
            }
            kind => fits(manifest, kind),
        })
    }
}

/// Versions and ranges are compared; of tags, repositories and addresses the disk does not tell.
fn fits(manifest: &Manifest, kind: &SpecKind) -> bool {
    match (kind, &manifest.version) {
        (SpecKind::Version(wanted), Some(version)) => wanted == version,
        (SpecKind::Range(range), Some(version)) => range.satisfies(version),
        (SpecKind::Range(range), None) => range.is_any(),
        (SpecKind::Version(_), None) => false,
        _ => true,
    }
}

/// Sorted by name. A name in several blocks counts for the strongest: optional, prod, dev, peer.
fn edges_of(manifest: &Manifest, is_worked_on: bool) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    let mut add = |name: &PackageName, spec: &Arc<str>, kind| {
        if !edges.iter().any(|edge| edge.name == name.as_str()) {
            edges.push(Edge { name: name.to_string(), spec: Arc::clone(spec), kind, to: None });
        }
    };
    manifest.optional_dependencies.iter().for_each(|(name, spec)| add(name, spec, EdgeKind::Optional));
    manifest.dependencies.iter().for_each(|(name, spec)| add(name, spec, EdgeKind::Prod));
    if is_worked_on {
        manifest.dev_dependencies.iter().for_each(|(name, spec)| add(name, spec, EdgeKind::Dev));
    }
    for (name, spec) in manifest.peer_dependencies.iter() {
        let optional = manifest.is_optional_peer(name.as_str());
        add(name, spec, if optional { EdgeKind::PeerOptional } else { EdgeKind::Peer });
    }
    edges.sort_by(|a, b| collate::compare(&a.name, &b.name));
    edges
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
