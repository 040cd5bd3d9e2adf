//! The registry as the installer's source of tarballs.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use utoo_installer::{FetchError, FetchErrorKind, TarballRequest, TarballSource};
use utoo_registry::UnifiedRegistry;
use utoo_resolver::{ErrorCategory, RegistryError};

/// Tarballs from wherever `resolved` says.
pub(super) struct Tarballs {
    registry: UnifiedRegistry,
    /// What `file:` is relative to.
    root: PathBuf,
}

impl Tarballs {
    pub(super) fn new(registry: UnifiedRegistry, root: &Path) -> Self {
        Self { registry, root: root.to_owned() }
    }
}

impl TarballSource for Tarballs {
    async fn fetch(&self, request: &TarballRequest) -> Result<Bytes, FetchError> {
        if let Some(path) = request.resolved.strip_prefix("file:") {
            let path = self.root.join(path);
            let read =
                tokio::task::spawn_blocking(move || std::fs::read(&path).map_err(|error| (path, error)));
            return match read.await {
                Ok(Ok(bytes)) => Ok(bytes.into()),
                Ok(Err((path, error))) => Err(local(format!("cannot read {}: {error}", path.display()))),
                Err(_) => Err(local(format!("reading {} was cancelled", request.resolved))),
            };
        }
        let fetched = if request.resolved.starts_with("git") {
            self.registry.fetch_git(&request.resolved).await
        } else {
            let wanted = utoo_registry::TarballRequest {
                url: request.resolved.clone(),
                name: request.name.clone(),
                integrity: request.integrity.clone(),
            };
            self.registry.fetch_tarball(&wanted).await
        };
        fetched.map_err(fetch_error)
    }
}

fn local(message: String) -> FetchError {
    FetchError { code: "ENOENT", message, kind: FetchErrorKind::Local }
}

fn fetch_error(error: RegistryError) -> FetchError {
    let kind = match error.category {
        ErrorCategory::Transient => FetchErrorKind::Transient,
        ErrorCategory::Auth => FetchErrorKind::Auth,
        ErrorCategory::NotFound => FetchErrorKind::NotFound,
        ErrorCategory::RateLimited => FetchErrorKind::RateLimited,
        ErrorCategory::Precondition | ErrorCategory::Local => FetchErrorKind::Local,
    };
    let causes: String = error.causes.iter().map(|cause| format!(": {cause}")).collect();
    FetchError { code: error.code, message: format!("{error}{causes}"), kind }
}
