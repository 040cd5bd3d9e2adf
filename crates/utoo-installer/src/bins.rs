//! Commands: symbolic links in `node_modules/.bin`, beside each `node_modules`' packages.
//!
//! The rules are npm's, seen by running it: of two packages in one `node_modules` that bring the same command, the one
//! whose location sorts first wins; a command whose target does not exist gets no link; the target becomes executable and
//! loses the CR of a CRLF shebang. Beyond npm: when the winner goes away, the other package's command takes over at
//! once, and links that no package has any more go, whoever made them; links that lead elsewhere are the user's and stay.
//!
//! Names and targets are checked again here: a lockfile is input from outside.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashSet;
use utoo_fs::{Dir, EntryKind};
use utoo_lockfile::{name_of_location, parent_location};
use utoo_types::collate;

use crate::disk::{base_if_there, if_there, open_base};
use crate::select::base_of;
use crate::store::Shebang;
use crate::{InstallError, Result};

const BIN: &str = "node_modules/.bin";

/// The commands of one package.
#[derive(Debug, Clone)]
pub(crate) struct Commands<'a> {
    pub(crate) location: &'a Arc<str>,
    /// As the lockfile has them; not yet checked. Empty where the lockfile has none and the package was not opened: it may
    /// still have a `directories.bin`, and the links that lead into it stay as they are.
    pub(crate) bin: Vec<(Arc<str>, Arc<str>)>,
    /// Whether the package is a link to a folder, whose files nobody has prepared.
    pub(crate) linked_folder: Option<PathBuf>,
}

/// A command's name: one component, what npm makes of an odd one.
pub(crate) fn command_name(name: &str) -> Option<&str> {
    let name = name.rsplit(['/', '\\', ':']).next().unwrap_or(name);
    let usable = !matches!(name, "" | "." | "..") && utoo_fs::check_relative(name).is_ok();
    usable.then_some(name)
}

/// A command's target inside its package, normalised; `None` for the package's folder itself.
pub(crate) fn command_target(target: &str) -> Option<String> {
    let mut components: Vec<&str> = Vec::new();
    for component in target.split(['/', '\\']) {
        match component {
            "" | "." => {}
            // At the top there is nothing above: npm resolves targets as if the package were the whole world.
            ".." => drop(components.pop()),
            name => components.push(name),
        }
    }
    let target = components.join("/");
    utoo_fs::check_relative(&target).is_ok().then_some(target)
}

/// Makes the `.bin` folders what these commands demand. `touched` are the parents (see
/// [`utoo_lockfile::parent_location`]) below which something was changed or removed.
pub(crate) fn link_bins(project: &Dir, commands: Vec<Commands<'_>>, touched: &[Arc<str>]) -> Result<()> {
    let mut folders: BTreeMap<&str, Vec<Commands<'_>>> = BTreeMap::new();
    for parent in touched {
        folders.entry(parent).or_default();
    }
    for command in commands {
        let parent = parent_location(command.location).unwrap_or("");
        folders.entry(parent).or_default().push(command);
    }
    for (parent, packages) in folders {
        link_folder(project, parent, packages)?;
    }
    Ok(())
}

fn link_folder(project: &Dir, parent: &str, packages: Vec<Commands<'_>>) -> Result<()> {
    let base = base_of_parent(parent);
    // Where a command is wanted, a folder that cannot be opened is not one that has none.
    let opened = match packages.is_empty() {
        true => base_if_there(project, base)?.map(Ok),
        false => Some(open_base(project, base)),
    };
    let Some(opened) = opened else { return Ok(()) };
    let folder =
        opened.and_then(|dir| match parent.strip_prefix(base).map(|rest| rest.trim_start_matches('/')) {
            None | Some("") => Ok(dir),
            Some(below) => dir.open_dir(below),
        });
    let folder = match folder {
        Err(error) if !packages.is_empty() && error.kind() != ErrorKind::NotFound => return Err(error.into()),
        opened => if_there(opened)?,
    };
    let Some(folder) = folder else { return Ok(()) };
    if folder.kind("node_modules")? != Some(EntryKind::Directory) {
        return Ok(());
    }
    let undeclared = packages.iter().filter(|package| package.bin.is_empty());
    let undeclared: FxHashSet<&str> = undeclared.map(|package| name_of_location(package.location)).collect();
    let wanted = wanted_links(&folder, packages)?;
    let bin = match folder.kind(BIN)? {
        None if wanted.is_empty() => return Ok(()),
        Some(EntryKind::Directory) => folder.open_dir(BIN)?,
        None => folder.ensure_dir(BIN)?,
        Some(_) => {
            folder.remove_file(BIN)?;
            folder.ensure_dir(BIN)?
        }
    };
    let present = remove_stale(&bin, &wanted, &undeclared)?;
    for (name, text) in &wanted {
        if present.get(name.as_str()) != Some(text) {
            replace_link(&bin, name, text, present.contains_key(name.as_str()))?;
        }
    }
    if wanted.is_empty() && bin.entries()?.is_empty() {
        folder.remove_dir(BIN)?;
    }
    Ok(())
}

