//! The registry itself: what it holds, and which part answers which job.

use std::sync::{Arc, OnceLock};

use tracing::{Instrument as _, debug, debug_span};
use url::Url;
use utoo_config::{CacheMode, Config};
use utoo_resolver::{Documents, ErrorCategory, ManifestJob, ManifestJobDone, Registry, RegistryError};
use utoo_types::{PackageName, Packument};

use crate::address::redact;
use crate::decode::{Lane, Scratch};
use crate::document::Question;
use crate::http::HttpClient;
use crate::options::{DocumentForm, DocumentsChoice, RegistryOptions};
use crate::source::TarballQuestion;
use crate::stats::RegistryStats;
use crate::store::{Kind, ManifestStore, Writer};

/// Answers manifest jobs and fetches tarballs. Cheap to clone; clones share connections, writer and counts.
///
/// Jobs must be polled within a tokio runtime; a current-thread one serves best, since everything that computes runs
/// on rayon's pool. Dropping the last clone writes out what is still to be written, as [`UnifiedRegistry::flush`]
/// does.
#[derive(Clone, Debug)]
pub struct UnifiedRegistry {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: RegistryOptions,
    pub(crate) http: HttpClient,
    pub(crate) store: Option<ManifestStore>,
    pub(crate) writer: Option<Writer>,
    pub(crate) scratch: Arc<Scratch>,
    /// Where documents of the store are read.
    pub(crate) reads: Lane,
    documents: Vec<(Url, DocumentsChoice)>,
    /// What [`UnifiedRegistry::probe_documents`] found out about the default registry.
    probed: OnceLock<Documents>,
}

