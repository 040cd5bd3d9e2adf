//! Which packages of the tree belong on this machine's disk: all but those that `--omit` leaves out, and those optional
//! ones that do not run here. Pure.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;
use utoo_lockfile::{Entry, LocationKind, Lockfile, name_of_location, validate_installed_location};
use utoo_types::{
    EngineMismatch, Engines, Omit, Platform, PlatformList, PlatformLists, PlatformMismatch, Platforms,
    WantedBy,
};

use crate::{InstallError, Result};

/// What to do with a package that is not optional and does not run here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlatformCheck {
    /// Refuse the install: `EBADPLATFORM`.
    #[default]
    Enforce,
    /// Install it all the same (`--force`).
    Ignore,
}

/// What to do with a package that is not optional and that this node or npm is not for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineCheck {
    /// Install it all the same.
    #[default]
    Ignore,
    /// Refuse the install: `EBADENGINE` (`--engine-strict`).
    Enforce,
    /// The same, but any node will do (`--engine-strict --force`).
    EnforceNpm,
}

/// What packages are held to.
#[derive(Debug, Clone)]
pub struct Fitness {
    /// The machine, and what optional packages are chosen for.
    pub platforms: Platforms,
    /// What becomes of a plain package that is for another machine.
    pub platform_check: PlatformCheck,
    /// The node and npm that packages will run under; what is `None` is not checked.
    pub engines: Engines,
    /// What becomes of a plain package that is for other ones.
    pub engine_check: EngineCheck,
}

impl Default for Fitness {
    /// This machine, any node.
    fn default() -> Self {
        Self {
            platforms: Platforms::both(Platform::current()),
            platform_check: PlatformCheck::default(),
            engines: Engines::default(),
            engine_check: EngineCheck::default(),
        }
    }
}

/// Which part of the tree an install is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    #[default]
    All,
    /// What can be reached from these locations, in the tree and in what is installed (`--workspace`, `--no-workspaces`).
    /// Everything else on disk stays as it is.
    From {
        /// Links of the selected workspaces, and what the project itself depends on if that is meant.
        starts: Vec<Arc<str>>,
        /// Whether the project is meant: what stands in its `node_modules` and has left the tree then goes.
        root: bool,
    },
}

/// The packages to have on disk.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Locations below a `node_modules`, links included.
    pub(crate) wanted: FxHashSet<Arc<str>>,
    /// Locations that are in the tree and not wanted.
    pub(crate) left_out: FxHashSet<Arc<str>>,
    /// The locations that the install is about; nothing for all.
    pub(crate) scope: Option<FxHashSet<Arc<str>>>,
}

impl Selection {
    /// Whether the install is about this location.
    pub(crate) fn touches(&self, location: &str) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.contains(location))
    }

    /// Keeps to a part of the tree; `installed` is the hidden lockfile.
    pub(crate) fn limit(&mut self, scope: &Scope, tree: &Lockfile, installed: &Lockfile) {
        let Scope::From { starts, root } = scope else { return };
        let mut reached = reachable(tree, starts.clone(), &FxHashSet::default());
        reached.extend(reachable(installed, starts.clone(), &FxHashSet::default()));
        if *root {
            let gone = installed.packages.keys().filter(|at| !tree.packages.contains_key(*at));
            reached.extend(gone.filter(|at| utoo_lockfile::parent_location(at) == Some("")).cloned());
        }
        self.wanted.retain(|location| reached.contains(location));
        self.left_out.retain(|location| reached.contains(location));
        self.scope = Some(reached);
    }
}

/// Chooses, and refuses locations that lead out of the project. `inert` are optional packages of which is known already
/// that they cannot be here.
pub(crate) fn select(
    tree: &Lockfile,
    omit: Omit,
    fitness: &Fitness,
    inert: &FxHashSet<Arc<str>>,
) -> Result<Selection> {
    validate(tree)?;
    let mut failed = failing(tree, omit, fitness)?;
    failed.extend(inert.iter().cloned());
    let broken = with_dependents(tree, failed);
    let orphaned = orphans(tree, &broken);
    let mut selection = Selection::default();
    for (location, entry) in &tree.packages {
        if !is_in_modules(location) {
            continue;
        }
        let out = is_omitted(entry, omit) || broken.contains(location) || orphaned.contains(location);
        let set = if out { &mut selection.left_out } else { &mut selection.wanted };
        set.insert(location.clone());
    }
    Ok(selection)
}

/// Whether a location is a package's place, and not the root's or a workspace's folder.
pub(crate) fn is_in_modules(location: &str) -> bool {
    utoo_lockfile::parent_location(location).is_some()
}

