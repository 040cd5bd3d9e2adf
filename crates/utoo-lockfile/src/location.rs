//! What the keys of `packages` mean: paths from the project's root, with forward slashes.
//!
//! `""` is the root, `node_modules/a` and `node_modules/a/node_modules/@s/b` are installed packages, everything else
//! is a folder that links point at: `packages/a` (a workspace), `../elsewhere` (a `file:` dependency).

use utoo_types::PackageName;

const MODULES: &str = "node_modules";
/// What the locations of packages begin with that lie in the store of a linked tree.
const STORE: &str = "node_modules/.store/";

/// What kind of place a location is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LocationKind {
    /// The project itself: the empty location.
    Root,
    /// A package below the project's root, in a `node_modules`.
    Package,
    /// A folder below the project's root that is no package in a `node_modules`: a workspace, a linked folder.
    Folder,
    /// Outside the project's root (`../…`): a linked folder, or a package in the `node_modules` of one. Nothing is to
    /// be written there but for a link that package.json asks for.
    Outside,
}

/// A location that names no place where a package could be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the location {location:?} is refused: {reason}")]
pub struct LocationError {
    /// The location, cut to 200 characters.
    pub location: String,
    /// The rule it breaks.
    pub reason: &'static str,
}

/// The name that a location gives to its package: what follows the last `node_modules/`, or for other folders the last
/// component, with the one before it where that is a scope. Empty for the root.
///
/// ```
/// # use utoo_lockfile::name_of_location;
/// assert_eq!(name_of_location("node_modules/a/node_modules/@s/b"), "@s/b");
/// assert_eq!(name_of_location("packages/one"), "one");
/// assert_eq!(name_of_location("packages/@s/two"), "@s/two");
/// ```
pub fn name_of_location(location: &str) -> &str {
    let Some(slash) = location.rfind('/') else { return location };
    let above = &location[..slash];
    let scope = above.rfind('/').map_or(0, |at| at + 1);
    if above[scope..].starts_with('@') { &location[scope..] } else { &location[slash + 1..] }
}

/// The location whose `node_modules` holds this one: `node_modules/a` of `node_modules/a/node_modules/@s/b`, `""` of
/// `node_modules/a`. `None` for the root and for folders that are in no `node_modules`.
pub fn parent_location(location: &str) -> Option<&str> {
    let at = last_modules(location)?;
    Some(location[..at].strip_suffix('/').unwrap_or(&location[..at]))
}

/// The location of `name` in the `node_modules` of `parent`.
pub fn nested_location(parent: &str, name: &str) -> String {
    let mut location = String::with_capacity(parent.len() + name.len() + MODULES.len() + 2);
    push_nested(&mut location, parent, name);
    location
}

fn push_nested(location: &mut String, parent: &str, name: &str) {
    if !parent.is_empty() {
        location.push_str(parent);
        location.push('/');
    }
    location.push_str(MODULES);
    location.push('/');
    location.push_str(name);
}

/// The locations at which the package at `from` looks for `name`, in the order in which node does ([`ancestors`]): the
/// first for which there is something.
pub(crate) fn find_from<T>(from: &str, name: &str, mut get: impl FnMut(&str) -> Option<T>) -> Option<T> {
    let mut location = String::with_capacity(from.len() + name.len() + MODULES.len() + 2);
    ancestors(from).find_map(|place| {
        location.clear();
        push_nested(&mut location, place, name);
        get(&location)
    })
}

/// The places in whose `node_modules` node looks for what the package at `location` requires, nearest first: itself,
/// then every folder above it that is not a `node_modules` itself, up to the root `""`; for locations outside the root up
/// to their `..`.
pub fn ancestors(location: &str) -> impl Iterator<Item = &str> {
    let mut next = Some(location);
    std::iter::from_fn(move || {
        let current = next?;
        next = above(current);
        while next.is_some_and(|folder| folder == MODULES || folder.ends_with("/node_modules")) {
            next = next.and_then(above);
        }
        Some(current)
    })
}

fn above(location: &str) -> Option<&str> {
    match location.rfind('/') {
        Some(slash) if location[slash..] == *"/.." => None,
        Some(slash) => Some(&location[..slash]),
        None if location.is_empty() || location == ".." => None,
        None => Some(""),
    }
}

/// Where the last `node_modules` component of a location starts that has something behind it.
fn last_modules(location: &str) -> Option<usize> {
    // Component by component: setting up a search for a text costs more than most locations are long.
    let slash_before = |end: usize| location.as_bytes()[..end].iter().rposition(|byte| *byte == b'/');
    let mut end = slash_before(location.len())?;
    loop {
        let slash = slash_before(end);
        let start = slash.map_or(0, |slash| slash + 1);
        if location[start..end] == *MODULES {
            return Some(start);
        }
        end = slash?;
    }
}

