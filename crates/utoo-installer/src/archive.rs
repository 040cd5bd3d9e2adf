//! Tar, read as npm reads it: a list of regular files, their bytes borrowed from the archive.
//!
//! A small archive is read from memory ([`read`]), where a file is a name, a bit and a range; a large one while it is
//! inflated ([`Files`]), file by file. Both are the same reader on two inputs (`input.rs`). It agrees with node-tar (as
//! npm 11 drives it) on what the entries *are* (`entries.rs`), since two readers that disagree on where a header starts can
//! be shown different packages:
//!
//! - a header is 512 bytes with a right checksum; a block that is none is skipped; two zero blocks end the archive;
//! - a pax `size` counts for the length of the body (a global one for all bodies that follow, and before a local one),
//!   a pax or GNU long name for the path; a global path does not;
//! - a link without a target in its own header, and anything else with one, is not an entry: its body is read as blocks.
//!
//! What becomes of them is npm's, too: one leading component is dropped (whatever its name), and what has only one is
//! ignored; links, devices and pipes are ignored; empty directories are not made; `.gitignore` becomes `.npmignore`
//! where the archive brings none; of two files with one name the last counts, with the mode of the first; a file where a
//! folder is, is ignored. Two things are stricter: npm skips an entry with `..` in its name with a warning and makes
//! something of an absolute one, and it takes types, odd sizes and empty names from pax headers; here the package is refused.
//! Both lists are held to each other by `tests/tarballs.rs`.

mod entries;
mod input;

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::TarballProblem;
use crate::inflate::Members;
use entries::{Entries, Kind};
use input::{Stream, Whole};

/// The most files that one package may have. The largest real ones have about 50,000.
pub const MAX_FILES: usize = 1 << 20;

/// A regular file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArchiveFile<'a> {
    /// Below the package's folder, forward slashes, checked by [`utoo_fs::check_relative`].
    pub(crate) path: Arc<str>,
    /// Whether anyone may execute it, by the header.
    pub(crate) executable: bool,
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
}

/// The files of a package, sorted by path, no two with one path, none below another.
pub(crate) fn read(archive: &[u8]) -> Result<Vec<ArchiveFile<'_>>, TarballProblem> {
    let mut names = Names::default();
    let mut files: Vec<ArchiveFile<'_>> = Vec::new();
    let mut entries = Entries::new(Whole::new(archive));
    while let Some(entry) = entries.next()? {
        let Some(FileHead { number, path, executable }) = names.place(entry.path, entry.kind, entry.mode)?
        else {
            continue;
        };
        let file = ArchiveFile { path, executable, bytes: entry.body };
        match files.get_mut(number) {
            Some(earlier) => *earlier = file,
            None => files.push(file),
        }
    }
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The files of a package in the archive's order, while it is inflated.
pub(crate) struct Files<'a> {
    entries: Entries<Stream<'a>>,
    names: Names,
}

impl<'a> Files<'a> {
    pub(crate) fn new(members: Members<'a>) -> Self {
        Self { entries: Entries::new(Stream::new(members)), names: Names::default() }
    }

