//! Real data for the criterion benches, read from the checkout.
//!
//! * [`documents`], [`package_json`], [`package_lock`]: the project alotta-files with the part of npm's registry that it
//!   needs, in `fixtures/projects/alotta-files`, recorded by `scripts/conformance --record`;
//! * [`tarballs`]: packages of that project by the names, sizes and modes of their files, in
//!   `benches/corpus/tarballs.txt.gz`, recorded by the `shapes` program. What is in the files is made up here.
//!
//! What cannot be read is a broken checkout: these functions panic, as a benchmark's setup should.

mod shapes;
mod text;

use std::io::Read as _;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};
use utoo_types::{Algorithm, Integrity};

pub use shapes::{Shape, ShapedFile, read_shapes, shape_of, write_shapes};

/// A tarball of a real package's shape.
#[derive(Clone, Debug)]
pub struct Tarball {
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Gzipped.
    pub bytes: Vec<u8>,
    /// Of all files, in bytes.
    pub unpacked: u64,
    /// Number of files.
    pub files: usize,
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn project() -> PathBuf {
    repository().join("fixtures/projects/alotta-files")
}

#[expect(clippy::panic, reason = "a benchmark without its data cannot go on")]
fn read(path: &std::path::Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn inflated(path: &std::path::Path) -> Vec<u8> {
    let mut text = Vec::new();
    #[expect(clippy::expect_used, reason = "a benchmark without its data cannot go on")]
    GzDecoder::new(&*read(path)).read_to_end(&mut text).expect("committed gzip");
    text
}

/// The folder that a frozen server serves them from.
#[must_use]
pub fn registry_folder() -> PathBuf {
    project().join("registry")
}

/// The packuments of all packages that alotta-files looks at, reduced to what resolution reads.
#[must_use]
pub fn documents() -> Vec<Vec<u8>> {
    let text = inflated(&registry_folder().join("v1/documents.jsonl.gz"));
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The same in the shape in which npm's registry serves them abbreviated, with digests and signatures of the right
/// lengths that belong to nothing.
#[must_use]
pub fn abbreviated_documents() -> Vec<Vec<u8>> {
    documents().iter().map(|document| abbreviated(document)).collect()
}

/// What an abbreviated document has of a version, in its order.
const ABBREVIATED: &[&str] = &[
    "name",
    "version",
    "deprecated",
    "dependencies",
    "optionalDependencies",
    "bundleDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "bin",
    "directories",
    "dist",
    "engines",
    "cpu",
    "os",
    "_hasShrinkwrap",
    "hasInstallScript",
    "funding",
];

fn abbreviated(document: &[u8]) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(document).unwrap_or_default();
    if let Some(versions) = document.get_mut("versions").and_then(Value::as_object_mut) {
        for (version, manifest) in versions {
            manifest["dist"] = dist(version, manifest);
            let of = |field: &&str| Some(((*field).to_owned(), manifest.get(*field)?.clone()));
            *manifest = Value::Object(ABBREVIATED.iter().filter_map(of).collect::<Map<_, _>>());
        }
    }
    document["modified"] = json!("2024-05-17T09:12:44.417Z");
    serde_json::to_vec(&document).unwrap_or_default()
}

fn dist(version: &str, manifest: &Value) -> Value {
    let tarball = manifest["dist"]["tarball"].as_str().unwrap_or_default();
    let seed = format!("{tarball} {version}");
    let integrity = Integrity::of(Algorithm::Sha512, seed.as_bytes()).to_string();
    let signature = &integrity["sha512-".len()..];
    json!({
        "integrity": integrity,
        "shasum": Integrity::of(Algorithm::Sha1, seed.as_bytes()).hex(),
        "tarball": tarball,
        "fileCount": 10 + seed.len() % 90,
        "unpackedSize": 1_000 * seed.len(),
        "signatures": [{"keyid": "SHA256:jl3bwswu80PjjokCgh0o2w5c2U4LhQAE57gj9cz1kzA", "sig": signature}],
    })
}

/// The project's package.json.
#[must_use]
pub fn package_json() -> String {
    String::from_utf8_lossy(&read(&project().join("package.json"))).into_owned()
}

/// The package-lock.json that npm wrote for it.
#[must_use]
pub fn package_lock() -> String {
    String::from_utf8_lossy(&read(&project().join("recorded/package-lock.json"))).into_owned()
}

/// Where the shapes are.
#[must_use]
pub fn shapes_path() -> PathBuf {
    repository().join("benches/corpus/tarballs.txt.gz")
}

/// Tarballs of the recorded shapes.
#[must_use]
pub fn tarballs() -> Vec<Tarball> {
    let text = inflated(&shapes_path());
    read_shapes(&String::from_utf8_lossy(&text)).iter().map(text::make_tarball).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_whole_and_its_abbreviated_form_reads() {
        let documents = documents();
        assert_eq!(documents.len(), 1_104);
        let abbreviated = abbreviated(&documents[0]);
        assert!(abbreviated.len() > documents[0].len());
        let plain = utoo_types::Packument::from_json(documents[0].clone()).unwrap();
        let packument = utoo_types::Packument::from_json(abbreviated).unwrap();
        assert_eq!((packument.name(), packument.len()), (plain.name(), plain.len()));
        let candidate = packument.candidates().next().unwrap();
        assert!(candidate.manifest().dist.unwrap().integrity.is_some());
    }

    #[test]
    fn tarballs_have_their_files() {
        let tarball = tarballs().into_iter().find(|tarball| tarball.files > 3).unwrap();
        let mut archive = tar::Archive::new(GzDecoder::new(&*tarball.bytes));
        let sizes = archive.entries().unwrap().map(|entry| entry.unwrap().size());
        let sizes: Vec<u64> = sizes.collect();
        assert_eq!((sizes.len(), sizes.iter().sum()), (tarball.files, tarball.unpacked));
    }
}
