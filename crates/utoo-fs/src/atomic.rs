//! Replacing a file as a whole.
//!
//! Both functions write a temporary file in the directory of the target and rename it over the target, so that every
//! reader, at any moment and also after `kill -9`, finds the old bytes or the new ones.
//!
//! **Syncing.** [`write_atomic`] does not sync: it is for what can be made again (state files, caches, the hidden
//! lockfile), where one `fsync` (1 to 20 ms on a disk) would cost more than all the rest of a no-op install. After a
//! loss of power such a file may be old, or on some file systems empty, and its readers must take that for a miss.
//! [`write_durable`] syncs the file before the rename: it is for what a person keeps (package.json, package-lock.json).

use std::fs;
use std::io::Write;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::{FsError, Result};

/// Replaces `path` by a file with these bytes, mode 0666 less the umask.
///
/// A symbolic link at `path` is replaced, not followed. The directory must exist. Not synced: see the module.
///
/// # Errors
///
/// [`FsError::Io`] with `path`; the temporary file is gone then, and the target as it was.
pub fn write_atomic(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<()> {
    write_atomic_with_mode(path, bytes, 0o666)
}

/// [`write_atomic`] with a mode of one's own, less the umask (Unix; elsewhere the mode does not count).
///
/// # Errors
///
/// As [`write_atomic`].
pub fn write_atomic_with_mode(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>, mode: u32) -> Result<()> {
    let path = path.as_ref();
    let file = temporary_beside(path, mode)?;
    fill(&file, path, bytes.as_ref())?;
    rename_over(file, path)
}

/// Replaces a file that a person keeps: synced to the disk before it appears, with the mode of the file that was
/// there, and behind a symbolic link if `path` is one (npm too writes through a linked package.json).
///
/// # Errors
///
/// [`FsError::Io`] with the path of the file that could not be replaced.
pub fn write_durable(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<()> {
    let path = path.as_ref();
    // A missing file is created at `path`, as is the missing target of a dangling link: there is nothing to follow.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let file = temporary_beside(&target, 0o666)?;
    fill(&file, &target, bytes.as_ref())?;
    if let Ok(metadata) = fs::metadata(&target) {
        let kept = fs::set_permissions(file.path(), metadata.permissions());
        kept.map_err(|error| FsError::io("keep the mode of", &target, error))?;
    }
    file.as_file().sync_all().map_err(|error| FsError::io("sync", &target, error))?;
    rename_over(file, &target)
}

fn temporary_beside(path: &Path, mode: u32) -> Result<NamedTempFile> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = Builder::new();
    builder.prefix(".utoo-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder.tempfile_in(directory).map_err(|error| FsError::io("write", path, error))
}

fn fill(file: &NamedTempFile, path: &Path, bytes: &[u8]) -> Result<()> {
    file.as_file().write_all(bytes).map_err(|error| FsError::io("write", path, error))
}

fn rename_over(file: NamedTempFile, path: &Path) -> Result<()> {
    match file.persist(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(FsError::io("replace", path, error.error)),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
