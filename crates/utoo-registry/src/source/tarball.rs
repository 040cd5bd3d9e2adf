//! The package.json inside a tarball. Nothing is extracted: no byte of the tarball reaches the disk from here.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};
use utoo_resolver::{ErrorCategory, RegistryError};

use super::manifest::{Beside, SourcePackage};

/// A package.json longer than this is none.
const MAX_PACKAGE_JSON: u64 = 16 << 20;
/// A tarball may inflate to this many times its size, whatever the limit.
const MAX_RATIO: u64 = 20;

/// What was found in a tarball.
#[derive(Debug)]
pub(crate) struct Found {
    json: Vec<u8>,
    beside: Beside,
}

impl Found {
    pub(crate) fn package(&self) -> SourcePackage<'_> {
        SourcePackage { json: &self.json, beside: self.beside }
    }
}

/// Looks through a tarball, gzipped or plain, of at most `max(inflated, 20 * its size)` bytes of contents. The first
/// component of each path is dropped, whatever it is, as npm does on extraction; of two entries with one path the
/// later counts, as it would on disk.
pub(crate) fn find_package(tarball: &[u8], inflated: u64) -> Result<Found, RegistryError> {
    let limit = inflated.max((tarball.len() as u64).saturating_mul(MAX_RATIO));
    let found = match tarball {
        [0x1f, 0x8b, ..] => scan(Bounded { inner: MultiGzDecoder::new(tarball), left: limit }),
        plain => scan(Bounded { inner: plain, left: limit }),
    };
    let found = found.map_err(|error| {
        let message = "the tarball cannot be read";
        RegistryError::new("TAR_BAD_ARCHIVE", ErrorCategory::Precondition, message)
            .caused_by(error.to_string())
    })?;
    found.ok_or_else(|| {
        let message = "the tarball holds no package.json";
        RegistryError::new("ENOPACKAGEJSON", ErrorCategory::NotFound, message)
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

fn scan(contents: impl Read) -> io::Result<Option<Found>> {
    let mut json = None;
    let mut beside = Beside::default();
    let mut archive = Archive::new(contents);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !matches!(entry.header().entry_type(), EntryType::Regular | EntryType::Continuous) {
            continue;
        }
        let path = entry.path_bytes().into_owned();
        match top_level(&path) {
            Some(b"package.json") => {
                let mut bytes = Vec::new();
                if (&mut entry).take(MAX_PACKAGE_JSON + 1).read_to_end(&mut bytes)? as u64 > MAX_PACKAGE_JSON
                {
                    return Err(io::Error::other("its package.json is larger than 16 MiB"));
                }
                json = Some(bytes);
            }
            Some(b"binding.gyp") => beside.binding_gyp = true,
            Some(b"npm-shrinkwrap.json") => beside.shrinkwrap = true,
            _ => {}
        }
    }
    Ok(json.map(|json| Found { json, beside }))
}

/// The name of an entry that lies directly in the package.
fn top_level(path: &[u8]) -> Option<&[u8]> {
    let slash = path.iter().position(|byte| *byte == b'/')?;
    let name = &path[slash + 1..];
    (!name.is_empty() && !name.contains(&b'/')).then_some(name)
}

#[cfg(test)]
#[path = "tarball_tests.rs"]
mod tests;
