//! A package's files and its index, written into a new folder that nobody else knows yet.

use std::io::{Error, ErrorKind};

use libdeflater::Crc;
use rayon::prelude::*;
use utoo_fs::Dir;
use utoo_types::Integrity;

use super::PARALLEL_FILES;
use super::index::{FileMode, IndexBuilder, IndexedFile, PackageIndex, Shebang, ShebangScan};
use crate::archive::{self, ArchiveFile, FileHead, Files};
use crate::facts::PackageFacts;
use crate::inflate::Members;
use crate::{InstallError, Result, TarballProblem};

/// What a small archive holds.
pub(super) struct Contents<'a> {
    files: Vec<ArchiveFile<'a>>,
    facts: PackageFacts,
}

impl<'a> Contents<'a> {
    pub(super) fn read(archive: &'a [u8]) -> Result<Self, TarballProblem> {
        let mut files = archive::read(archive)?;
        let find = |files: &[ArchiveFile<'_>], path: &str| {
            files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()
        };
        let package_json = find(&files, PACKAGE_JSON).map(|at| files[at].bytes).unwrap_or_default();
        let facts = PackageFacts::of(package_json, &paths_of(&files, |file| &file.path));
        for (_, target) in &facts.bin {
            if let Some(at) = find(&files, target) {
                files[at].executable = true;
            }
        }
        Ok(Self { files, facts })
    }

    /// Writes it into the new, empty folder `staged`.
    pub(super) fn write(&self, staged: &Dir, integrity: &Integrity) -> Result<PackageIndex> {
        let directories = directories_of(&paths_of(&self.files, |file| &file.path));
        let package = create_package(staged)?;
        for directory in &directories {
            match package.create_dir(directory) {
                // A file system that ignores case has `Lib` already when `lib` comes.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => made?,
            }
        }
        let checksums = write_files(&package, &self.files)?;
        let indexed = self.files.iter().zip(checksums).filter_map(|(file, checksum)| {
            Some(IndexedFile {
                path: &file.path,
                size: file.bytes.len() as u64,
                mode: mode_of(file.executable),
                shebang: Shebang::of(file.bytes),
                crc32: checksum?,
            })
        });
        write_index(staged, integrity, &self.facts, &directories, indexed)
    }
}

