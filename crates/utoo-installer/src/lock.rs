//! One install at a time in a project.
//!
//! The lock is the kernel's, on the `node_modules` folder itself: no file is left behind, and it ends with its process.

use rustix::fs::fstat;
use utoo_fs::Dir;

use crate::Result;

/// Held until it is dropped.
pub(crate) struct ModulesLock {
    _modules: Dir,
}

impl ModulesLock {
    /// The lock, unless another process holds it. Makes `node_modules` where missing.
    pub(crate) fn try_acquire(project: &Dir) -> Result<Option<Self>> {
        let modules = project.ensure_dir("node_modules")?;
        let is_held = matches!(modules.try_lock(), Ok(false));
        Ok((!is_held).then_some(Self { _modules: modules }))
    }

    /// Makes `node_modules` where missing, and takes the lock on it; waits while another process holds it. Blocks the
    /// thread. File systems without such locks (some network shares) give none, and the install goes on, as npm's does.
    pub(crate) fn acquire(project: &Dir, on_wait: &dyn Fn()) -> Result<Self> {
        loop {
            let modules = project.ensure_dir("node_modules")?;
            if !matches!(modules.try_lock(), Ok(false)) {
                return Ok(Self { _modules: modules });
            }
            on_wait();
            modules.lock()?;
            // Whoever held it may have removed the folder: then the lock is on nothing.
            if is_still_there(project, &modules) {
                return Ok(Self { _modules: modules });
            }
        }
    }
}

fn is_still_there(project: &Dir, modules: &Dir) -> bool {
    let Ok(now) = project.open_dir("node_modules") else { return false };
    match (fstat(&now), fstat(modules)) {
        (Ok(now), Ok(locked)) => (now.st_dev, now.st_ino) == (locked.st_dev, locked.st_ino),
        _ => false,
    }
}
