//! The manifest store: packed documents on disk, so that a warm resolve asks no registry and parses no JSON.
//!
//! ```text
//! <cache>/manifests/v2/index        which document is where, and until when it is fresh: see `index.rs`
//! <cache>/manifests/v2/pack-<id>    the documents, one after the other: each as `format.rs` says
//! <cache>/manifests/v2/lock         held while a process appends
//! ```
//!
//! Both files only grow, by whole batches, documents first: what the index names is there. A process that dies leaves
//! bytes at the end of the pack that nobody names, or an entry whose checksum is wrong. When too little of a pack is still
//! named, or it is too large, a new pack is made, and one rename of a new index (which holds the pack's id) switches to it.
//!
//! A process reads the index once, when it first looks for something; a document is then one `pread`. What it writes
//! itself it knows at once, what other processes write in the meantime it does not see. Anything that cannot be read,
//! is damaged, or is about something else counts as a miss; anything that cannot be written is given up with one warning.

mod files;
mod format;
mod index;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use files::Pack;
use index::Slot;

pub(crate) use format::{Entry, Key, Kind, Lease, Validators};
pub(crate) use writer::{Change, Writer};

/// Where documents are read from, and what is known to be there. Cheap to clone; clones share what they know.
#[derive(Clone, Debug)]
pub(crate) struct ManifestStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
enum Known {
    /// Nobody has looked yet.
    #[default]
    Unread,
    /// There is no store, or none that can be read.
    Nothing,
    Pack(Pack),
}

/// A document of the store that has not been read.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    file: Arc<File>,
    slot: Slot,
}

impl ManifestStore {
    pub(crate) fn new(cache_dir: &Path) -> Self {
        let root = cache_dir.join("manifests").join("v2");
        Self { shared: Arc::new(Shared { root, known: Mutex::default() }) }
    }

    /// Where a document is, if it is there. Only the first look reads anything.
    pub(crate) fn find(&self, key: Key<'_>) -> Option<Found> {
        let hash = index::hash(key);
        self.with_pack(|pack| Some(Found { file: pack.file.clone(), slot: *pack.slots.get(&hash)? }))?
    }

    /// The document, if it is there and its head is whole.
    #[cfg(test)]
    pub(crate) fn read(&self, key: Key<'_>) -> Option<Entry> {
        self.read_found(&self.find(key)?, key)
    }

    /// The document, if its head is whole. Reads the disk.
    pub(crate) fn read_found(&self, found: &Found, key: Key<'_>) -> Option<Entry> {
        let entry = read_entry(&found.file, found.slot, key);
        if entry.is_none() {
            self.forget(key);
        }
        entry
    }

    /// Counts the document as not there, so that it is written as a whole when it comes again.
    pub(crate) fn forget(&self, key: Key<'_>) {
        self.with_pack(|pack| pack.slots.remove(&index::hash(key)));
    }

    fn root(&self) -> &Path {
        &self.shared.root
    }

    /// What is known of the pack, read first if nobody has looked.
    fn with_pack<T>(&self, work: impl FnOnce(&mut Pack) -> T) -> Option<T> {
        let mut known = self.shared.known.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*known, Known::Unread) {
            *known = Pack::read(&self.shared.root).map_or(Known::Nothing, Known::Pack);
        }
        match &mut *known {
            Known::Pack(pack) => Some(work(pack)),
            Known::Unread | Known::Nothing => None,
        }
    }

    fn set_pack(&self, pack: Pack) {
        *self.shared.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::Pack(pack);
    }
}

fn read_entry(file: &File, slot: Slot, key: Key<'_>) -> Option<Entry> {
    let mut bytes = vec![0; usize::try_from(slot.length).ok()?];
    files::read_at(file, slot.offset, &mut bytes).ok()?;
    let bytes = Bytes::from(bytes);
    let (_, identity) = format::decode_prefix(&bytes)?;
    let entry = format::decode(&bytes, key)?;
    // The index is renewed, the document's own head is not.
    (identity == slot.identity).then_some(Entry { lease: slot.lease, ..entry })
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
