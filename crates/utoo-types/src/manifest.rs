//! One version of a package: what its package.json or its entry in a packument says, normalised as npm
//! normalises it before it builds a tree.

pub(crate) use normalize::engine_text;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::platform::{EngineMismatch, Engines, PlatformLists};
use crate::{Integrity, PackageName, Version};

mod bin;
pub(crate) mod normalize;
/// Named specs in the order of the document: one of the dependency blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    entries: Vec<(PackageName, Arc<str>)>,
}

impl Dependencies {
    /// An empty block.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The spec of `name`.
    pub fn get(&self, name: &str) -> Option<&Arc<str>> {
        self.entries.iter().find(|(key, _)| key.as_str() == name).map(|(_, spec)| spec)
    }

    /// Whether `name` is in the block.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The entries in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (PackageName, Arc<str>)> {
        self.entries.iter()
    }

    /// Sets the spec of `name`, in place if it is there, else at the end. Gives the former spec.
    pub fn insert(&mut self, name: PackageName, spec: Arc<str>) -> Option<Arc<str>> {
        match self.entries.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => Some(std::mem::replace(old, spec)),
            None => {
                self.entries.push((name, spec));
                None
            }
        }
    }

    /// Takes `name` out of the block; the order of the others stays.
    pub fn remove(&mut self, name: &str) -> Option<Arc<str>> {
        let at = self.entries.iter().position(|(key, _)| key.as_str() == name)?;
        Some(self.entries.remove(at).1)
    }

    /// Appends an entry whose name is known not to be there; [`Dependencies::insert`] without the search.
    pub(crate) fn push(&mut self, name: PackageName, spec: Arc<str>) {
        self.entries.push((name, spec));
    }

    /// Keeps the entries for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&PackageName, &Arc<str>) -> bool) {
        self.entries.retain(|(name, spec)| keep(name, spec));
    }
}

impl FromIterator<(PackageName, Arc<str>)> for Dependencies {
    fn from_iter<I: IntoIterator<Item = (PackageName, Arc<str>)>>(entries: I) -> Self {
        let mut block = Self::new();
        for (name, spec) in entries {
            block.insert(name, spec);
        }
        block
    }
}

impl<'a> IntoIterator for &'a Dependencies {
    type Item = &'a (PackageName, Arc<str>);
    type IntoIter = std::slice::Iter<'a, (PackageName, Arc<str>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Dependencies {
    type Item = (PackageName, Arc<str>);
    type IntoIter = std::vec::IntoIter<(PackageName, Arc<str>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// The blocks of a package.json that name dependencies to install.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DependencyKind {
    /// `dependencies`
    Prod,
    /// `devDependencies`
    Dev,
    /// `optionalDependencies`
    Optional,
    /// `peerDependencies`
    Peer,
}

impl DependencyKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Prod, Self::Dev, Self::Optional, Self::Peer];

    /// The block's key in package.json.
    pub fn key(self) -> &'static str {
        match self {
            Self::Prod => "dependencies",
            Self::Dev => "devDependencies",
            Self::Optional => "optionalDependencies",
            Self::Peer => "peerDependencies",
        }
    }
}

/// Which dependencies a package's tarball brings along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BundleDependencies {
    /// None.
    #[default]
    None,
    /// `true` in the document, with no dependency to name yet.
    All,
    /// These names.
    Names(Vec<PackageName>),
}

impl BundleDependencies {
    /// Whether `name` comes with the tarball.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Names(names) => names.iter().any(|bundled| bundled.as_str() == name),
        }
    }

    /// Whether nothing is bundled.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::All => false,
            Self::Names(names) => names.is_empty(),
        }
    }
}

/// Where a registry keeps the tarball of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dist {
    /// The URL, as the registry gave it; empty when it gave none.
    pub tarball: Arc<str>,
    /// What the tarball's bytes must be. A registry that gives only a `shasum` gives a sha1 here.
    pub integrity: Option<Integrity>,
    /// The `shasum` of old packages in lower-case hexadecimal, where `integrity` was made from it.
    pub shasum: Option<Arc<str>>,
}

