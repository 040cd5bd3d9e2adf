//! Removing whatever is at a path.

use std::io::ErrorKind;
use std::path::Path;

#[cfg(unix)]
use crate::Dir;
use crate::{FsError, Result};

/// Removes what is at `path`: a tree, a file, or a symbolic link (itself; links are never followed, at no depth, also
/// when a directory is swapped for a link while this runs). Nothing there is success.
///
/// Directories without write permission are opened up first: packages ship such, and npm removes them too.
///
/// # Errors
///
/// [`FsError::Io`] with what of the tree could not be removed.
#[cfg(unix)]
pub fn remove_dir_all(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let Some(name) = path.file_name() else {
        return Err(FsError::io("remove", path, ErrorKind::InvalidInput));
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match Dir::open(parent) {
        Ok(parent) => parent.remove_tree(name).map(drop),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes what is at `path`: a tree, a file, or a symbolic link itself. Nothing there is success.
///
/// # Errors
///
/// [`FsError::Io`] with `path`.
#[cfg(not(unix))]
pub fn remove_dir_all(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let removed = match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotADirectory => std::fs::remove_file(path),
        removed => removed,
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|error| FsError::io("remove", path, error)),
    }
}

/// Gives the owner all rights on every directory of the tree. What cannot be changed shows at the next attempt.
#[cfg(unix)]
pub(crate) fn open_up(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return };
    if !metadata.is_dir() {
        return;
    }
    let mode = metadata.permissions().mode();
    if mode & 0o700 != 0o700 {
        let _ = crate::set_permissions(path, PermissionsExt::from_mode(mode | 0o700));
    }
    let Ok(entries) = crate::read_dir(path) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
