//! Packages made for a test: manifests and files in, documents and real tarballs out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::digest;
use crate::tarball::{TarballFile, pack};

/// The origin in documents of fixtures; a server puts its own in its place.
pub(crate) const FIXTURE_ORIGIN: &str = "https://registry.example";

/// A fixture that isn't a package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FixtureError {
    /// The manifest is no JSON object.
    #[error("the manifest of {package} is not a JSON object: {reason}")]
    Manifest {
        /// The package, or its file, as far as known.
        package: String,
        /// What the parser said.
        reason: String,
    },
    /// `name` or `version` is missing.
    #[error("a manifest has no {field}: {manifest}")]
    Field {
        /// The missing field.
        field: &'static str,
        /// The manifest's text.
        manifest: String,
    },
    /// The folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl FixtureError {
    /// A stable code for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Manifest { .. } => "EJSONPARSE",
            Self::Field { .. } => "EMANIFEST",
            Self::Read { .. } => "EPATH",
        }
    }
}

/// The packages of a test's registry, in memory.
///
/// Manifests are kept as written, whatever is wrong with them: a registry of broken metadata is a fixture too.
#[derive(Clone, Debug, Default)]
pub struct FixtureRegistry {
    packages: BTreeMap<String, Package>,
}

#[derive(Clone, Debug, Default)]
struct Package {
    versions: Map<String, Value>,
    tags: Map<String, Value>,
    times: Map<String, Value>,
    tarballs: BTreeMap<String, Bytes>,
}

impl FixtureRegistry {
    /// A registry without packages.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Publishes a version with nothing in its tarball but package.json. The manifest needs `name` and `version`.
    pub fn publish_json(&mut self, manifest: &str) -> Result<(), FixtureError> {
        let value = serde_json::from_str(manifest).map_err(|error| FixtureError::Manifest {
            package: manifest.chars().take(80).collect(),
            reason: error.to_string(),
        })?;
        self.publish(value, &[])
    }

    /// Publishes a version whose tarball holds package.json and `files`. A `package.json` among `files` takes the
    /// place of the one written from the manifest. `dist` is added to what the manifest already has there, so that
    /// a fixture can state a wrong integrity; a `null` in it takes the field away.
    pub fn publish(&mut self, manifest: Value, files: &[TarballFile]) -> Result<(), FixtureError> {
        let text = |field: &'static str| {
            let found = manifest.get(field).and_then(Value::as_str).map(str::to_owned);
            found.ok_or_else(|| FixtureError::Field { field, manifest: manifest.to_string() })
        };
        let (name, version) = (text("name")?, text("version")?);
        let tarball = pack_package(&manifest, files);
        let file = format!("{}-{version}.tgz", name.rsplit('/').next().unwrap_or(&name));
        let mut dist = Map::new();
        dist.insert("integrity".to_owned(), digest::integrity(&tarball).into());
        dist.insert("shasum".to_owned(), digest::shasum(&tarball).into());
        dist.insert("tarball".to_owned(), format!("{FIXTURE_ORIGIN}/{name}/-/{file}").into());
        let mut manifest = manifest;
        if let Some(object) = manifest.as_object_mut() {
            for (field, value) in object.get("dist").and_then(Value::as_object).cloned().unwrap_or_default() {
                match value {
                    Value::Null => dist.remove(&field),
                    value => dist.insert(field, value),
                };
            }
            object.insert("dist".to_owned(), Value::Object(dist));
        }
        let package = self.packages.entry(name).or_default();
        package.tarballs.insert(file, tarball.into());
        package.tags.insert("latest".to_owned(), version.clone().into());
        package.versions.insert(version, manifest);
        Ok(())
    }

    /// Points dist-tags at versions, whether these exist or not. Without this, `latest` is what was published last.
    pub fn tag(&mut self, name: &str, tags: &Map<String, Value>) {
        let package = self.packages.entry(name.to_owned()).or_default();
        for (tag, version) in tags {
            match version {
                Value::Null => package.tags.remove(tag),
                version => package.tags.insert(tag.clone(), version.clone()),
            };
        }
    }

    /// States times of publication, by version, as in `time` of a full document.
    pub fn times(&mut self, name: &str, times: &Map<String, Value>) {
        self.packages.entry(name.to_owned()).or_default().times.extend(times.clone());
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.keys().map(String::as_str)
    }

    /// The full document of a package, its tarball URLs at `https://registry.example`.
    #[must_use]
    pub fn document(&self, name: &str) -> Option<Value> {
        let package = self.packages.get(name)?;
        let mut document = json!({
            "_id": name,
            "name": name,
            "dist-tags": package.tags,
            "versions": package.versions,
        });
        if !package.times.is_empty() {
            document["time"] = Value::Object(package.times.clone());
        }
        Some(document)
    }

    /// All full documents by name.
    #[must_use]
    pub fn documents(&self) -> BTreeMap<String, Value> {
        self.packages.keys().filter_map(|name| Some((name.clone(), self.document(name)?))).collect()
    }

    /// The tarball served as `/<name>/-/<file>`.
    #[must_use]
    pub fn tarball(&self, name: &str, file: &str) -> Option<Bytes> {
        self.packages.get(name)?.tarballs.get(file).cloned()
    }

    pub(crate) fn tarballs_of(&self, name: &str) -> impl Iterator<Item = (&str, &Bytes)> {
        let package = self.packages.get(name);
        package
            .into_iter()
            .flat_map(|package| package.tarballs.iter().map(|(file, bytes)| (file.as_str(), bytes)))
    }

    /// Reads a folder of fixtures: `<name>/<version>/package.json` and any further files of that version, and
    /// `<name>/dist-tags.json` where `latest` is not the highest folder name in byte order. Scoped names are folders in folders.
    pub fn from_dir(dir: &Path) -> Result<Self, FixtureError> {
        let mut registry = Self::new();
        for package in folders(dir)? {
            if file_name(&package).starts_with('@') {
                for scoped in folders(&package)? {
                    registry.read_package(&scoped)?;
                }
            } else {
                registry.read_package(&package)?;
            }
        }
        Ok(registry)
    }

    fn read_package(&mut self, dir: &Path) -> Result<(), FixtureError> {
        let mut name = None;
        for version in folders(dir)? {
            let mut files = Vec::new();
            read_files(&version, &version, &mut files)?;
            let manifest = files.iter().find(|file| file.path == "package.json");
            let manifest = manifest.map(|file| read_json(&version, &file.content)).transpose()?;
            let manifest = manifest.ok_or_else(|| FixtureError::Field {
                field: "package.json",
                manifest: version.display().to_string(),
            })?;
            name = manifest.get("name").and_then(Value::as_str).map(str::to_owned);
            self.publish(manifest, &files)?;
        }
        let tags = dir.join("dist-tags.json");
        if let (Some(name), true) = (name, tags.is_file()) {
            let tags_json = read_json(&tags, &read(&tags)?)?;
            self.tag(&name, tags_json.as_object().unwrap_or(&Map::new()));
        }
        Ok(())
    }
}