/// One version of a package, owned and normalised; see the module's text for what that means.
///
/// The fields that only pass through to a lockfile stay JSON values; each has a typed accessor where
/// something decides by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The package's name; empty for a package.json without one.
    pub name: PackageName,
    /// The version, where `raw_version` is one. Manifests of registries always have it.
    pub version: Option<Version>,
    /// The version's text as the document has it; empty when there is none.
    pub raw_version: Arc<str>,
    /// Needed at run time; without those that are also in `optional_dependencies`.
    pub dependencies: Dependencies,
    /// Needed to work on the package; read from folders, never from registries.
    pub dev_dependencies: Dependencies,
    /// Those whose failure to install is no error.
    pub optional_dependencies: Dependencies,
    /// Those that the dependent must provide.
    pub peer_dependencies: Dependencies,
    /// `peerDependenciesMeta` in the document's order, values as they are.
    pub peer_dependencies_meta: Vec<(PackageName, Value)>,
    /// What the tarball brings along.
    pub bundle_dependencies: BundleDependencies,
    /// Specs that are accepted in place of the declared ones while a lock is read.
    pub accept_dependencies: Dependencies,
    /// Command name to path inside the package, both checked to stay inside.
    pub bin: Vec<(Arc<str>, Arc<str>)>,
    /// `engines` as the document has it.
    pub engines: Option<Arc<Value>>,
    /// `os` as the document has it: a list, or a string that counts as a list of one.
    pub os: Option<Arc<Value>>,
    /// `cpu` as the document has it: a list, or a string that counts as a list of one.
    pub cpu: Option<Arc<Value>>,
    /// `libc` as the document has it: a list, or a string that counts as a list of one.
    pub libc: Option<Arc<Value>>,
    /// `funding`, normalised: an address became `{"url": …}`.
    pub funding: Option<Arc<Value>>,
    /// `license`, normalised: `{"type": …}` became the type.
    pub license: Option<Arc<Value>>,
    /// The deprecation notice; `None` when not deprecated. A notice that is no string (`true`) is here as its
    /// JSON text.
    pub deprecated: Option<Arc<str>>,
    /// Whether installing the package would run a script of it.
    pub has_install_script: bool,
    /// Whether the tarball holds an npm-shrinkwrap.json.
    pub has_shrinkwrap: bool,
    /// Patterns of a workspace root.
    pub workspaces: Option<Vec<String>>,
    /// `workspaces` as it is written: the patterns, an object with these as `packages`, or what npm makes nothing of.
    pub workspaces_field: Option<Arc<Value>>,
    /// `overrides` as the document has it; counts for a root only.
    pub overrides: Option<Map<String, Value>>,
    /// Scripts by name; read from folders.
    pub scripts: Vec<(Arc<str>, Arc<str>)>,
    /// Where the tarball is; `None` for manifests that come from folders.
    pub dist: Option<Dist>,
    /// `private`.
    pub private: bool,
}

impl Manifest {
    /// A manifest that says nothing but its name and version.
    pub fn new(name: PackageName, version: Version) -> Self {
        let raw_version: Arc<str> = version.to_string().into();
        Self { version: Some(version), raw_version, ..Self::empty(name) }
    }

    pub(crate) fn empty(name: PackageName) -> Self {
        Self {
            name,
            version: None,
            raw_version: "".into(),
            dependencies: Dependencies::new(),
            dev_dependencies: Dependencies::new(),
            optional_dependencies: Dependencies::new(),
            peer_dependencies: Dependencies::new(),
            peer_dependencies_meta: Vec::new(),
            bundle_dependencies: BundleDependencies::None,
            accept_dependencies: Dependencies::new(),
            bin: Vec::new(),
            engines: None,
            os: None,
            cpu: None,
            libc: None,
            funding: None,
            license: None,
            deprecated: None,
            has_install_script: false,
            has_shrinkwrap: false,
            workspaces: None,
            workspaces_field: None,
            overrides: None,
            scripts: Vec::new(),
            dist: None,
            private: false,
        }
    }

    /// Reads a package.json, or one version of a packument, as tolerantly as npm does: a field of the wrong
    /// kind counts as absent. Takes any JSON; what is no object gives an empty manifest.
    pub fn from_value(value: &Value) -> Self {
        normalize::manifest(value)
    }

    /// The node range of `engines`.
    pub fn node_engine(&self) -> Option<&str> {
        self.engine("node")
    }

    /// The npm range of `engines`.
    pub fn npm_engine(&self) -> Option<&str> {
        self.engine("npm")
    }

    fn engine(&self, name: &str) -> Option<&str> {
        engine_text(self.engines.as_deref()?.get(name)?)
    }

    /// Checks `engines` against the versions there are.
    ///
    /// # Errors
    /// [`EngineMismatch`] when one does not fit.
    pub fn check_engines(&self, engines: &Engines) -> Result<(), EngineMismatch> {
        engines.check_value(self.engines.as_deref())
    }

    /// The lists for [`crate::Platform::check`].
    pub fn platform_lists(&self) -> PlatformLists<'_> {
        PlatformLists {
            os: normalize::platform_list(self.os.as_deref()),
            cpu: normalize::platform_list(self.cpu.as_deref()),
            libc: normalize::platform_list(self.libc.as_deref()),
        }
    }

    /// Whether the peer dependency `name` is marked optional.
    pub fn is_optional_peer(&self, name: &str) -> bool {
        self.peer_dependencies_meta
            .iter()
            .find(|(key, _)| key.as_str() == name)
            .is_some_and(|(_, meta)| normalize::is_truthy(meta.get("optional").unwrap_or(&Value::Null)))
    }

    /// The script of that name.
    pub fn script(&self, name: &str) -> Option<&str> {
        self.scripts.iter().find(|(key, _)| &**key == name).map(|(_, script)| &**script)
    }
}

#[cfg(test)]
#[path = "manifest/tests.rs"]
mod tests;
