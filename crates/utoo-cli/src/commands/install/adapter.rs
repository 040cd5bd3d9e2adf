//! The registry as the installer's source of tarballs, and the installer's store as the resolver's source of what
//! tarballs bring along.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use utoo_installer::{
    FetchError, FetchErrorKind, InstallError, Installer, Origin, PackageRequest, Policy, Prepare,
    TarballRequest, TarballSource, is_repository,
};
use utoo_lockfile::Lockfile;
use utoo_registry::{SHRINKWRAP, UnifiedRegistry, bundled_in_files, shrinkwrap_in_file};
use utoo_resolver::{
    Bundled, Documents, ErrorCategory, ManifestJob, ManifestJobDone, Registry, RegistryError, ResolveError,
    SourceManifest,
};
use utoo_types::{Algorithm, Dist, Integrity, PackageName};

use super::build::{self, Builder};
use crate::error::{CliError, EXOTIC_HINT, FOREIGN_HINT};

/// Tarballs from wherever `resolved` says.
pub(in crate::commands) struct Tarballs {
    registry: UnifiedRegistry,
    policy: Arc<Policy>,
    /// Where the policy allows anything to be built.
    builder: Option<Builder>,
}

impl Tarballs {
    pub(super) fn new(registry: UnifiedRegistry, policy: Arc<Policy>, builder: Option<Builder>) -> Self {
        Self { registry, policy, builder }
    }
}

impl TarballSource for Tarballs {
    async fn fetch(&self, request: &TarballRequest) -> Result<Bytes, FetchError> {
        if self.policy.origin(&request.resolved) == Origin::Refused {
            return Err(fetch_error(&exotic(&request.resolved)));
        }
        let fetched = if let Some(path) = request.resolved.strip_prefix("file:") {
            self.registry.fetch_file(Path::new(path)).await
        } else if is_repository(&request.resolved) {
            return self.fetch_git(request).await;
        } else {
            self.fetch_tarball(request).await
        };
        fetched.map_err(|error| fetch_error(&error))
    }
}

impl Tarballs {
    /// A package from a repository: as it is there, or built before, where its own `prepare` has to and may run.
    async fn fetch_git(&self, request: &TarballRequest) -> Result<Bytes, FetchError> {
        let fetched = self.registry.fetch_git(&request.resolved).await;
        let package = fetched.map_err(|error| fetch_error(&error))?;
        let refused = build::refuse_unbuilt(&self.policy, package.manifest(), &request.resolved);
        refused.map_err(|error| fetch_error(&error))?;
        match &self.builder {
            Some(builder) if request.prepare == Prepare::Run && build::needs_build(package.manifest()) => {
                builder.build(package, request).await
            }
            _ => package.pack().await.map_err(|error| fetch_error(&error)),
        }
    }

    /// A tarball whose address is not known (`npm:`) is the one of the registry's document. One that comes without an
    /// integrity (the lockfile lost it, or never had it), with a weak one, or from a host that nobody configured is held
    /// to that in the document, before anyone gets to see it; npm takes such a tarball unseen.
    async fn fetch_tarball(&self, request: &TarballRequest) -> Result<Bytes, RegistryError> {
        let TarballRequest { name, resolved, integrity, .. } = request;
        let is_foreign = self.policy.origin(resolved) == Origin::Foreign;
        let version =
            resolved.strip_prefix("npm:").and_then(|spec| spec.rsplit_once('@')).map(|(_, version)| version);
        let dist = match (version, integrity) {
            (None, Some(integrity)) if !is_foreign && is_strong(integrity) => None,
            (None, _) => {
                // Only versions that stand in the address are worth decoding.
                let may_be = |text: &str| resolved.contains(text);
                self.dist(name, may_be, |dist| file_of(&dist.tarball) == file_of(resolved)).await?
            }
            (Some(version), _) => {
                Some(self.dist(name, |text| text == version, |_| true).await?.ok_or_else(|| {
                    let message = format!("the registry has no version {version} of {name}");
                    RegistryError::new("ETARGET", ErrorCategory::NotFound, message)
                })?)
            }
        };
        if is_foreign && dist.as_ref().is_none_or(|dist| dist.integrity.is_none()) {
            return Err(foreign(name, resolved));
        }
        let address = match (&dist, version) {
            (Some(dist), Some(_)) => dist.tarball.clone(),
            _ => resolved.clone(),
        };
        let wanted =
            utoo_registry::TarballRequest { url: address, name: name.clone(), integrity: integrity.clone() };
        let tarball = self.registry.fetch_tarball(&wanted).await?;
        match dist.and_then(|dist| dist.integrity) {
            Some(promised) if !promised.verifies(&tarball) => {
                let message = format!(
                    "the tarball of {name} is not what the registry's document promises: wanted {promised}"
                );
                Err(RegistryError::new("EINTEGRITY", ErrorCategory::Precondition, message))
            }
            _ => Ok(tarball),
        }
    }

