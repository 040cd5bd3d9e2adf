//! The content store: every package once, unpacked, addressed by the integrity of its tarball.
//!
//! ```text
//! <cache_dir>/store/v1/
//!   sha512/ab/cdef…/            the first byte of the digest in hexadecimal, then the rest
//!     index                     see `index.rs`
//!     package/…                 the files, 0644 or 0755
//!   source/ab/cdef…/            for git: the sha256 of `git+…#<commit>` and of what became of `prepare`: names contents
//!                               without promising bytes
//!   tmp/<process>.lock          held while that process lives
//!   tmp/<process>/<number>/     a package on its way in
//! ```
//!
//! **What may be assumed**: an entry appears by one rename, with all its files, after the integrity of the whole tarball
//! was verified. So an entry is absent or whole, also after `kill -9`, and any number of processes may read and add at
//! once; of two that add the same, the first wins and the other takes what is there.
//!
//! **What makes an entry stale**: nothing. What damages it is seen where it is used (an index that does not read, a file
//! that is gone: [`Store::discard`], and it counts as a miss) or by [`Store::verify`] (any other byte). A process that
//! was killed leaves its folder under `tmp`; the next install removes it.

mod index;
mod session;
mod tidy;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use utoo_fs::{Dir, Published};
use utoo_types::{Algorithm, Integrity};

use crate::archive::{self, ArchiveFile};
use crate::facts::PackageFacts;
use crate::inflate::Inflater;
use crate::policy::Prepare;
use crate::source::PackageRequest;
use crate::{InstallError, Result, TarballProblem};

use index::IndexBuilder;
pub use index::{FileMode, IndexedFile, PackageIndex, Shebang};
use session::Session;
pub use tidy::{Removal, StoreEntry};
pub use verify::Damage;

/// Packages with more files than this are written (and linked) by several threads.
pub(crate) const PARALLEL_FILES: usize = 512;

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
    /// The folder with its files.
    pub folder: PathBuf,
    /// Its files.
    pub index: Arc<PackageIndex>,
}

impl Store {
    /// The store below a cache directory. Nothing is read or written before it is used.
    pub fn open(cache_dir: impl AsRef<Path>) -> Self {
        let root = cache_dir.as_ref().join("store").join("v1");
        let session = Session::new(root.join("tmp"));
        Self { shared: Arc::new(Shared { root, session, inflaters: Mutex::default() }) }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.shared.root
    }

