//! Guesses which packuments the placer will ask for next, so that it seldom has to wait.
//!
//! Every arriving manifest names dependencies; for each, the version that a fresh tree would most likely take
//! is picked, and its dependencies are asked for in turn. The guess warms the cache and decides nothing: what
//! the placer wants and the guess missed, it asks for itself.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use utoo_types::{PackageName, Packument, PickOptions, Spec, SpecKind, pick};

use crate::cache::ManifestCache;
use crate::registry::ManifestJob;

/// What a guess is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'k> {
    pub(crate) cache: &'k ManifestCache,
    pub(crate) pick: &'k PickOptions,
}

/// The state of the guess: what was wanted of which name, and what has been followed.
#[derive(Debug, Default)]
pub(crate) struct Prefetch {
    /// Wants whose packument has not arrived.
    waiting: FxHashMap<PackageName, Vec<SpecKind>>,
    seen: FxHashSet<(PackageName, Arc<str>)>,
    expanded: FxHashSet<(PackageName, Arc<str>)>,
}

impl Prefetch {
    /// Follows one dependency. New jobs are appended to `jobs`; some may be in flight or answered already.
    pub(crate) fn want(
        &mut self,
        name: &PackageName,
        spec: &Arc<str>,
        known: Known<'_>,
        jobs: &mut Vec<ManifestJob>,
    ) {
        let mut stack = vec![(name.clone(), Arc::clone(spec))];
        while let Some((name, spec)) = stack.pop() {
            if !self.seen.insert((name.clone(), Arc::clone(&spec))) {
                continue;
            }
            let Some((name, kind)) = registry_want(&name, &spec) else { continue };
            match known.cache.packument(&name) {
                Some(Ok(packument)) => self.expand(packument, &kind, known.pick, &mut stack),
                Some(Err(_)) => {}
                None => {
                    jobs.push(ManifestJob::Version { name: name.clone(), spec });
                    self.waiting.entry(name).or_default().push(kind);
                }
            }
        }
    }

    /// A packument arrived: everyone who waited for it is followed.
    pub(crate) fn arrived(&mut self, packument: &Packument, known: Known<'_>, jobs: &mut Vec<ManifestJob>) {
        let name = packument.name().clone();
        let mut next = Vec::new();
        for kind in self.waiting.remove(&name).unwrap_or_default() {
            self.expand(packument, &kind, known.pick, &mut next);
        }
        for (name, spec) in next {
            self.want(&name, &spec, known, jobs);
        }
    }

    fn expand(
        &mut self,
        packument: &Packument,
        kind: &SpecKind,
        pick_options: &PickOptions,
        next: &mut Vec<(PackageName, Arc<str>)>,
    ) {
        let Ok(candidate) = pick(packument, kind, pick_options) else { return };
        let key = (packument.name().clone(), Arc::from(candidate.version_text()));
        if !self.expanded.insert(key) {
            return;
        }
        // Bundled names may be nobody's in the registry, or somebody else's: they are never asked for.
        let bundle = candidate.has_bundle().then(|| candidate.manifest().bundle_dependencies);
        for (name, spec, _) in candidate.dependencies() {
            if bundle.as_ref().is_some_and(|bundle| bundle.contains(name)) {
                continue;
            }
            next.push((PackageName::new_unchecked(name), Arc::from(spec)));
        }
    }
}

/// The registry's name and want behind a spec; none for what does not come from a registry.
fn registry_want(name: &PackageName, spec: &str) -> Option<(PackageName, SpecKind)> {
    let spec = Spec::resolve(name, if spec.is_empty() { "*" } else { spec }, None).ok()?;
    let spec = spec.unaliased();
    if !spec.is_registry() {
        return None;
    }
    let name = spec.name().unwrap_or(name).clone();
    Some((name, spec.kind().clone()))
}
