//! One process at a time in a directory.
//!
//! The lock is the kernel's (`flock`, `LockFileEx`) on a file that the caller names, so it ends with the process that
//! holds it, however that ends: there is no stale lock to break and no age to guess. The file itself stays when the
//! lock is released, since removing it would let two processes lock two different files of one name; where someone
//! else removes it (`rm -rf node_modules`), the waiter notices that its file is no longer the one at that path.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::faults::{Call, pass};
use crate::{FsError, Result, plain};

/// How often a held lock is tried before the caller's notice is due; after it, the wait is the kernel's.
const POLL: Duration = Duration::from_millis(5);

/// A lock, held from [`DirLock::acquire`] or [`DirLock::try_acquire`] until it is dropped or the process ends.
#[derive(Debug)]
pub struct DirLock {
    path: PathBuf,
    /// Closing it releases the lock.
    _file: File,
}

impl DirLock {
    /// Takes the lock on the file at `path`, which is created with its directory where missing; waits while another
    /// process (or another `DirLock` of this one) holds it. `on_wait` is called once, when the wait has lasted
    /// `notice_after`.
    ///
    /// This blocks its thread: off the async runtime, please.
    ///
    /// # Errors
    ///
    /// [`FsError::Io`] where the file cannot be made or the file system has no locks.
    pub fn acquire(path: impl AsRef<Path>, notice_after: Duration, on_wait: impl FnOnce()) -> Result<Self> {
        let path = path.as_ref();
        let start = Instant::now();
        while start.elapsed() < notice_after {
            if let Some(lock) = Self::try_acquire(path)? {
                return Ok(lock);
            }
            thread::sleep(POLL.min(notice_after));
        }
        if let Some(lock) = Self::try_acquire(path)? {
            return Ok(lock);
        }
        on_wait();
        loop {
            let file = open(path)?;
            wait_for(&file, path)?;
            if is_still_at(&file, path) {
                return Ok(Self { path: path.to_owned(), _file: file });
            }
        }
    }

    /// Takes the lock if nobody holds it, else gives `None` at once.
    ///
    /// # Errors
    ///
    /// As [`DirLock::acquire`].
    pub fn try_acquire(path: impl AsRef<Path>) -> Result<Option<Self>> {
        let path = path.as_ref();
        loop {
            let file = open(path)?;
            pass(Call::Lock, || path.to_owned()).map_err(|fault| FsError::io("lock", path, fault))?;
            match file.try_lock() {
                Ok(()) if is_still_at(&file, path) => {
                    return Ok(Some(Self { path: path.to_owned(), _file: file }));
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(FsError::io("lock", path, error)),
            }
        }
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Opens the lock file, never through a symbolic link of its own name.
fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(OFlags::NOFOLLOW.bits() as i32);
    }
    let opened = match plain::open_with(path, &options) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = path.parent().unwrap_or(Path::new(""));
            plain::create_dir_all(parent).map_err(|error| FsError::io("create", parent, error))?;
            plain::open_with(path, &options)
        }
        opened => opened,
    };
    opened.map_err(|error| FsError::io("open the lock", path, error))
}

fn wait_for(file: &File, path: &Path) -> Result<()> {
    loop {
        match file.lock() {
            Ok(()) => return Ok(()),
            // A signal that the process handles: the wait goes on.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(FsError::io("lock", path, error)),
        }
    }
}

/// Whether the locked file is the one that the next process would open. A lock on a removed file excludes nobody.
#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Open files cannot be removed here.
#[cfg(not(unix))]
fn is_still_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
