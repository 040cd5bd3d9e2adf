//! Packages that no registry lists: folders, tarballs on disk or at a URL, git repositories.
//!
//! Each is brought to its package.json and read into the same [`Manifest`] as a registry's version. `resolved` is what
//! identifies it: `file:` and the path from the project, the tarball's URL, or
//! `git+ssh://…#<commit>`. Nothing is remembered: the same spec asked twice is read twice.

mod commit;
mod folder;
mod git;
mod manifest;
mod pack;
mod shrinkwrap;
mod tarball;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use utoo_lockfile::Lockfile;
use utoo_resolver::{Bundled, ErrorCategory, RegistryError, SourceManifest};
use utoo_types::{Algorithm, Integrity, Manifest, PackageName, Spec, SpecKind};

use crate::decode::off_runtime;
use crate::registry::UnifiedRegistry;
use crate::tarball::TarballRequest;

pub use commit::{Checkout, GitPackage};
pub use git::FOREIGN_GIT_VARIABLES;
use manifest::{Beside, SourcePackage};
pub use shrinkwrap::{SHRINKWRAP, shrinkwrap_in_file};
use tarball::{BundledFiles, Found};

impl UnifiedRegistry {
    pub(crate) async fn source(&self, spec: &Spec) -> Result<SourceManifest, RegistryError> {
        match spec.kind() {
            SpecKind::Directory(path) => {
                let (path, resolved) = (self.in_project(path), file_url(path));
                off_runtime(move || read_folder(&path, resolved)).await?
            }
            SpecKind::File(path) => {
                let (path, resolved, limits) =
                    (self.in_project(path), file_url(path), self.inner.options.limits);
                off_runtime(move || {
                    let bytes = read_file(&path, limits.tarball)?;
                    from_tarball(&bytes, limits.inflated, &resolved)
                })
                .await?
            }
            SpecKind::Remote(url) => {
                // A tarball with no name of its own has no scope, and so only its URL's own credentials.
                let name = spec.name().cloned().unwrap_or_else(|| PackageName::new_unchecked(""));
                let request = TarballRequest { url: Arc::clone(url), name, integrity: None };
                let bytes = self.fetch_tarball(&request).await?;
                let (url, inflated) = (Arc::clone(url), self.inner.options.limits.inflated);
                off_runtime(move || from_tarball(&bytes, inflated, &url)).await?
            }
            SpecKind::Git(git) => self.git(spec, git).await,
            SpecKind::Version(_) | SpecKind::Range(_) | SpecKind::Tag(_) | SpecKind::Alias(_) => {
                let message = format!("{} is in the registry, and was asked for as a source", spec.raw());
                Err(RegistryError::new("EINVALIDSPEC", ErrorCategory::Precondition, message))
            }
        }
    }

    /// The contents of a tarball of the project, or of a folder as `npm pack` would pack it (not compressed, below
    /// `package/`). `path` is relative to the project, or absolute. Scripts of a folder (`prepare`) are not run: it is
    /// packed as it is.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES` or `EIO` where something cannot be read, `ETOOLARGE` where it is larger than the limits allow.
    pub async fn fetch_file(&self, path: &Path) -> Result<Bytes, RegistryError> {
        let (path, limits) = (self.in_project(path), self.inner.options.limits);
        off_runtime(move || match path.is_dir() {
            true => folder::pack_folder(&path, limits.inflated).map(Bytes::from),
            false => read_file(&path, limits.tarball),
        })
        .await?
    }

    fn in_project(&self, path: &Path) -> PathBuf {
        self.inner.options.config.project().root.join(path)
    }
}

/// A tarball that is to be looked into.
pub(crate) struct TarballQuestion {
    pub(crate) name: PackageName,
    pub(crate) resolved: Arc<str>,
    pub(crate) integrity: Option<Integrity>,
}

impl UnifiedRegistry {
    /// The packages that a tarball brings along.
    pub(crate) async fn bundle(&self, question: TarballQuestion) -> Result<Arc<[Bundled]>, RegistryError> {
        let inflated = self.inner.options.limits.inflated;
        self.look_into(question, move |bytes, shown| {
            let found = tarball::find_bundled(bytes, inflated).map_err(|error| error.at(shown))?;
            Ok(to_bundled(&found, shown))
        })
        .await
    }

    /// The npm-shrinkwrap.json of a tarball.
    pub(crate) async fn shrinkwrap(&self, question: TarballQuestion) -> Result<Arc<Lockfile>, RegistryError> {
        let inflated = self.inner.options.limits.inflated;
        self.look_into(question, move |bytes, shown| {
            let found = tarball::find_shrinkwrap(bytes, inflated).map_err(|error| error.at(shown))?;
            shrinkwrap::parse(found.as_deref(), shown)
        })
        .await
    }

