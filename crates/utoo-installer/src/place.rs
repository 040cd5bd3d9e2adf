//! Making packages beside their place, and moving them there.
//!
//! Each `node_modules` at a base (the project's, a workspace's) gets a folder `.utoo-staging` for as long as an install
//! runs. A package is made in there, whole, and renamed to its place; what is in the way is renamed into the staging
//! folder and removed with it. So a package's folder is absent or whole at every moment, and what a killed process leaves
//! is one folder, which the next one removes before it does anything. All names are relative to open directories that
//! were reached without following a link.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use utoo_fs::{Dir, EntryKind, FsError, LinkMemory, LinkRoute};
use utoo_lockfile::{Lockfile, name_of_location, parent_location, store_folder};

use crate::disk::{base_if_there, if_there, open_base, open_if_there};
use crate::linked::STORE;
use crate::plan::{bases, is_below};
use crate::select::base_of;
use crate::store::Store;
use crate::{InstallError, Result};

const STAGING: &str = ".utoo-staging";

/// One outermost `node_modules`.
pub(crate) struct Site {
    /// The folder that holds it.
    pub(crate) folder: Dir,
    /// The outermost `node_modules` itself.
    modules: Dir,
    /// The scopes in it that were opened, by name.
    scopes: Mutex<FxHashMap<String, Arc<Dir>>>,
    staging: Dir,
    /// What its file system and the store's can do together.
    pub(crate) route: LinkRoute,
}

impl Site {
    /// The folder of a scope, made where it is missing. Opened once: most scopes have several packages.
    fn scope(&self, name: &str) -> Result<Arc<Dir>> {
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scope) = scopes.get(name) {
            return Ok(scope.clone());
        }
        if scopes.len() >= OPEN_PARENTS {
            scopes.clear();
        }
        let scope = Arc::new(self.modules.ensure_dir(name)?);
        scopes.insert(name.to_owned(), scope.clone());
        Ok(scope)
    }
}

/// All places of one install.
pub(crate) struct Places {
    sites: BTreeMap<Arc<str>, Site>,
    counter: AtomicUsize,
}