fn pack_package(manifest: &Value, files: &[TarballFile]) -> Vec<u8> {
    if files.iter().any(|file| file.path == "package.json") {
        return pack(files);
    }
    // What a registry adds to a manifest isn't in the package itself.
    let added = ["dist", "deprecated", "_hasShrinkwrap"];
    let own =
        manifest.as_object().into_iter().flatten().filter(|(field, _)| !added.contains(&field.as_str()));
    let own: Map<String, Value> = own.map(|(field, value)| (field.clone(), value.clone())).collect();
    let mut text = serde_json::to_vec_pretty(&own).unwrap_or_default();
    text.push(b'\n');
    let mut all = vec![TarballFile::new("package.json", text)];
    all.extend_from_slice(files);
    pack(&all)
}

fn read_json(path: &Path, bytes: &[u8]) -> Result<Value, FixtureError> {
    let bad = |reason| FixtureError::Manifest { package: path.display().to_string(), reason };
    let value: Value = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
    if value.is_object() { Ok(value) } else { Err(bad("it is something else".to_owned())) }
}

fn read(path: &Path) -> Result<Vec<u8>, FixtureError> {
    std::fs::read(path).map_err(|source| FixtureError::Read { path: path.to_owned(), source })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is in a directory, sorted, so that tarballs don't depend on the file system.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, FixtureError> {
    let failed = |source| FixtureError::Read { path: dir.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>, FixtureError> {
    Ok(entries(dir)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn read_files(root: &Path, dir: &Path, files: &mut Vec<TarballFile>) -> Result<(), FixtureError> {
    for path in entries(dir)? {
        if path.is_dir() {
            read_files(root, &path, files)?;
            continue;
        }
        let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        files.push(TarballFile { path: relative, content: read(&path)?, mode: mode_of(&path) });
    }
    Ok(())
}

#[cfg(unix)]
fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    let executable = std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0);
    if executable { 0o755 } else { 0o644 }
}

#[cfg(not(unix))]
fn mode_of(_: &Path) -> u32 {
    0o644
}
