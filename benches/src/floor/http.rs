//! Requests over blocking sockets.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;

use super::Error;

/// More than the head of any answer.
const HEAD: usize = 16 << 10;

/// The connections of one thread, and what is under way on them.
pub(super) struct Connections<'a> {
    streams: Vec<Stream>,
    /// Connection and piece, the one asked first in front.
    under_way: VecDeque<(usize, usize)>,
    paths: &'a [&'a str],
}

struct Stream {
    stream: TcpStream,
    host: String,
    /// Read, and not used yet.
    rest: Vec<u8>,
}

impl<'a> Connections<'a> {
    /// Opens them and asks for the first pieces; `take` gives the next one to ask for.
    pub(super) fn open(
        registry: &str,
        count: usize,
        depth: usize,
        paths: &'a [&'a str],
        take: &dyn Fn() -> Option<usize>,
    ) -> Result<Self, Error> {
        let host = registry.strip_prefix("http://").ok_or("the registry is no http:// URL")?;
        let host = host.trim_end_matches('/');
        let mut all = Self { streams: Vec::new(), under_way: VecDeque::new(), paths };
        for at in 0..count {
            let Some(first) = take() else { break };
            let stream = TcpStream::connect(host)?;
            stream.set_nodelay(true)?;
            all.streams.push(Stream { stream, host: host.to_owned(), rest: Vec::new() });
            all.ask(at, first)?;
        }
        for _ in 1..depth {
            for at in 0..all.streams.len() {
                take().map_or(Ok(()), |piece| all.ask(at, piece))?;
            }
        }
        Ok(all)
    }

    /// The answer to the oldest request, after the next one was sent in its place.
    pub(super) fn receive(
        &mut self,
        take: &dyn Fn() -> Option<usize>,
    ) -> Result<Option<(usize, Vec<u8>)>, Error> {
        let Some((at, piece)) = self.under_way.pop_front() else { return Ok(None) };
        let body = self.streams[at].receive().map_err(|error| format!("{}: {error}", self.paths[piece]))?;
        take().map_or(Ok(()), |next| self.ask(at, next))?;
        Ok(Some((piece, body)))
    }

    fn ask(&mut self, at: usize, piece: usize) -> Result<(), Error> {
        let stream = &mut self.streams[at];
        let request = format!(
            "GET {} HTTP/1.1\r\nhost: {}\r\naccept: application/vnd.npm.install-v1+json\r\naccept-encoding: gzip\r\n\r\n",
            self.paths[piece], stream.host,
        );
        stream.stream.write_all(request.as_bytes())?;
        self.under_way.push_back((at, piece));
        Ok(())
    }
}

impl Stream {
    fn receive(&mut self) -> Result<Vec<u8>, Error> {
        let (head, length) = loop {
            if let Some(found) = parse_head(&self.rest)? {
                break found;
            }
            let (from, room) = (self.rest.len(), HEAD);
            self.rest.resize(from + room, 0);
            let read = self.stream.read(&mut self.rest[from..])?;
            self.rest.truncate(from + read);
            if read == 0 {
                return Err("the server closed the connection".into());
            }
        };
        let mut body = Vec::with_capacity(length);
        let here = length.min(self.rest.len() - head);
        body.extend_from_slice(&self.rest[head..head + here]);
        self.rest.drain(..head + here);
        let missing = (length - here) as u64;
        if (&mut self.stream).take(missing).read_to_end(&mut body)? as u64 != missing {
            return Err("the answer is cut off".into());
        }
        Ok(body)
    }
}

/// Lengths of the head and of the body, once the head is there.
fn parse_head(bytes: &[u8]) -> Result<Option<(usize, usize)>, Error> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes)? else { return Ok(None) };
    if response.code != Some(200) {
        return Err(format!("status {}", response.code.unwrap_or_default()).into());
    }
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = std::str::from_utf8(length.ok_or("an answer without a length")?.value)?.trim().parse()?;
    Ok(Some((head, length)))
}
