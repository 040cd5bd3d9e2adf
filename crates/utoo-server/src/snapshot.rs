//! Pruning: from what a proxy kept to a snapshot small enough to be committed.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use url::Url;

use crate::document::{DOCUMENT_LIMIT, point_tarballs_at};
use crate::fixtures::FIXTURE_ORIGIN;
use crate::gzip;
use crate::storage::Storage;

/// What resolution reads of a version, and what npm writes about it into a lockfile.
const FIELDS: &[&str] = &[
    "name",
    "version",
    "license",
    "licenses",
    "deprecated",
    "dependencies",
    "optionalDependencies",
    "bundleDependencies",
    "bundledDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "acceptDependencies",
    "bin",
    "directories",
    "engines",
    "_hasShrinkwrap",
    "hasInstallScript",
    "cpu",
    "os",
    "libc",
    "funding",
];

/// A snapshot that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct SnapshotError {
    path: PathBuf,
    source: io::Error,
}

/// What a pruned snapshot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PruneSummary {
    /// Packages.
    pub documents: usize,
    /// Their versions.
    pub versions: usize,
    /// Tarballs that were asked for during recording, and are kept as they are.
    pub tarballs: usize,
    /// Size of the documents on disk, in bytes.
    pub bytes: usize,
}

/// Writes to `to` what a frozen server needs in order to answer what was asked of the proxy that wrote `from`:
/// every document with only the fields that resolution and the lockfile read, deflated into one file, and the
/// tarballs that were asked for. The same storage gives the same bytes.
///
/// `upstream` is the URL of the registry that was recorded: where a manifest names it, as in a dependency by URL,
/// `https://registry.example/` is written.
///
/// Given the text of a `package-lock.json`, only the versions that stand in it keep their integrity: digests don't
/// compress, and make up most of a snapshot, while nothing reads those of versions that aren't chosen.
pub fn prune(
    from: &Path,
    to: &Path,
    upstream: Option<&Url>,
    lock: Option<&str>,
) -> Result<PruneSummary, SnapshotError> {
    let (source, target) = (Storage::new(from), Storage::new(to));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SnapshotError { path, source }
    };
    let mut summary = PruneSummary::default();
    let mut lines = Vec::new();
    for name in source.names().map_err(failed(from))? {
        let Some((document, _)) = source.read_document(&name) else { continue };
        let text =
            gzip::decompress(&document, DOCUMENT_LIMIT).map_err(failed(&source.document_path(&name)))?;
        let value = serde_json::from_slice(&text).map_err(io::Error::from);
        let mut pruned = prune_document(&value.map_err(failed(&source.document_path(&name)))?, lock);
        // The registry that was recorded is nobody's business, and the server puts its own origin here anyway.
        point_tarballs_at(&mut pruned, &name, FIXTURE_ORIGIN);
        summary.documents += 1;
        summary.versions += pruned["versions"].as_object().map_or(0, Map::len);
        let text = pruned.to_string();
        let text = match upstream {
            Some(upstream) => text.replace(upstream.as_str(), &format!("{FIXTURE_ORIGIN}/")),
            None => text,
        };
        lines.extend_from_slice(text.as_bytes());
        lines.push(b'\n');
        for (file, bytes) in source.tarballs(&name).map_err(failed(from))? {
            target.write_tarball(&name, &file, &bytes).map_err(failed(to))?;
            summary.tarballs += 1;
        }
    }
    let bundle = gzip::compress(&lines);
    summary.bytes = bundle.len();
    let path = target.bundle_path();
    std::fs::create_dir_all(path.parent().unwrap_or(to)).map_err(failed(to))?;
    utoo_fs::write_atomic(&path, &bundle).map_err(|error| failed(&path)(io::Error::other(error)))?;
    Ok(summary)
}

fn prune_document(full: &Value, lock: Option<&str>) -> Value {
    let mut pruned = Map::new();
    for field in ["name", "dist-tags"] {
        if let Some(value) = full.get(field) {
            pruned.insert(field.to_owned(), value.clone());
        }
    }
    let versions = full.get("versions").and_then(Value::as_object);
    let versions = versions.into_iter().flatten();
    let versions =
        versions.map(|(version, manifest)| (version.clone(), prune_version(manifest, lock))).collect();
    pruned.insert("versions".to_owned(), Value::Object(versions));
    Value::Object(pruned)
}

fn prune_version(manifest: &Value, lock: Option<&str>) -> Value {
    let mut pruned = Map::new();
    for field in FIELDS {
        if let Some(value) = manifest.get(*field) {
            pruned.insert((*field).to_owned(), value.clone());
        }
    }
    let scripts = manifest.get("scripts").and_then(Value::as_object).into_iter().flatten();
    let install =
        scripts.filter(|(name, _)| matches!(name.as_str(), "preinstall" | "install" | "postinstall"));
    let install: Map<String, Value> = install.map(|(name, script)| (name.clone(), script.clone())).collect();
    if !install.is_empty() {
        pruned.insert("scripts".to_owned(), Value::Object(install));
    }
    let dist = manifest.get("dist").and_then(Value::as_object).into_iter().flatten();
    let dist = dist.filter(|(field, _)| matches!(field.as_str(), "integrity" | "shasum" | "tarball"));
    let mut dist: Map<String, Value> = dist.map(|(field, value)| (field.clone(), value.clone())).collect();
    // Old versions have no integrity: npm makes one of their shasum, which therefore stays.
    if let Some(integrity) = dist.get("integrity").and_then(Value::as_str) {
        let chosen = lock.is_none_or(|lock| lock.contains(integrity));
        dist.retain(|field, _| field == "tarball" || (chosen && field == "integrity"));
    }
    pruned.insert("dist".to_owned(), Value::Object(dist));
    Value::Object(pruned)
}
