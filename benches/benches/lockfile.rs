//! The package-lock.json that npm wrote for alotta-files: 1,277 entries, 0.6 MB.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark without its data cannot go on")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use utoo_benches::corpus::package_lock;
use utoo_lockfile::Lockfile;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn lockfile(criterion: &mut Criterion) {
    let text = package_lock();
    let lock = Lockfile::parse(&text, "package-lock.json").unwrap();
    assert_eq!(lock.to_text(), text, "what is read is not what is written");
    let mut group = criterion.benchmark_group("lockfile");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| Lockfile::parse(black_box(&text), "package-lock.json").unwrap());
    });
    group.bench_function("write", |bencher| bencher.iter(|| black_box(&lock).to_text()));
    group.finish();
}

criterion_group!(benches, lockfile);
criterion_main!(benches);
