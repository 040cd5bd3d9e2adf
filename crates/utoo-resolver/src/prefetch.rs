//! Guesses which packuments the placer will ask for next, so that it seldom has to wait.
//!
//! Every arriving manifest names dependencies; for each, the version that a fresh tree would most likely take
//! is picked, and its dependencies are asked for in turn. The guess warms the cache and decides nothing: what
//! the placer wants and the guess missed, it asks for itself.
//!
//! A peer dependency is mostly served by a version that something else asks for, and hardly ever by the newest one that it
//! allows (`eslint: ">=3"` of an old plugin): it is followed only where nothing else is known to want that name.
//!
//! An optional peer is brought along by nobody, but the placer looks at it and at its peers, for what they would conflict
//! with. So they are asked for, and nothing else that they need: of `b4a` that is react-native without its 75 packages.

use std::collections::VecDeque;
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
pub(crate) enum Strength {
    /// The placer asks, or a plain or optional dependency: some version of it comes into the tree.
    Sure,
    /// A peer dependency, for which a version of somebody else's may serve.
    Peer,
    /// An optional peer, or a peer of which another version is there, and their peers: only looked at.
    Tried,
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
    /// Versions that were followed, and whether to all that they need, or to their peers alone.
    expanded: FxHashSet<(PackageName, Arc<str>, Extent)>,
    /// What specs ask of a registry, by their text: most texts stand under many names.
    asked: FxHashMap<Arc<str>, Option<Asked>>,
}

/// Which dependencies of a version are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Extent {
    All,
    Peers,
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
        (name, spec, strength): (&PackageName, &Arc<str>, Strength),
        known: Known<'_>,
        jobs: &mut VecDeque<ManifestJob>,
    ) {
        let want = Want { name: name.clone(), spec: Arc::clone(spec), strength };
        self.follow(vec![want], known, jobs);
    }

    /// A packument arrived: everyone who waited for it is followed.
    pub(crate) fn arrived(
        &mut self,
        packument: &Packument,
        known: Known<'_>,
        jobs: &mut VecDeque<ManifestJob>,
    ) {
        let mut next = Vec::new();
        for (want, kind) in self.waiting.remove(packument.name()).unwrap_or_default() {
            if !self.is_served(&want) {
                self.expand(packument, (&kind, want.strength), known.options, &mut next);
            }
        }
        self.follow(next, known, jobs);
    }

    fn follow(&mut self, mut stack: Vec<Want>, known: Known<'_>, jobs: &mut VecDeque<ManifestJob>) {
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
                Some(Ok(packument)) => {
                    self.expand(packument, (&kind, want.strength), known.options, &mut stack);
                }
                Some(Err(_)) => {}
                None => {
                    jobs.push_back(ManifestJob::Version { name: name.clone(), spec: want.spec.clone() });
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
        want.strength != Strength::Sure && self.sure.contains(&want.name)
    }

    fn expand(
        &mut self,
        packument: &Packument,
        (kind, strength): (&SpecKind, Strength),
        options: &ResolveOptions,
        next: &mut Vec<Want>,
    ) {
        let Ok(candidate) = pick(packument, kind, &options.pick) else { return };
        let extent = if strength == Strength::Tried { Extent::Peers } else { Extent::All };
        let key = (packument.name().clone(), Arc::from(candidate.version_text()), extent);
        if !self.expanded.insert(key) {
            return;
        }
        // Bundled names may be nobody's in the registry, or somebody else's: they are never asked for.
        let bundle = candidate.has_bundle().then(|| candidate.manifest().bundle_dependencies);
        for (name, spec, kind) in candidate.dependencies() {
            let strength = match (kind, extent) {
                (DependencyKind::Peer, _) if options.peers == Peers::Ignore => continue,
                (DependencyKind::Peer, Extent::All) if !candidate.is_optional_peer(name) => Strength::Peer,
                (DependencyKind::Peer, _) => Strength::Tried,
                (_, Extent::All) => Strength::Sure,
                (_, Extent::Peers) => continue,
            };
            if bundle.as_ref().is_some_and(|bundle| bundle.contains(name)) {
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
