//! Where tarballs come from: a trait that the consumer, this crate, owns.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use utoo_types::{Integrity, PackageName};

use crate::policy::Prepare;

/// A package that the tree wants: enough to fetch, verify and store it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRequest {
    /// The name under which its registry knows it (the aliased package's, for an alias).
    pub name: PackageName,
    /// The version, for messages; empty where it is not known.
    pub version: Arc<str>,
    /// What the lockfile has as `resolved`: a URL, `file:…`, or `git+ssh://…#<commit>`. Where it has none
    /// (`omit-lockfile-registry-resolved`): `npm:<name>@<version>`, the registry's package of that name and version.
    pub resolved: Arc<str>,
    /// What the bytes must be; `None` for sources that promise nothing.
    pub integrity: Option<Integrity>,
    /// [`crate::Policy::prepare`] of `resolved`: a commit has other contents for each of them, in the store too.
    pub prepare: Prepare,
}

impl PackageRequest {
    /// `name@version`, for messages; the name alone where no version is known.
    pub fn label(&self) -> String {
        match &*self.version {
            "" => self.name.to_string(),
            version => format!("{}@{version}", self.name),
        }
    }
}

/// One tarball to get.
#[derive(Debug, Clone)]
pub struct TarballRequest {
    /// Whose tarball it is: credentials and messages go by it.
    pub name: PackageName,
    /// Where it is, as in [`PackageRequest::resolved`].
    pub resolved: Arc<str>,
    /// What is expected; for sources that keep tarballs by content. The installer verifies, not the source.
    pub integrity: Option<Integrity>,
    /// Whether it is to be built before it is packed.
    pub prepare: Prepare,
}

/// A source of tarballs: the registry's HTTP client, a folder of files, a map in a test.
pub trait TarballSource: Send + Sync + 'static {
    /// Gives the whole compressed tarball. Retries, credentials, redirects and time-outs are the source's business, as
    /// is packing what is no tarball (git, folders), and building what must be built before.
    ///
    /// # Errors
    ///
    /// [`FetchError`], after the source has given up.
    fn fetch(&self, request: &TarballRequest) -> impl Future<Output = Result<Bytes, FetchError>> + Send;
}

/// Why a tarball could not be had. Its text must hold no credentials.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct FetchError {
    /// npm's code: `E404`, `ETIMEDOUT`, `ENOTCACHED`, ….
    pub code: &'static str,
    /// One line, with the redacted URL.
    pub message: String,
    /// Whether asking again might help; decides the exit code.
    pub kind: FetchErrorKind,
    /// What the user can do about it, if the source knows.
    pub hint: Option<String>,
    /// The end of what a build wrote, both streams; else empty.
    pub output: String,
}

impl FetchError {
    /// One without a hint, and that no build has anything to say of.
    pub fn new(code: &'static str, message: impl Into<String>, kind: FetchErrorKind) -> Self {
        Self { code, message: message.into(), kind, hint: None, output: String::new() }
    }
}

/// The kinds of [`FetchError`] that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FetchErrorKind {
    /// The network, or a server in trouble.
    Transient,
    /// Nobody there has it.
    NotFound,
    /// Not allowed to have it.
    Auth,
    /// Too many requests.
    RateLimited,
    /// Something on this machine: a file that cannot be read, a missing git.
    Local,
    /// It had to be built, and that failed.
    Build {
        /// What a parent process would exit with.
        exit_code: i32,
    },
    /// What was asked for or what came is refused: offline mode, an address that cannot be asked, wrong bytes.
    Precondition,
}
