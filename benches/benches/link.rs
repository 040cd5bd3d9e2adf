//! From a full store to `node_modules`: an install of a known tree for which nothing is fetched.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark without its data cannot go on")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Map, json};
use tempfile::TempDir;
use utoo_benches::corpus::{Tarball, tarballs};
use utoo_installer::{
    FetchError, FetchErrorKind, InstallRequest, Installer, InstallerOptions, PackageRequest, Prepare, Store,
    TarballRequest, TarballSource,
};
use utoo_lockfile::Lockfile;
use utoo_types::{Algorithm, Integrity, PackageName};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whoever asks it has found something missing in the store.
struct Nothing;

impl TarballSource for Nothing {
    async fn fetch(&self, request: &TarballRequest) -> Result<Bytes, FetchError> {
        let message = format!("{} is not in the store", request.name);
        Err(FetchError::new("ENOTCACHED", message, FetchErrorKind::Local))
    }
}

fn resolved(tarball: &Tarball) -> String {
    format!("https://registry.example/{}/-/x-{}.tgz", tarball.name, tarball.version)
}

fn fill(store: &Store, tarballs: &[Tarball]) {
    for tarball in tarballs {
        let request = PackageRequest {
            name: PackageName::parse(&tarball.name).unwrap(),
            version: tarball.version.as_str().into(),
            resolved: resolved(tarball).into(),
            integrity: Some(Integrity::of(Algorithm::Sha512, &tarball.bytes)),
            prepare: Prepare::Skip,
        };
        store.insert(&request, &tarball.bytes).unwrap();
    }
}

fn tree(tarballs: &[Tarball]) -> String {
    let mut packages = Map::new();
    packages.insert(String::new(), json!({"name": "project"}));
    for tarball in tarballs {
        let integrity = Integrity::of(Algorithm::Sha512, &tarball.bytes).to_string();
        let entry =
            json!({"version": tarball.version, "resolved": resolved(tarball), "integrity": integrity});
        packages.insert(format!("node_modules/{}", tarball.name), entry);
    }
    json!({"name": "project", "lockfileVersion": 3, "requires": true, "packages": packages}).to_string()
}

fn link(criterion: &mut Criterion) {
    let tarballs = tarballs();
    let shared_memory = Path::new("/dev/shm");
    let parent = if shared_memory.is_dir() { shared_memory.to_owned() } else { std::env::temp_dir() };
    let cache = tempfile::tempdir_in(&parent).unwrap();
    let store = Store::open(cache.path());
    fill(&store, &tarballs);
    let tree = tree(&tarballs);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let install = |project: TempDir| {
        let options = InstallerOptions::new(project.path(), store.clone());
        let installer = Installer::new(options, Arc::new(Nothing));
        let tree = Lockfile::parse(&tree, "package-lock.json").unwrap();
        let installed = runtime.block_on(installer.install(InstallRequest::new(tree))).unwrap();
        assert_eq!((installed.summary.added, installed.summary.from_cache), (tarballs.len(), tarballs.len()));
        // Its removal is not measured.
        project
    };
    let mut group = criterion.benchmark_group("link");
    group.sample_size(10);
    group.throughput(Throughput::Elements(tarballs.iter().map(|tarball| tarball.files as u64).sum()));
    group.bench_function("all from the store", |bencher| {
        bencher.iter_batched(|| tempfile::tempdir_in(&parent).unwrap(), install, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, link);
criterion_main!(benches);
