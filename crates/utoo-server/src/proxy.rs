//! The read-through proxy: storage first, then upstream, once whatever the number of callers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use serde_json::Value;

use crate::backend::Failure;
use crate::document::Document;
use crate::record::{Counters, add};
use crate::storage::{Meta, Storage};
use crate::upstream::{Fetched, Upstream};
use crate::{digest, gzip, tarball};

/// Documents and what was prepared from them may take this much memory; beyond it all are dropped and read again.
const MEMORY: usize = 512 << 20;

type Flight<T> = Shared<BoxFuture<'static, Result<T, Failure>>>;

pub(crate) struct Proxy {
    shared: Arc<Inner>,
    documents: DashMap<String, Flight<Arc<Document>>>,
    tarballs: DashMap<(String, String), Flight<Bytes>>,
}

struct Inner {
    upstream: Upstream,
    storage: Storage,
    max_age: Duration,
    counters: Arc<Counters>,
    /// Documents in memory; an entry is stale when its meta is, and always agrees with the storage.
    memory: DashMap<String, (Arc<Document>, Meta)>,
    memory_used: AtomicUsize,
}

impl Proxy {
    pub(crate) fn new(
        upstream: Upstream,
        storage: &Path,
        max_age: Duration,
        counters: Arc<Counters>,
    ) -> Self {
        let inner = Inner {
            upstream,
            storage: Storage::new(storage),
            max_age,
            counters,
            memory: DashMap::new(),
            memory_used: AtomicUsize::new(0),
        };
        Self { shared: Arc::new(inner), documents: DashMap::new(), tarballs: DashMap::new() }
    }

    pub(crate) async fn document(&self, name: &str) -> Result<Arc<Document>, Failure> {
        if let Some(fresh) = self.shared.in_memory(name) {
            return Ok(fresh);
        }
        let inner = Arc::clone(&self.shared);
        let owned = name.to_owned();
        once(&self.documents, name.to_owned(), async move { inner.load_document(&owned).await }).await
    }

    pub(crate) async fn tarball(&self, name: &str, file: &str) -> Result<Bytes, Failure> {
        let key = (name.to_owned(), file.to_owned());
        // The document is asked for before the flight, so that a tarball's flight never waits within one.
        let kept = self.shared.stored_tarball(&key).await?;
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let document = self.document(name).await?;
        let inner = Arc::clone(&self.shared);
        let (name, file) = key.clone();
        once(&self.tarballs, key, async move { inner.load_tarball(&document, &name, &file).await }).await
    }
}

