//! The server's routes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::time::Duration;

use utoo_server::{FixtureRegistry, Mode, Server, ServerHandle, ServerOptions};

/// One for all runs: that it is still there afterwards is part of the promise.
static SERVER: LazyLock<ServerHandle> = LazyLock::new(|| {
    let mut fixtures = FixtureRegistry::new();
    let published = fixtures.publish_json(r#"{"name": "a", "version": "1.0.0"}"#);
    published.unwrap_or_else(|error| panic!("{error}"));
    let server = Server::start(ServerOptions::new(Mode::Fixtures(fixtures)));
    server.unwrap_or_else(|error| panic!("{error}"))
});

/// The bytes as the target of a request, or, where they begin with a newline, as all that is sent.
pub(super) fn request(bytes: &[u8]) {
    let answer = match bytes.strip_prefix(b"\n") {
        Some(raw) => ask(raw),
        None => ask(&[b"GET /", bytes, b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"].concat()),
    };
    let status = answer.split(|byte| *byte == b' ').nth(1);
    assert!(!status.is_some_and(|status| status.starts_with(b"5")), "{}", String::from_utf8_lossy(&answer));
    let known = ask(KNOWN);
    assert!(
        known.starts_with(b"HTTP/1.1 200"),
        "the server answers no more: {}",
        String::from_utf8_lossy(&known)
    );
}

/// A request that is answered with 200, whatever came before it on other connections.
const KNOWN: &[u8] = b"HEAD /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// What the server answers to these bytes. They may be half a request, so the sending side is closed behind them, but not
/// behind a whole one: hyper drops a connection whose client has stopped to send.
fn ask(request: &[u8]) -> Vec<u8> {
    let connected = TcpStream::connect(SERVER.address());
    let mut stream = connected.unwrap_or_else(|error| panic!("no connection: {error}"));
    let limit = Some(Duration::from_secs(10));
    let mut answer = Vec::new();
    // A request that is none may end in a closed connection at any of these.
    let _ = stream.set_read_timeout(limit);
    let _ = stream.write_all(request);
    if !request.ends_with(b"\r\nconnection: close\r\n\r\n") {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let _ = stream.read_to_end(&mut answer);
    answer
}
