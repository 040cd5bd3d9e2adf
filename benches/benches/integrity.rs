//! sha512 of the corpus's tarballs, in memory, on one thread: one after the other, and several at a time.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark without its data cannot go on")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use utoo_benches::corpus::tarballs;
use utoo_types::{Algorithm, Integrity};

/// As many as an install verifies together.
const TOGETHER: usize = 32;

/// Bytes.
const EQUAL: usize = 200_000;

fn integrity(criterion: &mut Criterion) {
    let tarballs = tarballs();
    let bodies: Vec<&[u8]> = tarballs.iter().map(|tarball| &*tarball.bytes).collect();
    let one_by_one =
        || -> Vec<_> { bodies.iter().map(|body| Integrity::of(Algorithm::Sha512, body)).collect() };
    let together = || -> Vec<_> { bodies.chunks(TOGETHER).flat_map(Integrity::sha512_of_each).collect() };
    assert_eq!(together(), one_by_one());
    let mut group = criterion.benchmark_group("integrity");
    group.throughput(Throughput::Bytes(bodies.iter().map(|body| body.len() as u64).sum()));
    group.bench_function("one by one", |bencher| bencher.iter(one_by_one));
    group.bench_function("32 together", |bencher| bencher.iter(together));
    group.finish();
    // What the lanes can do: all of them full, from the first block to the last.
    let equal = vec![vec![b'x'; EQUAL]; 16];
    let equal: Vec<&[u8]> = equal.iter().map(Vec::as_slice).collect();
    let mut group = criterion.benchmark_group("integrity of one length");
    group.throughput(Throughput::Bytes((equal.len() * EQUAL) as u64));
    group.bench_function("16 together", |bencher| bencher.iter(|| Integrity::sha512_of_each(&equal)));
    group.finish();
}

criterion_group!(benches, integrity);
criterion_main!(benches);
