//! The manifest store, through the registry's own door: from files to packuments, without a request.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark without its data cannot go on")]

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use utoo_benches::corpus::{documents, registry_folder};
use utoo_config::{Config, LoadOptions};
use utoo_registry::UnifiedRegistry;
use utoo_resolver::{ManifestJob, ManifestJobDone, Registry as _};
use utoo_server::{Mode, Server, ServerOptions};
use utoo_types::{PackageName, Packument};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn manifest_store(criterion: &mut Criterion) {
    let names: Vec<PackageName> =
        documents().into_iter().map(|text| Packument::from_json(text).unwrap().name().clone()).collect();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(ServerOptions {
        cache_max_age: std::time::Duration::from_secs(86_400),
        ..ServerOptions::new(Mode::Frozen { dir: registry_folder() })
    });
    let server = server.unwrap();
    let config = Config::load(&LoadOptions {
        cwd: folder.path().to_owned(),
        prefix: None,
        home: Some(folder.path().to_owned()),
        env: BTreeMap::new(),
        flags: vec![("registry".to_owned(), server.url())],
    });
    let config = config.unwrap();
    fill(&config, &names);
    server.shutdown();

    let mut group = criterion.benchmark_group("manifest store");
    group.throughput(Throughput::Elements(names.len() as u64));
    group.bench_function("read all", |bencher| {
        let registry = UnifiedRegistry::from_config(&config).unwrap();
        bencher.iter(|| names.iter().map(|name| stored(&registry, name).len()).sum::<usize>());
    });
    group.finish();
}

/// Fetches everything once.
fn fill(config: &Config, names: &[PackageName]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let registry = UnifiedRegistry::from_config(config).unwrap();
    runtime.block_on(async {
        for name in names {
            registry.execute(ManifestJob::Full { name: name.clone() }).await.unwrap();
        }
    });
    registry.flush();
}

/// What is fresh in the store is the answer of the first poll; anything else would need the server that is gone.
fn stored(registry: &UnifiedRegistry, name: &PackageName) -> Packument {
    let job = pin!(registry.execute(ManifestJob::Full { name: name.clone() }));
    match job.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(ManifestJobDone::Full(packument))) => packument,
        other => panic!("{name} is not in the store: {other:?}"),
    }
}

criterion_group!(benches, manifest_store);
criterion_main!(benches);
