//! The store of a linked tree (`install-strategy=linked`), for a resolver that knows packages in a `node_modules`, and
//! folders that links lead to.
//!
//! A package of the store is such a folder, in a folder that has its dependencies: what is
//! `node_modules/.store/<key>/node_modules/<name>` on disk is the folder `.store/<key>/<name>`, and a link beside it is at
//! `.store/<key>/node_modules/<other>`, where whoever is in `.store/<key>` finds it.

use std::path::{Path, PathBuf};

use utoo_lockfile::{parent_location, store_folder};

const MODULES: &str = "node_modules/";
const STORE: &str = ".store/";

/// The `node_modules` that a package of the store is in; `None` for every other folder.
pub(super) fn modules_beside(root: &Path, folder: &Path) -> Option<PathBuf> {
    let location = folder.strip_prefix(root).ok()?.to_string_lossy().into_owned();
    let around = store_folder(&location)?;
    let is_direct = parent_location(&location) == Some(around);
    is_direct.then(|| root.join(around).join(MODULES))
}

/// Where the resolver is told that a folder is.
pub(super) fn folder(location: String) -> String {
    match split(&location) {
        Some((around, below)) => format!("{}/{below}", &around[MODULES.len()..]),
        None => location,
    }
}

/// Where the resolver is told that a place in a `node_modules` is.
pub(super) fn place(location: String) -> String {
    match split(&location) {
        Some((around, _)) if parent_location(&location) == Some(around) => {
            location[MODULES.len()..].to_owned()
        }
        _ => folder(location),
    }
}

/// Whether a location is what [`folder`] makes of a package of the store.
pub(super) fn is_folder(location: &str) -> bool {
    folder_around(location).is_some()
}

/// The folder that holds the dependencies of what [`folder`] names.
pub(super) fn folder_around(location: &str) -> Option<&str> {
    let key = location.strip_prefix(STORE)?;
    let scope = if key.starts_with('@') { key.find('/')? + 1 } else { 0 };
    let end = key[scope..].find('/')?;
    Some(&location[..STORE.len() + scope + end])
}

/// The folder around a package of the store, and what is behind its `node_modules`.
fn split(location: &str) -> Option<(&str, &str)> {
    let around = store_folder(location)?;
    Some((around, location[around.len()..].strip_prefix('/')?.strip_prefix(MODULES)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_store_has_another_place_for_the_resolver() {
        let package = "node_modules/.store/@s/a@1.0.0-hash/node_modules/@s/a";
        assert_eq!(folder(package.to_owned()), ".store/@s/a@1.0.0-hash/@s/a");
        assert_eq!(folder_around(".store/@s/a@1.0.0-hash/@s/a"), Some(".store/@s/a@1.0.0-hash"));
        assert_eq!(place(format!("{package}/node_modules/b")), ".store/@s/a@1.0.0-hash/@s/a/node_modules/b");
        let beside = "node_modules/.store/@s/a@1.0.0-hash/node_modules/b";
        assert_eq!(place(beside.to_owned()), ".store/@s/a@1.0.0-hash/node_modules/b");
        assert_eq!(place("node_modules/a".to_owned()), "node_modules/a");
        let root = Path::new("/p");
        let modules = root.join("node_modules/.store/@s/a@1.0.0-hash/node_modules/");
        assert_eq!(modules_beside(root, &root.join(package)), Some(modules));
        assert_eq!(modules_beside(root, &root.join(package).join("node_modules/b")), None);
        assert_eq!(modules_beside(root, &root.join("node_modules/a")), None);
    }
}
