//! The package.json inside a tarball. Nothing is extracted: no byte of the tarball reaches the disk from here.

use std::collections::BTreeMap;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};
use utoo_resolver::{ErrorCategory, RegistryError};
use utoo_types::PackageName;

use super::manifest::{Beside, SourcePackage};
use super::shrinkwrap;

/// A package.json longer than this is none.
const MAX_PACKAGE_JSON: u64 = 16 << 20;
/// A tarball may inflate to this many times its size, whatever the limit.
const MAX_RATIO: u64 = 20;

/// What was found in a tarball.
#[derive(Debug)]
pub(crate) struct Found {
    json: Vec<u8>,
    beside: Beside,
    /// Of all files, for the package itself; not for those inside it.
    paths: Vec<String>,
}

impl Found {
    pub(crate) fn package(&self) -> SourcePackage<'_> {
        SourcePackage { json: &self.json, beside: self.beside, paths: &self.paths }
    }
}

/// The package.json of the package in a tarball, and what lies beside it.
pub(crate) fn find_package(tarball: &[u8], inflated: u64) -> Result<Found, RegistryError> {
    let mut files = Files::default();
    let mut paths = Vec::new();
    walk(tarball, inflated, |path, contents| {
        paths.push(path.to_owned());
        files.take(path, contents)
    })?;
    paths.sort();
    files.found().map(|found| Found { paths, ..found }).ok_or_else(|| {
        let message = "the tarball holds no package.json";
        RegistryError::new("ENOPACKAGEJSON", ErrorCategory::NotFound, message)
    })
}

/// The packages that a tarball brings along in its `node_modules`, by their folder (`node_modules/a`), sorted.
pub(crate) fn find_bundled(tarball: &[u8], inflated: u64) -> Result<Vec<(String, Found)>, RegistryError> {
    let mut packages = BundledFiles::default();
    walk(tarball, inflated, |path, contents| packages.take(path, contents))?;
    Ok(packages.found())
}

/// The npm-shrinkwrap.json at the top of a tarball.
pub(crate) fn find_shrinkwrap(tarball: &[u8], inflated: u64) -> Result<Option<Vec<u8>>, RegistryError> {
    let mut found = None;
    walk(tarball, inflated, |path, contents| {
        if path == shrinkwrap::SHRINKWRAP {
            found = Some(shrinkwrap::read(contents)?);
        }
        Ok(())
    })?;
    Ok(found)
}

/// What is being found of the packages inside another one, by their folder.
#[derive(Default)]
pub(crate) struct BundledFiles(BTreeMap<String, Files>);

impl BundledFiles {
    /// Looks at one file of the outer package; its contents are read only where they matter.
    pub(crate) fn take(&mut self, path: &str, contents: &mut dyn Read) -> io::Result<()> {
        match path.rsplit_once('/') {
            Some((folder, file)) if is_package_folder(folder) => {
                self.0.entry(folder.to_owned()).or_default().take(file, contents)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn found(self) -> Vec<(String, Found)> {
        self.0.into_iter().filter_map(|(folder, files)| Some((folder, files.found()?))).collect()
    }
}

/// What is being found of one package.
#[derive(Default)]
struct Files {
    json: Option<Vec<u8>>,
    beside: Beside,
}

impl Files {
    fn take(&mut self, file: &str, contents: &mut dyn Read) -> io::Result<()> {
        match file {
            "package.json" => {
                let mut bytes = Vec::new();
                if contents.take(MAX_PACKAGE_JSON + 1).read_to_end(&mut bytes)? as u64 > MAX_PACKAGE_JSON {
                    return Err(io::Error::other("a package.json in it is larger than 16 MiB"));
                }
                self.json = Some(bytes);
            }
            "binding.gyp" => self.beside.binding_gyp = true,
            _ => {}
        }
        Ok(())
    }

    fn found(self) -> Option<Found> {
        Some(Found { json: self.json?, beside: self.beside, paths: Vec::new() })
    }
}

/// `node_modules/a`, `node_modules/@s/a`, `node_modules/a/node_modules/b`: folders that can be packages. Names are
/// held to npm's rules, so that none leads out of its folder.
fn is_package_folder(folder: &str) -> bool {
    let Some(rest) = folder.strip_prefix("node_modules/") else { return false };
    rest.split("/node_modules/").all(|name| PackageName::parse(name).is_ok())
}

/// Shows `visit` each file of a tarball, gzipped or plain, of at most `max(inflated, 20 * its size)` bytes of
/// contents. The first component of each path is dropped, whatever it is, as npm does on extraction; of two entries
/// with one path the later counts, as it would on disk.
fn walk(
    tarball: &[u8],
    inflated: u64,
    visit: impl FnMut(&str, &mut dyn Read) -> io::Result<()>,
) -> Result<(), RegistryError> {
    let left = inflated.max((tarball.len() as u64).saturating_mul(MAX_RATIO));
    let walked = match tarball {
        [0x1f, 0x8b, ..] => walk_entries(Bounded { inner: MultiGzDecoder::new(tarball), left }, visit),
        plain => walk_entries(Bounded { inner: plain, left }, visit),
    };
    walked.map_err(|error| {
        let message = "the tarball cannot be read";
        RegistryError::new("TAR_BAD_ARCHIVE", ErrorCategory::Precondition, message)
            .caused_by(error.to_string())
    })
}

/// A reader that fails, rather than ends, after its bound.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !buffer.is_empty() {
            return Err(io::Error::other("it inflates to more than is allowed"));
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.inner.read(&mut buffer[..room])?;
        self.left -= count as u64;
        Ok(count)
    }
}

fn walk_entries(
    contents: impl Read,
    mut visit: impl FnMut(&str, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    for entry in Archive::new(contents).entries()? {
        let mut entry = entry?;
        if !matches!(entry.header().entry_type(), EntryType::Regular | EntryType::Continuous) {
            continue;
        }
        let path = entry.path_bytes().into_owned();
        // What is no text is no package.json.
        if let Ok(path) = std::str::from_utf8(&path)
            && let Some((_, inside)) = path.split_once('/')
        {
            visit(inside, &mut entry)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "tarball_tests.rs"]
mod tests;
