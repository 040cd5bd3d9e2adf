//! Tarballs: the name under which one is served, and packing one from files.

use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::gzip;

/// A time that every packed file carries, as `npm pack` does it: 1985-10-26T08:15:00Z.
const PACK_TIME: u64 = 499_162_500;

/// One file of a package, for [`pack`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TarballFile {
    /// Relative to the package's root, with forward slashes.
    pub path: String,
    /// What is in it.
    pub content: Vec<u8>,
    /// The permission bits, such as `0o644`.
    pub mode: u32,
}

impl TarballFile {
    /// A plain file (`0o644`).
    pub fn new(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), content: content.into(), mode: 0o644 }
    }
}

/// Packs files into a `.tgz` under `package/`, in the order given. The same files give the same bytes, on
/// every machine and with every version of the libraries.
#[must_use]
pub fn pack(files: &[TarballFile]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(file.content.len() as u64);
        header.set_mode(file.mode);
        header.set_mtime(PACK_TIME);
        header.set_entry_type(tar::EntryType::Regular);
        // Into a Vec, only a path beyond what tar can say could fail, and long ones get an extension entry.
        let _ =
            builder.append_data(&mut header, Path::new("package").join(&file.path), file.content.as_slice());
    }
    let mut archive = builder.into_inner().unwrap_or_default();
    let _ = archive.flush();
    gzip::store(&archive)
}

/// The last part of a version's tarball URL: that of its `dist.tarball` where it follows npm's `…/-/<file>`, else
/// `<base>-<version>.tgz`.
pub(crate) fn file_name(name: &str, version: &str, manifest: &Value) -> String {
    let stated = manifest.pointer("/dist/tarball").and_then(Value::as_str);
    let stated = stated.and_then(|url| url.split(['?', '#']).next()).and_then(|url| url.rsplit_once("/-/"));
    match stated {
        Some((_, file)) if !file.is_empty() && !file.contains('/') => file.to_owned(),
        _ => format!("{}-{version}.tgz", name.rsplit('/').next().unwrap_or(name)),
    }
}

/// The version of `document` whose tarball is served as `file`, with its `dist`.
pub(crate) fn find<'a>(document: &'a Value, name: &str, file: &str) -> Option<(&'a str, &'a Value)> {
    let versions = document.get("versions")?.as_object()?;
    let found = versions.iter().find(|(version, manifest)| file_name(name, version, manifest) == file);
    found.and_then(|(version, manifest)| Some((version.as_str(), manifest.get("dist")?)))
}
