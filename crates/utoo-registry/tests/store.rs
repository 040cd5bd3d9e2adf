//! The manifest store as jobs see it: what is asked again, what is not, and that damage never shows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};

use support::{Asked, Machine, Reply, Server, document, packument, stored_files};
use utoo_registry::DocumentForm;

const ETAG: &str = "\"one\"";

fn pack(cache: &Path) -> PathBuf {
    let files = stored_files(cache);
    let is_pack = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().starts_with("pack-");
    files.into_iter().find(is_pack).unwrap()
}

/// Answers with one version, and 304 to whoever has its ETag.
fn registry(asked: &Asked, _: usize) -> Reply {
    let reply = match asked.header("if-none-match") {
        Some(ETAG) => Reply::status(304, ""),
        _ => Reply::ok(document("a", &["1.0.0", "1.1.0"])),
    };
    reply.with("etag", ETAG).with("cache-control", "public, max-age=60")
}

#[tokio::test]
async fn a_fresh_document_is_not_asked_for_again() {
    let server = Server::start(registry).await;
    let machine = Machine::new(&server.url);
    let first = machine.registry();
    let fetched = packument(&first, "a").await.unwrap();
    first.flush();
    assert_eq!(first.stats().store_writes, 1);
    machine.hands.forward(59);
    let second = machine.registry();
    let stored = packument(&second, "a").await.unwrap();
    assert_eq!(stored.as_bytes(), fetched.as_bytes());
    assert_eq!(stored.dist_tag("latest"), Some("1.1.0"));
    assert_eq!(server.count(), 1);
    assert_eq!((second.stats().store_hits, second.stats().requests), (1, 0));
}

#[test]
fn a_fresh_document_needs_no_network() {
    let with_network = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (machine, _server) = with_network.block_on(async {
        let server = Server::start(registry).await;
        let machine = Machine::new(&server.url);
        packument(&machine.registry(), "a").await.unwrap();
        (machine, server)
    });
    // Without sockets and timers nothing but the store can answer.
    let without = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(without.block_on(packument(&machine.registry(), "a")).is_ok());
}

#[test]
fn documents_that_are_asked_for_at_once_are_all_read() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::start(registry).await;
        let machine = Machine::new(&server.url);
        packument(&machine.registry(), "a").await.unwrap();
        let again = std::sync::Arc::new(machine.registry());
        let mut reads = tokio::task::JoinSet::new();
        for at in 0..200 {
            let again = again.clone();
            let read = reads.spawn(async move { packument(&again, "a").await });
            tokio::task::yield_now().await;
            // Some are given up while they wait for the thread that reads.
            if at % 2 == 0 {
                read.abort();
            }
        }
        while let Some(read) = reads.join_next().await {
            match read {
                Ok(read) => assert!(read.is_ok()),
                Err(given_up) => assert!(given_up.is_cancelled()),
            }
        }
        assert_eq!(server.count(), 1);
    });
}

