//! What the resolver asks for, and the trait of whoever answers.
//!
//! The resolver owns this trait; `utoo-registry` implements it over HTTP and disk, tests and embedders over a
//! map. A job is a value: two jobs that are equal are the same question, and the main loop asks it once.

use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use utoo_lockfile::Lockfile;
use utoo_types::{Integrity, Manifest, PackageName, Packument, Spec};

/// One question to a registry. Equality is identity: it is the key under which the main loop de-duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestJob {
    /// The whole packument of a name.
    Full {
        /// The name as the registry knows it (never an alias).
        name: PackageName,
    },
    /// One version of a name, chosen by the registry, for registries that answer `GET /name/range-or-tag`.
    Version {
        /// The name as the registry knows it.
        name: PackageName,
        /// An exact version, a range or a dist-tag.
        spec: Arc<str>,
    },
    /// What a tarball brings along in its own `node_modules`: bundled dependencies.
    Bundle {
        /// The package, for messages.
        name: PackageName,
        /// The tarball's URL.
        resolved: Arc<str>,
        /// What its bytes must be.
        integrity: Option<Integrity>,
    },
    /// The npm-shrinkwrap.json in a tarball, which says what goes below the package.
    Shrinkwrap {
        /// The package, for messages.
        name: PackageName,
        /// The tarball's URL, or `npm:<name>@<version>` for that version of the registry's, wherever its tarball is.
        resolved: Arc<str>,
        /// What its bytes must be.
        integrity: Option<Integrity>,
    },
    /// A package that does not come from a registry: git, remote tarball, folder, `file:` tarball.
    Source {
        /// The parsed spec; its kind says which source it is.
        spec: Arc<Spec>,
    },
}

impl Hash for ManifestJob {
    /// Agrees with equality: equal specs have equal texts.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Full { name } => (0_u8, name).hash(state),
            Self::Version { name, spec } => (1_u8, name, spec).hash(state),
            Self::Bundle { name, resolved, .. } => (3_u8, name, resolved).hash(state),
            Self::Shrinkwrap { name, resolved, .. } => (4_u8, name, resolved).hash(state),
            Self::Source { spec } => (2_u8, spec.name(), spec.raw(), spec.fetch_spec()).hash(state),
        }
    }
}

/// The answer to a [`ManifestJob`], always complete: a revalidated answer carries its body too.
#[derive(Clone, Debug)]
pub enum ManifestJobDone {
    /// Answer to [`ManifestJob::Full`].
    Full(Packument),
    /// Answer to [`ManifestJob::Version`].
    Version(Arc<Manifest>),
    /// Answer to [`ManifestJob::Source`].
    Source(SourceManifest),
    /// Answer to [`ManifestJob::Bundle`].
    Bundle(Arc<[Bundled]>),
    /// Answer to [`ManifestJob::Shrinkwrap`]; an empty one where the tarball has none after all, or one that cannot be
    /// read. All of its locations are held to [`utoo_lockfile::validate_location`].
    Shrinkwrap(Arc<Lockfile>),
}

/// One package inside another's tarball.
#[derive(Clone, Debug)]
pub struct Bundled {
    /// Its folder relative to the package that brings it: `node_modules/a`, `node_modules/a/node_modules/b`.
    pub location: Arc<str>,
    /// Its package.json, normalised.
    pub manifest: Arc<Manifest>,
}

/// A manifest that was read from a source that is no registry, with what the lockfile has to remember of it.
#[derive(Clone, Debug)]
pub struct SourceManifest {
    /// The package's own package.json, normalised.
    pub manifest: Arc<Manifest>,
    /// What goes into `resolved`: `git+ssh://…#<commit>`, the tarball's URL, or a `file:` path.
    pub resolved: Arc<str>,
    /// Present for tarballs; npm records none for git and folders.
    pub integrity: Option<Integrity>,
}

/// What a registry can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Documents {
    /// Whole packuments; the version is picked here.
    Full,
    /// One version by range or tag; the registry picks.
    ByVersion,
}

/// Answers manifest jobs. Implementations keep no state between two jobs that a caller could notice.
pub trait Registry: Send + Sync {
    /// Which kind of job the registry behind `name` answers best. Must be cheap and constant during a resolve.
    fn documents(&self, name: &PackageName) -> Documents;

    /// How many jobs it works on at a time, and a few more; others would only wait there, and later ones behind them. May
    /// change during a resolve.
    fn at_once(&self) -> usize {
        usize::MAX
    }

    /// Answers one job. May be called concurrently, and at once for many jobs; dropping the future cancels it.
    fn execute(
        &self,
        job: ManifestJob,
    ) -> impl Future<Output = Result<ManifestJobDone, RegistryError>> + Send;
}

/// Which exit code and which advice an error leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCategory {
    /// May work when tried again: network trouble, 5xx.
    Transient,
    /// Credentials are missing, wrong or not sufficient.
    Auth,
    /// The package, version or file does not exist.
    NotFound,
    /// The registry asked to slow down and went on asking.
    RateLimited,
    /// The answer or the request is malformed, or something must be changed first.
    Precondition,
    /// This machine: disk, permissions, a missing tool.
    Local,
}

/// Why a job failed. Cloned to every waiter, so it holds text, not sources.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct RegistryError {
    /// Stable code, npm's where npm has one: `E404`, `E401`, `ETARGET`, `ETIMEDOUT`, `ENOTCACHED`…
    pub code: &'static str,
    /// Category, for exit codes.
    pub category: ErrorCategory,
    /// What failed, in one line, without secrets.
    pub message: String,
    /// The URL that was asked, credentials removed.
    pub url: Option<String>,
    /// The chain of causes, outermost first, without secrets.
    pub causes: Vec<String>,
    /// What the user can do about it, if the place of the error knows.
    pub hint: Option<String>,
}

impl RegistryError {
    /// An error of this code and category.
    #[must_use]
    pub fn new(code: &'static str, category: ErrorCategory, message: impl Into<String>) -> Self {
        Self { code, category, message: message.into(), url: None, causes: Vec::new(), hint: None }
    }

    /// The same with the URL that was asked; the caller has removed credentials from it.
    #[must_use]
    pub fn at(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// The same with one more cause below.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.url {
            Some(url) if !self.message.contains(url.as_str()) => write!(f, " ({url})"),
            _ => Ok(()),
        }
    }
}