    /// The package of this key, if it is there and its index reads. One small file is read.
    pub fn lookup(&self, key: &StoreKey) -> Option<StoredPackage> {
        let entry = self.entry(key);
        let bytes = index::read(&entry.join("index")).ok()?;
        match PackageIndex::parse(bytes) {
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
    /// `EINTEGRITY` where the bytes are others, before anything is unpacked; [`TarballProblem`]s; what writing gives. In
    /// all of these cases the store is as it was.
    pub fn insert(&self, request: &PackageRequest, tarball: &[u8]) -> Result<StoredPackage> {
        let integrity = verify_integrity(request, tarball)?;
        let key = StoreKey::of(request).unwrap_or_else(|| StoreKey::of_integrity(&integrity));
        if request.integrity.is_none()
            && let Some(there) = self.lookup(&key)
        {
            return Ok(there);
        }
        let bad = |problem| InstallError::Tarball { package: request.label(), problem };
        let mut inflater = self.take_inflater();
        let stored = match inflater.inflate(tarball) {
            Ok(archive) => self.unpack(&key, &integrity, archive, &bad),
            Err(problem) => Err(bad(problem)),
        };
        inflater.settle();
        self.shared.inflaters.lock().unwrap_or_else(PoisonError::into_inner).push(inflater);
        stored
    }

    /// Removes what killed processes left under `tmp`. One folder is listed.
    pub(crate) fn sweep(&self) {
        session::remove_abandoned(&self.shared.root.join("tmp"));
    }

    /// Removes this process's folder under `tmp`, if nothing is on its way in. The next package begins another one.
    pub(crate) fn end_session(&self) {
        self.shared.session.end();
    }

    /// Takes a damaged entry out of sight and removes it. What cannot be removed (a read-only cache) stays.
    pub fn discard(&self, key: &StoreKey) {
        let entry = self.entry(key);
        let Ok(trash) = self.shared.session.next() else { return };
        if std::fs::rename(&entry, &trash).is_ok() {
            let _ = utoo_fs::remove_dir_all(&trash);
        }
    }

    fn unpack(
        &self,
        key: &StoreKey,
        integrity: &Integrity,
        archive: &[u8],
        bad: &dyn Fn(TarballProblem) -> InstallError,
    ) -> Result<StoredPackage> {
        let mut files = archive::read(archive).map_err(bad)?;
        let (index, published) = self.write_and_publish(key, integrity, &mut files)?;
        if published == Published::Moved || self.lookup(key).is_some() {
            return Ok(self.stored(key.clone(), index));
        }
        // What was there has no index: it is what is left of an entry, and not another process's work.
        self.discard(key);
        let (index, _) = self.write_and_publish(key, integrity, &mut files)?;
        Ok(self.stored(key.clone(), index))
    }

    fn write_and_publish(
        &self,
        key: &StoreKey,
        integrity: &Integrity,
        files: &mut [ArchiveFile<'_>],
    ) -> Result<(PackageIndex, Published)> {
        let staged = self.shared.session.next()?;
        let written = write_entry(&staged, integrity, files);
        let published =
            written.and_then(|index| Ok((index, utoo_fs::publish_dir(&staged, self.entry(key))?)));
        if published.is_err() {
            let _ = utoo_fs::remove_dir_all(&staged);
        }
        published
    }

    fn stored(&self, key: StoreKey, index: PackageIndex) -> StoredPackage {
        StoredPackage { folder: self.entry(&key).join("package"), key, index: Arc::new(index) }
    }

    fn entry(&self, key: &StoreKey) -> PathBuf {
        let (shard, rest) = key.hex.split_at(2.min(key.hex.len()));
        let mut path = PathBuf::with_capacity(self.shared.root.as_os_str().len() + key.hex.len() + 16);
        path.push(&self.shared.root);
        path.push(key.algorithm);
        path.push(shard);
        path.push(rest);
        path
    }

    fn take_inflater(&self) -> Inflater {
        let mut inflaters = self.shared.inflaters.lock().unwrap_or_else(PoisonError::into_inner);
        inflaters.pop().unwrap_or_else(Inflater::new)
    }
}

/// Checks the whole tarball and gives its sha512, which locks are filled with.
fn verify_integrity(request: &PackageRequest, tarball: &[u8]) -> Result<Integrity> {
    let Some(wanted) = &request.integrity else { return Ok(Integrity::of(Algorithm::Sha512, tarball)) };
    let mut checker = utoo_types::Checker::new(wanted);
    checker.update(tarball);
    let verified = checker.finish().map_err(|mismatch| InstallError::Integrity {
        package: request.label(),
        resolved: request.resolved.clone(),
        wanted: mismatch.wanted.to_string(),
        actual: mismatch.actual.to_string(),
    })?;
    match verified.strongest().0 {
        Algorithm::Sha512 => Ok(verified),
        _ => Ok(Integrity::of(Algorithm::Sha512, tarball)),
    }
}

/// Writes the files and the index of a package into the new folder `staged`.
fn write_entry(staged: &Path, integrity: &Integrity, files: &mut [ArchiveFile<'_>]) -> Result<PackageIndex> {
    let facts = PackageFacts::of_files(files);
    for (_, target) in &facts.bin {
        if let Ok(at) = files.binary_search_by(|file| file.path.as_str().cmp(target)) {
            files[at].executable = true;
        }
    }
    let directories = directories_of(files);
    let package = staged.join("package");
    for folder in [staged, &package] {
        std::fs::create_dir(folder).map_err(|error| InstallError::io("create", folder, error))?;
    }
    let package = Dir::open(&package)?;
    for directory in &directories {
        match package.create_dir(directory) {
            // A file system that ignores case has `Lib` already when `lib` comes.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
    }
    let checksums = write_files(&package, files)?;
    let index = index_of(integrity, &facts, &directories, files, &checksums);
    Dir::open(staged)?.create_file_with_mode("index", 0o644, &index)?;
    let unreadable = || std::io::Error::new(std::io::ErrorKind::InvalidData, "the index does not read back");
    PackageIndex::parse(index).ok_or_else(|| InstallError::io("index", staged, unreadable()))
}

fn index_of(
    integrity: &Integrity,
    facts: &PackageFacts,
    directories: &[&str],
    files: &[ArchiveFile<'_>],
    checksums: &[Option<u32>],
) -> Vec<u8> {
    let written = files.iter().zip(checksums);
    let indexed: Vec<_> = written
        .filter_map(|(file, checksum)| {
            Some(IndexedFile {
                path: &file.path,
                size: file.bytes.len() as u64,
                mode: mode_of(file),
                shebang: Shebang::of(file.bytes),
                crc32: (*checksum)?,
            })
        })
        .collect();
    let mut builder = IndexBuilder::new(&integrity.to_string(), &facts.to_json());
    builder.directories(directories);
    builder.files(indexed.into_iter());
    builder.finish()
}

/// Every folder above a file, each once, parents before children. The files are sorted, so that a folder's files follow
/// each other, but for those of folders between them (`a/b`, `a/b-c`, `a/b/c`): hence the set.
fn directories_of<'a>(files: &'a [ArchiveFile<'_>]) -> Vec<&'a str> {
    let mut seen = rustc_hash::FxHashSet::default();
    let mut directories = Vec::new();
    for file in files {
        let fresh = file.path.rmatch_indices('/').map(|(slash, _)| &file.path[..slash]);
        let first = directories.len();
        directories.extend(fresh.take_while(|directory| seen.insert(*directory)));
        directories[first..].reverse();
    }
    directories
}

fn mode_of(file: &ArchiveFile<'_>) -> FileMode {
    if file.executable { FileMode::Executable } else { FileMode::Plain }
}

/// Writes all files, and gives the checksum of each; `None` for one whose name another file has, on a file system that
/// ignores case or normalises names.
fn write_files(package: &Dir, files: &[ArchiveFile<'_>]) -> Result<Vec<Option<u32>>> {
    let write = |file: &ArchiveFile<'_>| -> Result<Option<u32>> {
        match package.create_file_with_mode(&file.path, mode_of(file).bits(), file.bytes) {
            Ok(()) => Ok(Some(libdeflater::crc32(file.bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    if files.len() > PARALLEL_FILES {
        files.par_iter().with_min_len(64).map(write).collect()
    } else {
        files.iter().map(write).collect()
    }
}
