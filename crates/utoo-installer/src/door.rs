//! Lets work in until it is closed, and closes once all of it is out.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Counts who is inside. No lock for many readers: a thread of rayon that waits inside for its share of one package
/// takes up the next package meanwhile, and would wait at that lock for whoever closes, who waits for the first one.
#[derive(Debug, Default)]
pub(crate) struct Door {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct State {
    inside: usize,
    is_closed: bool,
}

/// Somebody who is inside, until this is dropped.
#[derive(Debug)]
pub(crate) struct Inside<'d>(&'d Door);

impl Door {
    /// Goes in; nothing once it is closed, or somebody waits to close it. Never waits.
    pub(crate) fn enter(&self) -> Option<Inside<'_>> {
        let mut state = self.state();
        if state.is_closed {
            return None;
        }
        state.inside += 1;
        Some(Inside(self))
    }

    /// Lets nobody in any more, and waits until all are out. Not for whoever is inside.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        while state.inside > 0 {
            state = self.left.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.inside -= 1;
        if state.inside == 0 {
            self.0.left.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_inside_is_turned_away_at_once_when_somebody_waits_to_close() {
        let door = Door::default();
        let first = door.enter().unwrap();
        std::thread::scope(|scope| {
            let closing = scope.spawn(|| door.close());
            // The thread that is inside comes again, as those of rayon do.
            while door.enter().is_some() {
                std::thread::yield_now();
            }
            assert!(!closing.is_finished(), "closed with somebody inside");
            drop(first);
            closing.join().unwrap();
        });
        assert!(door.enter().is_none());
    }
}