    /// What the registry says of the tarball of the first version that fits; nothing for what it does not know.
    async fn dist(
        &self,
        name: &PackageName,
        may_be: impl Fn(&str) -> bool,
        is: impl Fn(&Dist) -> bool,
    ) -> Result<Option<Dist>, RegistryError> {
        let packument = match self.registry.execute(ManifestJob::Full { name: name.clone() }).await {
            Ok(ManifestJobDone::Full(packument)) => packument,
            Ok(_) => return Ok(None),
            Err(error) if error.category == ErrorCategory::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let candidates = packument.candidates().filter(|candidate| may_be(candidate.version_text()));
        Ok(candidates.filter_map(|candidate| candidate.manifest().dist).find(is))
    }
}

/// Whether nobody can make another tarball with the same one.
fn is_strong(integrity: &Integrity) -> bool {
    integrity.strongest().0 >= Algorithm::Sha256
}

/// A tarball from a host of which only the lockfile knows.
fn foreign(name: &PackageName, resolved: &str) -> RegistryError {
    let message = format!("no configured registry vouches for {resolved}, where the lockfile says {name} is");
    RegistryError::new("EFOREIGNSOURCE", ErrorCategory::Precondition, message).hint(FOREIGN_HINT)
}

/// What identifies a tarball among those of one name: its file, since the host may be another mirror's.
fn file_of(url: &str) -> &str {
    url.rsplit_once("/-/").map_or(url, |(_, file)| file)
}

/// The registry, but for what only a dependency asks for and is in none: nobody goes there; and for packages that must be
/// built and may not: they are refused before anything is written.
pub(in crate::commands) struct Guarded<'a> {
    pub(in crate::commands) registry: &'a UnifiedRegistry,
    pub(in crate::commands) policy: &'a Policy,
}

impl Registry for Guarded<'_> {
    fn documents(&self, name: &PackageName) -> Documents {
        self.registry.documents(name)
    }

    fn at_once(&self) -> usize {
        self.registry.at_once()
    }

    async fn execute(&self, job: ManifestJob) -> Result<ManifestJobDone, RegistryError> {
        match &job {
            ManifestJob::Source { spec } if !self.policy.permits_spec(spec) => Err(exotic(spec.raw())),
            // An address that may be a lockfile's, and its own shrinkwrap's at that.
            ManifestJob::Shrinkwrap { name, resolved, .. }
                if self.policy.origin(resolved) != Origin::Known =>
            {
                Err(foreign(name, resolved))
            }
            _ => {
                let done = self.registry.execute(job).await?;
                if let ManifestJobDone::Source(found) = &done {
                    build::refuse_unbuilt(self.policy, &found.manifest, &found.resolved)?;
                }
                Ok(done)
            }
        }
    }
}

/// [`Guarded`], but for what goes into the store at once, since it is installed sooner or later.
///
/// - Tarballs with bundled dependencies are read there. They are downloaded once, and by a later resolve not at all.
/// - So are those with a shrinkwrap, and from nowhere else: what may not be installed is not read either.
/// - Packages from repositories that must be built are built before they are placed, as npm does it: an optional one
///   whose build fails is in no tree.
pub(super) struct WithStore<'a> {
    guarded: Guarded<'a>,
    installer: &'a Installer<Tarballs>,
    /// What the resolver knows of only the first line.
    failures: Mutex<Vec<InstallError>>,
}

impl Registry for WithStore<'_> {
    fn documents(&self, name: &PackageName) -> Documents {
        self.guarded.documents(name)
    }

    fn at_once(&self) -> usize {
        self.guarded.at_once()
    }

    async fn execute(&self, job: ManifestJob) -> Result<ManifestJobDone, RegistryError> {
        match &job {
            ManifestJob::Bundle { name, resolved, integrity } => {
                let request = self.request((name, resolved, integrity.as_ref()));
                if let Some(bundled) = self.bundled(request).await {
                    return Ok(ManifestJobDone::Bundle(bundled));
                }
            }
            ManifestJob::Shrinkwrap { name, resolved, integrity } => {
                let request = self.request((name, resolved, integrity.as_ref()));
                return self.shrinkwrap(request).await.map(ManifestJobDone::Shrinkwrap);
            }
            _ => {}
        }
        // Also where the store cannot be used: the registry reads the tarball itself, or says what is wrong with it.
        let done = self.guarded.execute(job).await?;
        if let ManifestJobDone::Source(found) = &done {
            self.build(found).await?;
        }
        Ok(done)
    }
}

