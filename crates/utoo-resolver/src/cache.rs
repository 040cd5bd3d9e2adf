//! What is known of the registries so far: answers and failures by job.
//!
//! Owned by the main loop alone. An entry never changes once it is there, and nothing is evicted: a resolve is
//! short, and its answers are bounded by its graph.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use utoo_lockfile::Lockfile;
use utoo_types::{Manifest, PackageName, Packument};

use crate::registry::{Bundled, ManifestJob, ManifestJobDone, RegistryError, SourceManifest};

/// The manifest cache of one resolve.
#[derive(Debug, Default)]
pub struct ManifestCache {
    full: FxHashMap<PackageName, Result<Packument, Arc<RegistryError>>>,
    other: FxHashMap<ManifestJob, Result<ManifestJobDone, Arc<RegistryError>>>,
}

impl ManifestCache {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps an answer or a failure. An answer of another kind than was asked for is kept as a failure.
    pub fn insert(&mut self, job: ManifestJob, done: Result<ManifestJobDone, RegistryError>) {
        let done = done.map_err(Arc::new);
        match (job, done) {
            (ManifestJob::Full { name }, Ok(ManifestJobDone::Full(packument))) => {
                self.full.insert(name, Ok(packument));
            }
            (ManifestJob::Full { name }, Err(error)) => {
                self.full.insert(name, Err(error));
            }
            (job, done) => {
                self.other.insert(job, done);
            }
        }
    }

    /// Adds a packument without a job, for callers that have all of them already.
    pub fn add_packument(&mut self, packument: Packument) {
        self.full.insert(packument.name().clone(), Ok(packument));
    }

    /// Whether this question has an answer, be it a failure; a packument answers for all of its versions.
    #[must_use]
    pub fn answers(&self, job: &ManifestJob) -> bool {
        match job {
            ManifestJob::Full { name } => self.full.contains_key(name),
            ManifestJob::Version { name, .. } => self.full.contains_key(name) || self.other.contains_key(job),
            ManifestJob::Source { .. } | ManifestJob::Bundle { .. } | ManifestJob::Shrinkwrap { .. } => {
                self.other.contains_key(job)
            }
        }
    }

    pub(crate) fn packument(&self, name: &PackageName) -> Option<&Result<Packument, Arc<RegistryError>>> {
        self.full.get(name)
    }

    pub(crate) fn version(&self, job: &ManifestJob) -> Option<Result<&Arc<Manifest>, Arc<RegistryError>>> {
        match self.other.get(job)? {
            Ok(ManifestJobDone::Version(manifest)) => Some(Ok(manifest)),
            Ok(_) => Some(Err(wrong_kind(job))),
            Err(error) => Some(Err(Arc::clone(error))),
        }
    }

    pub(crate) fn source(&self, job: &ManifestJob) -> Option<Result<&SourceManifest, Arc<RegistryError>>> {
        match self.other.get(job)? {
            Ok(ManifestJobDone::Source(source)) => Some(Ok(source)),
            Ok(_) => Some(Err(wrong_kind(job))),
            Err(error) => Some(Err(Arc::clone(error))),
        }
    }

    pub(crate) fn bundle(&self, job: &ManifestJob) -> Option<Result<&Arc<[Bundled]>, Arc<RegistryError>>> {
        match self.other.get(job)? {
            Ok(ManifestJobDone::Bundle(bundle)) => Some(Ok(bundle)),
            Ok(_) => Some(Err(wrong_kind(job))),
            Err(error) => Some(Err(Arc::clone(error))),
        }
    }

    pub(crate) fn shrinkwrap(&self, job: &ManifestJob) -> Option<Result<&Arc<Lockfile>, Arc<RegistryError>>> {
        match self.other.get(job)? {
            Ok(ManifestJobDone::Shrinkwrap(lock)) => Some(Ok(lock)),
            Ok(_) => Some(Err(wrong_kind(job))),
            Err(error) => Some(Err(Arc::clone(error))),
        }
    }
}

fn wrong_kind(job: &ManifestJob) -> Arc<RegistryError> {
    Arc::new(RegistryError::new(
        "EINVALIDRESPONSE",
        crate::registry::ErrorCategory::Precondition,
        format!("the registry answered another question than {job:?}"),
    ))
}
