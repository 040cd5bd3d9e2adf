//! The content store: every package once, unpacked, addressed by the integrity of its tarball.
//!
//! ```text
//! <cache_dir>/store/v1/
//!   sha512/abcdef…/             the digest in hexadecimal
//!     index                     see `index.rs`: what each file is called in the package, among others
//!     0, 1, …                   the files, 0644 or 0755
//!   source/abcdef…/             for git: the sha256 of `git+…#<commit>` and of what became of `prepare`: names contents
//!                               without promising bytes
//!   tmp/<process>.lock          held while that process lives
//!   tmp/<process>/<number>/     a package on its way in
//! ```
//!
//! The files of a package lie side by side under numbers, whatever folders they have in the package: a cold install
//! makes some 4,000 folders less, and no name that a tarball chose reaches the store.
//!
//! **What may be assumed**: an entry appears by one rename, with all its files, after the integrity of the whole tarball
//! was verified. So an entry is absent or whole, also after `kill -9`, and any number of processes may read and add at
//! once; of two that add the same, the first wins and the other takes what is there, by the index that is there: which
//! number a file has depends on how the archive was read.
//!
//! **What makes an entry stale**: nothing. What damages it is seen where it is used (an index that does not read, a file
//! that is gone: [`Store::discard`], and it counts as a miss) or by [`Store::verify`] (any other byte). A process that
//! was killed leaves its folder under `tmp`; the next install removes it.

mod index;
mod session;
mod tidy;
mod verify;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use utoo_fs::{Dir, Published};
use utoo_types::{Algorithm, Integrity};

use crate::inflate::Inflater;
use crate::policy::Prepare;
use crate::source::PackageRequest;
use crate::{InstallError, Result};

pub use index::{FileMode, IndexedFile, PackageIndex, Shebang};
use session::{Opened, Place, Session};
pub use tidy::{Removal, StoreEntry};
pub use verify::Damage;
use write::Contents;

/// How often a package is put where the remains of one lie.
const ATTEMPTS: usize = 3;

/// The store of one cache directory. Cheap to clone; clones share their folder under `tmp`.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    session: Session,
    /// Decompressors and their buffers, at most one for each thread that unpacks.
    inflaters: Mutex<Vec<Inflater>>,
}

/// Where in the store a package is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreKey {
    /// `sha512` and its like, or `source`.
    algorithm: &'static str,
    /// In lower-case hexadecimal.
    hex: String,
}

impl StoreKey {
    /// The key of a package, where it has one: by its integrity, or by the commit that it was made from. What has
    /// neither is fetched each time, and so is what may have one of several digests: a lockfile that lists its own
    /// digest behind one of another package must not put its bytes in that one's place.
    pub fn of(request: &PackageRequest) -> Option<Self> {
        match &request.integrity {
            Some(integrity) => (!integrity.is_ambiguous()).then(|| Self::of_integrity(integrity)),
            None => Self::of_commit(&request.resolved, request.prepare),
        }
    }

    fn of_integrity(integrity: &Integrity) -> Self {
        Self { algorithm: integrity.strongest().0.name(), hex: integrity.hex() }
    }

    /// Where its entry is, relative to the store.
    fn path(&self) -> PathBuf {
        Path::new(self.algorithm).join(&self.hex)
    }

    /// What was built, what was found to need no building, and what was taken as it is are three packages: which of them
    /// somebody else's install left here must not decide what this one gets.
    fn of_commit(resolved: &str, prepare: Prepare) -> Option<Self> {
        let made = match prepare {
            Prepare::Skip => "",
            Prepare::Run => "\nprepared",
            Prepare::Refuse => "\nnothing to prepare",
        };
        let (_, commit) = resolved.strip_prefix("git+")?.rsplit_once('#')?;
        let full = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        full.then(|| Self {
            algorithm: "source",
            hex: Integrity::of(Algorithm::Sha256, format!("{resolved}{made}").as_bytes()).hex(),
        })
    }
}

/// A package in the store.
#[derive(Debug, Clone)]
pub struct StoredPackage {
    /// Where it is.
    pub key: StoreKey,
    /// The folder with its files; which is which, [`IndexedFile::path_in`] tells.
    pub folder: PathBuf,
    /// Its files.
    pub index: Arc<PackageIndex>,
}

impl Store {
    /// The store below a cache directory. Nothing is read or written before it is used.
    pub fn open(cache_dir: impl AsRef<Path>) -> Self {
        let root = cache_dir.as_ref().join("store").join("v1");
        let session = Session::new(root.clone());
        Self { shared: Arc::new(Shared { root, session, inflaters: Mutex::default() }) }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.shared.root
    }

    /// The package of this key, if it is there and its index reads. One small file is read.
    pub fn lookup(&self, key: &StoreKey) -> Option<StoredPackage> {
        let entry = self.entry(key);
        let bytes = index::read(&entry.join(index::INDEX)).ok()?;
        match PackageIndex::parse(&bytes) {
            Some(index) => Some(self.stored(key.clone(), index)),
            None => {
                self.discard(key);
                None
            }
        }
    }

