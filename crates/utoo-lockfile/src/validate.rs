//! Whether a lockfile fits the package.json files, as `npm ci` demands before it trusts it.
//!
//! Checked are the dependencies of the root and of each workspace: those are what a person edits. That the packages in
//! the lockfile fit each other is not checked (nor does npm: it accepts a lockfile with the invalid peers that
//! `--legacy-peer-deps` leaves behind).

use std::fmt;
use std::path::Path;

use utoo_types::{GitSpec, Manifest, PackageName, Selector, Spec, SpecKind, Version};

use crate::{Entry, Lockfile, ancestors, name_of_location, nested_location};

/// The package.json files of a project.
#[derive(Debug, Clone, Copy)]
pub struct Project<'a> {
    /// The root's.
    pub root: &'a Manifest,
    /// Those of the workspaces, by location: `packages/one`.
    pub workspaces: &'a [(&'a str, &'a Manifest)],
    /// Whether peer dependencies have to be in the lockfile.
    pub peers: Peers,
}

/// What is asked of peer dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Peers {
    /// They have to be there, unless they are optional.
    #[default]
    Required,
    /// `--legacy-peer-deps`: they are ignored.
    Ignored,
}

/// One way in which a lockfile does not fit. Its `Display` is npm's wording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// A dependency has no entry.
    Missing {
        /// The dependency's name.
        name: String,
        /// The spec of package.json, or a workspace's version.
        wanted: String,
        /// The location of the package.json that wants it.
        from: String,
    },
    /// A dependency's entry is something else than what package.json wants.
    Invalid {
        /// The dependency's name.
        name: String,
        /// What the lockfile has: a version, or for want of one where it comes from.
        locked: String,
        /// The spec of package.json.
        wanted: String,
        /// The location of the package.json that wants it.
        from: String,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, wanted, .. } => write!(f, "Missing: {name}@{wanted} from lock file"),
            Self::Invalid { name, locked, wanted, .. } => {
                write!(f, "Invalid: lock file's {name}@{locked} does not satisfy {name}@{wanted}")
            }
        }
    }
}

/// Every way in which `lock` does not fit `project`, in the order of the documents; nothing if it fits.
pub fn validate(lock: &Lockfile, project: &Project<'_>) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    for (location, manifest) in project.workspaces {
        check_workspace(lock, location, manifest, &mut mismatches);
    }
    let folders = std::iter::once(("", project.root)).chain(project.workspaces.iter().copied());
    for (location, manifest) in folders {
        for wanted in wanted_by(manifest, project.peers) {
            mismatches.extend(check(lock, location, &wanted));
        }
    }
    mismatches
}

/// A dependency of a folder.
struct Wanted<'a> {
    name: &'a str,
    spec: &'a str,
    absence: Absence,
}

/// Whether a dependency may lack an entry.
#[derive(Clone, Copy)]
enum Absence {
    Never,
    /// An optional dependency that could not be found is left out of the lockfile, but stays in the folder's own entry.
    /// One that is not there either was added to package.json later.
    WhenRecorded,
    Always,
}

fn wanted_by(manifest: &Manifest, peers: Peers) -> impl Iterator<Item = Wanted<'_>> {
    let required =
        manifest.dependencies.iter().chain(&manifest.dev_dependencies).map(|pair| (pair, Absence::Never));
    let optional = manifest.optional_dependencies.iter().map(|pair| (pair, Absence::WhenRecorded));
    let peers = manifest.peer_dependencies.iter().filter(move |_| peers == Peers::Required);
    let peers = peers.map(|pair| match manifest.is_optional_peer(pair.0.as_str()) {
        true => (pair, Absence::Always),
        false => (pair, Absence::Never),
    });
    required.chain(optional).chain(peers).map(|((name, spec), absence)| Wanted {
        name: name.as_str(),
        spec,
        absence,
    })
}

fn check_workspace(lock: &Lockfile, location: &str, manifest: &Manifest, mismatches: &mut Vec<Mismatch>) {
    let own_name = manifest.name.as_str();
    let name = if own_name.is_empty() { name_of_location(location) } else { own_name };
    let link = lock.get(&nested_location("", name));
    if link.is_none_or(|link| !link.link || link.resolved.as_deref() != Some(location)) {
        mismatches.push(Mismatch::Missing {
            name: name.to_owned(),
            wanted: manifest.raw_version.to_string(),
            from: String::new(),
        });
    }
}

