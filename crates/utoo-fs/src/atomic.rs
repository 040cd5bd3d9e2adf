//! Replacing a file as a whole.
//!
//! Both functions write a temporary file in the directory of the target and rename it over the target, so that every
//! reader, at any moment and also after `kill -9`, finds the old bytes or the new ones.
//!
//! **Syncing.** [`write_atomic`] does not sync: it is for what can be made again (state files, caches, the hidden
//! lockfile), where one `fsync` (1 to 20 ms on a disk) would cost more than all the rest of a no-op install. After a
//! loss of power such a file may be old, or on some file systems empty, and its readers must take that for a miss.
//! [`write_durable`] syncs the file before the rename: it is for what a person keeps (package.json, package-lock.json).
//!
//! **Litter.** A writer that is killed leaves its temporary file. It holds a lock on it for as long as it lives, so that
//! [`sweep_temporary`] tells at once whose writer is gone.

use std::fs;
use std::io::Write;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::faults::{self, Call, pass};
use crate::{FsError, Result, plain};

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
        let kept = plain::set_permissions(file.path(), metadata.permissions());
        kept.map_err(|error| FsError::io("keep the mode of", &target, error))?;
    }
    let synced = pass(Call::Sync, || target.clone()).map_err(Into::into);
    synced.and_then(|()| file.as_file().sync_all()).map_err(|error| FsError::io("sync", &target, error))?;
    rename_over(file, &target)
}

/// Removes the temporary files that killed processes left in a directory. Best effort: what cannot be listed, opened or
/// locked stays.
pub fn sweep_temporary(directory: impl AsRef<Path>) {
    let Ok(entries) = plain::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        // A link of that name is nobody's temporary file.
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        if let Ok(file) = plain::open(entry.path())
            && file.try_lock().is_ok()
        {
            // Another process may have swept it already.
            let _ = plain::remove_file(entry.path());
        }
    }
}

const PREFIX: &str = ".utoo-";
const SUFFIX: &str = ".tmp";

/// A temporary file with its writer's lock on it, where the file system has locks.
fn temporary_beside(path: &Path, mode: u32) -> Result<NamedTempFile> {
    loop {
        let file = unlocked_beside(path, mode)?;
        let unlocked = file.as_file().try_lock();
        // Whoever sweeps may have taken the file for abandoned before it was locked.
        if !matches!(unlocked, Err(fs::TryLockError::WouldBlock)) && fs::symlink_metadata(file.path()).is_ok()
        {
            return Ok(file);
        }
    }
}

fn unlocked_beside(path: &Path, mode: u32) -> Result<NamedTempFile> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let passed = pass(Call::Create, || path.to_owned()).map_err(Into::into);
    passed.and_then(|()| builder.tempfile_in(directory)).map_err(|error| FsError::io("write", path, error))
}

fn fill(file: &NamedTempFile, path: &Path, bytes: &[u8]) -> Result<()> {
    let written = faults::write(|| path.to_owned(), bytes, |bytes| file.as_file().write_all(bytes));
    written.map_err(|error| FsError::io("write", path, error))
}

fn rename_over(file: NamedTempFile, path: &Path) -> Result<()> {
    pass(Call::Rename, || path.to_owned()).map_err(|fault| FsError::io("replace", path, fault))?;
    match file.persist(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(FsError::io("replace", path, error.error)),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
