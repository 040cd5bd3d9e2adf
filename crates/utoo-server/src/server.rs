//! Starting and stopping a server.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use http::HeaderValue;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, oneshot};

use crate::backend::Backend;
use crate::connection::LimitedListener;
use crate::error::ServerError;
use crate::faults::FaultPlan;
use crate::frozen;
use crate::handler::{App, handle};
use crate::options::{Limits, Mode, ServerOptions};
use crate::proxy::Proxy;
use crate::record::{Recorder, RequestRecord, Stats};
use crate::upstream::Upstream;

/// A registry server on threads of its own, so that it starts in a test with or without a runtime.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Starts a server, and returns when it listens and has prepared what it can.
    ///
    /// Dropping the handle stops the server at once.
    pub fn start(options: ServerOptions) -> Result<ServerHandle, ServerError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads.max(1))
            .thread_name("utoo-server")
            .enable_all()
            .build()
            .map_err(ServerError::Runtime)?;
        let (ready, started) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        // The runtime belongs to this thread: it may be made and dropped while the caller is on another runtime.
        let thread = std::thread::Builder::new().name("utoo-server".to_owned());
        let thread = thread.spawn(move || run(&runtime, options, &ready, stopped).map(|()| runtime));
        let thread = thread.map_err(ServerError::Runtime)?;
        match started.recv() {
            Ok((app, address)) => Ok(ServerHandle { app, address, stop: Some(stop), thread: Some(thread) }),
            // The sender went away: the thread ended with an error, or panicked.
            Err(_) => match thread.join() {
                Ok(Err(error)) => Err(error),
                _ => Err(ServerError::Runtime(std::io::Error::other("the server's thread ended early"))),
            },
        }
    }
}

enum Stop {
    Gracefully,
    Now,
}

type Ready = mpsc::SyncSender<(Arc<App>, SocketAddr)>;

fn run(
    runtime: &Runtime,
    options: ServerOptions,
    ready: &Ready,
    stop: oneshot::Receiver<Stop>,
) -> Result<(), ServerError> {
    let address = options.listen;
    let failed = |source| ServerError::Listen { address, source };
    let listener = runtime.block_on(TcpListener::bind(address)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let limits = options.limits.clone();
    let app = Arc::new(make_app(options, address)?);
    let listener = LimitedListener {
        inner: listener,
        places: Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS))),
        idle: limits.idle,
        counters: Arc::clone(&app.recorder.counters),
    };
    runtime.block_on(serve(listener, app, address, &limits, (ready, stop)));
    Ok(())
}

async fn serve(
    listener: LimitedListener,
    app: Arc<App>,
    address: SocketAddr,
    limits: &Limits,
    (ready, stop): (&Ready, oneshot::Receiver<Stop>),
) {
    let router = Router::new().fallback(handle).with_state(Arc::clone(&app));
    let (drain, draining) = oneshot::channel::<()>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async {
        let _ = draining.await;
    });
    let mut serving = tokio::spawn(serving.into_future());
    if ready.send((app, address)).is_err() {
        return;
    }
    // A dropped handle counts as `Now`.
    if let Ok(Stop::Gracefully) = stop.await {
        let _ = drain.send(());
        if tokio::time::timeout(limits.shutdown, &mut serving).await.is_ok() {
            return;
        }
    }
    serving.abort();
}

fn make_app(options: ServerOptions, address: SocketAddr) -> Result<App, ServerError> {
    let recorder = Recorder::new(options.recording, &options.access_log)?;
    let own_origin = format!("http://{address}");
    let origin_of = |url: url::Url| url.as_str().trim_end_matches('/').to_owned();
    let public_origin = options.public_url.map(origin_of);
    let backend = match options.mode {
        Mode::Proxy { upstream, storage, max_age } => {
            std::fs::create_dir_all(&storage)
                .map_err(|source| ServerError::Path { path: storage.clone(), source })?;
            let upstream = Upstream::new(upstream, &options.limits, Arc::clone(&recorder.counters))?;
            Backend::Proxy(Box::new(Proxy::new(upstream, &storage, max_age, Arc::clone(&recorder.counters))))
        }
        Mode::Frozen { dir } => {
            let held = frozen::load(&dir)?;
            frozen::prepare_all(&held, public_origin.as_deref().unwrap_or(&own_origin));
            Backend::Held(held)
        }
        Mode::Fixtures(fixtures) => Backend::Held(frozen::from_fixtures(&fixtures)),
    };
    let max_age = options.cache_max_age.as_secs();
    let cache_control = HeaderValue::from_str(&format!("public, max-age={max_age}"));
    Ok(App {
        backend,
        recorder,
        faults: RwLock::new(Arc::new(options.faults)),
        documents: options.documents,
        own_origin,
        public_origin,
        cache_control: cache_control.unwrap_or(HeaderValue::from_static("public")),
    })
}

/// A running server.
pub struct ServerHandle {
    app: Arc<App>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<Stop>>,
    thread: Option<JoinHandle<Result<Runtime, ServerError>>>,
}

impl ServerHandle {
    /// The server's base URL, such as `http://127.0.0.1:4873/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far, in the order of their answers, those for `/-/…` left out.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.app.recorder.requests()
    }

    /// Forgets the requests and sets every counter to 0.
    pub fn reset_requests(&self) {
        self.app.reset();
    }

    /// The counters, as `GET /-/stats` gives them.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.app.recorder.counters.stats()
    }

    /// Requests sent upstream so far; 0 but for a proxy.
    #[must_use]
    pub fn upstream_requests(&self) -> u64 {
        self.app.upstream_requests()
    }

    /// Puts other faults in the place of those there are; counting starts anew.
    pub fn set_faults(&self, faults: FaultPlan) {
        *self.app.faults.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(faults);
    }

    /// Stops: no new connections; open requests are finished, within the limit for it.
    pub fn shutdown(mut self) {
        self.end(Stop::Gracefully);
    }

    fn end(&mut self, how: Stop) {
        let Some(stop) = self.stop.take() else { return };
        let _ = stop.send(how);
        if let Some(Ok(Ok(runtime))) = self.thread.take().map(JoinHandle::join) {
            runtime.shutdown_timeout(Duration::ZERO);
        }
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.end(Stop::Now);
    }
}

impl std::fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerHandle").field("address", &self.address).finish_non_exhaustive()
    }
}
