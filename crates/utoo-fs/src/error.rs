//! The one error of this crate: what was tried, on which path, and why the system refused.

use std::io;
use std::path::{Path, PathBuf};

use crate::PathError;

/// A failure of the file system, with the path it is about.
#[derive(Debug, thiserror::Error)]
pub enum FsError {
    /// A system call failed.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried, as a verb phrase: `write`, `open`, `link`, ….
        action: &'static str,
        /// The path that it was tried on.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A name from outside does not name anything below the root.
    #[error(transparent)]
    Path(#[from] PathError),
}

impl FsError {
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>, source: impl Into<io::Error>) -> Self {
        Self::Io { action, path: path.as_ref().to_owned(), source: source.into() }
    }

    /// A stable code: the system's own name for the error (`ENOENT`, `EACCES`, `ENOSPC`, …), as npm reports it, or
    /// `EBADPATH` for a refused name. What has no name of its own is `EIO`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { source, .. } => code_of(source),
            Self::Path(error) => error.code(),
        }
    }

    /// The path that the error is about, where it is about one path.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. } => Some(path),
            Self::Path(_) => None,
        }
    }

    /// Whether it says no more than that there is no such file or directory: nothing has the name, or a file or a link is
    /// where a directory would have to be.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
                    || is_loop(source)
            }
            Self::Path(_) => false,
        }
    }

    /// The kind of the system's answer.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io { source, .. } => source.kind(),
            Self::Path(_) => io::ErrorKind::InvalidInput,
        }
    }
}

/// The system's own name for an error (`ENOENT`, `EACCES`, `ENOSPC`, …); `EIO` for what has none of its own.
// By `ErrorKind` where there is one (it is the same on every system), else by number.
pub fn code_of(error: &io::Error) -> &'static str {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound => "ENOENT",
        Kind::Interrupted => "EINTR",
        Kind::AlreadyExists => "EEXIST",
        Kind::PermissionDenied => permission_code(error),
        Kind::NotADirectory => "ENOTDIR",
        Kind::IsADirectory => "EISDIR",
        Kind::DirectoryNotEmpty => "ENOTEMPTY",
        Kind::ReadOnlyFilesystem => "EROFS",
        Kind::StorageFull => "ENOSPC",
        Kind::QuotaExceeded => "EDQUOT",
        Kind::FileTooLarge => "EFBIG",
        Kind::CrossesDevices => "EXDEV",
        Kind::TooManyLinks => "EMLINK",
        Kind::ResourceBusy => "EBUSY",
        Kind::InvalidFilename => "ENAMETOOLONG",
        Kind::InvalidInput => "EINVAL",
        Kind::Unsupported => "ENOTSUP",
        _ => numbered_code(error),
    }
}

/// What `O_NOFOLLOW` makes of a link.
#[cfg(unix)]
fn is_loop(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP)
}

#[cfg(not(unix))]
fn is_loop(_: &io::Error) -> bool {
    false
}

#[cfg(unix)]
fn permission_code(error: &io::Error) -> &'static str {
    match rustix::io::Errno::from_io_error(error) {
        Some(rustix::io::Errno::PERM) => "EPERM",
        _ => "EACCES",
    }
}

#[cfg(not(unix))]
fn permission_code(_: &io::Error) -> &'static str {
    "EACCES"
}

#[cfg(unix)]
fn numbered_code(error: &io::Error) -> &'static str {
    use rustix::io::Errno;
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => "EMFILE",
        Some(Errno::NFILE) => "ENFILE",
        Some(Errno::LOOP) => "ELOOP",
        Some(Errno::NOMEM) => "ENOMEM",
        Some(Errno::STALE) => "ESTALE",
        _ => "EIO",
    }
}

#[cfg(not(unix))]
fn numbered_code(_: &io::Error) -> &'static str {
    "EIO"
}
