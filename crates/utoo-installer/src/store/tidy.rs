//! Looking over the whole store: what `utoo store prune` and `utoo cache ls` do.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::index::INDEX;
use super::verify::entries;
use super::{PackageIndex, Store};
use crate::{InstallError, Result};

/// A package in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreEntry {
    /// Its folder.
    pub entry: PathBuf,
    /// Its own name; empty where its package.json has none.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// How many files it has.
    pub files: usize,
    /// Their size together.
    pub bytes: u64,
}

/// Whether a removal is only reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Things are removed.
    Do,
    /// Nothing is (`dry-run`).
    Reckon,
}

impl Store {
    /// Every package in the store, by name, version and place. Entries that do not read are left to
    /// [`Store::verify`].
    ///
    /// # Errors
    ///
    /// Where a folder of the store cannot be listed.
    pub fn list(&self) -> Result<Vec<StoreEntry>> {
        let mut all: Vec<_> = entries(self.root())?.par_iter().filter_map(|entry| read(entry)).collect();
        all.sort_by(|a, b| (&a.name, &a.version, &a.entry).cmp(&(&b.name, &b.version, &b.entry)));
        Ok(all)
    }

    /// Removes the packages of which no project has a file: those whose files have no other name on the file system.
    /// Where files come to projects as clones or copies nothing tells, and the package goes too; projects keep working,
    /// and whoever needs it fetches it again. Gives what was removed, in the order of [`Store::list`].
    ///
    /// # Errors
    ///
    /// Where a folder of the store cannot be listed, or an entry cannot be removed.
    pub fn prune(&self, removal: Removal) -> Result<Vec<StoreEntry>> {
        self.sweep();
        let mut unused = self.list()?;
        unused.retain(|entry| !is_linked(&entry.entry));
        if removal == Removal::Do {
            unused.par_iter().try_for_each(|entry| {
                let trash = self.shared.session.next()?.path();
                utoo_fs::rename(&entry.entry, &trash)
                    .map_err(|error| InstallError::io("remove", &entry.entry, error))?;
                utoo_fs::remove_dir_all(&trash).map_err(InstallError::from)
            })?;
            self.end_session();
        }
        Ok(unused)
    }
}

fn read(entry: &Path) -> Option<StoreEntry> {
    let index = utoo_fs::read(entry.join(INDEX)).ok().and_then(|bytes| PackageIndex::parse(&bytes))?;
    let facts = index.facts();
    let (files, bytes) = index.files().fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.size));
    Some(StoreEntry { entry: entry.to_owned(), name: facts.name, version: facts.version, files, bytes })
}

/// Whether a file of the package has a second name, which only a project can have given it. A package is linked as a
/// whole, but for files that a script or a mode needed a copy of: so the first few tell.
fn is_linked(entry: &Path) -> bool {
    let Some(index) = utoo_fs::read(entry.join(INDEX)).ok().and_then(|bytes| PackageIndex::parse(&bytes))
    else {
        return true;
    };
    let mut first = index.files().take(16).map(|file| file.path_in(entry).symlink_metadata());
    first.any(|found| found.is_ok_and(|found| found.nlink() > 1))
}