/// The folder that holds the outermost `node_modules` of a location: `""` for most, `packages/a` for what a workspace
/// has of its own, `../b` for a linked folder outside the project.
pub(crate) fn base_of(location: &str) -> &str {
    if location.starts_with("node_modules/") {
        return "";
    }
    location.find("/node_modules/").map_or(location, |at| &location[..at])
}

pub(crate) fn validate(tree: &Lockfile) -> Result<()> {
    let mut targets = FxHashSet::default();
    for entry in tree.packages.values().filter(|entry| entry.link) {
        targets.extend(entry.resolved.as_deref());
    }
    for location in tree.packages.keys() {
        let refuse =
            |reason: &str| InstallError::Location { location: location.clone(), reason: reason.to_owned() };
        match validate_installed_location(location).map_err(|error| refuse(error.reason))? {
            LocationKind::Outside if !targets.contains(base_of(location)) => {
                return Err(refuse("it is outside the project, and no link of the lockfile leads there"));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(crate) fn is_omitted(entry: &Entry, omit: Omit) -> bool {
    let Entry { dev, optional, dev_optional, peer, .. } = *entry;
    omit.leaves_out(WantedBy { dev, optional, dev_optional, peer })
}

/// The packages that do not run here, all of them optional. What is left out is not looked at, nor is what comes with
/// another's tarball, which is unpacked whole: whether that may be is the resolver's to say.
fn failing(tree: &Lockfile, omit: Omit, fitness: &Fitness) -> Result<FxHashSet<Arc<str>>> {
    let mut failing = FxHashSet::default();
    for (location, entry) in &tree.packages {
        if entry.link || entry.in_bundle || is_omitted(entry, omit) {
            continue;
        }
        let platform = check_platform(entry, fitness.platforms.of(entry.optional));
        let engine = check_engines(entry, fitness);
        if entry.optional {
            if platform.is_err() || engine.is_err() || !is_readable(entry) {
                failing.insert(location.clone());
            }
            continue;
        }
        let package = || label_of(location, entry);
        match (platform, engine) {
            (_, Err(mismatch)) if fitness.engine_check != EngineCheck::Ignore => {
                return Err(InstallError::Engine { package: package(), mismatch });
            }
            (Err(mismatch), _) if fitness.platform_check == PlatformCheck::Enforce => {
                return Err(InstallError::Platform { package: package(), mismatch });
            }
            _ => {}
        }
    }
    Ok(failing)
}

/// Force is for what is required: optional packages for another node are left out all the same.
fn check_engines(entry: &Entry, fitness: &Fitness) -> Result<(), EngineMismatch> {
    let any_node = Engines { node: None, npm: fitness.engines.npm.clone() };
    let forced = fitness.engine_check == EngineCheck::EnforceNpm && !entry.optional;
    let engines = if forced { &any_node } else { &fitness.engines };
    engines.check_value(entry.engines.as_deref())
}

fn check_platform(entry: &Entry, platform: &Platform) -> Result<(), PlatformMismatch> {
    if entry.os.is_none() && entry.cpu.is_none() && entry.libc.is_none() {
        return Ok(());
    }
    platform.check(&PlatformLists {
        os: list(entry.os.as_deref()),
        cpu: list(entry.cpu.as_deref()),
        libc: list(entry.libc.as_deref()),
    })
}

/// Whether npm can read what the entry says of platforms. It stumbles over what is neither a text nor a list, and so takes an
/// optional package for one that does not fit.
fn is_readable(entry: &Entry) -> bool {
    let is_list = |value: &Arc<Value>| matches!(**value, Value::Null | Value::String(_) | Value::Array(_));
    [&entry.os, &entry.cpu, &entry.libc].into_iter().flatten().all(is_list)
}

/// A list of texts, or one text, as the lockfile passes it through.
fn list(value: Option<&Value>) -> Option<PlatformList<'_>> {
    match value? {
        Value::String(text) => Some(std::iter::once(text.as_str()).collect()),
        Value::Array(texts) => Some(texts.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

/// `name@version`, for messages: the name of the package itself where the location is an alias.
pub(crate) fn label_of(location: &str, entry: &Entry) -> String {
    format!("{}@{}", entry.package_name(location), entry.version.as_deref().unwrap_or("?"))
}

/// Adds everyone who cannot do without one of `failed`: whoever depends on one in another way than optionally, and so
/// on; and links to one, of which a linked tree is made. What the root or a workspace depends on stays within: they are
/// installed in any case.
fn with_dependents(tree: &Lockfile, failed: FxHashSet<Arc<str>>) -> FxHashSet<Arc<str>> {
    let mut broken = failed;
    loop {
        let leads_to_broken = |entry: &Entry| {
            entry.link && entry.resolved.as_ref().is_some_and(|target| broken.contains(target))
        };
        let links = tree.packages.iter().filter(|(_, entry)| leads_to_broken(entry));
        let links: Vec<Arc<str>> = links.map(|(location, _)| location.clone()).collect();
        broken.extend(links);
        let names: FxHashSet<String> = broken.iter().map(|at| name_of_location(at).to_owned()).collect();
        let before = broken.len();
        for (location, entry) in &tree.packages {
            let may_go = entry.optional || entry.dev_optional;
            if names.is_empty() || !may_go || !is_in_modules(location) || broken.contains(location) {
                continue;
            }
            let needs_broken = required(entry).any(|name| {
                names.contains(name)
                    && tree.resolve(location, name).is_some_and(|(found, _)| broken.contains(found))
            });
            if needs_broken {
                broken.insert(location.clone());
            }
        }
        if broken.len() == before {
            return broken;
        }
    }
}

/// The names of what a package cannot do without.
fn required(entry: &Entry) -> impl Iterator<Item = &str> {
    let needs = |name: &str| entry.optional_dependencies.get(name).is_none();
    let is_optional_peer = |name: &str| {
        let mut metas = entry.peer_dependencies_meta.iter();
        metas.any(|(peer, meta)| peer.as_str() == name && meta["optional"] == true)
    };
    let plain = entry.dependencies.iter().map(|(name, _)| name.as_str()).filter(move |name| needs(name));
    let peers = entry.peer_dependencies.iter().map(|(name, _)| name.as_str());
    plain.chain(peers.filter(move |name| !is_optional_peer(name)))
}

/// Dependencies that only the broken packages need: reached before, and not any more without them.
fn orphans(tree: &Lockfile, broken: &FxHashSet<Arc<str>>) -> FxHashSet<Arc<str>> {
    let has_dependencies = |at: &Arc<str>| {
        tree.packages
            .get(at)
            .is_some_and(|entry| !entry.dependencies.is_empty() || !entry.optional_dependencies.is_empty())
    };
    if !broken.iter().any(has_dependencies) {
        return FxHashSet::default();
    }
    let folders = || tree.packages.keys().filter(|location| !is_in_modules(location)).cloned().collect();
    let mut all = reachable(tree, folders(), &FxHashSet::default());
    for still in reachable(tree, folders(), broken) {
        all.remove(&still);
    }
    all
}

/// `starts`, and all that they lead to by dependencies and links.
fn reachable(tree: &Lockfile, starts: Vec<Arc<str>>, without: &FxHashSet<Arc<str>>) -> FxHashSet<Arc<str>> {
    let mut seen: FxHashSet<Arc<str>> = starts.iter().cloned().collect();
    let mut open = starts;
    while let Some(location) = open.pop() {
        let Some(entry) = tree.packages.get(&location) else { continue };
        let target = entry.resolved.clone().filter(|_| entry.link);
        open.extend(target.filter(|target| seen.insert(target.clone())));
        let sets = [
            &entry.dependencies,
            &entry.dev_dependencies,
            &entry.optional_dependencies,
            &entry.peer_dependencies,
        ];
        for (name, _) in sets.into_iter().flatten() {
            let Some((found, _)) = tree.resolve(&location, name.as_str()) else { continue };
            if !without.contains(found) && seen.insert(found.clone()) {
                open.push(found.clone());
            }
        }
    }
    seen
}

/// For each bundled package the one whose tarball brings it; packages that the root bundles are fetched as any other.
pub(crate) fn bundlers(tree: &Lockfile) -> FxHashMap<Arc<str>, Arc<str>> {
    let mut bundlers = FxHashMap::default();
    for (location, _) in tree.packages.iter().filter(|(_, entry)| entry.in_bundle) {
        let mut place = utoo_lockfile::parent_location(location);
        while let Some(above) = place {
            match tree.packages.get_key_value(above) {
                Some((bundler, entry)) if !entry.in_bundle => {
                    if is_in_modules(bundler) {
                        bundlers.insert(location.clone(), bundler.clone());
                    }
                    break;
                }
                _ => place = utoo_lockfile::parent_location(above),
            }
        }
    }
    bundlers
}

/// What comes inside a package's tarball and belongs on disk, by the package's location.
pub(crate) fn bundled(
    bundlers: &FxHashMap<Arc<str>, Arc<str>>,
    selection: &Selection,
) -> FxHashMap<Arc<str>, Vec<Arc<str>>> {
    let mut bundled: FxHashMap<Arc<str>, Vec<Arc<str>>> = FxHashMap::default();
    for (location, bundler) in bundlers.iter().filter(|(location, _)| selection.wanted.contains(*location)) {
        bundled.entry(bundler.clone()).or_default().push(location.clone());
    }
    bundled.values_mut().for_each(|locations| locations.sort());
    bundled
}

#[cfg(test)]
mod tests;
