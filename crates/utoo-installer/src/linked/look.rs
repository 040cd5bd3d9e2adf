//! What is in the store on disk, and what in a linked `node_modules` is nobody's business.

use std::path::Path;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use utoo_fs::{Dir, EntryKind};
use utoo_lockfile::{Lockfile, parent_location, store_folder};

use super::STORE;
use crate::Result;
use crate::disk::{GONE, base_if_there, if_there};
use crate::installer::normalized;
use crate::plan::{DiskState, Found, is_below};
use crate::select::base_of;

/// The folders of the store that are there, and folders.
pub(crate) type Present = FxHashSet<Arc<str>>;

/// Lists the store. What it has and the tree has not is found, so that it goes; where the tree has none, the whole of it.
pub(crate) fn list_store(project: &Dir, tree: &Lockfile, disk: &mut DiskState) -> Result<Present> {
    let wanted: FxHashSet<&str> =
        tree.packages.keys().filter_map(|location| store_folder(location)).collect();
    let mut look = Look { wanted, present: Present::default(), disk };
    match project.kind(STORE)? {
        None => {}
        Some(EntryKind::Directory) if !look.wanted.is_empty() => {
            if let Some(store) = if_there(project.open_dir(STORE))? {
                look.at(&store, STORE, None)?;
            }
        }
        Some(kind) => look.note(STORE, kind),
    }
    Ok(look.present)
}

struct Look<'a> {
    wanted: FxHashSet<&'a str>,
    present: Present,
    disk: &'a mut DiskState,
}

impl Look<'_> {
    /// The entries of the store, or of a scope in it.
    fn at(&mut self, folder: &Dir, path: &str, scope: Option<&str>) -> Result<()> {
        let entries = folder.entries()?;
        if entries.is_empty() && scope.is_some() {
            self.disk.emptied.push(format!("{path}/{GONE}").into());
        }
        for entry in entries {
            let Some(name) = entry.name.to_str() else { continue };
            let below = format!("{path}/{name}");
            match entry.kind {
                EntryKind::Directory if scope.is_none() && name.starts_with('@') => {
                    if let Some(scoped) = if_there(folder.open_dir(name))? {
                        self.at(&scoped, &below, Some(name))?;
                    }
                }
                kind => self.note(&below, kind),
            }
        }
        Ok(())
    }

    /// A folder that the tree wants is looked into later; a link or a file in its place is in the way.
    fn note(&mut self, path: &str, kind: EntryKind) {
        let is_wanted = self.wanted.iter().any(|folder| *folder == path || is_below(folder, path));
        match kind {
            EntryKind::Directory if is_wanted => _ = self.present.insert(path.into()),
            _ if is_wanted => self.disk.obstacles.push(path.into()),
            _ => _ = self.disk.found.insert(path.into(), Found::Folder),
        }
    }
}

/// Leaves alone, as npm does for a linked tree, what nobody knows in the `node_modules` of the project and its folders:
/// links to outside of the project, and folders that are no packages.
pub(crate) fn leave_foreign(project: &Dir, tree: &Lockfile, disk: &mut DiskState) -> Result<()> {
    let mut foreign: Vec<Arc<str>> = Vec::new();
    for (location, found) in &disk.found {
        let is_known = tree.packages.contains_key(location) || disk.listed.contains_key(location);
        if is_known || location.starts_with(STORE) {
            continue;
        }
        let is_foreign = match found {
            Found::Link(text) => leads_out(project.path(), location, text),
            Found::Folder => !is_package(project, location)?,
            Found::Listed | Found::Other => false,
        };
        if is_foreign {
            foreign.push(location.clone());
        }
    }
    for location in foreign {
        disk.found.remove(&location);
    }
    Ok(())
}

fn leads_out(project: &Path, location: &str, text: &str) -> bool {
    let Some((parent, _)) = location.rsplit_once('/') else { return false };
    let root = normalized(project);
    !normalized(&root.join(parent).join(text)).starts_with(&root)
}

fn is_package(project: &Dir, location: &str) -> Result<bool> {
    let base = base_of(location);
    let below = location.strip_prefix(base).unwrap_or(location).trim_start_matches('/');
    let Some(folder) = base_if_there(project, base)? else { return Ok(false) };
    Ok(folder.kind(Path::new(below).join("package.json"))?.is_some())
}

/// Folders of the project whose `node_modules` a linked tree may have links in, or had.
pub(crate) fn folders(tree: &Lockfile) -> impl Iterator<Item = Arc<str>> {
    let folders = tree.packages.keys().filter(|location| parent_location(location).is_none());
    folders.filter(|location| !location.starts_with("..")).cloned()
}
