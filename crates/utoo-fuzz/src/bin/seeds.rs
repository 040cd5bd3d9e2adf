//! Writes the seeds that are no text: `cargo run -p utoo-fuzz --bin fuzz-seeds -- fixtures/fuzz`.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use utoo_installer::{PackageRequest, Prepare, Store};
use utoo_server::{TarballFile, pack};
use utoo_types::{Algorithm, Integrity, PackageName, Packument};

const PACKUMENT: &str = r#"{"name": "a", "dist-tags": {"latest": "1.0.0"}, "modified": "2026-01-02T03:04:05.000Z",
 "versions": {
  "1.0.0": {"name": "a", "version": "1.0.0", "dependencies": {"b": "^1.0.0"}, "bin": {"a": "cli.js"}, "engines": {"node": ">=18"},
   "dist": {"tarball": "https://registry.example/a/-/a-1.0.0.tgz", "integrity": "sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}},
  "1.1.0-rc.1": {"name": "a", "version": "1.1.0-rc.1", "deprecated": "no", "os": ["!win32"], "peerDependencies": {"c": "*"},
   "peerDependenciesMeta": {"c": {"optional": true}}, "dist": {"tarball": "https://registry.example/a/-/a-1.1.0-rc.1.tgz", "shasum": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}}}}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("where to?")?);
    let plain = pack(&[
        TarballFile::new("package/package.json", r#"{"name": "a", "version": "1.0.0", "bin": "cli.js"}"#),
        TarballFile { mode: 0o755, ..TarballFile::new("package/cli.js", "#!/usr/bin/env node\r\n") },
        TarballFile::new(format!("package/{}/deep.js", "long".repeat(40)), "1"),
    ]);
    write(&folder, "tarball/plain.tgz", &plain)?;
    write(&folder, "tarball/odd.tar", &odd_entries())?;
    write(&folder, "tarball/odd.tgz", &gzipped(&odd_entries())?)?;
    for (name, level) in [("stored", 0), ("fast", 1), ("best", 9)] {
        write(&folder, &format!("deflate/{name}"), &deflated(PACKUMENT.repeat(3).as_bytes(), level)?)?;
    }
    write(&folder, "deflate/fixed", &deflated(b"package/package.json", 9)?)?;
    write(&folder, "store-index/plain", &index(&plain)?)?;
    write(&folder, "packument/two-versions.json", PACKUMENT.as_bytes())?;
    let packument = Packument::from_json(PACKUMENT.as_bytes().to_vec())?;
    write(&folder, "packument-form/two-versions", packument.as_bytes())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
    Ok(utoo_fs::write_atomic(&path, bytes)?)
}

fn gzipped(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// With a byte behind it that the target takes for itself.
fn deflated(bytes: &[u8], level: u32) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(bytes)?;
    let mut stream = encoder.finish()?;
    stream.push(7);
    Ok(stream)
}

/// One header of an archive, its sum right, and its content.
fn entry(name: &str, kind: u8, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0004777\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let padding = content.len().next_multiple_of(512) - content.len();
    [&header, content, &vec![0; padding]].concat()
}

/// What attackers try: links, paths that climb, a size in an extended header, a name in one, directories, devices.
fn odd_entries() -> Vec<u8> {
    let entries: &[(&str, u8, &str, &[u8])] = &[
        ("package/package.json", b'0', "", b"{\"name\":\"a\"}"),
        ("package/link", b'2', "/etc", b""),
        ("package/link/passwd", b'0', "", b"x"),
        ("package/hard", b'1', "package/package.json", b""),
        ("package/../../up", b'0', "", b"x"),
        ("/absolute", b'0', "", b"x"),
        ("PaxHeader/a", b'x', "", b"30 path=package/from-header.js\n"),
        ("package/short", b'0', "", b"x"),
        ("PaxHeader/b", b'x', "", b"11 size=20\n"),
        ("package/size", b'0', "", b"0123456789"),
        ("././@LongLink", b'L', "", b"package/long-name.js\0"),
        ("package/cut", b'0', "", b"x"),
        ("package/folder/", b'5', "", b""),
        ("package/device", b'3', "", b""),
        ("package/Folder/A", b'0', "", b"x"),
    ];
    let entries = entries.iter().map(|(name, kind, link, content)| entry(name, *kind, link, content));
    let mut archive = entries.collect::<Vec<_>>().concat();
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// The index file of a package in a store.
fn index(tarball: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    let request = PackageRequest {
        name: PackageName::new_unchecked("a"),
        version: Arc::from("1.0.0"),
        resolved: Arc::from("https://registry.example/a/-/a-1.0.0.tgz"),
        integrity: Some(Integrity::of(Algorithm::Sha512, tarball)),
        prepare: Prepare::Skip,
    };
    let stored = Store::open(scratch.path()).insert(&request, tarball)?;
    stored.index.to_bytes().ok_or_else(|| "an index beyond all bounds".into())
}
