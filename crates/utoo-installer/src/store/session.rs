//! A process's own folder under `tmp`, and the removal of those whose process is gone.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use utoo_fs::DirLock;

use crate::{InstallError, Result};

/// Made when it is first used: an install that finds everything in the store writes nothing to it.
pub(super) struct Session {
    tmp: PathBuf,
    live: Mutex<Option<Live>>,
    counter: AtomicU64,
}

struct Live {
    folder: PathBuf,
    lock: DirLock,
}

impl Session {
    pub(super) fn new(tmp: PathBuf) -> Self {
        Self { tmp, live: Mutex::default(), counter: AtomicU64::new(0) }
    }

    /// A path in the session's folder at which nothing is.
    pub(super) fn next(&self) -> Result<PathBuf> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let folder = match &*live {
            Some(session) => &session.folder,
            None => &live.insert(begin(&self.tmp)?).folder,
        };
        Ok(folder.join(number.to_string()))
    }
}

impl Session {
    /// Removes the folder, unless there is something in it.
    pub(super) fn end(&self) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = live.take_if(|session| utoo_fs::remove_dir(&session.folder).is_ok()) {
            let _ = utoo_fs::remove_file(session.lock.path());
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let live = self.live.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = live.take() {
            remove(&session.folder, &session.lock);
        }
    }
}

fn begin(tmp: &Path) -> Result<Live> {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    for attempt in 0_u32.. {
        let name = format!("{}-{nanos:x}-{attempt}", std::process::id());
        let Some(lock) = DirLock::try_acquire(tmp.join(format!("{name}.lock")))? else { continue };
        let folder = tmp.join(name);
        match utoo_fs::create_dir(&folder) {
            Ok(()) => return Ok(Live { folder, lock }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(InstallError::io("create", folder, error)),
        }
    }
    Err(InstallError::io("create", tmp, std::io::ErrorKind::AlreadyExists.into()))
}

/// Removes the folders of processes that no longer hold their lock. Best effort: what stays is tried again next time.
pub(super) fn remove_abandoned(tmp: &Path) {
    let Ok(entries) = utoo_fs::read_dir(tmp) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "lock") {
            continue;
        }
        if let Ok(Some(lock)) = DirLock::try_acquire(&path) {
            remove(&path.with_extension(""), &lock);
        }
    }
}

/// Removes a session's folder and then its lock: a folder without one would be nobody's, and stay for ever.
fn remove(folder: &Path, lock: &DirLock) {
    if utoo_fs::remove_dir_all(folder).is_ok() {
        let _ = utoo_fs::remove_file(lock.path());
    }
}