/// The base of a parent: the parent itself where it is in no `node_modules`.
fn base_of_parent(parent: &str) -> &str {
    if parent_location(parent).is_some() { base_of(parent) } else { parent }
}

/// Command name to the text of its link.
fn wanted_links(folder: &Dir, mut packages: Vec<Commands<'_>>) -> Result<BTreeMap<String, String>> {
    packages.sort_by(|a, b| collate::compare(a.location, b.location));
    let mut wanted = BTreeMap::new();
    for package in packages {
        let package_name = name_of_location(package.location);
        for (name, target) in &package.bin {
            let (Some(name), Some(target)) = (command_name(name), command_target(target)) else { continue };
            let path = format!("{package_name}/{target}");
            if folder.kind(Path::new("node_modules").join(&path))?.is_none() {
                continue;
            }
            if let Some(linked) = &package.linked_folder {
                prepare_in_folder(linked, &target)?;
            }
            wanted.entry(name.to_owned()).or_insert_with(|| format!("../{path}"));
        }
    }
    Ok(wanted)
}

/// Removes the links that packages brought and that are not wanted; gives the links that stay.
fn remove_stale(
    bin: &Dir,
    wanted: &BTreeMap<String, String>,
    undeclared: &FxHashSet<&str>,
) -> Result<BTreeMap<String, String>> {
    let mut present = BTreeMap::new();
    for entry in bin.entries()? {
        let Some(name) = entry.name.to_str() else { continue };
        let text = match entry.kind {
            EntryKind::Symlink => bin.read_link(name)?.map(|text| text.to_string_lossy().into_owned()),
            _ => None,
        };
        let package = text.as_deref().and_then(package_of_link);
        if package.is_some_and(|package| !undeclared.contains(package)) && !wanted.contains_key(name) {
            bin.remove_file(name)?;
        } else {
            present.insert(name.to_owned(), text.unwrap_or_default());
        }
    }
    Ok(present)
}

/// The package beside `.bin` that a link leads into; `None` for links to elsewhere.
fn package_of_link(text: &str) -> Option<&str> {
    let below = text.strip_prefix("../").filter(|below| !below.starts_with("../"))?;
    let scope = if below.starts_with('@') { below.find('/')? + 1 } else { 0 };
    let end = scope + below[scope..].find('/')?;
    (end > scope && end + 1 < below.len()).then(|| &below[..end])
}

fn replace_link(bin: &Dir, name: &str, text: &str, there: bool) -> Result<()> {
    if !there {
        return Ok(bin.symlink(text, name)?);
    }
    if bin.kind(name)? == Some(EntryKind::Directory) {
        return Ok(());
    }
    // Not made of the command's name, which may be as long as a name can be. A command of this very name is made again by
    // the next install.
    const TEMPORARY: &str = ".utoo-link";
    bin.remove_file(TEMPORARY)?;
    bin.symlink(text, TEMPORARY)?;
    Ok(bin.rename(TEMPORARY, bin, name)?)
}

/// Makes a command of a linked folder executable, in the folder itself, as npm does. Never outside of it: a link in
/// the folder that leads out is left alone.
#[cfg(unix)]
fn prepare_in_folder(folder: &Path, target: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let (Ok(folder), Ok(path)) = (folder.canonicalize(), folder.join(target).canonicalize()) else {
        return Ok(());
    };
    let fail = |action| {
        let path = path.clone();
        move |error| InstallError::io(action, path, error)
    };
    let metadata = std::fs::metadata(&path).map_err(fail("look at"))?;
    if !path.starts_with(&folder) || !metadata.is_file() {
        return Ok(());
    }
    let mode = metadata.permissions().mode() & 0o7777;
    let bytes = utoo_fs::read(&path).map_err(fail("read"))?;
    if Shebang::of(&bytes) == Shebang::Crlf {
        utoo_fs::write_atomic_with_mode(&path, without_shebang_cr(bytes), mode | 0o755)?;
    } else if mode & 0o111 != 0o111 {
        utoo_fs::set_permissions(&path, PermissionsExt::from_mode(mode | 0o111))
            .map_err(fail("make executable"))?;
    }
    Ok(())
}

/// The bytes without the CR that ends the first line.
pub(crate) fn without_shebang_cr(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = memchr::memchr(b'\n', &bytes)
        && end > 0
        && bytes[end - 1] == b'\r'
    {
        bytes.remove(end - 1);
    }
    bytes
}

#[cfg(test)]
mod tests;
