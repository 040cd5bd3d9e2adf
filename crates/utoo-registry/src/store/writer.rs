//! Fire-and-forget persistence: a job hands over what it fetched and goes on.
//!
//! Changes gather until they are worth a batch; a batch goes to one thread, which the first of them starts, and which
//! appends it under the store's lock. When that thread is too far behind, a batch is dropped, since a job never waits for
//! the disk; what is lost is cache. The same document is written once, however many jobs fetched it; where the store
//! already holds it, only its lease is renewed, by another entry in the index.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use rustc_hash::FxHashMap;
use tracing::{debug, debug_span, warn};
use utoo_types::PackageName;

use super::ManifestStore;
use super::files::{self, Appender, Bounds, Pack};
use super::format::{self, Key, Kind, Lease, Validators};
use super::index::{self, Slot};

/// Bytes of documents that make a batch. They are shared with the resolver's own cache, so that waiting costs no memory.
const BATCH: usize = 2 << 20;
/// Batches that may wait.
const QUEUE: usize = 32;

/// A document that shall be on disk, with this lease.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The registry's URL, without credentials.
    pub(crate) registry: Arc<str>,
    pub(crate) name: PackageName,
    pub(crate) kind: Kind,
    pub(crate) lease: Lease,
    pub(crate) validators: Validators,
    pub(crate) body: Bytes,
}

impl Change {
    fn key(&self) -> Key<'_> {
        Key { registry: &self.registry, name: self.name.as_str(), kind: &self.kind }
    }
}

enum Message {
    Batch(Vec<Change>),
    /// Answered when all batches before it are on disk.
    Flush(Sender<()>),
}

/// The hand-over. Dropping it waits for what was handed over.
#[derive(Debug)]
pub(crate) struct Writer {
    store: ManifestStore,
    gathered: Mutex<Gathered>,
    thread: Mutex<Option<Thread>>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Gathered {
    changes: Vec<Change>,
    bytes: usize,
}

#[derive(Debug)]
struct Thread {
    queue: SyncSender<Message>,
    handle: JoinHandle<()>,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    written: AtomicU64,
    renewed: AtomicU64,
    warned: AtomicBool,
}

impl Writer {
    pub(crate) fn new(store: ManifestStore) -> Self {
        Self { store, gathered: Mutex::default(), thread: Mutex::new(None), counters: Arc::default() }
    }

    /// Takes a change; never waits.
    pub(crate) fn submit(&self, change: Change) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.bytes += change.body.len();
        gathered.changes.push(change);
        if gathered.bytes >= BATCH {
            let batch = std::mem::take(&mut *gathered).changes;
            drop(gathered);
            self.hand_over(batch);
        }
    }

    /// Hands over what has gathered, without waiting for the disk.
    pub(crate) fn send(&self) {
        let batch =
            std::mem::take(&mut *self.gathered.lock().unwrap_or_else(PoisonError::into_inner)).changes;
        if !batch.is_empty() {
            self.hand_over(batch);
        }
    }

    fn hand_over(&self, batch: Vec<Change>) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            *thread = self.start();
        }
        let Some(running) = thread.as_ref() else { return };
        match running.queue.try_send(Message::Batch(batch)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.counters.warn_once("the queue is full"),
            Err(TrySendError::Disconnected(_)) => self.counters.warn_once("its thread ended"),
        }
    }

    /// Waits until everything that was submitted so far is on disk, or given up.
    pub(crate) fn flush(&self) {
        self.send();
        let queue = {
            let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
            thread.as_ref().map(|running| running.queue.clone())
        };
        let Some(queue) = queue else { return };
        let (done, wait) = channel();
        if queue.send(Message::Flush(done)).is_ok() {
            // An error means that the thread ended: nothing is left to wait for.
            let _ = wait.recv();
        }
    }

    /// Documents written and leases renewed so far.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let counters = &self.counters;
        (counters.written.load(Ordering::Relaxed), counters.renewed.load(Ordering::Relaxed))
    }

    fn start(&self) -> Option<Thread> {
        let (queue, incoming) = sync_channel(QUEUE);
        let counters = Arc::clone(&self.counters);
        let mut writing =
            Writing { store: self.store.clone(), counters, bounds: Bounds::default(), swept: false };
        let spawned =
            thread::Builder::new().name("utoo-manifests".to_owned()).spawn(move || writing.run(&incoming));
        match spawned {
            Ok(handle) => Some(Thread { queue, handle }),
            Err(error) => {
                self.counters.warn_once(&error.to_string());
                None
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.send();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Thread { queue, handle }) = thread {
            drop(queue);
            // A panic of the thread has been reported by its own message and costs only cache.
            let _ = handle.join();
        }
    }
}