    /// Verifies a tarball, unpacks it and makes it visible. This is CPU work and file writes: not for async threads.
    ///
    /// # Errors
    ///
    /// `EINTEGRITY` where the bytes are others, before anything is unpacked; [`crate::TarballProblem`]s; what writing gives. In
    /// all of these cases the store is as it was.
    pub fn insert(&self, request: &PackageRequest, tarball: &[u8]) -> Result<StoredPackage> {
        let integrity = verify(request, tarball, Integrity::of(Algorithm::Sha512, tarball))?;
        self.unpack(request, &integrity, tarball)
    }

    /// [`Store::insert`] of a tarball that was verified: its sha512 is `integrity`.
    pub(crate) fn unpack(
        &self,
        request: &PackageRequest,
        integrity: &Integrity,
        tarball: &[u8],
    ) -> Result<StoredPackage> {
        let key = StoreKey::of(request).unwrap_or_else(|| StoreKey::of_integrity(integrity));
        if request.integrity.is_none()
            && let Some(there) = self.lookup(&key)
        {
            return Ok(there);
        }
        let mut inflater = self.take_inflater();
        let stored = self.unpack_with(&mut inflater, request, (&key, integrity), tarball);
        self.shared.inflaters.lock().unwrap_or_else(PoisonError::into_inner).push(inflater);
        stored
    }

    fn unpack_with(
        &self,
        inflater: &mut Inflater,
        request: &PackageRequest,
        (key, integrity): (&StoreKey, &Integrity),
        tarball: &[u8],
    ) -> Result<StoredPackage> {
        let bad = |problem| InstallError::Tarball { package: request.label(), problem };
        match inflater.inflate(tarball) {
            Some(archive) => Contents::read(archive)
                .map_err(bad)
                .and_then(|contents| self.add(key, &|staged| contents.write(staged, integrity))),
            None => self.add(key, &|staged| write::inflate_into(staged, integrity, tarball, &bad)),
        }
    }

    /// Removes what killed processes left under `tmp`. One folder is listed.
    pub(crate) fn sweep(&self) {
        session::remove_abandoned(&self.shared.root);
    }

    /// Removes this process's folder under `tmp`, if nothing is on its way in. The next package begins another one.
    pub(crate) fn end_session(&self) {
        self.shared.session.end();
    }

    /// Takes a damaged entry out of sight and removes it. What cannot be removed (a read-only cache) stays.
    pub fn discard(&self, key: &StoreKey) {
        let entry = self.entry(key);
        let Ok(trash) = self.shared.session.next() else { return };
        let trash = trash.path();
        if utoo_fs::rename(&entry, &trash).is_ok() {
            let _ = utoo_fs::remove_dir_all(&trash);
        }
    }

    /// Adds what `write` makes of a new folder, or gives what another process was faster to add.
    fn add(&self, key: &StoreKey, write: &dyn Fn(&Dir) -> Result<PackageIndex>) -> Result<StoredPackage> {
        for _ in 0..ATTEMPTS {
            let (index, published) = self.write_and_publish(key, write)?;
            if published == Published::Moved {
                return Ok(self.stored(key.clone(), index));
            }
            // Its index and not ours: the same files may have other numbers there.
            if let Some(there) = self.lookup(key) {
                return Ok(there);
            }
            // What was there has no index: it is what is left of an entry, and not another process's work.
            self.discard(key);
        }
        let in_the_way = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        Err(InstallError::io("add to the store", self.entry(key), in_the_way))
    }

    fn write_and_publish(
        &self,
        key: &StoreKey,
        write: &dyn Fn(&Dir) -> Result<PackageIndex>,
    ) -> Result<(PackageIndex, Published)> {
        let Place { opened, name } = self.shared.session.next()?;
        let Opened { root, folder } = &*opened;
        folder.create_dir(&name)?;
        let staged = folder.open_dir(&name).map_err(InstallError::from);
        let written = staged.and_then(|staged| write(&staged));
        let published = written.and_then(|index| Ok((index, folder.publish(&name, root, key.path())?)));
        if published.is_err() {
            let _ = folder.remove_tree(&name);
        }
        published
    }

    fn stored(&self, key: StoreKey, index: PackageIndex) -> StoredPackage {
        StoredPackage { folder: self.entry(&key), key, index: Arc::new(index) }
    }

    fn entry(&self, key: &StoreKey) -> PathBuf {
        self.shared.root.join(key.path())
    }

    fn take_inflater(&self) -> Inflater {
        let mut inflaters = self.shared.inflaters.lock().unwrap_or_else(PoisonError::into_inner);
        inflaters.pop().unwrap_or_else(Inflater::new)
    }
}

/// Checks a tarball whose sha512 is this, and gives that: locks are filled with it.
pub(crate) fn verify(request: &PackageRequest, tarball: &[u8], sha512: Integrity) -> Result<Integrity> {
    let Some(wanted) = &request.integrity else { return Ok(sha512) };
    let actual = match wanted.strongest().0 {
        Algorithm::Sha512 => sha512.clone(),
        weaker => Integrity::of(weaker, tarball),
    };
    if wanted.matches(&actual) {
        return Ok(sha512);
    }
    Err(InstallError::Integrity {
        package: request.label(),
        resolved: request.resolved.clone(),
        wanted: wanted.to_string(),
        actual: actual.to_string(),
    })
}

#[cfg(test)]
mod tests;
