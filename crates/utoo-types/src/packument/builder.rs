//! Packuments from manifests, for registries in memory and for tests.

use serde_json::{Map, Value};

use super::format::NO_TIME;
use super::writer::{DistFields, Heap, Place, VersionFields, Writer};
use super::{Packument, PackumentError};
use crate::manifest::normalize::Passed;
use crate::{BundleDependencies, Dependencies, Manifest, PackageName};

/// Collects versions, tags and times, and packs them.
#[derive(Clone, Debug)]
pub struct PackumentBuilder {
    name: PackageName,
    manifests: Vec<Manifest>,
    tags: Vec<(String, String)>,
    times: Vec<(String, i64)>,
    modified: Option<i64>,
}

impl PackumentBuilder {
    /// A packument without versions.
    pub fn new(name: PackageName) -> Self {
        Self { name, manifests: Vec::new(), tags: Vec::new(), times: Vec::new(), modified: None }
    }

    /// Adds a version; `raw_version` is its key. A later one replaces an earlier one with the same key.
    #[must_use]
    pub fn manifest(mut self, manifest: Manifest) -> Self {
        self.manifests.push(manifest);
        self
    }

    /// Points a tag at a version.
    #[must_use]
    pub fn dist_tag(mut self, tag: &str, version: &str) -> Self {
        self.tags.push((tag.into(), version.into()));
        self
    }

    /// Says when a version was published, in milliseconds since 1970. With one such call the packument has
    /// times, as full documents have.
    #[must_use]
    pub fn time(mut self, version: &str, milliseconds: i64) -> Self {
        self.times.push((version.into(), milliseconds));
        self
    }

    /// Says when the document last changed, in milliseconds since 1970.
    #[must_use]
    pub fn modified(mut self, milliseconds: i64) -> Self {
        self.modified = Some(milliseconds);
        self
    }

    /// Packs what was collected. Development dependencies, scripts, overrides and `private` are no part of
    /// the form: nothing that is installed from a registry uses them.
    ///
    /// # Errors
    /// [`PackumentError::TooLarge`] beyond 4 GiB.
    pub fn build(&self) -> Result<Packument, PackumentError> {
        let dists: Vec<Option<[String; 3]>> = self.manifests.iter().map(dist_texts).collect();
        let mut heap = Heap::new();
        let mut writer = Writer::new(self.name.as_str(), &mut heap);
        writer.modified(self.modified.unwrap_or(NO_TIME));
        for (manifest, dist) in self.manifests.iter().zip(&dists) {
            let plain = pairs(&manifest.dependencies);
            let optional = pairs(&manifest.optional_dependencies);
            let peer = pairs(&manifest.peer_dependencies);
            let fields = VersionFields {
                node_engine: manifest.node_engine().unwrap_or_default(),
                npm_engine: manifest.npm_engine().unwrap_or_default(),
                dependencies: writer.dependencies([&plain, &optional, &peer]),
                passed: self.passed(&mut writer, manifest),
                deprecation: manifest.deprecated.as_deref().unwrap_or_default(),
                has_install_script: manifest.has_install_script,
                has_shrinkwrap: manifest.has_shrinkwrap,
                dist: dist.as_ref().map(|[tarball, integrity, shasum]| DistFields {
                    tarball,
                    integrity,
                    shasum,
                }),
            };
            writer.version(&manifest.raw_version, Place::Versions, &fields);
        }
        for (tag, version) in &self.tags {
            writer.tag(tag, version);
        }
        if !self.times.is_empty() {
            writer.times(self.times.iter().map(|(version, time)| (version.as_str(), *time)).collect());
        }
        writer.finish()
    }

    fn passed(&self, writer: &mut Writer<'_>, manifest: &Manifest) -> u32 {
        let mut blob = Vec::new();
        for field in Passed::ALL {
            if let Some(value) = self.passed_value(field, manifest) {
                blob.push(field as u8);
                blob.extend_from_slice(&writer.heap.intern(value.to_string().as_bytes()).to_le_bytes());
            }
        }
        writer.heap.intern(&blob)
    }

    fn passed_value(&self, field: Passed, manifest: &Manifest) -> Option<Value> {
        let non_empty = |map: Map<String, Value>| (!map.is_empty()).then_some(Value::Object(map));
        match field {
            Passed::Name => (manifest.name != self.name).then(|| manifest.name.as_str().into()),
            Passed::Version => None,
            Passed::Engines => manifest.engines.as_deref().cloned(),
            Passed::Os => manifest.os.as_deref().cloned(),
            Passed::Cpu => manifest.cpu.as_deref().cloned(),
            Passed::Libc => manifest.libc.as_deref().cloned(),
            Passed::Funding => manifest.funding.as_deref().cloned(),
            Passed::License => manifest.license.as_deref().cloned(),
            Passed::Bin => {
                let entry = |(name, target): &(std::sync::Arc<str>, std::sync::Arc<str>)| {
                    (name.to_string(), Value::from(&**target))
                };
                non_empty(manifest.bin.iter().map(entry).collect())
            }
            Passed::PeerMeta => {
                let entry = |(name, meta): &(PackageName, Value)| (name.to_string(), meta.clone());
                non_empty(manifest.peer_dependencies_meta.iter().map(entry).collect())
            }
            Passed::Bundle => match &manifest.bundle_dependencies {
                BundleDependencies::None => None,
                BundleDependencies::All => Some(Value::Bool(true)),
                BundleDependencies::Names(names) => Some(names.iter().map(PackageName::as_str).collect()),
            },
            Passed::Accept => {
                let entry = |(name, spec): &(PackageName, std::sync::Arc<str>)| {
                    (name.to_string(), Value::from(&**spec))
                };
                non_empty(manifest.accept_dependencies.iter().map(entry).collect())
            }
            Passed::Workspaces => {
                manifest.workspaces.as_ref().map(|patterns| patterns.iter().map(String::as_str).collect())
            }
        }
    }
}

fn pairs(block: &Dependencies) -> Vec<(&str, &str)> {
    block.iter().map(|(name, spec)| (name.as_str(), &**spec)).collect()
}

/// Tarball, integrity and shasum of a manifest. A shasum stands in for an integrity that came from it.
fn dist_texts(manifest: &Manifest) -> Option<[String; 3]> {
    let dist = manifest.dist.as_ref()?;
    let shasum = dist.shasum.as_deref().unwrap_or_default();
    let from_shasum = crate::Integrity::from_sha1_hex(shasum).ok();
    let integrity = match &dist.integrity {
        Some(integrity) if Some(integrity) != from_shasum.as_ref() => integrity.to_string(),
        _ => String::new(),
    };
    Some([dist.tarball.to_string(), integrity, shasum.to_owned()])
}
