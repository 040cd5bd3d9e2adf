//! The abbreviated document (`application/vnd.npm.install-v1+json`), derived from the full one.
//!
//! The source of the rule is npm's public description of its registry's responses: the package keeps `name`,
//! `modified`, `dist-tags` and `versions`; a version keeps what an installer reads. `hasInstallScript` is not in
//! full documents: it states that `preinstall`, `install` or `postinstall` is among the scripts.

use serde_json::{Map, Value};

const VERSION_FIELDS: &[&str] = &[
    "name",
    "version",
    "deprecated",
    "dependencies",
    "optionalDependencies",
    "devDependencies",
    "bundleDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "acceptDependencies",
    "bin",
    "directories",
    "dist",
    "engines",
    "_hasShrinkwrap",
    "hasInstallScript",
    "cpu",
    "os",
    "libc",
    "funding",
];

const INSTALL_SCRIPTS: &[&str] = &["preinstall", "install", "postinstall"];

/// The abbreviated form of a full document. Fields that don't have the expected shape are kept as they are.
pub(crate) fn abbreviate(full: &Value) -> Value {
    let mut short = Map::new();
    for field in ["name", "dist-tags"] {
        if let Some(value) = full.get(field) {
            short.insert(field.to_owned(), value.clone());
        }
    }
    if let Some(modified) = full.pointer("/time/modified").or_else(|| full.get("modified")) {
        short.insert("modified".to_owned(), modified.clone());
    }
    let versions = full.get("versions").and_then(Value::as_object);
    let versions = versions.map(|versions| {
        versions.iter().map(|(version, manifest)| (version.clone(), abbreviate_version(manifest))).collect()
    });
    short.insert("versions".to_owned(), Value::Object(versions.unwrap_or_default()));
    Value::Object(short)
}

fn abbreviate_version(manifest: &Value) -> Value {
    let mut short = Map::new();
    for field in VERSION_FIELDS {
        if let Some(value) = manifest.get(*field) {
            short.insert((*field).to_owned(), value.clone());
        }
    }
    if !short.contains_key("bundleDependencies")
        && let Some(bundled) = manifest.get("bundledDependencies")
    {
        short.insert("bundleDependencies".to_owned(), bundled.clone());
    }
    let scripts = manifest.get("scripts").and_then(Value::as_object);
    if scripts.is_some_and(|scripts| INSTALL_SCRIPTS.iter().any(|name| scripts.contains_key(*name))) {
        short.insert("hasInstallScript".to_owned(), Value::Bool(true));
    }
    Value::Object(short)
}

#[cfg(test)]
#[path = "abbreviated_tests.rs"]
mod tests;
