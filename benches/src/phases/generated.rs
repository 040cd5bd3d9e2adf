//! Made-up graphs of any size, to see how work grows with them.
//!
//! A graph of `n` packages has `n / 12` direct dependencies. Every other package is wanted by one to four of those before
//! it, evenly chosen, so that the depth grows with the logarithm of `n`. Every fifth has a second major, which one in
//! eight of those that want it stays behind of: these end below their dependents, as in real trees. One in thirty wants a
//! peer among the direct dependencies. A fixed seed: a size always is the same graph.

use serde_json::{Map, Value, json};
use utoo_server::{FixtureRegistry, TarballFile};

/// Further files in each tarball, and bytes in each of them: small ones, as files of packages are.
const FILES: usize = 8;
const FILE_SIZE: usize = 1_500;

struct Package {
    /// The highest minor of each major, from 1 on.
    majors: Vec<u32>,
    /// Whom it wants, by index, and in which major.
    dependencies: Vec<(usize, usize)>,
    peer: Option<usize>,
}

fn direct(packages: usize) -> usize {
    (packages / 12).max(1)
}

fn graph(packages: usize) -> Vec<Package> {
    let mut random = fastrand::Rng::with_seed(packages as u64);
    let mut graph: Vec<Package> = Vec::with_capacity(packages);
    let direct = direct(packages);
    for at in 0..packages {
        let majors =
            (0..if random.u8(..5) == 0 { 2 } else { 1 }).map(|_| random.u32(..6)).collect::<Vec<_>>();
        let peer = (at >= direct && random.u8(..30) == 0).then(|| random.usize(..direct));
        let count = majors.len();
        graph.push(Package { majors, dependencies: Vec::new(), peer });
        if at < direct {
            continue;
        }
        for _ in 0..=random.usize(..4) {
            let behind = count > 1 && random.u8(..8) == 0;
            let parent = random.usize(..at);
            let wanted = &mut graph[parent].dependencies;
            if wanted.iter().all(|(child, _)| *child != at) {
                wanted.push((at, if behind { 1 } else { count }));
            }
        }
    }
    graph
}

fn name(at: usize) -> String {
    format!("pkg-{at:05}")
}

fn ranges(wanted: impl IntoIterator<Item = (usize, usize)>) -> Map<String, Value> {
    wanted.into_iter().map(|(at, major)| (name(at), format!("^{major}.0.0").into())).collect()
}

/// The package.json of the project.
pub(super) fn package_json(packages: usize) -> String {
    let graph = graph(packages);
    let wanted = (0..direct(packages)).map(|at| (at, graph[at].majors.len()));
    let manifest = json!({ "name": "generated", "version": "1.0.0", "dependencies": ranges(wanted) });
    format!("{manifest:#}\n")
}

/// All packages, each version with a tarball of its own.
///
/// # Panics
/// Never: every manifest has a name and a version.
#[expect(clippy::expect_used, reason = "the manifests are written above with all that one needs")]
pub(super) fn registry(packages: usize) -> FixtureRegistry {
    let mut registry = FixtureRegistry::new();
    let graph = graph(packages);
    for (at, package) in graph.iter().enumerate() {
        for (major, minors) in package.majors.iter().enumerate() {
            for minor in 0..=*minors {
                let mut manifest = json!({
                    "name": name(at),
                    "version": format!("{}.{minor}.0", major + 1),
                    "license": "MIT",
                    "dependencies": ranges(package.dependencies.iter().copied()),
                });
                if let Some(peer) = package.peer {
                    manifest["peerDependencies"] = json!({ name(peer): ">=1" });
                }
                // Only the highest of a major is ever installed.
                let files = if minor == *minors { files(at) } else { Vec::new() };
                registry.publish(manifest, &files).expect("a whole manifest");
            }
        }
    }
    registry
}

fn files(seed: usize) -> Vec<TarballFile> {
    let mut random = fastrand::Rng::with_seed(seed as u64);
    let mut text =
        || -> Vec<u8> { (0..FILE_SIZE).map(|_| b"etaoin shrdlu(){};=\n"[random.usize(..20)]).collect() };
    (0..FILES).map(|at| TarballFile::new(format!("lib/{at}.js"), text())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_wanted_and_each_size_is_always_the_same() {
        let graph = graph(300);
        let mut wanted: Vec<bool> = (0..300).map(|at| at < direct(300)).collect();
        graph.iter().flat_map(|package| &package.dependencies).for_each(|(at, _)| wanted[*at] = true);
        assert!(wanted.iter().all(|wanted| *wanted));
        assert_eq!(package_json(300), package_json(300));
        assert_eq!(registry(60).documents(), registry(60).documents());
    }
}
