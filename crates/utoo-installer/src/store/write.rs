//! A package's files and its index, written into a new folder that nobody else knows yet.

use std::io::{Error, ErrorKind};
use std::sync::Arc;

use crc32fast::Hasher as Crc;
use rustix::path::DecInt;
use utoo_fs::Dir;
use utoo_types::Integrity;

use super::index::{FileMode, INDEX, IndexedFile, PackageIndex, Shebang, ShebangScan};
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
            files.binary_search_by(|file| (*file.path).cmp(path)).ok()
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

    /// Writes it into the new, empty folder `staged`, each file's place in the list as its name. By one thread: those that make
    /// files in one folder wait for each other.
    pub(super) fn write(&self, staged: &Dir, integrity: &Integrity) -> Result<PackageIndex> {
        let numbered = self.files.iter().enumerate();
        let indexed = numbered.map(|(number, file)| write_file(staged, number, file));
        write_index(staged, integrity, &self.facts, &indexed.collect::<Result<Vec<_>>>()?)
    }
}

fn write_file<'f>(staged: &Dir, number: usize, file: &'f ArchiveFile<'_>) -> Result<IndexedFile<'f>> {
    let indexed = IndexedFile {
        path: &file.path,
        size: file.bytes.len() as u64,
        mode: mode_of(file.executable),
        shebang: Shebang::of(file.bytes),
        crc32: crc32fast::hash(file.bytes),
        number: number_of(number),
    };
    staged.create_file_with_mode(indexed.stored_name(), indexed.mode.bits(), file.bytes)?;
    Ok(indexed)
}

/// A file that was written while the archive was inflated; see [`IndexedFile`].
struct Written {
    path: Arc<str>,
    mode: FileMode,
    size: u64,
    shebang: Shebang,
    crc32: u32,
    number: u32,
}

impl Written {
    fn indexed(&self) -> IndexedFile<'_> {
        let Self { ref path, mode, size, shebang, crc32, number } = *self;
        IndexedFile { path, size, mode, shebang, crc32, number }
    }
}

/// Inflates a tarball into the new folder `staged`. No more of it is in memory at once than its package.json, and what a
/// core's cache holds.
pub(super) fn inflate_into(
    staged: &Dir,
    integrity: &Integrity,
    tarball: &[u8],
    bad: &dyn Fn(TarballProblem) -> InstallError,
) -> Result<PackageIndex> {
    let mut archive = Files::new(Members::new(tarball));
    let mut package_json = Vec::new();
    let mut files: Vec<Written> = Vec::new();
    while let Some(head) = archive.next().map_err(bad)? {
        let number = head.number;
        if number < files.len() {
            staged.remove_file(DecInt::new(number_of(number)))?;
        }
        let keep = (&*head.path == PACKAGE_JSON).then_some(&mut package_json);
        let written = inflate_file(staged, head, &mut archive, keep, bad)?;
        match files.get_mut(number) {
            Some(earlier) => *earlier = written,
            None => files.push(written),
        }
    }
    archive.finish().map_err(bad)?;
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let facts = PackageFacts::of(&package_json, &paths_of(&files, |file| &file.path));
    make_executable(staged, &mut files, &facts)?;
    let indexed: Vec<_> = files.iter().map(Written::indexed).collect();
    write_index(staged, integrity, &facts, &indexed)
}

/// Writes one file, the archive's number as its name. Its bytes are added to `keep`, from the start.
fn inflate_file(
    staged: &Dir,
    head: FileHead,
    archive: &mut Files<'_>,
    mut keep: Option<&mut Vec<u8>>,
    bad: &dyn Fn(TarballProblem) -> InstallError,
) -> Result<Written> {
    let (mode, number) = (mode_of(head.executable), number_of(head.number));
    let name = DecInt::new(number);
    let mut file = staged.create_file(&name, mode.bits())?;
    if let Some(keep) = &mut keep {
        keep.clear();
    }
    let (mut size, mut checksum, mut shebang) = (0, Crc::new(), ShebangScan::default());
    while let Some(piece) = archive.piece().map_err(bad)? {
        let written = utoo_fs::write_all(&mut file, || staged.path().join(&name), piece);
        written.map_err(|error| InstallError::io("write", staged.path().join(&name), error))?;
        size += piece.len() as u64;
        checksum.update(piece);
        shebang.update(piece);
        if let Some(keep) = &mut keep {
            keep.extend_from_slice(piece);
        }
    }
    Ok(Written { path: head.path, mode, size, shebang: shebang.finish(), crc32: checksum.finalize(), number })
}

/// Makes commands executable that the archive did not. Written anew, as a mode that is set later would not be less the
/// umask.
fn make_executable(staged: &Dir, files: &mut [Written], facts: &PackageFacts) -> Result<()> {
    for (_, target) in &facts.bin {
        let Ok(at) = files.binary_search_by(|file| (*file.path).cmp(target)) else { continue };
        let file = &mut files[at];
        let name = DecInt::new(file.number);
        if file.mode == FileMode::Plain
            && let Some(bytes) = staged.read(&name)?
        {
            staged.remove_file(&name)?;
            file.mode = FileMode::Executable;
            staged.create_file_with_mode(&name, file.mode.bits(), &bytes)?;
        }
    }
    Ok(())
}

const PACKAGE_JSON: &str = "package.json";

/// An archive has at most [`crate::archive::MAX_FILES`] files.
fn number_of(file: usize) -> u32 {
    file as u32
}

fn write_index(
    staged: &Dir,
    integrity: &Integrity,
    facts: &PackageFacts,
    files: &[IndexedFile<'_>],
) -> Result<PackageIndex> {
    let index = PackageIndex::new(&integrity.to_string(), facts, &directories_of(files), files);
    let too_long = || Error::new(ErrorKind::InvalidData, "the names of all files together are too long");
    let bytes = index.to_bytes().ok_or_else(|| InstallError::io("index", staged.path(), too_long()))?;
    debug_assert_eq!(PackageIndex::parse(&bytes).as_ref(), Some(&index), "what is written is what is read");
    staged.create_file_with_mode(INDEX, 0o644, &bytes)?;
    Ok(index)
}

fn paths_of<F>(files: &[F], path: impl Fn(&F) -> &Arc<str>) -> Vec<&str> {
    files.iter().map(|file| &**path(file)).collect()
}

/// Every folder above a file, each once, parents before children. The paths are sorted, so that a folder's files follow
/// each other, but for those of folders between them (`a/b`, `a/b-c`, `a/b/c`): hence the set.
fn directories_of<'a>(files: &[IndexedFile<'a>]) -> Vec<&'a str> {
    let mut seen = rustc_hash::FxHashSet::default();
    let mut directories = Vec::new();
    for IndexedFile { path, .. } in files {
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
