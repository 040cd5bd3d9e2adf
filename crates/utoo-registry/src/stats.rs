//! What a registry did so far, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the registry was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistryStats {
    /// Requests sent, redirects and repetitions included.
    pub requests: u64,
    /// Of these, the ones that repeated a failed one.
    pub retries: u64,
    /// Documents that were revalidated and found unchanged (304).
    pub not_modified: u64,
    /// Documents that came from the store without any request.
    pub store_hits: u64,
    /// Documents written to the store.
    pub store_writes: u64,
    /// Documents of the store whose lease was renewed.
    pub store_renewals: u64,
    /// Tarballs received.
    pub tarballs: u64,
    /// Bytes of response bodies received, as on the wire. Requests have none.
    pub bytes_received: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: Counter,
    pub(crate) retries: Counter,
    pub(crate) not_modified: Counter,
    pub(crate) store_hits: Counter,
    pub(crate) tarballs: Counter,
    pub(crate) bytes_received: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
