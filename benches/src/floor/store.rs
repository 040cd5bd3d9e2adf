//! Files that are kept, and their links.
//!
//! `<root>/<package>/<number>` are files, `<root>/index` says what they are called: for each package the numbers of its
//! folders and files, then the names, each ended by a zero byte.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, mkdirat, openat};
use rustix::path::DecInt;

use super::plan::Plan;
use super::{Error, threads};

/// The name of the index.
pub(super) const INDEX: &str = "index";

/// What a package consists of.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    folders: Vec<String>,
    /// A file's number is its position.
    names: Vec<String>,
}

/// The store's folder.
pub(super) struct Store {
    root: PathBuf,
    folder: Option<OwnedFd>,
}

impl Store {
    pub(super) fn open(root: &Path) -> Result<Self, Error> {
        // Where nothing is stored it is not there.
        let folder = if root.exists() { Some(open(CWD, root)?) } else { None };
        Ok(Self { root: root.to_owned(), folder })
    }

    fn folder(&self) -> Result<&OwnedFd, Error> {
        Ok(self.folder.as_ref().ok_or("there is no store")?)
    }

    /// Writes the files of an archive.
    pub(super) fn fill(&self, at: usize, archive: &[u8]) -> Result<Files, Error> {
        mkdirat(self.folder()?, DecInt::new(at), Mode::from(0o755))?;
        let folder = open(self.folder()?, DecInt::new(at))?;
        let (mut files, mut seen, mut folders) = (Files::default(), BTreeSet::new(), BTreeSet::new());
        for entry in tar::Archive::new(archive).entries()? {
            let entry = entry?;
            let path = entry.path()?;
            let Some((_, path)) = path.to_str().and_then(|path| path.split_once('/')) else { continue };
            // Few archives have such names, and those have some files twice.
            let path = path.replace("/./", "/");
            let path = path.trim_start_matches("./");
            if !entry.header().entry_type().is_file() || !seen.insert(path.to_owned()) {
                continue;
            }
            for (slash, _) in path.match_indices('/') {
                if !folders.contains(&path[..slash]) {
                    folders.insert(path[..slash].to_owned());
                }
            }
            let mode = Mode::from(if entry.header().mode()? & 0o100 == 0 { 0o644 } else { 0o755 });
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = openat(&folder, DecInt::new(files.names.len()), flags, mode)?;
            let start = usize::try_from(entry.raw_file_position())?;
            let mut rest = &archive[start..start + usize::try_from(entry.size())?];
            while !rest.is_empty() {
                rest = &rest[rustix::io::write(&file, rest)?..];
            }
            files.names.push(path.to_owned());
        }
        files.folders = folders.into_iter().collect();
        Ok(files)
    }

    /// Links a package's files to its places, which are there.
    pub(super) fn link(
        &self,
        at: usize,
        files: &Files,
        places: &[Cow<'_, str>],
        project: &Path,
    ) -> Result<(), Error> {
        let source = open(self.folder()?, DecInt::new(at))?;
        for place in places {
            let target = open(CWD, project.join(&**place))?;
            for folder in &files.folders {
                // A package in this one's own node_modules has made that.
                match mkdirat(&target, folder.as_str(), Mode::from(0o755)) {
                    Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            for (number, name) in files.names.iter().enumerate() {
                linkat(&source, DecInt::new(number), &target, name.as_str(), AtFlags::empty())?;
            }
        }
        Ok(())
    }

    /// Links everything that was stored for this plan.
    pub(super) fn link_all(&self, plan: &Plan<'_>, project: &Path) -> Result<(), Error> {
        plan.make_folders(project)?;
        let index = fs::read(self.root.join(INDEX))?;
        let files = read_index(std::str::from_utf8(&index)?).ok_or("the index is cut off")?;
        let next = AtomicUsize::new(0);
        let thread = || {
            let mine = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            let mut mine = mine.take_while(|at| *at < plan.packages.len());
            mine.try_for_each(|at| {
                let files = files.get(at).ok_or("the store is of another lockfile")?;
                self.link(at, files, &plan.packages[at].places, project)
            })
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads()).map(|_| scope.spawn(thread)).collect();
            threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
        })
    }
}

/// Writes the index of all packages.
pub(super) fn write_index(
    root: &Path,
    mut stored: Vec<(usize, Files)>,
    packages: usize,
) -> Result<(), Error> {
    stored.sort_by_key(|(at, _)| *at);
    if stored.len() != packages {
        return Err("a package is missing".into());
    }
    let mut text = String::new();
    for (_, files) in stored {
        text.push_str(&format!("{} {}\0", files.folders.len(), files.names.len()));
        for name in files.folders.iter().chain(&files.names) {
            text.push_str(name);
            text.push('\0');
        }
    }
    Ok(utoo_fs::write_atomic(root.join(INDEX), text)?)
}

fn read_index(text: &str) -> Option<Vec<Files>> {
    let (mut parts, mut all) = (text.split_terminator('\0'), Vec::new());
    while let Some(counts) = parts.next() {
        let (folders, names) = counts.split_once(' ')?;
        let mut take = |count: &str| -> Option<Vec<String>> {
            (0..count.parse().ok()?).map(|_| parts.next().map(str::to_owned)).collect()
        };
        all.push(Files { folders: take(folders)?, names: take(names)? });
    }
    Some(all)
}

fn open(parent: impl rustix::fd::AsFd, path: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    openat(parent, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}