/// Writes all files, and gives the checksum of each; `None` for one whose name another file has, on a file system that
/// ignores case or normalises names.
fn write_files(package: &Dir, files: &[ArchiveFile<'_>]) -> Result<Vec<Option<u32>>> {
    let write = |file: &ArchiveFile<'_>| -> Result<Option<u32>> {
        match package.create_file_with_mode(&file.path, mode_of(file.executable).bits(), file.bytes) {
            Ok(()) => Ok(Some(libdeflater::crc32(file.bytes))),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    if files.len() > PARALLEL_FILES {
        files.par_iter().with_min_len(64).map(write).collect()
    } else {
        files.iter().map(write).collect()
    }
}

/// A file that was written while the archive was inflated.
struct Written {
    path: String,
    mode: FileMode,
    size: u64,
    shebang: Shebang,
    crc32: u32,
}

/// Inflates a tarball into the new folder `staged`. No more of it is in memory at once than its package.json, and what a
/// core's cache holds.
pub(super) fn inflate_into(
    staged: &Dir,
    integrity: &Integrity,
    tarball: &[u8],
    bad: &dyn Fn(TarballProblem) -> InstallError,
) -> Result<PackageIndex> {
    let package = create_package(staged)?;
    let mut archive = Files::new(Members::new(tarball));
    let mut package_json = Vec::new();
    // By the archive's number: `None` where the name was taken, see `write_files`.
    let mut files: Vec<Option<Written>> = Vec::new();
    while let Some(head) = archive.next().map_err(bad)? {
        let number = head.number;
        if files.get(number).is_some_and(Option::is_some) {
            package.remove_file(&head.path)?;
        }
        let keep = (head.path == PACKAGE_JSON).then_some(&mut package_json);
        let written = inflate_file(&package, head, &mut archive, keep, bad)?;
        match files.get_mut(number) {
            Some(earlier) => *earlier = written,
            None => files.push(written),
        }
    }
    archive.finish().map_err(bad)?;
    let mut files: Vec<_> = files.into_iter().flatten().collect();
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let facts = PackageFacts::of(&package_json, &paths_of(&files, |file| &file.path));
    make_executable(&package, &mut files, &facts)?;
    let directories = directories_of(&paths_of(&files, |file| &file.path));
    let indexed = files.iter().map(|file| IndexedFile {
        path: &file.path,
        size: file.size,
        mode: file.mode,
        shebang: file.shebang,
        crc32: file.crc32,
    });
    write_index(staged, integrity, &facts, &directories, indexed)
}

/// Writes one file, and the folders above it where they are missing. Its bytes are added to `keep`, from the start.
fn inflate_file(
    package: &Dir,
    head: FileHead,
    archive: &mut Files<'_>,
    mut keep: Option<&mut Vec<u8>>,
    bad: &dyn Fn(TarballProblem) -> InstallError,
) -> Result<Option<Written>> {
    let mode = mode_of(head.executable);
    let mut created = package.create_file(&head.path, mode.bits());
    if let (Err(error), Some((folder, _))) = (&created, head.path.rsplit_once('/'))
        && error.kind() == ErrorKind::NotFound
    {
        package.ensure_dir(folder)?;
        created = package.create_file(&head.path, mode.bits());
    }
    let mut file = match created {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if let Some(keep) = &mut keep {
        keep.clear();
    }
    let (mut size, mut checksum, mut shebang) = (0, Crc::new(), ShebangScan::default());
    while let Some(piece) = archive.piece().map_err(bad)? {
        let written = utoo_fs::write_all(&mut file, || package.path().join(&head.path), piece);
        written.map_err(|error| InstallError::io("write", package.path().join(&head.path), error))?;
        size += piece.len() as u64;
        checksum.update(piece);
        shebang.update(piece);
        if let Some(keep) = &mut keep {
            keep.extend_from_slice(piece);
        }
    }
    Ok(Some(Written { path: head.path, mode, size, shebang: shebang.finish(), crc32: checksum.sum() }))
}

/// Makes commands executable that the archive did not. Written anew, as a mode that is set later would not be less the
/// umask.
fn make_executable(package: &Dir, files: &mut [Written], facts: &PackageFacts) -> Result<()> {
    for (_, target) in &facts.bin {
        let Ok(at) = files.binary_search_by(|file| file.path.as_str().cmp(target)) else { continue };
        if files[at].mode == FileMode::Plain
            && let Some(bytes) = package.read(&**target)?
        {
            package.remove_file(&**target)?;
            files[at].mode = FileMode::Executable;
            package.create_file_with_mode(&**target, files[at].mode.bits(), &bytes)?;
        }
    }
    Ok(())
}

/// Where in an entry of the store the package's files are.
const PACKAGE: &str = "package";

const PACKAGE_JSON: &str = "package.json";

fn create_package(staged: &Dir) -> Result<Dir> {
    staged.create_dir(PACKAGE)?;
    Ok(staged.open_dir(PACKAGE)?)
}

fn write_index<'a>(
    staged: &Dir,
    integrity: &Integrity,
    facts: &PackageFacts,
    directories: &[&str],
    files: impl Iterator<Item = IndexedFile<'a>>,
) -> Result<PackageIndex> {
    let mut builder = IndexBuilder::new(&integrity.to_string(), &facts.to_json());
    builder.directories(directories);
    builder.files(&files.collect::<Vec<_>>());
    let index = builder.finish();
    staged.create_file_with_mode("index", 0o644, &index)?;
    let unreadable = || Error::new(ErrorKind::InvalidData, "the index does not read back");
    PackageIndex::parse(index).ok_or_else(|| InstallError::io("index", staged.path(), unreadable()))
}

fn paths_of<F>(files: &[F], path: impl Fn(&F) -> &String) -> Vec<&str> {
    files.iter().map(|file| path(file).as_str()).collect()
}

/// Every folder above a file, each once, parents before children. The paths are sorted, so that a folder's files follow
/// each other, but for those of folders between them (`a/b`, `a/b-c`, `a/b/c`): hence the set.
fn directories_of<'a>(paths: &[&'a str]) -> Vec<&'a str> {
    let mut seen = rustc_hash::FxHashSet::default();
    let mut directories = Vec::new();
    for path in paths {
        let fresh = path.rmatch_indices('/').map(|(slash, _)| &path[..slash]);
        let first = directories.len();
        directories.extend(fresh.take_while(|directory| seen.insert(*directory)));
        directories[first..].reverse();
    }
    directories
}

fn mode_of(executable: bool) -> FileMode {
    if executable { FileMode::Executable } else { FileMode::Plain }
}

#[cfg(test)]
mod tests;
