//! Removing whatever is at a path.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::{FsError, Result};

/// How often a tree that others still write to, or that has read-only directories, is tried again.
const ATTEMPTS: usize = 4;

/// Removes what is at `path`: a tree, a file, or a symbolic link (itself; links are never followed, at no depth, also
/// when a directory is swapped for a link while this runs). Nothing there is success.
///
/// Directories without write permission are opened up first: packages ship such, and npm removes them too.
///
/// # Errors
///
/// [`FsError::Io`] with `path`.
pub fn remove_dir_all(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let mut last = match attempt(path) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    for _ in 1..ATTEMPTS {
        match last.kind() {
            ErrorKind::PermissionDenied => open_up(path),
            ErrorKind::DirectoryNotEmpty => {}
            _ => break,
        }
        match attempt(path) {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(FsError::io("remove", path, last))
}

fn attempt(path: &Path) -> io::Result<()> {
    // The standard library walks by descriptor and with O_NOFOLLOW (its answer to CVE-2022-21658).
    let removed = match fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotADirectory => fs::remove_file(path),
        removed => removed,
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Gives the owner all rights on every directory of the tree. What cannot be changed shows at the next attempt.
#[cfg(unix)]
fn open_up(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = fs::symlink_metadata(path) else { return };
    if !metadata.is_dir() {
        return;
    }
    let mode = metadata.permissions().mode();
    if mode & 0o700 != 0o700 {
        let _ = fs::set_permissions(path, PermissionsExt::from_mode(mode | 0o700));
    }
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

#[cfg(not(unix))]
fn open_up(_: &Path) {}

#[cfg(test)]
#[cfg(unix)]
mod tests;