impl Places {
    /// Makes the `node_modules` of these bases, and an empty staging folder in each. Obstacles must be gone.
    pub(crate) fn open<'a>(
        project: &Dir,
        bases: impl Iterator<Item = &'a str>,
        store: &Store,
        memory: &LinkMemory,
    ) -> Result<Self> {
        let mut sites = BTreeMap::new();
        for base in bases {
            let folder = open_base(project, base)?;
            let modules = folder.ensure_dir("node_modules")?;
            modules.remove_tree(STAGING)?;
            modules.create_dir(STAGING)?;
            let staging = modules.open_dir(STAGING)?;
            // The store may not exist yet; then its nearest ancestor is on its file system.
            let source = store.root().ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
            let route = memory.route(source, staging.path())?;
            let scopes = Mutex::default();
            sites.insert(base.into(), Site { folder, modules, scopes, staging, route });
        }
        Ok(Self { sites, counter: AtomicUsize::new(0) })
    }

    /// Whether they were opened for all of these bases.
    pub(crate) fn serve(&self, bases: &BTreeSet<&str>) -> bool {
        bases.iter().all(|base| self.sites.contains_key(*base))
    }

    /// The site of a location, which is one of those that the places were opened for.
    pub(crate) fn site(&self, location: &str) -> Result<&Site> {
        self.sites.get(base_of(location)).ok_or_else(|| InstallError::Location {
            location: location.into(),
            reason: "no node_modules was opened for it".into(),
        })
    }

    /// A new empty folder in the staging folder, and its name there.
    pub(crate) fn stage(&self, site: &Site) -> Result<(Staged, Dir)> {
        let name = self.counter.fetch_add(1, Ordering::Relaxed).to_string();
        site.staging.create_dir(&name)?;
        let folder = site.staging.open_dir(&name)?;
        Ok((Staged(name), folder))
    }

    /// Moves a finished package to a location directly in the outermost `node_modules`, where nothing is.
    pub(crate) fn publish(&self, site: &Site, staged: &Staged, location: &str) -> Result<()> {
        match name_of_location(location).split_once('/') {
            None => site.staging.rename(&staged.0, &site.modules, name_of_location(location))?,
            Some((scope, name)) => site.staging.rename(&staged.0, &*site.scope(scope)?, name)?,
        }
        Ok(())
    }

    /// [`Places::publish`] for many locations in order: the folders on the way are opened once.
    pub(crate) fn publisher<'a>(&'a self) -> Publisher<'a> {
        Publisher { places: self, parents: FxHashMap::default() }
    }

    /// Each `node_modules` in which things are placed, with the folder that holds it.
    pub(crate) fn modules(&self) -> impl Iterator<Item = (&Dir, &Dir)> {
        self.sites.values().map(|site| (&site.folder, &site.modules))
    }

    /// Removes the staging folders with what was moved into them.
    pub(crate) fn close(&self) -> Result<()> {
        use rayon::prelude::*;
        self.sites.par_iter().try_for_each(|(_, site)| {
            let trash = site.staging.entries()?;
            trash.par_iter().try_for_each(|entry| site.staging.remove_tree(&entry.name).map(drop))?;
            site.modules.remove_dir(STAGING)?;
            Ok(())
        })
    }

    fn trash_name(&self) -> String {
        format!("old-{}", self.counter.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Places {
    /// After an error, too, nothing is left behind; what cannot be removed now, the next install removes.
    fn drop(&mut self) {
        for site in self.sites.values() {
            let _ = site.modules.remove_tree(STAGING);
        }
    }
}

/// Removes the staging folders that installs left which died, or could not remove them. To be called with the lock held,
/// before places are opened.
pub(crate) fn sweep(project: &Dir, tree: &Lockfile) -> Result<()> {
    for base in bases(tree.packages.keys().map(|location| &**location)) {
        let modules = open_base(project, base).and_then(|folder| folder.open_dir("node_modules"));
        if let Some(modules) = if_there(modules)? {
            modules.remove_tree(STAGING)?;
        }
    }
    Ok(())
}

/// Empties the project's own `node_modules`. To be called with the lock held.
pub(crate) fn clear(project: &Dir) -> Result<()> {
    let modules = project.open_dir("node_modules")?;
    modules.remove_tree(STAGING)?;
    modules.create_dir(STAGING)?;
    let staging = modules.open_dir(STAGING)?;
    for entry in modules.entries()?.iter().filter(|entry| entry.name != Path::new(STAGING)) {
        modules.rename(&entry.name, &staging, &entry.name)?;
    }
    modules.remove_tree(STAGING)?;
    Ok(())
}

/// The name of a finished package in its site's staging folder.
pub(crate) struct Staged(String);

/// How many directories a [`Publisher`] or a [`Site`] keeps open.
const OPEN_PARENTS: usize = 128;

/// Moves things to their places, one after the other.
pub(crate) struct Publisher<'a> {
    places: &'a Places,
    /// Folders below which something was placed, by path relative to the project.
    parents: FxHashMap<String, Dir>,
}

impl Publisher<'_> {
    /// Moves a finished package to a location where nothing is but, perhaps, what the tarball of a package around it brought
    /// along there without saying so.
    pub(crate) fn place(&mut self, staged: &Staged, location: &str) -> Result<()> {
        let site = self.places.site(location)?;
        self.instead_of_strays(location, |parent, name| site.staging.rename(&staged.0, parent, name))
    }

    /// Makes a symbolic link at such a location.
    pub(crate) fn link(&mut self, text: &str, location: &str) -> Result<()> {
        self.instead_of_strays(location, |parent, name| parent.symlink(text, name))
    }

    fn instead_of_strays(
        &mut self,
        location: &str,
        make: impl Fn(&Dir, &str) -> utoo_fs::Result<()>,
    ) -> Result<()> {
        let site = self.places.site(location)?;
        let name = split(location).1;
        let made = make(self.parent(site, location)?, name);
        let is_in_package = parent_location(location).is_some_and(|parent| parent != base_of(location));
        match made {
            Err(error) if is_in_package && is_in_the_way(&error) => {
                self.clear(location)?;
                Ok(make(self.parent(site, location)?, name)?)
            }
            made => Ok(made?),
        }
    }

    /// Takes away what is at a location, and keeps what is below it and in `keep`: those are moved back with
    /// [`Publisher::restore`]. `None` where nothing was there.
    pub(crate) fn clear(&mut self, location: &str) -> Result<Option<Cleared>> {
        let site = self.places.site(location)?;
        let (parent, name) = split(location);
        let parent = match site.folder.open_dir(parent) {
            Ok(parent) => parent,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let trash = self.places.trash_name();
        self.parents.retain(|path, _| path != location && !is_below(path, location));
        match parent.rename(name, &site.staging, &trash) {
            Ok(()) => Ok(Some(Cleared { trash })),
            // Unless it is the staging folder that is gone.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && parent.kind(name)?.is_none() => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a package that lay below a cleared location back to its place.
    pub(crate) fn restore(&mut self, cleared: &Cleared, above: &str, location: &str) -> Result<()> {
        let site = self.places.site(location)?;
        let below = location.strip_prefix(above).unwrap_or(location).trim_start_matches('/');
        let parent = self.parent(site, location)?;
        Ok(site.staging.rename(Path::new(&cleared.trash).join(below), parent, split(location).1)?)
    }

    fn parent(&mut self, site: &Site, location: &str) -> Result<&Dir> {
        let whole = location.rsplit_once('/').map_or("", |(parent, _)| parent);
        if self.parents.len() >= OPEN_PARENTS {
            self.parents.clear();
        }
        if !self.parents.contains_key(whole) {
            let opened = match split(location).0.strip_prefix("node_modules/") {
                Some(below) => site.modules.ensure_dir(below)?,
                None => site.folder.ensure_dir(split(location).0)?,
            };
            self.parents.insert(whole.to_owned(), opened);
        }
        // Inserted just above.
        self.parents.get(whole).ok_or_else(|| InstallError::Location {
            location: location.into(),
            reason: "its folder could not be opened".into(),
        })
    }
}

fn is_in_the_way(error: &FsError) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory)
}

/// Where in the staging folder something went that was in the way.
pub(crate) struct Cleared {
    trash: String,
}

/// A location as the folder that holds it, relative to its base, and its name there.
fn split(location: &str) -> (&str, &str) {
    let below = location.strip_prefix(base_of(location)).unwrap_or(location).trim_start_matches('/');
    below.rsplit_once('/').unwrap_or(("", below))
}

/// Removes folders that a removal left empty: a scope's, a nested `node_modules`, one of the store of a linked tree. Not
/// those that hold anything.
pub(crate) fn remove_empty_folders(project: &Dir, removed: &[Arc<str>]) -> Result<()> {
    for location in removed {
        let Some(parent) = parent_location(location) else { continue };
        let Some(base) = base_if_there(project, base_of(location))? else { continue };
        let below = parent.strip_prefix(base_of(location)).unwrap_or(parent).trim_start_matches('/');
        let modules =
            if below.is_empty() { "node_modules".to_owned() } else { format!("{below}/node_modules") };
        if let Some(modules_dir) = open_if_there(&base, &modules)? {
            if let Some((scope, _)) = name_of_location(location).split_once('/') {
                remove_if_empty(&modules_dir, scope)?;
            }
            if !below.is_empty() {
                remove_if_empty(&modules_dir, ".bin")?;
                remove_if_empty(&base, &modules)?;
            }
        }
        if let Some(folder) = store_folder(location) {
            remove_empty_store(project, folder)?;
        }
    }
    if removed.iter().any(|location| location.starts_with(STORE)) {
        remove_if_empty(project, STORE)?;
    }
    Ok(())
}

/// A folder of a linked tree's store, and the scope that it is in.
fn remove_empty_store(project: &Dir, folder: &str) -> Result<()> {
    remove_if_empty(project, folder)?;
    match folder.rsplit_once('/') {
        Some((scope, _)) if scope != STORE => remove_if_empty(project, scope),
        _ => Ok(()),
    }
}

fn remove_if_empty(folder: &Dir, name: &str) -> Result<()> {
    if folder.kind(name)? != Some(EntryKind::Directory) {
        return Ok(());
    }
    match folder.remove_dir(name) {
        Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => removed.map(drop).map_err(Into::into),
    }
}
