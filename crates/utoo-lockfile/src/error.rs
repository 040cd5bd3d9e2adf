//! The one error of this crate.

use crate::LocationError;

/// Why a text is no lockfile. Line and column start at 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockfileError {
    /// Not JSON, or a lockfile's field holds what it cannot hold.
    #[error("{path}:{line}:{column}: {message}")]
    Syntax {
        /// The file, as the caller named it.
        path: String,
        /// The line of the error.
        line: usize,
        /// The column of the error, in bytes.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// A key of `packages` that names no place in a project.
    #[error("{path}: {error}")]
    Location {
        /// The file, as the caller named it.
        path: String,
        /// The key and the rule it breaks.
        error: LocationError,
    },
}

impl LockfileError {
    /// A stable code: `EJSONPARSE` (npm's), `EBADLOCATION`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "EJSONPARSE",
            Self::Location { .. } => "EBADLOCATION",
        }
    }
}
