//! What every mode answers over HTTP.

mod common;

use std::io::Read as _;

use common::{ABBREVIATED, ask, builder, client, fixtures, get, start};
use serde_json::json;
use utoo_server::{Fault, FaultPlan, Mode, Nth, Server, ServerOptions};

#[expect(clippy::unwrap_used, reason = "a test's helper")]
fn inflate(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

#[tokio::test]
async fn full_and_abbreviated_documents() {
    let server = start(Mode::Fixtures(fixtures()));
    let full = get(&server, "left", &[]).await;
    assert_eq!(full.status, 200);
    assert_eq!(full.header("content-type"), "application/json");
    assert_eq!(full.header("cache-control"), "public, max-age=300");
    assert_eq!(full.json()["versions"]["1.0.0"]["description"], "d");

    let short = get(&server, "left", &[("accept", ABBREVIATED)]).await;
    assert_eq!(short.header("content-type"), ABBREVIATED);
    let manifest = &short.json()["versions"]["1.0.0"];
    assert_eq!(manifest["hasInstallScript"], true);
    assert_eq!(manifest.get("description"), None);
    assert_ne!(short.header("etag"), full.header("etag"));
}

#[tokio::test]
async fn tarballs_are_at_the_origin_that_was_asked() {
    let server = start(Mode::Fixtures(fixtures()));
    for host in [server.address().to_string(), "registry.example:8080".to_owned()] {
        let answer = get(&server, "@s/n", &[("host", &host)]).await;
        let url = answer.json()["versions"]["2.0.0"]["dist"]["tarball"].as_str().unwrap().to_owned();
        assert_eq!(url, format!("http://{host}/@s/n/-/n-2.0.0.tgz"));
    }
    let tarball = get(&server, "@s/n/-/n-2.0.0.tgz", &[]).await;
    assert_eq!((tarball.status, tarball.header("content-type")), (200, "application/octet-stream"));
    assert_eq!(tarball.body, fixtures().tarball("@s/n", "n-2.0.0.tgz").unwrap());
    let mut archive = tar::Archive::new(std::io::Cursor::new(inflate(&tarball.body)));
    let paths: Vec<_> =
        archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
    assert_eq!(paths, [std::path::Path::new("package/package.json")]);
}

#[tokio::test]
async fn a_public_url_takes_the_place_of_the_origin() {
    let mut options = ServerOptions::new(Mode::Fixtures(fixtures()));
    options.public_url = Some("https://registry.example/".parse().unwrap());
    let server = Server::start(options).unwrap();
    let url = get(&server, "left/1.0.0", &[]).await.json()["dist"]["tarball"].clone();
    assert_eq!(url, "https://registry.example/left/-/left-1.0.0.tgz");
}

#[tokio::test]
async fn gzip_only_when_accepted_and_304_by_either_validator() {
    let server = start(Mode::Fixtures(fixtures()));
    let plain = get(&server, "left", &[]).await;
    let gzip = get(&server, "left", &[("accept-encoding", "gzip")]).await;
    assert_eq!((plain.header("content-encoding"), gzip.header("content-encoding")), ("", "gzip"));
    assert_eq!(inflate(&gzip.body), plain.body);
    assert_eq!(gzip.header("content-length"), gzip.body.len().to_string());
    assert_eq!(gzip.header("vary"), "accept, accept-encoding");
    for etag in [plain.header("etag"), gzip.header("etag")] {
        let again = get(&server, "left", &[("accept-encoding", "gzip"), ("if-none-match", etag)]).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert_eq!(again.header("etag"), gzip.header("etag"));
        assert_eq!(again.header("cache-control"), "public, max-age=300");
    }
    assert_eq!(get(&server, "left", &[("if-none-match", "\"other\"")]).await.status, 200);
    assert_eq!(server.stats().not_modified, 2);
}

#[tokio::test]
async fn scoped_names_in_both_encodings() {
    let server = start(Mode::Fixtures(fixtures()));
    let plain = get(&server, "@s/n", &[]).await;
    assert_eq!(plain.json()["name"], "@s/n");
    for path in ["@s%2fn", "@s%2Fn", "%40s%2fn"] {
        assert_eq!(get(&server, path, &[]).await.body, plain.body, "{path}");
    }
    assert_eq!(get(&server, "@s%2fn/-/n-2.0.0.tgz", &[]).await.status, 200);
}

#[tokio::test]
async fn versions_tags_and_ranges() {
    let server = start(Mode::Fixtures(fixtures()));
    for (path, version) in
        [("left/1.0.0", "1.0.0"), ("left/latest", "1.1.0"), ("left/%5E1.0.0", "1.1.0"), ("@s%2fn/2", "2.0.0")]
    {
        assert_eq!(get(&server, path, &[]).await.json()["version"], version, "{path}");
    }
    let missing = get(&server, "left/9", &[]).await;
    assert_eq!((missing.status, missing.json()), (404, json!("version not found: 9")));
}

#[tokio::test]
async fn misses_and_methods() {
    let server = start(Mode::Fixtures(fixtures()));
    for path in ["right", "left/-/left-9.0.0.tgz", "", "-/nothing", "left/-/..%2f..%2fx"] {
        let answer = get(&server, path, &[]).await;
        assert_eq!((answer.status, answer.json()), (404, json!({"error": "Not found"})), "{path}");
    }
    assert_eq!(server.stats().misses, 5);
    let put = ask("PUT", &format!("{}left", server.url()), &[]).await.unwrap();
    assert_eq!((put.status, put.header("allow")), (405, "GET, HEAD"));
    assert_eq!(put.json()["code"], "MethodNotAllowed");

    let head = ask("HEAD", &format!("{}left", server.url()), &[]).await.unwrap();
    let whole = get(&server, "left", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), whole.body.len().to_string());
    assert_eq!(head.header("etag"), whole.header("etag"));
}

