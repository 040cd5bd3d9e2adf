//! Reading every byte of the store again: what `utoo store verify` does.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::index::INDEX;
use super::{PackageIndex, Store};
use crate::{InstallError, Result};

/// An entry of the store that is not what its index says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The entry's folder.
    pub entry: PathBuf,
    /// The first file that is wrong, relative to the package; `None` where the index itself is.
    pub file: Option<String>,
}

impl Store {
    /// How many packages there are.
    ///
    /// # Errors
    ///
    /// Where a folder of the store cannot be listed.
    pub fn count(&self) -> Result<usize> {
        entries(self.root()).map(|entries| entries.len())
    }

    /// Checks size and checksum of every file of every entry, and removes the entries that are damaged: the next
    /// install fetches them afresh. Gives what was removed, in order of path.
    ///
    /// # Errors
    ///
    /// Where a folder of the store cannot be listed, or a damaged entry cannot be removed.
    pub fn verify(&self) -> Result<Vec<Damage>> {
        self.verify_each(&|| {})
    }

    /// [`Store::verify`], telling of each entry that was read; from several threads.
    ///
    /// # Errors
    ///
    /// As [`Store::verify`].
    pub fn verify_each(&self, checked: &(dyn Fn() + Sync)) -> Result<Vec<Damage>> {
        let entries = entries(self.root())?;
        let look = |entry: &PathBuf| {
            let damage = damage_of(entry);
            checked();
            damage
        };
        let mut damages: Vec<_> = entries.par_iter().filter_map(look).collect();
        damages.sort_by(|a, b| a.entry.cmp(&b.entry));
        for damage in &damages {
            utoo_fs::remove_dir_all(&damage.entry)?;
        }
        Ok(damages)
    }
}

/// The folders of all packages.
pub(super) fn entries(root: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for algorithm in folders(root)? {
        if algorithm.ends_with("tmp") {
            continue;
        }
        entries.extend(folders(&algorithm)?);
    }
    Ok(entries)
}

fn damage_of(entry: &Path) -> Option<Damage> {
    let damage = |file: Option<&str>| Some(Damage { entry: entry.to_owned(), file: file.map(Into::into) });
    let Some(index) = utoo_fs::read(entry.join(INDEX)).ok().and_then(|bytes| PackageIndex::parse(&bytes))
    else {
        return damage(None);
    };
    for file in index.files() {
        let is = |bytes: &[u8]| bytes.len() as u64 == file.size && crc32fast::hash(bytes) == file.crc32;
        let whole = utoo_fs::read(file.path_in(entry)).is_ok_and(|bytes| is(&bytes));
        if !whole {
            return damage(Some(file.path));
        }
    }
    None
}

fn folders(path: &Path) -> Result<Vec<PathBuf>> {
    let entries = match utoo_fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(InstallError::io("list", path, error)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| InstallError::io("list", path, error))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}
