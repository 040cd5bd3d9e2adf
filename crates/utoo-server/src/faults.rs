//! What goes wrong on purpose.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

/// One thing that goes wrong with an answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The answer starts this much later. Adds up with any other fault.
    Delay(Duration),
    /// After this many bytes of the body nothing more comes, and the connection stays open.
    Stall {
        /// Bytes of the body that are sent.
        after: usize,
    },
    /// After this many bytes of the body the connection is closed.
    Cut {
        /// Bytes of the body that are sent.
        after: usize,
    },
    /// This answer in place of the real one.
    Status {
        /// The status.
        code: StatusCode,
        /// Further headers, such as `retry-after`.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: Bytes,
    },
    /// The real status and headers with this body.
    Body(Bytes),
    /// The real answer with one bit of its body turned over.
    FlipByte {
        /// Where; counted from the start, and taken modulo the length.
        at: usize,
    },
    /// The real answer under a `content-length` that isn't its own; the connection ends with the body.
    ContentLength(u64),
    /// `302` to this URL.
    Redirect {
        /// The `location`.
        to: String,
    },
}

impl Fault {
    /// A bare status, for the common case.
    #[must_use]
    pub fn status(code: u16) -> Self {
        let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::Status { code, headers: Vec::new(), body: Bytes::from_static(b"{\"error\":\"fault\"}") }
    }
}

/// Which of the requests that match are hit, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nth {
    /// All of them.
    Every,
    /// That one.
    Only(u64),
    /// The first so many.
    First(u64),
    /// That one and all after it.
    From(u64),
}

impl Nth {
    fn covers(self, n: u64) -> bool {
        match self {
            Self::Every => true,
            Self::Only(only) => n == only,
            Self::First(first) => n <= first,
            Self::From(from) => n >= from,
        }
    }
}

#[derive(Debug)]
struct Rule {
    pattern: String,
    nth: Nth,
    fault: Fault,
    seen: AtomicU64,
}

/// The faults of a server: rules that are looked at in order for each request.
///
/// ```
/// use utoo_server::{Fault, FaultPlan, Nth};
///
/// let plan = FaultPlan::new()
///     .on("/left", Nth::First(2), Fault::status(503))
///     .on("/*/-/*.tgz", Nth::Only(1), Fault::Cut { after: 100 });
/// ```
#[derive(Debug, Default)]
pub struct FaultPlan {
    rules: Vec<Rule>,
}

impl FaultPlan {
    /// A plan without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule: `pattern` is compared with the path as sent, `*` standing for any run of characters.
    #[must_use]
    pub fn on(mut self, pattern: &str, nth: Nth, fault: Fault) -> Self {
        self.rules.push(Rule { pattern: pattern.to_owned(), nth, fault, seen: AtomicU64::new(0) });
        self
    }

    /// What happens to a request for `path`: the delay before it, and the first other fault that applies.
    pub(crate) fn apply(&self, path: &str) -> (Duration, Option<Fault>) {
        let mut delay = Duration::ZERO;
        let mut hit = None;
        for rule in &self.rules {
            if !matches(&rule.pattern, path) {
                continue;
            }
            let n = rule.seen.fetch_add(1, Ordering::Relaxed) + 1;
            if !rule.nth.covers(n) {
                continue;
            }
            match &rule.fault {
                Fault::Delay(more) => delay += *more,
                other if hit.is_none() => hit = Some(other.clone()),
                _ => {}
            }
        }
        (delay, hit)
    }
}

/// Whether `text` is `pattern`, in which `*` stands for any run of characters, also an empty one.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
#[path = "faults_tests.rs"]
mod tests;
