//! A registry in memory, projects in temporary folders.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;
use utoo_installer::{
    FetchError, FetchErrorKind, InstallRequest, Installed, Installer, InstallerOptions, Result, Store,
    TarballRequest, TarballSource,
};
use utoo_lockfile::Lockfile;
use utoo_types::{Algorithm, Integrity};

/// A gzipped tarball of regular files below `package/`.
pub(crate) fn tarball(files: &[(&str, &str)]) -> Vec<u8> {
    tarball_with(|builder| {
        for (path, text) in files {
            append(builder, &format!("package/{path}"), text, 0o644);
        }
    })
}

/// One gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) type Builder = tar::Builder<GzEncoder<Vec<u8>>>;

pub(crate) fn tarball_with(fill: impl FnOnce(&mut Builder)) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    fill(&mut builder);
    builder.into_inner().unwrap().finish().unwrap()
}

pub(crate) fn append(builder: &mut Builder, path: &str, text: &str, mode: u32) {
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(mode);
    builder.append_data(&mut header, path, text.as_bytes()).unwrap();
}

/// An entry with a name or a link that the tar crate would refuse to write.
pub(crate) fn append_raw(builder: &mut Builder, name: &str, link: &str, kind: tar::EntryType, text: &str) {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append(&header, text.as_bytes()).unwrap();
}

/// Tarballs by URL, and what was asked for.
#[derive(Default)]
pub(crate) struct Registry {
    tarballs: Mutex<HashMap<String, Bytes>>,
    pub(crate) requests: Mutex<Vec<String>>,
}

impl Registry {
    pub(crate) fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// Publishes a tarball; gives its entry for a lockfile.
    pub(crate) fn add(&self, name: &str, version: &str, tarball: Vec<u8>) -> Value {
        let base = name.rsplit('/').next().unwrap();
        let url = format!("https://registry.example/{name}/-/{base}-{version}.tgz");
        let integrity = Integrity::of(Algorithm::Sha512, &tarball).to_string();
        self.tarballs.lock().unwrap().insert(url.clone(), tarball.into());
        json!({"version": version, "resolved": url, "integrity": integrity})
    }

    /// Publishes a package with these files beside its package.json.
    pub(crate) fn package(&self, name: &str, version: &str, files: &[(&str, &str)]) -> Value {
        let package_json = json!({"name": name, "version": version, "license": "MIT"}).to_string();
        let mut all = vec![("package.json", package_json.as_str())];
        all.extend(files);
        self.add(name, version, tarball(&all))
    }

    /// Replaces the bytes behind a URL.
    pub(crate) fn swap(&self, entry: &Value, tarball: Vec<u8>) {
        self.tarballs.lock().unwrap().insert(entry["resolved"].as_str().unwrap().to_owned(), tarball.into());
    }
}

impl TarballSource for Registry {
    async fn fetch(&self, request: &TarballRequest) -> Result<Bytes, FetchError> {
        self.requests.lock().unwrap().push(request.resolved.to_string());
        let found = self.tarballs.lock().unwrap().get(&*request.resolved).cloned();
        let message = format!("{} is not there", request.resolved);
        found.ok_or_else(|| FetchError::new("E404", message, FetchErrorKind::NotFound))
    }
}

/// A project and a cache.
pub(crate) struct Project {
    pub(crate) folder: TempDir,
    pub(crate) registry: Arc<Registry>,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    /// One in memory where the system has such a place: for tests that make thousands, which disks are slow at.
    pub(crate) fn in_memory() -> Self {
        Self::within(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn within(folder: TempDir) -> Self {
        std::fs::create_dir(folder.path().join("project")).unwrap();
        Self { folder, registry: Arc::default() }
    }

    /// What a file has that was made with this mode: the umask is the one that the project's folder was made with.
    pub(crate) fn umasked(&self, wanted: u32) -> u32 {
        wanted & mode(&self.root())
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub(crate) fn modules(&self) -> PathBuf {
        self.root().join("node_modules")
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(self.folder.path().join("cache"))
    }

    pub(crate) fn options(&self) -> InstallerOptions {
        InstallerOptions::new(self.root(), self.store())
    }

    pub(crate) fn installer(&self, options: InstallerOptions) -> Installer<Registry> {
        Installer::new(options, self.registry.clone())
    }

    pub(crate) async fn install(&self, packages: Value) -> Result<Installed> {
        self.installer(self.options()).install(InstallRequest::new(lockfile(packages))).await
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        write(&self.root().join(path), text);
    }

    /// Every file and link below `node_modules`, with its text or target; `.package-lock.json` without its text, and not
    /// utoo's own record.
    pub(crate) fn listing(&self) -> BTreeMap<String, String> {
        listing(&self.modules())
    }
}

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn mode(path: &Path) -> u32 {
    let found = std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    found.permissions().mode() & 0o7777
}

pub(crate) fn inode(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}

pub(crate) fn listing(root: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.map(Result::unwrap) {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let kind = entry.file_type().unwrap();
            if name == ".utoo-state" {
                continue;
            }
            if kind.is_symlink() {
                all.insert(name, format!("-> {}", std::fs::read_link(&path).unwrap().display()));
            } else if kind.is_dir() {
                open.push(path);
            } else if name == ".package-lock.json" {
                all.insert(name, String::new());
            } else {
                all.insert(name, String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned());
            }
        }
    }
    all
}

pub(crate) fn lockfile(packages: Value) -> Lockfile {
    let mut all = json!({"": {"name": "project", "version": "1.0.0"}});
    let Value::Object(packages) = packages else { panic!("no object: {packages}") };
    all.as_object_mut().unwrap().extend(packages);
    let document = json!({"name": "project", "version": "1.0.0", "lockfileVersion": 3, "packages": all});
    Lockfile::parse(&document.to_string(), "package-lock.json").unwrap()
}

/// An entry with more fields.
pub(crate) fn with(mut entry: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else { panic!("no object: {fields}") };
    entry.as_object_mut().unwrap().extend(fields);
    entry
}
