//! Pruning: from what a proxy kept to a snapshot small enough to be committed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use url::Url;

use crate::document::{DOCUMENT_LIMIT, point_tarballs_at};
use crate::fixtures::FIXTURE_ORIGIN;
use crate::gzip;
use crate::reachable::{Wanted, reachable};
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
    "workspaces",
];

/// Which versions a snapshot keeps.
#[derive(Clone, Copy, Debug)]
pub enum Keep<'a> {
    /// All of them.
    AllVersions {
        /// Given the text of a `package-lock.json`, only the versions that stand in it keep their integrity: digests
        /// don't compress, and make up most of a snapshot, while nothing reads those of versions that aren't chosen.
        lock: Option<&'a str>,
    },
    /// Those that resolution can choose from these beginnings, each with its integrity: a few of a hundred.
    Reachable(&'a Wanted),
}

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
pub fn prune(
    from: &Path,
    to: &Path,
    upstream: Option<&Url>,
    keep: Keep<'_>,
) -> Result<PruneSummary, SnapshotError> {
    let (source, target) = (Storage::new(from), Storage::new(to));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SnapshotError { path, source }
    };
    let mut summary = PruneSummary::default();
    let documents = read_documents(&source).map_err(|(path, source)| SnapshotError { path, source })?;
    let reachable = match keep {
        Keep::AllVersions { .. } => None,
        Keep::Reachable(wanted) => Some(reachable(&documents, wanted).map_err(failed(from))?),
    };
    let mut lines = Vec::new();
    for (name, document) in &documents {
        let versions = match &reachable {
            None => None,
            // Asked for, and then nothing was picked of it: guesses of a client that fetches ahead.
            Some(reachable) => match reachable.get(name) {
                None => continue,
                versions => versions,
            },
        };
        let mut pruned = prune_document(document, versions, keep);
        // The registry that was recorded is nobody's business, and the server puts its own origin here anyway.
        point_tarballs_at(&mut pruned, name, FIXTURE_ORIGIN);
        summary.documents += 1;
        summary.versions += pruned["versions"].as_object().map_or(0, Map::len);
        let text = pruned.to_string();
        let text = match upstream {
            Some(upstream) => text.replace(upstream.as_str(), &format!("{FIXTURE_ORIGIN}/")),
            None => text,
        };
        lines.extend_from_slice(text.as_bytes());
        lines.push(b'\n');
        for (file, bytes) in source.tarballs(name).map_err(failed(from))? {
            target.write_tarball(name, &file, &bytes).map_err(failed(to))?;
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

fn read_documents(source: &Storage) -> Result<BTreeMap<String, Value>, (PathBuf, io::Error)> {
    let mut documents = BTreeMap::new();
    for name in source.names().map_err(|error| (source.packages_dir(), error))? {
        let Some((document, _)) = source.read_document(&name) else { continue };
        let text = gzip::decompress(&document, DOCUMENT_LIMIT);
        let value = text.and_then(|text| serde_json::from_slice(&text).map_err(io::Error::from));
        documents.insert(name.clone(), value.map_err(|error| (source.document_path(&name), error))?);
    }
    Ok(documents)
}

/// `versions` are those that stay; without it, all do.
fn prune_document(full: &Value, versions: Option<&BTreeSet<String>>, keep: Keep<'_>) -> Value {
    let stays = |version: &str| versions.is_none_or(|versions| versions.contains(version));
    let mut pruned = Map::new();
    if let Some(name) = full.get("name") {
        pruned.insert("name".to_owned(), name.clone());
    }
    let tags = full.get("dist-tags").and_then(Value::as_object).into_iter().flatten();
    let tags = tags.filter(|(_, version)| version.as_str().is_none_or(stays));
    let tags = tags.map(|(tag, version)| (tag.clone(), version.clone())).collect();
    pruned.insert("dist-tags".to_owned(), Value::Object(tags));
    let all = full.get("versions").and_then(Value::as_object).into_iter().flatten();
    let kept = all.filter(|(version, _)| stays(version));
    let kept = kept.map(|(version, manifest)| (version.clone(), prune_version(manifest, keep))).collect();
    pruned.insert("versions".to_owned(), Value::Object(kept));
    Value::Object(pruned)
}

fn prune_version(manifest: &Value, keep: Keep<'_>) -> Value {
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
        let chosen = match keep {
            Keep::AllVersions { lock } => lock.is_none_or(|lock| lock.contains(integrity)),
            Keep::Reachable(_) => true,
        };
        dist.retain(|field, _| field == "tarball" || (chosen && field == "integrity"));
    }
    pruned.insert("dist".to_owned(), Value::Object(dist));
    Value::Object(pruned)
}