/// Joins the flight for `key`, or starts one on a task of its own, so that a caller who leaves stops nobody else.
async fn once<K, T>(
    flights: &DashMap<K, Flight<T>>,
    key: K,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure>
where
    K: Eq + std::hash::Hash + Clone,
    T: Clone + Send + Sync + 'static,
{
    let flight = flights
        .entry(key.clone())
        .or_insert_with(|| {
            let task = tokio::spawn(work);
            async move { task.await.unwrap_or_else(|error| Err(Failure::Internal(error.to_string()))) }
                .boxed()
                .shared()
        })
        .clone();
    let result = flight.clone().await;
    // Only this flight is removed: a later one under the same key belongs to others.
    flights.remove_if(&key, |_, other| other.ptr_eq(&flight));
    result
}

impl Inner {
    fn in_memory(&self, name: &str) -> Option<Arc<Document>> {
        let entry = self.memory.get(name)?;
        entry.1.is_fresh(self.max_age).then(|| Arc::clone(&entry.0))
    }

    async fn load_document(self: &Arc<Self>, name: &str) -> Result<Arc<Document>, Failure> {
        if let Some(fresh) = self.in_memory(name) {
            return Ok(fresh);
        }
        let kept = self.stored_document(name).await?;
        if let Some((document, meta)) = &kept
            && meta.is_fresh(self.max_age)
        {
            return Ok(Arc::clone(document));
        }
        let etag = kept.as_ref().and_then(|(_, meta)| meta.etag.clone());
        match (self.upstream.document(name, etag.as_deref()).await, kept) {
            (Ok(Fetched::New { body, etag }), _) => self.keep_document(name, body, etag).await,
            (Ok(Fetched::NotModified), Some((document, _))) => {
                self.keep_meta(name, Arc::clone(&document), Meta::now(etag)).await?;
                Ok(document)
            }
            (Err(Failure::Upstream(reason)), Some((document, _))) => {
                tracing::warn!(name, reason, "serving a stale document");
                add(&self.counters.stale, 1);
                Ok(document)
            }
            (Ok(Fetched::NotModified), None) => Err(Failure::Upstream("304 without a condition".to_owned())),
            (Err(failure), _) => Err(failure),
        }
    }

    /// From memory, else from disk, fresh or not.
    async fn stored_document(self: &Arc<Self>, name: &str) -> Result<Option<(Arc<Document>, Meta)>, Failure> {
        if let Some(entry) = self.memory.get(name) {
            return Ok(Some(entry.value().clone()));
        }
        let (inner, owned) = (Arc::clone(self), name.to_owned());
        let read = blocking(move || Ok(inner.storage.read_document(&owned))).await?;
        Ok(read.map(|(source, meta)| {
            let document = Arc::new(Document::new(name.into(), source));
            self.remember(name, &document, &meta);
            (document, meta)
        }))
    }

    async fn keep_document(
        self: &Arc<Self>,
        name: &str,
        body: Vec<u8>,
        etag: Option<String>,
    ) -> Result<Arc<Document>, Failure> {
        let (inner, owned, meta) = (Arc::clone(self), name.to_owned(), Meta::now(etag));
        let stored = meta.clone();
        let source = blocking(move || {
            let value: Value = serde_json::from_slice(&body)
                .map_err(|error| Failure::Upstream(format!("the document is not JSON: {error}")))?;
            if !value.get("versions").is_some_and(Value::is_object) {
                return Err(Failure::Upstream("the document has no versions".to_owned()));
            }
            let source = Bytes::from(gzip::compress(&body));
            inner.storage.write_document(&owned, &source, &stored).map_err(internal)?;
            Ok(source)
        })
        .await?;
        let document = Arc::new(Document::new(name.into(), source));
        self.remember(name, &document, &meta);
        Ok(document)
    }

    async fn keep_meta(
        self: &Arc<Self>,
        name: &str,
        document: Arc<Document>,
        meta: Meta,
    ) -> Result<(), Failure> {
        self.remember(name, &document, &meta);
        let (inner, owned) = (Arc::clone(self), name.to_owned());
        blocking(move || inner.storage.write_meta(&owned, &meta).map_err(internal)).await
    }

    fn remember(&self, name: &str, document: &Arc<Document>, meta: &Meta) {
        let weight = document.weight();
        if self.memory_used.fetch_add(weight, Ordering::Relaxed) + weight > MEMORY {
            self.memory.clear();
            self.memory_used.store(weight, Ordering::Relaxed);
        }
        self.memory.insert(name.to_owned(), (Arc::clone(document), meta.clone()));
    }

    async fn stored_tarball(self: &Arc<Self>, key: &(String, String)) -> Result<Option<Bytes>, Failure> {
        let (inner, (name, file)) = (Arc::clone(self), key.clone());
        blocking(move || Ok(inner.storage.read_tarball(&name, &file))).await
    }

    async fn load_tarball(
        self: &Arc<Self>,
        document: &Arc<Document>,
        name: &str,
        file: &str,
    ) -> Result<Bytes, Failure> {
        let (document, owned_name, owned_file) = (Arc::clone(document), name.to_owned(), file.to_owned());
        let dist = blocking(move || {
            let value = document.parse().map_err(Failure::Internal)?;
            let found = tarball::find(&value, &owned_name, &owned_file);
            found.map(|(_, dist)| dist.clone()).ok_or(Failure::NotFound)
        })
        .await?;
        let url = dist.get("tarball").and_then(Value::as_str).ok_or(Failure::NotFound)?;
        let bytes = self.upstream.tarball(url).await?;
        let (inner, key) = (Arc::clone(self), (name.to_owned(), file.to_owned()));
        blocking(move || {
            digest::verify(&bytes, &dist)
                .map_err(|reason| Failure::Upstream(format!("EINTEGRITY {}: {reason}", key.1)))?;
            inner.storage.write_tarball(&key.0, &key.1, &bytes).map_err(internal)?;
            Ok(bytes)
        })
        .await
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn internal(error: std::io::Error) -> Failure {
    Failure::Internal(error.to_string())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Failure::Internal(error.to_string())))
}
