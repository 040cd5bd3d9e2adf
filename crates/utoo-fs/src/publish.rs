//! A finished directory appears at once, or not at all.

use std::io::ErrorKind;
use std::path::Path;

use crate::Result;
use crate::dir::{Dir, EntryKind};

/// What [`Dir::publish`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The directory is the one that was handed in.
    Moved,
    /// A directory was there already and stays; the one handed in is removed.
    AlreadyThere,
}

impl Dir {
    /// Renames the finished directory `staged` to `target` in `to`, on one file system. One system call, except where
    /// something is missing or in the way.
    ///
    /// For content-addressed targets: where a non-empty directory is at `target`, another process was faster with the same
    /// content, and that one stays. A file or a symbolic link at `target` is removed first; it is never followed. The
    /// target's parent is created where missing.
    ///
    /// # Errors
    ///
    /// [`crate::FsError::Io`] with `target`; `staged` stays where it is then, and is the caller's to remove.
    pub fn publish(
        &self,
        staged: impl AsRef<Path>,
        to: &Self,
        target: impl AsRef<Path>,
    ) -> Result<Published> {
        let (staged, target) = (staged.as_ref(), target.as_ref());
        let first = match self.rename(staged, to, target) {
            Ok(()) => return Ok(Published::Moved),
            Err(error) => error,
        };
        match first.kind() {
            ErrorKind::NotFound => create_parent(to, target)?,
            ErrorKind::NotADirectory
            | ErrorKind::AlreadyExists
            | ErrorKind::DirectoryNotEmpty
            | ErrorKind::IsADirectory => {
                if is_directory(to, target) {
                    return self.keep_existing(staged);
                }
                to.remove_file(target)?;
            }
            _ => return Err(first),
        }
        match self.rename(staged, to, target) {
            Ok(()) => Ok(Published::Moved),
            // Another process published between the two attempts.
            Err(_) if is_directory(to, target) => self.keep_existing(staged),
            Err(error) => Err(error),
        }
    }

    fn keep_existing(&self, staged: &Path) -> Result<Published> {
        self.remove_tree(staged)?;
        Ok(Published::AlreadyThere)
    }
}

fn is_directory(to: &Dir, target: &Path) -> bool {
    matches!(to.kind(target), Ok(Some(EntryKind::Directory)))
}

fn create_parent(to: &Dir, target: &Path) -> Result<()> {
    match target.parent() {
        Some(parent) if parent != Path::new("") => to.ensure_dir(parent).map(drop),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
