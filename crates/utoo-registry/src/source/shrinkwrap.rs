//! The npm-shrinkwrap.json that a package brings along: somebody else's lockfile, for what goes below the package.
//!
//! It counts only where a registry says that there is one; one in a package from git, a tarball or a folder is a file as
//! any other, as for npm. What cannot be read lists nothing. A location in it that is no place for a package makes it an
//! attack, and is an error; whether the sources in it may be used is for whoever fetches from them.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use utoo_lockfile::{Lockfile, LockfileError};
use utoo_resolver::{ErrorCategory, RegistryError};

/// Its name, at the top of the package.
pub const SHRINKWRAP: &str = "npm-shrinkwrap.json";
/// One longer than this is none.
const MAX_LENGTH: u64 = 16 << 20;

/// The npm-shrinkwrap.json of an unpacked package: what [`ManifestJob::Shrinkwrap`] answers, for those who have the
/// tarball's verified contents in files already. `file` is where this one is, and `shown` the package, for errors. Blocks
/// the thread.
///
/// # Errors
/// Where it cannot be read (`EACCES`, `EIO`), is longer than 16 MiB (`ETOOLARGE`), or names a location that is no place
/// for a package (`EBADLOCATION`).
///
/// [`ManifestJob::Shrinkwrap`]: utoo_resolver::ManifestJob::Shrinkwrap
pub fn shrinkwrap_in_file(file: &Path, shown: &str) -> Result<Arc<Lockfile>, RegistryError> {
    let text = std::fs::File::open(file).and_then(read).map_err(|error| super::unreadable(file, &error))?;
    parse(Some(&text), shown)
}

/// All of it, and one byte more than it may have at the most.
pub(super) fn read(contents: impl Read) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    contents.take(MAX_LENGTH + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Reads what was found of it; `shown` is the tarball or the folder that it is in, for errors.
pub(super) fn parse(text: Option<&[u8]>, shown: &str) -> Result<Arc<Lockfile>, RegistryError> {
    let Some(text) = text else { return Ok(Arc::default()) };
    let refuse = |code, why: String| {
        let message = format!("{SHRINKWRAP} in {shown}: {why}");
        RegistryError::new(code, ErrorCategory::Precondition, message)
    };
    if text.len() as u64 > MAX_LENGTH {
        return Err(refuse("ETOOLARGE", format!("it is longer than {MAX_LENGTH} bytes")));
    }
    match Lockfile::parse(&String::from_utf8_lossy(text), SHRINKWRAP) {
        Ok(lock) => Ok(Arc::new(lock)),
        Err(LockfileError::Location { error, .. }) => Err(refuse("EBADLOCATION", error.to_string())),
        Err(_) => Ok(Arc::default()),
    }
}

#[cfg(test)]
#[path = "shrinkwrap_tests.rs"]
mod tests;
