//! Tarballs that have arrived and wait for a thread: verified together, unpacked one by one.
//!
//! For each that arrives there is a job on rayon. It verifies what waits by then, so many that they are hashed in
//! the lanes of a vector together, unpacks the first, and makes a job of each of the others. Where nothing waits any more,
//! another job has taken it along.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::debug_span;
use utoo_types::Integrity;

use crate::door::Door;
use crate::source::PackageRequest;
use crate::store::{Store, StoredPackage, verify};
use crate::{InstallError, Result};

/// Most bytes that one job verifies: half a millisecond to a few, for which the others wait.
const TOGETHER_BYTES: usize = 2 << 20;

/// How often the lanes are filled: messages of one length are rare, and the shorter ones leave their lanes first.
const FILLS: usize = 4;

/// What has arrived.
pub(crate) struct Arrivals {
    waiting: Mutex<VecDeque<Arrival>>,
    store: Store,
    /// Inside are packages that are being unpacked.
    door: Door,
}

/// A tarball, and who waits for what becomes of it.
struct Arrival {
    request: PackageRequest,
    body: Bytes,
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
        let arrival = Arrival { request: request.clone(), body, waiter };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(arrival);
        let arrivals = self.clone();
        rayon::spawn(move || arrivals.take());
        unpacked.await.unwrap_or_else(|_| Err(InstallError::Cancelled { package: request.label() }))
    }

    /// Waits for what is being unpacked, and lets nothing more in.
    pub(crate) fn close(&self) {
        self.door.close();
    }

    fn take(self: Arc<Self>) {
        let arrivals = self.next();
        if arrivals.is_empty() {
            return;
        }
        let verified = {
            let _span = debug_span!("verify", count = arrivals.len()).entered();
            let of_each: Vec<_> = arrivals.iter().map(|arrival| (&arrival.request, &*arrival.body)).collect();
            verify(&of_each)
        };
        let mut verified = arrivals.into_iter().zip(verified);
        let first = verified.next();
        for (arrival, integrity) in verified {
            let arrivals = self.clone();
            rayon::spawn(move || arrivals.finish(arrival, integrity));
        }
        if let Some((arrival, integrity)) = first {
            self.finish(arrival, integrity);
        }
    }

    /// What is verified together next: at least one, if there is any.
    fn next(&self) -> Vec<Arrival> {
        let lanes = Integrity::sha512_lanes();
        let most = if lanes > 1 { lanes * FILLS } else { 1 };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = waiting.iter().scan(0, |sum, arrival| {
            *sum += arrival.body.len();
            Some(*sum)
        });
        let count =
            sums.take(most).take_while(|sum| *sum <= TOGETHER_BYTES).count().max(1).min(waiting.len());
        waiting.drain(..count).collect()
    }

    fn finish(&self, arrival: Arrival, integrity: Result<Integrity>) {
        let Arrival { request, body, waiter } = arrival;
        let _span = debug_span!("unpack", name = %request.name).entered();
        let unpacked = match self.door.enter() {
            Some(_inside) => integrity.and_then(|integrity| self.store.unpack(&request, &integrity, &body)),
            None => Err(InstallError::Cancelled { package: request.label() }),
        };
        // A receiver that is gone no longer wants it.
        drop(waiter.send(unpacked));
    }
}

#[cfg(test)]
mod tests;
