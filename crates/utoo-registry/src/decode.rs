//! From a response's body to a packument, on a thread that may compute.
//!
//! Nothing here runs on the async runtime: [`off_runtime`] hands the work to rayon's pool and the value back at once.
//! Inflating and parsing need scratch memory; [`Scratch`] keeps what an earlier document has left, so that a cold
//! resolve of a thousand documents reserves it once a thread.

use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, header};
use libdeflater::Decompressor;
use tokio::sync::oneshot;
use tracing::debug_span;
use utoo_resolver::{ErrorCategory, RegistryError};
use utoo_types::{Packument, PackumentError, PackumentParser};

/// Deflate cannot do better than this, so that a trailer which claims more lies (RFC 1951: 258 bytes from 2 bits).
const MAX_RATIO: usize = 1032;

/// What each member of a gzip stream begins with.
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    /// Something that was not asked for.
    Other,
}

impl Encoding {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Self::Identity };
        match value.to_str().map(str::trim) {
            Ok(text) if text.eq_ignore_ascii_case("gzip") || text.eq_ignore_ascii_case("x-gzip") => {
                Self::Gzip
            }
            Ok(text) if text.is_empty() || text.eq_ignore_ascii_case("identity") => Self::Identity,
            _ => Self::Other,
        }
    }
}

/// What is wrong with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It ends too early or is damaged: another copy may be whole.
    Damaged(String),
    /// It is whole, and no document.
    Malformed { code: &'static str, message: String },
}

/// Runs `work` on rayon's pool. A panic in it ends the process, as any panic of utoo's does.
///
/// # Errors
/// `ECANCELED` if the pool ends before the work was done.
pub(crate) async fn off_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RegistryError> {
    let (done, wait) = oneshot::channel();
    rayon::spawn(move || {
        // Nobody waits any more if the job was dropped.
        let _ = done.send(debug_span!("compute").in_scope(work));
    });
    wait.await.map_err(|_| failed_worker())
}

/// Small pieces of work, one after the other on one of rayon's threads. Each by itself would cost more to hand over than to
/// do: here a thread is woken only if none is at it.
#[derive(Clone, Default)]
pub(crate) struct Lane(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    waiting: Vec<Box<dyn FnOnce() + Send>>,
    /// Whether a thread will look here again.
    is_served: bool,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lane")
    }
}

impl Lane {
    /// Runs `work` behind what waits.
    ///
    /// # Errors
    /// `ECANCELED` if the pool ends before the work was done.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RegistryError> {
        let (done, wait) = oneshot::channel();
        // Nobody waits any more if the job was dropped.
        self.push(Box::new(move || drop(done.send(work()))));
        wait.await.map_err(|_| failed_worker())
    }

    fn push(&self, work: Box<dyn FnOnce() + Send>) {
        let mut queue = self.lock();
        queue.waiting.push(work);
        if !std::mem::replace(&mut queue.is_served, true) {
            let lane = self.clone();
            rayon::spawn(move || lane.serve());
        }
    }

    fn serve(&self) {
        let mut taken = Vec::new();
        loop {
            {
                let mut queue = self.lock();
                std::mem::swap(&mut queue.waiting, &mut taken);
                queue.is_served = !taken.is_empty();
            }
            if taken.is_empty() {
                return;
            }
            taken.drain(..).for_each(|work| work());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed_worker() -> RegistryError {
    RegistryError::new("ECANCELED", ErrorCategory::Local, "a worker thread has failed")
}

/// Memory that documents use one after the other. Holds nothing of any of them.
#[derive(Default)]
pub(crate) struct Scratch(Mutex<Vec<Tools>>);

struct Tools {
    inflate: Decompressor,
    /// The document at hand is at its start. Reserved at once, and never shortened: fresh pages for each document cost more
    /// than inflating into old ones, and so does copying what is in them when there have to be more.
    plain: Vec<u8>,
    parse: PackumentParser,
}

impl Default for Tools {
    fn default() -> Self {
        Self { inflate: Decompressor::new(), plain: Vec::new(), parse: PackumentParser::roomy() }
    }
}

/// A buffer that had to grow beyond this is given back. One document in a thousand is larger.
const KEPT: usize = 4 << 20;

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scratch")
    }
}

impl Scratch {
    /// Inflates and parses a packument of at most `limit` bytes.
    pub(crate) fn packument(
        &self,
        body: &[u8],
        encoding: Encoding,
        limit: u64,
    ) -> Result<Packument, Unreadable> {
        self.with(|tools| {
            let length = tools.fill(body, encoding, limit)?;
            check_start(&tools.plain[..length])?;
            tools.parse.parse_padded(&mut tools.plain, length).map_err(|error| unreadable(&error))
        })
    }

