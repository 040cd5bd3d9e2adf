//! A registry of a few lines: it answers with whatever bytes a test wants, and remembers what it was asked.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use utoo_config::{Config, LoadOptions};
use utoo_registry::{Clock, RegistryOptions, RetryPolicy, Timeouts, UnifiedRegistry};
use utoo_resolver::{ManifestJob, ManifestJobDone, Registry as _, RegistryError};
use utoo_types::{PackageName, Packument};

/// What the server was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The target of the request line.
    pub target: String,
    headers: BTreeMap<String, String>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What the server does.
pub enum Reply {
    /// Sends a whole response.
    Send { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// Sends gzip in these chunks, one after the other.
    Chunked(Vec<Vec<u8>>),
    /// Sends these bytes and closes the connection.
    Raw(Vec<u8>),
    /// Sends these bytes and then nothing more, keeping the connection.
    Stall(Vec<u8>),
}

impl Reply {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200, body)
    }

    pub fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Send { status, headers: Vec::new(), body: body.into() }
    }

    pub fn redirect(location: impl Into<String>) -> Self {
        Self::status(302, "").with("location", location)
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Self::Send { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.into()));
        }
        self
    }
}

type Handler = dyn Fn(&Asked, usize) -> Reply + Send + Sync;

/// Lives on the runtime of its test and ends with it.
pub struct Server {
    pub url: String,
    log: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// `handler` gets the request and how many came before it.
    pub async fn start(handler: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let log: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let handler: Arc<Handler> = Arc::new(handler);
        let asked = Arc::clone(&log);
        let connections: Arc<AtomicUsize> = Arc::default();
        let accepted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&asked)));
            }
        });
        Self { url, log, connections, task }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    /// How many were opened.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub fn count(&self) -> usize {
        self.log.lock().unwrap().len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, handler: Arc<Handler>, log: Arc<Mutex<Vec<Asked>>>) {
    let mut buffer = Vec::new();
    while let Some(asked) = read_request(&mut stream, &mut buffer).await {
        let reply = {
            let mut log = log.lock().unwrap();
            log.push(asked.clone());
            handler(&asked, log.len() - 1)
        };
        match reply {
            Reply::Send { status, headers, body } => {
                let mut bytes = format!("HTTP/1.1 {status} Whatever\r\n").into_bytes();
                for (name, value) in headers {
                    write!(bytes, "{name}: {value}\r\n").unwrap();
                }
                if status != 304 {
                    write!(bytes, "content-length: {}\r\n", body.len()).unwrap();
                }
                bytes.extend_from_slice(b"\r\n");
                bytes.extend_from_slice(&body);
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Reply::Chunked(chunks) => {
                let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n";
                let mut parts = vec![head.as_bytes().to_vec()];
                for chunk in chunks.iter().chain([&Vec::new()]) {
                    let size = format!("{:x}\r\n", chunk.len()).into_bytes();
                    parts.push([size, chunk.clone(), b"\r\n".to_vec()].concat());
                }
                for part in parts {
                    if stream.write_all(&part).await.is_err() {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            }
            Reply::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Reply::Stall(bytes) => {
                let _ = stream.write_all(&bytes).await;
                std::future::pending::<()>().await;
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Asked> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
    let mut lines = head.lines();
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Some(Asked { target, headers })
}

/// A clock that stands still until it is moved; its milliseconds since 1970.
#[derive(Clone)]
pub struct Hands(Arc<AtomicU64>);

impl Hands {
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_700_000_000_000)))
    }

    pub fn forward(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    pub fn back(&self, seconds: u64) {
        self.0.fetch_sub(seconds * 1000, Ordering::Relaxed);
    }

    fn clock(&self) -> Clock {
        let millis = Arc::clone(&self.0);
        Clock::new(move || SystemTime::UNIX_EPOCH + Duration::from_millis(millis.load(Ordering::Relaxed)))
    }
}

/// A cache, a clock, and a configuration by flags: what a run of utoo would have.
pub struct Machine {
    pub home: TempDir,
    pub hands: Hands,
    flags: Vec<(String, String)>,
}

impl Machine {
    pub fn new(registry: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { home, hands: Hands::new(), flags: vec![("registry".to_owned(), registry.to_owned())] }
    }

    pub fn flag(mut self, key: &str, value: &str) -> Self {
        self.flags.push((key.to_owned(), value.to_owned()));
        self
    }

    pub fn cache(&self) -> &Path {
        self.home.path()
    }

    pub fn options(&self) -> RegistryOptions {
        let load = LoadOptions {
            cwd: self.home.path().to_owned(),
            home: Some(self.home.path().to_owned()),
            flags: self.flags.clone(),
            ..LoadOptions::default()
        };
        let config = Config::load(&load).unwrap();
        RegistryOptions {
            cache_dir: Some(self.cache().to_owned()),
            retry: RetryPolicy {
                retries: 3,
                factor: 1.0,
                min_wait: Duration::ZERO,
                max_wait: Duration::from_millis(5),
            },
            timeouts: Timeouts { stall: Duration::from_millis(200), ..Timeouts::default() },
            clock: self.hands.clock(),
            ..RegistryOptions::from_config(&config)
        }
    }

    /// A registry as a new process would make it.
    pub fn registry(&self) -> UnifiedRegistry {
        UnifiedRegistry::new(self.options()).unwrap()
    }

    /// The same with another flag, for this process only.
    pub fn registry_with(&self, key: &str, value: &str) -> UnifiedRegistry {
        let mut flags = self.flags.clone();
        flags.push((key.to_owned(), value.to_owned()));
        let load = LoadOptions {
            cwd: self.home.path().to_owned(),
            home: Some(self.home.path().to_owned()),
            flags,
            ..LoadOptions::default()
        };
        let own = RegistryOptions::from_config(&Config::load(&load).unwrap());
        let options = RegistryOptions { config: own.config, cache_mode: own.cache_mode, ..self.options() };
        UnifiedRegistry::new(options).unwrap()
    }
}

pub fn name(text: &str) -> PackageName {
    PackageName::parse(text).unwrap()
}

pub async fn packument(registry: &UnifiedRegistry, package: &str) -> Result<Packument, RegistryError> {
    match registry.execute(ManifestJob::Full { name: name(package) }).await? {
        ManifestJobDone::Full(packument) => Ok(packument),
        other => panic!("not a packument: {other:?}"),
    }
}

/// A packument with these versions.
pub fn document(package: &str, versions: &[&str]) -> String {
    let all: Vec<String> = versions
        .iter()
        .map(|version| {
            format!(
                r#""{version}":{{"name":"{package}","version":"{version}","dependencies":{{"b":"^1"}},"dist":{{"tarball":"http://localhost/{package}/-/{package}-{version}.tgz","shasum":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}}}}"#
            )
        })
        .collect();
    let latest = versions.last().unwrap();
    format!(r#"{{"name":"{package}","dist-tags":{{"latest":"{latest}"}},"versions":{{{}}}}}"#, all.join(","))
}

pub fn gzip(plain: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// The files of the manifest store, temporary ones included.
pub fn stored_files(cache: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![cache.join("manifests")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    files.sort();
    files
}
