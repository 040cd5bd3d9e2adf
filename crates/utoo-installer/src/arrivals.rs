//! Tarballs that have arrived and wait for a thread: verified together, unpacked one by one.
//!
//! For each that arrives there is a job on rayon. It verifies what waits by then, so many that they are hashed in
//! the lanes of a vector together, unpacks the first, and makes a job of each of the others. Where nothing waits any more,
//! another job has taken it along.
//!
//! A long tarball would leave its lane last, and be hashed alone for most of the way, in a third of the speed. So one
//! at a time is set aside and hashed beside those that come after it, lot by lot, and alone only where nothing else waits.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::debug_span;
use utoo_types::{Integrity, Sha512Progress};

use crate::door::Door;
use crate::source::PackageRequest;
use crate::store::{Store, StoredPackage, verify, verify_one};
use crate::{InstallError, Result};

/// Most bytes that one job verifies: half a millisecond to a few, for which the others wait.
const TOGETHER_BYTES: usize = 2 << 20;

/// How often the lanes are filled: messages of one length are rare, and the shorter ones leave their lanes first.
const FILLS: usize = 4;

/// Bytes of a tarball that is set aside. Longer ones would hold too much of what may wait at all
/// ([`crate::fetch::Limits::held_bytes`]).
const LONG: RangeInclusive<usize> = 512 << 10..=6 << 20;

/// What has arrived.
pub(crate) struct Arrivals {
    waiting: Mutex<Waiting>,
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

#[derive(Default)]
struct Waiting {
    arrived: VecDeque<Arrival>,
    aside: Aside,
}

/// The place for a long tarball.
#[derive(Default)]
enum Aside {
    #[default]
    Free,
    /// It waits for others.
    Here(Box<Long>),
    /// A job is hashing it.
    Taken,
}

/// A tarball that is hashed beside others.
struct Long {
    arrival: Arrival,
    progress: Sha512Progress,
}

/// What one job does next.
enum Next {
    /// Hash these, and the long one beside them.
    Lot(Vec<Arrival>, Option<Box<Long>>),
    /// Nothing else waits: hash the long one alone.
    Alone(Box<Long>),
    Nothing,
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
        self.waiting().arrived.push_back(arrival);
        let arrivals = self.clone();
        rayon::spawn(move || arrivals.take());
        unpacked.await.unwrap_or_else(|_| Err(InstallError::Cancelled { package: request.label() }))
    }

    /// Waits for what is being unpacked, and lets nothing more in.
    pub(crate) fn close(&self) {
        self.door.close();
    }

    fn take(self: Arc<Self>) {
        match self.next() {
            Next::Lot(arrivals, long) => self.verify(arrivals, long),
            Next::Alone(long) => self.verify_alone(long),
            Next::Nothing => {}
        }
    }

    fn verify(self: Arc<Self>, arrivals: Vec<Arrival>, mut long: Option<Box<Long>>) {
        let verified = {
            let _span = debug_span!("verify", count = arrivals.len()).entered();
            let of_each: Vec<_> = arrivals.iter().map(|arrival| (&arrival.request, &*arrival.body)).collect();
            let beside = long.as_mut().map(|long| (&*long.arrival.body, &mut long.progress));
            verify(&of_each, beside)
        };
        if let Some(long) = long {
            self.put_back(long);
        }
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
    fn next(&self) -> Next {
        let mut waiting = self.waiting();
        waiting.set_aside();
        let lanes = Integrity::sha512_lanes();
        let most = if lanes > 1 { lanes * FILLS } else { 1 };
        let sums = waiting.arrived.iter().scan(0, |sum, arrival| {
            *sum += arrival.body.len();
            Some(*sum)
        });
        let count = sums.take(most).take_while(|sum| *sum <= TOGETHER_BYTES).count().max(1);
        let count = count.min(waiting.arrived.len());
        let arrivals: Vec<Arrival> = waiting.arrived.drain(..count).collect();
        match (waiting.aside.take(), arrivals.is_empty()) {
            (long, false) => Next::Lot(arrivals, long),
            (Some(long), true) => {
                waiting.aside = Aside::Free;
                Next::Alone(long)
            }
            (None, true) => Next::Nothing,
        }
    }

    /// Puts a long tarball back, where it waits for the next job; one that is hashed, or has nobody left to be hashed
    /// beside, gets a job of its own.
    fn put_back(self: &Arc<Self>, long: Box<Long>) {
        let mut waiting = self.waiting();
        let is_done = long.progress.is_at_end_of(&long.arrival.body);
        if !is_done && !waiting.arrived.is_empty() {
            waiting.aside = Aside::Here(long);
            return;
        }
        waiting.aside = Aside::Free;
        drop(waiting);
        let arrivals = self.clone();
        rayon::spawn(move || arrivals.verify_alone(long));
    }

    fn verify_alone(&self, long: Box<Long>) {
        let Long { arrival, progress } = *long;
        let digest = debug_span!("verify", count = 1).in_scope(|| progress.finish(&arrival.body));
        let integrity = verify_one(&arrival.request, &arrival.body, digest);
        self.finish(arrival, integrity);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Waiting {
    /// Sets the first long tarball aside, if others wait that it can be hashed beside.
    fn set_aside(&mut self) {
        let is_worthwhile = Integrity::sha512_lanes() > 1 && self.arrived.len() > 1;
        if !is_worthwhile || !matches!(self.aside, Aside::Free) {
            return;
        }
        let long = self.arrived.iter().position(|arrival| LONG.contains(&arrival.body.len()));
        if let Some(arrival) = long.and_then(|at| self.arrived.remove(at)) {
            self.aside = Aside::Here(Box::new(Long { arrival, progress: Sha512Progress::new() }));
        }
    }
}

impl Aside {
    /// What is here, which is then taken.
    fn take(&mut self) -> Option<Box<Long>> {
        match std::mem::replace(self, Self::Taken) {
            Self::Here(long) => Some(long),
            other => {
                *self = other;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
