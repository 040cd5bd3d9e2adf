//! Plain HTTP with nothing in between: a request is written and its answer read, over connections that are kept.
//!
//! A registry in the house or on the same machine is asked a thousand times in a tenth of a second, and what a client for
//! every case does for each request was a sixth of the CPU time of a cold resolve. Here an answer is read straight into
//! memory of its size. Whatever is not this simple is left to the other client ([`Trouble::Beyond`]): TLS, proxies, a
//! local address, addresses that take their time, answers that last until the connection ends.
//!
//! **Safety**: the head is httparse's to read, and at most [`MAX_HEAD`] bytes. A connection is used again only if the last
//! answer's end was beyond doubt and nothing followed it, so that no server can put an answer under another question.

mod chunks;
mod head;

use std::cell::RefCell;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{BufMut, Bytes};
use http::{HeaderMap, HeaderValue, StatusCode};
use rustc_hash::FxHashMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

use super::{IDLE, MAX_RESERVE};
use crate::failure::Failure;
use crate::options::Timeouts;
use crate::stats::Counter;
use chunks::Chunks;
use head::{Head, Length, Parsed};

/// Most bytes of a head. Those of registries have less than 2 KiB.
const MAX_HEAD: usize = 64 << 10;
/// What is read at once before the length of an answer is known, in bytes: nine tarballs of ten, and the head before them.
const FIRST_READ: usize = 64 << 10;
/// What is read at once of a body in chunks, in bytes.
const CHUNKED_READ: usize = 32 << 10;
/// A connection that takes longer may have to be tried at another of the host's addresses meanwhile, which the other client
/// does.
const CONNECT: Duration = Duration::from_millis(300);

/// The connections to all hosts.
#[derive(Debug)]
pub(super) struct Direct {
    user_agent: HeaderValue,
    timeouts: Timeouts,
    /// How many are kept for each host.
    most_idle: usize,
    /// By host and port, as they stand in a URL.
    hosts: Mutex<FxHashMap<String, Host>>,
}

#[derive(Debug, Default)]
struct Host {
    /// The one that was used last at the end.
    idle: Vec<(TcpStream, Instant)>,
    /// It answered in a way that is not read here, and is not asked here again.
    is_beyond: bool,
}

/// Why there is no answer.
pub(super) enum Trouble {
    /// The question is one for the other client.
    Beyond,
    /// The other one would fail, too.
    Failed(Failure),
}

/// An answer, its body still to be read.
#[derive(Debug)]
pub(super) struct DirectResponse<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    framing: Framing,
    /// What is here of the body.
    body: Vec<u8>,
    /// How much of that was handed on.
    handed_on: usize,
    /// Until the last byte has come.
    stream: Option<TcpStream>,
    is_kept: bool,
    deadline: Instant,
    direct: &'a Direct,
}

/// Where a body ends.
#[derive(Debug)]
enum Framing {
    /// After so many bytes.
    Stated(u64),
    Chunks(Chunks),
}

/// A connection on which an answer did not come.
enum Lost {
    /// It ended before the first byte: one that was kept may have been closed meanwhile.
    Unanswered(io::Error),
    Late,
    Cut(io::Error),
    Beyond,
}

impl Direct {
    pub(super) fn new(user_agent: &str, timeouts: Timeouts, most_idle: usize) -> Option<Self> {
        let user_agent = HeaderValue::from_str(user_agent).ok()?;
        Some(Self { user_agent, timeouts, most_idle, hosts: Mutex::default() })
    }

