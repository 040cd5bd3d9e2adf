//! One entry of a lockfile, and its way from and to a manifest.

use std::sync::Arc;

use serde_json::{Map, Value};
use utoo_types::{BundleDependencies, Dependencies, Dist, Integrity, Manifest, PackageName, Version};

use crate::name_of_location;

/// What the lockfile says of the package at one location.
///
/// Fields that npm only passes through are JSON values, as in [`Manifest`]. A field whose value has not the type it
/// should have (`"bin": "x.js"`, which old versions of npm wrote) is in `extra` instead, and written from there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// The package's own name, only where it is not the one that its location gives: aliases, folders named
    /// otherwise, the root.
    pub name: Option<PackageName>,
    /// The version as the package writes it; absent for links and for folders without one.
    pub version: Option<Arc<str>>,
    /// Where it comes from: the URL of its tarball, `git+…#commit`, `file:….tgz`, or for a link the target's location.
    pub resolved: Option<Arc<str>>,
    /// What the tarball's bytes must be.
    pub integrity: Option<Integrity>,
    /// The lockfile of versions before 3 from which the package is had no `integrity`: npm then writes the one of its
    /// manifest into `packages`, but not into the tree of these versions.
    pub integrity_is_new: bool,
    /// A symbolic link to the folder `resolved`, which has an entry of its own.
    pub link: bool,
    /// Only development dependencies of the root need it.
    pub dev: bool,
    /// Only optional dependencies need it.
    pub optional: bool,
    /// Development dependencies and optional ones need it, but no others.
    pub dev_optional: bool,
    /// Only peer dependencies need it.
    pub peer: bool,
    /// Nothing needs it.
    pub extraneous: bool,
    /// It is part of another package's tarball.
    pub in_bundle: bool,
    /// Installing it runs a script of its own.
    pub has_install_script: bool,
    /// Its tarball holds an npm-shrinkwrap.json.
    pub has_shrinkwrap: bool,
    /// `license`: a text, or what else the package has there.
    pub license: Option<Arc<Value>>,
    /// The deprecation notice.
    pub deprecated: Option<Arc<str>>,
    /// Command name to path inside the package.
    pub bin: Vec<(Arc<str>, Arc<str>)>,
    /// `engines`: an object, or what else the package has there.
    pub engines: Option<Arc<Value>>,
    /// `funding`: an object with an `url`, or a list.
    pub funding: Option<Arc<Value>>,
    /// `os`: a list or one text.
    pub os: Option<Arc<Value>>,
    /// `cpu`: a list or one text.
    pub cpu: Option<Arc<Value>>,
    /// `libc`: a list or one text.
    pub libc: Option<Arc<Value>>,
    /// Needed at run time, without those that are also optional.
    pub dependencies: Dependencies,
    /// Needed to work on it: only the root, workspaces and linked folders have them.
    pub dev_dependencies: Dependencies,
    /// Those whose failure is no error.
    pub optional_dependencies: Dependencies,
    /// Those that the dependent provides.
    pub peer_dependencies: Dependencies,
    /// `peerDependenciesMeta`.
    pub peer_dependencies_meta: Vec<(PackageName, Value)>,
    /// `acceptDependencies`.
    pub accept_dependencies: Dependencies,
    /// What its tarball brings along.
    pub bundle_dependencies: BundleDependencies,
    /// `workspaces`: a list, or an object with `packages`.
    pub workspaces: Option<Arc<Value>>,
    /// All other fields, and those whose values have not the type that they should have.
    pub extra: Map<String, Value>,
}

impl Entry {
    /// The entry of a package in a `node_modules`: `resolved` and `integrity` from its `dist`, no development
    /// dependencies, no name (see [`Entry::named_at`]), no flags of the tree.
    pub fn from_manifest(manifest: &Manifest) -> Self {
        let dist = manifest.dist.as_ref();
        Self {
            version: (!manifest.raw_version.is_empty()).then(|| Arc::clone(&manifest.raw_version)),
            resolved: dist.map(|dist| &dist.tarball).filter(|url| !url.is_empty()).cloned(),
            integrity: dist.and_then(|dist| dist.integrity.clone()),
            has_install_script: manifest.has_install_script,
            has_shrinkwrap: manifest.has_shrinkwrap,
            license: kept(manifest.license.as_ref()),
            deprecated: manifest.deprecated.clone().filter(|notice| !notice.is_empty()),
            bin: manifest.bin.clone(),
            engines: kept(manifest.engines.as_ref()),
            funding: kept(manifest.funding.as_ref()),
            os: kept(manifest.os.as_ref()),
            cpu: kept(manifest.cpu.as_ref()),
            libc: kept(manifest.libc.as_ref()),
            dependencies: manifest.dependencies.clone(),
            optional_dependencies: manifest.optional_dependencies.clone(),
            peer_dependencies: manifest.peer_dependencies.clone(),
            peer_dependencies_meta: manifest.peer_dependencies_meta.clone(),
            accept_dependencies: manifest.accept_dependencies.clone(),
            bundle_dependencies: bundled(manifest),
            workspaces: manifest.workspaces_field.clone(),
            ..Self::default()
        }
    }

