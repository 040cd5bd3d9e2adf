//! The manifest store, through the registry's own door: documents into the pack, and from it without a request.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark without its data cannot go on")]

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
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
    let config = config_in(folder.path(), &server.url());
    let mut group = criterion.benchmark_group("manifest store");
    group.throughput(Throughput::Elements(names.len() as u64));
    group.sample_size(10).bench_function("fetch, pack and append all", |bencher| {
        bencher.iter_batched(
            || tempfile::tempdir().unwrap(),
            |empty| {
                fill(&config_in(empty.path(), &server.url()), &names);
                empty
            },
            BatchSize::PerIteration,
        );
    });
    fill(&config, &names);
    server.shutdown();
    group.sample_size(100).bench_function("open, and read all", |bencher| {
        bencher.iter(|| {
            let registry = UnifiedRegistry::from_config(&config).unwrap();
            names.iter().map(|name| stored(&registry, name).len()).sum::<usize>()
        });
    });
    group.bench_function("read all", |bencher| {
        let registry = UnifiedRegistry::from_config(&config).unwrap();
        bencher.iter(|| names.iter().map(|name| stored(&registry, name).len()).sum::<usize>());
    });
    group.finish();
}

/// A cache in this folder, and this registry.
fn config_in(folder: &Path, url: &str) -> Config {
    let options = LoadOptions {
        cwd: folder.to_owned(),
        prefix: None,
        home: Some(folder.to_owned()),
        env: BTreeMap::new(),
        flags: vec![("registry".to_owned(), url.to_owned())],
    };
    Config::load(&options).unwrap()
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
