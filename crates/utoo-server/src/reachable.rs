//! Which versions resolution can choose at all, whatever it places where.
//!
//! Everything that is ever chosen was picked for a spec of something chosen before, or of the project. So the picks
//! for the project's specs, the picks for their dependencies' specs, and so on to the end, are all that a resolver can
//! see of a registry; and among them each spec picks what it picked among all versions, since what is best of many is
//! best of a few. Peers count, optional ones too, and nothing is left out for a platform.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use serde_json::Value;
use utoo_types::{PackageName, Packument, PickOptions, Spec, SpecKind, pick};

/// Where resolution begins.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Names and specs as package.json files, and commands, have them. Specs that are not a registry's are passed over.
    pub specs: Vec<(PackageName, Arc<str>)>,
    /// As the recorded client picks: node's version above all.
    pub options: PickOptions,
}

/// The versions that can be chosen, by package. A package of which nothing can be is left out.
///
/// # Errors
/// A document that is no packument.
pub(crate) fn reachable(
    documents: &BTreeMap<String, Value>,
    wanted: &Wanted,
) -> io::Result<BTreeMap<String, BTreeSet<String>>> {
    let mut packuments = BTreeMap::new();
    for (name, document) in documents {
        let packument = Packument::from_json(document.to_string().into_bytes());
        packuments.insert(name.as_str(), packument.map_err(io::Error::other)?);
    }
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut seen: BTreeSet<(String, Arc<str>)> = BTreeSet::new();
    let mut next = wanted.specs.clone();
    while let Some((name, spec)) = next.pop() {
        if !seen.insert((name.to_string(), Arc::clone(&spec))) {
            continue;
        }
        let Ok(spec) = Spec::resolve(&name, &spec, None) else { continue };
        let spec = spec.unaliased();
        let name = spec.name().unwrap_or(&name);
        let Some(packument) = packuments.get(name.as_str()) else { continue };
        if !matches!(spec.kind(), SpecKind::Version(_) | SpecKind::Range(_) | SpecKind::Tag(_)) {
            continue;
        }
        let Ok(candidate) = pick(packument, spec.kind(), &wanted.options) else { continue };
        if found.entry(name.to_string()).or_default().insert(candidate.version_text().to_owned()) {
            let dependencies = candidate.dependencies();
            next.extend(
                dependencies.map(|(name, spec, _)| (PackageName::new_unchecked(name), Arc::from(spec))),
            );
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "reachable_tests.rs"]
mod tests;