#[tokio::test]
async fn records_requests_and_counts() {
    let server = start(Mode::Fixtures(fixtures()));
    get(&server, "left?write=true", &[("accept", ABBREVIATED), ("authorization", "Bearer secret")]).await;
    get(&server, "left/-/left-1.0.0.tgz", &[]).await;
    assert_eq!(get(&server, "-/ping", &[]).await.json(), json!({}));
    assert_eq!(get(&server, "-/health", &[]).await.json(), json!({"status": "ok"}));

    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("GET", "/left?write=true"));
    assert_eq!((requests[0].accept.as_deref(), requests[0].authorization), (Some(ABBREVIATED), true));
    assert!(!format!("{requests:?}").contains("secret"));
    assert!(requests[1].is_tarball() && !requests[0].is_tarball());
    assert_eq!(requests[1].bytes, fixtures().tarball("left", "left-1.0.0.tgz").unwrap().len() as u64);

    let stats = get(&server, "-/stats", &[]).await.json();
    assert_eq!(stats["requests"], 2);
    assert_eq!((&stats["documents"], &stats["tarballs"]), (&json!(1), &json!(1)));
    assert!(stats["bytesSent"].as_u64().unwrap() > requests[0].bytes + requests[1].bytes);
    assert!(stats["bytesReceived"].as_u64().unwrap() > 100);
    server.reset_requests();
    assert_eq!((server.requests().len(), server.stats().requests), (0, 0));
}

#[tokio::test]
async fn the_access_log_is_json_lines() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.jsonl");
    let mut options = ServerOptions::new(Mode::Fixtures(fixtures()));
    options.access_log = utoo_server::AccessLog::File(path.clone());
    options.recording = utoo_server::Recording::Off;
    let server = Server::start(options).unwrap();
    get(&server, "left", &[]).await;
    get(&server, "right", &[]).await;
    assert_eq!(server.requests().len(), 0);
    server.shutdown();
    let log = std::fs::read_to_string(path).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["path"], &lines[0]["status"]), (&json!("/left"), &json!(200)));
    assert_eq!(lines[1]["status"], 404);
}

