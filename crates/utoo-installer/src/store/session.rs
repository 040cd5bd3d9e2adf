//! A process's own folder under `tmp`, and the removal of those whose process is gone.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use utoo_fs::{Dir, DirLock};

use crate::{InstallError, Result};

/// Holds the sessions' folders.
const TMP: &str = "tmp";

/// Made when it is first used: an install that finds everything in the store writes nothing to it.
pub(super) struct Session {
    root: PathBuf,
    live: Mutex<Option<Live>>,
    counter: AtomicU64,
}

struct Live {
    opened: Arc<Opened>,
    lock: DirLock,
}

/// The folders between which packages move: by their descriptors, as each of a long path's folders would be looked up again
/// for each of the five calls that a package takes.
pub(super) struct Opened {
    /// The store.
    pub(super) root: Dir,
    /// The session's folder.
    pub(super) folder: Dir,
}

/// A name in the session's folder that nothing has.
pub(super) struct Place {
    pub(super) opened: Arc<Opened>,
    pub(super) name: String,
}

impl Place {
    pub(super) fn path(&self) -> PathBuf {
        self.opened.folder.path().join(&self.name)
    }
}

impl Session {
    /// The session of a process that uses the store at `root`.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, live: Mutex::default(), counter: AtomicU64::new(0) }
    }

    pub(super) fn next(&self) -> Result<Place> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let opened = match &*live {
            Some(session) => session.opened.clone(),
            None => live.insert(begin(&self.root)?).opened.clone(),
        };
        Ok(Place { opened, name: number.to_string() })
    }

    /// Removes the folder, unless there is something in it.
    pub(super) fn end(&self) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) =
            live.take_if(|session| utoo_fs::remove_dir(session.opened.folder.path()).is_ok())
        {
            let _ = utoo_fs::remove_file(session.lock.path());
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let live = self.live.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = live.take() {
            remove(session.opened.folder.path(), &session.lock);
        }
    }
}

fn begin(root: &Path) -> Result<Live> {
    let tmp = root.join(TMP);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    for attempt in 0_u32.. {
        let name = format!("{}-{nanos:x}-{attempt}", std::process::id());
        let Some(lock) = DirLock::try_acquire(tmp.join(format!("{name}.lock")))? else { continue };
        let folder = tmp.join(name);
        match utoo_fs::create_dir(&folder) {
            Ok(()) => {
                let opened = Opened { root: Dir::open(root)?, folder: Dir::open(folder)? };
                return Ok(Live { opened: Arc::new(opened), lock });
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(InstallError::io("create", folder, error)),
        }
    }
    Err(InstallError::io("create", tmp, std::io::ErrorKind::AlreadyExists.into()))
}

/// Removes the folders of processes that no longer hold their lock. Best effort: what stays is tried again next time.
pub(super) fn remove_abandoned(root: &Path) {
    let Ok(entries) = utoo_fs::read_dir(root.join(TMP)) else { return };
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
