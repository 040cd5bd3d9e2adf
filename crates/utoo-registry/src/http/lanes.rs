//! How many requests are open at once: few where answers come at once, all that are allowed where they take their time.
//!
//! A connection costs both sides some work, and each open request memory, so that more of them than it takes to keep
//! every core busy only cost time: with a registry on the same machine, a resolve of 1,138 documents takes 0.122 s over 128
//! connections and 0.105 s over 32. With 20 ms there and back it is the other way round: 128 are twice as fast as 32.
//! So requests begin with [`NEAR`] lanes. Either sign that the registry is further away opens all of them: nobody was
//! answered for [`PATIENCE`] while a request waited for a lane, or an answer took longer than [`SLOW`].

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::Traffic;

/// Lanes that are open from the start.
const NEAR: usize = 32;
/// How long the first request without a lane waits before it takes the registry for far away: the first answers of a
/// registry on the same machine come within 3 ms.
const PATIENCE: Duration = Duration::from_millis(8);
/// An answer's head that takes longer comes from far away, or from somebody with other things to do.
const SLOW: Duration = Duration::from_millis(15);

/// The lanes of one client.
#[derive(Debug)]
pub(super) struct Lanes {
    all: Semaphore,
    /// Tarballs leave a quarter of the lanes to documents, which a resolve waits for.
    tarballs: Semaphore,
    /// Lanes that are open from the start.
    near: usize,
    /// What is still to be opened: lanes in all, and for tarballs.
    closed: (usize, usize),
    opened: AtomicBool,
    watched: AtomicBool,
    answers: AtomicU64,
}

/// A lane, until it is dropped.
pub(super) type Lane<'a> = (Option<SemaphorePermit<'a>>, SemaphorePermit<'a>);

impl Lanes {
    /// At most `connections` of them, at least one.
    pub(super) fn new(connections: usize) -> Self {
        let connections = connections.clamp(1, Semaphore::MAX_PERMITS);
        let near = connections.min(NEAR);
        let for_tarballs = |lanes: usize| (lanes - lanes / 4).max(1);
        Self {
            all: Semaphore::new(near),
            tarballs: Semaphore::new(for_tarballs(near)),
            near,
            closed: (connections - near, for_tarballs(connections) - for_tarballs(near)),
            opened: AtomicBool::new(connections == near),
            watched: AtomicBool::new(connections == near),
            answers: AtomicU64::new(0),
        }
    }

    /// How many lanes there are now.
    pub(super) fn open_now(&self) -> usize {
        if self.opened.load(Ordering::Relaxed) { self.near + self.closed.0 } else { self.near }
    }

    /// Waits for a lane.
    ///
    /// # Errors
    /// Never: nobody closes them.
    pub(super) async fn enter(&self, traffic: Traffic) -> Result<Lane<'_>, AcquireError> {
        let tarball = match traffic {
            Traffic::Tarball => Some(self.turn(&self.tarballs).await?),
            Traffic::Document { .. } => None,
        };
        Ok((tarball, self.turn(&self.all).await?))
    }

    async fn turn<'a>(&'a self, lanes: &'a Semaphore) -> Result<SemaphorePermit<'a>, AcquireError> {
        if let Ok(permit) = lanes.try_acquire() {
            return Ok(permit);
        }
        // One watches for all: a timer for each of a thousand would cost more than it tells.
        if self.watched.swap(true, Ordering::Relaxed) {
            return lanes.acquire().await;
        }
        let mut turn = std::pin::pin!(lanes.acquire());
        let answers = self.answers.load(Ordering::Relaxed);
        if let Ok(permit) = tokio::time::timeout(PATIENCE, &mut turn).await {
            return permit;
        }
        // Answers that came meanwhile are taken in first: it may be this process that was busy.
        tokio::task::yield_now().await;
        if self.answers.load(Ordering::Relaxed) == answers {
            self.open();
        }
        turn.await
    }

    /// Notes an answer to a request that was sent at `since`.
    pub(super) fn answered(&self, since: Instant) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        if !self.opened.load(Ordering::Relaxed) && since.elapsed() > SLOW {
            self.open();
        }
    }

    fn open(&self) {
        if !self.opened.swap(true, Ordering::Relaxed) {
            tracing::debug!(lanes = self.closed.0, "the registry takes its time: opening more connections");
            self.all.add_permits(self.closed.0);
            self.tarballs.add_permits(self.closed.1);
        }
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