    /// The entry of a folder that is worked on: the root, a workspace, the target of a link. With development
    /// dependencies, without `resolved` and `integrity`, and with the name where `location` does not say it.
    ///
    /// `workspaces` is the field as package.json has it, since npm copies it whole.
    pub fn from_folder(manifest: &Manifest, location: &str, workspaces: Option<&Arc<Value>>) -> Self {
        let entry = Self {
            resolved: None,
            integrity: None,
            dev_dependencies: manifest.dev_dependencies.clone(),
            workspaces: kept(workspaces),
            ..Self::from_manifest(manifest)
        };
        entry.named_at(location, &manifest.name)
    }

    /// The entry of a link: `target` is the location of the folder that it points at.
    pub fn link_to(target: impl Into<Arc<str>>) -> Self {
        Self { resolved: Some(target.into()), link: true, ..Self::default() }
    }

    /// The entry with the package's own name where `location` does not give it. The root's name is always written.
    #[must_use]
    pub fn named_at(mut self, location: &str, name: &PackageName) -> Self {
        let says_more = location.is_empty() || name_of_location(location) != name.as_str();
        self.name = (says_more && !name.as_str().is_empty()).then(|| name.clone());
        self
    }

    /// The package's own name: the one that `location`, where the entry stands, gives it, unless it is an alias.
    pub fn package_name<'a>(&'a self, location: &'a str) -> &'a str {
        self.name.as_ref().map_or_else(|| name_of_location(location), PackageName::as_str)
    }

    /// The manifest as far as the lockfile knows it. `name` is the one that the location gives; an entry that has a
    /// name of its own goes by that.
    pub fn to_manifest(&self, name: &PackageName) -> Manifest {
        let raw_version = self.version.clone().unwrap_or_else(|| "".into());
        let is_download =
            |url: &&Arc<str>| !self.link && (url.starts_with("https:") || url.starts_with("http:"));
        let dist = self.resolved.as_ref().filter(is_download).map(|url| Dist {
            tarball: Arc::clone(url),
            integrity: self.integrity.clone(),
            shasum: None,
        });
        Manifest {
            name: self.name.clone().unwrap_or_else(|| name.clone()),
            version: Version::parse_loose(&raw_version).ok(),
            raw_version,
            dependencies: self.dependencies.clone(),
            dev_dependencies: self.dev_dependencies.clone(),
            optional_dependencies: self.optional_dependencies.clone(),
            peer_dependencies: self.peer_dependencies.clone(),
            peer_dependencies_meta: self.peer_dependencies_meta.clone(),
            bundle_dependencies: self.bundle_dependencies.clone(),
            accept_dependencies: self.accept_dependencies.clone(),
            bin: self.bin.clone(),
            engines: self.engines.clone(),
            os: self.os.clone(),
            cpu: self.cpu.clone(),
            libc: self.libc.clone(),
            funding: self.funding.clone(),
            license: self.license.clone(),
            deprecated: self.deprecated.clone(),
            has_install_script: self.has_install_script,
            has_shrinkwrap: self.has_shrinkwrap,
            workspaces_field: self.workspaces.clone(),
            dist,
            ..Manifest::from_value(&Value::Null)
        }
    }

    /// Forgets the fields that npm does not know, as npm itself does when it writes an entry again.
    pub fn forget_unknown(&mut self) {
        self.extra.retain(|key, _| crate::read::is_known(key));
    }
}

/// A field that passes through, where npm writes it at all: not `null`, `false`, `0`, nor an empty text, list or object.
fn kept(value: Option<&Arc<Value>>) -> Option<Arc<Value>> {
    let is_kept = match &**value? {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    };
    value.filter(|_| is_kept).cloned()
}

/// `true` stands for every dependency.
fn bundled(manifest: &Manifest) -> BundleDependencies {
    match &manifest.bundle_dependencies {
        BundleDependencies::All if manifest.dependencies.is_empty() => BundleDependencies::None,
        BundleDependencies::All => {
            BundleDependencies::Names(manifest.dependencies.iter().map(|(name, _)| name.clone()).collect())
        }
        other => other.clone(),
    }
}
