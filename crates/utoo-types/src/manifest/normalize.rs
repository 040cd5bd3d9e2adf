//! The fields of a manifest, from JSON of any shape.
//!
//! Every rule here was found by giving npm a registry with that very field and reading its lockfile; the
//! cases stand in the tests. Where npm ends with an error over a field's shape, the field counts as absent.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{BundleDependencies, Dependencies, Dist, Manifest, bin};
use crate::platform::PlatformList;
use crate::{Integrity, PackageName, Version};

/// Stands for an engine that is no text: a range that nothing satisfies, as npm has it.
pub(crate) const IMPOSSIBLE_ENGINE: &str = "<not a range>";

/// Reads a whole package.json or version document.
pub(crate) fn manifest(value: &Value) -> Manifest {
    let mut manifest = Manifest::empty(PackageName::new_unchecked(""));
    let Value::Object(fields) = value else { return manifest };
    dependency_fields(&mut manifest, fields);
    for field in Passed::ALL {
        if let Some(value) = field.keys().iter().find_map(|key| fields.get(*key)) {
            field.apply(&mut manifest, value.clone());
        }
    }
    manifest.version = Version::parse_loose(&manifest.raw_version).ok();
    manifest.deprecated = fields.get("deprecated").and_then(deprecation).map(Into::into);
    manifest.has_shrinkwrap = fields.get("_hasShrinkwrap").is_some_and(is_truthy);
    manifest.overrides = fields.get("overrides").and_then(Value::as_object).cloned();
    manifest.private = fields.get("private").is_some_and(is_truthy);
    manifest.scripts = strings(fields.get("scripts"));
    manifest.has_install_script = fields.get("hasInstallScript").is_some_and(is_truthy)
        || fields.get("scripts").is_some_and(has_install_script);
    manifest.dist = fields.get("dist").and_then(Value::as_object).map(dist);
    manifest
}

fn dependency_fields(manifest: &mut Manifest, fields: &Map<String, Value>) {
    let block = |key| dependencies(fields.get(key));
    manifest.dependencies = block("dependencies");
    manifest.dev_dependencies = block("devDependencies");
    manifest.optional_dependencies = block("optionalDependencies");
    manifest.peer_dependencies = block("peerDependencies");
    settle_optional(manifest);
}

/// npm's rule that an optional dependency is not also a plain one.
pub(crate) fn settle_optional(manifest: &mut Manifest) {
    if !manifest.optional_dependencies.is_empty() {
        let optional = &manifest.optional_dependencies;
        manifest.dependencies.retain(|name, _| !optional.contains(name.as_str()));
    }
}

/// A field that decides nothing while a version is picked and passes through the packed packument as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Passed {
    /// Only where it is not the packument's.
    Name = 1,
    /// Only where it is not the key in the packument.
    Version = 2,
    Engines = 3,
    Os = 4,
    Cpu = 5,
    Libc = 6,
    Bin = 7,
    Funding = 8,
    License = 9,
    PeerMeta = 10,
    Bundle = 11,
    Accept = 12,
    Workspaces = 13,
}

impl Passed {
    /// In the order of their codes.
    pub(crate) const ALL: [Self; 13] = [
        Self::Name,
        Self::Version,
        Self::Engines,
        Self::Os,
        Self::Cpu,
        Self::Libc,
        Self::Bin,
        Self::Funding,
        Self::License,
        Self::PeerMeta,
        Self::Bundle,
        Self::Accept,
        Self::Workspaces,
    ];

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }

    /// The keys in a document; the first that is there counts.
    pub(crate) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Name => &["name"],
            Self::Version => &["version"],
            Self::Engines => &["engines"],
            Self::Os => &["os"],
            Self::Cpu => &["cpu"],
            Self::Libc => &["libc"],
            Self::Bin => &["bin"],
            Self::Funding => &["funding"],
            Self::License => &["license"],
            Self::PeerMeta => &["peerDependenciesMeta"],
            Self::Bundle => &["bundleDependencies", "bundledDependencies"],
            Self::Accept => &["acceptDependencies"],
            Self::Workspaces => &["workspaces"],
        }
    }

    /// Sets the field of `manifest`, whose name and dependencies are set already.
    pub(crate) fn apply(self, manifest: &mut Manifest, value: Value) {
        match self {
            Self::Name => manifest.name = PackageName::new_unchecked(value.as_str().unwrap_or_default()),
            Self::Version => manifest.raw_version = value.as_str().unwrap_or_default().into(),
            Self::Engines => manifest.engines = kept(value).map(Arc::new),
            Self::Os => manifest.os = kept(value).map(Arc::new),
            Self::Cpu => manifest.cpu = kept(value).map(Arc::new),
            Self::Libc => manifest.libc = kept(value).map(Arc::new),
            Self::Bin => manifest.bin = bin::normalize(manifest.name.as_str(), &value),
            Self::Funding => manifest.funding = funding(value).map(Arc::new),
            Self::License => manifest.license = license(value).map(Arc::new),
            Self::PeerMeta => manifest.peer_dependencies_meta = peer_meta(value),
            Self::Bundle => manifest.bundle_dependencies = bundle(manifest, &value),
            Self::Accept => manifest.accept_dependencies = dependencies(Some(&value)),
            Self::Workspaces => {
                manifest.workspaces = workspaces(&value);
                manifest.workspaces_field = kept(value).map(Arc::new);
            }
        }
    }
}