    /// Sends a request, which counts in `asked`, and reads the head of its answer; `total` is the time for the body, too.
    pub(super) async fn get(
        &self,
        url: &Url,
        (headers, authorization): (&HeaderMap, Option<&HeaderValue>),
        total: Duration,
        asked: &Counter,
    ) -> Result<DirectResponse<'_>, Trouble> {
        let deadline = Instant::now() + total;
        let host = &url[Position::BeforeHost..Position::AfterPort];
        let request = self.print(url, host, headers, authorization);
        let failed = |lost| match lost {
            Lost::Beyond => self.beyond(host),
            Lost::Late => Trouble::Failed(Failure::late(url)),
            Lost::Unanswered(error) | Lost::Cut(error) => Trouble::Failed(Failure::lost(url, &error)),
        };
        while let Some(stream) = self.kept(host)? {
            match self.exchange(stream, host, &request, deadline).await {
                Err(Lost::Unanswered(_)) => {}
                answered => {
                    asked.add(1);
                    return answered.map_err(failed);
                }
            }
        }
        let stream = self.connect(url, host).await?;
        asked.add(1);
        self.exchange(stream, host, &request, deadline).await.map_err(failed)
    }

    fn print(
        &self,
        url: &Url,
        host: &str,
        headers: &HeaderMap,
        authorization: Option<&HeaderValue>,
    ) -> Vec<u8> {
        let mut request = Vec::with_capacity(512);
        let parts: [&[u8]; 5] = [
            b"GET ",
            url[Position::BeforePath..Position::AfterQuery].as_bytes(),
            b" HTTP/1.1\r\nhost: ",
            host.as_bytes(),
            b"\r\n",
        ];
        parts.iter().for_each(|part| request.extend_from_slice(part));
        let agent = Some(("user-agent", &self.user_agent));
        let authorization = authorization.map(|value| ("authorization", value));
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in headers.chain(agent).chain(authorization) {
            let parts: [&[u8]; 4] = [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"];
            parts.iter().for_each(|part| request.extend_from_slice(part));
        }
        request.extend_from_slice(b"\r\n");
        request
    }

    /// A connection that was kept, nothing waiting on it.
    fn kept(&self, host: &str) -> Result<Option<TcpStream>, Trouble> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(host) = hosts.get_mut(host) else { return Ok(None) };
        if host.is_beyond {
            return Err(Trouble::Beyond);
        }
        while let Some((stream, since)) = host.idle.pop() {
            let silent = stream.try_read(&mut [0]);
            let is_silent = silent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
            if is_silent && since.elapsed() < IDLE {
                return Ok(Some(stream));
            }
        }
        Ok(None)
    }

    fn keep(&self, host: &str, stream: TcpStream) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = (stream, Instant::now());
        match hosts.get_mut(host) {
            Some(host) if host.idle.len() < self.most_idle => host.idle.push(kept),
            Some(_) => {}
            None => _ = hosts.insert(host.to_owned(), Host { idle: vec![kept], is_beyond: false }),
        }
    }

    /// Leaves a host to the other client from now on.
    fn beyond(&self, host: &str) -> Trouble {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        *hosts.entry(host.to_owned()).or_default() = Host { idle: Vec::new(), is_beyond: true };
        Trouble::Beyond
    }

    /// Whatever goes wrong here, the other client finds a way around it, or the words for it.
    async fn connect(&self, url: &Url, host: &str) -> Result<TcpStream, Trouble> {
        let port = url.port_or_known_default().ok_or(Trouble::Beyond)?;
        let name = url.host_str().ok_or(Trouble::Beyond)?;
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let connecting = TcpStream::connect((name, port));
        match tokio::time::timeout(CONNECT.min(self.timeouts.connect), connecting).await {
            Ok(Ok(stream)) => {
                // Without it requests only wait longer.
                let _ = stream.set_nodelay(true);
                Ok(stream)
            }
            Ok(Err(_)) => Err(Trouble::Beyond),
            Err(_) => Err(self.beyond(host)),
        }
    }

    async fn exchange(
        &self,
        mut stream: TcpStream,
        host: &str,
        request: &[u8],
        deadline: Instant,
    ) -> Result<DirectResponse<'_>, Lost> {
        let written = self.in_time(deadline, stream.write_all(request)).await?;
        written.map_err(Lost::Unanswered)?;
        let mut begun = Vec::new();
        loop {
            let readable = self.in_time(deadline, stream.readable()).await?;
            let first = readable.and_then(|()| first_read(&stream, &mut begun));
            let (head, body) = match first {
                Ok(Some(Parsed::Whole(head, body))) => (head, body),
                Ok(Some(Parsed::Beyond)) => return Err(Lost::Beyond),
                Ok(None) => continue,
                Err(error) if begun.is_empty() => return Err(Lost::Unanswered(error)),
                Err(error) => return Err(Lost::Cut(error)),
            };
            let Head { status, headers, length, is_kept } = head;
            let (framing, body) = match length {
                Length::Stated(length) => (Framing::Stated(length), body),
                Length::Chunked => {
                    let (mut chunks, mut decoded) = (Chunks::new(body), Vec::new());
                    chunks.decode(&mut decoded).map_err(|_| Lost::Beyond)?;
                    (Framing::Chunks(chunks), decoded)
                }
            };
            let stream = Some(stream);
            let (handed_on, direct) = (0, self);
            let mut response = DirectResponse {
                status,
                headers,
                framing,
                body,
                handed_on,
                stream,
                is_kept,
                deadline,
                direct,
            };
            response.release(host);
            return Ok(response);
        }
    }

    /// Bounds a wait by the time for the whole and by that without a byte.
    async fn in_time<T>(&self, deadline: Instant, waiting: impl Future<Output = T>) -> Result<T, Lost> {
        let until = deadline.min(Instant::now() + self.timeouts.stall);
        timeout_at(until, waiting).await.map_err(|_| Lost::Late)
    }
}

