//! What can be wrong with a configuration, and where it stands.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A command-line flag; the text is what a user types, `--key`.
    Flag(String),
    /// An environment variable, by its name as it was spelled.
    Environment(String),
    /// A line of a file, counted from 1.
    File {
        /// The file.
        path: Arc<PathBuf>,
        /// Line of the key, from 1.
        line: u32,
    },
    /// utoo's own default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Why the configuration cannot be used. No variant carries a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A key that utoo knows has a value that it cannot have.
    #[error("{origin}: {key} = {value}: expected {expected}")]
    InvalidValue {
        /// Where it was written.
        origin: Origin,
        /// The key as npm spells it.
        key: String,
        /// The value as it was written, or a placeholder where it may be a secret.
        value: String,
        /// The values that are allowed, in words.
        expected: String,
    },
    /// A credential without a registry; npm 11 refuses these in files, for they would be sent anywhere.
    #[error("{origin}: `{key}` names no registry; write it as `{suggestion}`")]
    UnscopedCredential {
        /// Where it was written.
        origin: Origin,
        /// `_auth`, `_authToken`, `username`, `_password`.
        key: String,
        /// The key under which it would be accepted.
        suggestion: String,
    },
    /// A project's file would send a value of the environment to a host that only that file names.
    #[error("{origin}: {key} would send ${{{variable}}} to a host that only this file names")]
    UntrustedExpansion {
        /// Where it was written.
        origin: Origin,
        /// The key.
        key: String,
        /// Name of the variable; its value is not shown.
        variable: String,
    },
    /// A file that a layer names cannot be read. A file that is not there is no error.
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The current directory, home or another path that must be absolute is not.
    #[error("{}: is not an absolute path", path.display())]
    NotAbsolute {
        /// The path.
        path: PathBuf,
    },
}

impl ConfigError {
    /// Stable code; npm's where npm has one.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidValue { .. } => "EINVALIDCONFIG",
            Self::UnscopedCredential { .. } => "ERR_INVALID_AUTH",
            Self::UntrustedExpansion { .. } => "EUNTRUSTEDENV",
            Self::Unreadable { .. } => "ECONFIGREAD",
            Self::NotAbsolute { .. } => "ENOTABSOLUTE",
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UntrustedExpansion { .. } => Some(
                "name the registry in your own ~/.npmrc or environment, or list its host there in trusted-registries"
                    .to_owned(),
            ),
            Self::UnscopedCredential { .. } => {
                Some("a credential belongs to the registry it is written for".to_owned())
            }
            _ => None,
        }
    }
}

/// Something that was left out or may surprise, but does not stop a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where it stands.
    pub origin: Origin,
    /// One sentence, without secrets.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}
