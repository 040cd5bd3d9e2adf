//! A folder on disk as the tarball that `npm pack` would make of it.
//!
//! Which files those are is [`PackRules`]' to say. Links are left out, as npm leaves them out; of `node_modules` only what
//! the package bundles is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tar::{Builder, Header};
use utoo_resolver::{ErrorCategory, RegistryError};
use utoo_types::Manifest;

use super::pack::{PackRules, bundled_names};
use super::unreadable;

/// Version control keeps more files than any package has, and none of them is packed.
const NEVER_ENTERED: [&str; 4] = [".git", ".svn", ".hg", "CVS"];

/// Packs a folder: a tar archive, not compressed, of paths below `package/` in their order. `limit` bounds the bytes of its
/// files.
///
/// # Errors
/// Where a file cannot be read, package.json is none, or the limit is passed (`ETOOLARGE`).
pub(super) fn pack_folder(folder: &Path, limit: u64) -> Result<Vec<u8>, RegistryError> {
    let walk = Walk::new(folder)?;
    let rules = PackRules::new(&walk.package_json, &walk.ignore_files()?)
        .with_bundled(walk.bundled.iter().map(String::as_str));
    let mut packed = Builder::new(Vec::new());
    let mut left = limit;
    for path in walk.files.iter().filter(|path| rules.packs(path)) {
        let file = folder.join(path);
        let failed = |error: io::Error| unreadable(&file, &error);
        let metadata = std::fs::metadata(&file).map_err(failed)?;
        let bytes = std::fs::read(&file).map_err(failed)?;
        left = left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            let message = format!("{} holds more than {limit} bytes to pack", folder.display());
            RegistryError::new("ETOOLARGE", ErrorCategory::Precondition, message)
        })?;
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(mode(&metadata));
        packed.append_data(&mut header, format!("package/{path}"), bytes.as_slice()).map_err(failed)?;
    }
    packed.into_inner().map_err(|error| unreadable(folder, &error))
}

/// What a folder holds.
struct Walk {
    folder: PathBuf,
    package_json: Value,
    /// Packages of its `node_modules` that go along.
    bundled: BTreeSet<String>,
    /// Its files, links aside, with forward slashes.
    files: BTreeSet<String>,
}

impl Walk {
    fn new(folder: &Path) -> Result<Self, RegistryError> {
        let package_json = read_json(&folder.join("package.json"))?;
        let bundled = bundled_closure(folder, &Manifest::from_value(&package_json));
        let mut walk = Self { folder: folder.to_owned(), package_json, bundled, files: BTreeSet::new() };
        let mut open = vec![String::new()];
        open.extend(walk.bundled.iter().map(|name| format!("node_modules/{name}")));
        while let Some(folder) = open.pop() {
            let path = walk.folder.join(&folder);
            walk.enter(&folder, &mut open).map_err(|error| unreadable(&path, &error))?;
        }
        Ok(walk)
    }

    /// Takes in the files of one folder, and leaves the folders in it to be entered later.
    fn enter(&mut self, folder: &str, open: &mut Vec<String>) -> io::Result<()> {
        for entry in std::fs::read_dir(self.folder.join(folder))? {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let kind = entry.file_type()?;
            let is_entered = kind.is_dir()
                && !NEVER_ENTERED.contains(&name.as_str())
                && (name != "node_modules" || folder.starts_with("node_modules/"));
            if is_entered {
                open.push(path);
            } else if kind.is_file() {
                self.files.insert(path);
            }
        }
        Ok(())
    }

    fn ignore_files(&self) -> Result<BTreeMap<String, String>, RegistryError> {
        let is_ignore_file =
            |path: &&String| matches!(path.rsplit('/').next(), Some(".npmignore" | ".gitignore"));
        let read = self.files.iter().filter(is_ignore_file).map(|path| {
            let file = self.folder.join(path);
            let bytes = std::fs::read(&file).map_err(|error| unreadable(&file, &error))?;
            Ok((path.clone(), String::from_utf8_lossy(&bytes).into_owned()))
        });
        read.collect()
    }
}

/// What a package bundles, and what that depends on and has not in a `node_modules` of its own, as far as it is there.
fn bundled_closure(folder: &Path, manifest: &Manifest) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = bundled_names(manifest);
    while let Some(name) = open.pop() {
        let package = folder.join("node_modules").join(&name);
        let Ok(json) = read_json(&package.join("package.json")) else { continue };
        if found.insert(name) {
            let manifest = Manifest::from_value(&json);
            let wanted = manifest.dependencies.iter().chain(manifest.optional_dependencies.iter());
            let hoisted = wanted.map(|(name, _)| name.to_string());
            open.extend(hoisted.filter(|name| !package.join("node_modules").join(name).is_dir()));
        }
    }
    found
}

fn read_json(file: &Path) -> Result<Value, RegistryError> {
    let bytes = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(text).map_err(|error| {
        let message = format!("{}: {error}", file.display());
        RegistryError::new("EJSONPARSE", ErrorCategory::Precondition, message)
    })
}

#[cfg(unix)]
fn mode(metadata: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode(_metadata: &std::fs::Metadata) -> u32 {
    0o644
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
