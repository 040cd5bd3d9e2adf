//! The libraries' errors, as a user reads them.

use utoo_config::ConfigError;
use utoo_fs::FsError;
use utoo_installer::{FetchErrorKind, InstallError};
use utoo_lockfile::LockfileError;
use utoo_resolver::{Dependent, ErrorCategory, RegistryError, ResolveError};
use utoo_types::{PackageJsonError, SpecError};

use super::{Category, CliError};

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let category = match &error {
            ConfigError::Unreadable { .. } => Category::Local,
            _ => Category::Usage,
        };
        let mut failure = Self::new(category, error.code(), error.to_string()).because_of(&error);
        failure.hint = error.hint().map(Into::into);
        failure
    }
}

impl From<PackageJsonError> for CliError {
    fn from(error: PackageJsonError) -> Self {
        Self::new(Category::Precondition, error.code(), error.to_string())
            .detail("path", error.path.to_string_lossy().into_owned())
            .detail("line", error.line)
            .detail("column", error.column)
    }
}

impl From<LockfileError> for CliError {
    fn from(error: LockfileError) -> Self {
        Self::new(Category::Precondition, error.code(), error.to_string()).because_of(&error)
    }
}

impl From<SpecError> for CliError {
    fn from(error: SpecError) -> Self {
        Self::new(Category::Usage, error.code(), error.to_string()).because_of(&error)
    }
}

impl From<FsError> for CliError {
    fn from(error: FsError) -> Self {
        let failure = Self::new(Category::Local, error.code(), error.to_string()).because_of(&error);
        match error.path() {
            Some(path) => failure.detail("path", path.to_string_lossy().into_owned()),
            None => failure,
        }
    }
}

impl From<ErrorCategory> for Category {
    fn from(category: ErrorCategory) -> Self {
        match category {
            ErrorCategory::Transient => Self::Transient,
            ErrorCategory::Auth => Self::Auth,
            ErrorCategory::NotFound => Self::NotFound,
            ErrorCategory::RateLimited => Self::RateLimited,
            ErrorCategory::Precondition => Self::Precondition,
            ErrorCategory::Local => Self::Local,
        }
    }
}

impl From<RegistryError> for CliError {
    fn from(error: RegistryError) -> Self {
        let mut failure = Self::new(error.category.into(), error.code, error.to_string());
        if let Some(url) = &error.url {
            failure = failure.detail("url", url.clone());
        }
        failure.causes = error.causes;
        failure.hint = error.hint.map(Into::into);
        failure
    }
}

impl From<ResolveError> for CliError {
    fn from(error: ResolveError) -> Self {
        let required_by = error.chain().iter().map(dependent).collect();
        let (category, code) = (error.category().into(), error.code());
        let mut failure = match error {
            ResolveError::Manifest { error, .. } => Self::from(*error),
            error @ ResolveError::OverrideConflict { .. } => Self::new(category, code, error.to_string())
                .hint(
                    "change one of the two in package.json; as \"$name\" the override follows the dependency",
                ),
            other => Self::new(category, code, other.to_string()),
        };
        failure.required_by = required_by;
        failure
    }
}

/// `right@1.0.0 (left@^2.0.0)`: who, and what it asks for.
fn dependent(dependent: &Dependent) -> String {
    let version = dependent.version.as_ref().map(|version| format!("@{version}")).unwrap_or_default();
    let who = match (dependent.name.as_str(), dependent.location.as_str()) {
        ("", "") => "the project".to_owned(),
        (name, _) => format!("{name}{version}"),
    };
    format!("{who} ({} {})", dependent.kind, dependent.spec)
}

/// A location of the lockfile, as a person calls it.
fn place(location: &str) -> String {
    if location.is_empty() { "the project".to_owned() } else { location.to_owned() }
}

impl From<InstallError> for CliError {
    fn from(error: InstallError) -> Self {
        let category = match &error {
            InstallError::Fetch { source, .. } => match source.kind {
                FetchErrorKind::Transient => Category::Transient,
                FetchErrorKind::NotFound => Category::NotFound,
                FetchErrorKind::Auth => Category::Auth,
                FetchErrorKind::RateLimited => Category::RateLimited,
                FetchErrorKind::Local => Category::Local,
                FetchErrorKind::Precondition => Category::Precondition,
                FetchErrorKind::Build { exit_code } => crate::script::script_failed(exit_code),
            },
            InstallError::Script { exit_code, .. } => crate::script::script_failed(*exit_code),
            InstallError::Interrupted { signal } => crate::script::script_failed(128 + signal),
            InstallError::Fs(_) | InstallError::Io { .. } | InstallError::Cancelled { .. } => Category::Local,
            _ => Category::Precondition,
        };
        let failure = Self::new(category, error.code(), error.to_string()).because_of(&error);
        match &error {
            InstallError::Integrity { package, resolved, wanted, actual } => failure
                .hint("the registry, a proxy or a cache between changed the tarball; do not use it unchecked")
                .detail("package", package.clone())
                .detail("resolved", resolved.to_string())
                .detail("wanted", wanted.clone())
                .detail("actual", actual.clone()),
            InstallError::Script { output, .. } if !output.is_empty() => {
                failure.detail("output", output.clone())
            }
            InstallError::Fetch { source, .. } => {
                let mut failure = failure;
                failure.hint = source.hint.clone().map(Into::into);
                match source.output.is_empty() {
                    true => failure,
                    false => failure.detail("output", source.output.clone()),
                }
            }
            InstallError::UnreviewedScripts { packages } => failure
                .hint("`utoo approve-scripts` or `utoo deny-scripts` each of them; both know --all")
                .detail("packages", packages.clone()),
            InstallError::ExoticSubdep { location, resolved, required_by, .. } => {
                let mut failure = failure
                    .hint(super::EXOTIC_HINT)
                    .detail("location", location.to_string())
                    .detail("resolved", resolved.to_string());
                failure.required_by = required_by.iter().map(|at| place(at)).collect();
                failure
            }
            InstallError::Io { path, .. } => failure.detail("path", path.to_string_lossy().into_owned()),
            _ => failure,
        }
    }
}