impl Counters {
    fn warn_once(&self, reason: &str) {
        if self.warned.swap(true, Ordering::Relaxed) {
            debug!(reason, "manifests were not cached");
        } else {
            warn!(reason, "manifests cannot be cached: the next run will ask the registry again");
        }
    }
}

/// The thread's own state.
struct Writing {
    store: ManifestStore,
    counters: Arc<Counters>,
    bounds: Bounds,
    /// Whether what killed processes left was removed.
    swept: bool,
}

impl Writing {
    fn run(&mut self, incoming: &Receiver<Message>) {
        while let Ok(message) = incoming.recv() {
            match message {
                Message::Flush(done) => {
                    // Whoever asked may have gone away; that is no one's problem.
                    let _ = done.send(());
                }
                Message::Batch(batch) => {
                    if let Err(error) = debug_span!("store").in_scope(|| self.append(&batch)) {
                        self.counters.warn_once(&error.to_string());
                    }
                }
            }
        }
    }

    fn append(&mut self, batch: &[Change]) -> io::Result<()> {
        let root = self.store.root().to_owned();
        let mut appender = Appender::open(&root, self.store.copy_of_pack())?;
        if !std::mem::replace(&mut self.swept, true) {
            files::sweep(&appender);
        }
        let batch = Batch::new(batch, &appender, &self.counters);
        if !batch.entries.is_empty() {
            appender.append(&batch.documents, &batch.entries)?;
            self.counters.written.fetch_add(batch.written, Ordering::Relaxed);
            self.counters.renewed.fetch_add(batch.entries.len() as u64 - batch.written, Ordering::Relaxed);
        }
        self.store.set_pack(appender.settle(self.bounds)?);
        Ok(())
    }
}

/// About what stands before the body of a document.
const HEAD_ROOM: usize = 192;

/// What is to be appended.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) documents: Vec<u8>,
    pub(super) entries: Vec<(u64, Slot)>,
    /// How many of the entries name a document of this batch.
    written: u64,
}

impl Batch {
    pub(super) fn new(changes: &[Change], appender: &Appender<'_>, counters: &Counters) -> Self {
        let mut batch = Self::default();
        let size = changes.iter().map(|change| change.body.len() + HEAD_ROOM).sum();
        batch.documents.reserve_exact(size);
        let mut fresh: FxHashMap<u64, Slot> = FxHashMap::default();
        for change in changes {
            let hash = index::hash(change.key());
            let encoded = format::encode_header(change.key(), change.lease, &change.validators, &change.body);
            let length = |head: &[u8]| u32::try_from(head.len() + change.body.len()).ok();
            let encoded = encoded.and_then(|(head, identity)| Some((length(&head)?, head, identity)));
            let Some((length, head, identity)) = encoded else {
                counters.warn_once("a field is too long");
                continue;
            };
            let held = fresh.get(&hash).or_else(|| appender.pack.slots.get(&hash)).copied();
            let held = held.filter(|held| held.identity == identity && held.length == length);
            let slot = match held {
                Some(held) if held.lease == change.lease => continue,
                Some(held) => Slot { lease: change.lease, ..held },
                None => {
                    let offset = appender.end() + batch.documents.len() as u64;
                    batch.documents.extend_from_slice(&head);
                    batch.documents.extend_from_slice(&change.body);
                    batch.written += 1;
                    Slot { offset, length, identity, lease: change.lease }
                }
            };
            fresh.insert(hash, slot);
            batch.entries.push((hash, slot));
        }
        batch
    }
}

impl ManifestStore {
    /// What this process knows of the pack.
    pub(super) fn copy_of_pack(&self) -> Option<Pack> {
        self.with_pack(|pack| pack.clone())
    }
}
