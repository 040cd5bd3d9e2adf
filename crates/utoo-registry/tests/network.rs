//! What jobs do when the network or the registry misbehaves, and where credentials go.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use support::{Asked, Machine, Reply, Server, document, gzip, name, packument, stored_files};
use utoo_registry::{Limits, RegistryOptions, RetryPolicy, TarballRequest, UnifiedRegistry};
use utoo_resolver::{ErrorCategory, RegistryError};

fn good() -> Reply {
    Reply::ok(document("a", &["1.0.0"]))
}

async fn error_of(server: &Server) -> RegistryError {
    packument(&Machine::new(&server.url).registry(), "a").await.unwrap_err()
}

/// A registry that asks each time, and once.
fn forgetful(server: &Server) -> UnifiedRegistry {
    let mut options = Machine::new(&server.url).options();
    (options.retry.retries, options.cache_dir) = (0, None);
    UnifiedRegistry::new(options).unwrap()
}

fn tarball(url: String) -> TarballRequest {
    TarballRequest { url: url.into(), name: name("a"), integrity: None }
}

#[tokio::test]
async fn documents_are_asked_for_as_npm_asks() {
    let server = Server::start(|_, _| Reply::ok(document("@s/a", &["1.0.0"]))).await;
    let machine = Machine::new(&server.url);
    packument(&machine.registry(), "@s/a").await.unwrap();
    let asked = server.asked().remove(0);
    assert_eq!(asked.target, "/@s%2fa");
    assert_eq!(asked.header("accept-encoding"), Some("gzip"));
    assert!(asked.header("user-agent").unwrap().starts_with("utoo/"));
    assert_eq!(asked.header("authorization"), None);
}

#[tokio::test]
async fn compressed_documents_are_inflated() {
    let server = Server::start(|_, _| {
        Reply::ok(gzip(document("a", &["1.0.0", "2.0.0"]))).with("content-encoding", "gzip")
    })
    .await;
    let registry = Machine::new(&server.url).registry();
    assert_eq!(packument(&registry, "a").await.unwrap().len(), 2);
    assert_eq!(registry.stats().bytes_received, gzip(document("a", &["1.0.0", "2.0.0"])).len() as u64);
}

#[tokio::test]
async fn a_registry_that_recovers_is_asked_until_it_does() {
    for status in [408, 420, 429, 500, 502, 503, 504] {
        let server =
            Server::start(move |_, nth| if nth < 2 { Reply::status(status, "") } else { good() }).await;
        let registry = Machine::new(&server.url).registry();
        assert_eq!(packument(&registry, "a").await.unwrap().len(), 1, "{status}");
        assert_eq!((server.count(), registry.stats().retries), (3, 2));
    }
}

