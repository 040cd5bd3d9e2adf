//! The one error of this crate: which package, which file, and why.

use std::path::PathBuf;
use std::sync::Arc;

use utoo_fs::{FsError, PathError};
use utoo_types::{EngineMismatch, PlatformMismatch};

use crate::FetchError;

/// What this crate's functions return.
pub type Result<T, E = InstallError> = std::result::Result<T, E>;

/// Why an install failed. Cheap to clone: one failed download may have several waiters.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InstallError {
    /// The tarball could not be had.
    #[error("could not fetch {package}")]
    Fetch {
        /// `name@version`.
        package: String,
        /// What the source of tarballs said.
        #[source]
        source: FetchError,
    },
    /// The bytes are not the ones that the lockfile (or the registry) promised.
    #[error("the tarball of {package} is not what was expected: wanted {wanted}, got {actual}")]
    Integrity {
        /// `name@version`.
        package: String,
        /// Where the bytes came from.
        resolved: Arc<str>,
        /// The integrity that was asked for.
        wanted: String,
        /// The integrity of the bytes, by the algorithm that decided.
        actual: String,
    },
    /// The tarball is not one, is cut short, or grows beyond the bound.
    #[error("the tarball of {package} cannot be unpacked: {problem}")]
    Tarball {
        /// `name@version`.
        package: String,
        /// What is wrong with it.
        problem: TarballProblem,
    },
    /// A name in a lockfile that does not name a place inside the project's `node_modules` folders.
    #[error("the lockfile's entry {location:?} is refused: {reason}")]
    Location {
        /// The key under `packages`.
        location: Arc<str>,
        /// The rule that it breaks.
        reason: String,
    },
    /// A package that cannot run here, and that is not optional.
    #[error("{package} does not run on this platform: {mismatch}")]
    Platform {
        /// `name@version`.
        package: String,
        /// Wanted and actual.
        mismatch: PlatformMismatch,
    },
    /// A package that this node or npm is not for, where that is forbidden (`--engine-strict`), and that is not optional.
    #[error("{package} does not run on this engine: {mismatch}")]
    Engine {
        /// `name@version`.
        package: String,
        /// Wanted and actual.
        mismatch: EngineMismatch,
    },
    /// The file system refused.
    #[error(transparent)]
    Fs(Arc<FsError>),
    /// A system call of this crate's own failed.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// The path that it was tried on.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// A lifecycle script ended with a failure.
    #[error("the script {event:?} of {package} failed ({outcome}): {command}")]
    Script {
        /// The name of the package, or the folder where it has none.
        package: String,
        /// `postinstall` and its like.
        event: String,
        /// The command line.
        command: String,
        /// `exit code 3` or `signal 9`.
        outcome: String,
        /// What a parent process would exit with.
        exit_code: i32,
        /// The end of what it wrote, both streams, where it was captured.
        output: String,
    },
    /// `strict-allow-scripts`, and packages whose install scripts nobody has reviewed.
    #[error("{} have install scripts that allowScripts says nothing of", packages.join(", "))]
    UnreviewedScripts {
        /// `name@version` of each.
        packages: Vec<String>,
    },
    /// A package from a repository, URL, file or folder that only another dependency asks for.
    #[error("{package} comes from {resolved}, which a dependency asks for and not the project")]
    ExoticSubdep {
        /// The key under `packages`.
        location: Arc<str>,
        /// `name@version`.
        package: String,
        /// Where it would come from.
        resolved: Arc<str>,
        /// Locations of those that depend on it.
        required_by: Vec<Arc<str>>,
    },
    /// A signal that ends the process came while scripts were running; they were killed.
    #[error("interrupted by signal {signal} while scripts were running")]
    Interrupted {
        /// Its number.
        signal: i32,
    },
    /// The task that did the work is gone: the runtime is shutting down.
    #[error("the install was cancelled while {package} was on its way")]
    Cancelled {
        /// `name@version`.
        package: String,
    },
}

impl InstallError {
    /// A stable code: npm's where npm has one.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fetch { source, .. } => source.code,
            Self::Integrity { .. } => "EINTEGRITY",
            Self::Tarball { problem, .. } => problem.code(),
            Self::Location { .. } => "EBADLOCATION",
            Self::Platform { .. } => "EBADPLATFORM",
            Self::Engine { .. } => "EBADENGINE",
            Self::Fs(error) => error.code(),
            Self::Io { source, .. } => utoo_fs::code_of(source),
            Self::Script { .. } => "ELIFECYCLE",
            Self::UnreviewedScripts { .. } => "ESTRICTALLOWSCRIPTS",
            Self::ExoticSubdep { .. } => "EEXOTICSUBDEP",
            Self::Interrupted { .. } => "EINTR",
            Self::Cancelled { .. } => "ECANCELED",
        }
    }

    /// Whether it is the package that cannot be had, and not this machine that fails: an install can do without an optional
    /// one.
    pub(crate) fn is_of_package(&self) -> bool {
        matches!(self, Self::Fetch { .. } | Self::Integrity { .. } | Self::Tarball { .. })
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.into(), source: Arc::new(source) }
    }
}

impl From<FsError> for InstallError {
    fn from(error: FsError) -> Self {
        Self::Fs(Arc::new(error))
    }
}

/// What can be wrong with a tarball.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TarballProblem {
    /// The gzip stream is damaged or cut short.
    #[error("its compression is damaged ({0})")]
    Compression(String),
    /// It inflates beyond `max(512 MiB, 20 x compressed)`.
    #[error("it inflates to more than {limit} bytes, which is more than any package needs")]
    Bomb {
        /// The bound, in bytes.
        limit: u64,
    },
    /// No tar archive at all.
    #[error("it is not a tar archive")]
    NotTar,
    /// The archive ends inside an entry.
    #[error("it is cut short inside {0:?}")]
    Truncated(String),
    /// A pax record on which readers disagree: a size that is not digits or hides another header, no path, a type.
    #[error("its extended header says {0:?}, which no program writes")]
    Pax(String),
    /// More files than [`crate::MAX_FILES`].
    #[error("it holds more than {limit} files")]
    TooManyFiles {
        /// The bound.
        limit: usize,
    },
    /// An entry whose name leads out of the package.
    #[error(transparent)]
    Path(#[from] PathError),
}

impl TarballProblem {
    /// A stable code. `TAR_BAD_ARCHIVE` is npm's.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Compression(_) | Self::NotTar | Self::Truncated(_) | Self::Pax(_) => "TAR_BAD_ARCHIVE",
            Self::Bomb { .. } | Self::TooManyFiles { .. } => "ETARBALLSIZE",
            Self::Path(error) => error.code(),
        }
    }
}
