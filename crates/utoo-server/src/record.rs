//! What was asked and answered: counters always, requests for tests, lines for the access log.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::error::ServerError;
use crate::options::{AccessLog, Recording};

/// Lines that may wait for the log's thread; beyond that they are dropped and counted.
const LOG_QUEUE: usize = 4096;

/// One request and its answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRecord {
    /// When it arrived, as an HTTP date.
    pub at: String,
    /// `GET`, `HEAD` and so on.
    pub method: String,
    /// The path as sent, still percent-encoded, with its query.
    pub path: String,
    /// The `accept` header.
    pub accept: Option<String>,
    /// The `accept-encoding` header.
    pub accept_encoding: Option<String>,
    /// The `if-none-match` header.
    pub if_none_match: Option<String>,
    /// The `user-agent` header.
    pub user_agent: Option<String>,
    /// Whether an `authorization` header came; its value is never kept.
    pub authorization: bool,
    /// The status answered.
    pub status: u16,
    /// Bytes of the body as answered, encoded as sent.
    pub bytes: u64,
    /// Time until the answer was ready to be sent.
    #[serde(serialize_with = "as_micros", rename = "micros")]
    pub elapsed: Duration,
}

impl RequestRecord {
    /// Whether a tarball was asked for.
    #[must_use]
    pub fn is_tarball(&self) -> bool {
        self.path.contains("/-/") && !self.path.starts_with("/-/")
    }
}

fn as_micros<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
}

/// Counters since the start, or since they were reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Requests answered, those for `/-/…` left out.
    pub requests: u64,
    /// Of these, for documents.
    pub documents: u64,
    /// Of these, for tarballs.
    pub tarballs: u64,
    /// Answers `304`.
    pub not_modified: u64,
    /// Answers `404`.
    pub misses: u64,
    /// Bytes written to sockets, headers included.
    pub bytes_sent: u64,
    /// Bytes read from sockets, headers included.
    pub bytes_received: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Requests sent upstream.
    pub upstream_requests: u64,
    /// Bytes of bodies received from upstream.
    pub upstream_bytes: u64,
    /// Answers served stale since the upstream failed.
    pub stale: u64,
    /// Access log lines dropped since the log's thread didn't keep up.
    pub log_lines_dropped: u64,
}

macro_rules! counters {
    ($($name:ident),* $(,)?) => {
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: AtomicU64),* }

        impl Counters {
            pub(crate) fn stats(&self) -> Stats {
                Stats { $($name: self.$name.load(Ordering::Relaxed)),* }
            }

            pub(crate) fn reset(&self) {
                $(self.$name.store(0, Ordering::Relaxed);)*
            }
        }
    };
}

counters!(
    requests,
    documents,
    tarballs,
    not_modified,
    misses,
    bytes_sent,
    bytes_received,
    connections,
    upstream_requests,
    upstream_bytes,
    stale,
    log_lines_dropped,
);

pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

/// Takes each record to where it is wanted.
pub(crate) struct Recorder {
    pub(crate) counters: Arc<Counters>,
    keep: usize,
    kept: Mutex<Vec<RequestRecord>>,
    log: Option<Log>,
}

struct Log {
    lines: Option<SyncSender<RequestRecord>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    pub(crate) fn new(recording: Recording, log: &AccessLog) -> Result<Self, ServerError> {
        let keep = match recording {
            Recording::Off => 0,
            Recording::Keep(keep) => keep,
        };
        let counters = Arc::new(Counters::default());
        Ok(Self { counters, keep, kept: Mutex::new(Vec::new()), log: Log::open(log)? })
    }

    /// Whether the fields of a record are worth collecting.
    pub(crate) fn wants_records(&self) -> bool {
        self.keep > 0 || self.log.is_some()
    }

    pub(crate) fn record(&self, record: RequestRecord) {
        if let Some(lines) = self.log.as_ref().and_then(|log| log.lines.as_ref())
            && let Err(TrySendError::Full(_)) = lines.try_send(record.clone())
        {
            add(&self.counters.log_lines_dropped, 1);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < self.keep {
            kept.push(record);
        }
    }

    pub(crate) fn requests(&self) -> Vec<RequestRecord> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn reset(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.counters.reset();
    }
}

impl Log {
    fn open(log: &AccessLog) -> Result<Option<Self>, ServerError> {
        let mut sink: Box<dyn Write + Send> = match log {
            AccessLog::Off => return Ok(None),
            AccessLog::Stdout => Box::new(std::io::stdout()),
            AccessLog::File(path) => {
                let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
                let file = file.map_err(|source| ServerError::Path { path: path.clone(), source })?;
                Box::new(std::io::BufWriter::new(file))
            }
        };
        let (lines, queue) = sync_channel::<RequestRecord>(LOG_QUEUE);
        let thread = std::thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            while let Ok(record) = queue.recv() {
                let mut next = Some(record);
                // Flushed when the queue runs empty: a reader sees lines at once, a burst costs one write.
                while let Some(record) = next {
                    if serde_json::to_writer(&mut sink, &record).is_ok() {
                        let _ = sink.write_all(b"\n");
                    }
                    next = queue.try_recv().ok();
                }
                let _ = sink.flush();
            }
        });
        let thread = thread.map_err(ServerError::Runtime)?;
        Ok(Some(Self { lines: Some(lines), thread: Some(thread) }))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        drop(self.lines.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) fn http_now() -> String {
    httpdate::fmt_http_date(SystemTime::now())
}
