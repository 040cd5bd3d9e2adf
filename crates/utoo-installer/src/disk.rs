//! What is in the `node_modules` folders now: listed, hardly ever opened.
//!
//! A package's folder is appraised without a look inside: the hidden lockfile lists it, it is a folder, and it is no
//! newer than the hidden lockfile (npm's own criterion). One that is newer gets a second look, at the name and version of
//! its package.json. The installer takes what it is about to change out of the hidden lockfile before it changes
//! anything, so that the list never claims more than is true, whenever the process dies.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, statat};
use utoo_fs::{Dir, DirEntry, EntryKind, FsError};
use utoo_lockfile::{Entry, Lockfile, parent_location, store_folder};

use crate::Result;
use crate::linked::look;
use crate::plan::{DiskState, Found};
use crate::select::{base_of, is_in_modules};
use crate::state::STATE_FILE;

/// The hidden lockfile, relative to the project.
pub(crate) const HIDDEN_LOCKFILE: &str = "node_modules/.package-lock.json";

/// Stands for the package that an empty folder once held.
pub(crate) const GONE: &str = "-";

/// Looks at the `node_modules` folders that `tree` or the hidden lockfile know of, and at those of all folders of the
/// project where the tree is to be a linked one.
pub(crate) fn read(project: &Dir, tree: &Lockfile, is_linked: bool) -> Result<DiskState> {
    let mut disk = DiskState::default();
    if project.kind("node_modules")? == Some(EntryKind::Directory) {
        disk.hidden = read_hidden(project)?;
        let packages = disk.hidden.packages.iter().filter(|(location, _)| is_in_modules(location));
        disk.listed = packages.map(|(location, entry)| (location.clone(), entry.clone())).collect();
    }
    let written = modified(project, HIDDEN_LOCKFILE);
    let known = tree.packages.keys().chain(disk.listed.keys());
    let mut parents: BTreeSet<Arc<str>> =
        known.filter_map(|location| parent_location(location)).map(Arc::from).collect();
    if is_linked {
        parents.extend(look::folders(tree));
    }
    let in_store = look::list_store(project, tree, &mut disk)?;
    let mut look = Look { project, written, disk };
    for parent in &parents {
        let stands = match store_folder(parent) {
            Some(folder) => in_store.contains(folder),
            None => !look.is_missing(parent, &parents),
        };
        if stands {
            look.at_parent(parent)?;
        }
    }
    if is_linked {
        look::leave_foreign(project, tree, &mut look.disk)?;
    }
    // Only a run that came to its end leaves a state file with something in it.
    if !matches!(project.read(STATE_FILE), Ok(Some(state)) if !state.is_empty()) {
        look.distrust_strangers(&parents)?;
        look.disk.is_unfinished = !look.disk.is_bare();
    }
    Ok(look.disk)
}

fn read_hidden(project: &Dir) -> Result<Lockfile> {
    let text = match project.read(HIDDEN_LOCKFILE) {
        Ok(Some(bytes)) => String::from_utf8(bytes).unwrap_or_default(),
        // A link, a folder: whatever it is, it is no list.
        Ok(None) | Err(_) => return Ok(Lockfile::default()),
    };
    // A hidden lockfile that does not read is as good as none: everything is unknown then, and made anew.
    Ok(Lockfile::parse_hidden(&text, Path::new(HIDDEN_LOCKFILE)).unwrap_or_default())
}

struct Look<'a> {
    project: &'a Dir,
    /// When the hidden lockfile was written, in nanoseconds.
    written: Option<i128>,
    disk: DiskState,
}