thread_local! {
    /// Where the beginning of an answer goes until its length is known.
    static FIRST: RefCell<Vec<u8>> = RefCell::new(vec![0; FIRST_READ]);
}

/// Reads what has come of an answer: its head, and what there is of its body; `None` where the head is not whole, whose
/// beginning `begun` keeps.
fn first_read(stream: &TcpStream, begun: &mut Vec<u8>) -> io::Result<Option<Parsed>> {
    FIRST.with_borrow_mut(|first| {
        let length = match stream.try_read(first) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        if begun.is_empty()
            && let Some(parsed) = head::parse(&first[..length])
        {
            return Ok(Some(parsed));
        }
        begun.extend_from_slice(&first[..length]);
        Ok(head::parse(begun))
    })
}

impl DirectResponse<'_> {
    /// How long the body is, in bytes, where that is known.
    pub(super) fn announced(&self) -> Option<u64> {
        match self.framing {
            Framing::Stated(length) => Some(length),
            Framing::Chunks(_) => None,
        }
    }

    /// The next part of the body; `None` at its end.
    pub(super) async fn chunk(&mut self, url: &Url) -> Result<Option<&[u8]>, Failure> {
        while self.handed_on == self.body.len() {
            if self.stream.is_none() {
                return Ok(None);
            }
            self.read_more(url).await?;
        }
        let start = std::mem::replace(&mut self.handed_on, self.body.len());
        Ok(Some(&self.body[start..]))
    }

    /// All parts that were handed on.
    pub(super) fn into_body(self) -> Bytes {
        self.body.into()
    }

    /// Hands the connection on to the next request, if all of the answer has come.
    fn release(&mut self, host: &str) {
        let (is_whole, is_clean) = match &self.framing {
            Framing::Stated(length) => (self.body.len() as u64 == *length, true),
            Framing::Chunks(chunks) => (chunks.is_over(), chunks.raw.is_empty()),
        };
        if is_whole
            && let Some(stream) = self.stream.take()
            && self.is_kept
            && is_clean
        {
            self.direct.keep(host, stream);
        }
    }

    /// Reads once from the connection, if there is one.
    async fn read_more(&mut self, url: &Url) -> Result<(), Failure> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let read = match &mut self.framing {
            Framing::Stated(length) => {
                let missing = *length - self.body.len() as u64;
                if self.body.len() == self.body.capacity() {
                    self.body.reserve(usize::try_from(missing.min(MAX_RESERVE)).unwrap_or(0));
                }
                let mut room = (&mut self.body).limit(usize::try_from(missing).unwrap_or(usize::MAX));
                self.direct.in_time(self.deadline, stream.read_buf(&mut room)).await
            }
            Framing::Chunks(chunks) => {
                chunks.raw.reserve(CHUNKED_READ);
                self.direct.in_time(self.deadline, stream.read_buf(&mut chunks.raw)).await
            }
        };
        match read {
            Ok(Ok(1..)) => {}
            Ok(Ok(0)) => return Err(Failure::lost(url, &io::ErrorKind::UnexpectedEof.into())),
            Ok(Err(error)) => return Err(Failure::lost(url, &error)),
            Err(_) => return Err(Failure::late(url)),
        }
        if let Framing::Chunks(chunks) = &mut self.framing {
            let decoded = chunks.decode(&mut self.body);
            decoded.map_err(|_| Failure::damaged(url, "the response is not in chunks as it says"))?;
        }
        self.release(&url[Position::BeforeHost..Position::AfterPort]);
        Ok(())
    }
}
