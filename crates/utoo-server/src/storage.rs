//! A storage directory: what a proxy keeps, and what a frozen server serves.
//!
//! Version 1 of the format:
//!
//! ```text
//! <dir>/v1/packages/<name>/document.json.gz   the full document as upstream gave it, deflated
//! <dir>/v1/packages/<name>/meta.json          {"etag": "…" or null, "fetchedAt": seconds since 1970}
//! <dir>/v1/packages/<name>/tarballs/<file>    a tarball that matched its integrity
//! <dir>/v1/documents.jsonl.gz                 a pruned snapshot: every document on a line, deflated together
//! ```
//!
//! Names are percent-encoded but for lower-case letters, digits and `-._@~`, so that they are one part of a path,
//! and two names that differ only in case are two files. The document is written before its meta: killed in
//! between, the next refresh asks with the older ETag and gets the document again.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// Everything but letters, digits and `-._@~`; capitals are encoded by hand.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'@').remove(b'~');

/// What is known about a kept document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta {
    pub(crate) etag: Option<String>,
    /// Seconds since 1970; 0 is never fresh.
    pub(crate) fetched_at: u64,
}

impl Meta {
    pub(crate) fn now(etag: Option<String>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { etag, fetched_at: now.as_secs() }
    }

    pub(crate) fn is_fresh(&self, max_age: Duration) -> bool {
        let at = UNIX_EPOCH + Duration::from_secs(self.fetched_at);
        // A time in the future, from a clock that was wrong, isn't fresh either.
        SystemTime::now().duration_since(at).is_ok_and(|age| age < max_age)
    }
}

/// A storage directory. Its methods block: call them off the async threads.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    root: PathBuf,
}

impl Storage {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { root: dir.join("v1") }
    }

    pub(crate) fn packages_dir(&self) -> PathBuf {
        self.root.join("packages")
    }

    pub(crate) fn bundle_path(&self) -> PathBuf {
        self.root.join("documents.jsonl.gz")
    }

    fn package(&self, name: &str) -> PathBuf {
        self.packages_dir().join(encode(name))
    }

    pub(crate) fn document_path(&self, name: &str) -> PathBuf {
        self.package(name).join("document.json.gz")
    }

    fn tarball_path(&self, name: &str, file: &str) -> PathBuf {
        self.package(name).join("tarballs").join(encode(file))
    }

    /// A kept document, deflated, with its meta. Unreadable counts as missing.
    pub(crate) fn read_document(&self, name: &str) -> Option<(Bytes, Meta)> {
        let document = std::fs::read(self.document_path(name)).ok()?;
        let meta = std::fs::read(self.package(name).join("meta.json")).ok();
        let meta = meta.and_then(|meta| serde_json::from_slice(&meta).ok()).unwrap_or_default();
        Some((document.into(), meta))
    }

    pub(crate) fn write_document(&self, name: &str, gzip: &[u8], meta: &Meta) -> io::Result<()> {
        let path = self.document_path(name);
        std::fs::create_dir_all(self.package(name))?;
        utoo_fs::write_atomic(&path, gzip).map_err(io::Error::other)?;
        self.write_meta(name, meta)
    }

    pub(crate) fn write_meta(&self, name: &str, meta: &Meta) -> io::Result<()> {
        let text = serde_json::to_vec(meta).map_err(io::Error::other)?;
        utoo_fs::write_atomic(self.package(name).join("meta.json"), &text).map_err(io::Error::other)
    }

    pub(crate) fn read_tarball(&self, name: &str, file: &str) -> Option<Bytes> {
        std::fs::read(self.tarball_path(name, file)).ok().map(Bytes::from)
    }

    pub(crate) fn write_tarball(&self, name: &str, file: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.tarball_path(name, file);
        std::fs::create_dir_all(self.package(name).join("tarballs"))?;
        utoo_fs::write_atomic(&path, bytes).map_err(io::Error::other)
    }

    /// The names of all kept packages, sorted.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.packages_dir()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(decode(&entry?.file_name().to_string_lossy()));
        }
        names.sort();
        Ok(names)
    }

    /// The kept tarballs of a package, sorted by file name.
    pub(crate) fn tarballs(&self, name: &str) -> io::Result<Vec<(String, Bytes)>> {
        let dir = self.package(name).join("tarballs");
        let entries = match std::fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut tarballs = Vec::new();
        for entry in entries {
            let entry = entry?;
            if let Some(file) = decode(&entry.file_name().to_string_lossy()) {
                tarballs.push((file, Bytes::from(std::fs::read(entry.path())?)));
            }
        }
        tarballs.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(tarballs)
    }
}

fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len() + 8);
    for part in utf8_percent_encode(name, NAME) {
        match part.strip_prefix('%') {
            Some(_) => encoded.push_str(&part.to_ascii_lowercase()),
            None => part.chars().for_each(|c| push_lower(&mut encoded, c)),
        }
    }
    // `.` and `..` are no names, but nothing here should depend on who asks.
    if encoded.starts_with('.') { encoded.replacen('.', "%2e", 1) } else { encoded }
}

fn push_lower(encoded: &mut String, c: char) {
    match c {
        'A'..='Z' => encoded.push_str(&format!("%{:02x}", c as u32)),
        c => encoded.push(c),
    }
}

/// The inverse of [`encode`]; a temporary file's or a foreign name gives nothing.
fn decode(encoded: &str) -> Option<String> {
    let name = percent_decode_str(encoded).decode_utf8().ok()?.into_owned();
    (encode(&name) == encoded).then_some(name)
}

#[cfg(test)]
#[path = "storage_tests.rs"]
mod tests;