#[tokio::test]
async fn a_stale_document_is_revalidated_and_its_lease_renewed() {
    let server = Server::start(registry).await;
    let machine = Machine::new(&server.url);
    let fetched = packument(&machine.registry(), "a").await.unwrap();
    machine.hands.forward(61);
    let second = machine.registry();
    let revalidated = packument(&second, "a").await.unwrap();
    assert_eq!(revalidated.as_bytes(), fetched.as_bytes());
    assert_eq!(second.stats().not_modified, 1);
    second.flush();
    assert_eq!((second.stats().store_writes, second.stats().store_renewals), (0, 1));
    assert_eq!(server.asked()[1].header("if-none-match"), Some(ETAG));
    machine.hands.forward(30);
    packument(&machine.registry(), "a").await.unwrap();
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn without_an_etag_the_date_is_the_validator() {
    const DATE: &str = "Wed, 21 Oct 2015 07:28:00 GMT";
    let server = Server::start(|asked, _| match asked.header("if-modified-since") {
        Some(_) => Reply::status(304, ""),
        None => {
            Reply::ok(document("a", &["1.0.0"])).with("last-modified", DATE).with("cache-control", "no-cache")
        }
    })
    .await;
    let machine = Machine::new(&server.url);
    packument(&machine.registry(), "a").await.unwrap();
    assert_eq!(packument(&machine.registry(), "a").await.unwrap().len(), 1);
    assert_eq!(server.asked()[1].header("if-modified-since"), Some(DATE));
}

#[tokio::test]
async fn a_changed_document_replaces_the_stored_one() {
    let server = Server::start(|_, nth| {
        let versions: &[&str] = if nth == 0 { &["1.0.0"] } else { &["1.0.0", "2.0.0"] };
        Reply::ok(document("a", versions))
            .with("etag", format!("\"{nth}\""))
            .with("cache-control", "max-age=60")
    })
    .await;
    let machine = Machine::new(&server.url);
    assert_eq!(packument(&machine.registry(), "a").await.unwrap().len(), 1);
    machine.hands.forward(61);
    assert_eq!(packument(&machine.registry(), "a").await.unwrap().len(), 2);
    assert_eq!(packument(&machine.registry(), "a").await.unwrap().len(), 2);
    assert_eq!(server.count(), 2);
    assert_eq!(stored_files(machine.cache()).len(), 3, "index, pack and lock");
}

#[tokio::test]
async fn a_body_that_is_gone_or_damaged_is_asked_for_without_validator() {
    let server = Server::start(registry).await;
    let machine = Machine::new(&server.url);
    packument(&machine.registry(), "a").await.unwrap();
    machine.hands.forward(61);
    std::fs::remove_file(pack(machine.cache())).unwrap();
    assert_eq!(packument(&machine.registry(), "a").await.unwrap().len(), 2);

    machine.hands.forward(61);
    let file = pack(machine.cache());
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    utoo_fs::write_atomic(&file, &bytes).unwrap();
    assert_eq!(packument(&machine.registry(), "a").await.unwrap().len(), 2);
    assert!(server.asked().iter().all(|asked| asked.header("if-none-match").is_none()));
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn a_file_cut_or_flipped_anywhere_is_a_miss_and_never_another_answer() {
    let server = Server::start(registry).await;
    let machine = Machine::new(&server.url);
    let whole = packument(&machine.registry(), "a").await.unwrap();
    // Each process reads the index anew.
    let offline = || machine.registry_with("offline", "true");
    for file in [pack(machine.cache()), machine.cache().join("manifests/v2/index")] {
        let bytes = std::fs::read(&file).unwrap();
        for end in 0..bytes.len() {
            utoo_fs::write_atomic(&file, &bytes[..end]).unwrap();
            assert_eq!(packument(&offline(), "a").await.unwrap_err().code, "ENOTCACHED", "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            utoo_fs::write_atomic(&file, &flipped).unwrap();
            // The head of the pack names only the pack itself.
            match packument(&offline(), "a").await {
                Ok(found) => assert_eq!(found.as_bytes(), whole.as_bytes(), "flipped at {at}"),
                Err(error) => assert_eq!(error.code, "ENOTCACHED", "flipped at {at}"),
            }
        }
        utoo_fs::write_atomic(&file, &bytes).unwrap();
        assert_eq!(packument(&offline(), "a").await.unwrap().as_bytes(), whole.as_bytes());
    }
}

#[tokio::test]
async fn a_304_to_a_plain_question_is_asked_again() {
    let server = Server::start(|asked, _| match asked.header("cache-control") {
        Some("no-cache") => Reply::ok(document("a", &["1.0.0"])),
        _ => Reply::status(304, ""),
    })
    .await;
    let machine = Machine::new(&server.url);
    assert_eq!(packument(&machine.registry(), "a").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_registry_that_says_304_to_everything_is_an_error() {
    let server = Server::start(|_, _| Reply::status(304, "")).await;
    let machine = Machine::new(&server.url);
    let error = packument(&machine.registry(), "a").await.unwrap_err();
    assert!(error.message.contains("304"), "{error}");
}

#[tokio::test]
async fn a_304_about_another_document_is_not_believed() {
    let server = Server::start(|asked, nth| match asked.header("if-none-match") {
        Some(_) => Reply::status(304, "").with("etag", "\"another\""),
        None => {
            let versions: &[&str] = if nth == 0 { &["1.0.0"] } else { &["1.0.0", "2.0.0"] };
            Reply::ok(document("a", versions)).with("etag", ETAG).with("cache-control", "no-cache")
        }
    })
    .await;
    let machine = Machine::new(&server.url);
    packument(&machine.registry(), "a").await.unwrap();
    assert_eq!(packument(&machine.registry(), "a").await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_clock_that_moved_costs_a_revalidation() {
    const YEAR: u64 = 365 * 86_400;
    let server = Server::start(registry).await;
    let machine = Machine::new(&server.url);
    packument(&machine.registry(), "a").await.unwrap();
    machine.hands.back(YEAR);
    packument(&machine.registry(), "a").await.unwrap();
    assert_eq!(server.count(), 2);
    packument(&machine.registry(), "a").await.unwrap();
    assert_eq!(server.count(), 2, "the lease is of today again");
    machine.hands.forward(2 * YEAR);
    packument(&machine.registry(), "a").await.unwrap();
    assert_eq!(server.count(), 3);
    assert!(server.asked()[1..].iter().all(|asked| asked.header("if-none-match") == Some(ETAG)));
}

#[tokio::test]
async fn offline_takes_any_stored_document_and_asks_for_none() {
    let server = Server::start(registry).await;
    let machine = Machine::new(&server.url);
    let offline = machine.registry_with("offline", "true");
    let error = packument(&offline, "a").await.unwrap_err();
    assert_eq!(error.code, "ENOTCACHED");
    assert_eq!(error.url.as_deref(), Some(format!("{}a", server.url).as_str()));
    packument(&machine.registry(), "a").await.unwrap();
    machine.hands.forward(1_000_000);
    let offline = machine.registry_with("offline", "true");
    assert_eq!(packument(&offline, "a").await.unwrap().len(), 2);
    let preferring = machine.registry_with("prefer-offline", "true");
    assert_eq!(packument(&preferring, "a").await.unwrap().len(), 2);
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn prefer_online_revalidates_what_is_fresh() {
    let server = Server::start(registry).await;
    let machine = Machine::new(&server.url);
    packument(&machine.registry(), "a").await.unwrap();
    let online = machine.registry_with("prefer-online", "true");
    packument(&online, "a").await.unwrap();
    assert_eq!((server.count(), online.stats().not_modified), (2, 1));
}

#[tokio::test]
async fn many_jobs_write_one_body_once() {
    let server = Server::start(registry).await;
    let machine = Machine::new(&server.url);
    let registry = machine.registry();
    let mut jobs = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let registry = registry.clone();
        jobs.spawn(async move { packument(&registry, "a").await.unwrap().len() });
    }
    assert!(jobs.join_all().await.iter().all(|versions| *versions == 2));
    registry.flush();
    assert_eq!(registry.stats().store_writes, 1);
    assert_eq!(stored_files(machine.cache()).len(), 3, "and no temporary file");
}

#[tokio::test]
async fn the_same_body_without_validators_is_not_written_again() {
    let server = Server::start(|_, _| Reply::ok(document("a", &["1.0.0"]))).await;
    let machine = Machine::new(&server.url);
    packument(&machine.registry(), "a").await.unwrap();
    machine.hands.forward(301);
    let second = machine.registry();
    packument(&second, "a").await.unwrap();
    second.flush();
    assert_eq!((second.stats().store_writes, second.stats().store_renewals), (0, 1));
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn no_store_keeps_nothing() {
    let server =
        Server::start(|_, _| Reply::ok(document("a", &["1.0.0"])).with("cache-control", "no-store")).await;
    let machine = Machine::new(&server.url);
    packument(&machine.registry(), "a").await.unwrap();
    assert!(stored_files(machine.cache()).is_empty());
}

#[tokio::test]
async fn the_two_forms_are_asked_for_and_kept_apart() {
    let server = Server::start(|asked, _| {
        let abbreviated = asked.header("accept").unwrap().starts_with("application/vnd.npm.install-v1+json");
        let versions: &[&str] = if abbreviated { &["1.0.0"] } else { &["1.0.0", "2.0.0"] };
        Reply::ok(document("a", versions))
    })
    .await;
    let machine = Machine::new(&server.url);
    let full = || {
        let options = utoo_registry::RegistryOptions { form: DocumentForm::Full, ..machine.options() };
        utoo_registry::UnifiedRegistry::new(options).unwrap()
    };
    for _ in 0..2 {
        assert_eq!(packument(&machine.registry(), "a").await.unwrap().len(), 1);
        assert_eq!(packument(&full(), "a").await.unwrap().len(), 2);
    }
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_fails_no_job() {
    let server = Server::start(registry).await;
    let machine = Machine::new(&server.url);
    utoo_fs::write_atomic(machine.cache().join("manifests"), b"in the way").unwrap();
    let registry = machine.registry();
    assert_eq!(packument(&registry, "a").await.unwrap().len(), 2);
    registry.flush();
    assert_eq!(registry.stats().store_writes, 0);
}
