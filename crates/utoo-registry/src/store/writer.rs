//! Fire-and-forget persistence: a job hands over what it fetched and goes on.
//!
//! One thread, started by the first change, takes changes from a bounded queue. When the queue is full the change is
//! dropped, since a job never waits for the disk; what is lost is cache. The same document is written once, however
//! many jobs fetched it, and where the file already holds it only its lease is renewed, in place.

use std::collections::{HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use tracing::{debug, warn};

use utoo_types::PackageName;

use super::ManifestStore;
use super::format::{self, Key, Kind, Lease, PREFIX, RENEWABLE, Validators};

/// Changes that may wait. Their bodies are shared with the resolver's own cache, so that waiting costs no memory.
const QUEUE: usize = 16 * 1024;

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
    Change(Box<Change>),
    /// Answered when all changes before it are on disk.
    Flush(Sender<()>),
}

/// The hand-over. Dropping it waits for what was handed over.
#[derive(Debug)]
pub(crate) struct Writer {
    store: ManifestStore,
    thread: Mutex<Option<Thread>>,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Thread {
    queue: SyncSender<Message>,
    handle: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counters {
    written: AtomicU64,
    renewed: AtomicU64,
    warned: AtomicBool,
}

impl Writer {
    pub(crate) fn new(store: ManifestStore) -> Self {
        Self { store, thread: Mutex::new(None), counters: Arc::default() }
    }

    /// Takes a change; never waits.
    pub(crate) fn submit(&self, change: Change) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            *thread = self.start();
        }
        let Some(running) = thread.as_ref() else { return };
        match running.queue.try_send(Message::Change(Box::new(change))) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.counters.warn_once("the queue is full"),
            Err(TrySendError::Disconnected(_)) => self.counters.warn_once("its thread ended"),
        }
    }

    /// Waits until everything handed over so far is on disk, or given up.
    pub(crate) fn flush(&self) {
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
        let writing = Writing {
            store: self.store.clone(),
            counters: Arc::clone(&self.counters),
            held: HashMap::new(),
            folders: HashSet::new(),
        };
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
            debug!(reason, "a manifest was not cached");
        } else {
            warn!(reason, "manifests cannot be cached: the next run will ask the registry again");
        }
    }
}

/// The thread's own state.
struct Writing {
    store: ManifestStore,
    counters: Arc<Counters>,
    /// What this thread left in each file: the reason why one body is written once.
    held: HashMap<PathBuf, (u32, Lease)>,
    /// Folders that exist and were swept.
    folders: HashSet<PathBuf>,
}

impl Writing {
    fn run(mut self, incoming: &Receiver<Message>) {
        while let Ok(message) = incoming.recv() {
            match message {
                Message::Flush(done) => {
                    // Whoever asked may have gone away; that is no one's problem.
                    let _ = done.send(());
                }
                Message::Change(change) => {
                    if let Err(reason) = self.apply(&change) {
                        self.counters.warn_once(&reason);
                    }
                }
            }
        }
    }

    fn apply(&mut self, change: &Change) -> Result<(), String> {
        let (lease, body) = (change.lease, &change.body);
        let encoded = format::encode_header(change.key(), lease, &change.validators, body);
        let (mut file, identity) = encoded.ok_or("a field is too long")?;
        let path = self.store.path(change.key());
        if self.held.get(&path) == Some(&(identity, lease)) {
            return Ok(());
        }
        let length = file.len() + body.len();
        // A failure to renew (the file is gone, damaged, not to be opened) is a reason to write it as a whole.
        if matches!(renew(&path, identity, length, lease), Ok(true)) {
            self.counters.renewed.fetch_add(1, Ordering::Relaxed);
        } else {
            self.prepare_folder(&path)?;
            file.extend_from_slice(body);
            utoo_fs::write_atomic(&path, &file).map_err(|error| error.to_string())?;
            self.counters.written.fetch_add(1, Ordering::Relaxed);
        }
        self.held.insert(path, (identity, lease));
        Ok(())
    }

    fn prepare_folder(&mut self, path: &Path) -> Result<(), String> {
        let Some(folder) = path.parent() else { return Ok(()) };
        if self.folders.contains(folder) {
            return Ok(());
        }
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        utoo_fs::sweep_temporary(folder);
        self.folders.insert(folder.to_owned());
        Ok(())
    }
}

/// Renews the lease if the file holds the very document; says whether it did. The file is the same one from the
/// look to the write, even if another process renames a new one over its name in between.
fn renew(path: &Path, identity: u32, length: usize, lease: Lease) -> io::Result<bool> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut prefix = [0; PREFIX];
    file.read_exact(&mut prefix)?;
    let same = format::decode_prefix(&prefix).is_some_and(|(_, held)| held == identity);
    if !same || file.metadata()?.len() != u64::try_from(length).unwrap_or(u64::MAX) {
        return Ok(false);
    }
    file.seek(SeekFrom::Start(RENEWABLE as u64))?;
    file.write_all(&lease.block())?;
    Ok(true)
}
