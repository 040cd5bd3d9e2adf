//! From tarballs in memory to packages in the store: verified, inflated, unpacked, published; on one thread.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark without its data cannot go on")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use utoo_benches::corpus::{Tarball, tarballs};
use utoo_installer::{PackageRequest, Prepare, Store};
use utoo_types::{Algorithm, Integrity, PackageName};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn request(tarball: &Tarball) -> PackageRequest {
    PackageRequest {
        name: PackageName::parse(&tarball.name).unwrap(),
        version: tarball.version.as_str().into(),
        resolved: format!("https://registry.example/{}/-/x-{}.tgz", tarball.name, tarball.version).into(),
        integrity: Some(Integrity::of(Algorithm::Sha512, &tarball.bytes)),
        prepare: Prepare::Skip,
    }
}

fn extract(criterion: &mut Criterion) {
    let tarballs: Vec<_> = tarballs().into_iter().map(|tarball| (request(&tarball), tarball)).collect();
    let shared_memory = std::path::Path::new("/dev/shm");
    let parent = if shared_memory.is_dir() { shared_memory.to_owned() } else { std::env::temp_dir() };
    let mut group = criterion.benchmark_group("extract");
    group.sample_size(10);
    group.throughput(Throughput::Elements(tarballs.iter().map(|(_, tarball)| tarball.files as u64).sum()));
    group.bench_function("all into the store", |bencher| {
        bencher.iter_batched(
            || tempfile::tempdir_in(&parent).unwrap(),
            |folder| {
                let store = Store::open(folder.path());
                for (request, tarball) in &tarballs {
                    store.insert(request, &tarball.bytes).unwrap();
                }
                // Its removal is not measured.
                folder
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, extract);
criterion_main!(benches);
