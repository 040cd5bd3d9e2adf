//! Who has to be done before whom.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use utoo_lockfile::Lockfile;

/// For each location the numbers of those that it depends on, directly or through others. Where two depend on each
/// other, the one that comes first does not wait for the second.
pub(crate) fn waits_for(tree: &Lockfile, locations: &[Arc<str>]) -> Vec<Vec<usize>> {
    let numbers: FxHashMap<&str, usize> =
        locations.iter().enumerate().map(|(at, location)| (&**location, at)).collect();
    let reached: Vec<FxHashSet<usize>> =
        locations.iter().map(|location| reachable(tree, location, &numbers)).collect();
    let waits = reached.iter().enumerate().map(|(at, reached_by)| {
        let before = reached_by.iter().copied().filter(|&other| {
            let mutual = reached[other].contains(&at);
            other != at && (!mutual || other < at)
        });
        let mut before: Vec<usize> = before.collect();
        before.sort_unstable();
        before
    });
    waits.collect()
}

fn reachable(tree: &Lockfile, from: &Arc<str>, numbers: &FxHashMap<&str, usize>) -> FxHashSet<usize> {
    let mut seen: FxHashSet<&str> = FxHashSet::default();
    let mut found = FxHashSet::default();
    let mut open: Vec<&str> = vec![from];
    while let Some(location) = open.pop() {
        let Some(entry) = tree.get(location) else { continue };
        if let Some(target) = entry.resolved.as_deref().filter(|_| entry.link) {
            open.extend(seen.insert(target).then_some(target));
        }
        let sets = [&entry.dependencies, &entry.optional_dependencies, &entry.peer_dependencies];
        for (name, _) in sets.into_iter().flatten() {
            let Some((next, _)) = tree.resolve(location, name.as_str()) else { continue };
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    found.extend(seen.iter().filter_map(|location| numbers.get(location).copied()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(packages: &serde_json::Value, locations: &[&str]) -> Vec<Vec<usize>> {
        let text = serde_json::json!({ "lockfileVersion": 3, "packages": packages }).to_string();
        let tree = Lockfile::parse(&text, "package-lock.json").unwrap();
        let locations: Vec<Arc<str>> = locations.iter().map(|&location| location.into()).collect();
        waits_for(&tree, &locations)
    }

    #[test]
    fn a_package_waits_for_what_it_needs_also_through_others() {
        let packages = serde_json::json!({
            "node_modules/a": { "version": "1.0.0", "dependencies": { "b": "*" } },
            "node_modules/b": { "version": "1.0.0", "dependencies": { "c": "*" } },
            "node_modules/c": { "version": "1.0.0" },
            "node_modules/d": { "version": "1.0.0" },
        });
        let expected = [vec![1], vec![], vec![]];
        assert_eq!(waits(&packages, &["node_modules/a", "node_modules/c", "node_modules/d"]), expected);
    }

    #[test]
    fn a_cycle_begins_with_its_first() {
        let packages = serde_json::json!({
            "node_modules/a": { "version": "1.0.0", "dependencies": { "b": "*" } },
            "node_modules/b": { "version": "1.0.0", "dependencies": { "c": "*" } },
            "node_modules/c": { "version": "1.0.0", "dependencies": { "a": "*" } },
        });
        let expected = [vec![], vec![0], vec![0, 1]];
        assert_eq!(waits(&packages, &["node_modules/a", "node_modules/b", "node_modules/c"]), expected);
    }
}