fn check(lock: &Lockfile, from: &str, wanted: &Wanted<'_>) -> Option<Mismatch> {
    let (name, spec) = (wanted.name.to_owned(), wanted.spec.to_owned());
    let Some(entry) = find(lock, from, wanted.name) else {
        let missing = Mismatch::Missing { name, wanted: spec, from: from.to_owned() };
        let may_be_absent = match wanted.absence {
            Absence::Never => false,
            Absence::WhenRecorded => is_recorded_optional(lock, from, wanted),
            Absence::Always => true,
        };
        return (!may_be_absent).then_some(missing);
    };
    if is_satisfied(lock, entry, from, wanted) {
        return None;
    }
    let target = target_of(lock, entry);
    let locked = target.version.as_ref().or(entry.resolved.as_ref()).map_or("", |text| text);
    Some(Mismatch::Invalid { name, locked: locked.to_owned(), wanted: spec, from: from.to_owned() })
}

fn is_recorded_optional(lock: &Lockfile, from: &str, wanted: &Wanted<'_>) -> bool {
    let recorded = lock.get(from).and_then(|folder| folder.optional_dependencies.get(wanted.name));
    recorded.is_some_and(|spec| **spec == *wanted.spec)
}

/// What node would find: the nearest `node_modules` that has the name.
fn find<'a>(lock: &'a Lockfile, from: &str, name: &str) -> Option<&'a Entry> {
    ancestors(from).find_map(|folder| lock.get(&nested_location(folder, name)))
}

fn target_of<'a>(lock: &'a Lockfile, entry: &'a Entry) -> &'a Entry {
    let target = entry.resolved.as_deref().filter(|_| entry.link);
    target.and_then(|target| lock.get(target)).unwrap_or(entry)
}

fn is_satisfied(lock: &Lockfile, entry: &Entry, from: &str, wanted: &Wanted<'_>) -> bool {
    let name = PackageName::new_unchecked(wanted.name);
    // An unreadable spec is for the resolver to refuse; here it fits nothing.
    let Ok(spec) = Spec::resolve(&name, wanted.spec, Some(Path::new(from))) else { return false };
    fits(lock, entry, &spec)
}

fn fits(lock: &Lockfile, entry: &Entry, spec: &Spec) -> bool {
    let target = target_of(lock, entry);
    let version = || Version::parse_loose(target.version.as_deref()?).ok();
    let resolved = entry.resolved.as_deref().unwrap_or_default();
    match spec.kind() {
        SpecKind::Version(wanted) => version().is_some_and(|version| version == *wanted),
        SpecKind::Range(range) => {
            range.is_any() || version().is_some_and(|version| range.satisfies(&version))
        }
        SpecKind::Tag(_) => !resolved.is_empty() || entry.version.is_some(),
        SpecKind::Alias(actual) => {
            let is_same = actual.name().is_some() && entry.name.as_ref() == actual.name();
            is_same && fits(lock, entry, actual)
        }
        SpecKind::Git(wanted) => is_commit_of(resolved, wanted),
        SpecKind::Remote(url) => resolved == &**url,
        SpecKind::File(path) => is_path(resolved.strip_prefix("file:"), path),
        SpecKind::Directory(path) => entry.link && is_path(entry.resolved.as_deref(), path),
    }
}

/// Whether the lockfile's commit is in the wanted repository and, where package.json names a commit, is that one. Which
/// commit a branch or a tag is, only the repository knows.
fn is_commit_of(resolved: &str, wanted: &GitSpec) -> bool {
    let locked = Spec::resolve(&PackageName::new_unchecked("x"), resolved, None);
    let Ok(SpecKind::Git(locked)) = locked.as_ref().map(Spec::kind) else { return false };
    let is_same_repository = match (&locked.hosted, &wanted.hosted) {
        (Some(locked), Some(wanted)) => {
            (locked.host, &locked.user, &locked.project) == (wanted.host, &wanted.user, &wanted.project)
        }
        _ => locked.url == wanted.url,
    };
    let commit = |git: &GitSpec| match &git.selector {
        Selector::Committish(text) if is_commit(text) => Some(text.clone()),
        _ => None,
    };
    is_same_repository && commit(wanted).is_none_or(|wanted| commit(locked) == Some(wanted))
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a path of the lockfile is that of the spec; both from the project's root, unless the spec is absolute, which
/// cannot be compared without the disk.
fn is_path(locked: Option<&str>, wanted: &Path) -> bool {
    locked.is_some_and(|locked| wanted.is_absolute() || normal(Path::new(locked)) == normal(wanted))
}

/// The components of a relative path, without `.` and with `..` applied.
fn normal(path: &Path) -> Vec<std::path::Component<'_>> {
    use std::path::Component;
    let mut components = Vec::new();
    for component in path.components() {
        match (component, components.last()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => _ = components.pop(),
            _ => components.push(component),
        }
    }
    components
}

#[cfg(test)]
mod tests;
