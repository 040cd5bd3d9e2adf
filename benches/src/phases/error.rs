use std::path::{Path, PathBuf};

/// Why there is no benchmark.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file or folder.
    #[error("{}: {source}", path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program that could not be started, or whose answer makes no sense.
    #[error("{program}: {reason}")]
    Program {
        /// Its path or name.
        program: String,
        /// Why.
        reason: String,
    },
    /// The registry that is recorded or served.
    #[error("the benchmark's registry: {0}")]
    Server(#[from] utoo_server::ServerError),
    /// A word on the command line that names nothing.
    #[error("there is no {what} {name:?}; there are: {known}")]
    Unknown {
        /// What was to be named.
        what: &'static str,
        /// The word.
        name: String,
        /// What could have been said.
        known: String,
    },
    /// A URL that is none.
    #[error("{url:?} is no URL of a registry")]
    Url {
        /// The text.
        url: String,
    },
}

impl BenchError {
    /// For `map_err`: the error of this path.
    pub(crate) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Path { path, source }
    }

    pub(crate) fn program(program: impl Into<String>, reason: &dyn std::fmt::Display) -> Self {
        Self::Program { program: program.into(), reason: reason.to_string() }
    }
}
