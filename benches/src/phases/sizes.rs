//! What managers leave on the disk.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Sizes in bytes, as `stat` gives them: of files, not of the blocks under them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sizes {
    /// The whole home of the manager.
    pub cache: u64,
    /// `node_modules`; 0 where there is none.
    pub modules: u64,
    /// The lockfile.
    pub lock: u64,
}

impl Sizes {
    /// Looks. What cannot be read counts as nothing.
    pub(crate) fn of(home: &Path, modules: &Path, lock: &Path) -> Self {
        let lock = fs::metadata(lock).map_or(0, |lock| lock.len());
        Self { cache: size_of(home), modules: size_of(modules), lock }
    }
}

/// The files below a folder, each inode once, links not followed.
fn size_of(folder: &Path) -> u64 {
    let (mut size, mut seen) = (0, HashSet::new());
    let mut open: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                open.push(entry.path());
            } else if metadata.nlink() < 2 || seen.insert(metadata.ino()) {
                size += metadata.len();
            }
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_two_names_counts_once_and_a_missing_folder_counts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (home, modules) = (folder.path().join("home"), folder.path().join("none"));
        fs::create_dir_all(home.join("deep")).unwrap();
        utoo_fs::write_atomic(home.join("deep/a"), b"12345").unwrap();
        fs::hard_link(home.join("deep/a"), home.join("b")).unwrap();
        utoo_fs::write_atomic(home.join("c"), b"123").unwrap();
        let sizes = Sizes::of(&home, &modules, &home.join("c"));
        assert_eq!(sizes, Sizes { cache: 8, modules: 0, lock: 3 });
    }
}
