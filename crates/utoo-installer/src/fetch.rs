//! Downloads: each tarball once, so many at a time, so many bytes at a time.
//!
//! A download is a task: look in the store, else ask the source, then verify and unpack on rayon. It starts when the
//! resolver has chosen a version, and whoever wants the package later waits for the same task.
//!
//! **Bounds**: at most [`Limits::downloads`] requests are open, and none is begun while more than
//! [`Limits::held_bytes`] of bodies wait to be unpacked. As many are unpacked as rayon has threads, and what one has
//! inflated to at a time is bounded in `inflate.rs`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, Semaphore, oneshot};
use tracing::{Instrument as _, debug_span};
use utoo_types::Integrity;

use crate::arrivals::Arrivals;
use crate::events::{EventSink, InstallEvent};
use crate::source::{PackageRequest, TarballRequest, TarballSource};
use crate::store::{Store, StoreKey, StoredPackage};
use crate::{InstallError, Result};

/// How much may be under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open requests for tarballs.
    pub downloads: usize,
    /// Compressed bytes that wait for a thread before the next request waits with them.
    pub held_bytes: u64,
}

impl Default for Limits {
    /// 128 requests and 8 MiB: enough to keep two cores and 1 Gbit/s busy at 20 ms of latency.
    fn default() -> Self {
        Self { downloads: 128, held_bytes: 8 << 20 }
    }
}

/// A package that is in the store now, and how it got there.
#[derive(Debug, Clone)]
pub(crate) struct Obtained {
    pub(crate) stored: StoredPackage,
    /// Compressed bytes that came over the wire; `None` where it was in the store.
    pub(crate) downloaded: Option<u64>,
}

type Task = Shared<BoxFuture<'static, Result<Obtained>>>;

/// The downloads of one installer.
pub(crate) struct Downloads<S> {
    shared: Arc<Inner<S>>,
}

struct Inner<S> {
    source: Arc<S>,
    store: Store,
    limits: Limits,
    slots: Semaphore,
    held: AtomicU64,
    released: Notify,
    bytes: AtomicU64,
    events: EventSink,
    tasks: Mutex<FxHashMap<TaskKey, Task>>,
    arrivals: Arc<Arrivals>,
}

/// What makes two requests one: the content where it is known, else the place and what is demanded of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TaskKey {
    Content(StoreKey),
    Place(Arc<str>, Option<Integrity>),
}

impl TaskKey {
    pub(crate) fn of(request: &PackageRequest) -> Self {
        match StoreKey::of(request) {
            Some(key) => Self::Content(key),
            None => Self::Place(request.resolved.clone(), request.integrity.clone()),
        }
    }
}

/// What is known of a download without waiting for it.
pub(crate) enum Progress {
    /// Nobody asked for it.
    Unknown,
    /// It is under way.
    Pending,
    /// It is in the store.
    Done(Obtained),
}

/// Whether the store has to be asked before the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StoreLook {
    First,
    Done,
}

impl<S> Downloads<S> {
    /// Waits for what is being unpacked, lets nothing more in, and takes this process's folder out of the store: after an
    /// error, downloads are still under way when the process ends.
    pub(crate) fn close(&self) {
        self.shared.arrivals.close();
        self.shared.store.end_session();
    }
}

