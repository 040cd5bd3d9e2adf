//! Where the time goes, span by span: as totals for `--timing`, and as a Chrome trace for `--timing=trace`.
//!
//! The libraries open a span for every stage and every job. It is busy while a thread is in it, and waits for the rest of
//! its life: for the network, for a disk, for its turn.
//!
//! Of what a span says about itself only `name` is kept, which is a package's name or its place in the tree. Specs, URLs
//! and headers never come here, so that no credential can.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::document::milliseconds;

/// What is kept of the spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// How many there were of each kind, and how long.
    Totals,
    /// Each one, for a trace.
    Everything,
}

/// Listens to the spans of all threads.
#[derive(Debug)]
pub(super) struct Spans {
    keep: Keep,
    began: Instant,
    last: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<u64, Open>,
    /// In the order in which the first of each kind ended.
    totals: Vec<(&'static str, Total)>,
    /// Names of the threads, in the order in which they first did anything.
    threads: Vec<(ThreadId, String)>,
    events: Vec<Value>,
}

/// A span that has not ended.
#[derive(Debug)]
struct Open {
    metadata: &'static Metadata<'static>,
    name: Option<String>,
    handles: usize,
    born: Instant,
    entered: Option<Instant>,
    entries: usize,
    busy: Duration,
}

/// All spans of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    times: usize,
    busy: Duration,
    waiting: Duration,
}

impl Spans {
    pub(super) fn new(keep: Keep) -> Self {
        Self { keep, began: Instant::now(), last: AtomicU64::new(0), state: Mutex::default() }
    }

    pub(super) fn keeps_everything(&self) -> bool {
        self.keep == Keep::Everything
    }

    /// Each kind of span: how many there were, and how long they were busy and waited, all together.
    pub(super) fn totals(&self) -> Value {
        let state = self.state();
        let totals = state.totals.iter().map(|(span, total)| {
            json!({
                "span": span,
                "times": total.times,
                "busyMs": milliseconds(total.busy),
                "waitingMs": milliseconds(total.waiting),
            })
        });
        totals.collect()
    }

    /// The same for a person: one line each.
    pub(super) fn table(&self) -> Vec<String> {
        let line = |busy: &str, waiting: &str, times: &str, span: &str| {
            format!("{busy:>10} {waiting:>10} {times:>6}  {span}")
        };
        let mut lines = vec![line("busy", "waiting", "times", "span")];
        for (span, total) in &self.state().totals {
            let (busy, waiting) = (super::duration(total.busy), super::duration(total.waiting));
            lines.push(line(&busy, &waiting, &total.times.to_string(), span));
        }
        lines
    }

    /// The document that chrome://tracing, Perfetto and speedscope read.
    pub(super) fn chrome_trace(&self) -> String {
        let state = self.state();
        let names = state.threads.iter().enumerate().map(|(number, (_, name))| {
            json!({ "ph": "M", "name": "thread_name", "pid": 1, "tid": number, "args": { "name": name } })
        });
        let events: Vec<Value> = names.chain(state.events.iter().cloned()).collect();
        json!({ "displayTimeUnit": "ms", "traceEvents": events }).to_string()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Microseconds since the command began.
    fn at(&self, instant: Instant) -> f64 {
        milliseconds(instant.saturating_duration_since(self.began)) * 1000.0
    }

    /// The time for which one thread was in a span.
    fn note_slice(&self, state: &mut State, id: u64, from: Instant, took: Duration) {
        let thread = state.thread();
        let Some(open) = state.open.get(&id) else { return };
        let event = json!({
            "ph": "X",
            "name": open.metadata.name(),
            "cat": open.metadata.target(),
            "pid": 1,
            "tid": thread,
            "ts": self.at(from),
            "dur": milliseconds(took) * 1000.0,
            "args": open.args(),
        });
        state.events.push(event);
    }

    /// The whole life of a span that threads went in and out of.
    fn note_life(&self, state: &mut State, id: u64, open: &Open, ended: Instant) {
        for (phase, at) in [("b", open.born), ("e", ended)] {
            state.events.push(json!({
                "ph": phase,
                "name": open.metadata.name(),
                "cat": open.metadata.target(),
                "pid": 1,
                "tid": 0,
                "id": id,
                "ts": self.at(at),
                "args": open.args(),
            }));
        }
    }
}

impl State {
    /// The number of this thread.
    fn thread(&mut self) -> usize {
        let current = thread::current();
        if let Some(number) = self.threads.iter().position(|(id, _)| *id == current.id()) {
            return number;
        }
        let number = self.threads.len();
        let name = current.name().map_or_else(|| format!("worker {number}"), str::to_owned);
        self.threads.push((current.id(), name));
        number
    }

    fn total(&mut self, span: &'static str) -> &mut Total {
        let known = self.totals.iter().position(|(name, _)| *name == span);
        let at = known.unwrap_or_else(|| {
            self.totals.push((span, Total::default()));
            self.totals.len() - 1
        });
        &mut self.totals[at].1
    }
}

impl Open {
    fn args(&self) -> Value {
        self.name.as_ref().map_or_else(|| json!({}), |name| json!({ "name": name }))
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("utoo")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let mut name = PackageName(None);
        if self.keeps_everything() {
            attributes.record(&mut name);
        }
        let open = Open {
            metadata: attributes.metadata(),
            name: name.0,
            handles: 1,
            born: Instant::now(),
            entered: None,
            entries: 0,
            busy: Duration::ZERO,
        };
        self.state().open.insert(id, open);
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        if let Some(open) = self.state().open.get_mut(&id.into_u64()) {
            open.entries += 1;
            open.entered = Some(Instant::now());
        }
    }

    fn exit(&self, id: &Id) {
        let mut state = self.state();
        let Some(open) = state.open.get_mut(&id.into_u64()) else { return };
        let Some(entered) = open.entered.take() else { return };
        let took = entered.elapsed();
        open.busy += took;
        if self.keeps_everything() {
            self.note_slice(&mut state, id.into_u64(), entered, took);
        }
    }

    fn clone_span(&self, id: &Id) -> Id {
        if let Some(open) = self.state().open.get_mut(&id.into_u64()) {
            open.handles += 1;
        }
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut state = self.state();
        let Some(open) = state.open.get_mut(&id.into_u64()) else { return true };
        open.handles -= 1;
        if open.handles > 0 {
            return false;
        }
        let Some(open) = state.open.remove(&id.into_u64()) else { return true };
        let ended = Instant::now();
        let total = state.total(open.metadata.name());
        total.times += 1;
        total.busy += open.busy;
        total.waiting += (ended - open.born).saturating_sub(open.busy);
        if self.keeps_everything() && open.entries > 1 {
            self.note_life(&mut state, id.into_u64(), &open, ended);
        }
        true
    }
}

/// The field `name`, and no other.
struct PackageName(Option<String>);

impl Visit for PackageName {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "name" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

/// Hears every span of the process from now on. The libraries open theirs on threads of several pools, which only a
/// listener of the whole process hears; a second call changes nothing.
pub(super) fn listen(spans: &Arc<Spans>) {
    let _ = tracing::subscriber::set_global_default(Arc::clone(spans));
}

#[cfg(test)]
mod tests;
