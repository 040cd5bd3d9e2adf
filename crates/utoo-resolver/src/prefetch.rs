//! Guesses which packuments the placer will ask for next, so that it seldom has to wait.
//!
//! Every arriving manifest names dependencies; for each, the version that a fresh tree would most likely take
//! is picked, and its dependencies are asked for in turn. The guess warms the cache and decides nothing: what
//! the placer wants and the guess missed, it asks for itself.
//!
//! A peer dependency is mostly served by a version that something else asks for, and hardly ever by the newest one that it
//! allows (`eslint: ">=3"` of an old plugin): it is followed only where nothing else is known to want that name.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use utoo_types::{DependencyKind, PackageName, Packument, Spec, SpecKind, pick};

use crate::cache::ManifestCache;
use crate::options::{Peers, ResolveOptions};
use crate::registry::ManifestJob;

/// What a guess is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'k> {
    pub(crate) cache: &'k ManifestCache,
    pub(crate) options: &'k ResolveOptions,
}

/// How much a want says about the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Strength {
    /// The placer asks, or a plain or optional dependency: some version of it comes into the tree.
    Sure,
    /// A peer dependency, for which a version of somebody else's may serve.
    Peer,
}

/// Somebody's dependency.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Want {
    /// Its name in the tree; the registry's is another one for an alias.
    name: PackageName,
    spec: Arc<str>,
    strength: Strength,
}

/// The state of the guess: what was wanted of which name, and what has been followed.
#[derive(Debug, Default)]
pub(crate) struct Prefetch {
    /// Wants whose packument has not arrived, by the registry's name.
    waiting: FxHashMap<PackageName, Vec<(Want, SpecKind)>>,
    seen: FxHashSet<Want>,
    /// The names in the tree that will be there whatever becomes of peer dependencies.
    sure: FxHashSet<PackageName>,
    expanded: FxHashSet<(PackageName, Arc<str>)>,
    /// What specs ask of a registry, by their text: most texts stand under many names.
    asked: FxHashMap<Arc<str>, Option<Asked>>,
}

/// What a spec asks of a registry.
#[derive(Clone, Debug)]
struct Asked {
    /// The registry's name, where it is not the one that the package has in the tree.
    alias: Option<PackageName>,
    kind: SpecKind,
}

impl Prefetch {
    /// Follows what the placer asks for. New jobs are appended to `jobs`; some may be in flight or answered already.
    pub(crate) fn want(
        &mut self,
        name: &PackageName,
        spec: &Arc<str>,
        known: Known<'_>,
        jobs: &mut Vec<ManifestJob>,
    ) {
        let want = Want { name: name.clone(), spec: Arc::clone(spec), strength: Strength::Sure };
        self.follow(vec![want], known, jobs);
    }

    /// A packument arrived: everyone who waited for it is followed.
    pub(crate) fn arrived(&mut self, packument: &Packument, known: Known<'_>, jobs: &mut Vec<ManifestJob>) {
        let mut next = Vec::new();
        for (want, kind) in self.waiting.remove(packument.name()).unwrap_or_default() {
            if !self.is_served(&want) {
                self.expand(packument, &kind, known.options, &mut next);
            }
        }
        self.follow(next, known, jobs);
    }

    fn follow(&mut self, mut stack: Vec<Want>, known: Known<'_>, jobs: &mut Vec<ManifestJob>) {
        while let Some(want) = stack.pop() {
            if want.strength == Strength::Sure {
                self.sure.insert(want.name.clone());
            }
            if self.is_served(&want) || !self.seen.insert(want.clone()) {
                continue;
            }
            let Some(Asked { alias, kind }) = self.asked_by(&want) else { continue };
            let name = alias.unwrap_or_else(|| want.name.clone());
            match known.cache.packument(&name) {
                Some(Ok(packument)) => self.expand(packument, &kind, known.options, &mut stack),
                Some(Err(_)) => {}
                None => {
                    jobs.push(ManifestJob::Version { name: name.clone(), spec: want.spec.clone() });
                    self.waiting.entry(name).or_default().push((want, kind));
                }
            }
        }
    }

    fn asked_by(&mut self, want: &Want) -> Option<Asked> {
        // What has a bad name is refused under this name only.
        PackageName::parse(want.name.as_str()).ok()?;
        if let Some(known) = self.asked.get(&want.spec) {
            return known.clone();
        }
        let asked = asked(&want.name, &want.spec);
        self.asked.insert(Arc::clone(&want.spec), asked.clone());
        asked
    }

    /// Whether it is a peer dependency for which, very likely, something else is there.
    fn is_served(&self, want: &Want) -> bool {
        want.strength == Strength::Peer && self.sure.contains(&want.name)
    }

    fn expand(
        &mut self,
        packument: &Packument,
        kind: &SpecKind,
        options: &ResolveOptions,
        next: &mut Vec<Want>,
    ) {
        let Ok(candidate) = pick(packument, kind, &options.pick) else { return };
        let key = (packument.name().clone(), Arc::from(candidate.version_text()));
        if !self.expanded.insert(key) {
            return;
        }
        // Bundled names may be nobody's in the registry, or somebody else's: they are never asked for.
        let bundle = candidate.has_bundle().then(|| candidate.manifest().bundle_dependencies);
        for (name, spec, kind) in candidate.dependencies() {
            let strength = if kind == DependencyKind::Peer { Strength::Peer } else { Strength::Sure };
            // An optional peer is never brought along.
            let is_ignored = strength == Strength::Peer
                && (options.peers == Peers::Ignore || candidate.is_optional_peer(name));
            if is_ignored || bundle.as_ref().is_some_and(|bundle| bundle.contains(name)) {
                continue;
            }
            next.push(Want { name: PackageName::new_unchecked(name), spec: Arc::from(spec), strength });
        }
    }
}

/// What is asked of a registry; nothing of a spec that leads elsewhere.
fn asked(name: &PackageName, spec: &str) -> Option<Asked> {
    let spec = Spec::resolve(name, if spec.is_empty() { "*" } else { spec }, None).ok()?;
    let alias = matches!(spec.kind(), SpecKind::Alias(_));
    let spec = spec.unaliased();
    let is_registrys = spec.is_registry();
    is_registrys.then(|| Asked { alias: spec.name().filter(|_| alias).cloned(), kind: spec.kind().clone() })
}

#[cfg(test)]
mod tests;