    /// The next file; what is left of the one before it is skipped.
    pub(crate) fn next(&mut self) -> Result<Option<FileHead>, TarballProblem> {
        while let Some(entry) = self.entries.next()? {
            if let Some(place) = self.names.place(entry.path, entry.kind, entry.mode)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// The next bytes of that file; `None` at its end.
    pub(crate) fn piece(&mut self) -> Result<Option<&[u8]>, TarballProblem> {
        self.entries.input().piece()
    }

    /// Reads what follows the archive: only then it is known that all of the stream is sound.
    pub(crate) fn finish(self) -> Result<(), TarballProblem> {
        self.entries.into_input().finish()
    }
}

/// A file before its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileHead {
    /// Files are counted from 0; that of an earlier file means that this one takes its place.
    pub(crate) number: usize,
    /// As [`ArchiveFile::path`].
    pub(crate) path: Arc<str>,
    /// As [`ArchiveFile::executable`].
    pub(crate) executable: bool,
}

/// Applies npm's rules on names to the stream of entries.
#[derive(Default)]
struct Names {
    by_path: FxHashMap<Arc<str>, usize>,
    /// By number.
    executable: Vec<bool>,
    directories: FxHashSet<String>,
    /// One of `directories`: that of the last file, and of the next one most likely.
    last_directory: String,
    npmignores: FxHashSet<String>,
}

impl Names {
    /// `None` for an entry that is not made.
    fn place(&mut self, name: &str, kind: Kind, mode: u32) -> Result<Option<FileHead>, TarballProblem> {
        if kind == Kind::Other {
            return Ok(None);
        }
        let Some(path) = package_path(name)? else { return Ok(None) };
        let Some(path) = self.ignore_file_name(path) else { return Ok(None) };
        if self.directories.contains(&*path) || !self.claim_directories(&path) {
            return Ok(None);
        }
        if self.executable.len() >= MAX_FILES {
            return Err(TarballProblem::TooManyFiles { limit: MAX_FILES });
        }
        let executable = mode & 0o111 != 0;
        let path: Arc<str> = path.into();
        if let Some(&number) = self.by_path.get(&path) {
            // Written into the file that is there, which keeps its mode.
            let executable = if kind == Kind::File { self.executable[number] } else { executable };
            self.executable[number] = executable;
            return Ok(Some(FileHead { number, path, executable }));
        }
        let number = self.executable.len();
        self.executable.push(executable);
        self.by_path.insert(path.clone(), number);
        Ok(Some(FileHead { number, path, executable }))
    }

    /// `.gitignore` is unpacked as `.npmignore`, unless the archive brought one before it.
    fn ignore_file_name<'p>(&mut self, path: Cow<'p, str>) -> Option<Cow<'p, str>> {
        let folder = |path: &str, name: &str| match path.strip_suffix(name) {
            Some(folder) if folder.is_empty() || folder.ends_with('/') => Some(folder.to_owned()),
            _ => None,
        };
        if let Some(folder) = folder(&path, ".npmignore") {
            self.npmignores.insert(folder);
        } else if let Some(folder) = folder(&path, ".gitignore") {
            if self.npmignores.contains(&folder) {
                return None;
            }
            return Some(Cow::Owned(folder + ".npmignore"));
        }
        Some(path)
    }

    /// Notes the folders above a file; false where one of them is a file already.
    fn claim_directories(&mut self, path: &str) -> bool {
        let Some((parent, _)) = path.rsplit_once('/') else { return true };
        if parent == self.last_directory {
            return true;
        }
        let fresh = || {
            let parents = path.rmatch_indices('/').map(|(slash, _)| &path[..slash]);
            parents.take_while(|parent| !self.directories.contains(*parent))
        };
        if fresh().any(|parent| self.by_path.contains_key(parent)) {
            return false;
        }
        let fresh: Vec<String> = fresh().map(str::to_owned).collect();
        self.directories.extend(fresh);
        parent.clone_into(&mut self.last_directory);
        true
    }
}

/// The path below the package's folder; `None` for what has no name below it.
fn package_path(name: &str) -> Result<Option<Cow<'_, str>>, TarballProblem> {
    let name = name.strip_suffix('/').unwrap_or(name);
    // The whole name is checked, the dropped component too: `/etc/x` must not pass as `etc/x`.
    let whole = without_dots(name);
    if !whole.is_empty() {
        utoo_fs::check_relative(&whole)?;
    }
    let Some((_, path)) = name.split_once('/') else { return Ok(None) };
    let path = without_dots(path);
    if path.is_empty() {
        return Ok(None);
    }
    utoo_fs::check_relative(&path)?;
    Ok(Some(path))
}

/// A name without its components `.`, which few names have.
fn without_dots(name: &str) -> Cow<'_, str> {
    let bytes = name.as_bytes();
    let is_edge = |at: Option<&u8>| at.is_none_or(|byte| *byte == b'/');
    let is_component =
        |at: usize| is_edge(at.checked_sub(1).map(|before| &bytes[before])) && is_edge(bytes.get(at + 1));
    if !memchr::memchr_iter(b'.', bytes).any(is_component) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.split('/').filter(|component| *component != ".").collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests;
