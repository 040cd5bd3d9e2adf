use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::faults::FaultPlan;
use crate::fixtures::FixtureRegistry;

/// What stands behind the server.
#[derive(Debug)]
pub enum Mode {
    /// Reads through to another registry and keeps what it read.
    Proxy {
        /// The registry that is asked for what the storage lacks.
        upstream: Url,
        /// Where documents and tarballs are kept; made when missing.
        storage: PathBuf,
        /// For how long a kept document is answered without asking upstream.
        max_age: Duration,
    },
    /// Serves a directory written by a proxy run, or by [`prune`](crate::prune), and never asks anyone.
    Frozen {
        /// The storage directory.
        dir: PathBuf,
    },
    /// Serves packages made in memory, or read by [`FixtureRegistry::from_dir`].
    Fixtures(FixtureRegistry),
}

/// Where the access log, one JSON object a line, goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccessLog {
    /// No log.
    #[default]
    Off,
    /// Standard output.
    Stdout,
    /// Appended to this file.
    File(PathBuf),
}

/// Whether [`ServerHandle::requests`](crate::ServerHandle::requests) has something to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// Only counters are kept: what a long-lived server wants.
    Off,
    /// Up to this number of requests is kept, the first ones.
    Keep(usize),
}

/// Which forms of a document a server has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Documents {
    /// Full and abbreviated, as npm's registry: the client's `accept` decides.
    #[default]
    Both,
    /// Full ones only, whatever is asked for, as many mirrors: clients learn licences without any tarball.
    Full,
}

/// What one server puts up with.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at one time; further ones wait to be accepted.
    pub connections: usize,
    /// A connection on which nothing moves for this long is closed.
    pub idle: Duration,
    /// Longest wait for an upstream's connection, and for each part of its answer.
    pub upstream: Duration,
    /// Pause before a failed request to upstream is made again; the next one is four times as long.
    pub upstream_pause: Duration,
    /// Largest document and tarball taken from upstream, in bytes.
    pub upstream_body: u64,
    /// How long open connections may take to finish when the server shuts down.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            idle: Duration::from_secs(120),
            upstream: Duration::from_secs(60),
            upstream_pause: Duration::from_millis(200),
            upstream_body: 1 << 30,
            shutdown: Duration::from_secs(5),
        }
    }
}

/// Everything [`Server::start`](crate::Server::start) wants to know.
#[derive(Debug)]
pub struct ServerOptions {
    /// What stands behind the server.
    pub mode: Mode,
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The origin that tarball URLs carry, when it isn't the one the client asked.
    pub public_url: Option<Url>,
    /// Which forms of documents are served.
    pub documents: Documents,
    /// The `max-age` in every document's `cache-control`.
    pub cache_max_age: Duration,
    /// What goes wrong on purpose.
    pub faults: FaultPlan,
    /// Whether requests are kept for a test to look at.
    pub recording: Recording,
    /// The access log.
    pub access_log: AccessLog,
    /// Sizes and times.
    pub limits: Limits,
    /// Threads that serve connections; at least one.
    pub threads: usize,
}

impl ServerOptions {
    /// A server for a test: loopback, a free port, requests recorded, one thread, npm's five minutes of max-age.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            public_url: None,
            documents: Documents::Both,
            cache_max_age: Duration::from_secs(300),
            faults: FaultPlan::new(),
            recording: Recording::Keep(1 << 20),
            access_log: AccessLog::Off,
            limits: Limits::default(),
            threads: 1,
        }
    }

    /// The same, with these forms of documents.
    #[must_use]
    pub fn with_documents(mut self, documents: Documents) -> Self {
        self.documents = documents;
        self
    }

    /// The same, with faults.
    #[must_use]
    pub fn with_faults(mut self, faults: FaultPlan) -> Self {
        self.faults = faults;
        self
    }
}
