//! From a registry's JSON to the packed form, and from the packed form to a value.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark without its data cannot go on")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use utoo_benches::corpus::abbreviated_documents;
use utoo_types::{Packument, PackumentParser};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn packument(criterion: &mut Criterion) {
    let documents = abbreviated_documents();
    let mut group = criterion.benchmark_group("packument");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(documents.iter().map(|document| document.len() as u64).sum()));
    group.bench_function("parse all abbreviated", |bencher| {
        let mut parser = PackumentParser::roomy();
        // simd-json works in the buffer that it is given, hence a copy for each round.
        bencher.iter_batched(
            || documents.clone(),
            |documents| {
                documents
                    .into_iter()
                    .map(|mut document| parser.parse(&mut document).unwrap().len())
                    .sum::<usize>()
            },
            BatchSize::PerIteration,
        );
    });
    let packed: Vec<_> =
        documents.iter().map(|document| Packument::from_json(document.clone()).unwrap()).collect();
    group.throughput(Throughput::Bytes(packed.iter().map(|packed| packed.as_bytes().len() as u64).sum()));
    group.bench_function("open all packed", |bencher| {
        bencher.iter(|| {
            let open =
                |packed: &Packument| Packument::from_bytes(black_box(packed.as_bytes().clone())).unwrap();
            packed.iter().map(|packed| open(packed).len()).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, packument);
criterion_main!(benches);