impl Look<'_> {
    /// A run that died may have left packages, or folders of packages, in a `node_modules` that neither the tree nor the
    /// hidden lockfile knows of any more. Whoever has one of those is made anew.
    fn distrust_strangers(&mut self, parents: &BTreeSet<Arc<str>>) -> Result<()> {
        let listed =
            self.disk.found.iter().filter(|(at, found)| **found == Found::Listed && !parents.contains(*at));
        let mut strangers = Vec::new();
        for (location, _) in listed {
            let Some(folder) = self.open_parent(location)? else { continue };
            if folder.kind("node_modules")?.is_some() {
                strangers.push(location.clone());
            }
        }
        for location in strangers {
            self.disk.found.insert(location, Found::Folder);
        }
        Ok(())
    }

    /// Whether the `node_modules` that the package at `parent` would be in was listed, and it was not there. What is above
    /// comes before what is below.
    fn is_missing(&self, parent: &str, parents: &BTreeSet<Arc<str>>) -> bool {
        let listed = parent_location(parent).is_some_and(|above| parents.contains(above));
        is_in_modules(parent) && listed && !self.disk.found.contains_key(parent)
    }

    /// Lists the `node_modules` of the package or folder at `parent`.
    fn at_parent(&mut self, parent: &str) -> Result<()> {
        let Some(folder) = self.open_parent(parent)? else { return Ok(()) };
        let prefix = if parent.is_empty() { String::new() } else { format!("{parent}/") };
        let Some(modules) = self.open_or_note(&folder, "node_modules", &format!("{prefix}node_modules"))?
        else {
            return Ok(());
        };
        let mut is_empty = true;
        for entry in modules.entries()? {
            let Some(name) = entry.name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            is_empty = false;
            if name.starts_with('@') {
                let mut is_scope_empty = true;
                let scope = format!("{prefix}node_modules/{name}");
                let Some(scoped) = self.open_or_note(&modules, name, &scope)? else { continue };
                for package in scoped.entries()? {
                    let Some(base) = package.name.to_str().filter(|base| !base.starts_with('.')) else {
                        continue;
                    };
                    is_scope_empty = false;
                    self.note(&scoped, &package, format!("{scope}/{base}"))?;
                }
                if is_scope_empty {
                    self.disk.emptied.push(format!("{scope}/{GONE}").into());
                }
            } else {
                self.note(&modules, &entry, format!("{prefix}node_modules/{name}"))?;
            }
        }
        if is_empty && !parent.is_empty() {
            self.disk.emptied.push(format!("{prefix}node_modules/{GONE}").into());
        }
        Ok(())
    }

    /// Opens the folder of a package or a base, without following a link below the base; `None` where there is none.
    fn open_parent(&self, parent: &str) -> Result<Option<Dir>> {
        let base = base_of(parent);
        let base = if parent == base || is_in_modules(parent) { base } else { parent };
        let Some(dir) = base_if_there(self.project, base)? else { return Ok(None) };
        match parent.strip_prefix(base) {
            None | Some("") => Ok(Some(dir)),
            Some(rest) => if_there(dir.open_dir(rest.trim_start_matches('/'))),
        }
    }

    fn open_or_note(&mut self, folder: &Dir, name: &str, path: &str) -> Result<Option<Dir>> {
        match folder.kind(name)? {
            None => Ok(None),
            Some(EntryKind::Directory) => Ok(Some(folder.open_dir(name)?)),
            Some(_) => {
                self.disk.obstacles.push(path.into());
                Ok(None)
            }
        }
    }

    fn note(&mut self, folder: &Dir, entry: &DirEntry, location: String) -> Result<()> {
        let found = match entry.kind {
            EntryKind::Directory => self.appraise(folder, entry, &location),
            EntryKind::Symlink => match folder.read_link(&entry.name)? {
                Some(text) => Found::Link(text.to_string_lossy().into_owned()),
                None => return Ok(()),
            },
            EntryKind::File | EntryKind::Other => Found::Other,
        };
        self.disk.found.insert(location.into(), found);
        Ok(())
    }

    fn appraise(&self, folder: &Dir, entry: &DirEntry, location: &str) -> Found {
        let Some(listed) = self.disk.listed.get(location).filter(|listed| !listed.link) else {
            return Found::Folder;
        };
        let newer = match (modified(folder, &entry.name), self.written) {
            (Some(changed), Some(written)) => changed > written,
            _ => true,
        };
        if newer && !says(folder, entry, location, listed) {
            return Found::Folder;
        }
        Found::Listed
    }
}

/// Opens the folder that holds an outermost `node_modules`. Links on the way to it are the user's own choice only
/// outside the project, where a link of the lockfile leads.
pub(crate) fn open_base(project: &Dir, base: &str) -> Result<Dir, FsError> {
    match base {
        "" => Dir::open(project.path()),
        _ if base.starts_with("..") => Dir::open(project.path().join(base)),
        _ => project.open_dir(base),
    }
}

/// The folder of a base, if there is one. The project's own was open when all this began: it may be gone since, but it is
/// no link or file where a folder was expected.
pub(crate) fn base_if_there(project: &Dir, base: &str) -> Result<Option<Dir>> {
    match open_base(project, base) {
        Err(error) if base.is_empty() && error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        opened => if_there(opened),
    }
}

/// What was opened; `None` where there is no such folder. That one could not be opened for another reason says nothing of
/// what is in it.
pub(crate) fn if_there(opened: Result<Dir, FsError>) -> Result<Option<Dir>> {
    match opened {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if error.is_absence() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The folder at this path below another one, if there is one. Otherwise than with [`if_there`], what is a folder and cannot be
/// opened as one is an error, also where the error says that it is none.
pub(crate) fn open_if_there(above: &Dir, path: &str) -> Result<Option<Dir>> {
    let mut folder: Option<Dir> = None;
    for name in path.split('/') {
        let parent = folder.as_ref().unwrap_or(above);
        match parent.open_dir(name) {
            Ok(opened) => folder = Some(opened),
            Err(error) if error.is_absence() && parent.kind(name)? != Some(EntryKind::Directory) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(folder)
}

/// Whether the package.json of the folder has the name and version that the list says.
fn says(folder: &Dir, entry: &DirEntry, location: &str, listed: &Entry) -> bool {
    let Ok(Some(bytes)) = folder.read(entry.name.join("package.json")) else { return false };
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(&bytes) else { return false };
    value["name"].as_str() == Some(listed.package_name(location))
        && value["version"].as_str() == listed.version.as_deref()
}

/// When something was modified, in nanoseconds since 1970.
pub(crate) fn modified(folder: &Dir, name: impl AsRef<Path>) -> Option<i128> {
    let stat = statat(folder, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec))
}

#[cfg(test)]
mod tests {
    use super::*;
    use utoo_fs::{Extent, Failure, FaultPlan};

    #[test]
    fn only_what_is_no_folder_counts_as_absent() {
        let temporary = tempfile::tempdir().unwrap();
        let above = Dir::open(temporary.path()).unwrap();
        above.ensure_dir("package/node_modules").unwrap();
        above.create_file_with_mode("file", 0o644, b"").unwrap();
        above.symlink("package", "link").unwrap();
        let opened = open_if_there(&above, "package/node_modules").unwrap().unwrap();
        assert_eq!(opened.path(), temporary.path().join("package/node_modules"));
        for absent in ["nothing", "package/nothing", "file", "file/below", "link", "link/node_modules"] {
            assert!(open_if_there(&above, absent).unwrap().is_none(), "{absent}");
        }
        // The folders above the last one, too; each is looked at when it could not be opened.
        for number in 1..=2 {
            let _armed = FaultPlan::fail(temporary.path(), number, Failure::Eloop, Extent::Once).arm();
            assert_eq!(open_if_there(&above, "package/node_modules").unwrap_err().code(), "ELOOP");
        }
    }
}