impl<S: TarballSource> Downloads<S> {
    pub(crate) fn new(source: Arc<S>, store: Store, limits: Limits, events: EventSink) -> Self {
        let slots = Semaphore::new(limits.downloads.max(1));
        let (held, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        let released = Notify::new();
        let (tasks, arrivals) = (Mutex::default(), Arc::new(Arrivals::new(store.clone())));
        Self {
            shared: Arc::new(Inner {
                source,
                store,
                limits,
                slots,
                held,
                released,
                bytes,
                events,
                tasks,
                arrivals,
            }),
        }
    }

    /// Starts a download unless it has been started, or the store has the package. To be called within a tokio runtime.
    pub(crate) fn start(&self, request: PackageRequest) -> Task {
        self.start_with(request, StoreLook::First)
    }

    /// [`Downloads::start`] of what the store was just found to lack.
    pub(crate) fn start_missing(&self, request: PackageRequest) -> Task {
        self.start_with(request, StoreLook::Done)
    }

    fn start_with(&self, request: PackageRequest, look: StoreLook) -> Task {
        let mut tasks = self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let key = TaskKey::of(&request);
        if let Some(task) = tasks.get(&key) {
            return task.clone();
        }
        let inner = self.shared.clone();
        let cancelled = InstallError::Cancelled { package: request.label() };
        let span = debug_span!("package", name = %request.name);
        let spawned = tokio::spawn(async move { inner.obtain(request, look).await }.instrument(span));
        let task = spawned.map(|joined| joined.unwrap_or(Err(cancelled))).boxed().shared();
        tasks.insert(key, task.clone());
        task
    }

    pub(crate) fn progress(&self, key: &TaskKey) -> Progress {
        let tasks = self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        match tasks.get(key).map(|task| task.peek()) {
            None => Progress::Unknown,
            Some(Some(Ok(obtained))) => Progress::Done(obtained.clone()),
            Some(_) => Progress::Pending,
        }
    }

    /// Forgets a download, so that the next [`Downloads::start`] asks again: its entry in the store is damaged.
    pub(crate) fn forget(&self, key: &TaskKey) {
        self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    pub(crate) fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Compressed bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }
}

impl<S: TarballSource> Inner<S> {
    async fn obtain(self: Arc<Self>, request: PackageRequest, look: StoreLook) -> Result<Obtained> {
        if look == StoreLook::First
            && let Some(key) = StoreKey::of(&request)
        {
            let store = self.store.clone();
            if let Some(stored) = on_rayon(&request, move || store.lookup(&key)).await? {
                return Ok(Obtained { stored, downloaded: None });
            }
        }
        let body = self.fetch(&request).await?;
        let length = body.len() as u64;
        let stored = self.arrivals.unpack(&request, body).await;
        self.held.fetch_sub(length, Ordering::AcqRel);
        self.released.notify_one();
        let stored = stored?;
        (self.events)(InstallEvent::Downloaded { package: request.label().into(), bytes: length });
        Ok(Obtained { stored, downloaded: Some(length) })
    }

    /// Fetches a body, which counts as held from then on.
    async fn fetch(&self, request: &PackageRequest) -> Result<Bytes> {
        let closed = |_| InstallError::Cancelled { package: request.label() };
        let _slot = self.slots.acquire().await.map_err(closed)?;
        self.until_released().await;
        (self.events)(InstallEvent::DownloadStarted { package: request.label().into() });
        let tarball = TarballRequest {
            name: request.name.clone(),
            resolved: request.resolved.clone(),
            integrity: request.integrity.clone(),
            prepare: request.prepare,
        };
        // In a box that is there while the request is open: a thousand tasks wait for their turn with the room for it.
        let fetched = Box::pin(self.source.fetch(&tarball)).await;
        let body = fetched.map_err(|source| InstallError::Fetch { package: request.label(), source })?;
        self.held.fetch_add(body.len() as u64, Ordering::AcqRel);
        self.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        Ok(body)
    }

    /// One waiter is woken at a time, and wakes the next if there is room for two: waking all of them for each body that
    /// was unpacked made 38,000 polls of 1,290 downloads.
    async fn until_released(&self) {
        while self.held.load(Ordering::Acquire) > self.limits.held_bytes {
            // A release since the look has left its permit here.
            self.released.notified().await;
            if self.held.load(Ordering::Acquire) <= self.limits.held_bytes {
                self.released.notify_one();
            }
        }
    }
}

/// Runs CPU work on rayon; the async task waits for it.
pub(crate) async fn on_rayon<T: Send + 'static>(
    request: &PackageRequest,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = oneshot::channel();
    // A receiver that is gone no longer wants the result.
    rayon::spawn(move || drop(sender.send(work())));
    receiver.await.map_err(|_| InstallError::Cancelled { package: request.label() })
}
