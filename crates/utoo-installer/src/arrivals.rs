//! Tarballs that have arrived and wait for a thread: hashed together, unpacked one by one.
//!
//! For each that arrives there is a job on rayon. It takes what waits by then, hashes it in the lanes of a vector together,
//! unpacks the first that is done, and makes a job of each of the others. Where nothing waits any more, another job has
//! taken it along.
//!
//! The longest of them would leave their lanes last, and be hashed alone for most of the way, in a quarter of the speed. So they
//! go back in front of what waits, to be hashed beside what comes next, and alone only where nothing does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::debug_span;
use utoo_types::{Integrity, Sha512Progress};

use crate::door::Door;
use crate::source::PackageRequest;
use crate::store::{Store, StoredPackage, verify};
use crate::{InstallError, Result};

/// Most bytes that one job hashes: half a millisecond to a few, for which the others wait.
const TOGETHER_BYTES: usize = 2 << 20;

/// For so many bytes of that a tarball counts at most: what is longer is put back before it is through.
const COUNTED_BYTES: usize = 512 << 10;

/// How often the lanes are filled: messages of one length are rare, and the shorter ones leave their lanes first.
const FILLS: usize = 4;

/// Longer tarballs, in bytes, are hashed at once and alone: while they wait for others, they would hold too much of what may
/// wait at all ([`crate::fetch::Limits::held_bytes`]).
const LONGEST: usize = 6 << 20;

/// What has arrived.
pub(crate) struct Arrivals {
    /// For each of these, a job is under way.
    waiting: Mutex<VecDeque<Arrival>>,
    store: Store,
    /// Inside are packages that are being unpacked.
    door: Door,
}

/// A tarball, how far it is hashed, and who waits for what becomes of it.
struct Arrival {
    request: PackageRequest,
    body: Bytes,
    hash: Sha512Progress,
    waiter: oneshot::Sender<Result<StoredPackage>>,
}

impl Arrivals {
    pub(crate) fn new(store: Store) -> Self {
        Self { waiting: Mutex::default(), store, door: Door::default() }
    }

    /// Verifies a tarball, and unpacks it into the store.
    pub(crate) async fn unpack(
        self: &Arc<Self>,
        request: &PackageRequest,
        body: Bytes,
    ) -> Result<StoredPackage> {
        let (waiter, unpacked) = oneshot::channel();
        let arrival = Arrival { request: request.clone(), body, hash: Sha512Progress::new(), waiter };
        self.waiting().push_back(arrival);
        let arrivals = self.clone();
        rayon::spawn(move || arrivals.take());
        unpacked.await.unwrap_or_else(|_| Err(InstallError::Cancelled { package: request.label() }))
    }

    /// Waits for what is being unpacked, and lets nothing more in.
    pub(crate) fn close(&self) {
        self.door.close();
    }

    fn take(self: Arc<Self>) {
        let mut lot = self.next();
        if lot.is_empty() {
            return;
        }
        let mut left: Vec<Arrival> = {
            let _span = debug_span!("verify", count = lot.len()).entered();
            let mut under_way: Vec<_> =
                lot.iter_mut().map(|arrival| (&*arrival.body, &mut arrival.hash)).collect();
            Sha512Progress::advance(&mut under_way);
            lot.extract_if(.., |arrival| !arrival.hash.is_done(&arrival.body)).collect()
        };
        if lot.is_empty() {
            // Too few to be hashed together: one of them alone.
            lot.push(left.remove(0));
        }
        self.put_back(left);
        let mut hashed = lot.into_iter();
        let first = hashed.next();
        for arrival in hashed {
            let arrivals = self.clone();
            rayon::spawn(move || arrivals.finish(arrival));
        }
        if let Some(arrival) = first {
            self.finish(arrival);
        }
    }

    /// What is hashed together next: at least one, if there is any.
    fn next(&self) -> Vec<Arrival> {
        let mut waiting = self.waiting();
        let lanes = Integrity::sha512_lanes();
        let most = if lanes > 1 { lanes * FILLS } else { 1 };
        let sums =
            waiting.iter().take_while(|arrival| arrival.body.len() <= LONGEST).scan(0, |sum, arrival| {
                *sum += arrival.hash.bytes_left(&arrival.body).min(COUNTED_BYTES);
                Some(*sum)
            });
        let count = sums.take(most).take_while(|sum| *sum <= TOGETHER_BYTES).count().max(1);
        let count = count.min(waiting.len());
        waiting.drain(..count).collect()
    }

    /// Puts back what is not hashed to its end, in front of the others.
    fn put_back(self: &Arc<Self>, left: Vec<Arrival>) {
        let jobs = left.len();
        let mut waiting = self.waiting();
        left.into_iter().rev().for_each(|arrival| waiting.push_front(arrival));
        drop(waiting);
        for _ in 0..jobs {
            let arrivals = self.clone();
            rayon::spawn(move || arrivals.take());
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Arrival>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hashes what is left of a tarball, verifies and unpacks it.
    fn finish(&self, arrival: Arrival) {
        let Arrival { request, body, hash, waiter } = arrival;
        let digest = if hash.is_done(&body) {
            hash.finish(&body)
        } else {
            debug_span!("verify", count = 1).in_scope(|| hash.finish(&body))
        };
        let _span = debug_span!("unpack", name = %request.name).entered();
        let unpacked = match self.door.enter() {
            Some(_inside) => verify(&request, &body, digest)
                .and_then(|integrity| self.store.unpack(&request, &integrity, &body)),
            None => Err(InstallError::Cancelled { package: request.label() }),
        };
        // A receiver that is gone no longer wants it.
        drop(waiter.send(unpacked));
    }
}

#[cfg(test)]
mod tests;
