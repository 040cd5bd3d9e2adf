//! `install-strategy=linked`: each package in a folder of the store of its own, beside links to what it depends on, so
//! that it finds that and nothing else.
//!
//! ```text
//! node_modules/a -> .store/a@1.0.0-<hash>/node_modules/a
//! node_modules/.store/a@1.0.0-<hash>/node_modules/a
//! node_modules/.store/a@1.0.0-<hash>/node_modules/b -> ../../b@1.0.0-<hash>/node_modules/b
//! ```
//!
//! The resolver and package-lock.json know nothing of it: the ideal tree is the hoisted one. From that tree this makes
//! another, of the same form, whose locations are the places on disk ([`lay_out`]); all that follows (plan, make, publish,
//! bins, record, scripts) works on it as on any tree. What the ideal tree gets back (licences, install scripts that a
//! binding.gyp implies) and what is said of a package to others goes by [`Laid::origins`].
//!
//! Passes: `graph` (who finds what beside itself), `key` (the names of folders in the store), this module (the tree),
//! `look` (what is in the store on disk), `list` (what the hidden lockfile says of it).
//!
//! Names from outside become parts of paths here: every location that is made is checked as those of a lockfile are.

use std::path::Path;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use utoo_lockfile::{
    Entry, Lockfile, name_of_location, nested_location, store_folder, validate_installed_location,
};
use utoo_types::{BundleDependencies, Omit};

use crate::installer::{Completion, normalized};
use crate::select::{Scope, Selection, is_in_modules, is_omitted};
use crate::{InstallError, Result};
use graph::{Ideal, Kind, Numbered};
use key::Label;

mod graph;
mod key;
pub(crate) mod list;
pub(crate) mod look;

/// The folder of the store, relative to the project.
pub(crate) const STORE: &str = "node_modules/.store";

/// Where the packages of a tree go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Layout {
    /// Each location of the tree is a place on disk.
    #[default]
    Locations,
    /// The tree is laid out in the store of a linked tree (`install-strategy=linked`).
    Linked(Linked),
}

/// What a linked tree depends on, besides the ideal tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// Locations of all workspaces.
    pub workspaces: Vec<Arc<str>>,
    /// How peers come to a package.
    pub peers: Peers,
    /// Which entries were resolved afresh: only of those npm lists the integrity in the hidden lockfile.
    pub fresh: Completion,
}

/// How peers come to a package of a linked tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Peers {
    /// As dependencies that the tree has.
    #[default]
    Required,
    /// They are no part of the tree (`--legacy-peer-deps`): those that it has by chance are linked.
    ByChance,
}

/// A tree whose locations are places on disk.
pub(crate) struct Laid {
    pub(crate) tree: Lockfile,
    pub(crate) selection: Selection,
    /// For each package that is made from files the locations of the ideal tree that it stands for.
    pub(crate) origins: Origins,
}

pub(crate) type Origins = FxHashMap<Arc<str>, Vec<Arc<str>>>;

/// What a layout is made of.
pub(crate) struct Plan<'a> {
    pub(crate) project: &'a Path,
    pub(crate) tree: &'a Lockfile,
    pub(crate) selection: &'a Selection,
    pub(crate) inert: &'a FxHashSet<Arc<str>>,
    pub(crate) omit: Omit,
    pub(crate) linked: &'a Linked,
}

/// Makes the tree of places from the ideal tree.
///
/// # Errors
///
/// [`InstallError::Location`] where a package's name or version cannot be part of a path.
pub(crate) fn lay_out(plan: &Plan<'_>) -> Result<Laid> {
    let Plan { tree, omit, .. } = *plan;
    let is_inert = |at: &&Arc<str>| tree.get(at).is_some_and(|entry| !is_omitted(entry, omit));
    let mut inert = plan.inert.clone();
    inert.extend(plan.selection.left_out.iter().filter(is_inert).cloned());
    let workspaces = plan.linked.workspaces.iter().map(|location| &**location).collect();
    let ideal = Ideal { tree, omit, inert: &inert, peers: plan.linked.peers, workspaces };
    let reached = reach(&ideal);
    let mut numbered = Numbered::default();
    let nodes: Vec<usize> =
        reached.packages.iter().map(|at| numbered.add(&ideal, at, Kind::Package)).collect();
    for at in reached.folders.iter().chain([&""]) {
        numbered.add(&ideal, at, Kind::Folder);
    }
    let labels: Vec<Label> =
        numbered.nodes.iter().map(|node| label(&ideal, plan.project, node.at, node.kind)).collect();
    let mut builder = Builder {
        ideal: &ideal,
        // npm begins the list of a linked tree anew: it has no name, nor the layout of package.json.
        tree: Lockfile::default(),
        origins: Origins::default(),
        places: FxHashMap::default(),
    };
    builder.folders(&reached.folders);
    let keys = key::keys(&numbered, &labels, &nodes);
    builder.packages(&reached.packages, &keys)?;
    builder.bundled(&reached.folders);
    builder.links(&reached);
    let Builder { tree: laid, origins, .. } = builder;
    let wanted = laid.packages.keys().filter(|location| is_in_modules(location)).cloned().collect();
    let selection = Selection { wanted, ..Selection::default() };
    Ok(Laid { tree: laid, selection, origins })
}

