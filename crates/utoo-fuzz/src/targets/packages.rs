//! Tarballs and documents, and the forms in which they are kept.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression;
use flate2::bufread::DeflateDecoder;
use flate2::write::GzEncoder;
use utoo_inflate::Inflate;
use utoo_installer::{IndexedFile, PackageIndex, PackageRequest, Prepare, Store};
use utoo_types::{Algorithm, Integrity, PackageName, Packument};

/// Where a run may write: memory where the system has a folder for that.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let builder = tempfile::Builder::new();
    let made = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    made.unwrap_or_else(|error| panic!("no folder to write to: {error}"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let below = |path: PathBuf| if path.is_dir() && !path.is_symlink() { files(&path) } else { vec![path] };
    entries.flatten().flat_map(|entry| below(entry.path())).collect()
}

/// A plain or gzipped archive, unpacked into a store of its own, once as it comes, and once in several members, so that it is
/// unpacked while it is inflated.
pub(super) fn tarball(bytes: &[u8]) {
    assert_eq!(unpacked(bytes), unpacked(&in_members(bytes)));
}

fn in_members(bytes: &[u8]) -> Vec<u8> {
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(bytes).unwrap_or_default();
        encoder.finish().unwrap_or_default()
    };
    match bytes.starts_with(&[0x1f, 0x8b, 8]) {
        true => [bytes, &gzip(b"")].concat(),
        false => [gzip(bytes), gzip(b"")].concat(),
    }
}

/// Fed in pieces of a length that the last byte decides, and compared as far as zlib gives anything.
pub(super) fn deflate(bytes: &[u8]) {
    let Some((last, stream)) = bytes.split_last() else { return };
    let by_zlib = inflated_by_zlib(stream);
    let (mut inflate, mut text) = (Inflate::new(), Vec::new());
    let (mut at, mut there) = (0, 0);
    let ended = loop {
        there = (there + usize::from(*last) * 16 + 1).min(stream.len());
        match inflate.feed(&stream[at..there], there == stream.len()) {
            Ok(used) => at += used,
            Err(_) => break None,
        }
        text.extend_from_slice(inflate.read(usize::MAX));
        if inflate.is_done() {
            break Some(at);
        }
        if text.len() > MOST_INFLATED {
            return;
        }
    };
    match by_zlib {
        Some((whole, used)) => assert!(ended == Some(used) && text == whole, "{ended:?}, not {used}"),
        None => assert_eq!(ended, None, "zlib refuses it"),
    }
}

/// What of a stream's content is looked at, in bytes: 64 KB may become 64 MB.
const MOST_INFLATED: usize = 4 << 20;

/// The content, and how many bytes of the stream it took; `None` where the stream is none, or its content too long.
fn inflated_by_zlib(stream: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut decoder = DeflateDecoder::new(stream);
    let mut text = Vec::new();
    decoder.by_ref().take(MOST_INFLATED as u64 + 1).read_to_end(&mut text).ok()?;
    let used = usize::try_from(decoder.total_in()).ok()?;
    (text.len() <= MOST_INFLATED).then_some((text, used))
}

/// What the index says of the files, the folders and the package; `None` where it is refused.
fn unpacked(bytes: &[u8]) -> Option<(String, String, String)> {
    let scratch = scratch();
    let store = Store::open(scratch.path().join("cache"));
    let request = PackageRequest {
        name: PackageName::new_unchecked("a"),
        version: Arc::from("1.0.0"),
        resolved: Arc::from("https://registry.example/a/-/a-1.0.0.tgz"),
        integrity: Some(Integrity::of(Algorithm::Sha512, bytes)),
        prepare: Prepare::Skip,
    };
    let stored = store.insert(&request, bytes);
    let made = files(scratch.path());
    assert!(made.iter().all(|file| file.starts_with(store.root())), "outside the store: {made:?}");
    let Ok(package) = stored else {
        // The lock of this process goes with it.
        drop(store);
        let left = files(scratch.path());
        assert!(left.is_empty(), "left behind: {left:?}");
        return None;
    };
    for file in package.index.files() {
        assert!(utoo_fs::check_relative(file.path).is_ok(), "{:?}", file.path);
    }
    assert!(made.iter().all(|file| !file.is_symlink()), "a link: {made:?}");
    let damaged = store.verify().map(|damage| damage.len());
    assert_eq!(damaged.ok(), Some(0), "damaged as soon as it is there");
    // What each is called in the store depends on how the archive was read.
    let files: Vec<_> = package.index.files().map(|file| IndexedFile { number: 0, ..file }).collect();
    let directories: Vec<_> = package.index.directories().collect();
    Some((format!("{files:?}"), format!("{directories:?}"), format!("{:?}", package.index.facts())))
}

pub(super) fn store_index(bytes: &[u8]) {
    let Some(index) = PackageIndex::parse(bytes) else { return };
    assert_eq!(index.files().count(), index.len());
    for directory in index.directories() {
        assert!(index.has_directory(directory));
    }
    for file in index.files() {
        assert!(utoo_fs::check_relative(file.path).is_ok(), "{:?}", file.path);
        assert!(index.find(file.path).is_some(), "{:?} is not found", file.path);
    }
    let _ = (index.integrity(), index.facts());
}

/// Whatever simd-json and serde_json both call JSON has the same versions in both.
pub(super) fn packument(bytes: &[u8]) {
    let read = Packument::from_json(bytes.to_vec()).ok();
    // What has a space in front is read by the general reader, whoever reads the document as it is.
    let general = Packument::from_json([b" ", bytes].concat()).ok();
    if !bytes.starts_with(b"\xef\xbb\xbf") {
        assert_eq!(read.as_ref().map(Packument::as_bytes), general.as_ref().map(Packument::as_bytes));
    }
    let Some(packument) = read else { return };
    visit(&packument);
    let again = Packument::from_bytes(packument.as_bytes().clone());
    let again = again.unwrap_or_else(|error| panic!("its own form does not read back: {error}"));
    assert_eq!(again.as_bytes(), packument.as_bytes());
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let versions = value.get("versions").and_then(serde_json::Value::as_object);
    for candidate in packument.candidates() {
        let text = candidate.version_text();
        assert!(packument.find(text).is_some(), "{text:?} is not found");
        assert!(
            versions.is_some_and(|versions| versions.contains_key(text)),
            "{text:?} is not in the document"
        );
    }
}

pub(super) fn packument_form(bytes: &[u8]) {
    if let Ok(packument) = Packument::from_bytes(bytes.to_vec().into()) {
        visit(&packument);
    }
}

fn visit(packument: &Packument) {
    let _ = (packument.name(), packument.modified(), packument.has_times(), packument.is_empty());
    for (tag, version) in packument.dist_tags() {
        assert_eq!(packument.dist_tag(tag), Some(version));
    }
    for candidate in packument.candidates() {
        let _ = (candidate.version(), candidate.manifest(), candidate.deprecation(), candidate.published());
        // A damaged form may be out of order, so that a search misses.
        let _ = packument.find(candidate.version_text());
    }
}