    /// Inflates a JSON document of at most `limit` bytes.
    pub(crate) fn value(
        &self,
        body: &[u8],
        encoding: Encoding,
        limit: u64,
    ) -> Result<serde_json::Value, Unreadable> {
        self.with(|tools| {
            let length = tools.fill(body, encoding, limit)?;
            let plain = &tools.plain[..length];
            check_start(plain)?;
            serde_json::from_slice(plain).map_err(|error| {
                let message = error.to_string();
                match error.is_eof() {
                    true => Unreadable::Damaged(message),
                    false => Unreadable::Malformed { code: "EJSONPARSE", message },
                }
            })
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Tools) -> T) -> T {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = lock().pop();
        let mut tools = taken.unwrap_or_default();
        let result = work(&mut tools);
        if tools.plain.len() > KEPT {
            tools.plain = Vec::new();
        }
        lock().push(tools);
        result
    }
}

impl Tools {
    /// Makes the first bytes of `plain` the document, with room for the parser behind it; gives its length.
    fn fill(&mut self, body: &[u8], encoding: Encoding, limit: u64) -> Result<usize, Unreadable> {
        match encoding {
            Encoding::Identity => {
                let length = body.len();
                self.make_room(length);
                self.plain[..length].copy_from_slice(body);
                Ok(length)
            }
            Encoding::Gzip => self.gunzip(body, limit),
            Encoding::Other => Err(Unreadable::Malformed {
                code: "EENCODING",
                message: "the response is compressed in a way that was not asked for".to_owned(),
            }),
        }
    }

    /// Inflates in one go where the trailer tells the size, and piece by piece where it does not or lies.
    fn gunzip(&mut self, body: &[u8], limit: u64) -> Result<usize, Unreadable> {
        if let Some(size) = promised_size(body, limit).filter(|_| is_single(body)) {
            self.make_room(size);
            if self.inflate.gzip_decompress(body, &mut self.plain[..size]) == Ok(size) {
                return Ok(size);
            }
        }
        self.plain.clear();
        let mut reader = flate2::read::MultiGzDecoder::new(body).take(limit.saturating_add(1));
        reader
            .read_to_end(&mut self.plain)
            .map_err(|error| Unreadable::Damaged(format!("the compressed response is damaged: {error}")))?;
        let length = self.plain.len();
        if length as u64 > limit {
            return Err(Unreadable::Malformed {
                code: "ETOOLARGE",
                message: format!("the response is larger than {limit} bytes"),
            });
        }
        self.plain.resize(length + PackumentParser::PADDING, 0);
        Ok(length)
    }

    /// Room for a document of this length.
    fn make_room(&mut self, length: usize) {
        let wanted = length + PackumentParser::PADDING;
        if self.plain.len() < wanted {
            self.plain = vec![0; wanted.max(KEPT)];
        }
    }
}

/// The size that the last four bytes give (RFC 1952: ISIZE, modulo 2^32), if it can be true.
fn promised_size(body: &[u8], limit: u64) -> Option<usize> {
    let size = u32::from_le_bytes(*body.last_chunk::<4>()?);
    let size = usize::try_from(size).ok()?;
    let possible = body.len().saturating_mul(MAX_RATIO);
    (size > 0 && size <= possible && size as u64 <= limit).then_some(size)
}

/// Whether no second member can follow the first: gzip allows several, and libdeflate stops after one.
fn is_single(body: &[u8]) -> bool {
    body.get(GZIP_MAGIC.len()..).is_some_and(|rest| memchr::memmem::find(rest, &GZIP_MAGIC).is_none())
}

/// Tells an empty body and a page of HTML from JSON, which say more about what happened than a parser's error.
fn check_start(json: &[u8]) -> Result<(), Unreadable> {
    let start = json.trim_ascii_start();
    match start.first() {
        None => Err(Unreadable::Damaged("the response is empty".to_owned())),
        Some(b'<') => Err(Unreadable::Malformed {
            code: "EJSONPARSE",
            message: "the response is a page of HTML, not JSON: is this a registry, or a login page on the way to it?"
                .to_owned(),
        }),
        Some(b'{') if json.trim_ascii_end().last() != Some(&b'}') => {
            Err(Unreadable::Damaged("the response ends too early".to_owned()))
        }
        _ => Ok(()),
    }
}

fn unreadable(error: &PackumentError) -> Unreadable {
    Unreadable::Malformed { code: error.code(), message: error.to_string() }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
