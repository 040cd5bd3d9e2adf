//! A far registry: a proxy that adds the way there and back, and the width of the line.
//!
//! Every connection waits one round trip before its first byte goes out, as opening it would take; then each byte is under
//! way for half a round trip in either direction. All connections share one line of the given rate each way. There
//! is no slow start and no loss: what is measured is how well a client keeps such a line filled, not a kernel's TCP.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};

use super::error::BenchError;

/// How far away the registry is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wan {
    /// There and back.
    pub round_trip: Duration,
    /// In each direction, for all connections together, in bits per second.
    pub bits_per_second: f64,
}

impl Wan {
    /// Reads `<round trip in ms>:<Mbit/s>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (round_trip, rate) = text.split_once(':')?;
        let (round_trip, rate) = (round_trip.parse::<f64>().ok()?, rate.parse::<f64>().ok()?);
        let usable = (0.0..=60_000.0).contains(&round_trip) && rate > 0.0 && rate.is_finite();
        usable.then(|| Self {
            round_trip: Duration::from_secs_f64(round_trip / 1e3),
            bits_per_second: rate * 1e6,
        })
    }
}

/// One direction of the line: when its last bit will have been sent.
#[derive(Debug)]
struct Line {
    wan: Wan,
    free: Mutex<Instant>,
}

impl Line {
    fn new(wan: Wan) -> Arc<Self> {
        Arc::new(Self { wan, free: Mutex::new(Instant::now()) })
    }

    /// When bytes that are handed over now will have arrived.
    fn arrival(&self, now: Instant, bytes: usize) -> Instant {
        let sending = Duration::from_secs_f64(bytes as f64 * 8.0 / self.wan.bits_per_second);
        // A poisoned lock still holds a time.
        let mut free = self.free.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *free = (*free).max(now) + sending;
        *free + self.wan.round_trip / 2
    }
}

/// A running proxy; ends when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Proxy {
    /// Starts one in front of a server on this machine.
    pub(crate) fn start(wan: Wan, server: SocketAddr) -> Result<Self, BenchError> {
        let failed = |error: std::io::Error| BenchError::program("the delaying proxy", &error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(wan, server, listener) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

async fn accept(wan: Wan, server: SocketAddr, listener: TcpListener) {
    let (up, down) = (Line::new(wan), Line::new(wan));
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        let (up, down) = (Arc::clone(&up), Arc::clone(&down));
        tokio::spawn(async move {
            let opened = Instant::now() + wan.round_trip;
            let Ok(server) = TcpStream::connect(server).await else { return };
            if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
                return;
            }
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            tokio::join!(
                carry(from_client, to_server, up, opened),
                carry(from_server, to_client, down, opened),
            );
        });
    }
}

/// How much of one connection can be under way, as a kernel's buffers bound it: beyond it the sender waits.
const WINDOW: usize = 4 << 20;

/// Bytes under way, in order.
#[derive(Default)]
struct UnderWay {
    chunks: Mutex<Chunks>,
    arriving: Notify,
    arrived: Notify,
}

#[derive(Default)]
struct Chunks {
    queue: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    ended: bool,
}

impl UnderWay {
    fn chunks(&self) -> std::sync::MutexGuard<'_, Chunks> {
        // Nothing panics while it holds this.
        self.chunks.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Moves bytes until the sender is done or the receiver is gone.
async fn carry(
    from: impl tokio::io::AsyncRead + Unpin,
    to: impl tokio::io::AsyncWrite + Unpin,
    line: Arc<Line>,
    opened: Instant,
) {
    let under_way = UnderWay::default();
    let sending = async {
        send(from, &line, opened, &under_way).await;
        std::future::pending::<()>().await;
    };
    // The last byte's delivery ends it, or that nobody takes any.
    tokio::select! {
        () = deliver(to, &under_way) => {}
        () = sending => {}
    }
}

async fn send(
    mut from: impl tokio::io::AsyncRead + Unpin,
    line: &Line,
    opened: Instant,
    under_way: &UnderWay,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        let full = {
            let mut chunks = under_way.chunks();
            if read == 0 {
                chunks.ended = true;
            } else {
                let arrival = line.arrival(opened.max(Instant::now()), read);
                chunks.queue.push_back((arrival, buffer[..read].to_vec()));
                chunks.bytes += read;
            }
            chunks.bytes > WINDOW
        };
        under_way.arriving.notify_one();
        match read {
            0 => return,
            _ if full => under_way.arrived.notified().await,
            _ => {}
        }
    }
}

async fn deliver(mut to: impl tokio::io::AsyncWrite + Unpin, under_way: &UnderWay) {
    loop {
        let next = {
            let mut chunks = under_way.chunks();
            match chunks.queue.pop_front() {
                None if chunks.ended => break,
                next => next,
            }
        };
        let Some((arrival, bytes)) = next else {
            under_way.arriving.notified().await;
            continue;
        };
        tokio::time::sleep_until(arrival.into()).await;
        under_way.chunks().bytes -= bytes.len();
        under_way.arrived.notify_one();
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
    // Whoever went away needs no goodbye.
    let _ = to.shutdown().await;
}

#[cfg(test)]
#[path = "wan_tests.rs"]
mod tests;
