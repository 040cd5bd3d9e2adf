//! Loading everything a server serves without asking anyone: a storage directory, or fixtures.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::backend::Holdings;
use crate::document::{DOCUMENT_LIMIT, Document};
use crate::error::ServerError;
use crate::fixtures::FixtureRegistry;
use crate::gzip;
use crate::storage::Storage;

/// Reads a storage directory into memory: tarballs and deflated documents.
pub(crate) fn load(dir: &Path) -> Result<Holdings, ServerError> {
    let storage = Storage::new(dir);
    let failed = |source| ServerError::Path { path: dir.to_owned(), source };
    std::fs::metadata(dir).map_err(failed)?;
    let mut held = Holdings::default();
    load_bundle(&storage, &mut held)?;
    for name in storage.names().map_err(failed)? {
        if let Some((document, _)) = storage.read_document(&name) {
            held.documents.insert(name.clone(), Arc::new(Document::new(name.as_str().into(), document)));
        }
        for (file, bytes) in storage.tarballs(&name).map_err(failed)? {
            held.tarballs.insert((name.clone(), file), bytes);
        }
    }
    Ok(held)
}

fn load_bundle(storage: &Storage, held: &mut Holdings) -> Result<(), ServerError> {
    let path = storage.bundle_path();
    if !path.exists() {
        return Ok(());
    }
    let bytes = std::fs::read(&path).map_err(|source| ServerError::Path { path: path.clone(), source })?;
    let damaged = |reason: String| ServerError::Damaged { path: path.clone(), reason };
    let text = gzip::decompress(&bytes, DOCUMENT_LIMIT).map_err(|error| damaged(error.to_string()))?;
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let document: Value = serde_json::from_slice(line).map_err(|error| damaged(error.to_string()))?;
        let name = document.get("name").and_then(Value::as_str);
        let name = name.ok_or_else(|| damaged("a document has no name".to_owned()))?;
        let source = gzip::compress(line).into();
        held.documents.insert(name.to_owned(), Arc::new(Document::new(name.into(), source)));
    }
    Ok(())
}

/// Takes over what a test made.
pub(crate) fn from_fixtures(fixtures: &FixtureRegistry) -> Holdings {
    let mut held = Holdings::default();
    for (name, document) in fixtures.documents() {
        let source = gzip::compress(document.to_string().as_bytes()).into();
        held.documents.insert(name.clone(), Arc::new(Document::new(name.as_str().into(), source)));
        for (file, bytes) in fixtures.tarballs_of(&name) {
            held.tarballs.insert((name.clone(), file.to_owned()), bytes.clone());
        }
    }
    held
}

/// Prepares every document for `origin` on all cores, so that no request pays for it.
///
/// A document that cannot be prepared is left to its first request, which reports it.
pub(crate) fn prepare_all(held: &Holdings, origin: &str) {
    let documents: Vec<_> = held.documents.values().collect();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(documents.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(document) = documents.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(reason) = document.prepare_now(origin) {
                        tracing::warn!(reason, "a document cannot be prepared");
                    }
                }
            });
        }
    });
}
