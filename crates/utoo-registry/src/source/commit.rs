//! A package at a commit that was fetched: packed as it is, or checked out, for whoever builds it, and packed then.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;
use utoo_resolver::{ErrorCategory, RegistryError};
use utoo_types::Manifest;

use super::folder::pack_folder;
use super::git::Commit;
use super::pack::pack_archive;
use crate::decode::off_runtime;
use crate::registry::UnifiedRegistry;

/// Attributes of a repository that would change what is archived.
const NO_EXPORT: &str = "* -export-ignore -export-subst\n";
/// What the user's own configuration adds to a checkout (filters, other hooks) is not the package's.
const NO_CONFIGURATION: [(&str, &str); 2] =
    [("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")];

/// A commit of a git repository, fetched into a temporary folder that goes with this value.
#[derive(Debug)]
pub struct GitPackage {
    pub(super) registry: UnifiedRegistry,
    /// The temporary folder.
    pub(super) folder: TempDir,
    pub(super) commit: Commit,
    pub(super) manifest: Arc<Manifest>,
    /// Where it comes from, without credentials.
    pub(super) shown: String,
}

impl GitPackage {
    /// Its package.json, as the commit has it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The files of the commit as a tarball (not compressed, below `package/`). It holds what `npm pack` would take:
    /// `files`, `.npmignore` and `.gitignore` count, and a repository's `.gitattributes` do not.
    ///
    /// # Errors
    /// `EIO` where it cannot be packed; what git complains of.
    pub async fn pack(&self) -> Result<Bytes, RegistryError> {
        let repository = repository(&self.folder);
        let arguments = ["archive", "--format=tar", "--prefix=package/", self.commit.as_str()];
        // npm packs a clone, in which nothing is left out of an archive.
        let unreadable = |error: String| {
            let message = format!("{} cannot be packed", self.shown);
            RegistryError::new("EIO", ErrorCategory::Local, message).caused_by(error)
        };
        utoo_fs::write_atomic(repository.join("info/attributes"), NO_EXPORT)
            .map_err(|error| unreadable(error.to_string()))?;
        let output = self.registry.run_git(&repository, &arguments, &self.shown).await;
        let output = output.map_err(|failure| *failure.error)?;
        let packed = off_runtime(move || pack_archive(&output.stdout)).await?;
        packed.map(Bytes::from).map_err(|error| unreadable(error.to_string()))
    }

    /// Makes a clone of it with the commit's files, for a build. No hook runs, no filter, and no watcher of files.
    ///
    /// # Errors
    /// What git complains of.
    pub async fn check_out(self) -> Result<Checkout, RegistryError> {
        let (repository, work_tree) = (repository(&self.folder), self.folder.path().to_string_lossy());
        let work_tree = format!("--work-tree={work_tree}");
        let made_bare = ["config", "core.bare", "false"];
        let checkout =
            [work_tree.as_str(), "checkout", "--quiet", "--force", "--detach", self.commit.as_str()];
        for arguments in [&made_bare[..], &checkout] {
            let run = self.registry.run_git_with(&repository, arguments, &self.shown, &NO_CONFIGURATION);
            run.await.map_err(|failure| *failure.error)?;
        }
        Ok(Checkout { folder: self.folder, limit: self.registry.inner.options.limits.inflated })
    }
}

/// A clone to build a package in. It goes with this value.
#[derive(Debug)]
pub struct Checkout {
    folder: TempDir,
    limit: u64,
}

impl Checkout {
    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What `npm pack` would take of the folder as it is now: a tarball, not compressed, below `package/`. The clone is
    /// removed.
    ///
    /// # Errors
    /// Where a file cannot be read, package.json is none any more, or there is more than the limits allow (`ETOOLARGE`).
    pub async fn pack(self) -> Result<Bytes, RegistryError> {
        off_runtime(move || pack_folder(self.folder.path(), self.limit).map(Bytes::from)).await?
    }
}

/// Where the repository of a clone is.
pub(super) fn repository(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join(".git")
}