/// Checks that a location names a place where a package can be.
///
/// Refused are absolute paths and drive letters, backslashes, NUL, empty and `.` components, `..` anywhere but at the
/// start, and after a `node_modules` everything that is no package name: `.bin`, `..`, nothing at all.
///
/// # Errors
///
/// [`LocationError`], with the location and the rule.
pub fn validate_location(location: &str) -> Result<LocationKind, LocationError> {
    if location.is_empty() {
        return Ok(LocationKind::Root);
    }
    classify(location)
        .map_err(|reason| LocationError { location: location.chars().take(200).collect(), reason })
}

/// The folder of the store of a linked tree (`install-strategy=linked`) in which a location is, or which it is:
/// `node_modules/.store/<key>`, with the scope in the key of a scoped package. `None` outside of the store.
///
/// ```
/// # use utoo_lockfile::store_folder;
/// let location = "node_modules/.store/@s/a@1.0.0-hash/node_modules/@s/a";
/// assert_eq!(store_folder(location), Some("node_modules/.store/@s/a@1.0.0-hash"));
/// assert_eq!(store_folder("node_modules/a"), None);
/// ```
pub fn store_folder(location: &str) -> Option<&str> {
    let key = location.strip_prefix(STORE)?;
    let scope = if key.starts_with('@') { key.find('/')? + 1 } else { 0 };
    let end = key[scope..].find('/').map_or(key.len(), |end| scope + end);
    (end > scope).then(|| &location[..STORE.len() + end])
}

/// [`validate_location`] for what is on disk: as the hidden lockfile of a linked tree has it, packages may also be at
/// `node_modules/.store/<key>/node_modules/<name>`, and nowhere else in there.
///
/// # Errors
///
/// [`LocationError`], with the location and the rule.
pub fn validate_installed_location(location: &str) -> Result<LocationKind, LocationError> {
    let Some(folder) = store_folder(location) else { return validate_location(location) };
    let refused = |reason| LocationError { location: location.chars().take(200).collect(), reason };
    let key = &folder[STORE.len()..];
    let is_odd = |part: &str| matches!(part, "" | "." | "..") || part.contains(['\\', '\0']);
    // Where there is a scope, it begins with an @.
    let (scope, name) = key.split_once('/').map_or(("s", key), |(scope, name)| (&scope[1..], name));
    let has_version = || name.chars().skip(1).any(|letter| letter == '@');
    if is_odd(scope) || is_odd(name) || !has_version() {
        return Err(refused("what follows .store is no package of a store"));
    }
    match location[folder.len()..].strip_prefix('/').map(classify) {
        None | Some(Ok(LocationKind::Package)) => Ok(LocationKind::Package),
        Some(Ok(_)) => Err(refused("in the folders of a store there are packages only")),
        Some(Err(reason)) => Err(refused(reason)),
    }
}

fn classify(location: &str) -> Result<LocationKind, &'static str> {
    match location.as_bytes() {
        [b'/', ..] => return Err("it is absolute"),
        [letter, b':', ..] if letter.is_ascii_alphabetic() => return Err("it has a drive letter"),
        bytes if bytes.iter().any(|byte| matches!(byte, b'\\' | 0)) => {
            return Err("it has a backslash or a NUL");
        }
        _ => {}
    }
    let mut rest = location;
    while let Some(up) = rest.strip_prefix("../") {
        rest = up;
    }
    let outside = rest.len() != location.len();
    if rest == ".." {
        return Ok(LocationKind::Outside);
    }
    let mut kind = LocationKind::Folder;
    let mut components = rest.split('/');
    while let Some(component) = components.next() {
        match component {
            "" => return Err("it has an empty component"),
            "." => return Err("it has a '.' component"),
            ".." => return Err("it has a '..' component"),
            MODULES => {
                package_after_modules(&mut components)?;
                kind = LocationKind::Package;
            }
            _ => kind = LocationKind::Folder,
        }
    }
    Ok(if outside { LocationKind::Outside } else { kind })
}

fn package_after_modules<'a>(components: &mut impl Iterator<Item = &'a str>) -> Result<(), &'static str> {
    const NO_NAME: &str = "what follows node_modules is no package name";
    let first = components.next().ok_or(NO_NAME)?;
    let parsed = if first.starts_with('@') {
        PackageName::parse(&format!("{first}/{}", components.next().ok_or(NO_NAME)?))
    } else {
        PackageName::parse(first)
    };
    parsed.map(drop).map_err(|_| NO_NAME)
}

#[cfg(test)]
mod tests;
