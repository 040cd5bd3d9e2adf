//! The resolver: manifests in, npm's ideal tree out.

mod registry;

pub use registry::{
    Documents, ErrorCategory, ManifestJob, ManifestJobDone, Registry, RegistryError, SourceManifest,
};
