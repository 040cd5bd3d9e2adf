//! Progress of a long command: a line that is drawn over on a terminal, plain lines elsewhere, nothing where nobody
//! looks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::style::{Style, duration, on_one_line, visible};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Resolving,
    Fetching,
    Linking,
    Verifying,
}

impl Phase {
    fn label(self) -> &'static str {
        match self {
            Self::Resolving => "resolving",
            Self::Fetching => "fetching",
            Self::Linking => "linking",
            Self::Verifying => "verifying",
        }
    }
}

/// Where progress goes. Cheap to report to: a draw happens at most ten times a second.
#[derive(Debug)]
pub(crate) struct Progress {
    view: View,
    done: AtomicU64,
    total: AtomicU64,
}

#[derive(Debug)]
enum View {
    Silent,
    /// One line when a phase ends.
    Lines,
    Bar(ProgressBar),
}

impl Progress {
    pub(super) fn silent() -> Self {
        Self::with(View::Silent)
    }

    pub(super) fn lines() -> Self {
        Self::with(View::Lines)
    }

    pub(super) fn animated(style: Style) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        let template = match style {
            Style::Coloured => "{spinner:.cyan} {prefix:.bold} {msg}",
            Style::Plain => "{spinner} {prefix} {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self::with(View::Bar(bar))
    }

    fn with(view: View) -> Self {
        Self { view, done: AtomicU64::new(0), total: AtomicU64::new(0) }
    }

    /// A phase begins; its counts start at zero.
    pub(crate) fn begin(&self, phase: Phase) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(0, Ordering::Relaxed);
        if let View::Bar(bar) = &self.view {
            bar.set_prefix(phase.label());
            bar.set_message("");
            bar.enable_steady_tick(Duration::from_millis(100));
        }
    }

    /// There is more to do than was known.
    pub(crate) fn add_total(&self, count: u64) {
        self.total.fetch_add(count, Ordering::Relaxed);
    }

    /// One is done; `what` is shown beside the counts.
    pub(crate) fn tick(&self, what: &str) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let View::Bar(bar) = &self.view {
            let total = self.total.load(Ordering::Relaxed).max(done);
            bar.set_message(format!("{done}/{total} {}", on_one_line(&visible(what))));
        }
    }

    /// A phase has ended after this long, having done so much.
    pub(crate) fn end(&self, phase: Phase, started: Instant, what: &str) {
        if let View::Lines = &self.view {
            super::stderr(&format!(
                "{}: {} in {}",
                phase.label(),
                visible(what),
                duration(started.elapsed())
            ));
        }
    }

    /// Takes the line away, before anything else is written.
    pub(crate) fn clear(&self) {
        if let View::Bar(bar) = &self.view {
            bar.disable_steady_tick();
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