/// JavaScript's idea of truth.
pub(crate) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64().is_none_or(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// What npm writes to a lockfile at all: nothing false, nothing empty.
fn kept(value: Value) -> Option<Value> {
    match &value {
        Value::Array(list) if list.is_empty() => None,
        Value::Object(fields) if fields.is_empty() => None,
        other => is_truthy(other).then_some(value),
    }
}

/// A dependency block; specs that are no text are left out.
pub(crate) fn dependencies(value: Option<&Value>) -> Dependencies {
    let mut block = Dependencies::new();
    match value {
        Some(Value::Object(entries)) => {
            for (name, spec) in entries {
                if let Some(spec) = spec.as_str() {
                    block.push(PackageName::new_unchecked(name.as_str()), spec.into());
                }
            }
        }
        // JavaScript's lists are objects whose keys are numbers, and npm asks the registry for them.
        Some(Value::Array(specs)) => {
            for (index, spec) in specs.iter().enumerate() {
                if let Some(spec) = spec.as_str() {
                    block.push(PackageName::new_unchecked(index.to_string()), spec.into());
                }
            }
        }
        _ => {}
    }
    block
}

fn strings(value: Option<&Value>) -> Vec<(Arc<str>, Arc<str>)> {
    let Some(Value::Object(entries)) = value else { return Vec::new() };
    let text = |(key, value): (&String, &Value)| Some((key.as_str().into(), value.as_str()?.into()));
    entries.iter().filter_map(text).collect()
}

/// Whether a `scripts` object makes npm write `hasInstallScript`.
pub(crate) fn has_install_script(scripts: &Value) -> bool {
    ["preinstall", "install", "postinstall"]
        .iter()
        .any(|key| scripts.get(*key).and_then(Value::as_str).is_some_and(|script| !script.is_empty()))
}

/// The deprecation notice, if the value is one.
pub(crate) fn deprecation(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        other => is_truthy(other).then(|| other.to_string()),
    }
}

/// The text of an entry of `engines`; `None` where it asks for nothing.
pub(crate) fn engine_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => (!text.is_empty()).then_some(text),
        other => is_truthy(other).then_some(IMPOSSIBLE_ENGINE),
    }
}

/// The entries of `os`, `cpu` or `libc`.
pub(crate) fn platform_list(value: Option<&Value>) -> Option<PlatformList<'_>> {
    match value? {
        Value::String(entry) => Some(PlatformList::from_slice(&[entry.as_str()])),
        Value::Array(entries) => Some(entries.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn funding(value: Value) -> Option<Value> {
    match kept(value)? {
        Value::String(url) => Some(Value::Object(Map::from_iter([("url".to_owned(), Value::String(url))]))),
        other => Some(other),
    }
}

fn license(value: Value) -> Option<Value> {
    match value {
        Value::Object(mut fields) => match fields.get("type").is_some_and(is_truthy) {
            true => fields.remove("type").and_then(kept),
            false => kept(Value::Object(fields)),
        },
        other => kept(other),
    }
}

fn peer_meta(value: Value) -> Vec<(PackageName, Value)> {
    let Value::Object(entries) = value else { return Vec::new() };
    entries.into_iter().map(|(name, meta)| (PackageName::new_unchecked(name), meta)).collect()
}

fn bundle(manifest: &Manifest, value: &Value) -> BundleDependencies {
    let names: Vec<PackageName> = match value {
        Value::Bool(true) => manifest.dependencies.iter().map(|(name, _)| name.clone()).collect(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).map(PackageName::new_unchecked).collect()
        }
        Value::Object(entries) => {
            entries.keys().map(|name| PackageName::new_unchecked(name.as_str())).collect()
        }
        _ => Vec::new(),
    };
    match names.is_empty() {
        true if value == &Value::Bool(true) => BundleDependencies::All,
        true => BundleDependencies::None,
        false => BundleDependencies::Names(names),
    }
}

fn workspaces(value: &Value) -> Option<Vec<String>> {
    let list = value.get("packages").unwrap_or(value).as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn dist(fields: &Map<String, Value>) -> Dist {
    let text = |key| fields.get(key).and_then(Value::as_str).filter(|text: &&str| !text.is_empty());
    // npm takes `integrity` where there is one, even one that it cannot read, and `shasum` otherwise.
    let (integrity, shasum) = match (text("integrity"), text("shasum")) {
        (Some(integrity), _) => (Integrity::parse(integrity).ok(), None),
        (None, Some(shasum)) => {
            let integrity = Integrity::from_sha1_hex(shasum).ok();
            let shasum = integrity.as_ref().map(|integrity| integrity.hex().into());
            (integrity, shasum)
        }
        (None, None) => (None, None),
    };
    Dist { tarball: text("tarball").unwrap_or_default().into(), integrity, shasum }
}
