//! The proxy, in front of a fixture server that is its upstream; and what it leaves for a frozen one.

mod common;

use std::path::Path;
use std::time::Duration;

use common::{fixtures, get, start};
use serde_json::json;
use utoo_server::{Fault, FaultPlan, FixtureRegistry, Keep, Mode, Nth, ServerHandle, prune};

#[expect(clippy::unwrap_used, reason = "a test's helper")]
fn proxy(upstream: &ServerHandle, storage: &Path, max_age: u64) -> ServerHandle {
    start(Mode::Proxy {
        upstream: upstream.url().parse().unwrap(),
        storage: storage.to_owned(),
        max_age: Duration::from_secs(max_age),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_is_asked_once_whatever_the_number_of_callers() {
    let upstream = start(Mode::Fixtures(fixtures()));
    upstream.set_faults(FaultPlan::new().on("*", Nth::Every, Fault::Delay(Duration::from_millis(30))));
    let dir = tempfile::tempdir().unwrap();
    let server = proxy(&upstream, dir.path(), 300);
    for path in ["left", "left/-/left-1.0.0.tgz"] {
        let answers = (0..20).map(|_| get(&server, path, &[]));
        for answer in futures_util::future::join_all(answers).await {
            assert_eq!(answer.status, 200);
        }
    }
    let asked: Vec<_> = upstream.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(asked, ["/left", "/left/-/left-1.0.0.tgz"]);
    assert_eq!(server.stats().upstream_requests, 2);
}

#[tokio::test]
async fn what_was_kept_outlives_the_upstream_and_the_proxy() {
    let upstream = start(Mode::Fixtures(fixtures()));
    let dir = tempfile::tempdir().unwrap();
    let server = proxy(&upstream, dir.path(), 300);
    let before = get(&server, "@s%2fn", &[]).await.json();
    let tarball = get(&server, "@s/n/-/n-2.0.0.tgz", &[]).await.body;
    assert_eq!(before["versions"]["2.0.0"]["dist"]["tarball"], format!("{}@s/n/-/n-2.0.0.tgz", server.url()));
    server.shutdown();

    let again = proxy(&upstream, dir.path(), 300);
    upstream.reset_requests();
    assert_eq!(get(&again, "@s/n", &[]).await.status, 200);
    assert_eq!(get(&again, "@s/n/-/n-2.0.0.tgz", &[]).await.body, tarball);
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn refreshes_conditionally_after_max_age() {
    let upstream = start(Mode::Fixtures(fixtures()));
    let dir = tempfile::tempdir().unwrap();
    let server = proxy(&upstream, dir.path(), 0);
    let first = get(&server, "left", &[]).await;
    let second = get(&server, "left", &[]).await;
    assert_eq!(first.body, second.body);
    let requests = upstream.requests();
    assert_eq!(requests.iter().map(|request| request.status).collect::<Vec<_>>(), [200, 304]);
    assert_eq!((requests[0].if_none_match.is_some(), requests[1].if_none_match.is_some()), (false, true));
}

#[tokio::test]
async fn stale_when_upstream_fails_and_never_on_a_refusal() {
    let upstream = start(Mode::Fixtures(fixtures()));
    let dir = tempfile::tempdir().unwrap();
    let server = proxy(&upstream, dir.path(), 0);
    let fresh = get(&server, "left", &[]).await;

    upstream.set_faults(FaultPlan::new().on("*", Nth::Every, Fault::status(503)));
    let stale = get(&server, "left", &[]).await;
    assert_eq!((stale.status, &stale.body), (200, &fresh.body));
    assert_eq!(server.stats().stale, 1);
    assert_eq!(get(&server, "@s/n", &[]).await.status, 502, "nothing kept can stand in");

    for (code, expected) in [(404, 404), (401, 401), (429, 429)] {
        upstream.set_faults(FaultPlan::new().on("*", Nth::Every, Fault::status(code)));
        assert_eq!(get(&server, "left", &[]).await.status, expected);
    }
    upstream.shutdown();
    assert_eq!(get(&server, "left", &[]).await.body, fresh.body);
    assert_eq!(server.stats().stale, 2);
}

#[tokio::test]
async fn a_tarball_that_does_not_match_is_neither_served_nor_kept() {
    let upstream = start(Mode::Fixtures(fixtures()));
    let dir = tempfile::tempdir().unwrap();
    let server = proxy(&upstream, dir.path(), 300);
    upstream.set_faults(FaultPlan::new().on("*.tgz", Nth::Only(1), Fault::FlipByte { at: 40 }));
    let flipped = get(&server, "left/-/left-1.0.0.tgz", &[]).await;
    assert_eq!(flipped.status, 502);
    assert!(flipped.json()["error"].as_str().unwrap().starts_with("EINTEGRITY left-1.0.0.tgz"));
    let whole = get(&server, "left/-/left-1.0.0.tgz", &[]).await;
    assert_eq!(whole.body, fixtures().tarball("left", "left-1.0.0.tgz").unwrap());
}

#[tokio::test]
async fn an_upstream_that_is_cut_off_is_asked_again() {
    let upstream = start(Mode::Fixtures(fixtures()));
    let dir = tempfile::tempdir().unwrap();
    let server = proxy(&upstream, dir.path(), 300);
    upstream.set_faults(FaultPlan::new().on("/left", Nth::First(2), Fault::Cut { after: 20 }));
    assert_eq!(get(&server, "left", &[]).await.status, 200);
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn frozen_serves_what_was_kept_and_nothing_else() {
    let upstream = start(Mode::Fixtures(fixtures()));
    let dir = tempfile::tempdir().unwrap();
    let server = proxy(&upstream, dir.path(), 300);
    let full = get(&server, "left", &[("host", "registry.example")]).await.body;
    let tarball = get(&server, "left/-/left-1.1.0.tgz", &[]).await.body;
    server.shutdown();
    upstream.shutdown();

    let frozen = start(Mode::Frozen { dir: dir.path().to_owned() });
    assert_eq!(get(&frozen, "left", &[("host", "registry.example")]).await.body, full);
    assert_eq!(get(&frozen, "left/-/left-1.1.0.tgz", &[]).await.body, tarball);
    for path in ["@s/n", "left/-/left-1.0.0.tgz"] {
        assert_eq!(get(&frozen, path, &[]).await.status, 404);
    }
    let stats = frozen.stats();
    assert_eq!((stats.misses, stats.upstream_requests), (2, 0));
}

#[tokio::test]
async fn a_pruned_snapshot_answers_what_resolution_reads() {
    let mut packages = FixtureRegistry::new();
    for version in ["1.0.0", "1.1.0"] {
        let manifest = json!({
            "name": "a", "version": version, "description": "long", "license": "MIT",
            "dependencies": {"b": "*", "c": "http://127.0.0.1:9/c"}, "scripts": {"test": "t", "postinstall": "p"},
        });
        packages.publish(manifest, &[]).unwrap();
    }
    let upstream = start(Mode::Fixtures(packages));
    let (storage, small) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = proxy(&upstream, storage.path(), 300);
    let document = get(&server, "a", &[]).await.json();
    let integrity = document["versions"]["1.1.0"]["dist"]["integrity"].as_str().unwrap().to_owned();
    server.shutdown();

    let lock = format!("{{\"integrity\": \"{integrity}\"}}");
    let summary = prune(
        storage.path(),
        small.path(),
        Some(&"http://127.0.0.1:9/".parse().unwrap()),
        Keep::AllVersions { lock: Some(&lock) },
    )
    .unwrap();
    assert_eq!((summary.documents, summary.versions, summary.tarballs), (1, 2, 0));
    let frozen = start(Mode::Frozen { dir: small.path().to_owned() });
    let pruned = get(&frozen, "a", &[]).await.json();
    let origin = frozen.url();
    assert_eq!(
        pruned["versions"]["1.1.0"],
        json!({
            "name": "a", "version": "1.1.0", "license": "MIT",
            "dependencies": {"b": "*", "c": "https://registry.example/c"}, "scripts": {"postinstall": "p"},
            "dist": {"integrity": integrity, "tarball": format!("{origin}a/-/a-1.1.0.tgz")},
        })
    );
    let other = &pruned["versions"]["1.0.0"]["dist"];
    assert_eq!(other, &json!({"tarball": format!("{origin}a/-/a-1.0.0.tgz")}));
}

#[tokio::test]
async fn a_folder_of_fixtures() {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("left/1.0.0/package.json", r#"{"name": "left", "version": "1.0.0"}"#),
        ("left/1.0.0/lib/x.js", "x"),
        ("left/2.0.0/package.json", r#"{"name": "left", "version": "2.0.0"}"#),
        ("left/dist-tags.json", r#"{"latest": "1.0.0"}"#),
        ("@s/n/1.0.0/package.json", r#"{"name": "@s/n", "version": "1.0.0"}"#),
    ] {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        utoo_fs::write_atomic(&path, text).unwrap();
    }
    let server = start(Mode::Fixtures(FixtureRegistry::from_dir(dir.path()).unwrap()));
    assert_eq!(get(&server, "left/latest", &[]).await.json()["version"], "1.0.0");
    assert_eq!(get(&server, "@s/n/latest", &[]).await.json()["version"], "1.0.0");
    assert_eq!(get(&server, "left/-/left-1.0.0.tgz", &[]).await.status, 200);
    assert!(FixtureRegistry::from_dir(&dir.path().join("none")).is_err());
}