#[tokio::test]
async fn a_refusal_is_final() {
    for (status, code, category) in [
        (400, "E400", ErrorCategory::Precondition),
        (401, "E401", ErrorCategory::Auth),
        (403, "E403", ErrorCategory::Auth),
        (404, "E404", ErrorCategory::NotFound),
        (410, "E410", ErrorCategory::NotFound),
        (451, "E451", ErrorCategory::Precondition),
    ] {
        let server = Server::start(move |_, _| Reply::status(status, r#"{"error":"no, thank you"}"#)).await;
        let error = error_of(&server).await;
        assert_eq!((error.code, error.category), (code, category));
        assert_eq!(error.url.as_deref(), Some(format!("{}a", server.url).as_str()));
        assert!(error.message.starts_with(&status.to_string()), "{error}");
        assert_eq!(error.causes, ["the registry says: no, thank you"]);
        assert_eq!(server.count(), 1, "{status}");
    }
}

#[tokio::test]
async fn attempts_end_and_the_error_counts_them() {
    let server = Server::start(|_, _| Reply::status(503, "")).await;
    let error = error_of(&server).await;
    assert_eq!((error.code, error.category), ("E503", ErrorCategory::Transient));
    assert_eq!(error.causes, ["tried 4 times"]);
    assert_eq!(server.count(), 4);
}

#[tokio::test]
async fn retry_after_is_respected_within_bounds() {
    for (status, category) in [
        (408, ErrorCategory::Transient),
        (420, ErrorCategory::RateLimited),
        (429, ErrorCategory::RateLimited),
        (503, ErrorCategory::Transient),
    ] {
        let after = move |seconds: &'static str| {
            Server::start(move |_, nth| match nth {
                0 => Reply::status(status, "").with("retry-after", seconds),
                _ => good(),
            })
        };
        let server = after("0").await;
        assert_eq!(packument(&Machine::new(&server.url).registry(), "a").await.unwrap().len(), 1, "{status}");

        let server = after("3600").await;
        let error = error_of(&server).await;
        assert_eq!((error.code, error.category), (&*format!("E{status}"), category));
        assert!(error.hint.unwrap().contains("3600 seconds"));
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test]
async fn responses_that_are_cut_are_repeated() {
    let body = document("a", &["1.0.0"]);
    let cut: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-le".to_vec(),
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", body.len(), &body[..20]).into_bytes(),
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len() + 7).into_bytes(),
        format!("HTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n{body}").into_bytes(),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{}\r\n", &body[..5]).into_bytes(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(),
        [&b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"[..], &gzip(&body)[..30]].concat(),
    ];
    for (index, bytes) in cut.into_iter().enumerate() {
        let server =
            Server::start(move |_, nth| if nth == 0 { Reply::Raw(bytes.clone()) } else { good() }).await;
        let registry = Machine::new(&server.url).registry();
        assert_eq!(packument(&registry, "a").await.unwrap().len(), 1, "case {index}");
        assert!(registry.stats().retries >= 1 || server.count() == 2, "case {index}");
    }
}

#[tokio::test]
async fn a_stall_is_bounded() {
    for begun in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"] {
        let server = Server::start(move |_, _| Reply::Stall(begun.into())).await;
        let mut options = Machine::new(&server.url).options();
        options.timeouts.stall = Duration::from_millis(20);
        options.retry.retries = 1;
        let error = packument(&UnifiedRegistry::new(options).unwrap(), "a").await.unwrap_err();
        assert_eq!((error.code, error.category), ("ETIMEDOUT", ErrorCategory::Transient));
        assert_eq!(server.count(), 2);
    }
}

#[tokio::test]
async fn a_slow_trickle_is_bounded_as_a_whole() {
    let server = Server::start(|_, _| Reply::Stall(b"HTTP/1.1 200 OK\r\n".to_vec())).await;
    let mut options = Machine::new(&server.url).options();
    options.timeouts.document = Duration::from_millis(20);
    options.retry.retries = 0;
    let error = packument(&UnifiedRegistry::new(options).unwrap(), "a").await.unwrap_err();
    assert_eq!(error.code, "ETIMEDOUT");
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = packument(&Machine::new(&url).registry(), "a").await.unwrap_err();
    assert_eq!((error.code, error.category), ("ECONNREFUSED", ErrorCategory::Transient));
    assert!(error.url.unwrap().starts_with(&url));
}