impl<'a> WithStore<'a> {
    pub(super) fn new(guarded: Guarded<'a>, installer: &'a Installer<Tarballs>) -> Self {
        Self { guarded, installer, failures: Mutex::default() }
    }

    pub(super) fn policy(&self) -> &'a Policy {
        self.guarded.policy
    }

    fn request(
        &self,
        (name, resolved, integrity): (&PackageName, &Arc<str>, Option<&Integrity>),
    ) -> PackageRequest {
        PackageRequest {
            name: name.clone(),
            version: "".into(),
            resolved: resolved.clone(),
            integrity: integrity.cloned(),
            prepare: self.policy().prepare(resolved),
        }
    }

    /// The resolver's error, with what a failed build or fetch has to say.
    pub(super) fn explain(&self, error: ResolveError) -> CliError {
        let short = CliError::from(error);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = failures.iter().position(|failure| failure.to_string() == short.message) else {
            return short;
        };
        let mut explained = CliError::from(failures.swap_remove(at));
        explained.required_by = short.required_by;
        explained
    }

    async fn build(&self, found: &SourceManifest) -> Result<(), RegistryError> {
        let prepare = self.policy().prepare(&found.resolved);
        if prepare != Prepare::Run || !build::needs_build(&found.manifest) {
            return Ok(());
        }
        let request = PackageRequest {
            name: found.manifest.name.clone(),
            version: found.manifest.raw_version.clone(),
            resolved: found.resolved.clone(),
            integrity: None,
            prepare,
        };
        self.installer.obtain(request).await.map(drop).map_err(|error| self.failure(error))
    }

    /// For the resolver, what it can carry; the rest is for [`WithStore::explain`].
    fn failure(&self, error: InstallError) -> RegistryError {
        let failure = RegistryError::new(error.code(), ErrorCategory::Precondition, error.to_string());
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(error);
        failure
    }

    async fn shrinkwrap(&self, request: PackageRequest) -> Result<Arc<Lockfile>, RegistryError> {
        let shown = request.label();
        let stored = self.installer.obtain(request).await.map_err(|error| self.failure(error))?;
        let Some(file) = stored.index.find(SHRINKWRAP).map(|file| file.path_in(&stored.folder)) else {
            return Ok(Arc::default());
        };
        let read = tokio::task::spawn_blocking(move || shrinkwrap_in_file(&file, &shown)).await;
        read.unwrap_or_else(|error| {
            let message = "the shrinkwrap could not be read";
            let error = error.to_string();
            Err(RegistryError::new("EINTERNAL", ErrorCategory::Local, message).caused_by(error))
        })
    }

    async fn bundled(&self, request: PackageRequest) -> Option<Arc<[Bundled]>> {
        let shown = request.label();
        let stored = self.installer.obtain(request).await.ok()?;
        let read = tokio::task::spawn_blocking(move || {
            let files = stored.index.files().map(|file| (file.path, file.path_in(&stored.folder)));
            bundled_in_files(files, &shown)
        });
        read.await.ok()?.ok()
    }
}

/// What only a dependency asks for, and is in no registry.
fn exotic(source: &str) -> RegistryError {
    let message = format!("{source} is no registry's, and only a dependency asks for it");
    RegistryError::new("EEXOTICSUBDEP", ErrorCategory::Precondition, message).hint(EXOTIC_HINT)
}

pub(super) fn fetch_error(error: &RegistryError) -> FetchError {
    let kind = match error.category {
        ErrorCategory::Transient => FetchErrorKind::Transient,
        ErrorCategory::Auth => FetchErrorKind::Auth,
        ErrorCategory::NotFound => FetchErrorKind::NotFound,
        ErrorCategory::RateLimited => FetchErrorKind::RateLimited,
        ErrorCategory::Precondition => FetchErrorKind::Precondition,
        ErrorCategory::Local => FetchErrorKind::Local,
    };
    let causes: String = error.causes.iter().map(|cause| format!(": {cause}")).collect();
    let message = format!("{error}{causes}");
    FetchError { hint: error.hint.clone(), ..FetchError::new(error.code, message, kind) }
}
