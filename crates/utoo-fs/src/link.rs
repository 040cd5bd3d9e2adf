//! A file that shares its content with another: reflink, else hardlink, else copy.
//!
//! Which of the three a pair of file systems can do is found out by doing, once: the first refusal that is about the
//! pair (`EXDEV`, `EOPNOTSUPP`, `EPERM` where there are no hard links) is remembered in the [`LinkRoute`], and the next
//! file starts at the next method. A refusal that is about one file (`EMLINK`: it has all the links it can have) is not.

use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{FsError, Result};

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
pub(crate) mod unix;
#[cfg(not(unix))]
use portable as system;
#[cfg(unix)]
use unix as system;

/// Which methods may make a file, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LinkMode {
    /// Reflink, else hardlink, else copy.
    #[default]
    Auto,
    /// Hardlink, else copy.
    Hardlink,
    /// Reflink, else copy: for files that something may change later, so that the source never changes with them.
    Private,
    /// Copy.
    Copy,
}

/// How a file was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkMethod {
    /// It shares its blocks until one of the two is written.
    Reflink,
    /// It is another name of the same file.
    Hardlink,
    /// It is a file of its own.
    Copy,
}

/// What pairs of file systems can do, as found out so far. Cheap to clone; clones share what they learn. Owned by the
/// caller, usually one for a run: a file system that is mounted anew is a new chance.
#[derive(Debug, Clone, Default)]
pub struct LinkMemory {
    routes: Arc<Mutex<Vec<(Devices, LinkRoute)>>>,
}

type Devices = (u64, u64);

impl LinkMemory {
    /// A memory that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The route from the file system of `source` to that of `target`: two existing paths, best two directories. To be
    /// asked once for a directory of packages, not for each file: it costs two `stat`.
    ///
    /// # Errors
    ///
    /// [`FsError::Io`] where one of the two cannot be seen.
    pub fn route(&self, source: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<LinkRoute> {
        let devices = (device(source.as_ref())?, device(target.as_ref())?);
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, route)) = routes.iter().find(|(known, _)| *known == devices) {
            return Ok(route.clone());
        }
        let route = LinkRoute::default();
        routes.push((devices, route.clone()));
        Ok(route)
    }
}

/// What one pair of file systems can do. Clones share what they learn; it only ever learns that something fails.
#[derive(Debug, Clone, Default)]
pub struct LinkRoute {
    refused: Arc<AtomicU8>,
}

impl LinkRoute {
    fn allows(&self, method: LinkMethod) -> bool {
        self.refused.load(Ordering::Relaxed) & bit(method) == 0
    }

    fn refuse(&self, method: LinkMethod) {
        self.refused.fetch_or(bit(method), Ordering::Relaxed);
    }
}

fn bit(method: LinkMethod) -> u8 {
    match method {
        LinkMethod::Reflink => 1,
        LinkMethod::Hardlink => 2,
        LinkMethod::Copy => 4,
    }
}

/// One attempt of one method, by the platform's module.
pub(crate) enum Attempt {
    Done,
    /// This pair of file systems never will.
    NotBetweenThese,
    /// Not for this file.
    NotForThis,
}

/// Makes the file `target` from the file `source`, with its permissions. An existing target, be it a symbolic link, is
/// never overwritten.
///
/// # Errors
///
/// [`FsError::Io`] with `target`: `EEXIST`, `ENOSPC`, …; nothing half-written stays behind. `ENOENT` may be about the
/// source or about the target's directory.
pub fn link_or_copy(
    source: impl AsRef<Path>,
    target: impl AsRef<Path>,
    mode: LinkMode,
    route: &LinkRoute,
) -> Result<LinkMethod> {
    let (source, target) = (source.as_ref(), target.as_ref());
    make(mode, route, |method| system::attempt(source, target, method))
        .map_err(|error| FsError::io("link or copy to", target, error))
}

/// The order of methods and the memory, over whatever makes one attempt.
pub(crate) fn make(
    mode: LinkMode,
    route: &LinkRoute,
    attempt: impl Fn(LinkMethod) -> std::io::Result<Attempt>,
) -> std::io::Result<LinkMethod> {
    let before_copy: &[LinkMethod] = match mode {
        LinkMode::Auto => &[LinkMethod::Reflink, LinkMethod::Hardlink],
        LinkMode::Hardlink => &[LinkMethod::Hardlink],
        LinkMode::Private => &[LinkMethod::Reflink],
        LinkMode::Copy => &[],
    };
    for &method in before_copy {
        if !route.allows(method) {
            continue;
        }
        match attempt(method)? {
            Attempt::Done => return Ok(method),
            Attempt::NotBetweenThese => route.refuse(method),
            Attempt::NotForThis => {}
        }
    }
    attempt(LinkMethod::Copy).map(|_| LinkMethod::Copy)
}

#[cfg(unix)]
fn device(path: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let look = || std::fs::metadata(path);
    match crate::faults::pass(crate::faults::Call::Look, || path.to_owned())
        .map_err(Into::into)
        .and_then(|()| look())
    {
        Ok(metadata) => Ok(metadata.dev()),
        Err(error) => Err(FsError::io("look at", path, error)),
    }
}

/// The drive or share, as a number: volumes are told apart by their prefix.
#[cfg(not(unix))]
fn device(path: &Path) -> Result<u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let whole = std::fs::canonicalize(path).map_err(|error| FsError::io("look at", path, error))?;
    let mut hasher = DefaultHasher::new();
    whole.components().next().hash(&mut hasher);
    Ok(hasher.finish())
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
