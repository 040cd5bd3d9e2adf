//! How the tree that package.json asks for differs from the one that a lockfile holds: what `npm ci` refuses to install.

use std::fmt;
use std::sync::Arc;

use crate::{Entry, Lockfile, name_of_location};

/// One place in which a lockfile lags behind. Its `Display` is npm's wording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// The tree has a package that the lockfile lacks.
    Missing {
        /// Where it would be.
        location: Arc<str>,
        /// What it is called there: the name in `node_modules`; of a folder, its package's.
        name: Arc<str>,
        /// Its version; empty for a folder without one.
        version: Arc<str>,
    },
    /// The lockfile has the package in another version.
    Invalid {
        /// Where it is.
        location: Arc<str>,
        /// What it is called there.
        name: Arc<str>,
        /// The lockfile's version.
        locked: Arc<str>,
        /// The version of the tree.
        version: Arc<str>,
    },
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, version, .. } => write!(f, "Missing: {name}@{version} from lock file"),
            Self::Invalid { name, locked, version, .. } => {
                write!(f, "Invalid: lock file's {name}@{locked} does not satisfy {name}@{version}")
            }
        }
    }
}

/// Every place of `ideal` at which `locked` has nothing, or another version; in the order of `ideal`. What the lockfile
/// has beyond that is no drift: it is left out of the install. Neither is the version of a folder that is linked, which
/// its own package.json tells; nor what stands below a package with a shrinkwrap, which its tarball tells.
pub fn drift(locked: &Lockfile, ideal: &Lockfile) -> Vec<Drift> {
    let packages = ideal.packages.iter().filter(|(location, _)| !location.is_empty());
    let packages = packages.filter(|(location, _)| !ideal.is_in_shrinkwrap(location));
    packages.filter_map(|(location, entry)| drift_at(locked, ideal, location, entry)).collect()
}

fn drift_at(locked: &Lockfile, ideal: &Lockfile, location: &Arc<str>, entry: &Entry) -> Option<Drift> {
    let (location, version) = (Arc::clone(location), version_of(ideal, entry));
    let is_linked_to = crate::parent_location(&location).is_none();
    let name = if is_linked_to { entry.package_name(&location) } else { name_of_location(&location) };
    let name = Arc::from(name);
    let Some(before) = locked.get(&location) else { return Some(Drift::Missing { location, name, version }) };
    let is_folder = entry.link || is_linked_to;
    let locked = version_of(locked, before);
    if is_folder || locked == version {
        return None;
    }
    Some(Drift::Invalid { location, name, locked, version })
}

/// A link has the version of the folder that it points at.
fn version_of(lock: &Lockfile, entry: &Entry) -> Arc<str> {
    let target = entry.resolved.as_deref().filter(|_| entry.link).and_then(|target| lock.get(target));
    target.unwrap_or(entry).version.clone().unwrap_or_else(|| "".into())
}

#[cfg(test)]
mod tests;