/// What of the ideal tree is in a linked one.
struct Reached<'a> {
    /// Locations of packages for the store: of two with one key the first says what it is.
    packages: Vec<&'a str>,
    folders: Vec<&'a str>,
}

/// Follows all dependencies, in npm's order: from the last to the first.
fn reach<'a>(ideal: &Ideal<'a>) -> Reached<'a> {
    let locations = ideal.tree.packages.iter();
    let folders = locations.filter(|(at, entry)| !at.is_empty() && !is_in_modules(at) && !entry.extraneous);
    let mut folders: Vec<&'a str> = folders.map(|(at, _)| &**at).filter(|at| !at.starts_with("..")).collect();
    let mut packages = Vec::new();
    let mut seen: FxHashSet<&str> = FxHashSet::default();
    let mut open: Vec<&'a str> = std::iter::once("").chain(folders.iter().copied()).collect();
    while let Some(at) = open.pop() {
        if !seen.insert(at) {
            continue;
        }
        open.extend(ideal.next(at));
        let Some(entry) = ideal.entry(at) else { continue };
        match entry.resolved.as_deref() {
            Some(folder) if entry.link => {
                if let Some((folder, _)) = ideal.tree.packages.get_key_value(folder)
                    && !folders.contains(&&**folder)
                {
                    folders.push(folder);
                }
            }
            _ if is_in_modules(at) && !ideal.inert.contains(at) => packages.push(at),
            _ => {}
        }
    }
    Reached { packages, folders }
}

/// What the walk to a key says of a node. A folder has neither version nor source there.
fn label(ideal: &Ideal<'_>, project: &Path, at: &str, kind: Kind) -> Label {
    let entry = ideal.entry(at);
    let name = entry.map_or("", |entry| entry.package_name(at));
    let version = match kind {
        Kind::Package => entry.and_then(|entry| entry.version.as_deref()).unwrap_or(""),
        Kind::Folder => "undefined",
    };
    let resolved = entry.filter(|_| is_in_modules(at)).and_then(|entry| entry.resolved.as_deref());
    let resolved = match resolved.map(|resolved| (resolved, resolved.strip_prefix("file:"))) {
        None => "null".to_owned(),
        Some((_, Some(path))) => format!("file:{}", normalized(&project.join(path)).display()),
        Some((resolved, None)) => resolved.to_owned(),
    };
    Label { name: format!("{name}@{version}"), resolved }
}

struct Builder<'a, 'i> {
    ideal: &'i Ideal<'a>,
    tree: Lockfile,
    origins: Origins,
    /// Where in the store each package of the ideal tree is.
    places: FxHashMap<&'a str, Arc<str>>,
}

