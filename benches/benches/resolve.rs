//! Resolving alotta-files (107 direct dependencies, 1,277 packages) without a lockfile.
//!
//! `core` has every packument in memory before it begins: what is measured is the placing alone. `main loop` asks a
//! registry that answers at once: prefetch, jobs and events come on top.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark without its data cannot go on")]

use std::collections::HashMap;

use criterion::{Criterion, criterion_group, criterion_main};
use utoo_benches::corpus::{abbreviated_documents, package_json, package_lock};
use utoo_lockfile::Lockfile;
use utoo_resolver::{
    Documents, ErrorCategory, ManifestCache, ManifestJob, ManifestJobDone, Project, Registry, RegistryError,
    ResolveOptions, Resolver, Step, resolve,
};
use utoo_types::{Manifest, PackageName, Packument, Platform, Platforms, Version};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// All packuments, in memory.
struct Memory(HashMap<PackageName, Packument>);

impl Registry for Memory {
    fn documents(&self, _: &PackageName) -> Documents {
        Documents::Full
    }

    async fn execute(&self, job: ManifestJob) -> Result<ManifestJobDone, RegistryError> {
        let found = match &job {
            ManifestJob::Full { name } | ManifestJob::Version { name, .. } => self.0.get(name),
            _ => None,
        };
        let missing = || RegistryError::new("E404", ErrorCategory::NotFound, format!("{job:?}"));
        found.cloned().map(ManifestJobDone::Full).ok_or_else(missing)
    }
}

fn project() -> Project {
    Project::new(Manifest::from_value(&serde_json::from_str(&package_json()).unwrap()))
}

fn options() -> ResolveOptions {
    let mut options = ResolveOptions::default();
    options.pick.node_version = Some(Version::new(20, 20, 2));
    let platform = Platform { os: "linux".into(), cpu: "x64".into(), libc: Some("glibc".into()) };
    options.platforms = Some(Platforms::both(platform));
    options
}

fn resolve_core(project: &Project, options: &ResolveOptions, cache: &ManifestCache) -> Lockfile {
    let mut resolver = Resolver::new(project, options).unwrap();
    match resolver.advance(cache).unwrap() {
        Step::Done => resolver.finish().unwrap().lockfile,
        Step::Blocked(jobs) => panic!("not in the recorded registry: {jobs:?}"),
    }
}

fn resolve_alotta_files(criterion: &mut Criterion) {
    let packuments: Vec<_> =
        abbreviated_documents().into_iter().map(|text| Packument::from_json(text).unwrap()).collect();
    let mut cache = ManifestCache::new();
    packuments.iter().for_each(|packument| cache.add_packument(packument.clone()));
    let registry =
        Memory(packuments.into_iter().map(|packument| (packument.name().clone(), packument)).collect());
    let (project, options) = (project(), options());

    let expected = Lockfile::parse(&package_lock(), "package-lock.json").unwrap();
    let resolved = resolve_core(&project, &options, &cache);
    assert_eq!(resolved.packages.len(), expected.packages.len(), "not what npm resolved");

    let mut group = criterion.benchmark_group("resolve alotta-files");
    group.sample_size(20);
    group.bench_function("core", |bencher| {
        bencher.iter(|| resolve_core(&project, &options, &cache));
    });
    group.bench_function("main loop", |bencher| {
        bencher.iter(|| {
            futures_executor::block_on(resolve(&project, &registry, &options, |_| {})).unwrap().lockfile
        });
    });
    group.finish();
}

criterion_group!(benches, resolve_alotta_files);
criterion_main!(benches);