#[tokio::test]
async fn what_is_no_packument_is_an_error_that_names_the_url() {
    for (body, code) in [
        ("<!DOCTYPE html><html><body>Sign in</body></html>", "EJSONPARSE"),
        ("[]", "EBADPACKUMENT"),
        ("null", "EBADPACKUMENT"),
        ("{\"name\":}", "EJSONPARSE"),
        (r#"{"name":"another","versions":{}}"#, "EBADPACKUMENT"),
    ] {
        let server = Server::start(move |_, _| Reply::ok(body)).await;
        let error = error_of(&server).await;
        assert_eq!(error.code, code, "{body}: {error}");
        assert_eq!(error.category, ErrorCategory::Precondition);
        assert_eq!(error.url.as_deref(), Some(format!("{}a", server.url).as_str()));
        assert_eq!(server.count(), 1, "{body}");
    }
}

#[tokio::test]
async fn an_empty_or_unfinished_body_is_retried_and_then_an_error() {
    for body in ["", "{\"name\":\"a\",\"versions\":{"] {
        let server = Server::start(move |_, _| Reply::ok(body)).await;
        let error = error_of(&server).await;
        assert_eq!(error.category, ErrorCategory::Transient, "{error}");
        assert_eq!(server.count(), 4);
    }
}

#[tokio::test]
async fn nothing_wrong_is_kept() {
    let server = Server::start(|_, _| Reply::ok("<html>")).await;
    let machine = Machine::new(&server.url);
    packument(&machine.registry(), "a").await.unwrap_err();
    assert!(stored_files(machine.cache()).is_empty());
}

#[tokio::test]
async fn responses_are_bounded() {
    let long = document("a", &["1.0.0", "2.0.0", "3.0.0"]);
    let announced = Reply::ok(long.clone());
    let Reply::Send { body, .. } = announced else { unreachable!() };
    let chunked = format!("HTTP/1.1 200 OK\r\n\r\n{long}").into_bytes();
    let limits = Limits { document: 100, tarball: 100, ..Limits::default() };
    for case in 0..3 {
        let (body, chunked, long) = (body.clone(), chunked.clone(), long.clone());
        let server = Server::start(move |_, _| match case {
            0 => Reply::ok(body.clone()),
            1 => Reply::Raw(chunked.clone()),
            _ => Reply::ok(gzip(long.repeat(20))).with("content-encoding", "gzip"),
        })
        .await;
        let options = RegistryOptions { limits, ..Machine::new(&server.url).options() };
        let registry = UnifiedRegistry::new(options).unwrap();
        assert_eq!(packument(&registry, "a").await.unwrap_err().code, "ETOOLARGE", "case {case}");
        let error = registry.fetch_tarball(&tarball(format!("{}a.tgz", server.url))).await.unwrap_err();
        assert_eq!(error.code, "ETOOLARGE", "case {case}");
    }
}

#[tokio::test]
async fn credentials_go_to_their_own_path_only() {
    let server = Server::start(|asked, _| {
        let package = asked.target.rsplit(['/', 'f']).next().unwrap_or_default();
        Reply::ok(format!(r#"{{"versions":{{"1.0.0":{{"name":"{package}","version":"1.0.0"}}}}}}"#))
    })
    .await;
    let place = server.url.strip_prefix("http:").unwrap();
    let machine = Machine::new(&format!("{}open/", server.url))
        .flag("@s:registry", &format!("{}closed/", server.url))
        .flag(&format!("{place}closed/:_authToken"), "s3cret");
    let registry = machine.registry();
    packument(&registry, "a").await.unwrap();
    packument(&registry, "@s/b").await.unwrap();
    let asked = server.asked();
    assert_eq!((asked[0].target.as_str(), asked[0].header("authorization")), ("/open/a", None));
    assert_eq!(asked[1].target, "/closed/@s%2fb");
    assert_eq!(asked[1].header("authorization"), Some("Bearer s3cret"));
    // A tarball on the registry's origin, outside its path, gets the registry's credentials; others get none.
    for (package, expected) in [("@s/b", Some("Bearer s3cret")), ("a", None)] {
        let request = TarballRequest { name: name(package), ..tarball(format!("{}t/b.tgz", server.url)) };
        registry.fetch_tarball(&request).await.unwrap();
        assert_eq!(server.asked().last().unwrap().header("authorization"), expected, "{package}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_origin_gets_no_credentials() {
    let elsewhere = Server::start(|_, _| good()).await;
    let away = format!("{}a", elsewhere.url);
    let server = Server::start(move |asked, _| match asked.target.as_str() {
        "/a" => Reply::redirect("/inside/a"),
        "/inside/a" => Reply::redirect(&away),
        _ => good(),
    })
    .await;
    let place = server.url.strip_prefix("http:").unwrap();
    let machine = Machine::new(&server.url).flag(&format!("{place}:_authToken"), "s3cret");
    assert_eq!(packument(&machine.registry(), "a").await.unwrap().len(), 1);
    assert!(server.asked().iter().all(|asked| asked.header("authorization") == Some("Bearer s3cret")));
    assert_eq!(elsewhere.asked()[0].header("authorization"), None);
}

#[tokio::test]
async fn credentials_lost_on_the_way_stay_lost() {
    let home: std::sync::Arc<std::sync::OnceLock<String>> = std::sync::Arc::default();
    let back = std::sync::Arc::clone(&home);
    let elsewhere = Server::start(move |_, _| Reply::redirect(format!("{}back", back.get().unwrap()))).await;
    let away = elsewhere.url.clone();
    let server = Server::start(move |asked, _| match asked.target.as_str() {
        "/back" => good(),
        _ => Reply::redirect(&away),
    })
    .await;
    home.set(server.url.clone()).unwrap();
    let place = server.url.strip_prefix("http:").unwrap();
    let machine = Machine::new(&server.url).flag(&format!("{place}:_authToken"), "s3cret");
    packument(&machine.registry(), "a").await.unwrap();
    let sent: Vec<_> = server.asked().iter().map(|asked| asked.header("authorization").is_some()).collect();
    assert_eq!(sent, [true, false]);
}

#[tokio::test]
async fn redirects_that_lead_nowhere_are_errors() {
    for (location, wanted) in
        [("/a", "more than 20"), ("file:///etc/passwd", "away from HTTP"), ("http://", "no URL")]
    {
        let server = Server::start(move |_, _| Reply::redirect(location)).await;
        let error = error_of(&server).await;
        assert_eq!(error.code, "EREDIRECT");
        assert!(error.message.contains(wanted), "{error}");
    }
}

#[tokio::test]
async fn no_secret_is_in_any_error() {
    let handlers: [fn(&Asked, usize) -> Reply; 4] = [
        |_, _| Reply::status(401, r#"{"error":"bad token at https://u:hunter2@h.example/"}"#),
        |_, _| Reply::redirect("ftp://u:hunter2@h.example/?token=hunter2"),
        |_, _| Reply::ok("<html>"),
        |_, _| Reply::Raw(Vec::new()),
    ];
    for handler in handlers {
        let server = Server::start(handler).await;
        let with_user = server.url.replace("http://", "http://user:hunter2@");
        let registry = Machine::new(&with_user).registry();
        let request = tarball(format!("{with_user}a.tgz?token=hunter2"));
        for error in [
            packument(&registry, "a").await.unwrap_err(),
            registry.fetch_tarball(&request).await.err().unwrap_or_else(packument_error),
        ] {
            assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
        }
        let sent = server.asked();
        assert!(sent[0].header("authorization").unwrap().starts_with("Basic "), "the user of a URL is used");
    }
}

/// Stands for a tarball that arrived: whatever its bytes are, they are not for this crate to judge.
fn packument_error() -> RegistryError {
    RegistryError::new("OK", ErrorCategory::Local, "")
}

#[tokio::test]
async fn requests_go_through_the_configured_proxy_unless_excepted() {
    let proxy = Server::start(|_, _| good()).await;
    let machine = Machine::new("http://registry.example/").flag("proxy", &proxy.url);
    packument(&machine.registry(), "a").await.unwrap();
    assert_eq!(proxy.asked()[0].target, "http://registry.example/a");

    let direct = Server::start(|_, _| good()).await;
    let machine = Machine::new(&direct.url).flag("proxy", &proxy.url).flag("noproxy", "127.0.0.1");
    packument(&machine.registry(), "a").await.unwrap();
    assert_eq!((proxy.count(), direct.count()), (1, 1));
}

#[tokio::test]
async fn a_proxy_gets_its_own_credentials_and_not_the_registrys_place_in_errors() {
    let proxy = Server::start(|_, _| Reply::status(407, "")).await;
    let with_user = proxy.url.replace("http://", "http://user:hunter2@");
    let machine = Machine::new("http://registry.example/").flag("proxy", &with_user);
    let error = packument(&machine.registry(), "a").await.unwrap_err();
    assert_eq!((error.code, error.category), ("E407", ErrorCategory::Auth));
    assert!(!format!("{error:?}").contains("hunter2"));
    assert_eq!(proxy.asked()[0].header("proxy-authorization"), Some("Basic dXNlcjpodW50ZXIy"));
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_no_failure() {
    let body = document("a", &["1.0.0"]);
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let server = Server::start(move |_, _| Reply::Raw(whole.clone().into())).await;
    let registry = forgetful(&server);
    for count in 1..=3 {
        assert_eq!(packument(&registry, "a").await.unwrap().len(), 1);
        assert_eq!((server.count(), registry.stats().requests), (count, count as u64));
    }
}

#[tokio::test]
async fn what_follows_an_answer_is_no_answer_to_another_question() {
    let planted = document("b", &["6.6.6"]);
    let answer = |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let both = answer(&document("a", &["1.0.0"])) + &answer(&planted);
    let server = Server::start(move |asked, _| match &*asked.target {
        "/a" => Reply::Stall(both.clone().into()),
        _ => Reply::ok(document("b", &["1.0.0"])),
    })
    .await;
    let registry = Machine::new(&server.url).registry();
    packument(&registry, "a").await.unwrap();
    let found = packument(&registry, "b").await.unwrap();
    assert!(found.find("1.0.0").is_some() && found.find("6.6.6").is_none());
}

#[tokio::test]
async fn an_unchanged_document_leaves_its_connection_to_the_next_question() {
    let server = Server::start(|asked, _| match asked.header("if-none-match") {
        Some(_) => Reply::status(304, ""),
        None => Reply::ok(document("a", &["1.0.0"])).with("etag", "\"1\""),
    })
    .await;
    let machine = Machine::new(&server.url).flag("prefer-online", "true");
    let registry = machine.registry();
    for _ in 0..5 {
        assert_eq!(packument(&registry, "a").await.unwrap().len(), 1);
        registry.flush();
    }
    assert_eq!((server.count(), server.connections()), (5, 1));
}

/// The question is asked anew then, and the others of that host not here at all.
#[tokio::test]
async fn an_answer_without_length_is_read_by_the_other_client() {
    let answer = format!("HTTP/1.1 200 OK\r\n\r\n{}", document("a", &["1.0.0"]));
    let server = Server::start(move |_, _| Reply::Raw(answer.clone().into())).await;
    let registry = forgetful(&server);
    for count in [2, 3, 4] {
        assert_eq!(packument(&registry, "a").await.unwrap().len(), 1);
        assert_eq!((server.count(), registry.stats().requests), (count, count as u64));
    }
}

#[tokio::test]
async fn answers_in_chunks_are_read_and_leave_their_connection_to_the_next() {
    let body = gzip(document("a", &["1.0.0", "2.0.0"]));
    let server =
        Server::start(move |_, _| Reply::Chunked(body.chunks(7).map(<[u8]>::to_vec).collect())).await;
    let registry = forgetful(&server);
    for count in 1..=3 {
        assert_eq!(packument(&registry, "a").await.unwrap().len(), 2);
        assert_eq!((server.count(), registry.stats().requests), (count, count as u64));
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn chunks_that_are_none_are_damage_and_asked_for_again() {
    let body = document("a", &["1.0.0"]);
    let bad = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{body}\r\n0\r\n\r\n");
    let server =
        Server::start(move |_, nth| if nth < 2 { Reply::Raw(bad.clone().into()) } else { good() }).await;
    let registry = Machine::new(&server.url).registry();
    assert_eq!(packument(&registry, "a").await.unwrap().len(), 1);
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn a_large_tarball_is_put_together_from_its_parts() {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let sent = bytes.clone();
    let server = Server::start(move |_, _| Reply::ok(sent.clone())).await;
    let registry = Machine::new(&server.url).registry();
    for _ in 0..2 {
        let request = tarball(format!("{}a/-/a-1.0.0.tgz", server.url));
        let watch = |seen: &mut usize, part: &[u8]| *seen += part.len();
        let (fetched, watched) = registry.fetch_tarball_watched(&request, || 0, watch).await.unwrap();
        assert!(fetched == bytes);
        assert_eq!(watched, bytes.len());
    }
    assert_eq!((registry.stats().bytes_received, server.connections()), (6_000_000, 1));
}

#[tokio::test]
async fn connections_are_limited() {
    let server = Server::start(|asked, _| {
        let package = asked.target.trim_start_matches('/');
        Reply::ok(document(package, &["1.0.0"]))
    })
    .await;
    let machine = Machine::new(&server.url).flag("maxsockets", "1");
    let registry = machine.registry();
    let mut jobs = tokio::task::JoinSet::new();
    for index in 0..30 {
        let registry = registry.clone();
        jobs.spawn(async move { packument(&registry, &format!("p{index}")).await.map(|found| found.len()) });
    }
    assert!(jobs.join_all().await.into_iter().all(|found| found == Ok(1)));
    assert_eq!((server.count(), registry.stats().requests, server.connections()), (30, 30, 1));
}

#[tokio::test]
async fn tarballs_arrive_as_they_are() {
    let bytes = gzip("the contents");
    let sent = bytes.clone();
    let server = Server::start(move |_, nth| match nth {
        0 => Reply::status(500, ""),
        _ => Reply::ok(sent.clone()),
    })
    .await;
    let registry = Machine::new(&server.url).registry();
    let request = tarball(format!("{}a/-/a-1.0.0.tgz", server.url));
    let (fetched, watched) = registry
        .fetch_tarball_watched(&request, Vec::new, |seen, part| seen.extend_from_slice(part))
        .await
        .unwrap();
    assert_eq!(&fetched[..], &bytes);
    assert_eq!(watched, bytes);
    assert_eq!(server.asked()[0].header("accept-encoding"), Some("identity"));
    let stats = registry.stats();
    assert_eq!((stats.tarballs, stats.bytes_received, stats.retries), (1, bytes.len() as u64, 1));
}

#[tokio::test]
async fn tarballs_are_not_fetched_offline() {
    let server = Server::start(|_, _| Reply::ok("x")).await;
    let machine = Machine::new(&server.url);
    let offline = machine.registry_with("offline", "true");
    let error = offline.fetch_tarball(&tarball(format!("{}a.tgz", server.url))).await.unwrap_err();
    assert_eq!((error.code, server.count()), ("ENOTCACHED", 0));
}

#[tokio::test]
async fn retries_can_be_turned_off_and_configured() {
    let server = Server::start(|_, _| Reply::status(500, "")).await;
    let machine = Machine::new(&server.url)
        .flag("fetch-retries", "0")
        .flag("fetch-retry-mintimeout", "7")
        .flag("fetch-timeout", "9000");
    let load = machine.options();
    let own = RegistryOptions::from_config(&load.config);
    assert_eq!(
        own.retry,
        RetryPolicy { retries: 0, min_wait: Duration::from_millis(7), ..RetryPolicy::default() }
    );
    assert_eq!(own.timeouts.stall, Duration::from_secs(9));
    let registry = UnifiedRegistry::new(own).unwrap();
    assert_eq!(packument(&registry, "a").await.unwrap_err().code, "E500");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn dropping_a_job_cancels_it() {
    let server = Server::start(|_, nth| if nth == 0 { Reply::Stall(Vec::new()) } else { good() }).await;
    let machine = Machine::new(&server.url).flag("maxsockets", "1");
    let registry = machine.registry();
    let waiting = tokio::time::timeout(Duration::from_millis(20), packument(&registry, "a")).await;
    assert!(waiting.is_err());
    assert_eq!(packument(&registry, "a").await.unwrap().len(), 1, "its connection is free again");
}
