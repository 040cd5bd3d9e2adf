use std::net::SocketAddr;
use std::path::PathBuf;

use crate::fixtures::FixtureError;

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address is taken, not ours, or not allowed.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A storage directory or the access log cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    Path {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of a storage directory is not what the server wrote there.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The HTTP client towards the upstream cannot be made.
    #[error("cannot set up the client for {upstream}: {reason}")]
    Upstream {
        /// The upstream registry, without credentials.
        upstream: String,
        /// What the client said.
        reason: String,
    },
    /// The runtime's threads could not be started.
    #[error("cannot start the server's threads: {0}")]
    Runtime(std::io::Error),
    /// A fixture is not a package.
    #[error(transparent)]
    Fixture(#[from] FixtureError),
}

impl ServerError {
    /// A stable code for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "ELISTEN",
            Self::Path { .. } => "EPATH",
            Self::Damaged { .. } => "EDAMAGED",
            Self::Upstream { .. } => "EUPSTREAM",
            Self::Runtime(_) => "ERUNTIME",
            Self::Fixture(error) => error.code(),
        }
    }
}
