//! What is unpacked from odd and malicious archives, held to what npm's own pacote unpacked from the same bytes.
//!
//! `scripts/record-tarballs` recorded its answers; `fixtures/tarballs/archives.js` describes the archives.
//! `UTOO_TARBALL_ANSWERS` names another folder of answers, for larger runs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use utoo_installer::{FileMode, IndexedFile, PackageRequest, Prepare, Store, StoredPackage};
use utoo_types::{Algorithm, Integrity, PackageName};

/// A line of the answers.
#[derive(Deserialize)]
struct Recorded {
    name: String,
    about: String,
    /// npm leaves out what leads out of the package; utoo refuses the whole.
    refused: bool,
    archive: String,
    answer: Answer,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Files(Vec<File>),
    /// It could not be unpacked; with which code, the libraries disagree.
    Error {},
}

/// Path, size, whether it may be executed, SHA-1 in hexadecimal.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct File(String, u64, bool, String);

fn recorded(file: &str) -> Vec<Recorded> {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tarballs");
    let folder = std::env::var_os("UTOO_TARBALL_ANSWERS").map_or(committed, PathBuf::from);
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn request(archive: &[u8]) -> PackageRequest {
    PackageRequest {
        name: PackageName::new_unchecked("a"),
        version: Arc::from("1.0.0"),
        resolved: Arc::from("https://registry.example/a/-/a-1.0.0.tgz"),
        integrity: Some(Integrity::of(Algorithm::Sha512, archive)),
        prepare: Prepare::Skip,
    }
}

fn files(package: &StoredPackage) -> Vec<File> {
    let one = |file: IndexedFile<'_>| {
        let bytes = std::fs::read(file.path_in(&package.folder)).unwrap();
        let sha1 = Integrity::of(Algorithm::Sha1, &bytes).hex();
        File(file.path.to_owned(), bytes.len() as u64, file.mode == FileMode::Executable, sha1)
    };
    let mut files: Vec<_> = package.index.files().map(one).collect();
    files.sort();
    files
}

/// The same archive in a gzip stream of two members, the second of which is empty: it is unpacked while it is inflated, as
/// large ones are.
fn in_two_members(archive: &[u8]) -> Vec<u8> {
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    match archive.starts_with(&[0x1f, 0x8b]) {
        true => [archive, &gzip(b"")].concat(),
        false => [gzip(archive), gzip(b"")].concat(),
    }
}

/// What utoo makes of an archive, where that is not what npm makes of it.
fn difference(store: &Store, recorded: Recorded) -> Option<String> {
    let archive = base64::engine::general_purpose::STANDARD.decode(&recorded.archive).unwrap();
    let streamed = in_two_members(&archive);
    let streamed = store.insert(&request(&streamed), &streamed).map(|package| files(&package)).ok();
    let (is, code) = match store.insert(&request(&archive), &archive) {
        Ok(package) => (Ok(files(&package)), None),
        Err(error) => (Err(error.to_string()), Some(error.code())),
    };
    let same = match (&is, recorded.answer) {
        (Err(_), Answer::Files(_)) => {
            recorded.refused && matches!(code, Some("EBADPATH" | "TAR_BAD_ARCHIVE"))
        }
        (Err(_), Answer::Error {}) => true,
        (Ok(is), Answer::Files(mut npms)) => {
            npms.sort();
            *is == npms && !recorded.refused
        }
        (Ok(_), Answer::Error {}) => false,
    };
    let agreed = same && streamed == is.as_ref().ok().cloned();
    (!agreed).then(|| format!("{} ({}): {code:?} {is:?} {streamed:?}", recorded.name, recorded.about))
}

#[track_caller]
fn agree(file: &str, at_least: usize) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    let recorded = recorded(file);
    assert!(recorded.len() >= at_least, "{} archives", recorded.len());
    let mut differences = String::new();
    for difference in recorded.into_iter().filter_map(|one| difference(&store, one)) {
        writeln!(differences, "{difference}").unwrap();
    }
    assert!(differences.is_empty(), "{differences}");
}

/// Each archive twice: from memory, and while it is inflated.
#[test]
fn odd_archives_are_unpacked_as_npm_unpacks_them() {
    agree("described.jsonl", 70);
}

#[test]
fn random_archives_are_unpacked_as_npm_unpacks_them() {
    agree("random.jsonl", 200);
}

#[test]
fn an_index_differs_but_in_the_stored_names_however_an_archive_was_read() {
    let mut builder = tar::Builder::new(Vec::new());
    let manifest = r#"{"name": "a", "version": "1.0.0", "license": "MIT", "bin": "cli.js"}"#;
    let long = "#!/usr/bin/env node --".to_owned() + &"x".repeat(300_000) + "\r\nend";
    for (path, text) in [
        ("package/package.json", "{}"),
        ("package/lib/b/c.js", "c"),
        ("package/lib/a.js", "#!\r"),
        ("package/cli.js", "#!/usr/bin/env node\r\n"),
        ("package/long.js", &long),
        ("package/binding.gyp", "{}"),
        ("package/package.json", manifest),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let plain = builder.into_inner().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    let listed = |archive: &[u8]| {
        let package = store.insert(&request(archive), archive).unwrap();
        let unnamed = |file| IndexedFile { number: 0, ..file };
        let files: Vec<_> = package.index.files().map(|file| format!("{:?}", unnamed(file))).collect();
        let directories: Vec<_> = package.index.directories().map(str::to_owned).collect();
        for file in package.index.files() {
            use std::os::unix::fs::PermissionsExt as _;
            let metadata = std::fs::metadata(file.path_in(&package.folder)).unwrap();
            assert_eq!(metadata.len(), file.size);
            let executable = metadata.permissions().mode() & 0o100 != 0;
            assert_eq!(executable, file.mode == FileMode::Executable, "{}", file.path);
        }
        (files, directories, package.index.facts())
    };
    let whole = listed(&plain);
    assert_eq!(whole, listed(&in_two_members(&plain)));
    assert_eq!(whole.2.bin.len(), 1);
    assert!(whole.2.implied_install_script);
    assert_eq!(whole.0.iter().filter(|file| file.contains("Crlf")).count(), 2);
}
