//! Versions and ranges: those of every package that alotta-files looks at.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark without its data cannot go on")]

use std::collections::BTreeSet;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use utoo_benches::corpus::documents;
use utoo_types::{Packument, Range, Version};

fn semver(criterion: &mut Criterion) {
    let packuments: Vec<_> =
        documents().into_iter().map(|text| Packument::from_json(text).unwrap()).collect();
    let candidates = || packuments.iter().flat_map(Packument::candidates);
    let versions: Vec<String> = candidates().map(|candidate| candidate.version_text().to_owned()).collect();
    let wanted: BTreeSet<(String, String)> = candidates()
        .flat_map(|candidate| {
            candidate
                .dependencies()
                .map(|(name, spec, _)| (name.to_owned(), spec.to_owned()))
                .collect::<Vec<_>>()
        })
        .collect();
    let ranges: BTreeSet<&str> = wanted.iter().map(|(_, spec)| spec.as_str()).collect();

    let mut group = criterion.benchmark_group("semver");
    group.throughput(Throughput::Elements(versions.len() as u64));
    group.bench_function("parse versions", |bencher| {
        bencher.iter(|| versions.iter().filter(|text| Version::parse(black_box(text)).is_ok()).count());
    });
    group.throughput(Throughput::Elements(ranges.len() as u64));
    group.bench_function("parse ranges", |bencher| {
        bencher.iter(|| ranges.iter().filter(|text| Range::parse(black_box(text)).is_ok()).count());
    });

    // Each range against every version of the package that it is about, as a pick without shortcuts would.
    let pairs: Vec<(Range, Vec<Version>)> = wanted
        .iter()
        .step_by(8)
        .filter_map(|(name, spec)| {
            let packument = packuments.iter().find(|packument| packument.name().as_str() == name)?;
            Some((
                Range::parse(spec).ok()?,
                packument.candidates().map(|candidate| candidate.version()).collect(),
            ))
        })
        .collect();
    let questions: usize = pairs.iter().map(|(_, versions)| versions.len()).sum();
    group.throughput(Throughput::Elements(questions as u64));
    group.bench_function("satisfies", |bencher| {
        bencher.iter(|| {
            let matching = |(range, versions): &(Range, Vec<Version>)| {
                versions.iter().filter(|version| range.satisfies(black_box(version))).count()
            };
            pairs.iter().map(matching).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, semver);
criterion_main!(benches);
