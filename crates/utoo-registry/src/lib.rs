//! The unified registry: every manifest and every tarball an install needs, from wherever it comes.
//!
//! [`UnifiedRegistry`] implements the resolver's [`Registry`](utoo_resolver::Registry). What a manifest job passes
//! through, in order:
//!
//! 1. **store**: the document as an earlier run left it on disk, found by an index that is read once. Fresh by its
//!    `max-age`, or any with `--prefer-offline` and `--offline`: it is the answer. One thread reads all those that are asked
//!    for (a read takes about ten microseconds, a switch of threads for each would cost more).
//! 2. **ask**: a conditional GET with the stored ETag; abbreviated documents preferred, gzip accepted; credentials by
//!    registry path and only to their origin; repeated with backoff and jitter where that can help. Plain HTTP goes over
//!    connections of this crate's own (`http/direct.rs`), TLS, proxies and all that is unusual through reqwest.
//! 3. **304**: the stored document, which the job holds in its hand since step 1, is the answer.
//! 4. **200**: inflated and parsed on rayon's pool, and handed back at once.
//! 5. **keep**: one writer thread puts it into the store; no job waits for it. [`UnifiedRegistry::flush`] does.
//!
//! Folders, `file:` tarballs, remote tarballs and git repositories (module `source`) end in the same manifest type.
//! [`UnifiedRegistry::fetch_tarball`] brings the tarballs themselves, [`UnifiedRegistry::fetch_git`] a commit, to be packed
//! as it is or checked out for whoever builds it.
//!
//! What this crate never does: remember any document from one job to the next (it holds configuration, connections and
//! the store's index), decide which version is wanted, write into a project, run a package's scripts, or show a credential: URLs
//! and messages are stripped of them where an error is made.

mod address;
mod decode;
mod document;
mod failure;
mod freshness;
mod http;
mod options;
mod registry;
mod source;
mod stats;
mod store;
mod tarball;

pub use address::redact_text;
pub use http::RetryPolicy;
pub use options::{Clock, DocumentForm, DocumentsChoice, Limits, RegistryOptions, Timeouts};
pub use registry::UnifiedRegistry;
pub use source::{
    Checkout, FOREIGN_GIT_VARIABLES, GitPackage, SHRINKWRAP, bundled_in_files, shrinkwrap_in_file,
};
pub use stats::RegistryStats;
pub use tarball::TarballRequest;
