//! What a package says about itself, once it is unpacked.
//!
//! Abbreviated metadata lacks `license`, and no metadata knows of a binding.gyp or of what is in `directories.bin`.
//! The store keeps these few fields beside the list of files, so that a warm install need not read a package.json.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoo_types::Manifest;

/// Fields of a package's own package.json, normalised as npm normalises them, and what its files tell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageFacts {
    /// `name`; empty where there is none.
    #[serde(default)]
    pub name: String,
    /// `version`, as it is written; empty where there is none.
    #[serde(default)]
    pub version: String,
    /// `license`, normalised; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<Arc<Value>>,
    /// Whether a binding.gyp implies an install script, which the package's metadata cannot tell. Scripts that only the
    /// tarball's package.json names do not count: npm goes by the metadata.
    #[serde(default)]
    pub implied_install_script: bool,
    /// Command name to path inside the package, both checked to stay inside; from `bin`, else from `directories.bin`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bin: Vec<(Arc<str>, Arc<str>)>,
}

impl PackageFacts {
    /// Reads them from the bytes of a package's package.json (none where there is none) and the sorted paths of its files.
    /// What is missing or broken gives empty facts, as npm installs such a package all the same.
    pub(crate) fn of(package_json: &[u8], paths: &[&str]) -> Self {
        let text = package_json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(package_json);
        let value =
            serde_json::from_slice::<Told>(text).map_or_else(|_| Value::Null, |told| Value::Object(told.0));
        let manifest = Manifest::from_value(&value);
        let bin = match manifest.bin.is_empty() {
            true => bin_of_directory(&value, paths),
            false => manifest.bin.clone(),
        };
        Self {
            name: manifest.name.to_string(),
            version: manifest.raw_version.to_string(),
            license: manifest.license,
            implied_install_script: paths.binary_search(&"binding.gyp").is_ok()
                && value["gypfile"] != Value::Bool(false),
            bin,
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn from_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// Those members of a package.json that facts are made of. Most of it (scripts, dependencies, settings of other tools) is
/// stepped over.
struct Told(Map<String, Value>);

const TOLD: [&str; 6] = ["name", "version", "license", "bin", "directories", "gypfile"];

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ToldVisitor;
        impl<'de> Visitor<'de> for ToldVisitor {
            type Value = Told;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a package.json: an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Told, A::Error> {
                let mut told = Map::new();
                while let Some(Key(key)) = map.next_key()? {
                    match key {
                        Some(key) => _ = told.insert(key.to_owned(), map.next_value()?),
                        None => _ = map.next_value::<IgnoredAny>()?,
                    }
                }
                Ok(Told(told))
            }
        }
        deserializer.deserialize_map(ToldVisitor)
    }
}

/// A key, if it is one of [`TOLD`].
struct Key(Option<&'static str>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(Key(TOLD.into_iter().find(|told| *told == key)))
            }
        }
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

/// Whether installing the package with this package.json would run something.
pub(crate) fn has_install_script(package_json: &Value, binding_gyp: bool) -> bool {
    let script = |name: &str| package_json["scripts"][name].as_str().is_some_and(|text| !text.is_empty());
    let gyp = binding_gyp && package_json["gypfile"] != Value::Bool(false);
    script("preinstall") || script("install") || script("postinstall") || gyp
}

/// Every file directly or further below `directories.bin` is a command of its file name; hidden ones are not.
fn bin_of_directory(package_json: &Value, paths: &[&str]) -> Vec<(Arc<str>, Arc<str>)> {
    if !package_json["bin"].is_null() {
        return Vec::new();
    }
    let Some(directory) = package_json["directories"]["bin"].as_str() else { return Vec::new() };
    let directory = directory.trim_start_matches("./").trim_matches('/');
    if utoo_fs::check_relative(directory).is_err() {
        return Vec::new();
    }
    let mut bins: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    for path in paths {
        let Some(below) = path.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/')) else {
            continue;
        };
        let hidden = below.split('/').any(|component| component.starts_with('.'));
        let name = below.rsplit('/').next().unwrap_or(below);
        if !hidden && !bins.iter().any(|(known, _)| &**known == name) {
            bins.push((name.into(), (*path).into()));
        }
    }
    bins
}

#[cfg(test)]
mod tests;