impl<'a> Builder<'a, '_> {
    /// The project, the folders, and links to those folders of which the project itself says the name.
    fn folders(&mut self, folders: &[&'a str]) {
        for &at in [""].iter().chain(folders) {
            let Some(entry) = self.ideal.entry(at) else { continue };
            let entry = Entry { bundle_dependencies: BundleDependencies::None, ..entry.clone() };
            self.tree.packages.insert(at.into(), entry);
        }
        for &at in folders.iter().filter(|at| self.ideal.is_declared(at)) {
            let name = self.ideal.entry(at).map_or("", |entry| entry.package_name(at));
            self.link("", name, at);
        }
    }

    fn packages(&mut self, packages: &[&'a str], keys: &[String]) -> Result<()> {
        for (&at, key) in packages.iter().zip(keys) {
            let Some(entry) = self.ideal.entry(at) else { continue };
            let name = entry.package_name(at);
            let place: Arc<str> = nested_location(&format!("{STORE}/{key}"), name).into();
            check(&place, entry)?;
            self.places.insert(at, place.clone());
            self.origins.entry(place.clone()).or_default().push(at.into());
            self.tree.packages.entry(place).or_insert_with(|| Entry {
                name: None,
                in_bundle: false,
                bundle_dependencies: BundleDependencies::None,
                ..entry.clone()
            });
        }
        Ok(())
    }

    /// What the project or a folder bundles is no link: it stays where the ideal tree has it, with all that it needs.
    fn bundled(&mut self, folders: &[&'a str]) {
        let mut open: Vec<&'a str> =
            [""].iter().chain(folders).flat_map(|at| self.ideal.bundled(at)).collect();
        while let Some(at) = open.pop() {
            let Some(entry) = self.ideal.entry(at).filter(|_| !self.tree.packages.contains_key(at)) else {
                continue;
            };
            let bundled = Entry {
                bundle_dependencies: BundleDependencies::None,
                in_bundle: !entry.link,
                ..entry.clone()
            };
            self.tree.packages.insert(at.into(), bundled);
            self.origins.entry(at.into()).or_default().push(at.into());
            open.extend(self.ideal.next(at));
        }
    }

    /// Links to everything that somebody needs and that is there.
    fn links(&mut self, reached: &Reached<'a>) {
        for &at in [""].iter().chain(&reached.folders) {
            self.links_of(at, at);
        }
        let mut done: FxHashSet<Arc<str>> = FxHashSet::default();
        for &at in &reached.packages {
            let Some(place) = self.places.get(at).cloned() else { continue };
            if done.insert(place.clone())
                && let Some(folder) = store_folder(&place)
            {
                self.links_of(at, folder);
            }
        }
    }

    fn links_of(&mut self, at: &'a str, folder: &str) {
        let needs = self.ideal.needs(at);
        for (target, name) in needs.folders {
            if self.tree.packages.contains_key(target) {
                self.link(folder, name, target);
            }
        }
        for needed in needs.packages.iter().chain(&needs.optional) {
            if let Some(place) = self.places.get(needed).cloned() {
                self.link(folder, name_of_location(needed), &place);
            }
        }
    }

    fn link(&mut self, folder: &str, name: &str, target: &str) {
        let mut location = nested_location(folder, name);
        if self.origins.contains_key(location.as_str()) && store_folder(&location).is_some() {
            // Another version of itself: the package is at that place, and looks into its own node_modules first.
            location = nested_location(&location, name);
        }
        self.tree.packages.insert(location.into(), Entry::link_to(target));
    }
}

/// Refuses a place that the name or the version of a package would lead elsewhere.
fn check(place: &str, entry: &Entry) -> Result<()> {
    let has_path = entry.version.as_deref().is_some_and(|version| version.contains(['/', '\\']));
    let refused = match validate_installed_location(place) {
        Ok(_) if !has_path => return Ok(()),
        Ok(_) => "its version is no name of a folder".to_owned(),
        Err(error) => error.reason.to_owned(),
    };
    Err(InstallError::Location { location: place.into(), reason: refused })
}

impl Laid {
    /// What an install is about, in places: links of the ideal tree to workspaces stand for their folders.
    pub(crate) fn scope(&self, scope: &Scope, ideal: &Lockfile) -> Scope {
        let Scope::From { starts, root } = scope else { return Scope::All };
        let place = |start: &Arc<str>| match ideal.get(start) {
            Some(entry) if entry.link => entry.resolved.clone(),
            _ => Some(start.clone()),
        };
        let folders = starts.iter().filter_map(place);
        let links = starts.iter().filter(|start| self.tree.packages.contains_key(*start)).cloned();
        Scope::From { starts: folders.chain(links).collect(), root: *root }
    }
}

/// Whether the places of a tree are those of a linked one.
pub(crate) fn is_laid_out(tree: &Lockfile) -> bool {
    tree.packages.keys().any(|location| store_folder(location).is_some())
}

/// Whether a link is in the store, or its text leads there.
pub(crate) fn is_of_store(location: &str, text: &str) -> bool {
    store_folder(location).is_some() || text.split('/').any(|part| part == ".store")
}

#[cfg(test)]
mod tests;