#[tokio::test]
async fn http2_without_tls() {
    let server = start(Mode::Fixtures(fixtures()));
    let client = builder().http2_prior_knowledge().build().unwrap();
    let response = client.get(format!("{}left/1.0.0", server.url())).send().await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    let manifest: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(manifest["dist"]["tarball"], format!("{}left/-/left-1.0.0.tgz", server.url()));
}

#[tokio::test]
async fn faults_on_request() {
    let plan = FaultPlan::new()
        .on("/left", Nth::Only(1), Fault::status(503))
        .on("/@s/n", Nth::Every, Fault::Redirect { to: "/left".to_owned() })
        .on("/left/-/left-1.0.0.tgz", Nth::Only(1), Fault::Cut { after: 10 })
        .on("/left/-/left-1.0.0.tgz", Nth::Only(2), Fault::FlipByte { at: 5 })
        .on("/left/-/left-1.0.0.tgz", Nth::Only(3), Fault::ContentLength(1_000_000))
        .on("/left/-/left-1.0.0.tgz", Nth::Only(4), Fault::ContentLength(7))
        .on("/left/-/left-1.0.0.tgz", Nth::Only(5), Fault::Body("other".into()))
        .on(
            "/left/1.0.0",
            Nth::Every,
            Fault::Status {
                code: http::StatusCode::TOO_MANY_REQUESTS,
                headers: vec![("retry-after", "7".to_owned())],
                body: "slow".into(),
            },
        );
    let server = Server::start(ServerOptions::new(Mode::Fixtures(fixtures())).with_faults(plan)).unwrap();
    assert_eq!(get(&server, "left", &[]).await.status, 503);
    assert_eq!(get(&server, "left", &[]).await.status, 200);
    let redirect = get(&server, "@s/n", &[]).await;
    assert_eq!((redirect.status, redirect.header("location")), (302, "/left"));
    let limited = get(&server, "left/1.0.0", &[]).await;
    assert_eq!(
        (limited.status, limited.header("retry-after"), limited.body.as_slice()),
        (429, "7", &b"slow"[..])
    );

    let url = format!("{}left/-/left-1.0.0.tgz", server.url());
    let real = fixtures().tarball("left", "left-1.0.0.tgz").unwrap();
    let mut cut = client().get(&url).send().await.unwrap();
    assert_eq!(cut.content_length(), Some(real.len() as u64));
    assert_eq!(cut.chunk().await.unwrap().unwrap(), real[..10]);
    assert!(cut.chunk().await.is_err(), "the connection is closed");
    let flipped = ask("GET", &url, &[]).await.unwrap().body;
    assert_eq!(flipped.iter().zip(&real).filter(|(a, b)| a != b).count(), 1);
    assert!(ask("GET", &url, &[]).await.is_err(), "fewer bytes than stated");
    assert_eq!(ask("GET", &url, &[]).await.unwrap().body, real[..7]);
    assert_eq!(ask("GET", &url, &[]).await.unwrap().body, b"other");
    assert_eq!(ask("GET", &url, &[]).await.unwrap().body, real);
}

#[tokio::test]
async fn a_stall_sends_no_more_and_ends_with_the_server() {
    let plan = FaultPlan::new().on("/left", Nth::Every, Fault::Stall { after: 4 });
    let mut options = ServerOptions::new(Mode::Fixtures(fixtures())).with_faults(plan);
    options.limits.shutdown = std::time::Duration::from_millis(1);
    let server = Server::start(options).unwrap();
    let mut response = client().get(format!("{}left", server.url())).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap().len(), 4);
    assert_eq!(server.requests()[0].bytes, 4);
    server.shutdown();
    assert!(response.chunk().await.is_err());
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    use tokio::io::AsyncReadExt as _;
    let mut options = ServerOptions::new(Mode::Fixtures(fixtures()));
    options.limits.idle = std::time::Duration::from_millis(1);
    let server = Server::start(options).unwrap();
    let mut idle = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    assert!(matches!(idle.read(&mut [0; 8]).await, Ok(0) | Err(_)));
}
