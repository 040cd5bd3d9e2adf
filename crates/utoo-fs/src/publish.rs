//! A finished directory appears at once, or not at all.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::{FsError, Result, plain, remove_dir_all};

/// What [`publish_dir`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The directory is the one that was handed in.
    Moved,
    /// A directory was there already and stays; the one handed in is removed.
    AlreadyThere,
}

/// Renames the finished directory `staged` to `target`, on one file system.
///
/// For content-addressed targets: where a non-empty directory is at `target`, another process was faster with the same
/// content, and that one stays. A file or a symbolic link at `target` is removed first; it is never followed. The
/// target's parent is created where missing.
///
/// # Errors
///
/// [`FsError::Io`] with `target`; `staged` stays where it is then, and is the caller's to remove.
pub fn publish_dir(staged: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<Published> {
    let (staged, target) = (staged.as_ref(), target.as_ref());
    let first = match plain::rename(staged, target) {
        Ok(()) => return Ok(Published::Moved),
        Err(error) => error,
    };
    match first.kind() {
        ErrorKind::NotFound => create_parent(target)?,
        ErrorKind::NotADirectory
        | ErrorKind::AlreadyExists
        | ErrorKind::DirectoryNotEmpty
        | ErrorKind::IsADirectory => {
            if is_directory(target) {
                return keep_existing(staged);
            }
            let removed = plain::remove_file(target);
            removed.or_else(absent).map_err(|error| FsError::io("remove", target, error))?;
        }
        _ => return Err(FsError::io("move into place", target, first)),
    }
    match plain::rename(staged, target) {
        Ok(()) => Ok(Published::Moved),
        // Another process published between the two attempts.
        Err(_) if is_directory(target) => keep_existing(staged),
        Err(error) => Err(FsError::io("move into place", target, error)),
    }
}

fn keep_existing(staged: &Path) -> Result<Published> {
    remove_dir_all(staged)?;
    Ok(Published::AlreadyThere)
}

fn is_directory(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

fn create_parent(target: &Path) -> Result<()> {
    let parent = target.parent().unwrap_or(Path::new(""));
    plain::create_dir_all(parent).map_err(|error| FsError::io("create", parent, error))
}

fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