    /// Fetches a tarball and shows it to `look`, which runs off the runtime. It is verified, as it is before an
    /// installation: what is in a lockfile comes from no other bytes.
    async fn look_into<T: Send + 'static>(
        &self,
        TarballQuestion { name, resolved: url, integrity }: TarballQuestion,
        look: impl FnOnce(&Bytes, &str) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let bytes = match url.strip_prefix("file:") {
            Some(path) => self.fetch_file(Path::new(path)).await?,
            None => {
                let request = TarballRequest { url: Arc::clone(&url), name: name.clone(), integrity: None };
                self.fetch_tarball(&request).await?
            }
        };
        off_runtime(move || {
            let shown = crate::address::redact_text(&url);
            if integrity.is_some_and(|wanted| !wanted.verifies(&bytes)) {
                let message = format!("the tarball of {name} is not what its integrity says");
                return Err(RegistryError::new("EINTEGRITY", ErrorCategory::Precondition, message).at(shown));
            }
            look(&bytes, &shown)
        })
        .await?
    }
}

/// The packages that an unpacked package brings along in its `node_modules`: what [`ManifestJob::Bundle`] answers, for
/// those who have the tarball's verified contents in files already. `files` are the paths of all its files in the package,
/// with forward slashes, and where each is; `shown` is the package, for errors. Blocks the thread.
///
/// # Errors
/// Where a package.json cannot be read (`ENOENT` and its like). One that is no JSON object makes no package.
///
/// [`ManifestJob::Bundle`]: utoo_resolver::ManifestJob::Bundle
pub fn bundled_in_files<'f>(
    files: impl Iterator<Item = (&'f str, PathBuf)>,
    shown: &str,
) -> Result<Arc<[Bundled]>, RegistryError> {
    let mut packages = BundledFiles::default();
    for (path, file) in files {
        packages.take(path, &mut OpenedLate::new(&file)).map_err(|error| unreadable(&file, &error))?;
    }
    Ok(to_bundled(&packages.found(), shown))
}

/// A file that is opened when it is read: of most files only the names matter.
struct OpenedLate<'p> {
    path: &'p Path,
    file: Option<File>,
}

impl<'p> OpenedLate<'p> {
    fn new(path: &'p Path) -> Self {
        Self { path, file: None }
    }
}

impl Read for OpenedLate<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let file = match self.file.take() {
            Some(file) => file,
            None => File::open(self.path)?,
        };
        self.file.insert(file).read(buffer)
    }
}

/// What has no package.json that can be read is no package, as for npm.
fn to_bundled(found: &[(String, Found)], shown: &str) -> Arc<[Bundled]> {
    let read = found.iter().filter_map(|(location, found)| {
        let manifest = found.package().manifest(&format!("{shown}: {location}/package.json")).ok()?;
        Some(Bundled { location: location.as_str().into(), manifest: Arc::new(manifest) })
    });
    read.collect()
}

fn read_folder(path: &Path, resolved: Arc<str>) -> Result<SourceManifest, RegistryError> {
    let file = path.join("package.json");
    let json = std::fs::read(&file).map_err(|error| unreadable(&file, &error))?;
    let beside = Beside { binding_gyp: path.join("binding.gyp").is_file() };
    let package = SourcePackage { json: &json, beside, paths: &[] };
    let manifest = package.manifest(&file.display().to_string())?;
    Ok(SourceManifest { manifest: Arc::new(manifest), resolved, integrity: None })
}

fn from_tarball(bytes: &[u8], inflated: u64, resolved: &str) -> Result<SourceManifest, RegistryError> {
    let shown = crate::address::redact_text(resolved);
    let found = tarball::find_package(bytes, inflated).map_err(|error| error.at(shown.clone()))?;
    let manifest: Manifest = found.package().manifest(&format!("{shown}: package.json"))?;
    let integrity = Some(Integrity::of(Algorithm::Sha512, bytes));
    Ok(SourceManifest { manifest: Arc::new(manifest), resolved: resolved.into(), integrity })
}

fn read_file(path: &Path, limit: u64) -> Result<Bytes, RegistryError> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if metadata.len() > limit {
        let message = format!("{} is larger than {limit} bytes", path.display());
        return Err(RegistryError::new("ETOOLARGE", ErrorCategory::Precondition, message));
    }
    std::fs::read(path).map(Bytes::from).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> RegistryError {
    let (code, category) = match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            ("ENOENT", ErrorCategory::NotFound)
        }
        std::io::ErrorKind::PermissionDenied => ("EACCES", ErrorCategory::Local),
        _ => ("EIO", ErrorCategory::Local),
    };
    RegistryError::new(code, category, format!("{} cannot be read", path.display()))
        .caused_by(error.to_string())
}

/// `file:` and the path as the spec has it, with forward slashes, as npm writes it.
fn file_url(path: &Path) -> Arc<str> {
    let text = path.to_string_lossy();
    match std::path::MAIN_SEPARATOR {
        '/' => format!("file:{text}").into(),
        other => format!("file:{}", text.replace(other, "/")).into(),
    }
}