impl UnifiedRegistry {
    /// A registry by these options. Opens no connection and reads no certificate: the first request that needs one
    /// does.
    ///
    /// # Errors
    /// `ECONFIG` when a registry's URL is none that can be asked.
    pub fn new(options: RegistryOptions) -> Result<Self, RegistryError> {
        let config = &options.config;
        let registries = std::iter::once(config.default_registry())
            .chain(config.scoped_registries().map(|(_, registry)| registry));
        let mut documents = Vec::new();
        for registry in registries {
            if !matches!(registry.scheme(), "http" | "https") || registry.host_str().is_none() {
                let message = "a registry must be an http:// or https:// URL";
                return Err(
                    RegistryError::new("ECONFIG", ErrorCategory::Precondition, message).at(redact(registry))
                );
            }
            let choice = configured_documents(config, registry).unwrap_or(options.documents);
            documents.push((registry.clone(), choice));
        }
        let store = options.cache_dir.as_deref().map(ManifestStore::new);
        let inner = Inner {
            http: HttpClient::new(&options),
            writer: store.clone().map(Writer::new),
            store,
            scratch: Arc::default(),
            reads: Lane::default(),
            documents,
            probed: OnceLock::new(),
            options,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// [`UnifiedRegistry::new`] with what the configuration says.
    ///
    /// # Errors
    /// As [`UnifiedRegistry::new`].
    pub fn from_config(config: &Config) -> Result<Self, RegistryError> {
        Self::new(RegistryOptions::from_config(config))
    }

    /// Finds out whether the default registry answers ranges, where `registry-documents=auto` asks for it: one
    /// request, for any version of `name`, which should be a package that the registry has. Anything but one
    /// version as answer, failures included, means packuments, which every registry has.
    ///
    /// Call it before the first job: what [`Registry::documents`] says must not change during a resolve.
    pub async fn probe_documents(&self, name: &PackageName) {
        let wanted = self.inner.documents.iter().any(|(_, choice)| *choice == DocumentsChoice::Probe);
        if !wanted || self.inner.probed.get().is_some() || self.is_offline() {
            return;
        }
        let spec: Arc<str> = ">=0.0.0".into();
        let answer = self.version(name.clone(), spec).await;
        let found = if answer.is_ok() { Documents::ByVersion } else { Documents::Full };
        debug!(?found, "what the registry can be asked for");
        // Two probes at once find the same; either may win.
        let _ = self.inner.probed.set(found);
    }

    /// Waits until everything that was fetched so far is in the store, or given up. Blocks the thread: for the end
    /// of a run.
    pub fn flush(&self) {
        if let Some(writer) = &self.inner.writer {
            writer.flush();
        }
    }

    /// Hands what was fetched so far over to the thread that puts it into the store, without waiting for it: for the end
    /// of a resolve that other work follows.
    pub fn store_behind(&self) {
        if let Some(writer) = &self.inner.writer {
            writer.send();
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> RegistryStats {
        let counters = &self.inner.http.counters;
        let (store_writes, store_renewals) =
            self.inner.writer.as_ref().map(Writer::counts).unwrap_or_default();
        RegistryStats {
            requests: counters.requests.get(),
            retries: counters.retries.get(),
            not_modified: counters.not_modified.get(),
            store_hits: counters.store_hits.get(),
            store_writes,
            store_renewals,
            tarballs: counters.tarballs.get(),
            bytes_received: counters.bytes_received.get(),
        }
    }

    pub(crate) fn is_offline(&self) -> bool {
        self.inner.options.cache_mode == CacheMode::Offline
    }

    async fn full(&self, name: PackageName) -> Result<Packument, RegistryError> {
        let kind = match self.inner.options.form {
            DocumentForm::Abbreviated => Kind::Abbreviated,
            DocumentForm::Full => Kind::Full,
        };
        self.document(Question { name, kind }).await
    }

    async fn version(&self, name: PackageName, spec: Arc<str>) -> Result<Packument, RegistryError> {
        self.document(Question { name, kind: Kind::Version(spec) }).await
    }
}

impl Registry for UnifiedRegistry {
    fn documents(&self, name: &PackageName) -> Documents {
        let registry = self.inner.options.config.registry_for(name.as_str());
        let choice = self.inner.documents.iter().find(|(known, _)| known == registry);
        match choice.map(|(_, choice)| *choice) {
            Some(DocumentsChoice::Version) => Documents::ByVersion,
            Some(DocumentsChoice::Probe) if registry == self.inner.options.config.default_registry() => {
                self.inner.probed.get().copied().unwrap_or(Documents::Full)
            }
            _ => Documents::Full,
        }
    }

    /// Any number while the store has had everything: reading is over at once.
    fn at_once(&self) -> usize {
        let http = &self.inner.http;
        if http.counters.requests.get() == 0 { usize::MAX } else { http.at_once() }
    }

    async fn execute(&self, job: ManifestJob) -> Result<ManifestJobDone, RegistryError> {
        match job {
            ManifestJob::Full { name } => {
                let span = debug_span!("packument", %name);
                self.full(name).instrument(span).await.map(ManifestJobDone::Full)
            }
            ManifestJob::Version { name, spec } => {
                let span = debug_span!("version", %name, %spec);
                let single = self.version(name, spec).instrument(span).await?;
                // A document of this kind was made with exactly one version.
                let manifest = single.candidates().next().map(|candidate| candidate.manifest());
                manifest.map(|manifest| ManifestJobDone::Version(Arc::new(manifest))).ok_or_else(|| {
                    RegistryError::new(
                        "EBADPACKUMENT",
                        ErrorCategory::Precondition,
                        "no version in the answer",
                    )
                })
            }
            ManifestJob::Bundle { name, resolved, integrity } => {
                let span = debug_span!("bundle", %name);
                let question = TarballQuestion { name, resolved, integrity };
                self.bundle(question).instrument(span).await.map(ManifestJobDone::Bundle)
            }
            ManifestJob::Shrinkwrap { name, resolved, integrity } => {
                let span = debug_span!("shrinkwrap", %name);
                let question = TarballQuestion { name, resolved, integrity };
                self.shrinkwrap(question).instrument(span).await.map(ManifestJobDone::Shrinkwrap)
            }
            ManifestJob::Source { spec } => {
                let span = debug_span!("source", kind = spec.type_name());
                self.source(&spec).instrument(span).await.map(ManifestJobDone::Source)
            }
        }
    }
}

/// `//host/path/:registry-documents`, beside the registry's credentials.
fn configured_documents(config: &Config, registry: &Url) -> Option<DocumentsChoice> {
    let place = &registry[url::Position::BeforeHost..url::Position::AfterPath];
    let raw = config.get_raw(&format!("//{place}:registry-documents"))?;
    DocumentsChoice::parse(raw.values.last()?)
}
